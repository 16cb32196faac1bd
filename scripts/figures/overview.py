"""The overview of a results file: time, memory, FLOPs and accuracy against length in one figure.

Reads what is there and computes nothing that could change a result.
"""

from pathlib import Path

import h5py
import numpy as np

from figures import comparison
from figures.comparison import UserError
from figures.paper import STYLE, finish_axes, ink, label_ends, look, plt, save, slope_guides
from figures.style import bytes_text, flops_text, seconds_text
from figures.sweep_config import settings_of

OK = 0  # status of a run that ended as it should
SCORES = ("accuracy", "exact_match", "loss", "bits_per_byte", "curve_validation_accuracy")


def read_results(path: Path) -> dict:
    """Every variable of the file as an array; texts as str."""
    if not path.exists():
        raise UserError(f"{path}: there is no such file, expected a results file")
    try:
        with h5py.File(path, "r") as file:
            data = {name: item[()] for name, item in file.items()
                    if isinstance(item, h5py.Dataset) and item.shape is not None}
            attributes = {name: file.attrs[name] for name in file.attrs}
            meanings = file["status"].attrs.get("flag_meanings", "") if "status" in file else ""
    except OSError:
        raise UserError(f"{path}: cannot be read as HDF5, expected a results file") from None
    for name, values in data.items():
        if values.dtype == object:
            data[name] = np.array([v.decode() if isinstance(v, bytes) else v for v in values.ravel()],
                                  dtype=object).reshape(values.shape)
    study = attributes.get("study", b"")
    data["study"] = study.decode() if isinstance(study, bytes) else str(study)
    meanings = meanings.decode() if isinstance(meanings, bytes) else str(meanings)
    data["status_names"] = dict(enumerate(name.replace("_", " ") for name in meanings.split()))
    needed = ["attention", "position", "norm", "seed", "length", "batch", "train_length", "status",
              "training_step_seconds", "peak_total_bytes", "training_step_flops", "scope"]
    missing = [name for name in needed if name not in data]
    if missing:
        raise UserError(f"{path}: has no variable '{missing[0]}', expected a results file of lengthwise")
    if not (data["status"] == OK).any():
        raise UserError(f"{path}: has no run that ended ok, expected at least one")
    return data


def with_chosen_scores(data: dict, file: Path, program: Path | None) -> dict:
    """Where runs differ in the learning rate: the scores of the rate alone that compare chose, on the
    seeds that did not choose it."""
    rates = {settings_of(str(config)).get(comparison.RATE) for config in data.get("config", [])}
    if len(rates) < 2 or "run_id" not in data:
        return data
    try:
        found = comparison.compare(file, program)
    except UserError as error:
        return data | {"said": f"every learning rate, since none can be chosen: {error}"}
    if not comparison.left_out_note(found):
        return data
    reported = {seed.get("run_id") for line in comparison.chosen_lines(found)
                for seed in line.get("seeds") or []}
    kept = np.array([run in reported for run in data["run_id"]])
    masked = {name: np.where(kept.reshape(-1, *[1] * (data[name].ndim - 1)), data[name], np.nan)
              for name in SCORES if name in data}
    return data | masked | {"said": comparison.left_out_note(found), "chosen": True}


def splitting_keys(data: dict, runs: np.ndarray, settings: list) -> list:
    """Keys of the config in which runs differ that are alike in variant, scheme, norm, length and seed."""
    first: dict = {}
    keys: dict = {}
    for i in runs:
        cell = tuple(data[name][i] for name in ("attention", "position", "norm", "length", "seed"))
        before = first.setdefault(cell, settings[i])
        keys.update({key: None for key, value in settings[i].items() if before.get(key) != value})
    return list(keys)


def groups_of(data: dict) -> dict:
    """Label -> indices of its runs. What does not vary is left out of the labels."""
    keys = [key for key in ("attention", "position", "norm") if len(set(data[key])) > 1]
    keys = keys or ["attention"]
    runs = np.arange(len(data["status"]))
    settings = [settings_of(str(config)) for config in data.get("config", [""] * len(data["status"]))]
    splitting = [key for key in splitting_keys(data, runs, settings)
                 if key != comparison.RATE or "chosen" not in data]
    groups: dict = {}
    for i in runs:
        names = [str(data[key][i]) for key in keys]
        names += [f"{key.rsplit('.', 1)[-1]}={settings[i][key]}" for key in splitting
                  if key in settings[i]]
        groups.setdefault(", ".join(names), []).append(i)
    return {label: np.array(groups[label]) for label in sorted(groups)}


def ended_ok(data: dict, indices: np.ndarray) -> np.ndarray:
    return indices[data["status"][indices] == OK]


def failures(data: dict, indices: np.ndarray) -> dict:
    """Length -> how its runs ended, where none of them ended ok; refused pairs were never runs."""
    good = set(data["length"][ended_ok(data, indices)])
    names = data["status_names"]
    ends = {int(data["length"][i]): names.get(int(data["status"][i]), "failed") for i in indices
            if data["length"][i] not in good}
    return {length: end for length, end in sorted(ends.items()) if end != "refused"}


def by_length(lengths: np.ndarray, values: np.ndarray) -> tuple:
    """Sorted lengths with the median, least and largest of all values at each; NaN is absent."""
    xs, middle, low, high = [], [], [], []
    for length in np.unique(lengths):
        here = np.asarray(values[lengths == length], dtype=float).ravel()
        here = here[np.isfinite(here)]
        if here.size:
            xs.append(length)
            middle.append(np.median(here))
            low.append(here.min())
            high.append(here.max())
    return tuple(np.array(part, dtype=float) for part in (xs, middle, low, high))


def series(data: dict, indices: np.ndarray, name: str) -> tuple:
    indices = ended_ok(data, indices)
    return by_length(data["length"][indices], data[name][indices])


def flops(data: dict, indices: np.ndarray, scope: str | None) -> tuple:
    indices = ended_ok(data, indices)
    values = data["training_step_flops"][indices]
    part = values.sum(axis=1) if scope is None else values[:, list(data["scope"]).index(scope)]
    return by_length(data["length"][indices], part)


def scores(data: dict, indices: np.ndarray, name: str) -> tuple:
    if name not in data or "test_length" not in data:
        return by_length(np.array([]), np.array([]))
    values = data[name][ended_ok(data, indices)]
    lengths = np.broadcast_to(data["test_length"], values.shape)
    return by_length(lengths.ravel(), values.ravel())


def draw_bars(axes, groups: dict, title: str, read, formatter) -> None:
    """One bar for each line of a file that has one length only."""
    length = 0
    for number, (label, indices) in enumerate(groups.items()):
        xs, middle, low, high = read(indices)
        if not xs.size:
            continue
        length = int(xs[0])
        axes.barh(label, middle[0], xerr=[[middle[0] - low[0]], [high[0] - middle[0]]], height=0.6,
                  color=look(number)[0], error_kw={"elinewidth": 0.8, "capsize": 1.8})
        axes.annotate(formatter(middle[0]), (high[0], label), xytext=(5, 0), va="center", fontsize=8,
                      textcoords="offset points", annotation_clip=False)
    axes.set_title(title, pad=8)
    axes.set_xlabel(f"at {length} tokens")
    axes.set_ylim(max(4, len(groups)) - 0.5, -0.5)
    axes.tick_params(axis="y", length=0)
    axes.set_xticks([])
    axes.spines["bottom"].set_visible(False)


def open_marks(axes, data: dict, groups: dict) -> None:
    """A hollow mark above the curves for each length that a line did not get through."""
    failed = {number: failures(data, indices) for number, indices in enumerate(groups.values())}
    rows = [number for number, ends in failed.items() if ends]
    if not rows:
        return
    low, high = axes.get_ylim()
    axes.set_ylim(low, high * (high / low) ** (0.07 * (len(rows) + 0.5)))
    axes.set_xlim(axes.get_xlim())
    for place, number in enumerate(rows):
        colour, marker = look(number)
        height = 0.965 - 0.07 * place
        ends = failed[number]
        axes.plot(list(ends), [height] * len(ends), transform=axes.get_xaxis_transform(),
                  color=colour, marker=marker, markersize=6, markerfacecolor="white",
                  linestyle="none", clip_on=False, zorder=5)
        said = ", ".join(dict.fromkeys(ends.values()))
        axes.annotate(said, (min(ends), height), xycoords=axes.get_xaxis_transform(),
                      xytext=(-6, 0), textcoords="offset points", ha="right", va="center",
                      fontsize=7, color=ink(colour))


def draw_cost(axes, data: dict, groups: dict, title: str, read, formatter, log_base=10,
              dashed=None) -> None:
    sizes = [read(indices)[0].size for indices in groups.values()]
    if not any(sizes):
        axes.axis("off")
        return
    if max(sizes) <= 1:
        draw_bars(axes, groups, title.replace(" (dotted: whole model)", ""), read, formatter)
        return
    curves, ends, lengths = [], [], set()
    for number, (label, indices) in enumerate(groups.items()):
        colour, marker = look(number)
        xs, middle, low, high = read(indices)
        if not xs.size:
            continue
        if dashed is not None:
            other_xs, other, *_ = dashed(indices)
            axes.plot(other_xs, other, color=colour, linewidth=0.9, linestyle=(0, (1, 1.5)))
        axes.errorbar(xs, middle, yerr=[middle - low, high - middle], color=colour, marker=marker,
                      elinewidth=0.8, capsize=1.8, markeredgecolor="white", markeredgewidth=0.5)
        curves.append((xs, middle))
        ends.append((xs[-1], middle[-1], label, colour))
        lengths.update(xs)
    lengths.update(length for indices in groups.values() for length in failures(data, indices))
    slope_guides(axes, curves)
    finish_axes(axes, title, sorted(lengths), log_base, formatter)
    open_marks(axes, data, groups)
    label_ends(axes, ends)


def draw_curves(axes, data: dict, groups: dict) -> None:
    """Validation accuracy against optimizer steps: for models scored at one length only."""
    ends = []
    for number, (label, indices) in enumerate(groups.items()):
        colour, marker = look(number)
        for i in ended_ok(data, indices):
            accuracy = data["curve_validation_accuracy"][i]
            there = np.isfinite(accuracy)
            if there.any():
                steps = data["curve_step"][i][there]
                axes.plot(steps, accuracy[there], color=colour, linewidth=1.3)
                axes.plot(steps[-1], accuracy[there][-1], color=colour, linestyle="none",
                          marker=marker, markeredgecolor="white")
                ends.append((steps[-1], accuracy[there][-1], label, colour))
    length = int(data["test_length"][0])
    axes.set_title(f"Validation accuracy in training, {length} tokens", pad=8)
    axes.set_xlabel("steps")
    axes.set_ylim(-0.03, 1.05)
    axes.grid(axis="y", color="#e6e6e6", linewidth=0.6)
    label_ends(axes, list({label: end for end in ends for label in [end[2]]}.values()))


def draw_scores(axes, data: dict, groups: dict) -> None:
    one_length = len(data.get("test_length", [])) == 1
    if one_length and np.isfinite(data.get("curve_validation_accuracy", np.nan)).any():
        draw_curves(axes, data, groups)
        return
    in_bits = "bits_per_byte" in data and np.isfinite(data["bits_per_byte"]).any()
    scored = np.isfinite(data["loss"]).any(axis=1) if "loss" in data else data["train_length"] > 0
    primary = set(data["score"][scored]) if "score" in data else set()
    in_nats = primary == {"loss"}
    name = ("bits_per_byte" if in_bits else "loss" if in_nats else
            "exact_match" if primary == {"exact_match"} else "accuracy")
    title = {"bits_per_byte": "Bits per byte on held-out text", "exact_match": "Exact match",
             "accuracy": "Accuracy", "loss": "Loss on held-out tokens, nats"}[name]
    ends, lengths, limited = [], set(), False
    for number, (label, indices) in enumerate(groups.items()):
        colour, marker = look(number)
        xs, middle, low, high = scores(data, indices, name)
        if not xs.size:
            continue
        axes.errorbar(xs, middle, yerr=[middle - low, high - middle], color=colour, marker=marker,
                      elinewidth=0.8, capsize=1.8, markeredgecolor="white", markeredgewidth=0.5)
        ends.append((xs[-1], middle[-1], label, colour))
        lengths.update(xs)
        ceiling_xs, ceiling, *_ = scores(data, indices, "ceiling")
        if (ceiling < 1).any() and not in_bits and not in_nats:
            axes.plot(ceiling_xs, ceiling, color=colour, linewidth=1, linestyle=(0, (5, 3)))
            limited = True
    if not ends:
        axes.axis("off")
        axes.text(0.5, 0.5, "no run of this file was scored", ha="center", color="#6f6f6f",
                  transform=axes.transAxes)
        return
    finish_axes(axes, title + (" (dashed: ceiling)" if limited else ""),
                sorted(lengths))
    if in_bits and "ngram_bits_per_byte" in data:
        for context, bits in zip(data["context"], np.nanmedian(data["ngram_bits_per_byte"], axis=0)):
            axes.axhline(bits, color="#9a9a9a", linewidth=0.8, linestyle=(0, (4, 2)), zorder=1)
            ends.append((np.inf, bits, f"{context}-byte n-gram", "#6f6f6f"))
    if in_bits or in_nats:
        axes.margins(y=0.12)  # room for the word 'trained'
    else:
        axes.set_ylim(-0.03, 1.15)
    trained = sorted({length for name in ("train_length", "tune_length") if name in data
                      for length in data[name][data[name] > 0]})
    if len(lengths) > 1:
        for length in trained:
            axes.axvline(length, color="#c9c9c9", linewidth=0.8, zorder=0)
            axes.annotate("trained", (length, 1), xycoords=("data", "axes fraction"), xytext=(3, -2),
                          textcoords="offset points", fontsize=7, color="#6f6f6f", va="top")
    label_ends(axes, ends)


def draw(data: dict, stem: Path) -> list:
    groups = groups_of(data)
    plt.rcParams.update(STYLE)
    figure, grid = plt.subplots(2, 2, figsize=(10, 7.2), layout="constrained")
    figure.get_layout_engine().set(rect=(0.015, 0.015, 0.97, 0.895), hspace=0.08, wspace=0.06)
    draw_cost(grid[0, 0], data, groups, "Training step: time",
              lambda i: series(data, i, "training_step_seconds"), seconds_text)
    draw_cost(grid[0, 1], data, groups, "Training step: peak memory",
              lambda i: series(data, i, "peak_total_bytes"), bytes_text, log_base=2)
    draw_cost(grid[1, 0], data, groups, "FLOPs of attention (dotted: whole model)",
              lambda i: flops(data, i, "attention"), flops_text,
              dashed=lambda i: flops(data, i, None))
    draw_scores(grid[1, 1], data, groups)
    name = data["study"] or stem.name
    figure.text(0.02, 0.965, f"How attention scales: {name}", fontsize=12, fontweight="bold")
    cpu, threads = data.get("cpu", ["unknown"])[0], data.get("threads", [0])[0]
    batch = ", ".join(str(b) for b in sorted(set(data["batch"])))
    shared = "" if len(set(data["position"])) > 1 else f"; positions: {data['position'][0]}"
    loaded, beside = (int((data[key] == 1).sum()) if key in data else 0 for key in ("machine_loaded", "machine_shared"))
    said = [f"{cpu}, {threads} {'thread' if threads == 1 else 'threads'}", f"batch {batch}{shared}",
            "median, and range of the repeats", data.get("said"),
            comparison.busy_note(loaded, beside, len(data["status"]))]
    figure.text(0.02, 0.937, "; ".join(filter(None, said)), fontsize=8, color="#555555")
    return save(figure, stem)
