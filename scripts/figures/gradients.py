"""How large the gradient of each layer is before training: a panel for each depth, a line for each norm, with
and without a residual stream."""

from pathlib import Path

import numpy as np

from figures.models import mean_over_seeds, models_of
from figures.overview import OK
from figures.paper import draw_grid, draw_title, label_ends, look, panels, save
from figures.sweep_config import settings_of

# What a model has not learned from yet.
OF_TRAINING = ("train.learning_rate", "train.steps")
STREAMS = {"true": "-", "false": (0, (3, 1.5))}


def draw_panel(axes, data: dict, residual: np.ndarray, of_panel: np.ndarray, layers: int) -> None:
    ends = []
    for number, norm in enumerate(dict.fromkeys(data["norm"][data["status"] == OK])):
        colour, marker = look(number)
        for stream, stroke in STREAMS.items():
            rows = data["gradient_norm"][of_panel & (data["norm"] == norm) & (residual == stream)][:, :layers]
            if not rows.size or not np.isfinite(rows).any():
                continue
            # A gradient of 0 has no place on this axis.
            middle = np.exp(mean_over_seeds(np.log(np.where(rows > 0, rows, np.nan))))
            axes.plot(range(layers), middle, color=colour, linestyle=stroke, marker=marker, markeredgecolor="white",
                      markeredgewidth=0.5)
            said = "no norm" if norm == "none" else norm
            name = f"{said}{'' if stream == 'true' else ', no residual'}"
            ends.append((layers - 1, middle[-1], name, colour))
    axes.set_yscale("log")
    axes.set_xticks(range(0, layers, max(1, layers // 8)))
    axes.set_xlabel("layer")
    axes.set_ylabel("norm of its gradient")
    draw_grid(axes)
    label_ends(axes, ends)


def draw(data: dict, stem: Path) -> list[Path] | None:
    """None where the file lacks gradients, or models of another norm, residual or depth."""
    if any(name not in data for name in ("gradient_norm", "layers", "norm", "config")):
        return None
    ok = data["status"] == OK
    configs = [settings_of(config) for config in data["config"]]
    residual = np.array([config.get("model.residual", "true") for config in configs])
    if len(set(zip(data["norm"][ok], residual[ok], data["layers"][ok]))) < 2:
        return None
    depths = sorted(set(int(layers) for layers in data["layers"][ok] if layers > 1))
    if not depths:
        return None
    others = models_of(data, {"seed", "model.layers", "model.norm", "model.residual", *OF_TRAINING}, always=())
    figure, grid = panels(len(others), len(depths), 4.6, 2.6 if len(others) > 1 else 3.4)
    for line, (said, rows) in zip(np.reshape(grid, (len(others), len(depths))), others.items()):
        of_line = np.isin(np.arange(len(ok)), rows)
        for axes, layers in zip(line, depths):
            draw_panel(axes, data, residual, of_line & (data["layers"] == layers), layers)
            own = said.replace("_", " ").replace("=", " ")
            axes.set_title(", ".join(filter(None, [f"{layers} layers", own])), pad=8)
    draw_title(figure, "Gradient of each layer before training")
    return save(figure, stem)
