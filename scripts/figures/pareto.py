"""What a score costs: models by score and by seconds of training, memory or state, with the front."""

import math
from pathlib import Path

from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, MultipleLocator, NullLocator

from figures import comparison as data
from figures.paper import GREY, heading, ink, look, panels, save, spread
from figures.style import FORMATS

PANELS = [("training_seconds", "on_front_seconds", "s", "time of training"),
          ("peak_total_bytes", "on_front_bytes", "byte", "peak memory of a training step"),
          ("state_bytes", "on_front_state", "byte", "state while decoding")]


def draw_panel(axes, points: list[dict], panel: tuple, numbers: dict) -> None:
    cost, front, unit, name = panel
    ahead = sorted((p[cost], p["value"]) for p in points if p.get(front))
    if len(ahead) > 1:
        axes.step([a[0] for a in ahead], [a[1] for a in ahead], where="post", color=GREY, linewidth=1,
                  linestyle=(0, (4, 2)), zorder=1)
    for point in points:
        colour, marker = look(numbers[point["label"]])
        axes.plot(point[cost], point["value"], color=colour, marker=marker, markersize=8,
                  linestyle="none", markerfacecolor=colour if point.get(front) else "white")
    axes.set_xscale("log", base=2 if unit == "byte" else 10)
    axes.margins(x=0.12, y=0.14)
    low, high = axes.get_xlim()
    if high / low < 4:
        binary = 2.0 ** math.floor(math.log2((high - low) / 3))  # at most six round steps of bytes
        axes.xaxis.set_major_locator(MultipleLocator(binary) if unit == "byte" else MaxNLocator(4))
    elif unit == "byte":
        axes.xaxis.set_major_locator(LogLocator(base=4 if high / low > 16 else 2))
    else:
        axes.xaxis.set_major_locator(LogLocator(base=10, subs=(1, 2, 5) if high / low < 30 else (1,)))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(FuncFormatter(FORMATS[unit]))
    axes.set_title(f"Against {name}", pad=8)
    axes.set_xlabel(f"{name} (filled: none is better for less)")
    score = points[0]["score"]
    axes.set_ylabel(score.replace("_", " ") + ("" if score in data.SHARES else " (less is better)"))
    axes.grid(color="#e6e6e6", linewidth=0.6)
    axes.set_axisbelow(True)
    label_points(axes, points, cost, numbers)


def label_points(axes, points: list[dict], cost: str, numbers: dict) -> None:
    """Each model's name right of the panel at its height, joined to its point by a thin line."""
    axes.set_xlim(axes.get_xlim())
    axes.set_ylim(axes.get_ylim())
    to_axes = axes.transData + axes.transAxes.inverted()
    heights = [to_axes.transform((point[cost], point["value"]))[1] for point in points]
    for point, height in zip(points, spread(heights, 0.07)):
        colour = ink(look(numbers[point["label"]])[0])
        axes.annotate(point["name"], (point[cost], point["value"]), xytext=(1.04, height),
                      textcoords="axes fraction", color=colour, va="center", fontsize=8,
                      annotation_clip=False,
                      arrowprops={"arrowstyle": "-", "color": colour, "linewidth": 0.5, "shrinkA": 1,
                                  "shrinkB": 4, "relpos": (0, 0.5)})


def draw(found: dict, stem: Path) -> list[Path] | None:
    entries = [entry for entry in found.get("pareto") or [] if entry.get("value") is not None]
    labels = dict.fromkeys([group["label"] for group in found["groups"]] +
                           [entry["label"] for entry in entries])
    numbers = {label: number for number, label in enumerate(labels)}
    names = data.model_names(found)
    entries = [entry | {"name": names.get(entry["label"], entry["label"])} for entry in entries]
    drawn = [(panel, [entry for entry in entries if entry.get(panel[0])]) for panel in PANELS]
    drawn = [(panel, points) for panel, points in drawn if len(points) > 1]
    if not drawn:
        return None
    figure, grid = panels(1, len(drawn), 4.6, 3.6)
    for axes, (panel, points) in zip(grid.flat, drawn):
        draw_panel(axes, points, panel, numbers)
    heading(figure, found, "what a score costs")
    return save(figure, stem)
