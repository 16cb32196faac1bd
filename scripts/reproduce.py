"""Reruns a study from nothing and says, number by number, whether it agrees with results/.

Exit codes: 0 all agrees and every finding holds, 1 not, 2 wrong use, 75 stopped by a signal, to be called again.
"""

import argparse
import os
import sys
import time
from pathlib import Path

from figures.comparison import ROOT, Parser, UserError
from reproduction.comparing import compare_results
from reproduction.findings import judge
from reproduction.rows import Rows, read_results
from reproduction.running import INTERRUPTED, Stopped, built_program, prepare_folder, run_study
from reproduction.study import Findings, Study, all_studies, find_study, load_findings
from reproduction.telling import minutes_text, tell_comparison, tell_end, tell_finding

LISTED_CORES = 2  # --list says how long a study takes on so many
AGREES, DISAGREES, WRONG_USE = 0, 1, 2


def shown(path: Path) -> Path:
    """As short as it can be said from here."""
    here = Path.cwd()
    return path.relative_to(here) if path.is_relative_to(here) else path


def side_by_side(said: Findings) -> list[str]:
    return ["--jobs", str(len(os.sched_getaffinity(0)))] if said.one_a_core else []


def rerun(study: Study, said: Findings, program: Path, arguments) -> tuple[Path, list[str]]:
    """The file of the sweep, and why its rows are not what this program would find."""
    folder = study.rerun_folder(arguments.quick)
    prepare_folder(folder, arguments.again)
    overlaid = [*(said.quick if arguments.quick else []), *side_by_side(said)]
    file, stale = run_study(study, program, folder, overlaid)
    if not stale:
        return file, []
    print(f"{stale} rows were there from another commit: --again runs them, too")
    return file, [f"{stale} rows from another commit"]


def judge_findings(study: Study, said: Findings, judged: list[Path], quick: bool, program: Path) -> list[str]:
    """Why the study does not agree; results/ is never judged by the quick bound."""
    files = {shown(file): Rows(read_results(file), file, program) for file in judged}
    broken = 0
    for of in said.findings:
        verdicts = {file: judge(of, rows, quick and rows.file != study.results) for file, rows in files.items()}
        tell_finding(of, verdicts)
        broken += not all(verdict.holds for verdict in verdicts.values())
    return [f"{broken} of {len(said.findings)} findings"] if broken else []


def reproduce(study: Study, program: Path, arguments) -> int:
    start = time.monotonic()
    said = load_findings(study)
    if not study.results.is_file() and not arguments.quick:
        raise UserError(f"{study.results}: there is no such file, expected the study's results")
    reasons: list[str] = []
    judged = []
    if not arguments.only_findings:
        file, reasons = (arguments.results, []) if arguments.results else rerun(study, said, program, arguments)
        judged.append(file)
        if not arguments.quick:
            found = compare_results(read_results(study.results), read_results(file))
            tell_comparison(found, shown(file), shown(study.results))
            reasons += found.reasons()
    if study.results.is_file():
        judged.append(study.results)
    reasons += judge_findings(study, said, judged, arguments.quick, program)
    tell_end(study.name, reasons, time.monotonic() - start)
    return DISAGREES if reasons else AGREES


def recorded_seconds(study: Study, cores: int) -> float | None:
    """What the rows in results/ took to run, so many side by side."""
    if not study.results.is_file():
        return None
    data = read_results(study.results)
    return float(data["run_seconds"].sum()) / cores if "run_seconds" in data else None


def list_studies(root: Path) -> int:
    print(f"{'study':22}{'findings':>9}{'takes':>11}{'--quick':>11}")
    for study in all_studies(root):
        said = load_findings(study) if study.findings.is_file() else None
        full = recorded_seconds(study, LISTED_CORES if said and said.one_a_core else 1)
        print(f"{study.name:22}{len(said.findings) if said else 'none':>9}"
              f"{minutes_text(full) if full is not None else '?':>11}"
              f"{minutes_text(60 * said.quick_minutes) if said else '':>11}".rstrip())
    return AGREES


def program_for(arguments) -> Path:
    return built_program(arguments.program, as_it_is=bool(arguments.only_findings or arguments.results))


def has_results(study: Study) -> bool:
    return study.findings.is_file() and study.results.is_file()


def every_study(arguments) -> int:
    """All in turn; one that cannot be judged does not keep the others from it."""
    start, worst = time.monotonic(), AGREES
    studies = all_studies(arguments.root)
    program = program_for(arguments)
    left_out = [study.name for study in studies if not has_results(study)]
    for study in (study for study in studies if study.name not in left_out):
        print(f"== {study.name}", flush=True)
        try:
            worst = max(worst, reproduce(study, program, arguments))
        except UserError as error:
            print(f"reproduce: {error}", file=sys.stderr)
            worst = WRONG_USE
    if left_out:
        print(f"left out, as without findings.py or results: {', '.join(left_out)}")
    print(f"all studies took {minutes_text(time.monotonic() - start)}")
    return worst


def parsed() -> argparse.Namespace:
    parser = Parser(prog="reproduce", description=__doc__.splitlines()[0])
    parser.add_argument("study", nargs="?", help="a study's name, or all")
    parser.add_argument("--quick", action="store_true", help="a small version, which shows the sign of every finding")
    parser.add_argument("--again", action="store_true", help="remove what an earlier call ran in results/reproduce")
    parser.add_argument("--only-findings", action="store_true", help="run nothing: judge results/STUDY.h5 itself")
    parser.add_argument("--results", type=Path, help="run nothing: compare this file of the study")
    parser.add_argument("--list", action="store_true", help="the studies and how long they take on two cores")
    parser.add_argument("--root", type=Path, default=ROOT,
                        help="folder of experiments/studies and results (default: this repository)")
    parser.add_argument("--program", type=Path, help="the lengthwise program (default: the build's, made up to date)")
    arguments = parser.parse_args()
    if not arguments.study and not arguments.list:
        raise UserError("found no study, expected its name, all, or --list")
    if arguments.results and arguments.study == "all":
        raise UserError("--results: found it with all, expected one study")
    if arguments.results and arguments.only_findings:
        raise UserError("--results: found it with --only-findings, expected one of them")
    runs_nothing = "--results" if arguments.results else "--only-findings" if arguments.only_findings else ""
    of_a_run = "--again" if arguments.again else "--quick" if arguments.quick else ""
    if runs_nothing and of_a_run:
        raise UserError(f"{of_a_run}: found it with {runs_nothing}, which runs nothing, expected one of them")
    return arguments


def main() -> int:
    again = False
    try:
        arguments = parsed()
        again = arguments.again
        arguments.root = arguments.root.resolve()
        if arguments.list:
            return list_studies(arguments.root)
        if arguments.study == "all":
            return every_study(arguments)
        return reproduce(find_study(arguments.study, arguments.root), program_for(arguments), arguments)
    except UserError as error:
        print(f"reproduce: {error}", file=sys.stderr)
        return WRONG_USE
    except (Stopped, KeyboardInterrupt):
        call = "the same call without --again" if again else "the same call"
        print(f"reproduce: stopped; {call} goes on from there", file=sys.stderr)
        return INTERRUPTED


if __name__ == "__main__":
    sys.exit(main())
