"""What the text_extrapolation study found; scripts/reproduce judges it."""

from reproduction import at_least, at_most, finding

QUICK = ["--seed", "1", "--train.steps", "600", "--eval.lengths", "256+1024+4096"]
QUICK_MINUTES = 6
ONE_RUN_A_CORE = True

TRAINED, LONGEST = 256, 4096


def ratio(rows, position, length, other=TRAINED):
    """Bits per byte at one length over those at another."""
    return (rows.score("bits_per_byte", position=position, test_length=length)
            / rows.score("bits_per_byte", position=position, test_length=other))


FINDINGS = [
    finding("Given four times the context of training, sinusoidal positions need more bits a byte, by",
            lambda rows: ratio(rows, "sinusoidal", 1024), at_least(1.15), quick=at_least(1.02)),
    finding("and given more they do not recover (over those at 1,024)",
            lambda rows: ratio(rows, "sinusoidal", LONGEST, 1024), at_least(1), quick=at_least(0.99)),
    finding("alibi needs no more at the longest context than in training",
            lambda rows: ratio(rows, "alibi", LONGEST), at_most(1.02), quick=at_most(1.05)),
]
