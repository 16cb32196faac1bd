"""What the heads_text study found; scripts/reproduce judges it."""

from reproduction import at_least, at_most, finding

QUICK = ["--seed", "1", "--model.heads", "1,8", "--train.learning_rate", "1e-2", "--train.steps", "1500"]
QUICK_MINUTES = 3
ONE_RUN_A_CORE = True

LENGTHS = (64, 256)


def less_than_one_head(rows, heads, length, **seed):
    """Bits per byte, less those of one head."""
    return (rows.score("bits_per_byte", f"model.heads = {heads}", length=length, **seed)
            - rows.score("bits_per_byte", "model.heads = 1", length=length, **seed))


def several(rows):
    return [heads for heads in rows.values("model.heads") if heads != "1"]


FINDINGS = [
    finding("Two, four and eight heads read text better than one, at either length",
            lambda rows: {f"T={length}, {heads} heads": less_than_one_head(rows, heads, length)
                          for length in LENGTHS for heads in several(rows)}, at_most(0)),
    finding("and four and eight in every seed",
            lambda rows: {f"T={length}, {heads} heads, seed {seed}": less_than_one_head(rows, heads, length, seed=seed)
                          for length in LENGTHS for heads in several(rows) if heads != "2" for seed in rows.reported_seeds},
            at_most(-0.03), quick=at_most(0)),
    finding("but win hardly more at 256 tokens than at 64 (less one head's at 256, less the same at 64)",
            lambda rows: {f"{heads} heads": less_than_one_head(rows, heads, 256) - less_than_one_head(rows, heads, 64)
                          for heads in several(rows)}, at_least(-0.03), quick=at_least(-0.05)),
]
