"""What `lengthwise compare FILE --json` and `lengthwise export FILE --json` say of a results file.

Exponents, intervals, crossovers and fronts are computed there and nowhere else. Every key may be
absent or null (an older file, one seed, no training): readers then get an empty list or None.
"""

import argparse
import json
import os
import re
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
RATE = "train.learning_rate"
SHARES = ("accuracy", "exact_match")  # scores from 0 to 1
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


class Parser(argparse.ArgumentParser):
    """Wrong use is one line, as everywhere."""

    def error(self, message):
        raise UserError(message)


def seeds_note(lines, said: str) -> str:
    """`said` of means over seeds, where some line of scores has two seeds."""
    return said if any(len(line.get("seeds") or []) > 1 for line in lines) else ""


def busy_note(loaded: int, shared: int, runs: int) -> str:
    """How many runs were timed while the machine did other work, too, in words; '' where none was."""
    return "; ".join(f"{count} of {runs} runs timed {why}" for count, why in (
        (loaded, "while others used the machine"), (shared, "beside other runs")) if count)


def busy_note_of(found: dict) -> str:
    environment = found.get("environment") or {}
    return busy_note(environment.get("machine_loaded_runs", 0), environment.get("shared_runs", 0), found.get("runs", 0))


def points_along(lengths: list[int], kind: str, summary: dict) -> list[dict]:
    """{test_length, value, low, high, seeds: [value per seed]} where `summary` has a mean of this score."""
    absent = [None] * len(lengths)
    mean, low, high = ((summary.get(key) or {}).get(kind) or absent for key in ("mean", "low", "high"))
    seeds = [seed.get(kind) or absent for seed in summary.get("seeds") or []]
    known = dict(zip(summary.get("test_length") or [], summary.get("ceiling") or []))
    return [{"test_length": length, "value": mean[i], "low": low[i], "high": high[i],
             "ceiling": known.get(length),
             "seeds": [values[i] for values in seeds if values[i] is not None]}
            for i, length in enumerate(lengths)]


def score_points(line: dict, kind: str) -> list[dict]:
    """The test lengths of a score line: {test_length, value, low, high, ceiling, seeds: [value per seed]}.

    The value is the mean over seeds where compare gives one, else its median.
    """
    entries = line.get(kind) or []
    points = points_along([entry["test_length"] for entry in entries], kind, line)
    for point, entry in zip(points, entries):
        if point["value"] is None:
            point["value"] = entry["value"]
    return [point for point in points if point["value"] is not None]


def part_points(part: dict, kind: str) -> list[dict]:
    """The same of one part of a score line."""
    points = points_along(part["test_length"], kind, part)
    return [point for point in points if point["value"] is not None]


def interval_in(kind: str, point: dict) -> tuple | None:
    """The interval of a point's mean, of a share within what a share can be; None where an end is open."""
    if point["low"] is None or point["high"] is None:
        return None
    return (max(0, point["low"]), min(1, point["high"])) if kind in SHARES else (point["low"],
                                                                                point["high"])


def is_limited(point: dict) -> bool:
    """Whether the layers cannot reach every answer there."""
    return point["ceiling"] is not None and point["ceiling"] < 1


def primary(line: dict) -> str:
    """The score by which models of this line's task are ranked."""
    in_bits = any(entry["value"] is not None for entry in line.get("bits_per_byte") or [])
    return line.get("primary") or ("bits_per_byte" if in_bits else "accuracy")


def chosen_lines(comparison: dict) -> list[dict]:
    """The score lines without those of learning rates that did worse than another on the choosing seed."""
    return [line for line in comparison.get("scores") or [] if line.get("chosen", True)]


def without(label: str, key: str, value: str | None) -> str:
    """A label without this setting, which it names in full or by its last part."""
    names = f"{re.escape(key)}|{re.escape(key.rsplit('.', 1)[-1])}"
    return re.sub(rf" ({names})={re.escape(value or '')}(?= |$)", "", label)


def model_names(comparison: dict) -> dict[str, str]:
    """The labels of the chosen score lines -> what figures call them: without the learning rate that was
    chosen for each, where that tells them apart."""
    lines = chosen_lines(comparison)
    labels = [line["label"] for line in lines]
    short = [without(line["label"], RATE, line.get("learning_rate")) for line in lines]
    return dict(zip(labels, short if len(set(short)) == len(set(labels)) else labels))


def left_out_note(comparison: dict) -> str:
    """What `chosen_lines` leaves out, in words; '' where it leaves out nothing."""
    others = len(comparison.get("scores") or []) - len(chosen_lines(comparison))
    lines = "line" if others == 1 else "lines"
    return f"{others} {lines} of learning rates that were not chosen left out" if others else ""


def trained_lengths(entry: dict) -> list[int]:
    """The lengths of a model's trainings, one after the other; none where they are not known."""
    return [length for length in (entry.get("train_length"), entry.get("tune_length")) if length]


def trained_text(entry: dict) -> str:
    """The same in words: '64', or '64, then 256'."""
    return ", then ".join(f"{length:,}" for length in trained_lengths(entry))


def score_kinds(comparison: dict) -> list[str]:
    """The scores that tell most: those by which the trained models' tasks rank them."""
    kinds = [primary(line) for line in chosen_lines(comparison) if score_points(line, primary(line))]
    return [kind for kind in ("bits_per_byte", "loss", "accuracy", "exact_match") if kind in kinds]


def score_name(kind: str) -> str:
    return {"bits_per_byte": "bits per byte of held-out text", "accuracy": "accuracy",
            "exact_match": "exact match", "loss": "loss"}[kind]


def chance_of(line: dict, kind: str, length: int) -> float | None:
    """What a guess without looking scores; None where that is not known."""
    if kind == "accuracy":
        return line.get("chance")
    known = dict(zip(line.get("test_length") or [], line.get("exact_match_chance") or []))
    return known.get(length) if kind == "exact_match" else None


def task_of(comparison: dict, line: dict) -> str:
    groups = {group["label"]: group for group in comparison["groups"]}
    return groups[line["group"]].get("task") or ""
