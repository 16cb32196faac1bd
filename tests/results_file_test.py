"""Opens a results file with every reader that people use: python tests/results_file_test.py FILE"""

import pathlib
import shutil
import subprocess
import sys
import tempfile
import traceback

import h5py
import netCDF4
import numpy
import xarray

ENGINES = ("h5netcdf", "netcdf4")
COORDINATES = {"scope": str, "tag": str, "test_length": numpy.integer}
OPTIONAL = {"test_length"}
PROVENANCE = ("config", "commit", "cpu", "start_time")
SEAL = b"\nlengthwiseSeal1"
BARE_DIMENSION = b"This is a netCDF dimension but not a netCDF variable"


def text(attribute):
    """h5py gives attributes of fixed length as bytes."""
    return attribute.decode("utf-8") if isinstance(attribute, bytes) else str(attribute)


def variables(file):
    """The datasets that are not mere dimensions, by name."""
    return {
        name: dataset
        for name, dataset in file.items()
        if not bytes(dataset.attrs.get("NAME", b"")).startswith(BARE_DIMENSION)
    }


def is_text(dataset):
    return h5py.check_string_dtype(dataset.dtype) is not None


def plain(dataset):
    return dataset.asstr()[...] if is_text(dataset) else dataset[...]


def open_with(engine, path):
    with xarray.open_dataset(path, engine=engine) as data:
        return data.load()


def test_h5py_finds_units_and_long_names(path):
    with h5py.File(path) as file:
        found = variables(file)
        assert len(found) > 5, f"only {sorted(found)}"
        for name, dataset in found.items():
            if dataset.dtype.kind in "fi":
                assert text(dataset.attrs.get("units", "")), f"{name} has no units"
            assert text(dataset.attrs.get("long_name", "")), f"{name} has no long_name"


def test_h5py_finds_the_types_that_every_reader_knows(path):
    with h5py.File(path) as file:
        for name, dataset in variables(file).items():
            if is_text(dataset):
                info = h5py.check_string_dtype(dataset.dtype)
                assert info.length is None and info.encoding == "utf-8", f"{name}: {info}"
                assert all(isinstance(value, str) for value in plain(dataset).flat), name
                continue
            assert dataset.dtype in ("float64", "int64", "uint8"), f"{name}: {dataset.dtype}"
            if dataset.dtype == "float64":
                assert numpy.isnan(dataset.attrs["_FillValue"]).all(), name
            else:
                assert "_FillValue" not in dataset.attrs, f"{name} has a fill value"


def test_h5py_finds_flags_with_their_meanings(path):
    with h5py.File(path) as file:
        flags = {n: d for n, d in variables(file).items() if d.dtype == "uint8"}
        assert "status" in flags, f"only {sorted(flags)}"
        for name, dataset in flags.items():
            meanings = text(dataset.attrs["flag_meanings"]).split(" ")
            values = dataset.attrs["flag_values"]
            assert values.dtype == "uint8", f"{name}: {values.dtype}"
            assert list(values) == list(range(len(meanings))), f"{name}: {values} {meanings}"
            assert set(dataset[...].flat) <= set(values), name


def test_h5py_finds_a_scale_on_every_axis(path):
    with h5py.File(path) as file:
        for name, dataset in variables(file).items():
            if dataset.is_scale:
                continue
            for axis, dimension in enumerate(dataset.dims):
                assert len(dimension) == 1, f"axis {axis} of {name} has {len(dimension)} scales"
                scale = dimension[0]
                assert scale.shape == (dataset.shape[axis],), f"axis {axis} of {name}"


def test_h5py_finds_run_unlimited(path):
    with h5py.File(path) as file:
        assert file["run"].maxshape == (None,)
        for name, dataset in variables(file).items():
            if not dataset.is_scale:
                assert dataset.maxshape[0] is None, f"{name}: {dataset.maxshape}"


def test_h5dump_shows_the_header(path):
    result = subprocess.run(["h5dump", "-H", path], capture_output=True, text=True, check=False)
    assert result.returncode == 0 and not result.stderr, result.stderr
    with h5py.File(path) as file:
        for name in file:
            assert f'DATASET "{name}"' in result.stdout, f"{name} is missing"
    for wanted in ("H5S_UNLIMITED", "H5T_STD_I64LE", "H5T_IEEE_F64LE", "H5T_CSET_UTF8"):
        assert wanted in result.stdout, f"{wanted} is missing"


def test_netcdf4_may_add_to_it(path):
    with tempfile.TemporaryDirectory() as folder:
        copy = pathlib.Path(folder) / "copy.h5"
        shutil.copy(path, copy)
        with netCDF4.Dataset(copy, "a") as file:
            file.note = "added"
            rows = len(file.dimensions["run"])
            file.createVariable("added", "f8", ("run",))[:] = numpy.full(rows, 7)
        assert SEAL in pathlib.Path(path).read_bytes(), "the file has no seal"
        assert SEAL not in copy.read_bytes(), "the copy was written to and is still sealed"
        before, after = (open_with("netcdf4", p) for p in (path, copy))
        assert after.attrs["note"] == "added" and (after["added"] == 7).all()
        assert before.equals(after.drop_vars("added")), "what was there has changed"


def check_coordinates(engine, path):
    data = open_with(engine, path)
    for name, kind in COORDINATES.items():
        if name in OPTIONAL and name not in data.sizes:
            continue
        assert name in data.coords, f"{name} is missing from {sorted(data.coords)}"
        assert data[name].dims == (name,)
        assert all(isinstance(value, kind) for value in data[name].values), name


def check_provenance(engine, path):
    data = open_with(engine, path)
    for name in PROVENANCE:
        assert name in data, f"{name} is missing"
        assert data[name].dims == ("run",), f"{name}: {data[name].dims}"
        assert all(isinstance(value, str) for value in data[name].values), name


def check_integers(engine, path):
    data = open_with(engine, path)
    assert data["seed"].dtype == "int64", data["seed"].dtype
    with h5py.File(path) as file:
        for name, dataset in variables(file).items():
            if dataset.dtype.kind in "iu":
                assert data[name].dtype == dataset.dtype, f"{name}: {data[name].dtype}"


def check_run_is_unlimited(engine, path):
    data = open_with(engine, path)
    assert "run" in data.encoding["unlimited_dims"], data.encoding


def check_nothing_is_lost(engine, path):
    data = open_with(engine, path)
    with h5py.File(path) as file:
        found = variables(file)
        assert set(found) == set(data.variables), set(found) ^ set(data.variables)
        for name, dataset in found.items():
            assert data[name].shape == dataset.shape, name
            numpy.testing.assert_array_equal(data[name].values, plain(dataset), err_msg=name)
            for key in ("units", "long_name", "flag_meanings"):
                expected = text(dataset.attrs.get(key, ""))
                assert data[name].attrs.get(key, "") == expected, f"{key} of {name}"
        for key, value in file.attrs.items():
            assert data.attrs[key] == text(value), f"{key}: {data.attrs[key]!r}"


def tests():
    for name, function in list(globals().items()):
        if name.startswith("test_"):
            yield name.removeprefix("test_"), function
        if name.startswith("check_"):
            for engine in ENGINES:
                yield f"{engine}_{name}", lambda path, e=engine, f=function: f(e, path)


def main():
    if len(sys.argv) != 2:
        sys.exit("usage: python tests/results_file_test.py FILE")
    passed = failed = 0
    for name, function in tests():
        try:
            function(sys.argv[1])
            passed += 1
        except Exception:  # whatever a reader throws is what this looks for
            failed += 1
            print(f"FAILED {name}\n{traceback.format_exc()}", file=sys.stderr)
    print(f"{passed} passed, {failed} failed")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
