"""What the position_cliff study found; scripts/reproduce judges it."""

from reproduction import SOLVED_ACCURACY, at_least, at_most, finding

QUICK = ["--seed", "1", "--position", "sinusoidal,rotary,alibi", "--task", "copy", "--train.steps", "3000",
         "--eval.lengths", "42+44+46+62"]
QUICK_MINUTES = 5
ONE_RUN_A_CORE = True


def tokens(letters):
    """The letters, as many again, and two marks."""
    return 2 * letters + 2


def exact_match(rows, task, position, letters, **names):
    return rows.score("exact_match", task=task, position=position, test_length=tokens(letters), **names)


def in_distribution(rows):
    """Numbers of letters that were scored, of those trained."""
    return [length // 2 - 1 for length in rows.test_lengths if length <= tokens(20)]


def solving_seeds(rows, task, position):
    """Those whose exact match is at least SOLVED_ACCURACY at every length of training that was scored."""
    return [seed for seed in (1, 2, 3) if str(seed) in rows.values("seed")
            and all(exact_match(rows, task, position, letters, seed=seed) >= SOLVED_ACCURACY for letters in in_distribution(rows))]


def of_solved(rows, letters, positions, tasks=("copy", "reverse"), part=None):
    """Of every seed that solved the task, the exact match at more letters, or how many of a part are right."""
    def score(task, position, seed):
        if part is None:
            return exact_match(rows, task, position, letters, seed=seed)
        return rows.score("accuracy", task=task, position=position, test_length=tokens(letters), part=part, seed=seed)
    return {f"{task}, {position}, seed {seed}": score(task, position, seed)
            for task in tasks if task in rows.values("task")
            for position in positions if position in rows.values("position")
            for seed in solving_seeds(rows, task, position)}


FINDINGS = [
    finding("Twenty letters are copied by sinusoidal, rotary and alibi positions (exact match, mean of seeds)",
            lambda rows: {position: exact_match(rows, "copy", position, 20) for position in ("sinusoidal", "rotary", "alibi")},
            at_least(SOLVED_ACCURACY), quick=at_least(0.5)),
    finding("One letter more, and with sinusoidal and learned positions no sequence is right",
            lambda rows: of_solved(rows, 21, ["sinusoidal", "learned"]), at_most(0.01)),
    finding("Two more, and none with rotary positions, of any model that solved its task",
            lambda rows: of_solved(rows, 22, ["sinusoidal", "rotary"]), at_most(0.01)),
    finding("nor ten more", lambda rows: of_solved(rows, 30, ["sinusoidal", "rotary"]), at_most(0.01)),
    finding("Copying with sinusoidal positions still knows where 22 letters end (end marks right)",
            lambda rows: of_solved(rows, 22, ["sinusoidal"], ["copy"], part="end"), at_least(0.9), quick=at_least(0.5)),
    finding("and no longer which they are (letters right)",
            lambda rows: of_solved(rows, 22, ["sinusoidal"], ["copy"], part="content"), at_most(0.3)),
    finding("alibi copies one letter more", lambda rows: of_solved(rows, 21, ["alibi"], ["copy"]), at_least(0.9),
            quick=at_least(0.3)),
]
