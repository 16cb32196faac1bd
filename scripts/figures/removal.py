"""What a weight says of the effect: how much a label's loss changes when a key of such weight is kept from it, a
panel for each model, a line for each head."""

from pathlib import Path

import numpy as np

from figures.overview import OK
from figures.paper import label_ends, look, panels, save


def models_of(data: dict) -> list[tuple]:
    ok = data["status"] == OK
    return list(dict.fromkeys(zip(data["attention"][ok], data["position"][ok], data["task"][ok])))


def mean_over_seeds(values: np.ndarray) -> np.ndarray:
    """Of the seeds that have any; NaN where none has."""
    there = np.isfinite(values)
    sums = np.where(there, values, 0).sum(axis=0)
    return np.divide(sums, there.sum(axis=0), out=np.full(sums.shape, np.nan), where=there.any(axis=0))


def draw_panel(axes, data: dict, model: tuple) -> None:
    rows = (data["status"] == OK) & (data["attention"] == model[0]) & (data["position"] == model[1]) & (data["task"] == model[2])
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
        ends.append((middles[there][-1], effects[layer, head][there][-1],
                     f"layer {layer}, head {head}: {correlations[layer, head]:.2f}", colour))
    axes.set_xlim(0, 1)
    axes.set_xlabel("weight of the key")
    axes.set_ylabel("change of the loss without it, nats")
    axes.set_title(", ".join(model), pad=8)
    axes.grid(axis="y", color="#e6e6e6", linewidth=0.6)
    axes.set_axisbelow(True)
    label_ends(axes, ends)


def draw(data: dict, stem: Path) -> list[Path] | None:
    """None where the file has no removals."""
    if any(name not in data for name in ("removal_effect", "removal_correlation")):
        return None
    models = models_of(data)
    figure, grid = panels(1, len(models), 5.4, 3.4)
    for axes, model in zip(grid.flat, models):
        draw_panel(axes, data, model)
    figure.suptitle("What a weight says of its key's worth", x=0.02, y=0.99,
                    ha="left", va="top", fontsize=12, fontweight="bold")
    return save(figure, stem)
