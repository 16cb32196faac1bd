"""A repository with one tiny study, for the tests of scripts/reproduce.py."""

import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np

from checks import run_checks

ROOT = Path(__file__).resolve().parent.parent
PROGRAM = Path(sys.argv[1]).resolve()

SWEEP = """\
attention = full,linear
length = 16:64:x2
seed = 1,2
repeats = 2
task = text
task.text.validation_bytes = 16384
model.width = 16
model.heads = 2
train.steps = 3
train.batch = 2
train.lengths = 16
eval.lengths = 16+32
"""
FINDINGS = """\
from reproduction import at_least, at_most, between, finding
QUICK = ["--train.steps", "1", "--seed", "1"]
QUICK_MINUTES = 0.1
FINDINGS = [
    finding("a random model has about eight bits a byte",
            lambda rows: {a: rows.score("bits_per_byte", attention=a) for a in ("full", "linear")}, between(6, 10)),
    finding("linear computes more", lambda rows: rows.number("forward_flops", attention="linear", length=rows.longest)
            / rows.number("forward_flops", attention="full", length=rows.longest), at_least(1.05)),
]
"""
EXPONENT = """\
FINDINGS.append(finding("full is quadratic", lambda rows: rows.exponent("training_step_attention_flops",
                        attention="full"), between(1.9, 2.1)))
"""
LABEL = "linear sinusoidal length=16 seed=2"


class Repository:
    """A folder like this repository's, with one study, `tiny`, and its results."""

    def __init__(self, folder: Path, results: Path):
        self.root = folder
        self.study = folder / "experiments" / "studies" / "tiny"
        self.study.mkdir(parents=True)
        (self.study / "sweep.ini").write_text(SWEEP)
        self.findings(FINDINGS)
        self.results = folder / "results" / "tiny.h5"
        self.results.parent.mkdir()
        shutil.copy(results, self.results)

    def findings(self, text: str) -> None:
        (self.study / "findings.py").write_text(text)

    def command(self, *arguments, program: Path = PROGRAM) -> list:
        return [sys.executable, ROOT / "scripts" / "reproduce.py", *arguments, "--root", self.root,
                "--program", program]

    def reproduce(self, *arguments, exit_code: int, program: Path = PROGRAM) -> str:
        outcome = subprocess.run(self.command(*arguments, program=program), capture_output=True, text=True)
        assert outcome.returncode == exit_code, \
            f"exit code {outcome.returncode}, expected {exit_code}:\n{outcome.stdout}{outcome.stderr}"
        return outcome.stdout + outcome.stderr

    def altered(self, **changes) -> Path:
        """A copy of the results in which each named column went through a function."""
        copy = Path(shutil.copy(self.results, self.root / "altered.h5"))
        with h5py.File(copy, "r+") as file:
            for name, change in changes.items():
                file[name][...] = change(file[name].asstr()[...] if file[name].dtype == object else file[name][...])
        return copy


def sweep(*arguments, results: Path) -> Path:
    """The file of a sweep that was run in the folder `results`."""
    outcome = subprocess.run([PROGRAM, "run", *arguments, "--results", results, "--json"], cwd=ROOT,
                             capture_output=True, text=True)
    assert outcome.returncode == 0, outcome.stderr
    return Path(json.loads(outcome.stdout)["results"])


def other_cpu(names):
    return ["another processor"] * len(names)


def place_of(file: Path, label: str) -> int:
    """The row of this run."""
    words = label.split()
    wanted = {"attention": words[0], **dict(word.split("=") for word in words[2:])}
    with h5py.File(file) as data:
        rows = np.all([(data[name].asstr()[()] == value) if name == "attention" else data[name][()] == int(value)
                       for name, value in wanted.items()], axis=0)
    return int(np.flatnonzero(rows)[0])


def at_run(file: Path, change, label: str = LABEL):
    """`change` at this run alone."""
    run = place_of(file, label)

    def changed(values):
        values[run] = change(values[run])
        return values
    return changed


def run_on_repositories(tests: list[Callable]) -> int:
    """Each test on a repository of its own, all with results of one sweep: the exit code."""
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "tiny.ini").write_text(SWEEP)
        results = sweep(Path(folder) / "tiny.ini", results=Path(folder) / "results")

        def in_a_repository(test) -> None:
            with tempfile.TemporaryDirectory() as own:
                test(Repository(Path(own), results))

        return run_checks(tests, in_a_repository)
