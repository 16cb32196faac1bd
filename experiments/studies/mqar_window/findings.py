"""What the mqar_window study found; scripts/reproduce judges it."""

from reproduction import at_least, at_most, between, finding

QUICK = ["--seed", "1", "--train.learning_rate", "3e-3", "--train.steps", "2000", "--attention.windowed.window", "9,32"]
QUICK_MINUTES = 4
ONE_RUN_A_CORE = True

CELLS = [(32, 4), (64, 8), (64, 16), (128, 32)]


def windows(rows):
    return rows.only(attention="short_conv+windowed").values("attention.windowed.window")


def number(rows, column, width, window, cell):
    length, pairs = cell
    what = {"attention": "short_conv+windowed", "test_length": length, "part": f"pairs={pairs}"}
    settings = (f"attention.short_conv.width = {width}", f"attention.windowed.window = {window}")
    if column == "accuracy":
        return rows.score(column, *settings, **what)
    return rows.number(f"part_{column}", *settings, **what)


def beyond_ceiling(rows, width, ceiling_of_width):
    """Accuracy less the ceiling that the generator gives for this width of the convolution."""
    return {f"W={window}, T={cell[0]}, {cell[1]} pairs":
            number(rows, "accuracy", width, window, cell) - number(rows, "ceiling", ceiling_of_width, window, cell)
            for window in windows(rows) for cell in CELLS}


def every_cell(rows, attention, width):
    return {f"T={length}, {pairs} pairs": rows.score("accuracy", f"attention.short_conv.width = {width}",
                                                     attention=attention, test_length=length, part=f"pairs={pairs}")
            for length, pairs in CELLS}


FINDINGS = [
    finding("After a convolution of width 2 a window of W answers what c(W - 1) allows (accuracy less ceiling)",
            lambda rows: beyond_ceiling(rows, 2, 2), between(-0.02, 0.02), quick=between(-0.1, 0.05)),
    finding("A width of 3 answers no less than c(W - 1)",
            lambda rows: beyond_ceiling(rows, 3, 2), at_least(-0.02), quick=at_least(-0.1)),
    finding("and no more than c(W)",
            lambda rows: beyond_ceiling(rows, 3, 3), at_most(0.02), quick=at_most(0.05)),
    finding("At the odd window of 9 it uses some of the one token further (accuracy less c(W - 1), 4 pairs)",
            lambda rows: beyond_ceiling(rows, 3, 2)["W=9, T=32, 4 pairs"], at_least(0.02), quick=at_least(0)),
    finding("Full attention behind a convolution of width 2 answers everything",
            lambda rows: every_cell(rows, "short_conv+full", 2), at_least(0.99), quick=at_least(0.9)),
    finding("and of width 3",
            lambda rows: every_cell(rows, "short_conv+full", 3), at_least(0.99), quick=at_least(0.9)),
]
