"""One PyTorch contestant of scripts/compare_pytorch: one model, one mode, one process.

Run by the user's own Python, which needs torch 2 and nothing else:

    pytorch_step.py FOLDER MODE
    pytorch_step.py --about

FOLDER holds what `compare_pytorch.py` wrote: `setup.json`, weights and batches. The process builds
the model, answers on stdout with a line of JSON (the losses of its first steps, or why it cannot
run), and then times steps each time it reads a number of seconds from stdin. It idles otherwise.
"""

import json
import math
import os
import platform
import re
import sys
import time
from pathlib import Path

os.environ.setdefault("TORCHINDUCTOR_COMPILE_THREADS", "1")  # no pool that idles beside the timing

import torch
from torch import nn
from torch.nn import functional

OPTIMIZER = {"lr": 1e-3, "betas": (0.9, 0.98), "eps": 1e-8}
WARM_UP_SECONDS = 1.0


def rotate_complex(x: torch.Tensor, turn: torch.Tensor) -> torch.Tensor:
    """Rotary positions of x [B,T,H,D] on channels (2d, 2d+1): the fastest form in eager mode."""
    return torch.view_as_real(torch.view_as_complex(x.unflatten(-1, (-1, 2))) * turn).flatten(-2)


def rotate_halves(x: torch.Tensor, turn: torch.Tensor) -> torch.Tensor:
    """The same on channels (d, d + D/2): compilers do better with it than with complex numbers."""
    (a, b), (cosine, sine) = x.chunk(2, -1), turn
    return torch.cat((a * cosine - b * sine, a * sine + b * cosine), -1)


class Layer(nn.Module):
    def __init__(self, width: int, heads: int, rotate):
        super().__init__()
        self.heads, self.rotate = heads, rotate
        self.attention_norm, self.feed_forward_norm = nn.LayerNorm(width), nn.LayerNorm(width)
        self.qkv, self.output = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.widen, self.narrow = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)

    def forward(self, x: torch.Tensor, turn: torch.Tensor) -> torch.Tensor:
        qkv = self.qkv(self.attention_norm(x)).unflatten(-1, (3, self.heads, -1))
        q, k, v = qkv.unbind(2)
        q, k = self.rotate(q, turn), self.rotate(k, turn)
        mixed = functional.scaled_dot_product_attention(
            q.transpose(1, 2), k.transpose(1, 2), v.transpose(1, 2), is_causal=True)
        x = x + self.output(mixed.transpose(1, 2).flatten(2))
        return x + self.narrow(functional.gelu(self.widen(self.feed_forward_norm(x))))


class Decoder(nn.Module):
    """lengthwise's default model with rotary positions: pre-norm, exact GELU, tied head."""

    def __init__(self, setup: dict, in_halves: bool):
        super().__init__()
        width, heads = setup["width"], setup["heads"]
        self.heads, self.in_halves = heads, in_halves
        rotate = rotate_halves if in_halves else rotate_complex
        self.embedding = nn.Embedding(setup["vocabulary"], width)
        self.layers = nn.ModuleList(Layer(width, heads, rotate) for _ in range(setup["layers"]))
        self.final_norm = nn.LayerNorm(width)
        pairs = width // heads // 2
        rates = 10000.0 ** (-torch.arange(pairs, dtype=torch.float64) / pairs)
        angle = torch.arange(setup["length"], dtype=torch.float64)[:, None, None] * rates
        turn = torch.stack((angle.cos(), angle.sin())).float()
        self.register_buffer("turn", turn if in_halves else torch.complex(turn[0], turn[1]))

    def forward(self, tokens: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        """The mean cross-entropy of all positions, in nats."""
        x = self.embedding(tokens)
        for layer in self.layers:
            x = layer(x, self.turn)
        logits = functional.linear(self.final_norm(x), self.embedding.weight)
        return functional.cross_entropy(logits.flatten(0, 1), targets.flatten())

    def load(self, weights: dict):
        """By lengthwise's names; its matrices are [in, out]."""
        def by_halves(x):  # channels (0, 2, .., 1, 3, ..) of each head
            if not self.in_halves:
                return x
            return x.unflatten(-1, (self.heads, -1, 2)).transpose(-1, -2).flatten(-3)

        def qkv(prefix, kind):
            q, k, v = (weights.pop(f"{prefix}{part}.{kind}") for part in ("query", "key", "value"))
            return torch.cat((by_halves(q), by_halves(k), v), -1)

        for index in range(len(self.layers)):
            prefix = f"layers.{index}."
            for kind in ("weight", "bias"):
                weights[f"{prefix}qkv.{kind}"] = qkv(prefix, kind)
        state = {"embedding.weight": weights.pop("embedding")}
        for name, value in weights.items():
            state[name.replace(".gain", ".weight")] = value.T if value.ndim == 2 else value
        self.load_state_dict({**state, "turn": self.turn})


def make_optimizer(parameters: list, how: str) -> torch.optim.AdamW:
    """As lengthwise has it: matrices decay, gains and biases do not."""
    groups = [{"params": [p for p in parameters if p.ndim == 2], "weight_decay": 0.1},
              {"params": [p for p in parameters if p.ndim == 1], "weight_decay": 0.0}]
    return torch.optim.AdamW(groups, **OPTIMIZER, **{how: True})


def fastest_optimizer(parameters: list) -> str:
    """`foreach` or `fused`, tried on copies; old versions have no `fused` on CPUs."""
    seconds = {}
    for how in ("foreach", "fused"):
        copies = [p.detach().clone().requires_grad_() for p in parameters]
        for copy in copies:
            copy.grad = torch.full_like(copy, 1e-3)
        try:
            optimizer = make_optimizer(copies, how)
            optimizer.step()
        except RuntimeError:
            continue
        times = []
        for _ in range(10):
            start = time.perf_counter()
            optimizer.step()
            times.append(time.perf_counter() - start)
        seconds[how] = min(times)
    return min(seconds, key=seconds.get)


class Contestant:
    def __init__(self, folder: Path, mode: str):
        setup = json.loads((folder / "setup.json").read_text())
        torch.set_num_threads(setup["threads"])
        self.clip = setup["clip"]
        values = torch.frombuffer(bytearray((folder / "weights").read_bytes()), dtype=torch.float32)
        shapes = setup["shapes"]
        parts = values.split([math.prod(shape) for shape in shapes.values()])
        weights = {name: part.reshape(shapes[name]).clone() for name, part in zip(shapes, parts)}
        tokens = torch.frombuffer(bytearray((folder / "tokens").read_bytes()), dtype=torch.int64)
        self.batches = [(rows[:, :-1].contiguous(), rows[:, 1:].contiguous()) for rows in
                        tokens.reshape(-1, setup["batch"], setup["length"] + 1)]
        model = Decoder(setup, in_halves=mode == "compile")
        model.load(weights)
        self.parameters = list(model.parameters())
        self.optimizer_form = fastest_optimizer(self.parameters)
        self.optimizer = make_optimizer(self.parameters, self.optimizer_form)
        self.loss_of = torch.compile(model, dynamic=False) if mode == "compile" else model

    def step(self, tokens: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        loss = self.loss_of(tokens, targets)
        loss.backward()
        nn.utils.clip_grad_norm_(self.parameters, self.clip)
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        return loss.detach()

    def run(self, seconds: float) -> dict:
        """Whole steps on the first batch for at least so long."""
        steps, start, elapsed = 0, time.perf_counter(), 0.0
        while steps == 0 or elapsed < seconds:
            self.step(*self.batches[0])
            steps += 1
            elapsed = time.perf_counter() - start
        return {"steps": steps, "seconds": elapsed}


def about() -> dict:
    """Versions, and what this build of torch computes with."""
    def built(pattern: str) -> str:
        text = torch.__config__.show() + torch.__config__.parallel_info()
        return (re.findall(pattern, text) or ["unknown"])[0]

    return {"torch": torch.__version__, "python": platform.python_version(),
            "simd": built(r"CPU capability usage: (\w+)"), "blas": built(r"BLAS_INFO=(\w+)"),
            "onednn": built(r"MKL-DNN v([\d.]+)"), "parallel": built(r"parallel backend: (\w+)")}


def main():
    if sys.argv[1:] == ["--about"]:
        print(json.dumps(about()))
        return
    # What libraries print must not mix with the answers.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)

    def answer(message: dict):
        print(json.dumps(message), file=answers, flush=True)

    try:
        contestant = Contestant(Path(sys.argv[1]), sys.argv[2])
        losses = [contestant.step(*batch).item() for batch in contestant.batches]
        contestant.run(WARM_UP_SECONDS)
    except Exception as error:
        lines = [line.strip() for line in str(error).splitlines() if line.strip()]
        answer({"reason": f"{type(error).__name__}: {lines[0] if lines else ''}"})
        return
    answer({"losses": losses, "optimizer": contestant.optimizer_form,
            "parameters": sum(p.numel() for p in contestant.parameters)})
    for line in sys.stdin:
        answer(contestant.run(float(line)))


if __name__ == "__main__":
    main()
