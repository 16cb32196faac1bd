"""Builds the program and runs a study's sweep in a folder of its own."""

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

from figures.comparison import PROGRAM, ROOT, UserError
from reproduction.study import Study

INTERRUPTED = 75


class Stopped(Exception):
    """A signal ended the sweep; calling again goes on from there."""


def built_program(given: Path | None, as_it_is: bool = False) -> Path:
    """The program: the one given or of LENGTHWISE_PROGRAM, else that of the build, made up to date unless it is
    wanted as it is and there."""
    named = given or os.environ.get("LENGTHWISE_PROGRAM")
    if named:
        if not Path(named).is_file():
            raise UserError(f"{named}: there is no such program")
        return Path(named).resolve()
    if as_it_is and PROGRAM.is_file():
        return PROGRAM
    for command in (["scripts/setup"], ["cmake", "--preset", "release"],
                    ["cmake", "--build", "--preset", "release", "--target", "lengthwise"]):
        outcome = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        if outcome.returncode != 0:
            sys.stderr.write(outcome.stdout)
            raise UserError(f"{' '.join(command)}: ended with exit code {outcome.returncode}; "
                            "--program takes one that is built")
    return PROGRAM


def prepare_folder(folder: Path, again: bool) -> None:
    """Says what is there, or removes it."""
    runs = len(list(folder.glob("runs/*.h5")))
    if again and folder.exists():
        shutil.rmtree(folder)
    elif runs:
        print(f"reproduce: going on in {folder}, where {runs} runs are (--again starts from nothing)", file=sys.stderr)


def run_study(study: Study, program: Path, folder: Path, arguments: list[str]) -> tuple[Path, int]:
    """The file with the rows of the sweep, and how many of them were there from another commit."""
    command = [program, "run", study.sweep, *arguments, "--results", folder, "--json"]
    child: subprocess.Popen | None = None
    stopped = False

    def pass_on(*_) -> None:
        nonlocal stopped
        stopped = True
        if child:
            child.terminate()
    before = {number: signal.signal(number, pass_on) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
              if signal.getsignal(number) != signal.SIG_IGN}  # which nohup asks for
    # In a session of its own: a terminal's Ctrl-C reaches it once, from here, and it ends with a checkpoint.
    child = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT, start_new_session=True)
    if stopped:
        child.terminate()
    said = child.communicate()[0]
    for number, handler in before.items():
        signal.signal(number, handler)
    if stopped or child.returncode == INTERRUPTED:
        raise Stopped
    if child.returncode not in (0, 1):  # 1: a run crashed, which its row says
        raise UserError(f"{study.sweep}: lengthwise run ended with exit code {child.returncode}")
    summary = json.loads(said)
    return Path(summary["results"]), summary["stale"]
