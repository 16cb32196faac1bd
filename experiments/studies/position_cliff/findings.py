"""What the position_cliff study found; scripts/reproduce judges it."""

from reproduction import at_least, at_most, finding

QUICK = ["--seed", "1", "--position", "sinusoidal,rotary,alibi", "--task", "copy", "--train.steps", "3000",
         "--eval.lengths", "42+44+46+62"]
QUICK_MINUTES = 5
ONE_RUN_A_CORE = True

TRAINED = 42  # twenty letters, as many again, and two marks
SOLVED = 0.95


def exact_match(rows, task, position, letters, **names):
    return rows.score("exact_match", task=task, position=position, test_length=TRAINED + 2 * (letters - 20), **names)


def solving_seeds(rows, task, position):
    return [seed for seed in (1, 2, 3) if str(seed) in rows.values("seed")
            and exact_match(rows, task, position, 20, seed=seed) >= SOLVED]


def of_solved(rows, letters, positions, tasks=("copy", "reverse")):
    """Of every seed that solved the task at twenty letters, the exact match at more."""
    return {f"{task}, {position}, seed {seed}": exact_match(rows, task, position, letters, seed=seed)
            for task in tasks if task in rows.values("task") for position in positions
            for seed in solving_seeds(rows, task, position)}


FINDINGS = [
    finding("Twenty letters are copied by sinusoidal, rotary and alibi positions (exact match, mean of seeds)",
            lambda rows: {position: exact_match(rows, "copy", position, 20) for position in ("sinusoidal", "rotary", "alibi")},
            at_least(SOLVED), quick=at_least(0.5)),
    finding("Two letters more, and no model with sinusoidal or rotary positions that solved its task goes on",
            lambda rows: of_solved(rows, 22, ["sinusoidal", "rotary"]), at_most(0.5)),
    finding("Ten more, and they are at 0", lambda rows: of_solved(rows, 30, ["sinusoidal", "rotary"]), at_most(0.1)),
    finding("alibi copies one letter more", lambda rows: of_solved(rows, 21, ["alibi"], ["copy"]), at_least(0.9),
            quick=at_least(0.3)),
]
