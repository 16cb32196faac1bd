"""Runs scripts/reproduce.py on a tiny study, on altered results and on wrong input: reproduce_test.py PROGRAM"""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import h5py
import numpy as np

ROOT = Path(__file__).resolve().parent.parent
PROGRAM = Path(sys.argv[1]).resolve()
sys.path.insert(0, str(ROOT / "scripts"))
from checks import run_checks  # noqa: E402
from reproduction.comparing import SOLVED_ACCURACY, compare_results, is_compared, kind_of  # noqa: E402
from reproduction.findings import CannotJudge, passes_at  # noqa: E402
from reproduction.rows import Rows, read_results  # noqa: E402
from reproduction.study import all_studies, load_findings  # noqa: E402

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

    def command(self, *arguments) -> list:
        return [sys.executable, ROOT / "scripts" / "reproduce.py", *arguments, "--root", self.root,
                "--program", PROGRAM]

    def reproduce(self, *arguments, exit_code: int) -> str:
        outcome = subprocess.run(self.command(*arguments), capture_output=True, text=True)
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


def a_rerun_agrees_bit_for_bit(repository: Repository) -> None:
    repository.findings(FINDINGS + EXPONENT)
    before = repository.results.read_bytes()
    said = repository.reproduce("tiny", exit_code=0)
    assert "same kind of machine" in said and "12 rows in both" in said, said
    assert "not compared" not in said and "holds          full is quadratic" in said, said
    for line in said.splitlines():
        if line.startswith(("  loss", "  accuracy", "  FLOPs", "  bytes", "  training curves")):
            compared, equal, amiss = map(int, line.split()[-3:])
            assert compared == equal > 0 == amiss, line
    assert sum(line.startswith(("  loss", "  FLOPs", "  bytes")) for line in said.splitlines()) == 3, said
    assert repository.results.read_bytes() == before, "the results of the repository were touched"
    runs = repository.root / "results" / "reproduce" / "tiny" / "runs"
    first = {file.name: file.stat().st_mtime_ns for file in runs.glob("*.h5")}
    said = repository.reproduce("tiny", exit_code=0)
    assert "where 12 runs are (--again" in said, said
    assert first == {file.name: file.stat().st_mtime_ns for file in runs.glob("*.h5")}
    said = repository.reproduce("tiny", "--again", exit_code=0)
    assert "--again" not in said, said
    assert not first.items() & {(file.name, file.stat().st_mtime_ns) for file in runs.glob("*.h5")}


def a_changed_number_is_named_with_its_run(repository: Repository) -> None:
    """The least change of a score, one FLOP, one byte, a setting, an end."""
    for column, kind, change in [("accuracy", "accuracy", lambda v: np.nextafter(v, 1)),
                                 ("curve_training_loss", "training curves", lambda v: np.nextafter(v, 0)),
                                 ("forward_flops", "FLOPs, exponentials", lambda v: v + 1),
                                 ("state_bytes", "bytes", lambda v: v + 1),
                                 ("parameters", "settings, sizes", lambda v: v + 1),
                                 ("loss", "loss", lambda v: v * np.nan)]:
        file = repository.altered(**{column: at_run(repository.results, change)})
        said = repository.reproduce("tiny", "--results", file, exit_code=1)
        assert f"{kind} amiss in 1 runs: {LABEL} ({column}" in said, said
        assert f"tiny: DISAGREES: {kind} (" in said, said
    failed = repository.altered(status=at_run(repository.results, lambda _: 1))
    said = repository.reproduce("tiny", "--results", failed, exit_code=1)
    assert f"how runs ended amiss in 1 runs: {LABEL} (status: out_of_memory, was ok)" in said, said


def a_missing_row_is_named(repository: Repository) -> None:
    fewer = sweep(repository.study / "sweep.ini", "--length", "16,32", results=repository.root / "fewer")
    said = repository.reproduce("tiny", "--results", fewer, exit_code=1)
    assert "fewer/tiny.h5 lacks 4 rows: full sinusoidal length=64 seed=1; " in said and "and 1 more" in said, said
    assert "4 rows in one file alone" in said, said
    shutil.copy(repository.results, repository.root / "all.h5")
    shutil.copy(fewer, repository.results)
    said = repository.reproduce("tiny", "--results", repository.root / "all.h5", exit_code=1)
    assert "results/tiny.h5 lacks 4 rows" in said, said


def elsewhere_numbers_have_a_tolerance(repository: Repository) -> None:
    def said_of(exit_code, **changes) -> str:
        file = repository.altered(cpu=other_cpu, **changes)
        return repository.reproduce("tiny", "--results", file, exit_code=exit_code)
    said = said_of(0, loss=lambda v: v * 1.001, accuracy=lambda v: v + 0.001)
    assert "another kind of machine in 12 of 12 rows" in said and "cpu 'another processor', not '" in said, said
    assert "loss amiss" in said_of(1, loss=at_run(repository.results, lambda v: v * 1.5))
    assert "accuracy amiss" in said_of(1, accuracy=at_run(repository.results, lambda v: v + 0.5))
    assert "FLOPs, exponentials amiss" in said_of(1, forward_flops=lambda v: v + 1)


def elsewhere_what_is_right_or_wrong_is_solved_or_not(repository: Repository) -> None:
    """Without bits per byte; trained at 16 tokens, the first of the test lengths."""
    repository.findings(FINDINGS.replace('"bits_per_byte"', '"accuracy"').replace("between(6, 10)", "at_least(0)"))
    absent = {"bits_per_byte": lambda v: v * np.nan}

    def scores(at_training):
        def change(values):
            values[:, 0] = np.where(np.isnan(values[:, 0]), np.nan, at_training)
            return values
        return change
    shutil.copy(repository.altered(accuracy=scores(0.97), **absent), repository.results)
    for accuracy, exit_code in [(0.99, 0), (SOLVED_ACCURACY, 0), (0.94, 1)]:
        file = repository.altered(cpu=other_cpu, accuracy=scores(accuracy))
        said = repository.reproduce("tiny", "--results", file, exit_code=exit_code)
        assert (exit_code == 0) == ("solved amiss" not in said), said
    file = repository.altered(accuracy=scores(0.99))
    assert "accuracy amiss" in repository.reproduce("tiny", "--results", file, exit_code=1), "on the same machine"


def a_column_may_be_younger_than_a_row(repository: Repository) -> None:
    """A sweep that an older program began lacks in its first rows what a newer one takes down."""
    absent = repository.altered(gradient_norm=at_run(repository.results, lambda v: v * np.nan))
    shutil.copy(absent, repository.root / "old.h5")
    shutil.copy(repository.results, repository.root / "new.h5")
    shutil.copy(repository.root / "old.h5", repository.results)
    said = repository.reproduce("tiny", "--results", repository.root / "new.h5", exit_code=1)
    assert "gradients amiss in 1 runs" in said, "of one commit a number that is lacking is a number that differs"
    newer = repository.altered(commit=lambda names: ["another"] * len(names))
    shutil.copy(repository.root / "new.h5", repository.root / "newer.h5")
    with h5py.File(newer) as other, h5py.File(repository.root / "newer.h5", "r+") as file:
        file["commit"][...] = other["commit"][...]
    repository.reproduce("tiny", "--results", repository.root / "newer.h5", exit_code=0)


def what_a_training_decides_is_no_setting(_repository: Repository) -> None:
    data = read_results(ROOT / "results" / "coreference.h5")
    floats = [name for name in data.data_vars if is_compared(name) and data[name].dtype.kind == "f" and data[name].ndim > 1]
    exact = {name for name in floats if kind_of(name).name == "settings, sizes"}
    assert len(floats) > 20 and not exact, exact


def curves_may_be_of_different_lengths(repository: Repository) -> None:
    """As of trainings that stop when they have solved their task."""
    whole = read_results(repository.results)
    found = compare_results(whole, whole.isel(step=slice(2)))
    assert found.reasons() == ["training curves"], found.reasons()
    curves = next(report for report in found.kinds if report.kind.name == "training curves")
    assert curves.equal > 0 and len(curves.wrong_runs) == 4 and "absent, was" in curves.wrong_runs[LABEL], curves


def scratch_memory_is_of_the_threads(repository: Repository) -> None:
    with h5py.File(repository.results) as file:
        scratch = list(file["tag"].asstr()[()]).index("workspace")

    def grown(tag):
        def change(values):
            values[..., tag] += 64
            return values
        return change
    more = {"threads": lambda v: v + 1, "peak_total_bytes": lambda v: v + 64}
    file = repository.altered(peak_tag_bytes=grown(scratch), **more)
    assert "another number of threads in 12 rows" in repository.reproduce("tiny", "--results", file, exit_code=0)
    file = repository.altered(peak_tag_bytes=grown(scratch - 1), **more)
    assert "bytes amiss" in repository.reproduce("tiny", "--results", file, exit_code=1)
    file = repository.altered(peak_tag_bytes=grown(scratch))
    assert "bytes amiss" in repository.reproduce("tiny", "--results", file, exit_code=1)


def rows_of_another_version_are_paired_by_settings(repository: Repository) -> None:
    """Another schema gives other ids, and a later version has keys that this one has not."""
    file = repository.altered(run_id=lambda ids: [f"{i:016x}" for i in range(len(ids))],
                              config=lambda texts: [text + "model.later = 3\n" for text in texts])
    said = repository.reproduce("tiny", "--results", file, exit_code=0)
    assert "12 rows are paired by their settings" in said and "12 rows in both" in said, said
    file = repository.altered(run_id=lambda ids: [f"{i:016x}" for i in range(len(ids))],
                              config=lambda texts: [text.replace("width = 16", "width = 32") for text in texts])
    said = repository.reproduce("tiny", "--results", file, exit_code=1)
    assert "0 rows in both" in said and "lacks 12 rows" in said, said


def findings_are_judged(repository: Repository) -> None:
    assert "2 of 2" not in repository.reproduce("tiny", "--only-findings", exit_code=0)
    repository.findings(FINDINGS.replace("between(6, 10)", "at_most(6)"))
    said = repository.reproduce("tiny", "--only-findings", exit_code=1)
    assert "DOES NOT HOLD  a random model" in said and "expected at most 6)" in said, said
    assert "tiny: DISAGREES: 1 of 2 findings" in said, said
    repository.findings(FINDINGS.replace('attention="full"', 'attention="flash"'))
    said = repository.reproduce("tiny", "--only-findings", exit_code=1)
    assert "cannot be judged" in said and "no rows with attention=flash" in said, said
    file = repository.altered(loss=lambda v: v, bits_per_byte=lambda v: v + 5)
    repository.findings(FINDINGS)
    said = repository.reproduce("tiny", "--results", file, exit_code=1)
    assert "DISAGREES: loss, 1 of 2 findings" in said, "a finding that holds in results/ alone does not hold"


def lengths_at_which_a_level_is_passed(repository: Repository) -> None:
    square = [(length, length**2) for length in (2, 8, 32)]
    assert abs(passes_at(25, square, "squares") - 5) < 1e-9
    assert passes_at(64, square, "squares") == 8
    try:
        passes_at(2000, square, "squares")
    except CannotJudge as reason:
        assert "squares does not pass 2000" in str(reason), reason
    else:
        raise AssertionError("it passes what it does not reach")


def the_quick_version_has_its_own_bounds(repository: Repository) -> None:
    repository.findings(FINDINGS.replace("at_least(1.05)", "at_least(1.05), quick=at_least(100)"))
    said = repository.reproduce("tiny", "--quick", exit_code=1)
    assert "expected at least 100)" in said and "expected at least 1.05)" in said, said
    assert "holds          a random model" in said and "rows in both" not in said, said
    assert len(list((repository.root / "results" / "reproduce" / "tiny-quick" / "runs").glob("*.h5"))) == 6
    repository.findings(FINDINGS)
    said = repository.reproduce("all", "--quick", exit_code=0)
    assert "== tiny" in said and "all studies took" in said, said
    (repository.study.parent / "begun").mkdir()
    (repository.study.parent / "begun" / "sweep.ini").write_text(SWEEP)
    said = repository.reproduce("all", "--quick", exit_code=0)
    assert "left out, as without findings.py: begun" in said and "== begun" not in said, said


def runs_go_side_by_side_where_nothing_is_timed(repository: Repository) -> None:
    repository.findings(FINDINGS + "ONE_RUN_A_CORE = True\n")
    repository.reproduce("tiny", "--quick", exit_code=0)
    [file] = (repository.root / "results" / "reproduce" / "tiny-quick").glob("*.h5")
    ran = read_results(file)
    assert ran["machine_shared"].astype(bool).all() == (len(os.sched_getaffinity(0)) > 1), "marked by --jobs"


def a_lost_run_is_not_left_out_of_a_mean(repository: Repository) -> None:
    repository.findings(FINDINGS)
    shutil.copy(repository.altered(status=at_run(repository.results, lambda _: 4)), repository.results)
    said = repository.reproduce("tiny", "--only-findings", exit_code=1)
    assert "cannot be judged (" in said and "with attention=linear, trained did not end ok" in said, said
    rows = Rows(read_results(repository.results), repository.results)
    assert rows.lost() == rows.lost("seed = 2", attention="linear") == 1 and rows.lost(attention="full") == 0
    untrained = at_run(repository.results, lambda config: config.replace("train.steps = 3\n", "train.steps = 0\n"))
    file = repository.altered(config=untrained)
    assert Rows(read_results(file), file).score("bits_per_byte", attention="linear") > 0, "it was not to be trained"


def a_score_is_of_the_chosen_learning_rate(repository: Repository) -> None:
    file = sweep("--attention", "full,linear", "--length", "16", "--task", "text", "--seed", "1,2,3", "--repeats", "1",
                 "--task.text.validation_bytes", "16384", "--train.steps", "10", "--train.batch", "2",
                 "--train.learning_rate", "1e-4,1e-2", results=repository.root / "rates")
    rows = Rows(read_results(file), file, PROGRAM)
    chosen = [line for line in rows.comparison["scores"] if line["chosen"]]
    assert len(chosen) == 2 and all(line["selection_seed"] == 1 for line in chosen), chosen
    for line in chosen:
        found = rows.score("bits_per_byte", attention=line["group"].split()[0])
        assert np.isclose(found, line["mean"]["bits_per_byte"][0], rtol=1e-12), (found, line)
        alone = rows.score("bits_per_byte", "train.learning_rate = 0.0001", attention=line["group"].split()[0])
        assert alone != found or line["learning_rate"] == "0.0001"
    assert rows.values("train.learning_rate") == ["0.0001", "0.01"] and rows.values("length") == ["16"]
    assert all(line["solved_accuracy"] == SOLVED_ACCURACY for line in rows.comparison["scores"])


def a_signal_leaves_a_run_to_go_on_with(repository: Repository) -> None:
    sweep_file = repository.study / "sweep.ini"
    sweep_file.write_text(SWEEP.replace("steps = 3", "steps = 1000000"))
    child = subprocess.Popen(repository.command("tiny"), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    runs = repository.root / "results" / "reproduce" / "tiny" / "checkpoints"
    while child.poll() is None and not list(runs.glob("*.cost.h5")):
        time.sleep(0.05)
    child.send_signal(signal.SIGINT)
    said = child.communicate(timeout=60)[1]
    assert child.returncode == 75 and "the same call goes on" in said, f"{child.returncode}: {said}"
    assert list(runs.glob("*.last.h5")), "it stopped without a checkpoint"


def wrong_use_is_one_line(repository: Repository) -> None:
    def says(text, *arguments):
        said = repository.reproduce(*arguments, exit_code=2)
        assert text in said and said.count("\n") == 1, said
    says("tinny: there is no such study", "tinny")
    says("did you mean tiny?", "tinny")
    says("found no study, expected its name, all, or --list")
    says("unrecognized arguments: --fast", "tiny", "--fast")
    says("expected one study", "all", "--results", "x.h5")
    says("nowhere.h5: there is no such file", "tiny", "--results", repository.root / "nowhere.h5")
    (repository.root / "words.h5").write_text("not HDF5")
    says("words.h5: cannot be read as HDF5", "tiny", "--results", repository.root / "words.h5")
    for text, expected in [("FINDINGS = []\nQUICK = []", "found no FINDINGS"),
                           (FINDINGS.replace("QUICK =", "SLOW ="), "found no QUICK, expected"),
                           (FINDINGS.replace("QUICK_MINUTES", "MINUTES"), "found no QUICK_MINUTES"),
                           (FINDINGS + "ONE_RUN_A_CORE = 2", "found ONE_RUN_A_CORE = 2, expected True or False"),
                           ("\n\nFINDINGS = [finding(]", "findings.py:3: "),
                           ("\nFINDINGS = [finding()]", "findings.py:2: name 'finding' is not defined"),
                           (FINDINGS.replace("between(6, 10)", "6"), "bound: found 6, expected"),
                           (FINDINGS.replace("lambda rows: {", "lambda rows: {1 / 0: 1} | {"), "ZeroDivisionError")]:
        repository.findings(text)
        says(expected, "tiny", "--only-findings")
    (repository.study / "findings.py").unlink()
    says("findings.py: there is no such file, expected the findings", "tiny")
    assert "tiny" in repository.reproduce("--list", exit_code=0)
    repository.findings(FINDINGS)
    repository.results.unlink()
    says("results/tiny.h5: there is no such file, expected the study's results", "tiny")


def the_studies_of_this_repository_have_findings(_: Repository) -> None:
    """All that have results, and they hold there; the quick versions take 90 minutes at most, all together."""
    studies = [study for study in all_studies(ROOT) if study.results.is_file()]
    assert {study.name for study in studies} >= {"quadratic", "mqar", "incremental"}
    minutes = sum(load_findings(study).quick_minutes for study in studies)
    assert minutes <= 90, f"the quick versions take {minutes} minutes"
    for study in studies:
        outcome = subprocess.run([sys.executable, ROOT / "scripts" / "reproduce.py", study.name, "--only-findings",
                                  "--program", PROGRAM], capture_output=True, text=True)
        assert outcome.returncode == 0, f"a finding does not hold in results/:\n{outcome.stdout}{outcome.stderr}"


def main() -> int:
    tests = [a_rerun_agrees_bit_for_bit, a_changed_number_is_named_with_its_run, a_missing_row_is_named,
             elsewhere_numbers_have_a_tolerance, elsewhere_what_is_right_or_wrong_is_solved_or_not,
             a_column_may_be_younger_than_a_row, what_a_training_decides_is_no_setting,
             curves_may_be_of_different_lengths, scratch_memory_is_of_the_threads,
             rows_of_another_version_are_paired_by_settings, findings_are_judged,
             lengths_at_which_a_level_is_passed, the_quick_version_has_its_own_bounds,
             runs_go_side_by_side_where_nothing_is_timed, a_lost_run_is_not_left_out_of_a_mean,
             a_score_is_of_the_chosen_learning_rate, a_signal_leaves_a_run_to_go_on_with,
             wrong_use_is_one_line, the_studies_of_this_repository_have_findings]
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "tiny.ini").write_text(SWEEP)
        results = sweep(Path(folder) / "tiny.ini", results=Path(folder) / "results")

        def in_a_repository(test) -> None:
            with tempfile.TemporaryDirectory() as own:
                test(Repository(Path(own), results))

        return run_checks(tests, in_a_repository)


if __name__ == "__main__":
    sys.exit(main())
