"""What happens to a sweep under faults, counted: see scripts/fault_campaign."""

import argparse
import os
import pathlib
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time

from same_results import differing_variables, rows

SWEEP = """\
attention = full,linear
length = 16,32
seed = 0:2:+1
threads = 1
repeats = 2
model.width = 16
model.heads = 2
train.steps = 600
train.batch = 8
train.evaluate_every = 200
eval.examples = 100
"""
RUNS = 12
NAME = "sweep_of_faults"
INTERRUPTED = 75
# Before its first instruction a process is deaf, and after its last run it is done.
TERMINATED_CODES = (0, INTERRUPTED, -signal.SIGTERM)
LIMIT_SECONDS = 120
FAKETIME = "/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1"


class Campaign:
    """The sweep, its undisturbed result, and what was found amiss so far."""

    def __init__(self, program, folder, seed):
        # A copy: a build meanwhile must not change what is tried.
        self.program = shutil.copy(program, folder / "lengthwise")
        self.folder = folder
        self.draw = random.Random(seed)
        self.ini = folder / f"{NAME}.ini"
        self.ini.write_text(SWEEP)
        self.sweeps = 0
        self.reference = folder / "undisturbed"
        assert self.finish(self.reference) == 0, "the undisturbed sweep failed"

    def fresh(self):
        self.sweeps += 1
        return self.folder / f"sweep{self.sweeps}"

    def start(self, results, **environment):
        command = [self.program, "run", str(self.ini), "--results", str(results), "--checkpoint-every", "0.1"]
        return subprocess.Popen(
            command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, env={**os.environ, **environment}
        )

    def finish(self, results, **environment):
        runner = self.start(results, **environment)
        runner.stderr_text = runner.communicate(timeout=LIMIT_SECONDS)[1]
        self.said = runner.stderr_text
        return runner.returncode


class Tally:
    """One row of the table."""

    def __init__(self, fault, wanted):
        self.fault, self.wanted = fault, wanted
        self.faults = self.sweeps = self.lost = self.twice = self.unreadable = self.unequal = 0
        self.note = ""

    def good(self):
        return self.lost == self.twice == self.unreadable == self.unequal == 0 and self.faults >= self.wanted

    def check(self, campaign, results):
        """Of a sweep that has ended: every row there, readable and as if nothing had happened."""
        self.sweeps += 1
        merged = results / f"{NAME}.h5"
        try:
            self.lost += RUNS - rows(merged)
            differing, _ = differing_variables(campaign.reference / f"{NAME}.h5", merged)
        except OSError as error:
            self.unreadable += 1
            self.note = str(error)
            return
        if differing:
            self.unequal += 1
            self.note = f"differ: {', '.join(differing)}"


def stamps(results):
    """Which file stands for each run that is done."""
    return {path.name: (path.stat().st_ino, path.stat().st_mtime_ns) for path in (results / "runs").glob("*.h5")}


def done_twice(before, after):
    return sum(after.get(name) != stamp for name, stamp in before.items())


def workers_of(pid):
    try:
        children = pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        return [int(c) for c in children if b"\0worker\0" in pathlib.Path(f"/proc/{c}/cmdline").read_bytes()]
    except OSError:
        return []


def kill_at_random(campaign, tally, runner):
    """Kills the runner or one of its workers at some moment; false once the runner has ended by itself."""
    try:
        runner.wait(timeout=campaign.draw.uniform(0.02, 0.9))
        return False
    except subprocess.TimeoutExpired:
        pass
    victims = workers_of(runner.pid)
    whole = campaign.draw.random() < 0.5 or not victims
    try:
        os.kill(runner.pid if whole else campaign.draw.choice(victims), signal.SIGKILL)
    except ProcessLookupError:
        return True
    tally.faults += 1
    return not whole


def drain(runner):
    """Reads what a runner says, lest it wait for us."""
    thread = threading.Thread(target=lambda: [None for _ in runner.stderr], daemon=True)
    thread.start()
    return thread


def sweep_to_its_end(campaign, tally, disturb, expected_codes, **environment):
    """Calls one sweep until nothing is missing, each call under `disturb`; its faults are the tally's."""
    results = campaign.fresh()
    code = None
    while code != 0:
        before = stamps(results)
        runner = campaign.start(results, **environment)
        reader = drain(runner)
        disturb(runner)
        code = runner.wait(timeout=LIMIT_SECONDS)
        reader.join()
        tally.twice += done_twice(before, stamps(results))
        assert code in expected_codes, f"a runner under '{tally.fault}' ended with {code}"
    tally.check(campaign, results)


def kills(campaign, wanted):
    tally = Tally("kill -9 of runner or worker", wanted)

    def disturb(runner):
        while tally.faults < wanted and kill_at_random(campaign, tally, runner):
            pass

    while tally.faults < wanted:
        sweep_to_its_end(campaign, tally, disturb, (0, -signal.SIGKILL))
    return tally


def terms(campaign, wanted):
    tally = Tally("SIGTERM of the runner", wanted)

    def disturb(runner):
        try:
            runner.wait(timeout=campaign.draw.uniform(0.1, 1.0))
        except subprocess.TimeoutExpired:
            if tally.faults < wanted:
                runner.send_signal(signal.SIGTERM)
                tally.faults += 1

    while tally.faults < wanted:
        sweep_to_its_end(campaign, tally, disturb, TERMINATED_CODES)
    return tally


def concurrent(campaign, runners, wanted):
    tally = Tally(f"{runners} runners at once, one killed", wanted)
    while tally.faults < wanted:
        results = campaign.fresh()
        started = [campaign.start(results) for _ in range(runners)]
        readers = [drain(runner) for runner in started]
        time.sleep(campaign.draw.uniform(0.2, 1.5))
        before = stamps(results)
        started[0].kill()
        tally.faults += 1
        for runner, reader in zip(started, readers):
            code = runner.wait(timeout=LIMIT_SECONDS)
            reader.join()
            assert code == 0 or runner is started[0], f"one of {runners} runners ended with {code}"
        tally.twice += done_twice(before, stamps(results))
        tally.check(campaign, results)
    return tally


def damage(campaign, path):
    contents = bytearray(path.read_bytes())
    if campaign.draw.random() < 0.5:
        contents = contents[: campaign.draw.randrange(len(contents) - 40)]
    else:
        contents[campaign.draw.randrange(len(contents) - 40)] ^= 1 << campaign.draw.randrange(8)
    path.write_bytes(contents)


def damages(campaign, wanted):
    tally = Tally("truncated or bit-flipped run file", wanted)
    results = campaign.fresh()
    assert campaign.finish(results) == 0
    while tally.faults < wanted:
        files = sorted((results / "runs").glob("*.h5"))
        hurt = campaign.draw.sample(files, 4)
        before = {name: stamp for name, stamp in stamps(results).items() if name not in {p.name for p in hurt}}
        for path in hurt:
            damage(campaign, path)
        tally.faults += len(hurt)
        assert campaign.finish(results) == 0, campaign.said
        tally.twice += done_twice(before, stamps(results))
        kept = len(list((results / "runs" / "damaged").glob("*.h5")))
        assert kept == tally.faults, f"{kept} damaged files kept aside, expected {tally.faults}"
        tally.check(campaign, results)
    return tally


def expect_refusal(campaign, results, words):
    code = campaign.finish(results)
    assert code == 2, f"exit code {code}, expected 2: {campaign.said}"
    assert words in campaign.said, f"expected '{words}' in: {campaign.said}"


def on_small_disk(campaign, title, hurt, heal, words):
    """A sweep on a disk of its own, which is hurt, found wanting, healed and used again."""
    tally = Tally(title, 1)
    if os.geteuid() != 0:
        tally.wanted, tally.note = 0, "skipped: needs root"
        return tally
    disk = campaign.fresh()
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64m", "tmpfs", disk], check=True)
    remount = lambda options: subprocess.run(["mount", "-o", f"remount,{options}", disk], check=True)
    try:
        results = disk / "results"
        runner = campaign.start(results)
        reader = drain(runner)
        time.sleep(1.5)
        runner.send_signal(signal.SIGTERM)
        runner.wait(timeout=LIMIT_SECONDS)
        reader.join()
        before = stamps(results)
        hurt(disk, remount)
        expect_refusal(campaign, results, words)
        tally.faults += 1
        heal(disk, remount)
        assert campaign.finish(results) == 0, campaign.said
        tally.twice += done_twice(before, stamps(results))
        tally.check(campaign, results)
    finally:
        subprocess.run(["umount", "-l", disk], check=False)
    return tally


def fill(disk, _):
    with open(disk / "filler", "wb", buffering=0) as filler:
        try:
            while True:
                filler.write(bytes(4096))
        except OSError:
            return


def full_disk(campaign):
    return on_small_disk(
        campaign, "full disk", fill, lambda disk, _: (disk / "filler").unlink(), "No space left on device"
    )


def read_only(campaign):
    return on_small_disk(
        campaign,
        "read-only folder",
        lambda _, remount: remount("ro"),
        lambda _, remount: remount("rw"),
        "expected a writable folder",
    )


def clock_jumps(campaign, wanted):
    tally = Tally("clock jumps of days and years", wanted)
    if not pathlib.Path(FAKETIME).exists():
        tally.wanted, tally.note = 0, "skipped: no faketime"
        return tally
    stamp = campaign.folder / "clock"
    environment = {
        "LD_PRELOAD": FAKETIME, "FAKETIME_TIMESTAMP_FILE": str(stamp), "FAKETIME_NO_CACHE": "1",
        "DONT_FAKE_MONOTONIC": "1",
    }
    stamp.write_text("+0d")

    def disturb(runner):
        while runner.poll() is None:
            time.sleep(0.15)
            if tally.faults < wanted:
                stamp.write_text(campaign.draw.choice(["+3650d", "-3650d", "+1d", "-1d", "+3600", "-3600"]))
                tally.faults += 1
                if campaign.draw.random() < 0.3:
                    runner.send_signal(signal.SIGTERM)

    sweep_to_its_end(campaign, tally, disturb, TERMINATED_CODES, **environment)
    return tally


def power_loss_order(campaign):
    """Every file under its final name was on the disk before it got it, and its folder after."""
    tally = Tally("order of writing against power loss", 1)
    if subprocess.run(["which", "strace"], capture_output=True).returncode != 0:
        tally.wanted, tally.note = 0, "skipped: no strace"
        return tally
    results, log = campaign.fresh(), campaign.folder / "strace"
    command = ["strace", "-f", "-y", "-o", log, "-e", "trace=fsync,rename", campaign.program, "run", campaign.ini]
    subprocess.run([*command, "--results", results], check=True, capture_output=True, timeout=LIMIT_SECONDS)
    synced, waiting = set(), {}
    for line in log.read_text().splitlines():
        pid, call = line.split(maxsplit=1)
        if call.startswith("fsync("):
            path = call[call.index("<") + 1 : call.index(">")]
            synced.add(path)
            waiting.pop((pid, path), None)
        elif call.startswith("rename(") and call.endswith("= 0"):
            old, new = call.split('"')[1::2][:2]
            tally.faults += 1
            tally.lost += os.path.abspath(old) not in synced
            waiting[pid, os.path.dirname(os.path.abspath(new))] = new
    tally.lost += len(waiting)
    tally.check(campaign, results)
    return tally


def table(tallies, seconds):
    lines = ["| fault | times | sweeps | runs lost | done twice | unreadable files | not bitwise equal |",
             "|---|---|---|---|---|---|---|"]
    for t in tallies:
        cells = [t.fault, t.faults, t.sweeps, t.lost, t.twice, t.unreadable, t.unequal]
        lines.append("| " + " | ".join(map(str, cells)) + " |" + (f" {t.note}" if t.note else ""))
    return "\n".join([*lines, "", f"{sum(t.faults for t in tallies)} faults in {seconds:.0f} s"])


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("program")
    for name, default in (("kills", 200), ("terms", 50), ("damages", 20), ("jumps", 20), ("concurrent", 5), ("seed", 1)):
        parser.add_argument(f"--{name}", type=int, default=default)
    options = parser.parse_args()
    start = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="lengthwise-faults-") as folder:
        campaign = Campaign(options.program, pathlib.Path(folder), options.seed)
        tallies = [
            kills(campaign, options.kills),
            terms(campaign, options.terms),
            concurrent(campaign, 2, options.concurrent),
            concurrent(campaign, 4, options.concurrent),
            damages(campaign, options.damages),
            full_disk(campaign),
            read_only(campaign),
            clock_jumps(campaign, options.jumps),
            power_loss_order(campaign),
        ]
    print(table(tallies, time.monotonic() - start))
    sys.exit(0 if all(tally.good() for tally in tallies) else 1)


if __name__ == "__main__":
    main()
