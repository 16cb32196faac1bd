"""What a weight says of the effect: how much a label's loss changes when a key of such weight is kept from it, a
panel for each model, a line for each head."""

from pathlib import Path

import numpy as np

from figures.models import mean_over_seeds, models_of
from figures.paper import draw_grid, draw_title, label_ends, look, panels, save


def draw_panel(axes, data: dict, model: str, rows: list[int]) -> None:
    # Of the shortest test: [layer, head, bin] and [layer, head].
    effects = mean_over_seeds(data["removal_effect"][rows][:, 0])
    correlations = mean_over_seeds(data["removal_correlation"][rows][:, 0])
    middles = (np.arange(effects.shape[-1]) + 0.5) / effects.shape[-1]
    ends = []
    for number, (layer, head) in enumerate(np.ndindex(correlations.shape)):
        there = np.isfinite(effects[layer, head])
        if not there.any():
            continue
        colour, marker = look(number)
        axes.plot(middles[there], effects[layer, head][there], color=colour, marker=marker, markeredgecolor="white",
                  markeredgewidth=0.5)
        known = np.isfinite(correlations[layer, head])
        name = f"layer {layer}, head {head}" + (f": {correlations[layer, head]:.2f}" if known else "")
        ends.append((middles[there][-1], effects[layer, head][there][-1], name, colour))
    axes.set_xlim(0, 1)
    axes.set_xlabel("weight of the key")
    axes.set_ylabel("change of the loss without it, nats")
    axes.set_title(model, pad=8)
    draw_grid(axes)
    label_ends(axes, ends)


def draw(data: dict, stem: Path) -> list[Path] | None:
    """None where the file has no removals."""
    if any(name not in data for name in ("removal_effect", "removal_correlation")):
        return None
    models = models_of(data)
    columns = min(3, len(models))
    figure, grid = panels(-(-len(models) // columns), columns, 5.4, 3.4)
    for axes, (model, rows) in zip(grid.flat, models.items()):
        draw_panel(axes, data, model, rows)
    for axes in list(grid.flat)[len(models):]:
        axes.axis("off")
    draw_title(figure, "What a weight says of its key's worth (numbers: rank correlation over all keys)")
    return save(figure, stem)
