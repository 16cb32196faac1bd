"""Compares two files of a tiny study as scripts/reproduce.py does, one altered: compare_results_test.py PROGRAM"""

import shutil
import sys

import h5py
import numpy as np
from study_repository import (EXPONENT, FINDINGS, LABEL, ROOT, Repository, at_run, other_cpu, run_on_repositories,
                              sweep)

sys.path.insert(0, str(ROOT / "scripts"))
from reproduction.comparing import SOLVED_ACCURACY, compare_results, is_compared, kind_of, with_solved  # noqa: E402
from reproduction.rows import read_results  # noqa: E402


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
    absent = {"bits_per_byte": lambda v: v * np.nan, "score": lambda names: ["accuracy"] * len(names)}

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


def solved_is_what_the_source_scores_at_the_nearest_length(_repository: Repository) -> None:
    reference = read_results(ROOT / "results" / "position_cliff.h5")
    elsewhere = reference.assign(cpu=("run", np.array(["another processor"] * reference.sizes["run"], object)))
    assert not compare_results(reference, elsewhere).reasons()
    lower = elsewhere.assign(exact_match=elsewhere["exact_match"] * 0)
    assert "solved" in compare_results(reference, lower).reasons(), "letters are right, sequences are not"
    untested = reference.isel(test_length=reference["test_length"].values > 42)  # the nearest is 44, one letter more
    solved = with_solved(untested)["solved"].values
    assert set(solved) == {0, 1} and solved.sum() < with_solved(reference)["solved"].values.sum()


def a_column_that_the_rerun_lacks_is_named(repository: Repository) -> None:
    file = repository.altered()
    with h5py.File(file, "r+") as data:
        del data["forward_flops"]
    said = repository.reproduce("tiny", "--results", file, exit_code=1)
    assert "DISAGREES: no forward_flops" in said, said


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


if __name__ == "__main__":
    sys.exit(run_on_repositories([
        a_rerun_agrees_bit_for_bit, a_changed_number_is_named_with_its_run, a_missing_row_is_named,
        elsewhere_numbers_have_a_tolerance, elsewhere_what_is_right_or_wrong_is_solved_or_not,
        solved_is_what_the_source_scores_at_the_nearest_length, a_column_that_the_rerun_lacks_is_named,
        a_column_may_be_younger_than_a_row, what_a_training_decides_is_no_setting,
        curves_may_be_of_different_lengths, scratch_memory_is_of_the_threads,
        rows_of_another_version_are_paired_by_settings]))
