"""Writes tests/golden_weights anew: weights and logits that Python wrote. For the maintainer, seldom.

    /usr/bin/python3 -m venv --system-site-packages /tmp/venv    # with Debian's python3-torch
    /tmp/venv/bin/pip install "transformers==4.35.2" "numpy<1.25"
    /tmp/venv/bin/python scripts/make_golden_weights.py

`gpt2/` is a random GPT-2 as transformers save it, in half precision; `decoder.safetensors` a decoder of lengthwise's
under its names, written by the safetensors package; `expected.safetensors` what PyTorch makes of some tokens.
"""

from pathlib import Path

import torch
from safetensors.torch import save_file
from transformers import GPT2Config, GPT2LMHeadModel

from pytorch_twin import Twin

FOLDER = Path(__file__).resolve().parent.parent / "tests" / "golden_weights"
CONFIG = """attention = full
length = 16
model.kind = decoder
model.layers = 2
model.width = 12
model.heads = 3
model.key_value_heads = 1
model.feed_forward = 1.5
model.norm = post
model.head = free
position = sinusoidal
position.sinusoidal.base = 100
task = uniform
task.uniform.vocabulary = 11
"""


def draw(*shape: int, mean: float = 0.0) -> torch.Tensor:
    return torch.randn(*shape) * 0.4 + mean


def decoder() -> dict[str, torch.Tensor]:
    width, groups, hidden, vocabulary = 12, 4, 18, 11
    weights = {"embedding": draw(vocabulary, width)}

    def add_linear(name: str, rows: int, columns: int):
        weights[f"{name}.weight"], weights[f"{name}.bias"] = draw(rows, columns), draw(columns)

    for layer in ("layers.0.", "layers.1."):
        for name, columns in {"query": width, "key": groups, "value": groups, "output": width}.items():
            add_linear(layer + name, width, columns)
        for name in ("attention_norm", "feed_forward_norm"):
            weights[f"{layer}{name}.gain"], weights[f"{layer}{name}.bias"] = draw(width, mean=1), draw(width)
        add_linear(layer + "widen", width, hidden)
        add_linear(layer + "narrow", hidden, width)
    add_linear("head", width, vocabulary)
    return weights


def gpt2(folder: Path) -> GPT2LMHeadModel:
    config = GPT2Config(vocab_size=256, n_positions=24, n_embd=32, n_layer=2, n_head=4, initializer_range=0.3,
                        bos_token_id=0, eos_token_id=0)
    model = GPT2LMHeadModel(config)
    for name, parameter in model.named_parameters():  # nothing stays 0 or 1 and hides an error
        if parameter.ndim == 1:
            is_gain = ".ln_" in name and name.endswith("weight")
            parameter.data = draw(*parameter.shape, mean=float(is_gain))
    model.half().save_pretrained(folder, safe_serialization=True)
    (folder / "generation_config.json").unlink()
    return GPT2LMHeadModel.from_pretrained(folder, torch_dtype=torch.float32).double().eval()


def main():
    torch.manual_seed(7)
    tokens = {"gpt2": torch.randint(256, (24,)), "decoder": torch.randint(11, (16,))}
    save_file(decoder(), FOLDER / "decoder.safetensors",
              {"lengthwise": "1", "config": CONFIG, "vocabulary": "11", "steps": "0", "run_id": "", "commit": ""})
    expected = {f"{name}.tokens": drawn.float() for name, drawn in tokens.items()}
    with torch.no_grad():
        expected["gpt2.logits"] = gpt2(FOLDER / "gpt2")(tokens["gpt2"][None]).logits[0].float()
        expected["decoder.logits"] = Twin(FOLDER / "decoder.safetensors").logits(tokens["decoder"].tolist())
    save_file({name: tensor.contiguous() for name, tensor in expected.items()}, FOLDER / "expected.safetensors")
    for path in sorted(FOLDER.rglob("*")):
        if path.is_file():
            print(f"{path}: {path.stat().st_size} bytes")


if __name__ == "__main__":
    main()
