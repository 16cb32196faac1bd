"""Where the time goes: the shares of the model's parts in a training step, against length."""

from pathlib import Path

from figures import comparison as data
from figures.paper import GREY, heading, panels, save, spread
from figures.style import PART_COLOURS, PART_INK, PART_NAMES, PARTS, seconds_text

HATCHES = ["", "////", "\\\\\\\\", "....", "xxxx"]
QUANTITY = "training_step_seconds"


def draw_panel(axes, group: dict, labelled: bool) -> None:
    parts = group["parts"][QUANTITY]
    lengths = [entry["length"] for entry in group["lengths"]]
    kept = [i for i in range(len(lengths)) if any((parts.get(part) or [None] * len(lengths))[i]
                                                  for part in PARTS)]
    values = {part: [(parts.get(part) or [0] * len(lengths))[i] or 0 for i in kept] for part in PARTS}
    totals = [sum(values[part][i] for part in PARTS) for i in range(len(kept))]
    below, middles = [0.0] * len(kept), []
    for part, colour, hatch in zip(PARTS, PART_COLOURS, HATCHES):
        shares = [value / total for value, total in zip(values[part], totals)]
        axes.bar(range(len(kept)), shares, 0.86, below, color=colour, hatch=hatch, edgecolor="white",
                 linewidth=0.8)
        middles.append(below[-1] + shares[-1] / 2)
        below = [b + share for b, share in zip(below, shares)]
    for i, total in enumerate(totals):
        axes.annotate(seconds_text(total), (i, 1.015), ha="center", va="bottom", fontsize=6.5, color=GREY,
                      annotation_clip=False)
    if labelled:
        for part, middle, height in zip(PARTS, middles, spread(middles, 0.075)):
            axes.annotate(PART_NAMES[part], (len(kept) - 0.57, middle), xytext=(len(kept) - 0.3, height),
                          color=PART_INK[PARTS.index(part)], va="center", fontsize=8,
                          annotation_clip=False,
                          arrowprops={"arrowstyle": "-", "color": GREY, "linewidth": 0.5,
                                      "shrinkA": 1, "shrinkB": 0, "relpos": (0, 0.5)})
    axes.set_title(group["label"], pad=14)
    axes.set_xticks(range(len(kept)), [str(lengths[i]) for i in kept])
    axes.set_xlabel("tokens")
    axes.set_xlim(-0.55, len(kept) - 0.45)
    axes.set_ylim(0, 1)
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:.0%}")
    axes.tick_params(length=0)
    axes.spines["left"].set_visible(False)


def draw(found: dict, stem: Path) -> list[Path] | None:
    groups = [group for group in found["groups"]
              if any(any(values or []) for values in (group.get("parts") or {}).get(QUANTITY, {}).values())]
    if not groups:
        return None
    columns = min(3, len(groups))
    rows = -(-len(groups) // columns)
    figure, grid = panels(rows, columns, 3.6, 2.7)
    for number, axes in enumerate(grid.flat):
        if number < len(groups):
            draw_panel(axes, groups[number], labelled=number == columns - 1)
        else:
            axes.axis("off")
    heading(figure, found, "shares of a training step, medians; above the bars their sum", data.busy_note_of(found))
    return save(figure, stem)
