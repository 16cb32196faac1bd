"""A sweep as a Slurm array, one node killed midway, resubmitted: python tests/slurm_test.py PROGRAM"""

import collections
import pathlib
import re
import subprocess
import sys
import tempfile
import time

import loopback_slurm
from loopback_slurm import CannotStart, LoopbackSlurm, wait_until

sys.path.append(str(pathlib.Path(__file__).parents[1] / "scripts"))
from same_results import differing_variables, rows  # noqa: E402

RUNS = 24
TASKS = 4
SWEEP = """\
attention = full,windowed,linear
length = 16:128:x2
seed = 0,1
threads = 1
repeats = 2

model.width = 16
model.heads = 2

train.steps = 300
train.batch = 4
train.evaluate_every = 100
eval.examples = 200
"""

SURVIVOR, VICTIM = loopback_slurm.NODES
PHASE_SECONDS = 240
PROGRESS = re.compile(r"^\[\d+/\d+\]", re.MULTILINE)

Task = collections.namedtuple("Task", "id state node restarts output")


class Sweep:
    """The program's commands on one sweep file and one results folder."""

    def __init__(self, program, file, results, run_command):
        self.program = program
        self.file = file
        self.results = results
        self.run_command = run_command

    def call(self, command, *options):
        return self.run_command(
            self.program, command, self.file, *options, "--results", self.results, seconds=PHASE_SECONDS
        )

    def submit(self):
        return self.run_command(self.results / "slurm" / "submit.sh")

    def done_runs(self):
        """When each run that is done was written."""
        files = (self.results / "runs").glob("*.h5")
        return {file.stem: file.stat().st_mtime_ns for file in files}

    def merged_file(self):
        files = list(self.results.glob("*.h5"))
        assert len(files) == 1, f"{self.results} holds {len(files)} merged files"
        return files[0]


def run_plainly(*command, seconds):
    words = [str(word) for word in command]
    subprocess.run(words, check=True, capture_output=True, text=True, timeout=seconds)


def field(description, name):
    found = re.search(rf"\b{name}=(\S+)", description)
    return found.group(1) if found else ""


def array_tasks(slurm):
    """The tasks of all arrays that Slurm still knows, one each."""
    blocks = slurm.run_command("scontrol", "show", "job", "--oneliner").splitlines()
    return [parse_task(block) for block in blocks if field(block, "ArrayTaskId").isdigit()]


def parse_task(block):
    return Task(
        f"{field(block, 'ArrayJobId')}_{field(block, 'ArrayTaskId')}",
        field(block, "JobState"),
        field(block, "NodeList"),
        int(field(block, "Restarts")),
        pathlib.Path(field(block, "StdOut")),
    )


def queue_is_empty(slurm):
    return not slurm.run_command("squeue", "-h", "-r").strip()


def has_progressed(task):
    return task.output.exists() and PROGRESS.search(task.output.read_text(errors="replace"))


def tasks_at_work(slurm):
    """The array's tasks by node, once every one of them runs and has finished a run; else none."""
    tasks = array_tasks(slurm)
    if len(tasks) != TASKS or not all(task.state == "RUNNING" and has_progressed(task) for task in tasks):
        return {}
    return {name: [task.id for task in tasks if task.node == name] for name in loopback_slurm.NODES}


def were_requeued(slurm, ids):
    restarts = {task.id: task.restarts for task in array_tasks(slurm)}
    return all(restarts.get(each, 0) > 0 for each in ids)


def interrupt_task(slurm, task_id):
    """SIGTERM to its step: the program ends with `resumable`, the script has the task requeued."""
    slurm.run_command("scancel", "--signal=TERM", task_id)
    wait_until(lambda: were_requeued(slurm, [task_id]), PHASE_SECONDS, f"task {task_id} requeued")


def lose_node(slurm, name, task_ids):
    slurm.kill_node(name)
    wait_until(lambda: were_requeued(slurm, task_ids), PHASE_SECONDS, f"tasks of {name} requeued")
    slurm.run_command("scancel", *task_ids)


def wait_for_queue(slurm):
    wait_until(lambda: queue_is_empty(slurm), PHASE_SECONDS, "an empty queue")


def submit_and_lose_a_node(slurm, sweep):
    sweep.submit()
    at_work = wait_until(lambda: tasks_at_work(slurm), PHASE_SECONDS, "every task at work")
    assert at_work[SURVIVOR] and at_work[VICTIM], f"tasks are not spread over the nodes: {at_work}"
    interrupt_task(slurm, at_work[SURVIVOR][0])
    lose_node(slurm, VICTIM, at_work[VICTIM])
    wait_for_queue(slurm)


def resubmit(slurm, sweep):
    slurm.restart_node(VICTIM)
    slurm.wait_for_nodes()
    sweep.submit()
    wait_for_queue(slurm)


def check_nothing_ran_again(before, after):
    again = [name for name, written in before.items() if after.get(name) != written]
    assert not again, f"complete before the resubmission, written again: {', '.join(again)}"


def check_merged(local, merged):
    """How many variables are equal, which must be all."""
    assert rows(merged) == RUNS, f"{merged} has {rows(merged)} of {RUNS} runs"
    differing, compared = differing_variables(local, merged)
    assert not differing, f"differ from the local result: {', '.join(differing)}"
    return compared


def job_outputs(folder):
    files = sorted(folder.glob("slurm/*.out"))
    return "\n".join(f"== {file.name}\n{loopback_slurm.tail(file)}" for file in files)


def run_on_cluster(slurm, sweep):
    """How many runs were done before the resubmission."""
    sweep.call("slurm", "--tasks", TASKS)
    submit_and_lose_a_node(slurm, sweep)
    before = sweep.done_runs()
    assert 0 < len(before) < RUNS, f"{len(before)} of {RUNS} runs done when the node was lost"
    resubmit(slurm, sweep)
    check_nothing_ran_again(before, sweep.done_runs())
    return len(before)


def run_everything(program, folder):
    start = time.monotonic()
    file = folder / "sweep.ini"
    file.write_text(SWEEP)
    local = Sweep(program, file, folder / "local", run_plainly)
    slurm = LoopbackSlurm(folder / "cluster")
    sweep = Sweep(program, file, folder / "array", slurm.run_command)
    try:
        with slurm:
            local.call("run")
            survived = run_on_cluster(slurm, sweep)
        compared = check_merged(local.merged_file(), sweep.merged_file())
    except Exception:
        print(f"{slurm.logs()}\n{job_outputs(sweep.results)}", file=sys.stderr)
        raise
    return (
        f"slurm test passed: {RUNS} runs, {TASKS} tasks, {survived} runs kept over a lost node, "
        f"{compared} variables equal, {time.monotonic() - start:.0f} s"
    )


def main():
    if len(sys.argv) != 2:
        sys.exit("usage: python tests/slurm_test.py PROGRAM")
    if reason := loopback_slurm.reason_not_to_start():
        print(f"slurm test skipped: {reason}")
        return
    with tempfile.TemporaryDirectory(prefix="lengthwise-slurm-") as folder:
        try:
            print(run_everything(pathlib.Path(sys.argv[1]).resolve(), pathlib.Path(folder)))
        except CannotStart as error:
            print(f"slurm test skipped: {error}")
        except (AssertionError, OSError, RuntimeError, subprocess.SubprocessError) as error:
            sys.exit(f"slurm test failed: {error}")


if __name__ == "__main__":
    main()
