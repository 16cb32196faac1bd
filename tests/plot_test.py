"""Runs scripts/plot.py on a results file and on wrong input: plot_test.py RESULTS_FILE PROGRAM"""

import json
import re
import shutil
import subprocess
import sys
import tempfile
from functools import cache
from pathlib import Path

import h5py
import matplotlib.image
import numpy as np

kept = tempfile.TemporaryDirectory()  # what several tests read, until the last has ended
SCRIPTS = Path(__file__).resolve().parent.parent / "scripts"
PLOT = SCRIPTS / "plot.py"
sys.path.insert(0, str(SCRIPTS))
from checks import run_checks  # noqa: E402
from figures import comparison, curves, overview, page_figures, page_tables, scaling, settings  # noqa: E402
from figures.paper import apart, common_limits, plt  # noqa: E402
from figures.style import COLOURS, INK, MARKERS, STROKES, place  # noqa: E402


def plot(*arguments):
    return subprocess.run([sys.executable, PLOT, *map(str, arguments)], capture_output=True, text=True)


def draws_both_files_with_every_label(results: Path, folder: Path) -> None:
    outcome = plot(results, "-o", folder / "figure")
    assert outcome.returncode == 0, outcome.stderr
    assert outcome.stdout.split() == [str(folder / "figure.png"), str(folder / "figure.svg")]
    assert (folder / "figure.png").stat().st_size > 50_000
    svg = (folder / "figure.svg").read_text()
    with h5py.File(results) as file:
        variants = {name.decode() for name in file["attention"][()]}
        lengths = set(file["length"][()])
    for text in [*variants, *map(str, lengths), "slope 1", "slope 2", "Training step: time"]:
        assert f">{text}<" in svg, f"the figure does not say '{text}'"


def draws_beside_the_file_by_default(results: Path, folder: Path) -> None:
    copy = Path(shutil.copy(results, folder / "mine.h5"))
    assert plot(copy).returncode == 0
    assert (folder / "mine.png").exists() and (folder / "mine.svg").exists()


def draws_the_same_twice(results: Path, folder: Path) -> None:
    plot(results, "-o", folder / "a")
    plot(results, "-o", folder / "b.png")
    assert (folder / "a.svg").read_bytes() == (folder / "b.svg").read_bytes()


def keeps_long_labels_inside(results: Path, folder: Path) -> None:
    """As lines, then as the bars of a file with one length."""
    for one_length in (False, True):
        copy = Path(shutil.copy(results, folder / "long.h5"))
        with h5py.File(copy, "r+") as file:
            file["attention"][...] = [f"{name.decode()}_linear_incremental" for name in file["attention"]]
            if one_length:
                file["status"][...] = file["length"][()] != min(file["length"])
        outcome = plot(copy)
        assert outcome.returncode == 0, outcome.stderr
        image = matplotlib.image.imread(copy.with_suffix(".png"))
        for edge in (image[:, :8], image[:, -8:], image[:8], image[-8:]):
            assert (edge == 1).all(), f"something reaches the edge, one_length={one_length}"


def leaves_groups_aside(results: Path, folder: Path) -> None:
    copy = Path(shutil.copy(results, folder / "group.h5"))
    with h5py.File(copy, "r+") as file:
        file.create_group("notes")["text"] = [1]
    outcome = plot(copy)
    assert outcome.returncode == 0, outcome.stderr


def keeps_settings_apart(results: Path, folder: Path) -> None:
    copy = Path(shutil.copy(results, folder / "settings.h5"))
    with h5py.File(copy, "r+") as file:
        # Two runs of one variant and length that differ in a setting alone.
        for name in ("attention", "position", "norm", "length", "seed"):
            file[name][1] = file[name][0]
        file["config"][0] = "model.width = 64\n"
        file["config"][1] = "model.width = 128\n"
    outcome = plot(copy)
    assert outcome.returncode == 0, outcome.stderr
    drawn = copy.with_suffix(".svg").read_text()
    for label in ("width=64", "width=128"):
        assert label in drawn, f"the figure does not say '{label}'"


def marks_lengths_that_failed(results: Path, folder: Path) -> None:
    copy = Path(shutil.copy(results, folder / "marks.h5"))
    with h5py.File(copy, "r+") as file:
        names = list(file["status"].attrs["flag_meanings"].decode().split())
        longest = file["length"][()] == max(file["length"])
        full = file["attention"].asstr()[()] == "full"
        file["status"][...] = (longest & full) * names.index("timed_out")
    outcome = plot(copy)
    assert outcome.returncode == 0, outcome.stderr
    drawn = copy.with_suffix(".svg").read_text()
    assert drawn.count(">timed out<") == 3, "time, memory and FLOPs each mark the failed length"


def compared(results: Path) -> dict:
    return json.loads(subprocess.run([sys.argv[2], "compare", results, "--json"], capture_output=True,
                                     check=True).stdout)


def with_every_key(results: Path) -> dict:
    """The comparison of five processes and three seeds, one crossover open at its upper end."""
    found = compared(results)
    for group in found["groups"]:
        for quantity in group["quantities"].values():
            quantity["low"] = [value and 0.9 * value for value in quantity["values"]]
            quantity["high"] = [value and 1.1 * value for value in quantity["values"]]
    later, earlier = (group["label"] for group in found["groups"][:2])
    from_, to = found["groups"][0]["lengths"][0]["length"], found["groups"][0]["lengths"][-1]["length"]
    found["crossovers"] = [{
        "quantity": "training_step_seconds", "later": later, "earlier": earlier, "status": "crosses",
        "length": 1.5 * from_, "low": 1.2 * from_, "high": None, "from": from_, "to": to,
        "reference": True, "sentence": "one overtakes the other"}]
    found["pareto"] = []
    for line in found["scores"]:
        values = [entry["value"] for entry in line["bits_per_byte"]]
        line["seeds"] = [{"seed": s, "bits_per_byte": [v + 0.1 * s for v in values]} for s in range(3)]
        line |= {"solved": 2, "trained": 3, "mean": {"bits_per_byte": [v + 0.1 for v in values]},
                 "low": {"bits_per_byte": values}, "high": {"bits_per_byte": [v + 0.2 for v in values]}}
        found["pareto"].append({
            "label": line["label"], "train_length": line["train_length"], "score": "bits_per_byte",
            "value": values[0], "training_seconds": 7.0 + len(found["pareto"]),
            "peak_total_bytes": 2 ** 25, "state_bytes": 2 ** 16 * (1 + len(found["pareto"])),
            "on_front_seconds": True, "on_front_bytes": True})
    return found


def program_that_says(found: dict, folder: Path) -> Path:
    (folder / "comparison.json").write_text(json.dumps(found))
    program = folder / "says"
    program.write_text(f"#!/bin/sh\ncat '{folder}/comparison.json'\n")
    program.chmod(0o755)
    return program


def draws_the_figures_of_a_comparison(results: Path, folder: Path) -> None:
    """As the program gives it, and with every key that it may give: intervals, crossovers, seeds, fronts."""
    expected = {"scaling": ["Training step: time of attention", "slope 2"],
                "decoding": ["Decoding one token: time of attention", "Taking the prompt: time",
                             "State while decoding"],
                "parts": ["feed-forward", "projections", "attention"],
                "accuracy": ["tokens of the test (framed: as trained)"]}
    whole = expected | {"accuracy": ["2 of 3 solved", "± 0.1"],
                        "pareto": ["Against time of training", "bits per byte (less is better)"]}
    whole["scaling"] = whole["scaling"] + ["bands: 95 % intervals", "crosses: crossovers"]
    for program, said in [(sys.argv[2], expected),
                          (program_that_says(with_every_key(results), folder), whole)]:
        for old in folder.glob("figure-*"):
            old.unlink()
        outcome = plot(results, "--figure", "all", "-o", folder / "figure", "--program", program)
        assert outcome.returncode == 0, outcome.stderr
        assert all(Path(line).exists() for line in outcome.stdout.split())
        for figure, texts in said.items():
            svg = (folder / f"figure-{figure}.svg").read_text()
            labels = [group["label"] for group in compared(results)["groups"]]
            for text in texts + labels:
                assert text in svg, f"{figure} does not say '{text}'"
            if figure == "parts":
                assert svg.count(">feed-forward<") == 1, "the parts are named once, in the first row's last panel"
            image = matplotlib.image.imread(folder / f"figure-{figure}.png")
            for edge in (image[:, :4], image[:, -4:], image[:4], image[-4:]):
                assert (edge == 1).all(), f"something of {figure} reaches the edge"
        one = plot(results, "--figure", "scaling", "-o", folder / "b", "--program", program)
        assert len(one.stdout.split()) == 2, "scaling alone is two files"
        assert (folder / "b-scaling.svg").read_bytes() == (folder / "figure-scaling.svg").read_bytes()


def band_and_crossover_stand_where_compare_says(results: Path, folder: Path) -> None:
    """Drawn into axes, read back: the band's edges, the crossover's bar, its open end at the range's."""
    found = with_every_key(results)
    _, axes = plt.subplots()
    assert scaling.draw_panel(axes, found, "training_step_seconds")
    quantity = found["groups"][0]["quantities"]["training_step_seconds"]
    band = axes.collections[0].get_paths()[0].vertices[:, 1]
    assert np.isclose(band.min(), min(quantity["low"])) and np.isclose(band.max(), max(quantity["high"]))
    crossing = found["crossovers"][0]
    drawn = [line.get_xdata() for line in axes.lines if line.get_color() == "black"]
    ends = {float(x) for xs in drawn for x in np.atleast_1d(xs)}
    assert ends == {crossing["length"], crossing["low"], crossing["to"]}, ends
    plt.close("all")


def lines_differ_in_grey_and_text_can_be_read(results: Path, folder: Path) -> None:
    def luminance(colour):
        parts = [int(colour[i:i + 2], 16) / 255 for i in (1, 3, 5)]
        linear = [v / 12.92 if v <= 0.04045 else ((v + 0.055) / 1.055) ** 2.4 for v in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
    for colour in INK:
        assert 1.05 / (luminance(colour) + 0.05) >= 4.5, f"{colour} is too pale for text"
    looks = {(str(STROKES[place(i)[0]]), MARKERS[place(i)[1]]) for i in range(64)}
    assert len(looks) == 64 and len(COLOURS) == len(STROKES) == len(INK) == 8


def words_of(drawing: Path) -> str:
    """What an SVG says, across its line breaks."""
    return " ".join(re.sub("<[^>]+>", " ", drawing.read_text()).split())


def swept(folder: Path, options: str) -> Path:
    outcome = subprocess.run([sys.argv[2], "run", "--results", folder, *options.split()], capture_output=True, text=True)
    assert outcome.returncode == 0, outcome.stderr
    return folder / "sweep.h5"


@cache
def recall_sweep() -> Path:
    """Windows of 8 and 16 beside full attention, three seeds, scored in three cells at two lengths."""
    return swept(Path(kept.name) / "recall",
                 "--attention short_conv+full,short_conv+windowed --attention.windowed.window 8,16 --position none "
                 "--task mqar --task.mqar.vocabulary 128 --task.mqar.train_cells 64x8 --task.mqar.test_cells 32x4+64x4+64x8 "
                 "--length 64 --model.width 16 --model.heads 1 --train.steps 20 --train.batch 8 --eval.lengths 32+64 "
                 "--eval.examples 20 --seed 0,1,2 --repeats 1")


def draws_scores_against_settings_and_lengths(results: Path, folder: Path) -> None:
    recall = recall_sweep()
    outcome = plot(recall, "--figure", "all", "--program", sys.argv[2])
    assert outcome.returncode == 0, outcome.stderr
    found = compared(recall)
    ceiling = next(line for line in found["scores"] if "window=8" in line["label"])["ceiling"][1]
    expected = {
        "settings": ["32 tokens, pairs=4", "64 tokens, pairs=8", "short_conv+windowed",
                     "short_conv+full", "dashed, rings: ceiling", "chance"],
        "lengths": ["trained at 64 tokens", "short_conv+windowed window=16", "every seed"],
        "accuracy": [f"of {ceiling:.3f}", "of: the ceiling"]}
    for figure, texts in expected.items():
        for text in texts:
            said = words_of(recall.with_name(f"sweep-{figure}.svg"))
            assert text in said, f"{figure} does not say '{text}'"
        image = matplotlib.image.imread(recall.with_name(f"sweep-{figure}.png"))
        for edge in (image[:, :4], image[:, -4:], image[:4], image[-4:]):
            assert (edge == 1).all(), f"something of {figure} reaches the edge"
    assert not recall.with_name("sweep-depths.svg").exists(), "no part is a depth"
    outcome = plot(recall, "--figure", "settings", "--against", "heads", "--program", sys.argv[2])
    assert outcome.returncode == 2, outcome.stdout
    assert "found 'heads', expected one of attention.windowed.window" in outcome.stderr, outcome.stderr


def settings_stand_where_compare_says(results: Path, folder: Path) -> None:
    """Drawn into axes, read back: means at their windows, ceilings dashed, full across the panel."""
    found = compared(recall_sweep())
    key = settings.setting_to_draw(found, None)
    assert key == "attention.windowed.window"
    entries = settings.cells_of(found, found["scores"])[("mqar", 64, "pairs=8")]
    _, axes = plt.subplots()
    names = ["short_conv+full", "short_conv+windowed"]
    settings.draw_panel(axes, entries, key, names)
    means, ceilings = {}, {}
    for line in found["scores"]:
        part = next(part for part in line["parts"] if part["part"] == "pairs=8")
        window = line["settings"].get(key)
        means[window], ceilings[window] = part["mean"]["accuracy"][0], part["ceiling"][0]
    drawn = {(tuple(map(float, line.get_xdata())), tuple(map(float, line.get_ydata())))
             for line in axes.lines if len(line.get_xdata()) == 2}
    assert ((8.0, 16.0), (means["8"], means["16"])) in drawn, (drawn, means)
    assert ((8.0, 16.0), (ceilings["8"], ceilings["16"])) in drawn and ceilings["8"] < 1, drawn
    assert ((0.0, 1.0), (means[None], means[None])) in drawn, (drawn, means)
    plt.close("all")


def bits_are_drawn_whole_and_lengths_of_training_together(results: Path, folder: Path) -> None:
    found = compared(recall_sweep())
    for line in found["scores"]:
        line["primary"], line["bits_per_byte"] = "bits_per_byte", [{"test_length": n, "value": n / 8} for n in (32, 64)]
        for part in line["parts"]:
            part["mean"]["bits_per_byte"] = part["mean"]["accuracy"]
    assert set(settings.cells_of(found, found["scores"])) == {("mqar", 32, ""), ("mqar", 64, "")}, "of parts, too"
    for number, line in enumerate(found["scores"]):
        line["parts"] = []
        line["train_length"] = 32 + 32 * (number % 2)
        line["bits_per_byte"] = [{"test_length": line["train_length"], "value": 2 + number}]
    [(cell, entries)] = settings.cells_of(found, found["scores"]).items()
    assert cell == ("mqar", 0, "") and len(entries) == len(found["scores"])
    low, high = common_limits([("bits_per_byte", point) for _, point in entries])
    assert low < 2 and high > 1 + len(entries) and common_limits([("accuracy", entries[0][1])]) is None


def labels_of_an_axis_do_not_meet(_results: Path, _folder: Path) -> None:
    assert apart([8, 9, 16, 128], True) == [8, 9, 16, 128] and apart([8, 9, 16, 128, 4096], True) == [8, 16, 128, 4096]
    assert apart([8, 9, 16, 128], False) == [8, 16, 128]


def draws_parts_that_are_depths_and_contexts(results: Path, folder: Path) -> None:
    found = compared(recall_sweep())
    for name, figure, said in [("depth={}", "depths", "depth (0: at the beginning)"),
                               ("distance={}", "depths", "distance, from so many tokens on"),
                               ("fresh shots={}", "depths", "examples of a fresh map, from so many on"),
                               ("context=1-{}", "contexts", "bytes of context, at most")]:
        for line in found["scores"]:
            for number, part in enumerate(line["parts"]):
                part["part"] = name.format(number + 1)
        outcome = plot(results, "--figure", figure, "-o", folder / "f",
                       "--program", program_that_says(found, folder))
        assert outcome.returncode == 0, outcome.stderr
        svg = (folder / f"f-{figure}.svg").read_text()
        for text in [said, *(line["label"] for line in found["scores"])]:
            assert f">{text}<" in svg, f"{figure} does not say '{text}'"


def leaves_out_learning_rates_that_were_not_chosen(results: Path, folder: Path) -> None:
    found = compared(recall_sweep())
    found["scores"][1]["chosen"] = False
    left_out = found["scores"][1]["label"]
    assert comparison.left_out_note(found) == "1 line of learning rates that were not chosen left out"
    program = program_that_says(found, folder)
    for figure in ("accuracy", "lengths"):
        assert plot(results, "--figure", figure, "-o", folder / "f", "--program", program).returncode == 0
        said = words_of(folder / f"f-{figure}.svg")
        assert left_out not in said and "1 line of learning rates" in said, figure


def the_overview_scores_by_the_chosen_rate_alone(results: Path, folder: Path) -> None:
    recall = recall_sweep()
    found = compared(recall)
    found["scores"][1]["chosen"] = False
    left_out = {seed["run_id"] for seed in found["scores"][1]["seeds"]}
    data = overview.read_results(recall)
    is_left_out = np.array([run in left_out for run in data["run_id"]])
    assert is_left_out.sum() == 3
    for run in np.flatnonzero(is_left_out):
        data["config"][run] = re.sub("(train.learning_rate =) .*", r"\1 0.5", data["config"][run])
    shown = overview.with_chosen_scores(data, recall, program_that_says(found, folder))
    assert (np.isfinite(shown["accuracy"]).all(axis=1) == ~is_left_out).all()
    assert "1 line of learning rates" in shown["said"]
    assert not any("learning_rate" in label for label in overview.groups_of(shown))
    unknown = overview.with_chosen_scores(data, recall, folder / "nowhere")
    assert "every learning rate" in unknown["said"] and np.isfinite(unknown["accuracy"]).all()


def draws_bytes_over_those_of_the_parameters(results: Path, folder: Path) -> None:
    widths = SCRIPTS.parent / "results" / "memory.h5"
    outcome = plot(widths, "--figure", "memory", "-o", folder / "m", "--program", folder / "nowhere")
    assert outcome.returncode == 0, f"it asks the program, or: {outcome.stderr}"
    said = words_of(folder / "m-memory.svg")
    for text in ("activations, 64", "state, 512", "linear", "tokens"):
        assert text in said, f"the figure does not say '{text}'"
    one_width = plot(results, "--figure", "memory", "-o", folder / "n")
    assert one_width.returncode == 2 and "expected models of two widths or more" in one_width.stderr


def names_a_figure_that_has_no_data(results: Path, folder: Path) -> None:
    found = compared(results) | {"scores": []}
    outcome = plot(results, "--figure", "accuracy", "--program", program_that_says(found, folder))
    assert outcome.returncode == 2 and "expected trained models" in outcome.stderr, outcome.stderr
    outcome = plot(results, "--figure", "scaling", "--program", folder / "nowhere")
    assert outcome.returncode == 2 and "no such program" in outcome.stderr, outcome.stderr
    assert outcome.stderr.count("\n") == 1, outcome.stderr


def draws_gradients_and_what_removals_show(results: Path, folder: Path) -> None:
    models = swept(folder / "r", "--task induction --length 16 --model.width 16 --model.heads 2 "
                   "--repeats 1 --threads 1 --train.steps 5 --train.batch 4 --eval.examples 20 --eval.removal true "
                   "--model.layers 2,3 --model.norm pre,none --model.residual true,false")
    for figure in ("gradients", "removal"):
        outcome = plot(models, "--figure", figure, "-o", folder / "x")
        assert outcome.returncode == 0 and not outcome.stderr, outcome.stderr
    gradients = words_of(folder / "x-gradients.svg")
    for text in ("2 layers", "3 layers", "pre", "pre, no residual", "no norm", "no norm, no residual"):
        assert text in gradients, f"{text}: not in {gradients}"
    removal = words_of(folder / "x-removal.svg")
    assert removal.count("layer 2, head 1") == 4, removal
    assert "full, induction, layers=3, norm=none, residual=false" in removal, removal
    for figure in ("gradients", "removal"):
        outcome = plot(results, "--figure", figure, "-o", folder / "y")
        assert outcome.returncode == 2 and "has nothing to draw" in outcome.stderr, outcome.stderr


def says_that_runs_were_timed_on_a_busy_machine(results: Path, folder: Path) -> None:
    said = "2 of 12 runs timed while others used the machine; 3 of 12 runs timed beside other runs"
    found = with_every_key(results) | {"runs": 12, "environment": {"machine_loaded_runs": 2, "shared_runs": 3}}
    for figure in ("scaling", "parts"):
        plot(results, "--figure", figure, "-o", folder / "x", "--program", program_that_says(found, folder))
        assert said in words_of(folder / f"x-{figure}.svg"), figure
    copy = Path(shutil.copy(results, folder / "busy.h5"))
    with h5py.File(copy, "r+") as file:
        runs = len(file["status"])
        for name, count in (("machine_loaded", 2), ("machine_shared", 3)):
            file[name][...] = np.arange(runs) < count
    assert plot(copy).returncode == 0
    assert said.replace("12", str(runs)) in words_of(copy.with_suffix(".svg"))


def says_both_lengths_of_what_was_trained_twice(results: Path, folder: Path) -> None:
    models = swept(folder / "r", "--task induction --length 16 --model.width 16 --model.heads 2 --repeats 1 --threads 1 "
                   "--train.steps 5 --train.batch 4 --tune.steps 2 --tune.length 32 --tune.batch 4 "
                   "--eval.lengths 16+32+64 --eval.examples 20")
    for figure, said, times in (("lengths", "trained at 16, then 32 tokens", 1), ("lengths", "trained", 3),
                                ("accuracy", "framed: as trained", 1), ("overview", "trained", 2)):
        outcome = plot(models, *(["--figure", figure] if figure != "overview" else []), "-o", folder / "x")
        assert outcome.returncode == 0 and not outcome.stderr, outcome.stderr
        drawing = folder / ("x.svg" if figure == "overview" else f"x-{figure}.svg")
        assert words_of(drawing).count(said) == times, f"{figure}: {said}: {words_of(drawing)}"
    assert (folder / "x-accuracy.svg").read_text().count("stroke: #d55e00") == 2, "frames"
    found = compared(models)
    [scores] = page_tables.scores(found)
    for table in (scores, page_tables.pareto(found)):
        assert [row[1] for row in table.rows] == ["16, then 32"], table
    [accuracy, *_] = page_figures.accuracy_figures(found)
    assert accuracy["trained"] == [16, 32], accuracy["trained"]


def draws_training_curves(results: Path, folder: Path) -> None:
    models = swept(folder / "r", "--task induction --length 16 --model.width 16 --model.heads 2 "
                   "--repeats 1 --threads 1 --train.steps 6 --train.batch 4 --train.evaluate_every 2 --eval.examples 20 "
                   "--seed 1,2 --train.examples 0,8,16 --model.dropout 0,0.1")
    outcome = plot(models, "--figure", "curves", "-o", folder / "x")
    assert outcome.returncode == 0 and not outcome.stderr, outcome.stderr
    said = words_of(folder / "x-curves.svg")
    for text in ("examples default", "examples 8", "examples 16", "loss, nats"):
        assert text in said, f"{text}: not in {said}"
    assert said.count("dropout 0.1") == 3 and said.count("dropout 0") == 6, said
    assert np.allclose(curves.smoothed(np.arange(1.0, 21)), [*np.arange(1, 9) / 2 + 0.5, *np.arange(5, 17)])
    outcome = plot(results, "--figure", "curves", "-o", folder / "y")
    assert outcome.returncode == 2 and "has nothing to draw" in outcome.stderr, outcome.stderr


def refuses_wrong_files_in_one_line(results: Path, folder: Path) -> None:
    (folder / "words.h5").write_text("not HDF5")
    with h5py.File(folder / "other.h5", "w") as file:
        file["something"] = [1]
    failed = Path(shutil.copy(results, folder / "failed.h5"))
    with h5py.File(failed, "r+") as file:
        file["status"][...] = 4
    for name, said in [("missing.h5", "no such file"), ("words.h5", "cannot be read as HDF5"),
                       ("other.h5", "no variable"), ("failed.h5", "no run that ended ok")]:
        outcome = plot(folder / name)
        assert outcome.returncode == 2, f"{name}: exit code {outcome.returncode}"
        assert said in outcome.stderr and name in outcome.stderr, outcome.stderr
        assert outcome.stderr.count("\n") == 1, outcome.stderr
        assert not (folder / name).with_suffix(".png").exists()


def main() -> int:
    tests = [draws_both_files_with_every_label, draws_beside_the_file_by_default,
             draws_the_same_twice, keeps_long_labels_inside, leaves_groups_aside, keeps_settings_apart,
             marks_lengths_that_failed, draws_the_figures_of_a_comparison,
             band_and_crossover_stand_where_compare_says,
             draws_scores_against_settings_and_lengths, settings_stand_where_compare_says,
             bits_are_drawn_whole_and_lengths_of_training_together, labels_of_an_axis_do_not_meet,
             draws_parts_that_are_depths_and_contexts,
             leaves_out_learning_rates_that_were_not_chosen,
             the_overview_scores_by_the_chosen_rate_alone, lines_differ_in_grey_and_text_can_be_read,
             draws_bytes_over_those_of_the_parameters, draws_gradients_and_what_removals_show, draws_training_curves,
             says_both_lengths_of_what_was_trained_twice, says_that_runs_were_timed_on_a_busy_machine,
             names_a_figure_that_has_no_data, refuses_wrong_files_in_one_line]

    def in_a_folder(test) -> None:
        with tempfile.TemporaryDirectory() as folder:
            test(Path(sys.argv[1]), Path(folder))

    return run_checks(tests, in_a_folder)


if __name__ == "__main__":
    sys.exit(main())
