"""What the text_extrapolation study found; scripts/reproduce judges it."""

import math

from reproduction import at_least, at_most, between, finding

QUICK = ["--seed", "1", "--train.steps", "600", "--eval.lengths", "256+1024+4096"]
QUICK_MINUTES = 6
ONE_RUN_A_CORE = True

TRAINED, LONGEST = 256, 4096
BUCKETS = ["context=17-32"] + [f"context={2**i + 1}-{2**(i + 1)}" for i in range(5, 12)]


def ratio(rows, position, length, other=TRAINED):
    """Bits per byte at one length over those at another."""
    return (rows.score("bits_per_byte", position=position, test_length=length)
            / rows.score("bits_per_byte", position=position, test_length=other))


def beyond_beginning(rows, position, length):
    """Bits per byte of all but the first 16 bytes of each row."""
    parts = [part for part in BUCKETS if int(part.split("-")[1]) <= length]
    where = {"position": position, "test_length": length}
    counts = [rows.number("part_scored", part=part, **where) for part in parts]
    nats = [rows.number("part_loss", part=part, **where) for part in parts]
    return sum(count * each for count, each in zip(counts, nats)) / sum(counts) / math.log(2)


def bucket(rows, position, length):
    """Loss of bytes with half to all of the training length before them."""
    return rows.number("part_loss", position=position, test_length=length, part=f"context={TRAINED // 2 + 1}-{TRAINED}")


FINDINGS = [
    finding("Given four times the context of training, sinusoidal positions need more bits a byte, by",
            lambda rows: ratio(rows, "sinusoidal", 1024), at_least(1.15), quick=at_least(1.02)),
    finding("and given more they do not recover (over those at 1,024)",
            lambda rows: ratio(rows, "sinusoidal", LONGEST, 1024), at_least(1), quick=at_least(0.99)),
    finding("Rotary positions end worse still (over sinusoidal at the longest)",
            lambda rows: ratio(rows, "rotary", LONGEST) / ratio(rows, "sinusoidal", LONGEST), at_least(1.05),
            quick=at_least(0.9)),
    finding("Both predict what has no more context than in training as well as ever (longest row over trained)",
            lambda rows: {position: bucket(rows, position, LONGEST) / bucket(rows, position, TRAINED)
                          for position in ("sinusoidal", "rotary")}, at_most(1.02), quick=at_most(1.05)),
    finding("Without positions more context is worse", lambda rows: ratio(rows, "none", LONGEST), at_least(1.05),
            quick=at_least(1)),
    finding("alibi needs no more at the longest context than in training",
            lambda rows: ratio(rows, "alibi", LONGEST), at_most(1.02), quick=at_most(1.05)),
    finding("and, the beginning of a row apart, no less",
            lambda rows: beyond_beginning(rows, "alibi", LONGEST) / beyond_beginning(rows, "alibi", TRAINED),
            between(0.995, 1.005), quick=between(0.98, 1.02)),
]
