"""The rows of a results file, as a finding asks for them."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import xarray

from figures.comparison import UserError, compare
from figures.sweep_config import settings_of
from reproduction.findings import CannotJudge

OK = 0  # status of a run that ended as it should


def read_results(path: Path) -> xarray.Dataset:
    """A results file in memory; absent numbers are NaN, absent texts ''."""
    if not path.is_file():
        raise UserError(f"{path}: there is no such file, expected a results file")
    try:
        with xarray.open_dataset(path, engine="netcdf4", decode_times=False) as file:
            data = file.load()
    except (OSError, ValueError, KeyError):
        raise UserError(f"{path}: cannot be read as HDF5, expected a results file") from None
    for name in ("run_id", "status", "attention", "length", "seed", "train_length", "config"):
        if name not in data:
            raise UserError(f"{path}: has no variable '{name}', expected a results file of lengthwise")
    return data


def is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


@dataclass(frozen=True)
class Runs:
    """Some of a file's rows, and the settings that each of them ran with."""

    data: xarray.Dataset
    settings: list[dict]

    def __len__(self) -> int:
        return len(self.settings)

    def matching(self, settings: tuple[str, ...], names: dict) -> np.ndarray:
        """Of which rows all this is true, as `Rows.only` has it."""
        keep = np.ones(len(self), bool)
        for name, value in names.items():
            keep &= self.data[name].values == value
        for line in settings:
            key, _, value = (part.strip() for part in line.partition("="))
            keep &= self.with_setting(key, value)
        return keep

    def with_setting(self, key: str, *values: str) -> np.ndarray:
        """Of which rows a setting, "" where the config lacks it, is one of these."""
        return np.array([run.get(key, "") in values for run in self.settings], bool)

    def where(self, keep: np.ndarray) -> "Runs":
        chosen = np.flatnonzero(keep)
        return Runs(self.data.isel(run=chosen), [self.settings[run] for run in chosen])


class Rows:
    """Runs that ended ok, and numbers of theirs; CannotJudge where one that is asked for with them did not end ok.

    `only` and every `**names` select: a column of the file (attention="full", length=256, seed=1), or
    text in `settings`, a line as it stands in a sweep config ("attention.windowed.window = 16"); "key =" with
    nothing behind it is true of runs whose config lacks the key, as it does where a newer key says nothing.
    """

    def __init__(self, data: xarray.Dataset, file: Path, program: Path | None = None):
        self.file, self.program = file, program
        everything = Runs(data, [settings_of(str(config)) for config in data["config"].values])
        ok = data["status"].values == OK
        self._ok, self._lost = everything.where(ok), everything.where(~ok)
        self._what = "any setting"
        self._compared: dict = {}  # shared by all that are selected from this

    def only(self, *settings: str, **names) -> "Rows":
        """The rows of which all this is true; CannotJudge where there are none."""
        for name in names:
            if name not in self._ok.data or self._ok.data[name].dims != ("run",):
                raise CannotJudge(f"{self.file} has no column '{name}' with one value a run")
        return self._of(self._ok.matching(settings, names), self._lost.matching(settings, names),
                        ", ".join([*settings, *(f"{k}={v}" for k, v in names.items())]))

    def lost(self, *settings: str, **names) -> int:
        """How many of the runs of which all this is true did not end ok."""
        return int(self._lost.matching(settings, names).sum())

    @property
    def lengths(self) -> list[int]:
        """Of the runs, rising."""
        return sorted({int(length) for length in self._ok.data["length"].values})

    @property
    def longest(self) -> int:
        return self.lengths[-1]

    @property
    def test_lengths(self) -> list[int]:
        """Those at which every run was scored, rising."""
        scored = [{int(length) for length in run["eval.lengths"].split("+")} for run in self._ok.settings]
        return sorted(set.intersection(*scored))

    @property
    def reported_seeds(self) -> list[int]:
        """Those but 0, which chooses settings, rising."""
        return [int(seed) for seed in self.values("seed") if seed != "0"]

    def values(self, key: str) -> list[str]:
        """Of a setting, as they stand in the config: numbers in their order, then words."""
        found = {run[key] for run in self._ok.settings if key in run}
        return sorted(found, key=lambda value: (not is_number(value), float(value) if is_number(value) else 0, value))

    def number(self, column: str, *settings: str, **names) -> float:
        """A column's mean over the rows; of seconds the median, over repeats and then over rows. Places in
        the column are named, too: scope="attention", tag="activations", test_length=512, part="pairs=8",
        context=2; it is summed over scopes and tags that are not. What is absent is left out."""
        self._check_column(column)
        places = {name: names.pop(name) for name in self._ok.data[column].dims if name in names}
        rows = self.only(*settings, **names)._whole()
        values = rows._ok.data[column]
        for dimension, wanted in places.items():
            if wanted not in values[dimension].values:
                raise CannotJudge(f"{self.file} has no {dimension} {wanted}")
            values = values.sel({dimension: wanted})
        for dimension in {"scope", "tag"} & set(values.dims):
            values = values.sum(dimension, skipna=False)
        if "repeat" in values.dims:
            values = values.median("repeat")
        if values.dims != ("run",):
            raise CannotJudge(f"{column} is asked for without {values.dims[-1]}")
        found = values.median() if "seconds" in column else values.mean()
        if np.isnan(found):
            raise CannotJudge(f"{column} is absent in rows with {rows._what}")
        return float(found)

    def curve(self, column: str, end: str, *settings: str, **names) -> float:
        """The "last" or the "least" value of a training curve (curve_validation_loss ...): the mean over the rows."""
        self._check_column(column)
        values = self.only(*settings, **names)._whole()._ok.data[column].values
        ends = {"last": lambda curve: curve[-1], "least": min}[end]
        return float(np.mean([ends(curve[~np.isnan(curve)]) for curve in values]))

    def score(self, kind: str, *settings: str, test_length: int | None = None, **names) -> float:
        """Mean over seeds of accuracy, exact_match, loss or bits_per_byte, of the whole or of a part (part=...),
        by default at the length of training. Where runs differ in the learning rate: of the one that
        `lengthwise compare` chose, on the seeds that did not choose it."""
        places = {"part": names.pop("part")} if "part" in names else {}
        rows = self.only(*settings, **names).trained()
        if test_length is None:
            trained_at = sorted({int(length) for length in rows._ok.data["train_length"].values})
            if len(trained_at) > 1:
                raise CannotJudge(f"rows with {rows._what} are trained at {trained_at}, expected a test_length")
            test_length = trained_at[0]
        return rows.number(f"part_{kind}" if places else kind, test_length=test_length, **places)

    def trained(self) -> "Rows":
        """The runs that were trained, with the learning rate that was chosen for their model."""
        rows = self._of(self._ok.data["train_length"].values > 0,
                        ~self._lost.with_setting("train.steps", "", "0"), f"{self._what}, trained")
        if len(rows.values("train.learning_rate")) < 2:
            return rows
        chosen = np.array([rows._is_chosen(run) for run in range(len(rows._ok))])
        rates = {run.get("train.learning_rate", "") for run in rows._ok.where(chosen).settings}
        return rows._of(chosen, rows._lost.with_setting("train.learning_rate", *rates),
                        f"{rows._what}, its learning rate chosen")

    def exponent(self, quantity: str, **names) -> float:
        """The exponent of a quantity of `lengthwise compare --json` (training_step_attention_flops,
        attention_activation_bytes, training_step_seconds ...): leading where it is counted, local at the
        longest length where it is timed."""
        groups = [group for group in self.comparison["groups"]
                  if all(group.get(name, group["settings"].get(name)) == value for name, value in names.items())]
        if len(groups) != 1:
            asked = ", ".join(f"{name}={value}" for name, value in names.items())
            raise CannotJudge(f"{self.file} has {len(groups)} models with {asked}, expected one")
        found = groups[0]["quantities"].get(quantity)
        if found is None:
            raise CannotJudge(f"lengthwise compare knows no quantity '{quantity}'")
        value = found.get("leading", found["exponent"])["value"]
        if value is None:
            raise CannotJudge(f"{self.file} has too few lengths for an exponent of {quantity}")
        return value

    @property
    def comparison(self) -> dict:
        """All that `lengthwise compare --json` says of the file."""
        if not self._compared:
            self._compared.update(compare(self.file, self.program))
        return self._compared

    def _check_column(self, name: str) -> None:
        if name not in self._ok.data:
            raise CannotJudge(f"{self.file} has no column '{name}'")

    def _whole(self) -> "Rows":
        if self._lost:
            raise CannotJudge(f"{len(self._lost)} of {len(self._lost) + len(self._ok)} rows with {self._what} "
                              "did not end ok")
        return self

    def _of(self, ok: np.ndarray, lost: np.ndarray, what: str) -> "Rows":
        what = what or self._what
        if not ok.any():
            raise CannotJudge(f"{self.file} has no rows with {what}")
        part = object.__new__(Rows)
        part.file, part.program, part._compared, part._what = self.file, self.program, self._compared, what
        part._ok, part._lost = self._ok.where(ok), self._lost.where(lost)
        return part

    def _is_chosen(self, run: int) -> bool:
        """Whether a line of scores that `compare` chose holds this run."""
        row, settings = self._ok.data.isel(run=run), self._ok.settings[run]
        groups = {group["label"]: group for group in self.comparison["groups"]}
        for line in self.comparison["scores"]:
            group = groups[line["group"]]
            same_model = all(str(row[name].item()) == group[name] for name in ("attention", "position", "task", "norm"))
            if (same_model and line["chosen"] and line["length"] == row["length"].item()
                    and all(settings.get(key, "") == value for key, value in group["settings"].items())
                    and line["learning_rate"] in (None, settings.get("train.learning_rate"))
                    and any(seed["seed"] == row["seed"].item() for seed in line["seeds"])):
                return True
        return False
