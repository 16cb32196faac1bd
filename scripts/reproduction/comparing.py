"""Two results files, number by number: equal bit for bit, or within what is allowed.

On the same kind of machine (KIND) every number must be equal, bit for bit. Elsewhere the order of sums
differs, a training turns every last bit into another path, and what is compared is what such paths have in
common: KINDS says how near, and experiments/studies/README.md where these numbers come from.
"""

import re
from dataclasses import dataclass, field
from itertools import product

import numpy as np
import xarray

from reproduction.findings import SOLVED_ACCURACY
from reproduction.pairing import Pairing, labels, pair_rows
from reproduction.rows import OK
from same_results import MACHINE_DEPENDENT

KIND = ("cpu", "simd_target", "openblas_core", "openblas_config", "compiler", "compiler_flags")
PROVENANCE = {*KIND, "version", "commit", "dirty", "config", "run_id", "status_reason", "threads", "too_few_cores",
              "machine_shared"}


@dataclass(frozen=True)
class Tolerance:
    """How far a number of another kind of machine may be: absolute + relative * |reference|."""

    absolute: float = 0
    relative: float = 0


@dataclass(frozen=True)
class Kind:
    """Numbers that are judged alike: the columns whose names `pattern` matches."""

    name: str
    pattern: str
    tolerance: Tolerance = Tolerance()
    is_relative: bool = True  # how differences are shown
    of_training: bool = False  # judged elsewhere only of text: other tasks are solved, or not


KINDS = (
    Kind("how runs ended", "status"),
    Kind("FLOPs, exponentials", ".*_(flops|exponentials)"),
    Kind("bytes", ".*_bytes"),
    Kind("solved", "solved", is_relative=False),
    Kind("accuracy", "(part_|untuned_|evidence_)?(accuracy|exact_match)|accuracy_without_.*", Tolerance(absolute=0.01),
         is_relative=False, of_training=True),
    Kind("loss", "(part_|untuned_)?(loss|bits_per_byte)", Tolerance(relative=0.01), of_training=True),
    Kind("training curves", "curve_.*|train_steps", Tolerance(relative=0.01), of_training=True),
    Kind("what heads, maps and positions are", "(evidence|distractor)_weight|(attention|removal|map|position)_.*|copying_share|"
         "stream_size|order_difference", Tolerance(absolute=0.02, relative=0.05), of_training=True),
    Kind("gradients", "gradient_norm", Tolerance(relative=1e-3)),
    Kind("baselines", "(part_)?(ceiling|scored|exact_match_chance)|chance|ngram_.*", Tolerance(relative=1e-6)),
    Kind("settings, sizes", ".*"),
)


@dataclass
class KindReport:
    kind: Kind
    compared: int = 0
    equal: int = 0
    wrong: int = 0
    worst: float = 0
    where: str = ""
    wrong_runs: dict[str, str] = field(default_factory=dict)  # run -> its first number that is wrong


@dataclass(frozen=True)
class Comparison:
    kinds: list[KindReport]
    pairs: int
    by_settings: int
    same_kind: int  # pairs
    kind_differences: list[str]
    missing: list[str]
    unexpected: list[str]
    columns_of_one: list[str]
    lost_columns: list[str]  # of those, what the reference has numbers in and the rerun lacks
    other_threads: int  # pairs

    def reasons(self) -> list[str]:
        """Why the files do not agree; empty where they do."""
        lacking = len(self.missing) + len(self.unexpected)
        found = [f"{lacking} rows in one file alone"] if lacking else []
        found += [report.kind.name for report in self.kinds if report.wrong]
        found += [f"no {name}" for name in self.lost_columns]
        return found or ([] if self.pairs else ["no row in both"])


def is_compared(name: str) -> bool:
    return name not in PROVENANCE and not MACHINE_DEPENDENT.search(name)


def kind_of(name: str) -> Kind:
    return next(kind for kind in KINDS if re.fullmatch(kind.pattern, name))


def compare_results(reference: xarray.Dataset, rerun: xarray.Dataset) -> Comparison:
    pairing = pair_rows(reference, rerun)
    names = labels(reference)
    sides = Sides(reference, rerun, pairing, [names[i] for i in pairing.reference])
    reports = {kind.name: KindReport(kind) for kind in KINDS}
    for name in sides.common_columns():
        sides.compare_column(name, reports[kind_of(name).name])
    return Comparison(
        kinds=[report for report in reports.values() if report.compared],
        pairs=len(pairing.reference), by_settings=pairing.by_settings,
        same_kind=int(sides.same_kind.sum()), kind_differences=sides.kind_differences(),
        missing=[names[i] for i in pairing.missing],
        unexpected=[labels(rerun)[j] for j in pairing.unexpected],
        columns_of_one=sides.columns_of_one(), lost_columns=sides.lost_columns(),
        other_threads=int(sides.other_threads.sum()))


def with_solved(data: xarray.Dataset) -> xarray.Dataset:
    """`solved`: whether a training of a task whose answers are right or wrong got there, at the length of training
    or the nearest that was scored (of two the shorter); else NaN."""
    if "accuracy" not in data:
        return data
    lengths = data["test_length"].values
    by_length = np.argsort(lengths)
    kinds = data["score"].values if "score" in data else np.full(data.sizes["run"], "accuracy")
    found = np.full(data.sizes["run"], np.nan)
    for run in np.flatnonzero(~is_text(data)):
        kind = str(kinds[run]) if str(kinds[run]) in data else "accuracy"
        scored = [place for place in by_length if np.isfinite(data[kind].values[run, place])]
        if scored:
            nearest = min(scored, key=lambda place: abs(int(lengths[place]) - int(data["train_length"].values[run])))
            found[run] = data[kind].values[run, nearest] >= SOLVED_ACCURACY
    return data.assign(solved=("run", found))


def with_status_names(data: xarray.Dataset) -> xarray.Dataset:
    names = str(data["status"].attrs.get("flag_meanings", "ok")).split()
    return data.assign(status=("run", np.array([names[status] for status in data["status"].values], object)))


def is_text(data: xarray.Dataset) -> np.ndarray:
    if "bits_per_byte" not in data:
        return np.zeros(data.sizes["run"], bool)
    return np.isfinite(data["bits_per_byte"].values).any(1)


class Sides:
    """The rows that both files have, side by side."""

    def __init__(self, reference: xarray.Dataset, rerun: xarray.Dataset, pairing: Pairing, names: list[str]):
        self.reference = with_solved(reference).isel(run=pairing.reference)
        self.rerun = with_solved(rerun).isel(run=pairing.rerun)
        self.names = names
        self.is_text = is_text(self.reference)
        self.same_kind = np.all([self._is_equal(name) for name in KIND], axis=0)
        self.other_threads = ~self._is_equal("threads")
        self.other_commit = ~self._is_equal("commit")
        self.both_ok = (self.reference["status"].values == OK) & (self.rerun["status"].values == OK)
        self.reference, self.rerun = with_status_names(self.reference), with_status_names(self.rerun)

    def _is_equal(self, name: str) -> np.ndarray:
        if name not in self.reference or name not in self.rerun:
            return np.zeros(len(self.names), bool)
        return self.reference[name].values == self.rerun[name].values

    def _columns(self, data: xarray.Dataset) -> list[str]:
        return [str(name) for name, column in data.data_vars.items() if "run" in column.dims and is_compared(str(name))]

    def common_columns(self) -> list[str]:
        return [name for name in self._columns(self.reference) if name in self.rerun]

    def columns_of_one(self) -> list[str]:
        return sorted(set(self._columns(self.reference)) ^ set(self._columns(self.rerun)))

    def lost_columns(self) -> list[str]:
        gone = set(self._columns(self.reference)) - set(self._columns(self.rerun))
        return sorted(name for name in gone if self.reference[name][self.both_ok].notnull().any())

    def kind_differences(self) -> list[str]:
        """What makes it another kind of machine, as 'cpu A, not B', each once."""
        found: dict[str, None] = {}
        for name in KIND:
            if name not in self.reference or name not in self.rerun:
                found[f"{name} not recorded"] = None
                continue
            for mine, other in zip(self.reference[name].values, self.rerun[name].values):
                if mine != other:
                    found[f"{name} '{other}', not '{mine}'"] = None
        return list(found)

    def compare_column(self, name: str, report: KindReport) -> None:
        mine, other, place = aligned(self.reference[name], self.rerun[name])
        if mine.dtype.kind not in "fiub":
            self._count_texts(mine, other, name, report)
            return
        mine, other = mine.astype(float), other.astype(float)
        # What a run that failed has depends on where it failed.
        ignored = np.isnan(mine) & np.isnan(other) | ~self.both_ok[:, None]
        # A column that is younger than the reference's row.
        ignored |= (self.other_commit & np.isnan(mine).all(1))[:, None]
        if report.kind.name == "bytes":
            ignored |= self.other_threads[:, None] & np.array([is_scratch(name, text) for text in place])
        bitwise = mine.view(np.int64) == other.view(np.int64)
        difference = np.where(bitwise, 0, np.abs(mine - other))
        difference[np.isnan(difference)] = np.inf  # absent on one side
        tolerance = report.kind.tolerance
        near = difference <= tolerance.absolute + tolerance.relative * np.nan_to_num(np.abs(mine))
        elsewhere = ~self.same_kind[:, None]
        unjudged = elsewhere & (report.kind.of_training & ~self.is_text)[:, None]
        good = bitwise | elsewhere & near | unjudged
        shown = difference
        if report.kind.is_relative:
            shown = difference / np.where(np.abs(mine) > 0, np.abs(mine), 1)
            shown = np.nan_to_num(shown, nan=np.inf, posinf=np.inf)
        self._count(report, name, mine, other, ~ignored, bitwise, good, shown, place)

    def _count_texts(self, mine, other, name: str, report: KindReport) -> None:
        equal = mine == other
        compared = np.broadcast_to((self.both_ok | (name == "status"))[:, None], equal.shape)
        self._count(report, name, mine, other, compared, equal, equal, np.where(equal, 0, np.inf), [""])

    def _count(self, report: KindReport, name, mine, other, compared, equal, good, shown, place) -> None:
        report.compared += int(compared.sum())
        report.equal += int((compared & equal).sum())
        wrong = compared & ~good
        report.wrong += int(wrong.sum())
        shown = np.where(compared, shown, 0)

        def say(run: int, column: int) -> str:
            at = f" at {place[column]}" if place[column] else ""
            return f"{name}{at}: {show_change(mine[run, column], other[run, column])}"

        for run in np.flatnonzero(wrong.any(1)):
            worst = int(np.argmax(np.where(wrong[run], shown[run], -1)))
            report.wrong_runs.setdefault(self.names[run], say(run, worst))
        if shown.size and shown.max() > report.worst:
            run, column = np.unravel_index(np.argmax(shown), shown.shape)
            report.worst, report.where = float(shown.max()), f"{self.names[run]}, {say(run, column)}"


def show_change(before, after) -> str:
    """With as many digits as tell them apart."""
    if isinstance(before, str):
        return f"{after or 'absent'}, was {before or 'absent'}"
    digits = next((digits for digits in (6, 10) if f"{before:.{digits}g}" != f"{after:.{digits}g}"), 17)
    return ", was ".join("absent" if np.isnan(value) else f"{value:.{digits}g}" for value in (after, before))


def is_scratch(name: str, place: str) -> bool:
    """Scratch memory is a slab a thread: it, and what is summed up with it, grow with the threads."""
    return name.endswith(("_total_bytes", "inference_peak_bytes")) or "tag=workspace" in place


def aligned(mine: xarray.DataArray, other: xarray.DataArray) -> tuple[np.ndarray, np.ndarray, list[str]]:
    """Both as [pair, number], at the coordinates that either has, and what each number's place is called."""
    without_coordinates = {*mine.dims, *other.dims} - {*mine.coords, *other.coords}
    mine, other = xarray.align(mine, other, join="outer", exclude=without_coordinates)
    mine, other = mine.transpose("run", ...), other.transpose("run", *mine.dims[1:])
    values = [side.values for side in (mine, other)]
    shape = np.maximum(values[0].shape, values[1].shape)
    for i, side in enumerate(values):
        if side.shape != tuple(shape):  # curves of fewer steps
            values[i] = np.pad(side, [(0, full - has) for has, full in zip(side.shape, shape)], constant_values=np.nan)
    dims = mine.dims[1:]
    texts = [[f"{dim}={value}" for value in mine[dim].values] if dim in mine.coords
             else [f"{dim} {k}" for k in range(size)] for dim, size in zip(dims, shape[1:])]
    places = [" ".join(parts) for parts in product(*texts)]
    mine_flat, other_flat = (side.reshape(shape[0], len(places)) for side in values)
    return mine_flat, other_flat, places
