"""The tables of the report: columns and rows of text, the first column naming its row."""

from dataclasses import dataclass
from statistics import median

from figures import comparison as data
from figures.style import (PART_NAMES, PARTS, count_text, interval_text, quantity_name, text_of)

EXPONENTS = ["training_step_seconds", "training_step_attention_seconds", "forward_attention_seconds",
             "decode_step_attention_seconds", "training_step_attention_flops", "peak_total_bytes",
             "state_bytes"]


@dataclass
class Table:
    id: str
    caption: str
    columns: list[str]
    rows: list[list[str]]


def exponent_text(quantity: dict) -> str:
    exponent = quantity.get("exponent") or {}
    if exponent.get("value") is None:
        return ""
    text = f"{exponent['value']:.2f}"
    if not exponent.get("exact"):
        text += " " + interval_text(exponent.get("low"), exponent.get("high"), "exponent")
    flags = "; ".join(exponent.get("flags") or [])
    return f"{text.strip()} ({flags})" if flags else text.strip()


def exponents(comparison: dict) -> Table:
    groups = comparison["groups"]
    names = [n for n in EXPONENTS if any(n in g.get("quantities", {}) for g in groups)]
    rows = [[group["label"]] + [exponent_text(group["quantities"].get(name) or {}) for name in names]
            for group in groups]
    return Table("exponents", "Exponent of the length at the longest length measured, with its 95 % "
                 "interval; FLOPs and bytes are counted and exact",
                 ["variant", *map(quantity_name, names)], rows)


def values(comparison: dict) -> list[Table]:
    """Of each quantity a table: variants by lengths, with the interval of the median."""
    groups, tables = comparison["groups"], []
    names = dict.fromkeys(name for group in groups for name in group.get("quantities", {}))
    lengths = sorted({entry["length"] for group in groups for entry in group["lengths"]})
    for name in sorted(names, key=quantity_name):
        rows = []
        for group in groups:
            unit = (group["quantities"].get(name) or {}).get("unit", "")
            points = {point["length"]: point for point in data.curve(group, name)}
            ends, cells = data.failures(group), []
            for length in lengths:
                point = points.get(length)
                cells.append(ends.get(length, "") if point is None else " ".join(
                    filter(None, [text_of(point["value"], unit),
                                  interval_text(point["low"], point["high"], unit)])))
            rows.append([group["label"], *cells])
        tables.append(Table(f"values-{name}", f"{quantity_name(name)}, by length in tokens: median "
                            "over processes, 95 % interval where there are several",
                            ["variant", *map(count_text, lengths)], rows))
    return tables


def parts(comparison: dict) -> list[Table]:
    """Where time goes, in numbers: each variant and length with the seconds or FLOPs of each part."""
    tables = []
    names = dict.fromkeys(n for g in comparison["groups"] for n in g.get("parts") or {})
    for name in sorted(names):
        unit, rows = "FLOP" if name.endswith("flops") else "s", []
        for group in comparison["groups"]:
            found = (group.get("parts") or {}).get(name) or {}
            for i, entry in enumerate(group["lengths"]):
                cells = [(found.get(part) or [None] * (i + 1))[i] for part in PARTS]
                if any(cell is not None for cell in cells):
                    rows.append([group["label"], count_text(entry["length"]),
                                 *(text_of(cell, unit) for cell in cells)])
        if rows:
            tables.append(Table(f"parts-{name}", f"{quantity_name(name)}, by part of the model",
                                ["variant", "tokens", *(PART_NAMES[part] for part in PARTS)], rows))
    return tables


def crossovers(comparison: dict) -> Table | None:
    entries = comparison.get("crossovers") or []
    entries = sorted(entries, key=lambda e: not e.get("reference"))  # stable: flash and full first
    rows = []
    for entry in entries:
        at = count_text(entry["length"]) if entry.get("length") else ""
        ends = [entry.get("low"), entry.get("high")]
        ends = ", ".join("…" if end is None else count_text(end) for end in ends)
        rows.append([entry["sentence"], quantity_name(entry["quantity"]),
                     entry["status"].replace("_", " "), at, f"[{ends}]" if at else "",
                     entry.get("batching", "")])
    if not rows:
        return None
    return Table("crossovers", "Where one variant overtakes another, pairs with flash and full first",
                 ["finding", "quantity", "status", "tokens", "95 % interval", "batching"], rows)


def score_cell(point: dict | None) -> str:
    """'0.913 [0.900, 0.926] of 0.95', which is the ceiling; without what is not known."""
    if point is None:
        return ""
    ceiling = f"of {text_of(point['ceiling'])}" if data.is_limited(point) else ""
    return " ".join(filter(None, [text_of(point["value"]), interval_text(point["low"], point["high"]),
                                  ceiling]))


def ceiling_caption(points: list[dict]) -> str:
    return ("; 'of' is the ceiling: the share of answers that the layers can reach"
            if any(map(data.is_limited, points)) else "")


def scores(comparison: dict) -> list[Table]:
    """Of each score by which tasks rank models a table, of the chosen learning rates."""
    return [scores_by(comparison, kind) for kind in data.score_kinds(comparison)]


def scores_by(comparison: dict, kind: str) -> Table:
    lines = [line for line in data.chosen_lines(comparison) if data.primary(line) == kind]
    drawn = [point for line in lines for point in data.score_points(line, kind)]
    lengths = sorted({point["test_length"] for point in drawn})
    rows, names = [], data.model_names(comparison)
    for line in lines:
        points = {p["test_length"]: p for p in data.score_points(line, kind)}
        trained = line.get("trained", line.get("ok"))
        solved = f"{line['solved']} of {trained}" if line.get("solved") is not None else ""
        reach = line.get("effective_length") or {}
        longest = count_text(reach["length"]) if reach.get("length") else ""
        rows.append([names[line["label"]], data.trained_text(line), line.get("learning_rate") or "",
                     str(trained or ""), solved, longest, *(score_cell(points.get(n)) for n in lengths)])
    title = data.score_name(kind)
    return Table(f"scores-{kind}", f"{title[0].upper() + title[1:]} by tokens of the test: mean over "
                 "seeds, 95 % interval where there are several" + ceiling_caption(drawn),
                 ["model", "trained at", "learning rate", "seeds", "solved", "effective length",
                  *map(count_text, lengths)], rows)


def score_parts(comparison: dict) -> Table | None:
    """Models by parts of the test, in the score by which their task ranks them."""
    lines = [line for line in data.chosen_lines(comparison) if line.get("parts")]
    found = {(number, point["test_length"], part["part"]): point
             for number, line in enumerate(lines) for part in line["parts"]
             for point in data.part_points(part, data.primary(line))}
    cells = list(dict.fromkeys((length, part) for _, length, part in
                               sorted(found, key=lambda cell: cell[1])))
    if not cells:
        return None
    names = data.model_names(comparison)
    rows = [[names[line["label"]], data.primary(line).replace("_", " "),
             *(score_cell(found.get((number, *cell))) for cell in cells)]
            for number, line in enumerate(lines)]
    return Table("parts-of-scores", "Scores by part of the test" + ceiling_caption(list(found.values())),
                 ["model", "score", *(f"{count_text(length)}, {part}" for length, part in cells)], rows)


def paired_differences(comparison: dict) -> Table | None:
    entries = comparison.get("paired_differences") or []
    rows = [[f"{e['left']} − {e['right']}", data.score_name(e["score"]), count_text(e["test_length"]),
             text_of(e["difference"]), interval_text(e.get("low"), e.get("high")), str(e["seeds"])]
            for e in entries if e.get("difference") is not None]
    if not rows:
        return None
    return Table("differences", "Differences of scores, seed by seed",
                 ["pair", "score", "tokens of the test", "difference", "95 % interval", "seeds"], rows)


def pareto(comparison: dict) -> Table | None:
    said = {True: "yes", False: "no", None: ""}
    rows = [[e["label"], data.trained_text(e), data.score_name(e["score"]),
             text_of(e["value"]), text_of(e.get("training_seconds"), "s"),
             text_of(e.get("peak_total_bytes"), "byte"), text_of(e.get("state_bytes"), "byte"),
             said[e.get("on_front_seconds")], said[e.get("on_front_bytes")],
             said[e.get("on_front_state")]]
            for e in comparison.get("pareto") or []]
    if not rows:
        return None
    return Table("pareto", "Score against cost; a model is on the front if none is better for less",
                 ["model", "trained at", "score", "value", "training", "peak memory", "state",
                  "on the front of time", "on the front of memory", "on the front of state"], rows)


def middle(run: dict, name: str) -> float | None:
    """Median of a run's repeats."""
    found = run.get(name)
    known = [v for v in (found if isinstance(found, list) else [found]) if v is not None]
    return median(known) if known else None


def runs(export: dict) -> Table:
    """One row for each run of the file, in its order."""
    scopes = export["dimensions"].get("scope") or []
    attention = scopes.index("attention") if "attention" in scopes else None
    at = export["dimensions"].get("test_length") or []

    def flops(run: dict) -> float | None:
        found = [v for v in run.get("training_step_flops") or [] if v is not None]
        return sum(found) if found else None

    def of_attention(run: dict) -> float | None:
        if attention is None:
            return None
        known = [row[attention] for row in run.get("training_step_scope_seconds") or []
                 if row[attention] is not None]
        return median(known) if known else None

    def score(run: dict, name: str) -> str:
        """At the length of training, else at the first length that was scored."""
        found = [(n, v) for n, v in zip(at, run.get(name) or []) if v is not None]
        there = [v for n, v in found if n == run.get("train_length")]
        return text_of(there[0] if there else found[0][1] if found else None)

    rows = []
    for run in export["runs"]:
        ended = run["status"].replace("_", " ")
        reason = run.get("status_reason") or ""
        rows.append([
            run["run_id"], run["attention"], run["position"], run["norm"], run["task"],
            str(run["length"]), str(run["batch"]), str(run["seed"]),
            f"{ended}: {reason}" if reason and not reason.startswith(ended) else reason or ended,
            text_of(middle(run, "training_step_seconds"), "s"), text_of(of_attention(run), "s"),
            text_of(middle(run, "forward_seconds"), "s"),
            text_of(middle(run, "decode_step_seconds"), "s"), text_of(flops(run), "FLOP"),
            text_of(run.get("peak_total_bytes"), "byte"), text_of(run.get("state_bytes"), "byte"),
            data.trained_text(run), score(run, "accuracy"), score(run, "bits_per_byte"),
            "yes" if run.get("machine_loaded") else "", run.get("commit") or ""])
    return Table("runs", f"Every run of the file ({len(rows)}); times are medians of its repeats",
                 ["run", "attention", "positions", "norm", "task", "tokens", "batch", "seed", "ended",
                  "training step", "attention in it", "forward", "decoding step", "FLOPs of a step",
                  "peak memory", "state", "trained at", "accuracy", "bits per byte", "loaded machine",
                  "commit"], rows)
