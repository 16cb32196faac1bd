"""What the decode study found; scripts/reproduce judges it."""

from reproduction import at_least, at_most, between, finding

QUICK = ["--length", "1024:8192:x2", "--batch", "8", "--seed", "1,2", "--repeats", "5"]
QUICK_MINUTES = 2

GROWING = ["full", "flash", "no_weights"]
FLAT = ["windowed", "linear", "short_conv"]


def exponents(rows, quantity, variants):
    """Of eight sequences: their state is too large for the caches at most lengths."""
    return {attention: rows.exponent(quantity, attention=attention, batching="batch 8") for attention in variants}


def later_over_earlier(rows, variants, length, batch=8):
    """A token after the longest context over one after `length` tokens."""
    return {attention: rows.number("decode_step_seconds", attention=attention, length=rows.longest, batch=batch)
            / rows.number("decode_step_seconds", attention=attention, length=length, batch=batch)
            for attention in variants}


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
            lambda rows: exponents(rows, "decode_step_attention_seconds", GROWING), between(0.85, 1.2),
            quick=between(0.6, 1.7)),
    finding("or do not",
            lambda rows: exponents(rows, "decode_step_attention_seconds", FLAT),
            between(-0.15, 0.15), quick=between(-0.4, 0.4)),
    finding("A token takes longer after the longest context than after 1,024, by",
            lambda rows: later_over_earlier(rows, GROWING, 1024), at_least(10), quick=at_least(2)),
    finding("and one of a cheaper form hardly does",
            lambda rows: later_over_earlier(rows, FLAT, 1024), at_most(2), quick=at_most(2)),
    finding("Of the prompt, seconds of attention to every token before grow with the square of its length",
            lambda rows: exponents(rows, "prefill_attention_seconds", GROWING), between(1.85, 2.2),
            quick=between(1.6, 2.4)),
    finding("and of a window or a linear form with its length",
            lambda rows: exponents(rows, "prefill_attention_seconds", ["windowed", "linear"]), between(0.85, 1.2),
            quick=between(0.7, 1.5)),
]
