"""What the geometry study found; scripts/reproduce judges it."""

from statistics import mean

from reproduction import at_least, at_most, finding

QUICK = ["--seed", "1", "--task", "mqar,text", "--train.steps", "1,1000"]
QUICK_MINUTES = 1
ONE_RUN_A_CORE = True

HEADS = range(4)
LAYERS = range(2)


def of_heads(rows, column, task, layer, trained=True, **places):
    """The mean over the heads of a layer, after training or of the matrices as they were drawn."""
    steps = rows.values("train.steps")[-1 if trained else 0]
    return mean(rows.number(column, f"train.steps = {steps}", task=task, layer=layer, head=head, **places) for head in HEADS)


def gained(rows, column, task, layer, **places):
    return of_heads(rows, column, task, layer, **places) - of_heads(rows, column, task, layer, trained=False, **places)


def of_layers(value):
    return {f"layer {layer}": value(layer) for layer in LAYERS}


FINDINGS = [
    finding("Two layers without feed-forward learn to recall (accuracy)",
            lambda rows: rows.score("accuracy", f"train.steps = {rows.values('train.steps')[-1]}", task="mqar"), at_least(0.95)),
    finding("Training makes W_Q W_K^T less of a rotation than it was drawn (mqar)",
            lambda rows: of_layers(lambda layer: gained(rows, "map_rotation_share", "mqar", layer, map="query_key")),
            at_most(-0.2), quick=at_most(-0.05)),
    finding("and leaves it fewer directions (mqar)",
            lambda rows: of_layers(lambda layer: gained(rows, "map_participation_ratio", "mqar", layer, map="query_key")),
            at_most(-4), quick=at_most(-1)),
    finding("W_V W_O of the last layer copies what it is given (mqar),",
            lambda rows: of_heads(rows, "copying_share", "mqar", 1), at_least(0.95), quick=at_least(0.8)),
    finding("and on text writes rather its opposite", lambda rows: of_layers(lambda layer: of_heads(rows, "copying_share", "text", layer)),
            at_most(-0.3), quick=at_most(-0.1)),
    finding("Weights say what the answer hangs on no better after training than before, on recall (rank correlation gained)",
            lambda rows: gained(rows, "removal_correlation", "mqar", 1, test_length=64), at_most(0)),
    finding("and much better on text", lambda rows: of_layers(lambda layer: gained(rows, "removal_correlation", "text", layer, test_length=64)),
            at_least(0.4), quick=at_least(0.2)),
]
