"""Weights that lengthwise exports give its twin in PyTorch the same logits. Run by Debian's Python, whose PyTorch
`scripts/setup` does not install: without it this test says so and is passed over.

/usr/bin/python3 tests/weights_test.py build/release/lengthwise
"""

import json
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "scripts"))
try:
    import torch

    from pytorch_twin import Twin, read_safetensors
except ImportError:
    torch = None

GOLDEN = ROOT / "tests" / "golden_weights"
LENGTHWISE = Path(sys.argv.pop(1)).resolve() if len(sys.argv) > 1 else ROOT / "build/release/lengthwise"
TOLERANCE = 1e-4
SIZES = ["--length", "12", "--repeats", "1", "--threads", "1", "--model.width", "12", "--model.heads", "3",
         "--model.initial_deviation", "0.4", "--task.uniform.vocabulary", "11", "--train.steps", "2",
         "--train.batch", "2", "--eval.examples", "2"]
MODELS = {
    "plain": ["--position", "none"],
    "sinusoidal": ["--model.norm", "post", "--model.head", "free", "--attention", "flash"],
    "learned": ["--position", "learned", "--model.key_value_heads", "1", "--model.gelu", "tanh"],
    "unscaled": ["--model.embedding_scale", "one", "--model.feed_forward", "0"],
}


def lengthwise(*arguments: str) -> str:
    done = subprocess.run([LENGTHWISE, *arguments], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise AssertionError(f"lengthwise {' '.join(arguments)}: {done.stderr}")
    return done.stdout


@unittest.skipIf(torch is None, "no PyTorch: Debian's python3-torch")
class Weights(unittest.TestCase):
    def setUp(self):
        self.folder = Path(self.enterContext(tempfile.TemporaryDirectory()))

    def exported(self, model: Path) -> Path:
        file = self.folder / f"{len(list(self.folder.iterdir()))}.safetensors"  # one each: none replaces another's
        lengthwise("export", str(model), "--safetensors", str(file))
        return file

    def test_the_twin_gives_the_same_logits(self):
        expected, _ = read_safetensors(GOLDEN / "expected.safetensors")
        for name, model in {"gpt2": GOLDEN / "gpt2", "decoder": GOLDEN / "decoder.safetensors"}.items():
            with self.subTest(name):
                tokens = [int(token) for token in expected[f"{name}.tokens"]]
                logits = Twin(self.exported(model)).logits(tokens)
                furthest = (logits - expected[f"{name}.logits"]).abs().max().item()
                print(f"{name}: logits at most {furthest:.2g} apart")
                self.assertLess(furthest, TOLERANCE)

    def test_trained_models_write_on_as_their_twins_say(self):
        prompts = ["3", "1 2", "0 10 5 5 7", "4 4 4 4 4 4 4", "9 8 7 6 5 4 3 2 1"]
        for name, keys in MODELS.items():
            with self.subTest(name):
                results = self.folder / name
                lengthwise("run", "--results", str(results), *SIZES, *keys)
                checkpoint = next((results / "checkpoints").glob("*.last.h5"))
                twin, furthest = Twin(self.exported(checkpoint)), 0.0
                asked = [word for prompt in prompts for word in ("--prompt", prompt)]
                answers = json.loads(lengthwise("generate", "--checkpoint", str(checkpoint), *asked,
                                                "--tokens", "1", "--json"))["answers"]
                for answer in answers:
                    shares = twin.logits(answer["prompt_tokens"])[-1].log_softmax(-1)
                    self.assertEqual(answer["tokens"], [int(shares.argmax())])
                    furthest = max(furthest, abs(shares.max().item() - answer["log_probability"]))
                print(f"{name}: log-probabilities at most {furthest:.2g} apart")
                self.assertLess(furthest, TOLERANCE)

    def test_the_twin_refuses_what_it_is_not(self):
        results = self.folder / "linear"
        lengthwise("run", "--results", str(results), *SIZES, "--attention", "linear")
        with self.assertRaisesRegex(SystemExit, "attention: found linear, expected full or flash"):
            Twin(self.exported(next((results / "checkpoints").glob("*.last.h5"))))

    def test_safetensors_own_reader_reads_what_is_exported(self):
        try:
            from safetensors.torch import load_file
        except ImportError:
            self.skipTest("no safetensors package")
        file = self.exported(GOLDEN / "gpt2")
        theirs, (ours, _) = load_file(file), read_safetensors(file)
        self.assertEqual(theirs.keys(), ours.keys())
        self.assertTrue(all(torch.equal(theirs[name], ours[name]) for name in ours))


if __name__ == "__main__":
    unittest.main()
