"""What the induction_length study found; scripts/reproduce judges it."""

from reproduction import at_least, at_most, between, finding

QUICK = ["--seed", "1", "--position", "sinusoidal,rotary,alibi", "--train.steps", "3000", "--eval.lengths", "64+128+256+1024+2048"]
QUICK_MINUTES = 3
ONE_RUN_A_CORE = True

TRAINED = 64
CHANCE = 1 / 15


def accuracy(rows, position, times):
    """At so many times the length of training."""
    return rows.score("accuracy", position=position, test_length=TRAINED * times)


def tested(rows, *times):
    """Those of so many times the length of training at which these rows were scored."""
    return [each for each in times if TRAINED * each in rows.test_lengths]


FINDINGS = [
    finding("Every scheme names the token at the length of training",
            lambda rows: {position: accuracy(rows, position, 1) for position in rows.values("position")},
            at_least(0.995), quick=at_least(0.9)),
    finding("At twice the length sinusoidal positions fail often", lambda rows: accuracy(rows, "sinusoidal", 2), at_most(0.7),
            quick=at_most(0.85)),
    finding("and from 16 times on, in the mean of the seeds, they do not better than guess (chance is 0.067)",
            lambda rows: {f"{times} times": accuracy(rows, "sinusoidal", times) for times in tested(rows, 16, 32, 64, 128, 256)},
            at_most(0.1), quick=at_most(0.2)),
    finding("Rotary positions fail at four times the length", lambda rows: accuracy(rows, "rotary", 4), at_most(0.5),
            quick=at_most(0.9)),
    finding("alibi names it at sixteen times the length", lambda rows: accuracy(rows, "alibi", 16), at_least(0.98),
            quick=at_least(0.9)),
    finding("and has a reach of so many tokens (accuracy less chance, times the length)",
            lambda rows: {f"{TRAINED * times} tokens": (accuracy(rows, "alibi", times) - CHANCE) / (1 - CHANCE) * TRAINED * times
                          for times in tested(rows, 32, 64, 128, 256)}, between(1200, 2600)),
]
