"""What the study of the raw index found; scripts/reproduce judges it."""

from reproduction import at_least, at_most, finding

QUICK = ["--train.steps", "300", "--eval.lengths", "256+1024"]
QUICK_MINUTES = 3

NORMS = ["pre", "post"]


def bits(rows, position, norm, **at):
    return rows.score("bits_per_byte", position=position, norm=norm, **at)


def differences(rows, position, other):
    """Bits per byte at the length of training."""
    return {norm: bits(rows, position, norm) - bits(rows, other, norm) for norm in NORMS}


def lost_at_1024(rows, position):
    return {norm: bits(rows, position, norm, test_length=1024) - bits(rows, position, norm) for norm in NORMS}


FINDINGS = [
    finding("The raw index is worse than no positions at all (bits per byte above none)",
            lambda rows: differences(rows, "linear_incremental", "none"), at_least(0.2), quick=at_least(0.02)),
    finding("and worse than a byte model with one byte of context (bits per byte above it)",
            lambda rows: {norm: bits(rows, "linear_incremental", norm)
                          - rows.number("ngram_bits_per_byte", context=1) for norm in NORMS}, at_least(0.05)),
    finding("Layer norm after each part suffers less than before it (bits per byte)",
            lambda rows: bits(rows, "linear_incremental", "pre") - bits(rows, "linear_incremental", "post"),
            at_least(0.2), quick=at_least(0)),
    finding("Sinusoids are better than no positions at the length of training (bits per byte of none above them)",
            lambda rows: differences(rows, "none", "sinusoidal"), at_least(0.5), quick=at_least(0.02)),
    finding("but fall apart at four times that length (bits per byte lost)",
            lambda rows: lost_at_1024(rows, "sinusoidal"), at_least(1), quick=at_least(0.05)),
    finding("where a model without positions stays as it is", lambda rows: lost_at_1024(rows, "none"), at_most(0.2)),
]
