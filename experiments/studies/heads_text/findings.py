"""What the heads_text study found; scripts/reproduce judges it."""

from reproduction import at_least, at_most, finding

QUICK = ["--seed", "0", "--model.heads", "1,4", "--train.learning_rate", "5e-3", "--train.steps", "1000"]
QUICK_MINUTES = 4
ONE_RUN_A_CORE = True

LENGTHS = (64, 256)


def less_than_one_head(rows, heads, length):
    """Bits per byte, less those of one head."""
    return (rows.score("bits_per_byte", f"model.heads = {heads}", length=length)
            - rows.score("bits_per_byte", "model.heads = 1", length=length))


FINDINGS = [
    finding("Four heads read text better than one, at either length",
            lambda rows: {f"T={length}": less_than_one_head(rows, 4, length) for length in LENGTHS}, at_most(-0.02),
            quick=at_most(0)),
    finding("and win no more at 256 tokens than at 64 (their gain at 64 less that at 256)",
            lambda rows: less_than_one_head(rows, 4, 256) - less_than_one_head(rows, 4, 64), at_least(-0.01),
            quick=at_least(-0.05)),
]
