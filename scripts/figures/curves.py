"""Training curves: validation loss against the step, a panel for each value of the setting that varies most, a line for
each model; thin, the loss of training."""

from pathlib import Path

import numpy as np

from figures.models import mean_over_seeds, varying
from figures.overview import OK
from figures.paper import draw_grid, draw_title, label_ends, look, panels, save
from figures.sweep_config import NAMES, settings_of

MOST_PANELS, MOST_LINES = 12, 12
SMOOTHED_POINTS = 9


def said(config: dict, key: str) -> str:
    """A newer key that a config lacks says nothing."""
    value = config.get(key)
    if key in NAMES:
        return value or ""
    return f"{key.rsplit('.', 1)[-1].replace('_', ' ')} {value if value is not None else 'default'}"


def smoothed(losses: np.ndarray) -> np.ndarray:
    """Means of so many points up to each; of the first ones of as many as there are."""
    sums = np.cumsum(np.concatenate([[0.0], losses]))
    ends = np.arange(1, len(losses) + 1)
    starts = np.maximum(0, ends - SMOOTHED_POINTS)
    return (sums[ends] - sums[starts]) / (ends - starts)


def draw_panel(axes, data: dict, lines: dict[str, list[int]], names: list[str]) -> None:
    ends = []
    for name, rows in lines.items():
        colour, _ = look(names.index(name))
        steps = data["curve_step"][rows[0]]
        for column, width, alpha in (("curve_training_loss", 0.7, 0.5), ("curve_validation_loss", 1.6, 1.0)):
            values = mean_over_seeds(data[column][rows])
            there = np.isfinite(values) & np.isfinite(steps)
            if not there.any():
                continue
            drawn = smoothed(values[there]) if column == "curve_training_loss" else values[there]
            axes.plot(steps[there], drawn, color=colour, linewidth=width, alpha=alpha)
            if column == "curve_validation_loss":
                ends.append((steps[there][-1], drawn[-1], name, colour))
    axes.set_xlabel("step")
    axes.set_ylabel("loss, nats")
    draw_grid(axes)
    label_ends(axes, ends)


def draw(data: dict, stem: Path) -> list[Path] | None:
    """None where the file has no validation curves, or more models than can be told apart."""
    if any(name not in data for name in ("curve_step", "curve_validation_loss", "curve_training_loss", "config")):
        return None
    rows = [int(row) for row in np.flatnonzero(data["status"] == OK) if np.isfinite(data["curve_validation_loss"][row]).any()]
    configs = {row: settings_of(data["config"][row]) for row in rows}
    values = varying(list(configs.values()))
    keys = sorted(values, key=lambda key: -len(values[key]))
    if not rows or not keys:
        return None
    by_panel: dict[str, dict[str, list[int]]] = {}
    for row, config in configs.items():
        name = ", ".join(said(config, key) for key in keys[1:]) or said(config, "attention")
        by_panel.setdefault(said(config, keys[0]), {}).setdefault(name, []).append(row)
    names = list(dict.fromkeys(name for lines in by_panel.values() for name in lines))
    if len(by_panel) > MOST_PANELS or len(names) > MOST_LINES:
        return None
    columns = min(2, len(by_panel))
    figure, grid = panels(-(-len(by_panel) // columns), columns, 6.4, 3.2)
    for axes, (title, lines) in zip(grid.flat, by_panel.items()):
        draw_panel(axes, data, lines, names)
        axes.set_title(title, pad=8)
    for axes in list(grid.flat)[len(by_panel):]:
        axes.axis("off")
    draw_title(figure, "Loss of validation against the step (thin: of training)")
    return save(figure, stem)
