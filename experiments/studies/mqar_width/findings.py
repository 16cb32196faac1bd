"""What the mqar_width study found; scripts/reproduce judges it."""

from reproduction import at_least, at_most, finding

QUICK = ["--seed", "1", "--train.learning_rate", "1e-2", "--train.steps", "1200", "--model.width", "32,64"]
QUICK_MINUTES = 8
ONE_RUN_A_CORE = True

CELLS = [(64, 4), (128, 8), (256, 16)]


def accuracy(rows, attention, width, cell):
    return rows.score("accuracy", attention=attention, width=width, test_length=cell[0], part=f"pairs={cell[1]}")


def widths(rows):
    return [int(width) for width in rows.values("model.width")]


def steps_up(rows, cells):
    """Accuracy of a linear form at each width less that at the width before."""
    pairs = list(zip(widths(rows), widths(rows)[1:]))
    return {f"T={cell[0]}, d={low} to {high}": accuracy(rows, "short_conv+linear", high, cell)
            - accuracy(rows, "short_conv+linear", low, cell) for low, high in pairs for cell in cells}


FINDINGS = [
    finding("Full attention answers every query at every width",
            lambda rows: {f"T={cell[0]}, d={width}": accuracy(rows, "short_conv+full", width, cell)
                          for width in widths(rows) for cell in CELLS}, at_least(0.99), quick=at_least(0.9)),
    finding("A linear form answers more the wider it is, up to noise", lambda rows: steps_up(rows, CELLS),
            at_least(-0.02), quick=at_least(-0.1)),
    finding("and less the more pairs there are (at each width, T=256 less T=64)",
            lambda rows: {f"d={width}": accuracy(rows, "short_conv+linear", width, CELLS[-1])
                          - accuracy(rows, "short_conv+linear", width, CELLS[0]) for width in widths(rows)}, at_most(0)),
]
