"""Cost against length, with intervals, crossovers and failures: of training, and of decoding."""

from pathlib import Path

from figures import comparison as data
from figures.page_figures import height_at
from figures.paper import (finish_axes, heading, ink, label_ends, look, panels, save,
                           slope_guides, stroke)
from figures.style import FORMATS, quantity_name

import numpy as np

PANELS = ["training_step_attention_seconds", "training_step_seconds",
          "training_step_attention_flops", "peak_total_bytes", "decode_step_seconds", "state_bytes"]
DECODING = ["decode_step_attention_seconds", "decode_step_seconds", "prefill_seconds", "state_bytes"]


def draw_band(axes, points: list[dict], colour: str, bounds: tuple[float, float]) -> None:
    """The interval at each length, cut at `bounds`: a band much wider than all curves would flatten them."""
    known = [p for p in points if p["low"] is not None and p["high"] is not None]
    if len(known) > 1:
        axes.fill_between([p["length"] for p in known], [max(p["low"], bounds[0]) for p in known],
                          [min(p["high"], bounds[1]) for p in known], color=colour, alpha=0.18,
                          linewidth=0)


def draw_crossings(axes, found: dict, name: str) -> None:
    """A cross at each crossover, its interval as a horizontal bar, dotted to an arrow where its end is open."""
    groups = {group["label"]: group for group in found["groups"]}
    for entry in data.crossings(found, name):
        height = height_at(data.curve(groups[entry["later"]], name), entry["length"])
        if height is None:
            continue
        for width, colour in ((3.2, "white"), (1.2, "black")):
            for key, edge in (("low", "from"), ("high", "to")):
                is_open = entry.get(key) is None
                axes.plot([entry["length"], entry[edge] if is_open else entry[key]], [height] * 2,
                          color=colour, linewidth=0.8 if is_open else width, zorder=6,
                          linestyle=(0, (1, 2)) if is_open else "-")
            axes.plot(entry["length"], height, marker="x", markersize=7, markeredgecolor=colour,
                      markeredgewidth=width, zorder=7)
        for key, edge, arrow in (("low", "from", "<"), ("high", "to", ">")):
            is_open = entry.get(key) is None
            axes.plot(entry[edge] if is_open else entry[key], height, marker=arrow if is_open else "|",
                      color="black", markersize=4, zorder=7)


def draw_failures(axes, found: dict) -> None:
    """A hollow mark above the curves for each length that a line did not get through."""
    failed = [(number, data.failures(group)) for number, group in enumerate(found["groups"])]
    failed = [(number, ends) for number, ends in failed if ends]
    if not failed:
        return
    low, high = axes.get_ylim()
    axes.set_ylim(low, high * (high / low) ** (0.07 * (len(failed) + 0.5)))
    place = {"transform": axes.get_xaxis_transform(), "clip_on": False, "zorder": 5}
    for row, (number, ends) in enumerate(failed):
        colour, marker = look(number)
        height = 0.965 - 0.07 * row
        axes.plot(list(ends), [height] * len(ends), color=colour, marker=marker, markersize=6,
                  markerfacecolor="white", linestyle="none", **place)
        axes.annotate(", ".join(dict.fromkeys(ends.values())), (min(ends), height),
                      xycoords=axes.get_xaxis_transform(), xytext=(-6, 0), ha="right", va="center",
                      textcoords="offset points", fontsize=7, color=ink(colour))


def draw_panel(axes, found: dict, name: str) -> bool:
    groups = found["groups"]
    lines = data.lines_of(found, name)
    if lines is None:
        return False
    curves, unit = lines
    values = [point["value"] for points in curves.values() for point in points]
    bounds = min(values) / 4, max(values) * 4
    ends, lengths = [], {length for group in groups for length in data.failures(group)}
    for number, points in curves.items():
        colour, marker = look(number)
        xs, ys = ([point[key] for point in points] for key in ("length", "value"))
        draw_band(axes, points, colour, bounds)
        axes.plot(xs, ys, color=colour, marker=marker, linestyle=stroke(number),
                  markeredgecolor="white", markeredgewidth=0.5)
        ends.append((xs[-1], ys[-1], groups[number]["label"], colour))
        lengths.update(xs)
    slope_guides(axes, [(np.array([p["length"] for p in points], float),
                         np.array([p["value"] for p in points])) for points in curves.values()])
    finish_axes(axes, quantity_name(name), sorted(lengths), 2 if unit == "byte" else 10, FORMATS[unit])
    draw_crossings(axes, found, name)
    draw_failures(axes, found)
    label_ends(axes, ends)
    return True


def draw_panels(found: dict, stem: Path, names: list[str]) -> list[Path] | None:
    """Two panels in a row."""
    figure, grid = panels(len(names) // 2, 2, 5, 3.2)
    drawn = [draw_panel(axes, found, name) for axes, name in zip(grid.flat, names)]
    for axes, there in zip(grid.flat, drawn):
        if not there:
            axes.axis("off")
    if not any(drawn):
        return None
    banded = any(entry["low"] is not None for group in found["groups"] for name in names
                 for entry in data.curve(group, name))
    bands = ", bands: 95 % intervals" if banded else ""
    crosses = any(data.crossings(found, name) for name in names)
    heading(figure, found, f"lines: medians{bands}",
            "crosses: crossovers with flash or full, bars: 95 % intervals" if crosses else "", data.busy_note_of(found))
    return save(figure, stem)


def draw(found: dict, stem: Path) -> list[Path] | None:
    return draw_panels(found, stem, PANELS)


def draw_decoding(found: dict, stem: Path) -> list[Path] | None:
    return draw_panels(found, stem, DECODING)
