"""What the induction_length_256 study must find, not yet run; scripts/reproduce judges it."""

from reproduction import at_least, at_most, finding

QUICK = ["--position", "sinusoidal,alibi", "--train.steps", "1500", "--eval.lengths", "256+512+1024"]
QUICK_MINUTES = 6
ONE_RUN_A_CORE = True

TRAINED = 256


def accuracy(rows, position, times):
    """At so many times the length of training."""
    return rows.score("accuracy", position=position, test_length=TRAINED * times)


FINDINGS = [
    finding("The schemes that train name the token at the length of training",
            lambda rows: {position: accuracy(rows, position, 1) for position in ("sinusoidal", "alibi")},
            at_least(0.995), quick=at_least(0.9)),
    finding("At four times the length sinusoidal positions fail often",
            lambda rows: accuracy(rows, "sinusoidal", 4), at_most(0.7), quick=at_most(0.85)),
]
