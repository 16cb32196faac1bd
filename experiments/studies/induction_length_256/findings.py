"""What the induction_length_256 study found; scripts/reproduce judges it."""

from reproduction import at_least, at_most, finding

QUICK = ["--position", "sinusoidal,rotary", "--tune.steps", "500", "--eval.lengths", "256+512+1024"]
QUICK_MINUTES = 8
ONE_RUN_A_CORE = True

TRAINED = 256


def accuracy(rows, position, times):
    """At so many times the length of the second training."""
    return rows.score("accuracy", position=position, test_length=TRAINED * times)


def failing(times):
    return lambda rows: {position: accuracy(rows, position, times) for position in ("sinusoidal", "rotary")}


FINDINGS = [
    finding("Every scheme names the token at the length of the second training",
            lambda rows: {position: accuracy(rows, position, 1) for position in rows.values("position")},
            at_least(0.995), quick=at_least(0.9)),
    finding("Sinusoidal positions fail often at twice the length", lambda rows: accuracy(rows, "sinusoidal", 2), at_most(0.7),
            quick=at_most(0.85)),
    finding("and rotary ones at four times", lambda rows: accuracy(rows, "rotary", 4), at_most(0.9)),
]
