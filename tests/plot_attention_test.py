"""Runs scripts/plot_attention.py on what the program finds of a small model: plot_attention_test.py PROGRAM"""

import subprocess
import sys
import tempfile
from pathlib import Path

import matplotlib.image
import numpy as np

SCRIPTS = Path(__file__).resolve().parent.parent / "scripts"
sys.path.insert(0, str(SCRIPTS))
from checks import run_checks  # noqa: E402
from figures import attention  # noqa: E402


def program(folder: Path, *arguments) -> str:
    done = subprocess.run([Path(sys.argv[1]).resolve(), *map(str, arguments)], cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def plot(*arguments):
    return subprocess.run([sys.executable, SCRIPTS / "plot_attention.py", *map(str, arguments)],
                          capture_output=True, text=True)


def attended(folder: Path) -> Path:
    """Three steps of an encoder_decoder whose decoder has a layer without weights."""
    program(folder, "run", "--results", "r", "--model.kind", "encoder_decoder", "--task", "reverse", "--length", "8",
            "--decoder.attention", "short_conv+full", "--model.width", "16", "--model.heads", "2", "--train.steps", "3",
            "--train.batch", "2", "--eval.examples", "2", "--repeats", "1")
    checkpoint, = (folder / "r/checkpoints").glob("*.last.h5")
    program(folder, "attend", "--checkpoint", checkpoint, "--input", "abcde", "--target", "edc", "--input", "xy",
            "--target", "y", "-o", "a.h5")
    return folder / "a.h5"


def draws_every_head_with_its_tokens(file: Path, folder: Path) -> None:
    outcome = plot(file, "--rollout")
    assert outcome.returncode == 0, outcome.stderr
    assert outcome.stdout.split() == [str(folder / "a.png"), str(folder / "a.svg")]
    svg = (folder / "a.svg").read_text()
    # Two encoder layers, the decoder's second, two cross; rollout of the encoder alone.
    assert svg.count(">head 0<") == 5 and svg.count(">head 1<") == 5, svg.count(">head 0<")
    assert svg.count(">rollout<") == 2, svg.count(">rollout<")
    for text in ["encoder layer 0, full", "decoder layer 1, full", "cross layer 1, full", "query", "key", "weight; white: none",
                 "e", "&lt;27&gt;"]:
        assert f">{text}<" in svg, f"the figure does not say '{text}'"
    image = matplotlib.image.imread(folder / "a.png")
    for edge in (image[:, :8], image[:, -8:], image[:8], image[-8:]):
        assert (edge == 1).all(), "something reaches the edge"
    plot(file, "--rollout", "-o", folder / "b.png")
    assert (folder / "b.svg").read_bytes() == (folder / "a.svg").read_bytes(), "drawn twice, the same"


def shows_the_weights_of_the_file(file: Path, folder: Path) -> None:
    """Read back from a panel: rows are queries and sum to 1, keys past the input's end are not drawn."""
    data = attention.read(file).isel(run=1)
    rows = {(role, layer): heads for role, layer, heads in attention.panels_of(data, False)}
    _, weights = rows["cross", 0][1]
    assert weights.shape == (2, 3), weights.shape
    assert np.allclose(weights.sum(axis=1), 1, atol=1e-5)
    assert np.array_equal(weights, data["weights"].sel(role="cross", layer=0, head=1).values[:2, :3])
    _, axes = attention.plt.subplots()
    image = attention.draw_panel(axes, weights, ["a", "b"], ["x", "y", "z"], 6)
    assert np.array_equal(image.get_array(), weights) and image.get_clim() == (0, 1)
    assert [label.get_text() for label in axes.get_xticklabels()] == ["x", "y", "z"]
    attention.plt.close("all")


def thins_labels_of_long_inputs(file: Path, folder: Path) -> None:
    _, axes = attention.plt.subplots()
    tokens = [str(i) for i in range(100)]
    attention.label_tokens(axes.xaxis, tokens, 6)
    assert [label.get_text() for label in axes.get_xticklabels()] == tokens[::3]
    assert attention.shown("\n") == "↵" and attention.shown("\x00") == "�" and attention.shown("é") == "é"
    attention.plt.close("all")


def draws_what_is_chosen(file: Path, folder: Path) -> None:
    outcome = plot(file, "--input", 1, "--role", "cross", "--layer", 1, "--head", 1, "-o", folder / "c")
    assert outcome.returncode == 0, outcome.stderr
    svg = (folder / "c.svg").read_text()
    assert ">head 1<" in svg and ">head 0<" not in svg and ">cross layer 1, full<" in svg
    for options, said in [(("--role", "nobody"), "--role: found nobody, expected one of encoder, decoder, cross"),
                          (("--head", 7), "--head: found 7, expected one of 0, 1"),
                          (("--input", 2), "--input: found 2, expected 0 to 1"),
                          (("--role", "decoder", "--layer", 0), "does not mix the values of its heads")]:
        outcome = plot(file, *options)
        assert outcome.returncode == 2 and said in outcome.stderr, outcome.stderr
        assert outcome.stderr.count("\n") == 1, outcome.stderr


def refuses_wrong_files_in_one_line(file: Path, folder: Path) -> None:
    (folder / "words.h5").write_text("not HDF5")
    for name, said in [("missing.h5", "no such file"), ("words.h5", "cannot be read as HDF5"),
                       ("r/sweep.h5", "holds no weights of attention")]:
        outcome = plot(folder / name)
        assert outcome.returncode == 2 and said in outcome.stderr and name in outcome.stderr, outcome.stderr
        assert outcome.stderr.count("\n") == 1, outcome.stderr


def main() -> int:
    tests = [draws_every_head_with_its_tokens, shows_the_weights_of_the_file, thins_labels_of_long_inputs,
             draws_what_is_chosen, refuses_wrong_files_in_one_line]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        file = attended(folder)
        return run_checks(tests, lambda test: test(file, folder))


if __name__ == "__main__":
    sys.exit(main())
