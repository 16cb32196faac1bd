"""Scores against one setting of the models, such as the window: a panel for each part of the test."""

from pathlib import Path

from figures import comparison as data
from figures.paper import (CEILINGS_ARE, common_limits, draw_ceiling, draw_interval, draw_seeds, finish_scores,
                           heading, label_ends, look, panels, save, spaced_axis, stroke)

MOST_PANELS = 12


def number_of(text: str | None) -> float | None:
    try:
        return float(text)
    except (TypeError, ValueError):
        return None


def numeric_settings(lines: list[dict]) -> dict[str, set[float]]:
    """The values of each setting that is a number in every line that has it, if there are several."""
    found: dict[str, list] = {}
    for line in lines:
        for key, value in (line.get("settings") or {}).items():
            if value:
                found.setdefault(key, []).append(number_of(value))
    return {key: set(values) for key, values in found.items()
            if None not in values and len(set(values)) > 1}


def setting_to_draw(found: dict, against: str | None) -> str | None:
    """The key that `against` names in full or by its last part; by default what varies most."""
    lines = data.chosen_lines(found)
    settings = numeric_settings(lines)
    if against is None:
        return min(settings, key=lambda key: (-len(settings[key]), key), default=None)
    settings |= {key: values for key, values in numeric_settings(found.get("scores") or []).items()
                 if key == data.RATE}
    named = [key for key in settings if against in (key, key.rsplit(".", 1)[-1])]
    if len(named) != 1:
        known = ", ".join(sorted(settings))
        expected = f"one of {known}" if known else "a setting in which the models differ, which none is"
        raise data.UserError(f"--against: found '{against}', expected {expected}")
    return named[0]


def name_without(line: dict, key: str) -> str:
    """The line's label without the setting, and without a learning rate that was chosen for it."""
    settings = line.get("settings") or {}
    return data.without(data.without(line["label"], key, settings.get(key)), data.RATE, settings.get(data.RATE))


def together(whole: dict[tuple, list[tuple]]) -> dict[tuple, list[tuple]]:
    """The cells of each task as one, of length 0, if they are of several lengths."""
    lengths = {length for _, length, _ in whole}
    merged: dict[tuple, list[tuple]] = {}
    for (task, length, part), entries in whole.items():
        merged.setdefault((task, 0 if len(lengths) > 1 else length, part), []).extend(entries)
    return merged


def cells_of(found: dict, lines: list[dict]) -> dict[tuple, list[tuple]]:
    """(task, test length, part) -> the lines with their point there; without parts (task, length, '').

    Of more parts than can be drawn one by one only the whole test is, and of bits per byte, whose parts by
    context are a figure of their own. Lines that are each tested where they were trained, at different
    lengths, share a cell of length 0.
    """
    parts, whole = {}, {}
    for line in lines:
        kind, task = data.primary(line), data.task_of(found, line)
        for point in data.score_points(line, kind):
            whole.setdefault((task, point["test_length"], ""), []).append((line, point))
        for part in (line.get("parts") or []) if kind in data.SHARES else []:
            for point in data.part_points(part, kind):
                cell = (task, point["test_length"], part["part"])
                parts.setdefault(cell, []).append((line, point))
    if not parts and all(point["test_length"] == line["train_length"]
                         for entries in whole.values() for line, point in entries):
        return together(whole)
    in_parts = {cell[:2] for cell in parts}
    cells = parts | {cell: entries for cell, entries in whole.items() if cell[:2] not in in_parts}
    return cells if len(cells) <= MOST_PANELS else whole


def draw_constant(axes, point: dict, kind: str, number: int) -> None:
    """A model that the setting says nothing of: a line across the panel."""
    colour, _ = look(number)
    axes.axhline(point["value"], color=colour, linestyle=stroke(number), linewidth=1.4)
    if data.interval_in(kind, point):
        axes.axhspan(*data.interval_in(kind, point), color=colour, alpha=0.10, linewidth=0)
    for value in point["seeds"] if len(point["seeds"]) > 1 else []:
        axes.plot(0.985, value, transform=axes.get_yaxis_transform(), color=colour, marker=".",
                  markersize=4, alpha=0.6)
    if data.is_limited(point):
        axes.axhline(point["ceiling"], color=colour, linewidth=1, linestyle=(0, (5, 3)))


def draw_panel(axes, entries: list[tuple], key: str, names: list[str], limits: tuple | None = None) -> None:
    ends, xs = [], set()
    kind = data.primary(entries[0][0])
    for number, name in enumerate(names):
        colour, marker = look(number)
        named = [(number_of((line.get("settings") or {}).get(key)), point) for line, point in entries
                 if name_without(line, key) == name]
        for x, point in named:
            if x is None:
                draw_constant(axes, point, kind, number)
                ends.append((float("inf"), point["value"], name, colour))
        along = sorted(((x, point) for x, point in named if x is not None), key=lambda e: e[0])
        if not along:
            continue
        places, points = [x for x, _ in along], [point for _, point in along]
        xs.update(places)
        draw_interval(axes, places, points, kind, colour)
        draw_seeds(axes, places, points, colour)
        axes.plot(places, [point["value"] for point in points], color=colour, marker=marker,
                  linestyle=stroke(number), markeredgecolor="white", markeredgewidth=0.5)
        draw_ceiling(axes, places, points, colour)
        ends.append((places[-1], points[-1]["value"], name, colour))
    spaced_axis(axes, sorted(xs))
    axes.set_xlabel(key.rsplit(".", 1)[-1].replace("_", " "))
    finish_scores(axes, kind, [data.chance_of(line, kind, point["test_length"])
                               for line, point in entries], limits)
    label_ends(axes, ends)


def draw(found: dict, stem: Path, against: str | None = None) -> list[Path] | None:
    key = setting_to_draw(found, against)
    if key is None:
        return None
    lines = (found.get("scores") or []) if key == data.RATE else data.chosen_lines(found)
    cells = cells_of(found, lines)
    drawn = {cell: entries for cell, entries in sorted(cells.items(), key=lambda c: c[0][:2])
             if len({line["settings"].get(key) for line, _ in entries}) > 1}
    if not drawn:
        return None
    names = list(dict.fromkeys(name_without(line, key) for line in lines))
    tasks = {task for task, _, _ in drawn}
    columns = 2 if len(drawn) == 4 else min(3, len(drawn))
    rows = -(-len(drawn) // columns)
    figure, grid = panels(rows, columns, 4.6, 3.0)
    limits = common_limits([(data.primary(line), point) for entries in drawn.values() for line, point in entries])
    for axes, (cell, entries) in zip(grid.flat, drawn.items()):
        draw_panel(axes, entries, key, names, limits)
        task, length, part = cell
        tested = f"{length} tokens" if length else "tested at the length of training"
        axes.set_title(", ".join(filter(None, [task if len(tasks) > 1 else "", tested, part])), pad=8)
    for axes in list(grid.flat)[len(drawn):]:
        axes.axis("off")
    kinds = dict.fromkeys(data.score_name(data.primary(line)) for line in lines)
    limited = any(data.is_limited(point) for entries in drawn.values() for _, point in entries)
    heading(figure, found, f"{' or '.join(kinds)} against {key}",
            data.seeds_note(lines, "mean over seeds, 95 % interval and every seed"), CEILINGS_ARE if limited else "",
            "" if key == data.RATE else data.left_out_note(found))
    return save(figure, stem)
