"""What the geometry study found; scripts/reproduce judges it."""

from statistics import mean

from reproduction import at_least, at_most, finding

QUICK = ["--seed", "1", "--task", "mqar", "--train.steps", "1000", "--jobs", "2"]
QUICK_MINUTES = 2

HEADS = range(4)
# Of matrices as they are drawn: the mean of 50 pairs of factors [64,16] and [16,64].
DRAWN_RANK, DRAWN_ROTATION = 10.4, 0.87


def of_heads(rows, column, task, layer, **places):
    """The mean over the heads of a layer."""
    return mean(rows.number(column, task=task, layer=layer, head=head, **places) for head in HEADS)


FINDINGS = [
    finding("Two layers without feed-forward learn to recall (accuracy)",
            lambda rows: rows.score("accuracy", task="mqar"), at_least(0.9)),
    finding("Training makes W_Q W_K^T of the first layer less of a rotation than drawn matrices are",
            lambda rows: of_heads(rows, "map_rotation_share", "mqar", 0, map="query_key") - DRAWN_ROTATION,
            at_most(-0.05), quick=at_most(0)),
    finding("and leaves it fewer directions",
            lambda rows: of_heads(rows, "map_participation_ratio", "mqar", 0, map="query_key") - DRAWN_RANK,
            at_most(-1), quick=at_most(0)),
    finding("W_V W_O of the last layer copies, which drawn matrices do not",
            lambda rows: of_heads(rows, "copying_share", "mqar", 1), at_least(0.2), quick=at_least(0.1)),
    finding("What the last layer gives more weight its answer hangs on more (rank correlation)",
            lambda rows: of_heads(rows, "removal_correlation", "mqar", 1, test_length=64),
            at_least(0.2), quick=at_least(0)),
]
