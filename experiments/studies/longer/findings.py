"""What the longer study must find, not yet run; scripts/reproduce judges it."""

from statistics import mean

from reproduction import at_least, at_most, between, finding

QUICK = ["--seed", "0,1", "--train.steps", "400", "--tune.steps", "20", "--position", "sinusoidal,alibi", "--jobs", "2"]
QUICK_MINUTES = 6

FORMS = ("all", "attention", "low_rank")
TRAINED, LONGER = 256, 1024


def bits(rows, position, form, rate, seed, length=LONGER, before=False):
    column = "untuned_bits_per_byte" if before else "bits_per_byte"
    return rows.number(column, f"tune.parameters = {form}", f"tune.learning_rate = {rate}", position=position, seed=seed,
                       test_length=length)


def chosen_rate(rows, position, form):
    """On seed 0, which is not reported."""
    return min(rows.values("tune.learning_rate"), key=lambda rate: bits(rows, position, form, rate, 0))


def of_seeds(rows, position, form, length=LONGER, before=False):
    """Bits per byte, the mean of the seeds that did not choose the rate."""
    rate = chosen_rate(rows, position, form)
    return mean(bits(rows, position, form, rate, int(seed), length, before) for seed in rows.values("seed") if seed != "0")


def won_back(rows, position, form):
    """Of what the longer text loses over the length of training: 1 where tuned it is predicted as well."""
    before = of_seeds(rows, position, form, before=True)
    return (before - of_seeds(rows, position, form)) / (before - of_seeds(rows, position, form, TRAINED, before=True))


FINDINGS = [
    finding("Of what sinusoidal positions lose at four times the length 50 steps win back half and more, in all weights",
            lambda rows: won_back(rows, "sinusoidal", "all"), at_least(0.5), quick=at_least(0.2)),
    finding("alibi had nothing to win: it changes by (bits per byte)",
            lambda rows: {form: of_seeds(rows, "alibi", form) - of_seeds(rows, "alibi", form, before=True) for form in FORMS},
            between(-0.1, 0.1), quick=between(-0.3, 0.1)),
]
