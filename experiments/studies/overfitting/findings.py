"""What the overfitting study must find, not yet run; scripts/reproduce judges it."""

from reproduction import at_least, at_most, between, finding

QUICK = ["--seed", "1", "--train.steps", "600", "--train.examples", "0,64,512", "--train.label_smoothing", "0", "--jobs", "2"]
QUICK_MINUTES = 3

PLAIN = {"model.dropout": "0", "train.weight_decay": "0.01", "train.label_smoothing": "0"}
REMEDIES = {"dropout": {"model.dropout": "0.2"}, "weight decay": {"train.weight_decay": "1"},
            "label smoothing": {"train.label_smoothing": "0.1"}}


def validation(rows, examples, remedy=None, end="last"):
    """Nats; of 0 examples: of fresh ones in every step. With end="least" of the lowest point of the curve, which is
    chosen on what it says."""
    lines = PLAIN | {"train.examples": "" if examples == 0 else examples} | REMEDIES.get(remedy, {})
    return rows.curve("curve_validation_loss", end, *(f"{key} = {value}" for key, value in lines.items()))


def training(rows, examples):
    lines = PLAIN | {"train.examples": "" if examples == 0 else examples}
    return rows.curve("curve_training_loss", "last", *(f"{key} = {value}" for key, value in lines.items()))


def remedies(rows):
    return [name for name, keys in REMEDIES.items() if all(value in rows.values(key) for key, value in keys.items())]


FINDINGS = [
    finding("64 examples are learned by heart (loss of training, nats)", lambda rows: training(rows, 64), at_most(0.1),
            quick=at_most(0.7)),
]
