"""A real Slurm on loopback: munged, slurmctld and two slurmd in a folder of their own, as a context manager."""

import contextlib
import ctypes
import os
import pathlib
import secrets
import shutil
import signal
import socket
import subprocess
import time

NODES = ("n1", "n2")
CPUS = 2
MEGABYTES = 2000
DAEMONS = ("munged", "slurmctld", "slurmd")
CLIENTS = ("sbatch", "srun", "squeue", "sinfo", "scontrol", "scancel")
START_SECONDS = 60
STOP_SECONDS = 20
COMMAND_SECONDS = 60
PR_SET_PDEATHSIG = 1

# A node is a PID namespace: when its first process is killed, the kernel kills all others.
NODE_BOUNDARY = ("unshare", "--pid", "--fork", "--kill-child", "--mount-proc")
NODE_INIT = ("sh", "-c", 'slurmd -D -N "$0" -f "$SLURM_CONF" & wait')

# cred_expire is how long a requeued job waits before it may start again.
CONFIGURATION = """\
ClusterName=loopback
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={controller_port}
CommunicationParameters=NoInAddrAny,NoCtldInAddrAny
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
CredType=cred/munge
AuthInfo=socket={folder}/munge.socket,cred_expire=5
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool.%n
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.%n.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.%n.log
SlurmctldDebug=verbose
SlurmdDebug=verbose
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
MpiDefault=none
SwitchType=switch/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
SchedulerType=sched/builtin
SchedulerParameters=batch_sched_delay=0
SlurmdParameters=config_overrides
SlurmctldTimeout=30
SlurmdTimeout=10
MessageTimeout=10
KillWait=5
ReturnToService=2
"""


def missing_programs():
    return [name for name in (*DAEMONS, *CLIENTS, NODE_BOUNDARY[0]) if not shutil.which(name)]


def can_make_nodes():
    return subprocess.run([*NODE_BOUNDARY, "true"], capture_output=True, check=False).returncode == 0


def reason_not_to_start():
    """Empty if a Slurm can start here."""
    if missing := missing_programs():
        return f"missing {', '.join(missing)}"
    if os.geteuid() != 0:
        return "needs root"
    return "" if can_make_nodes() else "may not make PID namespaces"


def free_ports(count):
    with contextlib.ExitStack() as open_sockets:
        sockets = [open_sockets.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]


def configuration(folder):
    controller_port, *node_ports = free_ports(1 + len(NODES))
    host = socket.gethostname().partition(".")[0]
    lines = [CONFIGURATION.format(folder=folder, host=host, controller_port=controller_port)]
    for name, port in zip(NODES, node_ports, strict=True):
        lines.append(
            f"NodeName={name} NodeHostname={host} NodeAddr=127.0.0.1 Port={port} CPUs={CPUS} RealMemory={MEGABYTES}\n"
        )
    lines.append(f"PartitionName=main Nodes={','.join(NODES)} Default=YES MaxTime=INFINITE State=UP\n")
    return "".join(lines)


def clean_environment():
    """The caller's, without what an outer Slurm job may have left in it."""
    outer = ("SLURM", "SBATCH", "SRUN", "SQUEUE", "SINFO", "MUNGE")
    return {key: value for key, value in os.environ.items() if not key.startswith(outer)}


def die_with_parent():
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def children(pid):
    return [int(word) for word in pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def wait_until(condition, seconds, what):
    """The first true value of condition(); TimeoutError when there is none in time."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if value := condition():
            return value
        time.sleep(0.2)
    raise TimeoutError(f"{what}: not within {seconds} s")


class CannotStart(Exception):
    pass


class LoopbackSlurm:
    def __init__(self, folder):
        self.folder = pathlib.Path(folder).resolve()
        self.environment = clean_environment() | {"SLURM_CONF": str(self.folder / "slurm.conf")}
        self.processes = {}

    def __enter__(self):
        try:
            self.write_files()
            self.start_munge()
            self.start("slurmctld", "slurmctld", "-D", "-f", self.environment["SLURM_CONF"])
            for name in NODES:
                self.restart_node(name)
            self.wait_for_nodes()
        except (OSError, RuntimeError) as error:
            self.stop()
            raise CannotStart(str(error)) from error
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *_):
        self.stop()

    def write_files(self):
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / "slurm.conf").write_text(configuration(self.folder))
        (self.folder / "cgroup.conf").write_text("CgroupAutomount=no\n")
        key = self.folder / "munge.key"
        key.touch(mode=0o600)
        key.write_bytes(secrets.token_bytes(128))

    def start(self, name, *command):
        with open(self.folder / f"{name}.out", "ab") as output:
            self.processes[name] = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env=self.environment,
                cwd=self.folder,
                start_new_session=True,
                preexec_fn=die_with_parent,
            )

    def start_munge(self):
        options = [
            f"--key-file={self.folder}/munge.key",
            f"--socket={self.folder}/munge.socket",
            f"--pid-file={self.folder}/munged.pid",
            f"--log-file={self.folder}/munged.log",
            f"--seed-file={self.folder}/munged.seed",
        ]
        self.start("munged", "munged", "--force", "--foreground", *options)
        wait_until((self.folder / "munge.socket").exists, START_SECONDS, "the socket of munged")

    def run_command(self, *command, seconds=COMMAND_SECONDS):
        """The standard output of a command that must succeed."""
        words = [str(word) for word in command]
        done = subprocess.run(
            words, env=self.environment, capture_output=True, text=True, timeout=seconds, check=False
        )
        if done.returncode != 0:
            raise RuntimeError(f"{' '.join(words)}: exit {done.returncode}: {done.stderr.strip()}")
        return done.stdout

    def node_states(self):
        """Empty while the controller does not answer."""
        try:
            lines = self.run_command("sinfo", "-h", "-N", "-o", "%N %T").splitlines()
        except RuntimeError:
            return {}
        return dict(line.split() for line in lines)

    def wait_for_nodes(self):
        wait_until(lambda: set(self.node_states().values()) == {"idle"}, START_SECONDS, "both nodes idle")

    def restart_node(self, name):
        self.start(name, *NODE_BOUNDARY, *NODE_INIT, name)

    def kill_node(self, name):
        """SIGKILL to everything that runs on the node, at once and unannounced."""
        boundary = self.processes.pop(name)
        for child in children(boundary.pid):
            os.kill(child, signal.SIGKILL)
        self.reap(boundary)

    def stop(self):
        for name in NODES:
            if name in self.processes:
                self.kill_node(name)
        for process in self.processes.values():
            process.terminate()
        for process in self.processes.values():
            self.reap(process)
        self.processes.clear()

    @staticmethod
    def reap(process):
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def logs(self):
        """The ends of all logs, to print when something went wrong."""
        files = sorted((*self.folder.glob("*.log"), *self.folder.glob("*.out")))
        return "\n".join(f"== {file.name}\n{tail(file)}" for file in files)


def tail(file, lines=60):
    return "\n".join(file.read_text(errors="replace").splitlines()[-lines:])
