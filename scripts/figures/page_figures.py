"""The figures of the report as Plotly traces and layouts, without colours.

Every trace bears `meta`: the number of its variant and its role; `page.js` gives it the colour of
the page's theme, hides it when its variant is switched off and writes the labels at the lines' ends.
"""

import math

from figures import comparison as data
from figures.style import (DASHES, PART_NAMES, PARTS, SYMBOLS, count_text, interval_text, place,
                           quantity_name, text_of)

SCALING = ["training_step_seconds", "training_step_attention_seconds", "peak_total_bytes",
           "training_step_attention_flops", "forward_seconds", "prefill_seconds", "decode_step_seconds",
           "state_bytes"]
TOP_AXIS = "y2"  # 0 to 1 over the figure's height, whatever the zoom: failed lengths are marked there


def point_text(label: str, point: dict, unit: str) -> str:
    interval = interval_text(point["low"], point["high"], unit)
    runs = point["processes"]
    counted = f"<br>{runs} process{'es' if runs != 1 else ''}" if runs else ""
    if runs and unit == "s":
        counted += f" × {point['repeats']} repeats"
    return (f"<b>{label}</b> at {count_text(point['length'])} tokens<br>"
            f"{text_of(point['value'], unit)} {interval}{counted}")


def line_trace(number: int, label: str, xs: list, ys: list, texts: list) -> dict:
    style, marker = place(number)
    return {"type": "scatter", "mode": "lines+markers", "name": label, "x": xs, "y": ys,
            "customdata": texts, "hovertemplate": "%{customdata}<extra></extra>",
            "legendgroup": str(number), "line": {"dash": DASHES[style], "width": 2},
            "marker": {"symbol": SYMBOLS[marker], "size": 8},
            "meta": {"variant": number, "role": "line"}}


def band_trace(number: int, xs: list, lows: list, highs: list, least: float = 1e-300) -> dict | None:
    """The interval as a filled band, drawn where both of its ends are known and at `least` so high: by
    default where a logarithmic axis can show them."""
    known = [(x, low, high) for x, low, high in zip(xs, lows, highs)
             if low is not None and high is not None and low >= least]
    if len(known) < 2:
        return None
    return {"type": "scatter", "mode": "lines", "x": [k[0] for k in known + known[::-1]],
            "y": [k[1] for k in known] + [k[2] for k in known[::-1]], "fill": "toself",
            "hoverinfo": "skip", "line": {"width": 0}, "showlegend": False,
            "meta": {"variant": number, "role": "band"}}


def height_at(points: list[dict], length: float) -> float | None:
    """Where the drawn line passes this length on logarithmic axes: the place of a mark, no result."""
    for left, right in zip(points, points[1:]):
        if left["length"] <= length <= right["length"]:
            share = math.log(length / left["length"]) / math.log(right["length"] / left["length"])
            return left["value"] * (right["value"] / left["value"]) ** share
    return None


def crossing_trace(comparison: dict, crossing: dict) -> dict | None:
    """A mark where two lines cross, with the interval of the length as a horizontal bar; dotted to the
    range's edge where an end is open."""
    labels = [group["label"] for group in comparison["groups"]]
    pair = [labels.index(crossing[key]) for key in ("later", "earlier")]
    points = data.curve(comparison["groups"][pair[0]], crossing["quantity"])
    length, height = crossing["length"], height_at(points, crossing["length"])
    if height is None:
        return None
    is_open = [crossing.get(key) is None for key in ("low", "high")]
    xs = [crossing["from"] if is_open[0] else crossing["low"], length,
          crossing["to"] if is_open[1] else crossing["high"]]
    ends = [arrow if is_open_ else "line-ns" for is_open_, arrow in
            zip(is_open, ("triangle-left", "triangle-right"))]
    return {"type": "scatter", "mode": "lines+markers", "x": xs, "y": [height] * 3,
            "line": {"width": 1.5, "dash": "2px,3px" if any(is_open) else "solid"},
            "marker": {"symbol": [ends[0], "x-thin", ends[1]], "size": [7, 10, 7],
                       "line": {"width": 2}},
            "customdata": [crossing["sentence"]] * 3,
            "hovertemplate": "%{customdata}<extra></extra>", "showlegend": False,
            "meta": {"variant": pair[0], "other": pair[1], "role": "crossing"}}


def failure_traces(comparison: dict) -> list[dict]:
    """A hollow mark at the top for each length that a line did not get through."""
    failed = [(number, data.failures(group)) for number, group in enumerate(comparison["groups"])]
    traces = []
    for row, (number, ends) in enumerate((n, e) for n, e in failed if e):
        label = comparison["groups"][number]["label"]
        traces.append({
            "type": "scatter", "mode": "markers+text", "yaxis": TOP_AXIS, "showlegend": False,
            "text": [", ".join(dict.fromkeys(ends.values())) + " "] + [""] * (len(ends) - 1),
            "textposition": "middle left", "x": list(ends), "y": [0.965 - 0.06 * row] * len(ends), "cliponaxis": False,
            "customdata": [f"<b>{label}</b> at {count_text(length)} tokens: {end}"
                           for length, end in ends.items()],
            "hovertemplate": "%{customdata}<extra></extra>",
            "marker": {"symbol": SYMBOLS[place(number)[1]] + "-open", "size": 10,
                       "line": {"width": 2}},
            "meta": {"variant": number, "role": "failure"}})
    return traces


def guide_traces(curves: list[list[dict]]) -> list[dict]:
    """Short lines of slope 1 and 2 below all curves."""
    lengths = [point["length"] for points in curves for point in points]
    last = max(lengths)
    if last < 4 * min(lengths):
        return []
    least = min(p["value"] for points in curves for p in points if p["length"] >= last / 4)
    xs = [last / 4, last / 2]
    return [{"type": "scatter", "mode": "lines+text", "x": xs,
             "y": [0.2 * least, 0.2 * least * 2 ** slope], "text": ["", f" n<sup>{slope}</sup>"],
             "textposition": "middle right", "hoverinfo": "skip", "showlegend": False,
             "line": {"width": 1}, "meta": {"role": "guide"}} for slope in (1, 2)]


def scaling_figure(comparison: dict, name: str) -> dict | None:
    """One quantity against the length, a line for each variant."""
    groups = comparison["groups"]
    lines = data.lines_of(comparison, name)
    if lines is None:
        return None
    curves, unit = lines
    traces = []
    for number, points in curves.items():
        column = lambda key: [point[key] for point in points]
        traces.append(band_trace(number, column("length"), column("low"), column("high")))
    for number, points in curves.items():
        label = groups[number]["label"]
        traces.append(line_trace(number, label, [p["length"] for p in points],
                                 [p["value"] for p in points],
                                 [point_text(label, p, unit) for p in points]))
    traces += guide_traces(list(curves.values()))
    traces += [crossing_trace(comparison, entry) for entry in data.crossings(comparison, name)]
    failed = failure_traces(comparison)
    lengths = sorted({p["length"] for points in curves.values() for p in points} |
                     {length for group in groups for length in data.failures(group)})
    return {"id": name, "title": quantity_name(name), "unit": unit, "lengths": lengths,
            "x_title": "tokens", "scalable": True, "failure_rows": len(failed),
            "traces": [trace for trace in traces if trace] + failed}


def scaling_figures(comparison: dict) -> list[dict]:
    figures = [scaling_figure(comparison, name) for name in SCALING]
    return [figure for figure in figures if figure]


def parts_figures(comparison: dict) -> list[dict]:
    """Where time goes: for each variant and quantity stacked bars, one part of the model each."""
    figures = []
    for number, group in enumerate(comparison["groups"]):
        lengths = [count_text(entry["length"]) for entry in group["lengths"]]
        for name, parts in sorted((group.get("parts") or {}).items()):
            unit = "FLOP" if name.endswith("flops") else "s"
            traces = []
            for part in PARTS:
                values = parts.get(part) or []
                if not any(values):
                    continue
                traces.append({
                    "type": "bar", "name": PART_NAMES[part], "x": lengths, "y": values,
                    "customdata": [f"{PART_NAMES[part]}: {text_of(v, unit)}" for v in values],
                    "hovertemplate": "%{customdata}<extra>%{x} tokens</extra>",
                    "meta": {"part": PARTS.index(part), "role": "part"}})
            if traces:
                figures.append({"id": f"parts-{number}-{name}", "variant": number, "quantity": name,
                                "title": group["label"], "unit": unit, "traces": traces})
    return figures


def ceiling_text(point: dict) -> str:
    """What the layers can reach, where that is not all."""
    return f", ceiling {text_of(point['ceiling'])}" if data.is_limited(point) else ""


def score_text(label: str, point: dict, kind: str) -> str:
    spread = f"<br>{len(point['seeds'])} seeds" if point["seeds"] else ""
    return (f"<b>{label}</b> at {count_text(point['test_length'])} tokens<br>{kind} "
            f"{text_of(point['value'])} {interval_text(point['low'], point['high'])}"
            f"{ceiling_text(point)}{spread}")


def accuracy_figures(comparison: dict) -> list[dict]:
    return [accuracy_figure(comparison, kind) for kind in data.score_kinds(comparison)]


def accuracy_figure(comparison: dict, kind: str) -> dict:
    """The score at every test length, a line for each model that its task ranks by it, with its interval
    over seeds, and the ceiling of what its layers can reach, dashed."""
    labels = [group["label"] for group in comparison["groups"]]
    bands, lines, lengths, chances = [], [], set(), []
    names = data.model_names(comparison)
    ranked = [line for line in data.chosen_lines(comparison) if data.primary(line) == kind]
    for line in ranked:
        points = data.score_points(line, kind)
        if not points:
            continue
        number = labels.index(line["group"])
        xs = [point["test_length"] for point in points]
        lengths.update(xs)
        chances += [data.chance_of(line, kind, x) for x in xs]
        name = names[line["label"]]
        ends = [data.interval_in(kind, point) or (None, None) for point in points]
        bands.append(band_trace(number, xs, [low for low, _ in ends], [high for _, high in ends],
                                least=0))
        lines.append(line_trace(number, name, xs, [p["value"] for p in points],
                                [score_text(name, p, data.score_name(kind)) for p in points]))
        if any(map(data.is_limited, points)):
            known = [p for p in points if p["ceiling"] is not None]
            lines.append({"type": "scatter", "mode": "lines", "x": [p["test_length"] for p in known],
                          "y": [p["ceiling"] for p in known], "hoverinfo": "skip",
                          "showlegend": False, "line": {"width": 1.5, "dash": "6px,4px"},
                          "meta": {"variant": number, "role": "ceiling"}})
        seeds = [(p["test_length"], value) for p in points for value in p["seeds"]]
        if len(seeds) > len(points):
            lines.append({"type": "scatter", "mode": "markers", "x": [s[0] for s in seeds],
                          "y": [s[1] for s in seeds], "hoverinfo": "skip", "showlegend": False,
                          "marker": {"symbol": "circle", "size": 4},
                          "meta": {"variant": number, "role": "seed"}})
    span = [min(lengths), max(lengths)]
    baselines = [(entry["bits_per_byte"], f"{entry['context_bytes']}-byte n-gram")
                 for entry in comparison.get("ngram_bits_per_byte") or []
                 if kind == "bits_per_byte" and entry["bits_per_byte"] is not None]
    if None not in chances and max(chances) - min(chances) < 0.01:
        baselines.append((chances[0], "chance"))
    for value, name in baselines:
        lines.append({"type": "scatter", "mode": "lines", "x": span, "y": [value, value],
                      "name": name, "showlegend": False, "line": {"width": 1, "dash": "2px,3px"},
                      "hoverinfo": "skip", "meta": {"role": "baseline"}})
    trained = sorted({length for line in ranked for length in data.trained_lengths(line)})
    title = data.score_name(kind)
    return {"id": "accuracy" if kind == data.score_kinds(comparison)[0] else f"accuracy-{kind}",
            "title": title[0].upper() + title[1:], "unit": "",
            "lengths": sorted(lengths), "x_title": "tokens of the test", "scalable": False,
            "trained": trained if len(lengths) > 1 else [], "failure_rows": 0,
            "traces": [trace for trace in bands if trace] + lines}


def pareto_figures(comparison: dict) -> list[dict]:
    """Score against what it cost: one point for each trained model, the front joined by a line."""
    entries = comparison.get("pareto") or []
    groups = {line["label"]: line["group"] for line in comparison.get("scores") or []}
    labels = [group["label"] for group in comparison["groups"]]
    names = data.model_names(comparison)
    figures = []
    for cost, front, unit, name in (
            ("training_seconds", "on_front_seconds", "s", "seconds of training"),
            ("peak_total_bytes", "on_front_bytes", "byte", "peak memory of a training step"),
            ("state_bytes", "on_front_state", "byte", "state while decoding")):
        points = [e for e in entries if e.get(cost) and e.get("value") is not None]
        if len(points) < 2:
            continue
        traces = []
        ahead = sorted((e[cost], e["value"]) for e in points if e.get(front))
        if len(ahead) > 1:
            traces.append({"type": "scatter", "mode": "lines", "x": [a[0] for a in ahead],
                           "y": [a[1] for a in ahead], "hoverinfo": "skip", "showlegend": False,
                           "line": {"width": 1, "dash": "6px,4px", "shape": "hv"},
                           "meta": {"role": "baseline"}})
        for number, entry in enumerate(points):
            label, group = entry["label"], groups.get(entry["label"])
            number = labels.index(group) if group in labels else number
            label = names.get(label, label)
            trace = line_trace(number, label, [entry[cost]], [entry["value"]],
                               [f"<b>{label}</b>, trained at {data.trained_text(entry)}<br>"
                                f"{text_of(entry['value'])} for {text_of(entry[cost], unit)}"])
            hollow = "" if entry.get(front) else "-open"
            trace["marker"] = {"symbol": trace["marker"]["symbol"] + hollow, "size": 12}
            traces.append(trace | {"mode": "markers"})
        score = points[0]["score"]
        better = "" if score in data.SHARES else " (less is better)"
        figures.append({"id": f"pareto-{cost}", "title": f"Score against {name}", "lengths": [],
                        "unit": "", "x_unit": unit, "x_title": name, "scalable": False,
                        "y_title": score.replace("_", " ") + better, "failure_rows": 0,
                        "traces": traces})
    return figures
