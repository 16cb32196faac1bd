"""What the longer study found; scripts/reproduce judges it."""

from statistics import mean

from reproduction import at_least, at_most, between, finding

QUICK = ["--seed", "1", "--train.steps", "400", "--tune.steps", "20", "--tune.learning_rate", "1e-2"]
QUICK_MINUTES = 1.5
ONE_RUN_A_CORE = True

FORMS = ("all", "attention", "low_rank")
TRAINED, LONGER = 256, 1024


def bits(rows, position, form, rate, seed, length=LONGER, before=False):
    column = "untuned_bits_per_byte" if before else "bits_per_byte"
    return rows.number(column, f"tune.parameters = {form}", f"tune.learning_rate = {rate}", position=position, seed=seed,
                       test_length=length)


def chosen_rate(rows, position, form):
    """On seed 0, which is not reported."""
    rates = rows.values("tune.learning_rate")
    return rates[0] if len(rates) == 1 else min(rates, key=lambda rate: bits(rows, position, form, rate, 0))


def of_seeds(rows, position, form, length=LONGER, before=False):
    """Bits per byte, the mean of the seeds that did not choose the rate."""
    rate = chosen_rate(rows, position, form)
    return mean(bits(rows, position, form, rate, seed, length, before) for seed in rows.reported_seeds)


def won_back(rows, position, form):
    """Of what the longer text loses over the length of training: 1 where tuned it is predicted as well."""
    before = of_seeds(rows, position, form, before=True)
    return (before - of_seeds(rows, position, form)) / (before - of_seeds(rows, position, form, TRAINED, before=True))


def changed(rows, position, length):
    """Bits per byte after less before, in each form."""
    return {form: of_seeds(rows, position, form, length) - of_seeds(rows, position, form, length, before=True) for form in FORMS}


FINDINGS = [
    finding("Of what rotary positions lose at four times the length 50 steps there win back nearly all, in every form (share)",
            lambda rows: {form: won_back(rows, "rotary", form) for form in FORMS}, between(0.85, 1.05), quick=at_least(0.3)),
    finding("and terms of rank 4 as much as all weights (bits per byte more)",
            lambda rows: of_seeds(rows, "rotary", "low_rank") - of_seeds(rows, "rotary", "all"), at_most(0), quick=at_most(0.1)),
    finding("Of what sinusoidal positions lose about half (share)",
            lambda rows: {form: won_back(rows, "sinusoidal", form) for form in FORMS}, between(0.35, 0.6), quick=at_least(0.1)),
    finding("It costs a little at the length of training (bits per byte more)", lambda rows: changed(rows, "rotary", TRAINED),
            between(0.03, 0.3), quick=at_least(0)),
    finding("alibi had nothing to win: at the longer length it changes by (bits per byte)",
            lambda rows: changed(rows, "alibi", LONGER), between(-0.03, 0.03), quick=between(-0.3, 0.5)),
]
