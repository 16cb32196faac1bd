"""Runs scripts/reproduce.py on a tiny study and on wrong input: reproduce_test.py PROGRAM"""

import os
import shutil
import signal
import subprocess
import sys
import time

import numpy as np
from study_repository import FINDINGS, PROGRAM, ROOT, SWEEP, Repository, at_run, run_on_repositories, sweep

sys.path.insert(0, str(ROOT / "scripts"))
from reproduction.comparing import SOLVED_ACCURACY  # noqa: E402
from reproduction.findings import CannotJudge, passes_at  # noqa: E402
from reproduction.rows import Rows, read_results  # noqa: E402
from reproduction.study import all_studies, load_findings  # noqa: E402


def findings_are_judged(repository: Repository) -> None:
    assert "2 of 2" not in repository.reproduce("tiny", "--only-findings", exit_code=0)
    repository.findings(FINDINGS.replace("between(6, 10)", "at_most(6)"))
    said = repository.reproduce("tiny", "--only-findings", exit_code=1)
    assert "DOES NOT HOLD  a random model" in said and "expected at most 6)" in said, said
    assert "tiny: DISAGREES: 1 of 2 findings" in said, said
    repository.findings(FINDINGS.replace('attention="full"', 'attention="flash"'))
    said = repository.reproduce("tiny", "--only-findings", exit_code=1)
    assert "cannot be judged" in said and "no rows with attention=flash" in said, said
    lacking = '{1: rows.number("forward_flops", length=16)}[2]'
    repository.findings(FINDINGS.replace('{a: rows.score("bits_per_byte", attention=a) for a in ("full", "linear")}', lacking))
    said = repository.reproduce("tiny", "--only-findings", exit_code=1)
    assert "cannot be judged (the rows lack 2)" in said and "holds          linear computes more" in said, said
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
    assert "left out, as without findings.py or results: begun" in said and "== begun" not in said, said


def all_leaves_out_what_has_no_results(repository: Repository) -> None:
    said = repository.reproduce("all", "--only-findings", exit_code=0)
    assert "== tiny" in said and "left out" not in said, said
    begun = repository.study.parent / "begun"
    begun.mkdir()
    for name in ("sweep.ini", "findings.py"):
        shutil.copy(repository.study / name, begun)
    said = repository.reproduce("all", "--only-findings", exit_code=0)
    assert "left out, as without findings.py or results: begun" in said and "== begun" not in said, said


def rows_of_another_commit_are_not_reproduced(repository: Repository) -> None:
    """By a program that says of its rows what it says where one finds those of an older commit."""
    older = repository.root / "older"
    older.write_text(f"#!/bin/sh\n'{PROGRAM}' \"$@\" | sed 's/\"stale\": *0/\"stale\":3/'\n")
    older.chmod(0o755)
    said = repository.reproduce("tiny", exit_code=1, program=older)
    assert "DISAGREES: 3 rows from another commit" in said, said


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
    child = subprocess.Popen(repository.command("tiny"), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                             # who starts the tests may have told all to ignore it
                             preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL))
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
    says("--again: found it with --only-findings, which runs nothing", "tiny", "--only-findings", "--again")
    says("--quick: found it with --results, which runs nothing", "tiny", "--results", "x.h5", "--quick")
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


if __name__ == "__main__":
    sys.exit(run_on_repositories([
        findings_are_judged, lengths_at_which_a_level_is_passed, the_quick_version_has_its_own_bounds,
        all_leaves_out_what_has_no_results, rows_of_another_commit_are_not_reproduced,
        runs_go_side_by_side_where_nothing_is_timed, a_lost_run_is_not_left_out_of_a_mean,
        a_score_is_of_the_chosen_learning_rate, a_signal_leaves_a_run_to_go_on_with, wrong_use_is_one_line,
        the_studies_of_this_repository_have_findings]))
