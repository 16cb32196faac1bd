"""What the study of associative recall found; scripts/reproduce judges it."""

from reproduction import at_least, at_most, between, finding

QUICK = ["--train.steps", "1200", "--eval.examples", "1000", "--repeats", "3"]
QUICK_MINUTES = 5


def accuracy(rows, attention):
    return rows.score("accuracy", attention=attention)


FINDINGS = [
    finding("Full attention finds what stood after a key", lambda rows: accuracy(rows, "full"),
            at_least(0.99), quick=at_least(0.9)),
    finding("A linear form comes close, with a state of fixed size", lambda rows: accuracy(rows, "linear"),
            at_least(0.9), quick=at_least(0.3)),
    finding("A window of 16 in two layers answers only what is near", lambda rows: accuracy(rows, "windowed"),
            between(0.6, 0.9), quick=between(0.3, 0.95)),
    finding("Without projections it is one of the four values at random", lambda rows: accuracy(rows, "no_weights"),
            between(0.2, 0.3), quick=at_most(0.3)),
    finding("Full keeps more for the backward pass than each of the others, by this factor",
            lambda rows: {each: rows.number("live_bytes", attention="full", scope="attention")
                          / rows.number("live_bytes", attention=each, scope="attention")
                          for each in ("windowed", "no_weights", "linear")}, at_least(1.5)),
]
