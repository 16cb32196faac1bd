"""Scores against the length of the test: a line for each trained model, a panel for each training length."""

from pathlib import Path

from figures import comparison as data
from figures.paper import (CEILINGS_ARE, GREY, PALE, draw_ceiling, draw_interval, draw_seeds, finish_scores, heading,
                           label_ends, look, panels, save, spaced_axis, stroke)


def panel_key(found: dict, line: dict) -> tuple:
    return data.task_of(found, line), data.primary(line), tuple(data.trained_lengths(line))


def draw_baselines(axes, found: dict, kind: str, ends: list) -> None:
    for entry in found.get("ngram_bits_per_byte") or [] if kind == "bits_per_byte" else []:
        bits = entry["bits_per_byte"]
        if bits is not None:
            axes.axhline(bits, color=PALE, linewidth=0.8, linestyle=(0, (1, 2)), zorder=1)
            ends.append((float("inf"), bits, f"{entry['context_bytes']}-byte n-gram", GREY))


def draw_panel(axes, found: dict, key: tuple, entries: list[tuple]) -> bool:
    """Draws the lines, each with its number and name; whether a ceiling was drawn."""
    _, kind, trained_at = key
    ends, lengths, limited, chances = [], set(), False, []
    for number, name, line in entries:
        colour, marker = look(number)
        points = data.score_points(line, kind)
        xs = [point["test_length"] for point in points]
        lengths.update(xs)
        chances += [data.chance_of(line, kind, x) for x in xs]
        draw_interval(axes, xs, points, kind, colour)
        draw_seeds(axes, xs, points, colour)
        axes.plot(xs, [point["value"] for point in points], color=colour, marker=marker,
                  linestyle=stroke(number), markeredgecolor="white", markeredgewidth=0.5)
        limited = draw_ceiling(axes, xs, points, colour) or limited
        ends.append((xs[-1], points[-1]["value"], name, colour))
    spaced_axis(axes, sorted(lengths.union(trained_at)))
    axes.set_xlabel("tokens of the test")
    draw_baselines(axes, found, kind, ends)
    finish_scores(axes, kind, chances)
    for at in trained_at:
        axes.axvline(at, color="#c9c9c9", linewidth=0.8, zorder=0)
        axes.annotate("trained", (at, 1), xycoords=("data", "axes fraction"), xytext=(3, -2),
                      textcoords="offset points", fontsize=7, color=GREY, va="top")
    label_ends(axes, ends)
    return limited


def draw(found: dict, stem: Path) -> list[Path] | None:
    names = data.model_names(found)
    numbers: dict[str, int] = {}  # a model looks alike in every panel
    by_panel: dict[tuple, list] = {}
    for line in data.chosen_lines(found):
        name = data.without(names[line["label"]], "length", str(line["length"]))
        if task := data.task_of(found, line):
            name = name.replace(f" {task}", "", 1)  # the panel says it
        number = numbers.setdefault(name, len(numbers))
        if data.score_points(line, data.primary(line)):
            by_panel.setdefault(panel_key(found, line), []).append((number, name, line))
    lengths = {point["test_length"] for entries in by_panel.values() for *_, line in entries
               for point in data.score_points(line, data.primary(line))}
    if len(lengths) < 2:
        return None
    columns = min(2, len(by_panel))
    figure, grid = panels(-(-len(by_panel) // columns), columns, 6, 3.6)
    tasks = {task for task, *_ in by_panel}
    limited = False
    for axes, (key, entries) in zip(grid.flat, sorted(by_panel.items())):
        limited = draw_panel(axes, found, key, entries) or limited
        trained = data.trained_text(entries[0][-1])
        trained = f"trained at {trained} tokens" if trained else "training length not known"
        axes.set_title(", ".join(filter(None, [key[0] if len(tasks) > 1 else "", trained])), pad=8)
    for axes in list(grid.flat)[len(by_panel):]:
        axes.axis("off")
    names = " or ".join(data.score_name(kind) for kind in data.score_kinds(found))
    heading(figure, found, names,
            data.seeds_note([line for entries in by_panel.values() for *_, line in entries],
                            "mean over seeds, 95 % interval and every seed"),
            CEILINGS_ARE if limited else "", data.left_out_note(found))
    return save(figure, stem)
