"""What the source_target study found; scripts/reproduce judges it."""

from reproduction import at_least, at_most, finding

QUICK = ["--task", "reverse", "--seed", "1", "--train.steps", "1000", "--eval.lengths", "16+32"]
QUICK_MINUTES = 2
ONE_RUN_A_CORE = True


def exact_match(rows, length):
    return {task: rows.score("exact_match", task=task, test_length=length) for task in tasks_of(rows)}


def tasks_of(rows):
    return sorted({str(task) for task in rows.comparison["settings"]["task"]})


FINDINGS = [
    finding("An encoder_decoder reverses and sorts 31 letters (exact match)", lambda rows: exact_match(rows, 32),
            at_least(0.99), quick=at_least(0.9)),
    finding("and, trained at one length alone, answers nothing at half of it", lambda rows: exact_match(rows, 16),
            at_most(0.01)),
]
