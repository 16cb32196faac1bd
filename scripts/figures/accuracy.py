"""Accuracy grids: each trained model's score at every length it was tested at."""

from pathlib import Path

from matplotlib.colors import Normalize

from figures import comparison as data
from figures.comparison import SHARES
from figures.paper import GREY, heading, ink, look, panels, plt, save

def colour_map(kind: str):
    return plt.get_cmap("cividis" if kind in SHARES else "cividis_r")  # bright is better


def rows_of(found: dict, kind: str) -> list[tuple]:
    """Label, lengths of training, number of the group, and points of each model ranked by this score."""
    labels = [group["label"] for group in found["groups"]]
    names = data.model_names(found)
    rows = [(names[line["label"]], data.trained_lengths(line), labels.index(line["group"]), line,
             data.score_points(line, kind)) for line in data.chosen_lines(found)
            if data.primary(line) == kind]
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
    norm = Normalize(0, 1) if kind in SHARES else Normalize(min(values), max(values))
    colours = colour_map(kind)
    for row, (label, trained, _, line, points) in enumerate(rows):
        for point in points:
            column = lengths.index(point["test_length"])
            colour = colours(norm(point["value"]))
            axes.add_patch(plt.Rectangle((column - 0.5, row - 0.5), 1, 1, facecolor=colour,
                                         edgecolor="white", linewidth=1.5))
            text = {"color": text_colour(colour), "ha": "center", "va": "center"}
            axes.text(column, row, f"{point['value']:.3f}", fontsize=8, **text)
            if point["low"] is not None and point["high"] is not None:
                axes.text(column, row + 0.3, f"± {(point['high'] - point['low']) / 2:.3f}", fontsize=6,
                          **text)
            if data.is_limited(point):
                axes.text(column, row - 0.32, f"of {point['ceiling']:.3f}", fontsize=6, **text)
        for length in set(trained).intersection(lengths) if len(lengths) > 1 else ():
            axes.add_patch(plt.Rectangle((lengths.index(length) - 0.44, row - 0.44), 0.88, 0.88,
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
        if data.is_limited(point):
            axes.plot([point["ceiling"]] * 2, [place - 0.36, place + 0.36], color=colour, linewidth=1.1,
                      linestyle=(0, (3, 1.5)))
        said = "  ".join(filter(None, [f"{point['value']:.3f}", solved_text(line)]))
        axes.annotate(said, (1, place), xycoords=("axes fraction", "data"), xytext=(6, 0), va="center",
                      textcoords="offset points", fontsize=7.5, color=ink(colour))
    if kind in SHARES:
        axes.set_xlim(-0.02, 1.02)
        chances = [data.chance_of(row[3], kind, row[-1][0]["test_length"]) for row in rows]
        chances = [found["chance"]] if kind == "accuracy" and found.get("chance") else chances
        if None not in chances and max(chances) - min(chances) < 0.01:
            axes.axvline(chances[0], color=GREY, linewidth=0.8, linestyle=(0, (1, 2)))
            axes.annotate("chance", (chances[0], 1), xycoords=("data", "axes fraction"), xytext=(3, 2),
                          textcoords="offset points", fontsize=7, color=GREY)
    axes.set_yticks(range(len(rows)), [row[0] for row in rows])
    axes.set_ylim(len(rows) - 0.5, -0.5)
    axes.set_xlabel(f"{data.score_name(kind)} at {rows[0][-1][0]['test_length']} tokens")
    axes.grid(axis="x", color="#e6e6e6", linewidth=0.6)
    axes.set_axisbelow(True)
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)


def draw(found: dict, stem: Path) -> list[Path] | None:
    """A panel for each score by which the file's tasks rank models."""
    kinds = data.score_kinds(found)
    if not kinds:
        return None
    rows = {kind: rows_of(found, kind) for kind in kinds}
    points = [point for of_kind in rows.values() for *_, along in of_kind for point in along]
    lengths = {point["test_length"] for point in points}
    width, most = 2.2 + 0.85 * max(4, len(lengths)), max(map(len, rows.values()))
    figure, grid = panels(len(kinds), 1, max(5.5, width), 0.9 + 0.42 * most)
    for axes, kind in zip(grid.flat, kinds):
        if len({point["test_length"] for *_, along in rows[kind] for point in along}) > 1:
            draw_grid(axes, rows[kind], kind)
        else:
            draw_dots(axes, found, rows[kind], kind)
        if len(kinds) > 1:
            axes.set_title(data.score_name(kind), pad=8)
    lines = [line for of_kind in rows.values() for _, _, _, line, _ in of_kind]
    name = " and ".join(data.score_name(kind) for kind in kinds)
    mark = "of" if len(lengths) > 1 else "dashed"
    limited = any(data.is_limited(point) for point in points)
    heading(figure, found, name + data.seeds_note(lines, ", mean over seeds and 95 % interval"),
            f"{mark}: the ceiling of what the layers can reach" if limited else "", data.left_out_note(found))
    return save(figure, stem)
