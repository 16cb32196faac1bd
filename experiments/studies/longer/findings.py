"""What the longer study found; scripts/reproduce judges it."""

from reproduction import at_least, at_most, finding

QUICK = ["--seed", "1", "--train.steps", "400", "--tune.steps", "20", "--position", "sinusoidal,rotary,alibi", "--jobs", "2"]
QUICK_MINUTES = 8

FORMS = ("all", "attention", "low_rank")
TRAINED, LONGER = 256, 1024


def bits(rows, position, form, length=LONGER, before=False):
    column = "untuned_bits_per_byte" if before else "bits_per_byte"
    return rows.number(column, f"tune.parameters = {form}", position=position, test_length=length)


def gained(rows, position, form):
    """Bits per byte at the longer length, after the tuning less before."""
    return bits(rows, position, form) - bits(rows, position, form, before=True)


FINDINGS = [
    finding("Sinusoidal positions are lost at four times the length, and tuning all of the model wins some back",
            lambda rows: gained(rows, "sinusoidal", "all"), at_most(-0.3), quick=at_most(-0.1)),
    finding("Attention alone wins back as much, to some hundredths of a bit",
            lambda rows: bits(rows, "sinusoidal", "attention") - bits(rows, "sinusoidal", "all"), at_most(0.1)),
    finding("and terms of rank 4 less", lambda rows: bits(rows, "sinusoidal", "low_rank") - bits(rows, "sinusoidal", "all"),
            at_least(0)),
    finding("alibi had nothing to win: it changes by",
            lambda rows: {form: gained(rows, "alibi", form) for form in FORMS}, at_least(-0.1)),
]
