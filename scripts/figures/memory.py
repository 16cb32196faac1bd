"""Bytes of activations and of the state of decoding over those of the parameters, against length: a panel
for each variant, a colour for each width."""

from pathlib import Path

import numpy as np

from figures.overview import OK
from figures.paper import GREY, draw_title, finish_axes, label_ends, look, panels, save

SHARES = {"activations": "-", "state": (0, (3, 1.5))}


def bytes_of(data: dict, tag: str) -> np.ndarray:
    """[run], held between the forward and the backward pass of a training step."""
    return data["live_bytes"][:, :, list(data["tag"]).index(tag)].sum(axis=1)


def shares_of(data: dict) -> dict:
    """[run] each, over the bytes of the parameters."""
    parameters = bytes_of(data, "parameters")
    return {"activations": bytes_of(data, "activations") / parameters, "state": data["state_bytes"] / parameters}


def draw_panel(axes, data: dict, shares: dict, attention: str) -> None:
    runs = (data["status"] == OK) & (data["attention"] == attention)
    lengths, ends = sorted(set(data["length"][runs])), []
    for number, width in enumerate(sorted(set(data["width"][runs]))):
        colour, marker = look(number)
        for name, stroke in SHARES.items():
            values = [np.nanmedian(shares[name][runs & (data["width"] == width) & (data["length"] == length)])
                      for length in lengths]
            if not np.isfinite(values).any():
                continue
            axes.plot(lengths, values, color=colour, linestyle=stroke, marker=marker if name == "activations" else None,
                      markeredgecolor="white", markeredgewidth=0.5)
            ends.append((lengths[-1], values[-1], f"{name}, {width}", colour))
    axes.axhline(1, color=GREY, linewidth=0.8)
    finish_axes(axes, attention, lengths, 10, lambda value, _: f"{value:g}")
    label_ends(axes, ends)


def draw(data: dict, stem: Path) -> list[Path] | None:
    """None where the file lacks the bytes, or models of another width."""
    if any(name not in data for name in ("live_bytes", "tag", "state_bytes", "width")):
        return None
    if len(set(data["width"][data["status"] == OK])) < 2:
        return None
    variants = list(dict.fromkeys(data["attention"][data["status"] == OK]))
    figure, grid = panels(-(-len(variants) // 2), 2, 5, 3.2)
    shares = shares_of(data)
    for axes, attention in zip(grid.flat, variants):
        draw_panel(axes, data, shares, attention)
    for axes in grid.flat[len(variants):]:
        axes.axis("off")
    draw_title(figure, "Bytes over those of the parameters, by the width of the model")
    return save(figure, stem)
