"""What the overfitting study found; scripts/reproduce judges it."""

from reproduction import at_least, at_most, between, finding

QUICK = ["--seed", "1", "--train.steps", "1000", "--train.examples", "0,64,512,4096", "--train.label_smoothing", "0"]
QUICK_MINUTES = 3
ONE_RUN_A_CORE = True

PLAIN = {"model.dropout": "0", "train.weight_decay": "0.01", "train.label_smoothing": "0"}
REMEDIES = {"dropout": {"model.dropout": "0.2"}, "weight decay": {"train.weight_decay": "1"},
            "label smoothing": {"train.label_smoothing": "0.1"}}


def lines(examples, remedy=None):
    keys = PLAIN | {"train.examples": "" if examples == 0 else examples} | REMEDIES.get(remedy, {})
    return [f"{key} = {value}" for key, value in keys.items()]


def validation(rows, examples, remedy=None, end="last"):
    """Nats; of 0 examples: of fresh ones in every step. With end="least" of the lowest point of the curve, which is
    chosen on what it says."""
    return rows.curve("curve_validation_loss", end, *lines(examples, remedy))


def training(rows, examples):
    return rows.curve("curve_training_loss", "last", *lines(examples))


def remedies(rows):
    return [name for name, keys in REMEDIES.items() if all(value in rows.values(key) for key, value in keys.items())]


FINDINGS = [
    finding("64 examples are learned by heart (loss of training, nats)", lambda rows: training(rows, 64), at_most(0.1),
            quick=at_most(0.5)),
    finding("and what is lost by it on other text is this much over the lowest point of the curve (nats),",
            lambda rows: {examples: validation(rows, examples) - validation(rows, examples, end="least")
                          for examples in (64, 512)}, at_least(0.5), quick=at_least(0.1)),
    finding("while with fresh examples the lowest point is the last",
            lambda rows: validation(rows, 0) - validation(rows, 0, end="least"), at_most(0.005), quick=at_most(0.02)),
    finding("Of 64 examples no remedy gets much more than to stop in time does: its lowest loss over the plain form's (nats)",
            lambda rows: {name: validation(rows, 64, name, "least") - validation(rows, 64, end="least") for name in remedies(rows)},
            between(-0.1, 0.15), quick=between(-0.1, 0.2)),
    finding("of 512 dropout does: its last loss over the plain form's lowest",
            lambda rows: validation(rows, 512, "dropout") - validation(rows, 512, end="least"), at_most(-0.05),
            quick=at_most(0.05)),
    finding("4,096 examples, seen six times, are nearly as good as fresh ones (nats more)",
            lambda rows: {"plain": validation(rows, 4096) - validation(rows, 0)}, at_most(0.03)),
]
