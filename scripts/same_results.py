"""Are two results files equal, bit for bit, but for what depends on the machine and the moment?"""

import re

import h5py

MACHINE_DEPENDENT = re.compile(
    "second|time|timing|probe|load|host|affinity|cpu|resident|pooled|other_cores|resumed"
)


def same_values(one, other):
    if one.shape != other.shape or one.dtype != other.dtype:
        return False
    values, others = one[...], other[...]
    if h5py.check_string_dtype(one.dtype):
        return (values == others).all()
    return values.tobytes() == others.tobytes()


def differing_variables(path, other_path):
    """What differs between two results files, and how many variables were compared."""
    with h5py.File(path) as file, h5py.File(other_path) as other:
        names = [name for name in sorted({*file, *other}) if not MACHINE_DEPENDENT.search(name)]
        return [n for n in names if n not in file or n not in other or not same_values(file[n], other[n])], len(names)


def rows(path):
    with h5py.File(path) as file:
        return len(set(file["run_id"][...]))
