"""What a study says, as sentences that can be judged: the contents of a study's findings.py."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from figures.comparison import UserError

SOLVED_ACCURACY = 0.95  # as `lengthwise compare` has it, of the score that the task's source reports


@dataclass(frozen=True)
class Bound:
    """Where a number must lie; both ends belong to it."""

    low: float = -math.inf
    high: float = math.inf

    def holds(self, value: float) -> bool:
        return self.low <= value <= self.high  # never of NaN

    def __str__(self) -> str:
        if self.high == math.inf:
            return f"at least {self.low:g}"
        if self.low == -math.inf:
            return f"at most {self.high:g}"
        return f"{self.low:g} to {self.high:g}"


def at_least(low: float) -> Bound:
    return Bound(low=low)


def at_most(high: float) -> Bound:
    return Bound(high=high)


def between(low: float, high: float) -> Bound:
    return Bound(low, high)


@dataclass(frozen=True)
class Finding:
    sentence: str
    value: Callable
    bound: Bound
    quick: Bound


def finding(sentence: str, value: Callable, bound: Bound, quick: Bound | None = None) -> Finding:
    """`value(rows)` gives a number, or several by name ({"rotary": 0.2, "alibi": 0.3}), and each must
    lie within `bound`; of the quick version within `quick`, which keeps the sign (by default `bound`).
    """
    for what, found, expected in [("sentence", sentence, str), ("value", value, Callable),
                                  ("bound", bound, Bound), ("quick", quick, Bound | None)]:
        if not isinstance(found, expected):
            raise UserError(f"finding: {what}: found {found!r}, expected finding(sentence, lambda rows: ..., "
                            "at_least(x) | at_most(x) | between(x, y), quick=...)")
    return Finding(sentence, value, bound, quick or bound)


class CannotJudge(Exception):
    """The rows lack what a finding asks for."""


def passes_at(level: float, points: list[tuple[float, float]], what: str) -> float:
    """The length at which (length, value) rise past a level, along a straight line on logarithmic axes."""
    for (shorter, low), (longer, high) in zip(points, points[1:]):
        if 0 < low < level <= high:
            return shorter * (longer / shorter) ** (math.log(level / low) / math.log(high / low))
    raise CannotJudge(f"{what} does not pass {level:g} in the lengths measured")


@dataclass(frozen=True)
class Verdict:
    holds: bool
    observed: str
    bound: Bound


def judge(of: Finding, rows, quick: bool = False) -> Verdict:
    """Whether a finding holds of these rows, and the numbers that say so."""
    bound = of.quick if quick else of.bound
    try:
        found = of.value(rows)
        values = {name: float(value) for name, value in (found if isinstance(found, Mapping) else {"": found}).items()}
    except CannotJudge as reason:
        return Verdict(False, f"cannot be judged ({reason})", bound)
    except (KeyError, IndexError) as error:
        return Verdict(False, f"cannot be judged (the rows lack {error})", bound)
    except UserError:
        raise
    except Exception as error:
        raise UserError(f"finding '{of.sentence}': {type(error).__name__}: {error}") from None
    said = ", ".join(f"{name} {value:.4g}".strip() for name, value in values.items())
    return Verdict(bool(values) and all(bound.holds(value) for value in values.values()), said or "nothing", bound)
