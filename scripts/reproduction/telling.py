"""What scripts/reproduce prints."""

from pathlib import Path

from reproduction.comparing import Comparison, KindReport
from reproduction.findings import Finding, Verdict

EXAMPLES = 3


def some(names: list[str]) -> str:
    more = f" and {len(names) - EXAMPLES} more" if len(names) > EXAMPLES else ""
    return "; ".join(names[:EXAMPLES]) + more


def minutes_text(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 90 else f"{seconds / 60:.1f} min"


def tell_machine(found: Comparison) -> None:
    if found.same_kind == found.pairs:
        print("same kind of machine and compiler: every number must be equal, bit for bit")
    else:
        print(f"another kind of machine in {found.pairs - found.same_kind} of {found.pairs} rows, which need agree "
              f"within tolerance only: {some(found.kind_differences)}")
    if found.other_threads:
        print(f"another number of threads in {found.other_threads} rows, whose scratch memory is not compared")
    if found.by_settings:
        print(f"{found.by_settings} rows are paired by their settings, as ids of another version differ")
    if found.columns_of_one:
        print(f"not compared, as one file lacks them: {', '.join(found.columns_of_one)}")


def tell_kind(report: KindReport) -> None:
    worst = "" if report.equal == report.compared else f"{report.worst:.1e}  {report.where}"
    print(f"  {report.kind.name:22}{report.compared:>9}{report.equal:>9}{report.wrong:>9}  {worst}".rstrip())


def tell_comparison(found: Comparison, rerun: Path, reference: Path) -> None:
    print(f"{rerun} against {reference}: {found.pairs} rows in both")
    for where, rows in ((rerun, found.missing), (reference, found.unexpected)):
        if rows:
            print(f"  {where} lacks {len(rows)} rows: {some(rows)}")
    if not found.pairs:
        return
    tell_machine(found)
    print(f"  {'numbers but timings':22}{'compared':>9}{'bitwise':>9}{'amiss':>9}  worst difference")
    for report in found.kinds:
        tell_kind(report)
    for report in found.kinds:
        if report.wrong:
            runs = [f"{run} ({number})" for run, number in report.wrong_runs.items()]
            print(f"  {report.kind.name} amiss in {len(runs)} runs: {some(runs)}")


def tell_finding(of: Finding, verdicts: dict[Path, Verdict]) -> None:
    """`verdicts` by the file that was judged."""
    holds = all(verdict.holds for verdict in verdicts.values())
    print(f"  {'holds' if holds else 'DOES NOT HOLD':15}{of.sentence}")
    for file, verdict in verdicts.items():
        print(f"  {'':15}{verdict.observed}  ({file}, expected {verdict.bound})")


def tell_end(name: str, reasons: list[str], seconds: float) -> None:
    said = "DISAGREES: " + ", ".join(reasons) if reasons else "agrees"
    print(f"{name}: {said} ({minutes_text(seconds)})", flush=True)
