"""The twin of a decoder in PyTorch: reads what `lengthwise export MODEL --safetensors FILE` wrote, gives logits.

    /usr/bin/python3 scripts/pytorch_twin.py FILE "1 2 3"

prints a line of logits for each token. Of attention it knows full and flash, of positions none, sinusoidal and
learned. Weights are [in, out]: x @ weight + bias.
"""

import json
import math
import struct
import sys

import numpy as np
import torch
from torch.nn import functional


def read_safetensors(path: str) -> tuple[dict[str, torch.Tensor], dict[str, str]]:
    """The tensors (all F32) and the metadata."""
    with open(path, "rb") as file:
        header = json.loads(file.read(struct.unpack("<Q", file.read(8))[0]))
        data = file.read()
    metadata = header.pop("__metadata__", {})
    return {name: torch.from_numpy(np.frombuffer(data[slice(*entry["data_offsets"])], "<f4").copy())
            .reshape(entry["shape"]) for name, entry in header.items()}, metadata


class Twin:
    def __init__(self, path: str):
        self.weights, metadata = read_safetensors(path)
        self.keys = dict(line.split(" = ", 1) for line in metadata["config"].splitlines() if " = " in line)
        for key, known in {"model.kind": ["decoder"], "attention": ["full", "flash"],
                           "position": ["none", "sinusoidal", "learned"], "model.norm": ["pre", "post"],
                           "model.residual": ["true"], "model.projections": ["qkv"]}.items():
            if self.keys.get(key, known[0]) not in known:
                sys.exit(f"{path}: {key}: found {self.keys[key]}, expected {' or '.join(known)}")

    def linear(self, x, name):
        return x @ self.weights[f"{name}.weight"] + self.weights[f"{name}.bias"]

    def norm(self, x, name):
        return functional.layer_norm(x, x.shape[-1:], self.weights[f"{name}.gain"], self.weights[f"{name}.bias"])

    def positions(self, length: int, width: int):
        if self.keys["position"] == "learned":
            return self.weights["position.table"][:length]
        base = float(self.keys["position.sinusoidal.base"])
        pair = torch.arange(width) // 2 * 2 / width
        angles = torch.arange(length)[:, None] / base ** pair[None, :].double()
        return torch.where(torch.arange(width) % 2 == 0, angles.sin(), angles.cos()).float()

    def attention(self, x, layer):
        heads = int(self.keys["model.heads"])
        q, k, v = (self.linear(x, layer + name).reshape(len(x), -1, x.shape[1] // heads).transpose(0, 1)
                   for name in ("query", "key", "value"))
        k, v = (each.repeat_interleave(heads // len(each), 0) for each in (k, v))
        scores = q @ k.transpose(1, 2) / math.sqrt(q.shape[-1])
        ahead = torch.ones(len(x), len(x), dtype=torch.bool).triu(1)
        mixed = scores.masked_fill(ahead, -math.inf).softmax(-1) @ v
        return self.linear(mixed.transpose(0, 1).reshape(x.shape), layer + "output")

    def feed_forward(self, x, layer):
        wide = self.linear(x, layer + "widen")
        if self.keys.get("model.gelu", "erf") == "erf":
            return self.linear(functional.gelu(wide), layer + "narrow")
        inner = math.sqrt(2 / math.pi) * (wide + 0.044715 * wide**3)
        return self.linear(wide * (1 + inner.tanh()) / 2, layer + "narrow")

    def logits(self, tokens: list[int]) -> torch.Tensor:
        """[T,V] of tokens [T]."""
        x = self.weights["embedding"][tokens]
        if self.keys["position"] != "none":
            scaled = self.keys.get("model.embedding_scale", "root_width") == "root_width"
            x = x * (math.sqrt(x.shape[1]) if scaled else 1) + self.positions(*x.shape)
        pre = self.keys["model.norm"] == "pre"
        for index in range(int(self.keys["model.layers"])):
            for part, name in (self.attention, "attention_norm"), (self.feed_forward, "feed_forward_norm"):
                layer = f"layers.{index}."
                if layer + name + ".gain" not in self.weights:
                    continue
                x = x + part(self.norm(x, layer + name), layer) if pre else self.norm(x + part(x, layer), layer + name)
        x = self.norm(x, "final_norm") if pre else x
        return x @ self.weights["embedding"].T if self.keys["model.head"] == "tied" else self.linear(x, "head")


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(f"{sys.argv[0]}: found {len(sys.argv) - 1} arguments, expected FILE and token ids")
    with torch.no_grad():
        for row in Twin(sys.argv[1]).logits([int(token) for token in sys.argv[2].split()]):
            print(" ".join(f"{logit:.8g}" for logit in row.tolist()))
