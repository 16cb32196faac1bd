"""What the overfitting study found; scripts/reproduce judges it."""

from reproduction import at_least, at_most, finding

QUICK = ["--seed", "1", "--train.steps", "600", "--train.examples", "64,512", "--jobs", "2"]
QUICK_MINUTES = 3

PLAIN = {"model.dropout": "0", "train.weight_decay": "0.01", "train.label_smoothing": "0"}
REMEDIES = {"dropout": {"model.dropout": "0.2"}, "weight decay": {"train.weight_decay": "1"},
            "label smoothing": {"train.label_smoothing": "0.1"}}


def lines(examples, remedy=None):
    return [f"{key} = {value}" for key, value in (PLAIN | {"train.examples": examples} | REMEDIES.get(remedy, {})).items()]


def validation(rows, examples, remedy=None, end="last"):
    return rows.curve("curve_validation_loss", end, *lines(examples, remedy))


def training(rows, examples):
    return rows.curve("curve_training_loss", "last", *lines(examples))


FINDINGS = [
    finding("Of 64 examples everything is learned by heart: the loss of training is this share of that on fresh text",
            lambda rows: training(rows, 64) / validation(rows, 64), at_most(0.1), quick=at_most(0.5)),
    finding("512 are enough for that, too", lambda rows: training(rows, 512) / validation(rows, 512), at_most(0.5),
            quick=at_most(0.9)),
    finding("Whoever stops at the lowest validation loss loses less (nats, 64 and 512 examples)",
            lambda rows: {examples: validation(rows, examples) - validation(rows, examples, end="least")
                          for examples in (64, 512)}, at_least(0.1), quick=at_least(0)),
    finding("and none of the remedies does as much as to stop in time (nats above the plain form's lowest, 64 examples)",
            lambda rows: {name: validation(rows, 64, name) - validation(rows, 64, end="least") for name in REMEDIES},
            at_least(0)),
]
