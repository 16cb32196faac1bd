"""Accuracy grids: each trained model's score at every length it was tested at."""

from pathlib import Path

from matplotlib.colors import Normalize

from figures import comparison as data
from figures.paper import GREY, heading, ink, look, panels, plt, save

MAPS = {"accuracy": "cividis", "bits_per_byte": "cividis_r", "loss": "cividis_r"}  # bright is better


def rows_of(found: dict, kind: str) -> list[tuple]:
    """Label, length of training, number of the group, and points of each model that has a score."""
    labels = [group["label"] for group in found["groups"]]
    rows = [(line["label"], line["train_length"], labels.index(line["group"]), line,
             data.score_points(line, kind)) for line in found["scores"]]
    return [row for row in rows if row[-1]]


def solved_text(line: dict) -> str:
    trained = line.get("trained", line.get("ok"))
    return f"{line['solved']} of {trained} solved" if line.get("solved") is not None else ""


def text_colour(background: tuple) -> str:
    """Black or white, whichever has the higher contrast (relative luminance as WCAG defines it)."""
    linear = [v / 12.92 if v <= 0.04045 else ((v + 0.055) / 1.055) ** 2.4 for v in background[:3]]
    luminance = 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
    return "black" if luminance > 0.179 else "white"


def draw_grid(axes, rows: list[tuple], kind: str) -> None:
    lengths = sorted({point["test_length"] for *_, points in rows for point in points})
    values = [point["value"] for *_, points in rows for point in points]
    norm = Normalize(0, 1) if kind == "accuracy" else Normalize(min(values), max(values))
    colours = plt.get_cmap(MAPS[kind])
    for row, (label, train_length, _, line, points) in enumerate(rows):
        for point in points:
            column = lengths.index(point["test_length"])
            colour = colours(norm(point["value"]))
            axes.add_patch(plt.Rectangle((column - 0.5, row - 0.5), 1, 1, facecolor=colour,
                                         edgecolor="white", linewidth=1.5))
            text = {"color": text_colour(colour), "ha": "center", "va": "center"}
            axes.text(column, row, f"{point['value']:.3f}", fontsize=8, **text)
            if point["low"] is not None and point["high"] is not None:
                axes.text(column, row + 0.3, f"± {(point['high'] - point['low']) / 2:.2g}", fontsize=6,
                          **text)
        if train_length in lengths and len(lengths) > 1:
            axes.add_patch(plt.Rectangle((lengths.index(train_length) - 0.44, row - 0.44), 0.88, 0.88,
                                         fill=False, edgecolor="#D55E00", linewidth=1.6))
        axes.text(len(lengths) - 0.4, row, solved_text(line), fontsize=7, color=GREY, va="center")
    axes.set_xlim(-0.5, len(lengths) - 0.5)
    axes.set_ylim(len(rows) - 0.5, -0.5)
    axes.set_xticks(range(len(lengths)), [str(length) for length in lengths])
    axes.set_yticks(range(len(rows)), [row[0] for row in rows])
    axes.set_xlabel("tokens of the test" + (" (framed: as trained)" if len(lengths) > 1 else ""))
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)


def draw_dots(axes, found: dict, rows: list[tuple], kind: str) -> None:
    """For one length of test: the mean with its interval, and every seed."""
    for place, (label, _, number, line, points) in enumerate(rows):
        colour, marker = look(number)
        point = points[0]
        axes.plot(point["seeds"], [place] * len(point["seeds"]), linestyle="none", marker=".",
                  color=colour, alpha=0.6, markersize=5)
        if point["low"] is not None and point["high"] is not None:
            axes.plot([point["low"], point["high"]], [place, place], color=colour, linewidth=1.2)
        axes.plot(point["value"], place, color=colour, marker=marker, markersize=7,
                  markeredgecolor="white")
        said = "  ".join(filter(None, [f"{point['value']:.3f}", solved_text(line)]))
        axes.annotate(said, (1, place), xycoords=("axes fraction", "data"), xytext=(6, 0), va="center",
                      textcoords="offset points", fontsize=7.5, color=ink(colour))
    chance = found.get("chance")
    if kind == "accuracy":
        axes.set_xlim(-0.02, 1.02)
        if chance:
            axes.axvline(chance, color=GREY, linewidth=0.8, linestyle=(0, (4, 2)))
            axes.annotate("chance", (chance, 1), xycoords=("data", "axes fraction"), xytext=(3, 2),
                          textcoords="offset points", fontsize=7, color=GREY)
    axes.set_yticks(range(len(rows)), [row[0] for row in rows])
    axes.set_ylim(len(rows) - 0.5, -0.5)
    axes.set_xlabel(f"{data.score_name(kind)} at {rows[0][-1][0]['test_length']} tokens")
    axes.grid(axis="x", color="#e6e6e6", linewidth=0.6)
    axes.set_axisbelow(True)
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)


def draw(found: dict, stem: Path) -> list[Path] | None:
    kind = data.score_kind(found)
    if kind is None:
        return None
    rows = rows_of(found, kind)
    lengths = {point["test_length"] for *_, points in rows for point in points}
    width = 2.2 + 0.85 * max(4, len(lengths))
    figure, grid = panels(1, 1, max(5.5, width), 0.9 + 0.42 * len(rows))
    if len(lengths) > 1:
        draw_grid(grid[0, 0], rows, kind)
    else:
        draw_dots(grid[0, 0], found, rows, kind)
    several = any(line.get("seeds") and len(line["seeds"]) > 1 for _, _, _, line, _ in rows)
    name = data.score_name(kind)
    heading(figure, found, name + (", mean over seeds and 95 % interval" if several else ""))
    return save(figure, stem)
