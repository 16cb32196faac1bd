"""Scores by what is asked: a map of test length by part, or bits per byte by context.

Both read the parts that a task names "depth=0.25", "distance=16" or "fresh shots=4", and "context=17-32".
"""

from pathlib import Path

from figures import comparison as data
from figures.accuracy import text_colour
from figures.paper import (GREY, PALE, common_limits, draw_interval, draw_seeds, finish_scores, heading, label_ends,
                           look, panels, plt, save, spaced_axis, stroke)


# What maps are drawn of, and how its axis is named.
SAID = {"depth": "depth (0: at the beginning)", "distance": "distance, from so many tokens on",
        "known shots": "examples of a known map, from so many on", "fresh shots": "examples of a fresh map, from so many on"}


def name_of(part: dict) -> str:
    """"depth" of "depth=0.25", '' of a part that is not a value of anything."""
    name, equals, _ = part["part"].partition("=")
    return name if equals else ""


def lines_with(found: dict, wanted) -> list[tuple[dict, dict]]:
    """The lines, and of each its parts by name of which `wanted(name_of(part))` is true."""
    lines = [(line, {part["part"]: part for part in line.get("parts") or [] if wanted(name_of(part))})
             for line in data.chosen_lines(found)]
    return [(line, parts) for line, parts in lines if parts]


def draw_map(axes, name: str, line: dict, parts: dict[str, dict], lengths: list[int]) -> None:
    kind, colours = data.primary(line), plt.get_cmap("cividis")
    for row, part in enumerate(parts.values()):
        for point in data.part_points(part, kind):
            column = lengths.index(point["test_length"])
            colour = colours(point["value"])
            axes.add_patch(plt.Rectangle((column - 0.5, row - 0.5), 1, 1, facecolor=colour,
                                         edgecolor="white", linewidth=1.2))
            axes.text(column, row, f"{point['value']:.2f}", fontsize=7, color=text_colour(colour),
                      ha="center", va="center")
            if data.is_limited(point):
                axes.add_patch(plt.Rectangle((column - 0.42, row - 0.40), 0.84, 0.80, fill=False,
                                             edgecolor=text_colour(colour), linewidth=0.9,
                                             linestyle=(0, (3, 2))))
    for length in set(data.trained_lengths(line)).intersection(lengths):
        axes.annotate("trained", (lengths.index(length), 1), xytext=(0, 2),
                      xycoords=("data", "axes fraction"), textcoords="offset points", fontsize=7,
                      color=GREY, ha="center", annotation_clip=False)
    axes.set_xlim(-0.5, len(lengths) - 0.5)
    axes.set_ylim(len(parts) - 0.5, -0.5)
    axes.set_xticks(range(len(lengths)), [str(length) for length in lengths])
    names = list(dict.fromkeys(map(name_of, parts.values())))
    alone = len(names) == 1
    axes.set_yticks(range(len(parts)), [part.partition("=")[2] if alone else part.replace("=", " ") for part in parts])
    axes.set_title(name, pad=14)
    axes.set_xlabel("tokens of the test")
    if alone:
        axes.set_ylabel(SAID[names[0]])
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)


def draw_depths(found: dict, stem: Path) -> list[Path] | None:
    lines = lines_with(found, SAID.__contains__)
    if not lines:
        return None
    lengths = sorted({length for _, parts in lines for part in parts.values()
                      for length in part["test_length"]})
    most = max(len(parts) for _, parts in lines)
    columns = min(4, len(lines))
    names = data.model_names(found)
    width = max(1.3 + 0.55 * max(3, len(lengths)), 0.6 + 0.1 * max(len(names[line["label"]]) for line, _ in lines))
    figure, grid = panels(-(-len(lines) // columns), columns, width, 1.1 + 0.27 * max(4, most))
    limited = any(data.is_limited(point) for line, parts in lines for part in parts.values()
                  for point in data.part_points(part, data.primary(line)))
    for axes, (line, parts) in zip(grid.flat, lines):
        draw_map(axes, names[line["label"]], line, parts, lengths)
    for axes in list(grid.flat)[len(lines):]:
        axes.axis("off")
    kinds = " or ".join(dict.fromkeys(data.score_name(data.primary(line)) for line, _ in lines))
    asked = " and ".join(dict.fromkeys(name_of(part) for _, parts in lines for part in parts.values()))
    heading(figure, found, f"{kinds} by {asked}", data.seeds_note([line for line, _ in lines], "mean over seeds"),
            "dashed: a ceiling below 1" if limited else "", data.left_out_note(found))
    return save(figure, stem)


def draw_context_panel(axes, found: dict, lines: list[tuple], length: int, limits: tuple | None) -> None:
    ends, edges, names = [], set(), data.model_names(found)
    for number, (line, parts) in enumerate(lines):
        colour, marker = look(number)
        along = [(int(name.partition("=")[2].rsplit("-", 1)[-1]), point) for name, part in parts.items()
                 for point in data.part_points(part, data.primary(line))
                 if point["test_length"] == length]
        if not along:
            continue
        xs, points = [x for x, _ in along], [point for _, point in along]
        edges.update(xs)
        draw_interval(axes, xs, points, data.primary(line), colour)
        draw_seeds(axes, xs, points, colour)
        axes.plot(xs, [point["value"] for point in points], color=colour, marker=marker,
                  linestyle=stroke(number), markeredgecolor="white", markeredgewidth=0.5)
        ends.append((xs[-1], points[-1]["value"], names[line["label"]], colour))
    spaced_axis(axes, sorted(edges))
    for entry in found.get("ngram_bits_per_byte") or []:
        if entry["bits_per_byte"] is not None:
            axes.axhline(entry["bits_per_byte"], color=PALE, linewidth=0.8, linestyle=(0, (1, 2)),
                         zorder=1)
            ends.append((float("inf"), entry["bits_per_byte"], f"{entry['context_bytes']}-byte n-gram",
                         GREY))
    axes.set_title(f"{length} tokens", pad=8)
    axes.set_xlabel("bytes of context, at most")
    finish_scores(axes, data.primary(lines[0][0]), [], limits)
    label_ends(axes, ends)


def draw_contexts(found: dict, stem: Path) -> list[Path] | None:
    lines = lines_with(found, lambda name: name == "context")
    by_length: dict[int, int] = {}
    for _, parts in lines:
        for part in parts.values():
            for length in part["test_length"]:
                by_length[length] = by_length.get(length, 0) + 1
    lengths = sorted(length for length, parts in by_length.items() if parts > len(lines))
    if not lengths:
        return None
    columns = min(2, len(lengths))
    figure, grid = panels(-(-len(lengths) // columns), columns, 5.4, 3.2)
    limits = common_limits([(data.primary(line), point) for line, parts in lines for part in parts.values()
                            for point in data.part_points(part, data.primary(line)) if point["test_length"] in lengths])
    for axes, length in zip(grid.flat, lengths):
        draw_context_panel(axes, found, lines, length, limits)
    for axes in list(grid.flat)[len(lengths):]:
        axes.axis("off")
    heading(figure, found, "bits per byte by the bytes before",
            data.seeds_note([line for line, _ in lines], "mean over seeds, 95 % interval and every seed"),
            data.left_out_note(found))
    return save(figure, stem)
