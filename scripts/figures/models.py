"""The models of a results file: which rows differ in their seed alone, and what tells the others apart."""

import numpy as np

from figures.overview import OK
from figures.sweep_config import NAMES, settings_of

OF_ONE = tuple(f"{kind}." for kind in NAMES)


def varying(configs: list[dict], ignored=("seed",)) -> dict[str, set]:
    """The keys in which the configs differ, in their order, each with its values; None where a config lacks a newer one.

    What is an option of one task alone does not tell it from itself.
    """
    values: dict[str, set] = {}
    for key in dict.fromkeys(key for config in configs for key in config if key not in ignored):
        values[key] = {config.get(key) for config in configs} - ({None} if key.startswith(OF_ONE) else set())
    return {key: found for key, found in values.items() if len(found) > 1}


def models_of(data: dict, ignored=("seed",), always=("attention", "task")) -> dict[str, list[int]]:
    """The rows of each model, by `always` and what tells it from the others: runs that differ in what is ignored alone."""
    configs = {int(row): settings_of(data["config"][row]) for row in np.flatnonzero(data["status"] == OK)}
    keys = dict.fromkeys([*always, *varying(list(configs.values()), ignored)])
    models: dict[str, list[int]] = {}
    for row, config in configs.items():
        said = [config[key] if key in NAMES else f"{key.removeprefix('model.')}={config[key]}" for key in keys if key in config]
        models.setdefault(", ".join(said), []).append(row)
    return models


def mean_over_seeds(values: np.ndarray) -> np.ndarray:
    """Of the seeds that have any; NaN where none has."""
    there = np.isfinite(values)
    sums = np.where(there, values, 0).sum(axis=0)
    return np.divide(sums, there.sum(axis=0), out=np.full(sums.shape, np.nan), where=there.any(axis=0))
