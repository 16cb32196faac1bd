"""What the passkey study found; scripts/reproduce judges it."""

from reproduction import at_least, at_most, between, finding

QUICK = ["--seed", "1", "--train.steps", "1500", "--train.learning_rate", "1e-3", "--eval.lengths", "128+256"]
QUICK_MINUTES = 4
ONE_RUN_A_CORE = True


def exact_match(rows, attention, length, *depths):
    """By depth: 0 is the beginning of the filler, 1 its end."""
    return {f"{attention}, depth {depth}": rows.score("exact_match", attention=attention, test_length=length,
                                                      part=f"depth={depth}") for depth in depths}


FINDINGS = [
    finding("Full attention finds the number at every depth of the length that it was trained at (exact match)",
            lambda rows: exact_match(rows, "flash", 128, "0", "0.5", "1"), at_least(0.95), quick=at_least(0.5)),
    finding("and so does the linear form", lambda rows: exact_match(rows, "linear", 128, "0", "0.5", "1"), at_least(0.95),
            quick=at_least(0.2)),
    finding("a window finds it where its layers reach", lambda rows: exact_match(rows, "windowed", 128, "1"),
            at_least(0.9), quick=at_least(0.5)),
    finding("and never further back", lambda rows: exact_match(rows, "windowed", 128, "0", "0.3"),
            at_most(0.01)),
    finding("At twice the length full attention and the linear form find it nowhere",
            lambda rows: exact_match(rows, "flash", 256, "0", "0.5", "1") | exact_match(rows, "linear", 256, "0", "0.5", "1"),
            at_most(0.1)),
    finding("though of single digits full attention has more than one in ten (their share)",
            lambda rows: rows.score("accuracy", attention="flash", test_length=256), between(0.2, 0.6),
            quick=between(0.12, 0.8)),
    finding("while the window still finds what it reaches", lambda rows: exact_match(rows, "windowed", 256, "0.9", "1"),
            at_least(0.9), quick=at_least(0.5)),
    finding("at eight times the length, too", lambda rows: exact_match(rows, "windowed", rows.test_lengths[-1], "1"),
            at_least(0.9), quick=at_least(0.5)),
]
