"""What the longer_control study found; scripts/reproduce judges it."""

from statistics import mean

from reproduction import between, finding

QUICK = ["--seed", "1", "--train.steps", "400", "--tune.steps", "20", "--position", "rotary,alibi"]
QUICK_MINUTES = 1
ONE_RUN_A_CORE = True

LONGER = 1024


def changed(rows, rate):
    """Bits per byte at the longer length after less before, by scheme: the mean over seeds."""
    def bits(column, position):
        return mean(rows.number(column, f"tune.learning_rate = {rate}", position=position, seed=seed, test_length=LONGER)
                    for seed in rows.reported_seeds)
    return {position: bits("bits_per_byte", position) - bits("untuned_bits_per_byte", position)
            for position in ("sinusoidal", "rotary", "alibi") if position in rows.values("position")}


FINDINGS = [
    finding("Training on at 256 tokens, at the rate of longer's whole models, changes nothing at 1,024 (bits per byte)",
            lambda rows: changed(rows, "0.001"), between(-0.1, 0.1), quick=between(-0.3, 0.3)),
    finding("and at ten times the rate little of the 1.4 that rotary wins by tuning there (bits per byte)",
            lambda rows: changed(rows, "0.01")["rotary"], between(-0.15, 0.15), quick=between(-0.5, 0.7)),
]
