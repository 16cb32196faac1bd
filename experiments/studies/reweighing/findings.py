"""What the reweighing study found; scripts/reproduce judges it."""

from reproduction import at_least, finding

QUICK = ["--seed", "1", "--train.steps", "600"]
QUICK_MINUTES = 1
ONE_RUN_A_CORE = True

LADDER = {"none": "none", "v": "v", "qk": "qk", "qkv": ""}  # a newer key says nothing where it is qkv


def score(rows, kind, task, projections):
    return rows.score(kind, f"model.projections = {LADDER[projections]}", task=task)


FINDINGS = [
    finding("A noun that agrees is found without any of the matrices: words of their own dot products are enough (accuracy)",
            lambda rows: {rung: score(rows, "accuracy", "coreference", rung) for rung in ("none", "qk", "qkv")}, at_least(0.98),
            quick=at_least(0.5)),
    finding("On text each matrix buys something: bits per byte that queries and keys win, then values",
            lambda rows: {"qk after none": score(rows, "bits_per_byte", "text", "none") - score(rows, "bits_per_byte", "text", "qk"),
                          "v after qk": score(rows, "bits_per_byte", "text", "qk") - score(rows, "bits_per_byte", "text", "qkv")},
            at_least(0.2), quick=at_least(0.05)),
    finding("queries and keys more than values: bits per byte of values alone over those of queries and keys alone",
            lambda rows: score(rows, "bits_per_byte", "text", "v") - score(rows, "bits_per_byte", "text", "qk"), at_least(0.1),
            quick=at_least(0)),
]
