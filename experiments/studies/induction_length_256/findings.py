"""What the induction_length_256 study found; scripts/reproduce judges it."""

from reproduction import at_least, at_most, between, finding

QUICK = ["--position", "sinusoidal,rotary,alibi", "--tune.steps", "500", "--eval.lengths", "256+512+1024+2048"]
QUICK_MINUTES = 9
ONE_RUN_A_CORE = True

FIRST, SECOND = 64, 256  # tokens of the trainings
LOSING = ("sinusoidal", "rotary", "none")


def after(rows, position, length):
    return rows.number("accuracy", position=position, test_length=length)


def before(rows, position, length):
    """When the same model had been trained at 64 tokens alone."""
    return rows.number("untuned_accuracy", position=position, test_length=length)


def of_losing(rows, value):
    return {position: value(position) for position in LOSING if position in rows.values("position")}


FINDINGS = [
    finding("Every scheme names the token at the length of the second training",
            lambda rows: {position: after(rows, position, SECOND) for position in rows.values("position")},
            at_least(0.995), quick=at_least(0.9)),
    finding("Sinusoidal positions fail often at twice the length", lambda rows: after(rows, "sinusoidal", 2 * SECOND),
            at_most(0.7), quick=at_most(0.85)),
    finding("and rotary ones at four times", lambda rows: after(rows, "rotary", 4 * SECOND), at_most(0.6), quick=at_most(0.9)),
    finding("It is no length at which they fail: after the second training they score more at 512 tokens than before",
            lambda rows: of_losing(rows, lambda position: after(rows, position, 512) - before(rows, position, 512)),
            at_least(0.3), quick=at_least(0.1)),
    finding("but nearer so many times the length of training: at four times of 256 less at four times of 64",
            lambda rows: of_losing(rows, lambda position: after(rows, position, 4 * SECOND) - before(rows, position, 4 * FIRST)),
            between(-0.2, 0.2), quick=between(-0.3, 0.3)),
    finding("alibi names it at eight times the length", lambda rows: after(rows, "alibi", 8 * SECOND), at_least(0.98),
            quick=at_least(0.9)),
]
