"""What the reweighing study found; scripts/reproduce judges it."""

from reproduction import at_least, at_most, finding

QUICK = ["--seed", "1", "--train.steps", "600", "--jobs", "2"]
QUICK_MINUTES = 4

LADDER = {"none": "none", "v": "v", "qk": "qk", "qkv": ""}  # a newer key says nothing where it is qkv


def score(rows, kind, task, projections):
    return rows.score(kind, f"model.projections = {LADDER[projections]}", task=task)


FINDINGS = [
    finding("Queries and keys decide whether the noun is found (accuracy)",
            lambda rows: {rung: score(rows, "accuracy", "coreference", rung) for rung in ("qk", "qkv")}, at_least(0.9),
            quick=at_least(0.5)),
    finding("On text every matrix buys something: bits per byte over those of all",
            lambda rows: {rung: score(rows, "bits_per_byte", "text", rung) - score(rows, "bits_per_byte", "text", "qkv")
                          for rung in ("none", "v", "qk")}, at_least(0)),
]
