"""Training steps of lengthwise and of PyTorch on the same model, data and threads, by turns.

First each mode of PyTorch takes the first steps from lengthwise's own weights and batches (drawn
here once more from the same counter-based streams); its losses must be lengthwise's. Then every
round times one contestant after the other while the others idle. Wrong use is one line on stderr
and exit code 2; losses that differ are exit code 1.
"""

import argparse
import json
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from lengthwise_step import (CHECKED_STEPS, MEASURED_SECONDS, ROOT, STEPS, Step, first_steps,
                             last_line, run_program, time_steps, write_inputs)

PYTORCH_STEP = str(ROOT / "scripts" / "pytorch_step.py")
MODES = ["eager", "compile"]
LARGEST_LOSS_DIFFERENCE = 5e-6  # relative; rounding makes 1e-6, a gradient left unclipped 4e-5


class UserError(Exception):
    pass


def find_torch(python: str) -> dict:
    """What pytorch_step.py says of itself under this Python."""
    if shutil.which(python) is None:
        raise UserError(f"--python: found no program '{python}', expected a Python with torch >= 2")
    ran = subprocess.run([python, PYTORCH_STEP, "--about"], capture_output=True, text=True)
    try:
        about = json.loads(last_line(ran.stdout))
        found, is_right = f"torch {about['torch']}", int(about["torch"].split(".")[0]) >= 2
    except ValueError:
        about, found, is_right = {}, last_line(ran.stderr), False
    if not is_right:
        raise UserError(f"{python}: found {found}, expected torch >= 2; to get it: "
                        "python3 -m venv V && V/bin/pip install torch, then --python V/bin/python")
    return about


class Worker:
    """pytorch_step.py in a process that idles until it is asked."""

    def __init__(self, python: str, mode: str, folder: Path):
        self.errors = open(folder / f"{mode}.stderr", "w+")
        self.process = subprocess.Popen(
            [python, PYTORCH_STEP, str(folder), mode], text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.errors)

    def answer(self) -> dict:
        line = self.process.stdout.readline()
        if line:
            return json.loads(line)
        self.errors.seek(0)
        return {"reason": f"exit code {self.process.wait()}, '{last_line(self.errors.read())}'"}

    def time(self) -> dict:
        try:
            print(MEASURED_SECONDS, file=self.process.stdin, flush=True)
        except BrokenPipeError:
            pass
        return self.answer()

    def close(self):
        self.process.kill()
        self.process.communicate()
        self.errors.close()


def largest_difference(losses: list, expected: list) -> float:
    """Relative; NaN counts as infinite."""
    differences = np.abs(np.subtract(losses, expected)) / np.abs(expected)
    return float(np.max(np.nan_to_num(differences, nan=np.inf)))


def compare(step: Step, python: str, threads: int, rounds: int, folder: Path) -> dict:
    write_inputs(step, threads, folder)
    expected, parameters = first_steps(step, folder)
    result = {"step": step.name, "parameters": parameters, "losses": {"lengthwise": expected},
              "optimizer": {}, "not_available": {}, "largest_loss_difference": {},
              "tokens_per_second": {"lengthwise": []}}
    workers = {}
    try:
        for mode in MODES:
            workers[mode] = Worker(python, mode, folder)
            answer = workers[mode].answer()
            if "losses" in answer:
                result["losses"][mode] = answer["losses"]
                result["optimizer"][mode] = answer["optimizer"]
                off = largest_difference(answer["losses"], expected)
                result["largest_loss_difference"][mode] = off
                if answer["parameters"] != parameters:
                    answer["reason"] = (f"{answer['parameters']} parameters, "
                                        f"expected {parameters}")
                elif off > LARGEST_LOSS_DIFFERENCE:
                    answer["reason"] = (f"losses differ by {off:.1e}, "
                                        f"expected at most {LARGEST_LOSS_DIFFERENCE:.0e}")
            if "reason" in answer:
                result["not_available"][mode] = answer["reason"]
                workers.pop(mode).close()
            else:
                result["tokens_per_second"][mode] = []
        for _ in range(rounds):
            tokens_per_second, result["machine"] = time_steps(step)
            result["tokens_per_second"]["lengthwise"].append(tokens_per_second)
            for mode in list(workers):
                timed = workers[mode].time()
                if "reason" in timed:
                    result["not_available"][mode] = timed["reason"]
                    del result["tokens_per_second"][mode]
                    workers.pop(mode).close()
                    continue
                result["tokens_per_second"][mode].append(
                    timed["steps"] * step.batch * step.length / timed["seconds"])
    finally:
        for worker in workers.values():
            worker.close()
    return result


def table_row(result: dict) -> str:
    rates = result["tokens_per_second"]
    medians = {name: statistics.median(values) for name, values in rates.items()}
    cells = [f"{medians[name]:,.0f}" if name in medians else "n/a"
             for name in ["lengthwise", *MODES]]
    ratio = lowest_to_highest = loss = ""
    if len(rates) > 1:
        best = max((mode for mode in MODES if mode in rates), key=medians.get)
        ratios = [a / b for a, b in zip(rates["lengthwise"], rates[best])]
        result["best_mode"], result["ratio"] = best, medians["lengthwise"] / medians[best]
        ratio, lowest_to_highest = f"{result['ratio']:.2f}", f"{min(ratios):.2f}-{max(ratios):.2f}"
        loss = f"{max(result['largest_loss_difference'].values()):.0e}"
    row = f"{result['step']:<22}{result['parameters']:>11,}" + "".join(f"{c:>12}" for c in cells)
    row += f"{ratio:>8}{lowest_to_highest:>13}{loss:>9}"
    return "\n".join([row] + [f"  {mode} not available: {reason}"[:100]
                              for mode, reason in result["not_available"].items()])


def header(torch: dict, machine: dict, load: float, rounds: int) -> str:
    names = "".join(f"{name:>12}" for name in ["lengthwise", *MODES])
    return f"""{machine['cpu']}, {machine['threads']} threads, load average before {load:.1f}
lengthwise: {machine['simd']}, OpenBLAS for {machine['multiply']}
PyTorch {torch['torch']}: {torch['simd']}, BLAS {torch['blas']}, oneDNN {torch['onednn']}, \
threads by {torch['parallel']}, Python {torch['python']}
Training steps in float32, tokens/s; rounds: {rounds}, contestants by turns, medians

{'':<22}{'parameters':>11}{names}{'ratio':>8}{'range':>13}{'loss':>9}"""


FOOTER = f"""
step: forward, cross-entropy, backward, clipping of the gradient's norm, AdamW
ratio: lengthwise over the faster mode of PyTorch; range: lowest and highest of the rounds
loss: largest relative difference from lengthwise's over the first {CHECKED_STEPS} steps, from the
same weights on the same batches"""


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="compare_pytorch", description="Times training steps beside PyTorch's.")
    parser.add_argument("--python", default=os.environ.get("LENGTHWISE_PYTORCH_PYTHON", "python3"),
                        help="a Python with torch >= 2 (default: $LENGTHWISE_PYTORCH_PYTHON or "
                        "python3)")
    parser.add_argument("--shapes", default="", metavar="FILTER",
                        help="regular expression over " + ", ".join(step.name for step in STEPS))
    parser.add_argument("--rounds", default="5", help="timings of each contestant (default: 5)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also writes every timing here")
    parser.exit_on_error = False
    try:
        arguments, unknown = parser.parse_known_args()
    except argparse.ArgumentError as error:
        raise UserError(str(error)) from None
    if unknown:
        raise UserError(f"found '{unknown[0]}', expected an option that --help names")
    if not re.fullmatch(r"[1-9][0-9]{0,5}", arguments.rounds):
        raise UserError(f"--rounds: found '{arguments.rounds}', expected a whole number from 1")
    arguments.rounds = int(arguments.rounds)
    try:
        arguments.steps = [step for step in STEPS if re.search(arguments.shapes, step.name)]
    except re.error as error:
        raise UserError(f"--shapes: found '{arguments.shapes}', expected a regular expression: "
                        f"{error}") from None
    if not arguments.steps:
        raise UserError(f"--shapes: '{arguments.shapes}' matches none of "
                        + ", ".join(step.name for step in STEPS))
    path = arguments.json
    if path and (path.is_dir() or not path.absolute().parent.is_dir()):
        raise UserError(f"--json: found '{path}', expected a file in a folder that exists")
    return arguments


def main() -> int:
    arguments = parse_arguments()
    torch, load = find_torch(arguments.python), os.getloadavg()[0]
    run_program(["cmake", "--preset", "release"], "cmake")
    run_program(["cmake", "--build", "--preset", "release", "--target", "lengthwise",
                 "lengthwise_bench"], "the build")
    threads, results = len(os.sched_getaffinity(0)), []
    for step in arguments.steps:
        print(f"compare_pytorch: {step.name}", file=sys.stderr)
        with tempfile.TemporaryDirectory() as folder:
            result = compare(step, arguments.python, threads, arguments.rounds, Path(folder))
        machine = result.pop("machine")
        if not results:
            print(header(torch, machine, load, arguments.rounds))
        print(table_row(result), flush=True)
        results.append(result)
        if arguments.json:
            text = json.dumps({"machine": machine, "pytorch": torch, "load_average_before": load,
                               "steps": results}, indent=1)
            try:
                arguments.json.write_text(text + "\n")
            except OSError as error:
                raise UserError(f"--json: found '{arguments.json}', expected a file that can be "
                                f"written: {error.strerror}") from None
    print(FOOTER)
    differ = any(off > LARGEST_LOSS_DIFFERENCE for result in results
                 for off in result["largest_loss_difference"].values())
    return 1 if differ else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except UserError as error:
        print(f"compare_pytorch: {error}", file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt:
        sys.exit(130)
