"""Heads as heat maps: a query a row, a key a column, tokens on both axes."""

from pathlib import Path

import numpy as np
import xarray

from figures.comparison import UserError
from figures.paper import GREY, STYLE, draw_title, leave_room, plt, save

MOST_PANELS = 64
MOST_TOKENS = 40  # that are written along an axis; of more every second, third ...
# Light where little weight lies and dark where much does, in even steps, also in grey.
COLOURS = "magma_r"
SHOWN = {" ": "␣", "\n": "↵", "\t": "⇥", "": "∅"}


def read(path: Path) -> xarray.Dataset:
    if not path.exists():
        raise UserError(f"{path}: there is no such file, expected what `lengthwise attend -o` wrote")
    try:
        data = xarray.load_dataset(path, engine="h5netcdf")
    except (OSError, ValueError, KeyError):
        raise UserError(f"{path}: cannot be read as HDF5, expected what `lengthwise attend -o` wrote") from None
    if data.attrs.get("title") != "Lengthwise attention":
        raise UserError(f"{path}: holds no weights of attention, expected what `lengthwise attend -o` wrote")
    return data


def choose(data: xarray.Dataset, arguments) -> xarray.Dataset:
    """One input; of its roles, layers and heads those that were asked for."""
    if not 0 <= arguments.input < data.sizes["run"]:
        raise UserError(f"--input: found {arguments.input}, expected 0 to {data.sizes['run'] - 1}")
    data = data.isel(run=arguments.input)
    for key in ("role", "layer", "head"):
        wanted = getattr(arguments, key)
        if wanted is None:
            continue
        there = [value.item() for value in data[key].values]
        if wanted not in there:
            raise UserError(f"--{key}: found {wanted}, expected one of {', '.join(map(str, there))}")
        data = data.sel({key: [wanted]})
    return data


def shown(token: str) -> str:
    return SHOWN.get(token, token if token.isprintable() else "�")


def tokens_of(data: xarray.Dataset, role: str, side: str) -> list[str]:
    """As many as this input has there: what is absent from a file is an empty text at the end."""
    tokens = [str(token) for token in data[f"{side}_token"].sel(role=role).values]
    while tokens and not tokens[-1]:
        tokens.pop()
    return [shown(token) for token in tokens]


def label_tokens(axis, tokens: list[str], size: float) -> None:
    step = -(-len(tokens) // MOST_TOKENS)
    places = list(range(0, len(tokens), step))
    axis.set_ticks(places, [tokens[place] for place in places])
    axis.set_tick_params(length=0, pad=2, labelsize=size)
    for label in axis.get_ticklabels():
        if axis.axis_name == "x" and len(label.get_text()) > 2:
            label.set_rotation(90)


def panels_of(data: xarray.Dataset, rollout: bool) -> list[tuple]:
    """(role, layer, [(title, weights [query, key]) ...]) of every layer that has weights."""
    rows = []
    for role in data["role"].values:
        queries, keys = (len(tokens_of(data, role, side)) for side in ("query", "key"))
        for layer in data["layer"].values:
            of_layer = data.sel(role=role, layer=layer).isel(query=slice(queries), key=slice(keys))
            heads = []
            for head in data["head"].values:
                one = of_layer.sel(head=head)
                if one["weights"].notnull().any():
                    said = f"head {head}\nentropy {one['entropy'].item():.2f}, distance {one['distance'].item():.1f}"
                    heads.append((said, one["weights"].values))
            if rollout and of_layer["rollout"].notnull().any():
                heads.append(("rollout\nup to this layer", of_layer["rollout"].values))
            if heads:
                rows.append((str(role), int(layer), heads))
    return rows


def draw_panel(axes, weights: np.ndarray, queries: list[str], keys: list[str], size: float):
    sizes = np.ma.masked_equal(np.abs(weights), 0)  # white: what is not seen at all
    image = axes.imshow(sizes, vmin=0, vmax=1, cmap=COLOURS, aspect="auto",
                        interpolation="nearest", rasterized=True)
    label_tokens(axes.xaxis, keys, size)
    label_tokens(axes.yaxis, queries, size)
    for spine in axes.spines.values():
        spine.set_visible(True)
        spine.set_color(GREY)
    return image


def draw(data: xarray.Dataset, stem: Path, rollout: bool) -> list[Path]:
    rows = panels_of(data, rollout)
    if not rows:
        reasons = sorted({str(text) for text in data["why_none"].values.ravel() if text})
        raise UserError(f"{data['input'].item()!r}: has no weights to draw: {'; '.join(reasons) or 'none chosen'}")
    panels = sum(len(heads) for _, _, heads in rows)
    if panels > MOST_PANELS:
        raise UserError(f"found {panels} panels, expected at most {MOST_PANELS}: choose by --layer, --head or --role")
    plt.rcParams.update(STYLE | {"axes.titleweight": "normal", "axes.titlesize": 8})
    columns = max(len(heads) for _, _, heads in rows)
    longest = max(len(tokens_of(data, role, side)) for role, _, _ in rows for side in ("query", "key"))
    side = float(np.clip(0.17 * longest, 1.9, 6.8 if panels == 1 else 4.6))
    size = float(np.clip(72 * side / min(longest, MOST_TOKENS) * 0.62, 4, 8))
    figure, grid = plt.subplots(len(rows), columns, squeeze=False, layout="constrained",
                                figsize=(max(5.2, (side + 0.35) * columns + 1.3), (side + 0.75) * len(rows) + 0.8))
    leave_room(figure, 0.55)
    for line, (role, layer, heads) in zip(grid, rows):
        queries, keys = (tokens_of(data, role, side) for side in ("query", "key"))
        for axes in line[len(heads):]:
            axes.set_axis_off()
        for axes, (title, weights) in zip(line, heads):
            image = draw_panel(axes, weights, queries, keys, size)
            axes.set_title(title, pad=4)
        name = data["variant"].sel(role=role, layer=layer).item()
        line[0].set_ylabel(f"{role} layer {layer}, {name}\nquery")
    for axes in grid[-1]:
        axes.set_xlabel("key")
    bar = figure.colorbar(image, ax=grid, shrink=min(1.0, 2.2 / figure.get_figheight()), aspect=16, pad=0.02)
    bar.set_label("weight; white: none" if not (data["negative"] > 1e-6).any() else "size of the weight, some negative; white: none")
    bar.outline.set_linewidth(0.7)
    heading(figure, data)
    return save(figure, stem)


def heading(figure, data: xarray.Dataset) -> None:
    room = int(figure.get_figwidth() * 15)
    read_text = "".join(shown(c) if c in "\n\t" else c for c in data["input"].item())
    target = "".join(shown(c) if c in "\n\t" else c for c in data["target"].item())
    text = f"{Path(data['checkpoint'].item()).name}, {data['train_steps'].item()} steps; input {read_text}"
    text += f", target {target}" if target else ""
    draw_title(figure, "What attention looks at")
    figure.text(0.02, 0.99 - 0.24 / figure.get_figheight(), text if len(text) <= room else text[:room - 1] + "…",
                fontsize=8, color="#555555", va="top")
