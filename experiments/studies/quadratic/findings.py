"""What the quadratic study found; scripts/reproduce judges it."""

from reproduction import at_least, at_most, between, finding

QUICK = ["--length", "128:4096:x2", "--seed", "1", "--repeats", "3", "--train.steps", "200",
         "--eval.lengths", "256+1024"]
QUICK_MINUTES = 2

TRAINED = 256
QUADRATIC, LINEAR = ["full", "flash", "no_weights"], ["windowed", "linear"]


def exponents(rows, quantity, variants):
    return {attention: rows.exponent(quantity, attention=attention) for attention in variants}


def times_faster_than_full(rows, variants):
    """A training step at the longest length."""
    full = rows.number("training_step_seconds", attention="full", length=rows.longest)
    return {each: full / rows.number("training_step_seconds", attention=each, length=rows.longest) for each in variants}


def bits_above_full(rows, variants):
    """At the length of training."""
    full = rows.score("bits_per_byte", attention="full")
    return {attention: rows.score("bits_per_byte", attention=attention) - full for attention in variants}


def bits_lost_at_1024(rows, attention):
    """Past the length of training."""
    return (rows.score("bits_per_byte", attention=attention, test_length=4 * TRAINED)
            - rows.score("bits_per_byte", attention=attention))


FINDINGS = [
    finding("FLOPs of attention that compares every pair grow with T^2",
            lambda rows: exponents(rows, "training_step_attention_flops", QUADRATIC), between(1.98, 2.02)),
    finding("FLOPs of a window and of a linear form grow with T",
            lambda rows: exponents(rows, "training_step_attention_flops", LINEAR), between(0.98, 1.02)),
    finding("What full keeps for the backward pass grows with T^2",
            lambda rows: rows.exponent("attention_activation_bytes", attention="full"), between(1.98, 2.02)),
    finding("What every other form keeps grows with T",
            lambda rows: exponents(rows, "attention_activation_bytes", ["flash", "no_weights", *LINEAR]),
            between(0.98, 1.02)),
    finding("flash is the same model as full",
            lambda rows: abs(bits_above_full(rows, ["flash"])["flash"]), at_most(1e-3)),
    finding("At the longest length a training step of a window and of a linear form is faster than one of full, by",
            lambda rows: times_faster_than_full(rows, LINEAR), at_least(2), quick=at_least(1.2)),
    finding("and of flash, too", lambda rows: times_faster_than_full(rows, ["flash"]), at_least(1.1), quick=at_least(1)),
    finding("A window of half the sequence loses nothing at the length of training (bits per byte above full)",
            lambda rows: bits_above_full(rows, ["windowed"]), at_most(0.02), quick=at_most(0.05)),
    finding("A linear form and no weights pay in accuracy (bits per byte above full)",
            lambda rows: bits_above_full(rows, ["linear", "no_weights"]), at_least(0.5), quick=at_least(0.05)),
    finding("With rotary positions full falls apart at four times the length of training (bits per byte lost)",
            lambda rows: bits_lost_at_1024(rows, "full"), at_least(0.5), quick=at_least(0.05)),
    finding("and a window does not", lambda rows: bits_lost_at_1024(rows, "windowed"), at_most(0.02)),
]
