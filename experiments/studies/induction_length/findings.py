"""What the induction_length study found; scripts/reproduce judges it."""

from reproduction import at_least, at_most, finding

QUICK = ["--seed", "1", "--position", "sinusoidal,rotary,alibi", "--train.steps", "3000", "--eval.lengths", "64+128+256+1024"]
QUICK_MINUTES = 8
ONE_RUN_A_CORE = True

TRAINED = 64


def accuracy(rows, position, times):
    """At so many times the length of training."""
    return rows.score("accuracy", position=position, test_length=TRAINED * times)


FINDINGS = [
    finding("Every scheme names the token at the length of training",
            lambda rows: {position: accuracy(rows, position, 1) for position in ("sinusoidal", "rotary", "alibi")},
            at_least(0.995), quick=at_least(0.9)),
    finding("At twice the length sinusoidal positions fail often", lambda rows: accuracy(rows, "sinusoidal", 2), at_most(0.7),
            quick=at_most(0.85)),
    finding("and from 16 times on they guess (chance is 0.067)",
            lambda rows: accuracy(rows, "sinusoidal", 16), at_most(0.12), quick=at_most(0.2)),
    finding("Rotary positions fail at four times the length", lambda rows: accuracy(rows, "rotary", 4), at_most(0.9)),
    finding("alibi names it at sixteen times the length", lambda rows: accuracy(rows, "alibi", 16), at_least(0.98),
            quick=at_least(0.9)),
]
