"""What the heads study found; scripts/reproduce judges it."""

from reproduction import SOLVED_ACCURACY, at_least, at_most, finding

QUICK = ["--seed", "2", "--train.learning_rate", "1e-2", "--model.heads", "1,4"]
QUICK_MINUTES = 6
ONE_RUN_A_CORE = True

LENGTHS = (64, 256)


def accuracies(rows, heads, length):
    """Of every run with so many heads, whatever its learning rate."""
    of_heads = rows.only(f"model.heads = {heads}", length=length)
    return [of_heads.score("accuracy", f"train.learning_rate = {rate}", seed=int(seed))
            for rate in of_heads.values("train.learning_rate") for seed in of_heads.values("seed")]


def share_solved(rows, length, *heads):
    found = [accuracy >= SOLVED_ACCURACY for each in heads for accuracy in accuracies(rows, each, length)]
    return sum(found) / len(found)


def several(rows):
    return [int(heads) for heads in rows.values("model.heads") if heads != "1"]


FINDINGS = [
    finding("One head does not learn to recall in 2,000 steps, in any run at either length (accuracy of the best)",
            lambda rows: {f"T={length}": max(accuracies(rows, 1, length)) for length in LENGTHS}, at_most(0.4)),
    finding("Four heads do in half of the runs (share solved)",
            lambda rows: {f"T={length}": share_solved(rows, length, 4) for length in LENGTHS}, at_least(0.5)),
    finding("More heads solve it in no fewer runs (share solved, less that of half as many)",
            lambda rows: {f"T={length}, {more} heads": share_solved(rows, length, more) - share_solved(rows, length, fewer)
                          for length in LENGTHS for fewer, more in zip([1, *several(rows)], several(rows))}, at_least(0)),
    finding("which helps no more at 256 tokens than at 64 (share solved of several heads, at 256 less at 64)",
            lambda rows: share_solved(rows, 256, *several(rows)) - share_solved(rows, 64, *several(rows)), at_most(0.1)),
]
