"""A study: a folder experiments/studies/NAME with sweep.ini and findings.py, and results/NAME.h5."""

import difflib
import sys
import traceback
from dataclasses import dataclass
from pathlib import Path

from figures.comparison import UserError
from reproduction.findings import Finding


@dataclass(frozen=True)
class Study:
    name: str
    root: Path  # the folder that holds experiments/studies and results

    @property
    def folder(self) -> Path:
        return self.root / "experiments" / "studies" / self.name

    @property
    def sweep(self) -> Path:
        return self.folder / "sweep.ini"

    @property
    def findings(self) -> Path:
        return self.folder / "findings.py"

    @property
    def results(self) -> Path:
        """What the repository says; nothing here ever writes to it."""
        return self.root / "results" / f"{self.name}.h5"

    def rerun_folder(self, quick: bool) -> Path:
        return self.root / "results" / "reproduce" / (f"{self.name}-quick" if quick else self.name)


@dataclass(frozen=True)
class Findings:
    """The contents of a findings.py."""

    findings: list[Finding]
    quick: list[str]  # arguments laid over sweep.ini
    quick_minutes: float  # that the quick version takes on two cores
    one_a_core: bool  # nothing is timed, so that runs may go side by side


def all_studies(root: Path) -> list[Study]:
    return [Study(file.parent.name, root) for file in sorted(root.glob("experiments/studies/*/sweep.ini"))]


def find_study(name: str, root: Path) -> Study:
    studies = {study.name: study for study in all_studies(root)}
    if name not in studies:
        near = difflib.get_close_matches(name, studies, n=1)
        known = f"did you mean {near[0]}?" if near else f"expected one of {', '.join(studies) or 'none'}, or all"
        raise UserError(f"{name}: there is no such study in {root / 'experiments' / 'studies'}, {known}")
    return studies[name]


def load_findings(study: Study) -> Findings:
    """What findings.py says; UserError with its line where it cannot be read."""
    file = study.findings
    if not file.is_file():
        raise UserError(f"{file}: there is no such file, expected the findings of the study "
                        "(experiments/studies/README.md shows one)")
    said: dict = {"__file__": str(file), "__name__": f"findings of {study.name}"}
    try:
        exec(compile(file.read_text(), file, "exec"), said)
    except Exception as error:
        raise UserError(f"{place(file, error)}: {error}") from None
    findings, quick, minutes = (said.get(name) for name in ("FINDINGS", "QUICK", "QUICK_MINUTES"))
    one_a_core = said.get("ONE_RUN_A_CORE", False)
    if not isinstance(findings, list) or not findings or not all(isinstance(each, Finding) for each in findings):
        raise UserError(f"{file}: found no FINDINGS, expected a list of finding(...)")
    if not isinstance(quick, list) or not all(isinstance(word, str) for word in quick):
        raise UserError(f'{file}: found no QUICK, expected a list as ["--train.steps", "300"]')
    if not isinstance(minutes, int | float):
        raise UserError(f"{file}: found no QUICK_MINUTES, expected how long the quick version takes on two cores")
    if not isinstance(one_a_core, bool):
        raise UserError(f"{file}: found ONE_RUN_A_CORE = {one_a_core!r}, expected True or False")
    return Findings(findings, quick, minutes, one_a_core)


def place(file: Path, error: Exception) -> str:
    """The line of findings.py at which an error was raised."""
    if isinstance(error, SyntaxError):
        return f"{file}:{error.lineno}"
    lines = [frame.lineno for frame in traceback.extract_tb(sys.exc_info()[2]) if frame.filename == str(file)]
    return f"{file}:{lines[-1]}" if lines else str(file)
