"""Which row of one results file is which of another."""

from dataclasses import dataclass

import xarray

from figures.sweep_config import settings_of

# These decide which runs train, and nothing of a run that does or does not: no part of its id either.
SAYS_WHO_TRAINS = ("train.lengths", "train.seeds")
WEIGHTS = "model.weights"  # a path without .file


@dataclass(frozen=True)
class Pairing:
    """Places in the reference and in the rerun, side by side, and the places without a counterpart."""

    reference: list[int]
    rerun: list[int]
    missing: list[int]  # of the reference
    unexpected: list[int]  # of the rerun
    by_settings: int  # pairs whose ids differ


def all_settings(data: xarray.Dataset) -> list[dict[str, str]]:
    """What a run was asked to be; paths say nothing of it, the text's hash does."""
    return [{key: value for key, value in settings_of(str(config)).items()
             if not key.endswith(".file") and key not in (*SAYS_WHO_TRAINS, WEIGHTS)}
            for config in data["config"].values]


def agree(one: dict[str, str], other: dict[str, str]) -> bool:
    """Keys that only one of them has came, or went, between the two versions of the program."""
    return all(one[key] == other[key] for key in one.keys() & other.keys())


def pair_rows(reference: xarray.Dataset, rerun: xarray.Dataset) -> Pairing:
    """By run_id; what is left, since ids change with the schema and with every new key, by settings where
    exactly one row fits."""
    places = {str(run_id): place for place, run_id in enumerate(rerun["run_id"].values)}
    pairs = {i: places[str(run_id)] for i, run_id in enumerate(reference["run_id"].values) if str(run_id) in places}
    by_id = len(pairs)
    taken = set(pairs.values())
    mine, others = all_settings(reference), all_settings(rerun)
    left = [i for i in range(len(mine)) if i not in pairs]
    free = [j for j in range(len(others)) if j not in taken]
    fits = {i: [j for j in free if agree(mine[i], others[j])] for i in left}
    wanted_by = {j: [i for i in left if j in fits[i]] for j in free}
    pairs |= {i: found[0] for i, found in fits.items() if len(found) == 1 and len(wanted_by[found[0]]) == 1}
    taken = set(pairs.values())
    return Pairing(reference=list(pairs), rerun=list(pairs.values()),
                   missing=[i for i in range(len(mine)) if i not in pairs],
                   unexpected=[j for j in range(len(others)) if j not in taken],
                   by_settings=len(pairs) - by_id)


def labels(data: xarray.Dataset) -> list[str]:
    """What tells a run from the others of its file, as `lengthwise run` prints it."""
    runs = all_settings(data)
    named = ("attention", "position", "length", "seed")
    values: dict[str, set] = {}
    for run in runs:
        for key, value in run.items():
            values.setdefault(key, set()).add(value)
    varying = [key for key, found in values.items() if len(found) > 1 and key not in named]
    return [" ".join([run.get("attention", "?"), run.get("position", "?"), f"length={run.get('length', '?')}",
                      f"seed={run.get('seed', '?')}", *(f"{key}={run[key]}" for key in varying if key in run)])
            for run in runs]
