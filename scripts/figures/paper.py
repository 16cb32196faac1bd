"""What the figures on paper share: their style, axes over lengths, labels at the lines' ends, saving."""

import textwrap
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

from figures.comparison import SHARES, UserError, interval_in
from figures.style import COLOURS, INK, MARKERS, STROKES, place

STYLE = {
    "font.size": 8.5, "font.family": "DejaVu Sans", "axes.titlesize": 9.5, "axes.titleweight": "bold",
    "axes.titlelocation": "left", "axes.spines.top": False, "axes.spines.right": False,
    "axes.linewidth": 0.7, "lines.linewidth": 1.6, "lines.markersize": 4.5,
    "xtick.major.width": 0.7, "ytick.major.width": 0.7, "svg.fonttype": "none",
    "svg.hashsalt": "lengthwise", "hatch.linewidth": 0.6,
}
GREY, PALE = "#6f6f6f", "#9a9a9a"


def look(number: int) -> tuple:
    """Colour and marker of a line; the pair differs in 64 lines."""
    style, marker = place(number)
    return COLOURS[style], MARKERS[marker]


def stroke(number: int):
    """Line style of a line, which tells it apart in grey."""
    return STROKES[place(number)[0]]


def ink(colour: str) -> str:
    """The same colour, dark enough for text."""
    return INK[COLOURS.index(colour)] if colour in COLOURS else colour


def spread(heights: list, gap: float) -> list:
    """Moves label heights in 0..1 apart to at least `gap`, as little as needed, in their order."""
    order = np.argsort(heights)
    placed = np.array(heights, dtype=float)[order]
    for _ in range(500):
        placed = np.clip(placed, 0.01, 0.99)
        close = np.flatnonzero(np.diff(placed) < gap - 1e-6)
        for i in close:
            middle = (placed[i] + placed[i + 1]) / 2
            placed[i], placed[i + 1] = middle - gap / 2, middle + gap / 2
    result = np.empty_like(placed)
    result[order] = placed
    return list(result)


def label_ends(axes, ends: list) -> None:
    """Writes each line's name right of its end, moved apart where lines meet; a thin line joins
    them. An end at infinity is one at the panel's edge."""
    if not ends:
        return
    axes.set_xlim(axes.get_xlim())  # settles the limits, on which the places depend
    axes.set_ylim(axes.get_ylim())
    to_axes = axes.transData + axes.transAxes.inverted()
    edge = axes.get_xlim()[1]
    ends = [(min(x, edge), y, text, colour) for x, y, text, colour in ends]
    heights = [to_axes.transform((x, y))[1] for x, y, _, _ in ends]
    for (x, y, text, colour), height in zip(ends, spread(heights, 0.062)):
        axes.annotate(text, (x, y), xytext=(1.045, height), textcoords="axes fraction", color=ink(colour),
                      va="center", fontsize=8, annotation_clip=False,
                      arrowprops={"arrowstyle": "-", "color": colour, "linewidth": 0.5,
                                  "shrinkA": 1, "shrinkB": 0, "relpos": (0, 0.5)})


def slope_guides(axes, curves: list) -> None:
    """Short grey lines of slope 1 and 2 below every curve beside them."""
    first = min(xs[0] for xs, *_ in curves)
    last = max(xs[-1] for xs, *_ in curves)
    beside = np.concatenate([ys[xs >= last / 4] for xs, ys in curves])
    if last < 4 * first or not (beside > 0).any():
        return
    xs = np.array([last / 4, last / 2])
    for slope in (1, 2):
        ys = 0.12 * np.min(beside[beside > 0]) * (xs / xs[0]) ** slope
        axes.plot(xs, ys, color="#9a9a9a", linewidth=0.8, zorder=1)
        axes.annotate(f"slope {slope}", (xs[-1], ys[-1]), xytext=(4, 0), textcoords="offset points",
                      color="#6f6f6f", fontsize=7, va="center")


def draw_grid(axes, axis: str = "y") -> None:
    axes.grid(axis=axis, color="#e6e6e6", linewidth=0.6)
    axes.set_axisbelow(True)


def draw_title(figure, text: str) -> None:
    figure.suptitle(text, x=0.02, y=0.99, ha="left", va="top", fontsize=12, fontweight="bold")


def finish_axes(axes, title: str, lengths: list, log_base: int = 0, formatter=None) -> None:
    axes.set_title(title, pad=8)
    axes.set_xscale("log", base=2)
    axes.set_xticks(lengths, [str(int(n)) for n in lengths])
    axes.xaxis.set_minor_locator(NullLocator())
    axes.set_xlabel("tokens")
    if log_base:
        axes.set_yscale("log", base=log_base)
        span = np.log(np.divide(*axes.get_ylim()[::-1])) / np.log(10)
        subs = (1, 3) if log_base == 10 and span < 3.5 else (1,)
        axes.yaxis.set_major_locator(LogLocator(base=4 if log_base == 2 else 10, subs=subs))
        axes.yaxis.set_minor_locator(NullLocator())
    if formatter:
        axes.yaxis.set_major_formatter(FuncFormatter(formatter))
    draw_grid(axes)


def draw_interval(axes, xs: list, points: list[dict], kind: str, colour: str) -> None:
    """The interval of each point's mean: a band along several, a bar at one."""
    known = [(x, *interval_in(kind, point)) for x, point in zip(xs, points)
             if interval_in(kind, point)]
    if len(known) > 1:
        axes.fill_between(*zip(*known), color=colour, alpha=0.16, linewidth=0)
    for x, low, high in known if len(known) == 1 else []:
        axes.plot([x, x], [low, high], color=colour, linewidth=1.2)


def draw_seeds(axes, xs: list, points: list[dict], colour: str) -> None:
    """Every seed as a small dot, where there are several."""
    dots = [(x, value) for x, point in zip(xs, points) if len(point["seeds"]) > 1
            for value in point["seeds"]]
    axes.plot([x for x, _ in dots], [value for _, value in dots], linestyle="none", marker=".",
              color=colour, markersize=4, alpha=0.6)


CEILINGS_ARE = "dashed, rings: ceiling of what the layers can reach"


def draw_ceiling(axes, xs: list, points: list[dict], colour: str) -> bool:
    """What the layers can reach, dashed with rings, where that is not all; whether it was drawn."""
    known = [(x, point["ceiling"]) for x, point in zip(xs, points) if point["ceiling"] is not None]
    if not any(ceiling < 1 for _, ceiling in known):
        return False
    axes.plot(*zip(*known), color=colour, linewidth=1, linestyle=(0, (5, 3)), marker="o", markersize=8,
              markerfacecolor="none", markeredgecolor="#333333", markeredgewidth=0.8)
    return True


def apart(xs: list, is_log: bool) -> list:
    """Those whose labels do not meet: each at least a thirtieth of the axis after the one before."""
    places = np.log(xs) if is_log else np.asarray(xs, float)
    kept: list[int] = []
    for i, place in enumerate(places):
        if not kept or place - places[kept[-1]] >= (places[-1] - places[0]) / 30:
            kept.append(i)
    return [xs[i] for i in kept]


def spaced_axis(axes, xs: list) -> None:
    """Ticks at these values; logarithmic where they rise by factors rather than by steps."""
    ratios = [b / a if a > 0 else 0 for a, b in zip(xs, xs[1:])]
    is_log = len(xs) > 1 and xs[0] > 0 and float(np.median(ratios)) >= 1.4
    if is_log:
        axes.set_xscale("log", base=2 if max(ratios) < 5 else 10)
    shown = apart(xs[::-(-len(xs) // 12)], is_log)
    axes.set_xticks(shown, [f"{x:g}" for x in shown])
    axes.xaxis.set_minor_locator(NullLocator())
    axes.margins(x=0.06)


def common_limits(entries: list[tuple[str, dict]]) -> tuple | None:
    """The ends of the axis of (score, point)s in panels that are to be compared; None where some are shares."""
    if any(kind in SHARES for kind, _ in entries):
        return None
    values = [value for kind, point in entries
              for value in (point["value"], *point["seeds"], *(interval_in(kind, point) or ()))]
    room = 0.08 * (max(values) - min(values)) or 0.1
    return min(values) - room, max(values) + room


def finish_scores(axes, kind: str, chances: list, limits: tuple | None = None) -> None:
    """The axis of a score: a share from 0 to 1, with what a guess scores dotted where all agree."""
    axes.set_ylabel(kind.replace("_", " "))
    draw_grid(axes)
    if limits:
        axes.set_ylim(*limits)
        return
    if kind not in SHARES:
        axes.margins(y=0.1)
        return
    axes.set_ylim(-0.03, 1.05)
    known = [chance for chance in chances if chance is not None]
    if known and max(known) - min(known) < 0.01:
        axes.axhline(known[0], color=GREY, linewidth=0.8, linestyle=(0, (1, 2)), zorder=1)
        axes.annotate("chance", (1, known[0]), xycoords=("axes fraction", "data"), xytext=(-2, 2),
                      textcoords="offset points", fontsize=7, color=GREY, ha="right")


def heading(figure, found: dict, *said: str) -> None:
    """The title of a figure, and under it the machine and what is said of what is drawn ('' is nothing), in as many
    lines as it takes."""
    name = found.get("study") or Path(found["file"]).stem
    cpus, threads = (", ".join(found.get(key) or {"unknown": 0}) for key in ("cpus", "threads"))
    batching = ", ".join(dict.fromkeys(group.get("batching") or "" for group in found["groups"]))
    batching = f"timed at {batching}" if batching else ""
    machine = f"{cpus}, {threads} {'thread' if threads == '1' else 'threads'}"
    text = "; ".join(filter(None, [machine, batching, *said]))
    width, height = figure.get_size_inches()
    lines = textwrap.wrap(text, max(40, int(width * 15)))
    if len(lines) > 1:
        height += 0.15 * (len(lines) - 1)
        figure.set_size_inches(width, height)
        leave_room(figure, 0.6 + 0.15 * (len(lines) - 1))
    draw_title(figure, f"How attention scales: {name}")
    figure.text(0.02, 0.99 - 0.24 / height, "\n".join(lines), fontsize=8, color="#555555", va="top",
                linespacing=1.25)


def leave_room(figure, inches: float) -> None:
    """Keeps panels below the top of the figure, where the heading stands."""
    top = inches / figure.get_figheight()
    figure.get_layout_engine().set(rect=(0.01, 0.01, 0.98, 0.98 - top), hspace=0.08, wspace=0.06)


def panels(rows: int, columns: int, width: float, height: float):
    """A figure with room above its panels for the heading."""
    plt.rcParams.update(STYLE)
    size = (width * columns, height * rows + 0.6)
    figure, grid = plt.subplots(rows, columns, figsize=size, layout="constrained", squeeze=False)
    leave_room(figure, 0.6)
    return figure, grid


def stem_of(output: Path | None, file: Path) -> Path:
    """What the paths of a figure begin with: as asked for, with or without an ending, or beside the file."""
    stem = output or file.with_suffix("")
    return stem.with_suffix("") if stem.suffix in (".png", ".svg") else stem


def save(figure, stem: Path) -> list[Path]:
    """Writes STEM.png and STEM.svg, the same bytes for the same figure."""
    # The layout's solver goes by addresses and rounds differently from one drawing to the next.
    figure.draw_without_rendering()
    figure.set_layout_engine("none")
    for axes in figure.axes:
        axes.set_position([round(edge, 6) for edge in axes.get_position().bounds])
    paths = [stem.with_name(stem.name + ending) for ending in (".png", ".svg")]
    for path in paths:
        try:
            metadata = {"Date": None} if path.suffix == ".svg" else None
            figure.savefig(path, dpi=200, metadata=metadata)
        except OSError as error:
            raise UserError(f"{path}: cannot be written: {error.strerror}") from None
    plt.close(figure)
    return paths
