"""What the mqar_width study found; scripts/reproduce judges it."""

from reproduction import at_least, at_most, finding

QUICK = ["--seed", "1", "--train.learning_rate", "1e-2", "--train.steps", "1200", "--model.width", "32,64"]
QUICK_MINUTES = 4
ONE_RUN_A_CORE = True

CELLS = [(64, 4), (128, 8), (256, 16)]


def accuracy(rows, attention, width, cell, **seed):
    return rows.score("accuracy", attention=attention, width=width, test_length=cell[0], part=f"pairs={cell[1]}", **seed)


def linear(rows, width, cell, seed):
    return accuracy(rows, "short_conv+linear", width, cell, seed=seed)


def widths(rows):
    return [int(width) for width in rows.values("model.width")]


def steps_up(rows):
    """Accuracy of a linear form at each width less that at the width before, seed by seed."""
    pairs = list(zip(widths(rows), widths(rows)[1:]))
    return {f"T={cell[0]}, d={low} to {high}, seed {seed}": linear(rows, high, cell, seed) - linear(rows, low, cell, seed)
            for low, high in pairs for cell in CELLS for seed in rows.reported_seeds}


FINDINGS = [
    finding("Full attention answers every query at every width, but one of a hundred",
            lambda rows: {f"T={cell[0]}, d={width}": accuracy(rows, "short_conv+full", width, cell)
                          for width in widths(rows) for cell in CELLS}, at_least(0.99), quick=at_least(0.9)),
    finding("A linear form answers more the wider it is, in every seed", steps_up, at_least(0), quick=at_least(-0.05)),
    finding("by a tenth and more from width 32 to 64 at (256, 16)",
            lambda rows: {f"seed {seed}": linear(rows, 64, CELLS[-1], seed) - linear(rows, 32, CELLS[-1], seed)
                          for seed in rows.reported_seeds}, at_least(0.1), quick=at_least(0)),
    finding("and of width 32 less the larger the task: T=256 less T=64",
            lambda rows: {f"seed {seed}": linear(rows, 32, CELLS[-1], seed) - linear(rows, 32, CELLS[0], seed)
                          for seed in rows.reported_seeds}, at_most(-0.1), quick=at_most(-0.05)),
]
