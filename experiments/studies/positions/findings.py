"""What the positions study found; scripts/reproduce judges it."""

from reproduction import at_least, at_most, finding

QUICK = ["--seed", "1", "--train.steps", "300"]
QUICK_MINUTES = 1
ONE_RUN_A_CORE = True

TRAINED, LONGEST = 128, 1024


def size(rows, position, length):
    """Root mean square of what enters the first layer."""
    return rows.number("stream_size", position=position, test_length=length, role="decoder", layer=0)


def growth(rows, position):
    return size(rows, position, LONGEST) / size(rows, position, TRAINED)


def lost(rows, position):
    """Bits per byte at the longest over those at the length of training."""
    return (rows.score("bits_per_byte", position=position, test_length=LONGEST)
            / rows.score("bits_per_byte", position=position, test_length=TRAINED))


FINDINGS = [
    finding("The raw index makes what enters the first layer grow with the length (eight times as long, so many times as large)",
            lambda rows: growth(rows, "linear_incremental"), at_least(7)),
    finding("that of other schemes stays as it is",
            lambda rows: {position: growth(rows, position) for position in ("sinusoidal", "rotary", "alibi", "none")},
            at_most(1.1)),
    finding("At the length of training it is worse than no positions at all (bits per byte more)",
            lambda rows: rows.score("bits_per_byte", position="linear_incremental") - rows.score("bits_per_byte", position="none"),
            at_least(0.3), quick=at_least(0)),
    finding("Sines are bounded, and still lost where they were not trained",
            lambda rows: lost(rows, "sinusoidal"), at_least(1.15), quick=at_least(1.02)),
    finding("alibi, whose number for a position grows like the raw index, is not", lambda rows: lost(rows, "alibi"),
            at_most(1.02), quick=at_most(1.05)),
    finding("while sines, turns and distances are better than none (bits per byte less)",
            lambda rows: {position: rows.score("bits_per_byte", position="none") - rows.score("bits_per_byte", position=position)
                          for position in ("sinusoidal", "rotary", "alibi")}, at_least(0.3), quick=at_least(0)),
]
