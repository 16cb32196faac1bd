"""What the decode study found; scripts/reproduce judges it."""

from reproduction import at_least, at_most, between, finding

QUICK = ["--length", "256:4096:x2", "--seed", "1,2", "--repeats", "5"]
QUICK_MINUTES = 1

GROWING = ["full", "flash", "no_weights"]
FLAT = ["windowed", "linear", "short_conv"]


def exponents(rows, quantity, variants):
    return {attention: rows.exponent(quantity, attention=attention) for attention in variants}


def later_over_earlier(rows, attention):
    """A token after the longest context over one after 512."""
    return (rows.number("decode_step_seconds", attention=attention, length=rows.longest)
            / rows.number("decode_step_seconds", attention=attention, length=512))


FINDINGS = [
    finding("What attention to every token before remembers grows with the context",
            lambda rows: exponents(rows, "state_bytes", GROWING), between(0.98, 1.02)),
    finding("and what a window, a linear form or a convolution remembers does not",
            lambda rows: exponents(rows, "state_bytes", FLAT), between(-0.02, 0.02)),
    finding("FLOPs of a token's attention grow with the context",
            lambda rows: exponents(rows, "decode_step_attention_flops", GROWING), between(0.98, 1.02)),
    finding("or do not", lambda rows: exponents(rows, "decode_step_attention_flops", FLAT),
            between(-0.02, 0.02)),
    finding("Seconds of a token's attention grow with the context",
            lambda rows: exponents(rows, "decode_step_attention_seconds", GROWING), between(0.85, 1.15),
            quick=between(0.6, 1.4)),
    finding("or do not",
            lambda rows: exponents(rows, "decode_step_attention_seconds", FLAT), between(-0.15, 0.15),
            quick=between(-0.4, 0.4)),
    finding("A token of a full model takes longer after the longest context than after 512, by",
            lambda rows: later_over_earlier(rows, "full"), at_least(4), quick=at_least(1.5)),
    finding("and one of a linear model does not",
            lambda rows: later_over_earlier(rows, "linear"), at_most(1.3), quick=at_most(1.5)),
]
