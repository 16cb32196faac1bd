"""lengthwise's side of scripts/compare_pytorch: its weights and batches, first losses and speed.

Weights and batches are functions of counter-based streams, so they are drawn here once more rather
than exported: NumPy has the same generator.
"""

import dataclasses
import json
import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np

ROOT = Path(__file__).resolve().parent.parent
BUILD = ROOT / "build" / "release"
VOCABULARY, SEED, CHECKED_STEPS = 256, 1, 5
INITIAL_DEVIATION = 0.1  # the usual 0.02 hides errors: the losses barely leave log(V)
CLIP = 0.1  # so low that it takes part in every step
MEASURED_SECONDS = 0.5
PURPOSE = {"parameters": 0, "training": 2}  # enum Purpose of lib/base/random.h


@dataclasses.dataclass(frozen=True)
class Step:
    width: int
    heads: int
    layers: int
    batch: int
    length: int

    @property
    def name(self) -> str:
        return f"d{self.width}/h{self.heads}/L{self.layers}/B{self.batch}/T{self.length}"


# Those of experiments/benchmarks/attention_benchmark.cpp.
STEPS = [Step(64, 1, 2, 32, 128), Step(128, 4, 2, 8, 512), Step(128, 4, 2, 2, 2048),
         Step(128, 4, 2, 1, 4096), Step(512, 8, 4, 4, 512)]


def last_line(text: str) -> str:
    return (text.strip().splitlines() or ["nothing"])[-1]


def draws(purpose: str, step: int, index: int, count: int) -> np.ndarray:
    """The first 64-bit draws of lengthwise's RandomStream(SEED, purpose, step, index)."""
    counter = (PURPOSE[purpose] << 64) + (step << 128) + (index << 192)
    # numpy's Philox counts up before it draws.
    return np.random.Philox(counter=(counter - 1) % 2**256, key=SEED).random_raw(count)


def hash_text(text: str) -> int:
    """FNV-1a, as in lib/base/hash.h."""
    value = 0xCBF29CE484222325
    for byte in text.encode():
        value = (value ^ byte) * 0x100000001B3 % 2**64
    return value


def initial_values(name: str, shape: list) -> np.ndarray:
    if name.endswith((".gain", ".bias")):
        return np.full(shape, float(name.endswith(".gain")), np.float32)
    count = int(np.prod(shape))
    pairs = (draws("parameters", hash_text(name), 0, count + count % 2) >> 11) * 2.0**-53
    radius, angle = np.sqrt(-2 * np.log(1 - pairs[0::2])), 2 * np.pi * pairs[1::2]
    normal = np.stack((radius * np.cos(angle), radius * np.sin(angle)), 1).ravel()[:count]
    return (INITIAL_DEVIATION * normal).astype(np.float32).reshape(shape)


def parameter_shapes(step: Step) -> dict:
    width, shapes = step.width, {"embedding": [VOCABULARY, step.width]}
    norms, linears = ["final_norm"], {}
    for layer in (f"layers.{index}." for index in range(step.layers)):
        norms += [layer + "attention_norm", layer + "feed_forward_norm"]
        linears |= {layer + part: [width, width] for part in ("query", "key", "value", "output")}
        linears |= {layer + "widen": [width, 4 * width], layer + "narrow": [4 * width, width]}
    for name in norms:
        shapes |= {f"{name}.gain": [width], f"{name}.bias": [width]}
    for name, shape in linears.items():
        shapes |= {f"{name}.weight": shape, f"{name}.bias": shape[1:]}
    return shapes


def write_inputs(step: Step, threads: int, folder: Path):
    """What pytorch_step.py reads: sizes, weights and the batches of the first steps."""
    shapes = parameter_shapes(step)
    (folder / "setup.json").write_text(json.dumps(
        {**dataclasses.asdict(step), "vocabulary": VOCABULARY, "threads": threads, "clip": CLIP,
         "shapes": shapes}))
    with open(folder / "weights", "wb") as file:
        for name, shape in shapes.items():
            file.write(initial_values(name, shape).tobytes())
    rows = [draws("training", number, row, step.length + 1) % VOCABULARY
            for number in range(CHECKED_STEPS) for row in range(step.batch)]
    (folder / "tokens").write_bytes(np.stack(rows).astype(np.int64).tobytes())


def run_program(command: list, what: str) -> str:
    ran = subprocess.run(command, capture_output=True, text=True, cwd=ROOT)
    if ran.returncode != 0:
        sys.exit(f"compare_pytorch: {what} failed: {last_line(ran.stderr or ran.stdout)}")
    return ran.stdout


def first_steps(step: Step, folder: Path) -> tuple[list, int]:
    """lengthwise's losses and its number of parameters."""
    keys = {"attention": "flash", "position": "rotary", "task": "uniform", "seed": SEED,
            "task.uniform.vocabulary": VOCABULARY, "length": step.length, "repeats": 1,
            "model.width": step.width, "model.heads": step.heads, "model.layers": step.layers,
            "model.initial_deviation": INITIAL_DEVIATION, "eval.examples": 1,
            "train.steps": CHECKED_STEPS, "train.batch": step.batch, "train.learning_rate": 1e-3,
            "train.warm_up": 0, "train.final_rate": 1, "train.clip": CLIP,
            "results": folder / "ours"}
    options = [text for key, value in keys.items() for text in (f"--{key}", str(value))]
    run_program([BUILD / "lengthwise", "run", *options], f"lengthwise run at {step.name}")
    with h5py.File(folder / "ours" / "sweep.h5") as file:
        return file["curve_training_loss"][0].tolist(), int(file["parameters"][0])


def time_steps(step: Step) -> tuple[float, dict]:
    """Tokens per second, and what the benchmark says of the machine."""
    found = json.loads(run_program(
        [BUILD / "lengthwise_bench", f"--benchmark_filter=^step/flash/{step.name}(/|$)",
         f"--benchmark_min_time={MEASURED_SECONDS}", "--benchmark_min_warmup_time=0.2",
         "--benchmark_repetitions=1", "--benchmark_format=json"], f"lengthwise_bench {step.name}"))
    return found["benchmarks"][0]["tokens_per_s"], found["context"]
