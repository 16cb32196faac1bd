"""What the fixed_tokens study found; scripts/reproduce judges it."""

from reproduction import at_least, at_most, between, finding

QUICK = ["--length", "128:4096:x2", "--seed", "1", "--repeats", "3"]
QUICK_MINUTES = 2

QUADRATIC = ["full", "flash", "no_weights"]


def exponents(rows, quantity, variants):
    return {attention: rows.exponent(quantity, attention=attention) for attention in variants}


def step_ratio(rows, quantity, length, attention, other):
    """A training step of one form over that of another at a length."""
    return (rows.number(f"training_step_{quantity}", attention=attention, length=length)
            / rows.number(f"training_step_{quantity}", attention=other, length=length))


def slower_at_the_longest(rows, attention):
    """A training step at the longest length over one at the shortest, of as many tokens."""
    return (rows.number("training_step_seconds", attention=attention, length=rows.longest)
            / rows.number("training_step_seconds", attention=attention, length=min(rows.lengths)))


FINDINGS = [
    finding("With as many tokens in every batch, FLOPs of attention that compares every pair grow with T",
            lambda rows: exponents(rows, "training_step_attention_flops", QUADRATIC), between(0.98, 1.02)),
    finding("and those of a window near a constant",
            lambda rows: exponents(rows, "training_step_attention_flops", ["windowed"]), between(-0.02, 0.02)),
    finding("What full keeps for the backward pass grows with T",
            lambda rows: exponents(rows, "attention_activation_bytes", ["full"]), between(0.98, 1.02)),
    finding("and what flash and linear keep is the same at every length",
            lambda rows: exponents(rows, "attention_activation_bytes", ["flash", "linear"]), between(-0.02, 0.02)),
    finding("FLOPs of a linear form are above those of flash at 128 tokens",
            lambda rows: step_ratio(rows, "flops", 128, "linear", "flash"), at_least(1)),
    finding("and below them at 256",
            lambda rows: step_ratio(rows, "flops", 256, "linear", "flash"), at_most(1)),
    finding("A training step of flash takes longer at the longest length than at 128 tokens, by",
            lambda rows: slower_at_the_longest(rows, "flash"), at_least(3), quick=at_least(1.5)),
    finding("and one of a linear form does not",
            lambda rows: slower_at_the_longest(rows, "linear"), at_most(1.5), quick=at_most(1.5)),
]
