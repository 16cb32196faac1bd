"""What `lengthwise compare FILE --json` and `lengthwise export FILE --json` say of a results file.

Exponents, intervals, crossovers and fronts are computed there and nowhere else. Every key may be
absent or null (an older file, one seed, no training): readers then get an empty list or None.
"""

import json
import os
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
PROGRAM = ROOT / "build" / "release" / "lengthwise"


class UserError(Exception):
    """Wrong use: one line that names what was found and what was expected."""


def read(command: str, file: Path, program: Path | None = None) -> dict:
    """The JSON of `lengthwise COMMAND FILE --json`; `program` is by default that of the build."""
    program = program or Path(os.environ.get("LENGTHWISE_PROGRAM", PROGRAM))
    if not program.exists():
        raise UserError(f"{program}: there is no such program, build it first (scripts/quickstart)")
    try:
        outcome = subprocess.run([program, command, file, "--json"], capture_output=True)
    except OSError as error:
        raise UserError(f"{program}: cannot be run: {error.strerror}") from None
    if outcome.returncode != 0:
        said = outcome.stderr.decode(errors="replace").strip().splitlines()
        reason = said[-1].removeprefix("lengthwise: ") if said else f"exit code {outcome.returncode}"
        raise UserError(reason)
    return json.loads(outcome.stdout)


def compare(file: Path, program: Path | None = None) -> dict:
    """The comparison of a file with at least one run that ended ok."""
    comparison = read("compare", file, program)
    if not any(entry["ok"] for group in comparison["groups"] for entry in group["lengths"]):
        raise UserError(f"{file}: has no run that ended ok, expected at least one")
    return comparison


def curve(group: dict, name: str) -> list[dict]:
    """The lengths at which a group has this quantity: {length, value, low, high, processes, repeats}."""
    quantity = group.get("quantities", {}).get(name) or {}
    lengths, values = quantity.get("lengths") or [], quantity.get("values") or []
    absent = [None] * len(lengths)
    columns = [quantity.get(key) or absent for key in ("low", "high", "processes", "repeats")]
    points = zip(lengths, values, *columns)
    keys = ("length", "value", "low", "high", "processes", "repeats")
    return [dict(zip(keys, point)) for point in points if point[1] is not None]


def lines_of(comparison: dict, name: str) -> tuple[dict[int, list[dict]], str] | None:
    """The curve of each group, by its number, and their unit; None where no group has two lengths."""
    groups = comparison["groups"]
    curves = {number: curve(group, name) for number, group in enumerate(groups)}
    curves = {number: points for number, points in curves.items() if points}
    if not curves or all(len(points) < 2 for points in curves.values()):
        return None
    return curves, next(g["quantities"][name]["unit"] for g in groups if name in g["quantities"])


def failures(group: dict) -> dict[int, str]:
    """Length -> how its runs ended, where none ended ok; refused pairs were never runs."""
    return {entry["length"]: entry["failure"].replace("_", " ") for entry in group["lengths"]
            if not entry["ok"] and entry.get("failure") and entry["failure"] != "refused"}


def crossings(comparison: dict, quantity: str) -> list[dict]:
    """The crossovers of this quantity at a length that was found, of pairs with flash or full."""
    return [entry for entry in comparison.get("crossovers") or []
            if entry["quantity"] == quantity and entry.get("length") and entry.get("reference")]


def score_points(line: dict, kind: str) -> list[dict]:
    """The test lengths of a score line: {test_length, value, low, high, seeds: [value per seed]}.

    The value is the mean over seeds where compare gives one, else its median.
    """
    entries = line.get(kind) or []
    at = lambda key, i: ((line.get(key) or {}).get(kind) or [None] * len(entries))[i]
    points = []
    for i, entry in enumerate(entries):
        seeds = [(seed.get(kind) or [None] * len(entries))[i] for seed in line.get("seeds") or []]
        mean = at("mean", i)
        points.append({"test_length": entry["test_length"],
                       "value": entry["value"] if mean is None else mean,
                       "low": at("low", i), "high": at("high", i),
                       "seeds": [value for value in seeds if value is not None]})
    return [point for point in points if point["value"] is not None]


def score_kind(comparison: dict) -> str | None:
    """The score that tells most: bits per byte of text, else accuracy; None if nothing was trained."""
    for kind in ("bits_per_byte", "accuracy"):
        if any(score_points(line, kind) for line in comparison.get("scores") or []):
            return kind
    return None


def score_name(kind: str) -> str:
    return {"bits_per_byte": "bits per byte of held-out text", "accuracy": "accuracy",
            "loss": "loss"}[kind]
