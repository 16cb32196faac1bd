"""What the position_cliff study found; scripts/reproduce judges it."""

from reproduction import at_least, at_most, finding

QUICK = ["--seed", "1", "--train.steps", "2000", "--eval.lengths", "42+46+62", "--jobs", "2"]
QUICK_MINUTES = 12

TRAINED = 42  # twenty letters, as many again, and two marks


def exact_match(rows, letters, positions, tasks=("copy", "reverse")):
    return {f"{task}, {position}": rows.score("exact_match", task=task, position=position,
                                              test_length=TRAINED + 2 * (letters - 20))
            for task in tasks for position in positions}


FINDINGS = [
    finding("Twenty letters are copied and reversed (exact match)",
            lambda rows: exact_match(rows, 20, ["sinusoidal", "rotary"]), at_least(0.95), quick=at_least(0.5)),
    finding("Two more letters, and sinusoidal and rotary positions fail more often than not",
            lambda rows: exact_match(rows, 22, ["sinusoidal", "rotary"]), at_most(0.5)),
    finding("Ten more, and they fail", lambda rows: exact_match(rows, 30, ["sinusoidal", "rotary"]), at_most(0.1)),
]
