"""Runs scripts/plot.py on a results file and on wrong input: plot_test.py RESULTS_FILE"""

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import h5py
import matplotlib.image

PLOT = Path(__file__).parent.parent / "scripts" / "plot.py"


def plot(*arguments):
    return subprocess.run([sys.executable, PLOT, *map(str, arguments)], capture_output=True, text=True)


def draws_both_files_with_every_label(results: Path, folder: Path) -> None:
    outcome = plot(results, "-o", folder / "figure")
    assert outcome.returncode == 0, outcome.stderr
    assert outcome.stdout.split() == [str(folder / "figure.png"), str(folder / "figure.svg")]
    assert (folder / "figure.png").stat().st_size > 50_000
    svg = (folder / "figure.svg").read_text()
    with h5py.File(results) as file:
        variants = {name.decode() for name in file["attention"][()]}
        lengths = set(file["length"][()])
    for text in [*variants, *map(str, lengths), "slope 1", "slope 2", "Training step: time"]:
        assert f">{text}<" in svg, f"the figure does not say '{text}'"


def draws_beside_the_file_by_default(results: Path, folder: Path) -> None:
    copy = Path(shutil.copy(results, folder / "mine.h5"))
    assert plot(copy).returncode == 0
    assert (folder / "mine.png").exists() and (folder / "mine.svg").exists()


def draws_the_same_twice(results: Path, folder: Path) -> None:
    plot(results, "-o", folder / "a")
    plot(results, "-o", folder / "b")
    assert (folder / "a.svg").read_bytes() == (folder / "b.svg").read_bytes()


def keeps_long_labels_inside(results: Path, folder: Path) -> None:
    """As lines, then as the bars of a file with one length."""
    for one_length in (False, True):
        copy = Path(shutil.copy(results, folder / "long.h5"))
        with h5py.File(copy, "r+") as file:
            file["attention"][...] = [f"{name.decode()}_linear_incremental" for name in file["attention"]]
            if one_length:
                file["status"][...] = file["length"][()] != min(file["length"])
        outcome = plot(copy)
        assert outcome.returncode == 0, outcome.stderr
        image = matplotlib.image.imread(copy.with_suffix(".png"))
        for edge in (image[:, :8], image[:, -8:], image[:8], image[-8:]):
            assert (edge == 1).all(), f"something reaches the edge, one_length={one_length}"


def leaves_groups_aside(results: Path, folder: Path) -> None:
    copy = Path(shutil.copy(results, folder / "group.h5"))
    with h5py.File(copy, "r+") as file:
        file.create_group("notes")["text"] = [1]
    outcome = plot(copy)
    assert outcome.returncode == 0, outcome.stderr


def keeps_settings_apart(results: Path, folder: Path) -> None:
    copy = Path(shutil.copy(results, folder / "settings.h5"))
    with h5py.File(copy, "r+") as file:
        # Two runs of one variant and length that differ in a setting alone.
        for name in ("attention", "position", "norm", "length", "seed"):
            file[name][1] = file[name][0]
        file["config"][0] = "model.width = 64\n"
        file["config"][1] = "model.width = 128\n"
    outcome = plot(copy)
    assert outcome.returncode == 0, outcome.stderr
    drawn = copy.with_suffix(".svg").read_text()
    for label in ("width=64", "width=128"):
        assert label in drawn, f"the figure does not say '{label}'"


def marks_lengths_that_failed(results: Path, folder: Path) -> None:
    copy = Path(shutil.copy(results, folder / "marks.h5"))
    with h5py.File(copy, "r+") as file:
        names = list(file["status"].attrs["flag_meanings"].decode().split())
        longest = file["length"][()] == max(file["length"])
        full = file["attention"].asstr()[()] == "full"
        file["status"][...] = (longest & full) * names.index("timed_out")
    outcome = plot(copy)
    assert outcome.returncode == 0, outcome.stderr
    drawn = copy.with_suffix(".svg").read_text()
    assert drawn.count(">timed out<") == 3, "time, memory and FLOPs each mark the failed length"


def refuses_wrong_files_in_one_line(results: Path, folder: Path) -> None:
    (folder / "words.h5").write_text("not HDF5")
    with h5py.File(folder / "other.h5", "w") as file:
        file["something"] = [1]
    failed = Path(shutil.copy(results, folder / "failed.h5"))
    with h5py.File(failed, "r+") as file:
        file["status"][...] = 4
    for name, said in [("missing.h5", "no such file"), ("words.h5", "cannot be read as HDF5"),
                       ("other.h5", "no variable"), ("failed.h5", "no run that ended ok")]:
        outcome = plot(folder / name)
        assert outcome.returncode == 2, f"{name}: exit code {outcome.returncode}"
        assert said in outcome.stderr and name in outcome.stderr, outcome.stderr
        assert outcome.stderr.count("\n") == 1, outcome.stderr
        assert not (folder / name).with_suffix(".png").exists()


def main() -> int:
    tests = [draws_both_files_with_every_label, draws_beside_the_file_by_default,
             draws_the_same_twice, keeps_long_labels_inside, leaves_groups_aside, keeps_settings_apart,
             marks_lengths_that_failed, refuses_wrong_files_in_one_line]
    failures = 0
    for test in tests:
        with tempfile.TemporaryDirectory() as folder:
            try:
                test(Path(sys.argv[1]), Path(folder))
            except AssertionError as error:
                failures += 1
                print(f"FAILED {test.__name__}: {error}")
    print(f"{len(tests) - failures} passed, {failures} failed")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
