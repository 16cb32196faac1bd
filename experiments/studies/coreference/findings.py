"""What the coreference study found; scripts/reproduce judges it."""

import itertools

from reproduction import at_least, at_most, between, finding

QUICK = ["--seed", "1", "--train.steps", "500"]
QUICK_MINUTES = 4
ONE_RUN_A_CORE = True

TRAINED = ("3", "4", "8", "16", "32")  # the octaves of the distances that rows of 64 have


def accuracy(rows, attention, length, *distances, position="rotary"):
    return {f"{attention}, {position}, from {distance} tokens on":
            rows.score("accuracy", attention=attention, position=position, test_length=length, part=f"distance={distance}")
            for distance in distances}


def beyond_ceiling(rows, *distances):
    part = {"attention": "windowed", "position": "rotary", "test_length": 64}
    return {f"from {distance} tokens on": rows.score("accuracy", **part, part=f"distance={distance}")
            - rows.number("part_ceiling", **part, part=f"distance={distance}") for distance in distances}


def at_the_noun(rows, column, length):
    """A column in each seed at the head that gives the noun most, chosen on other examples."""
    found = {}
    for seed in rows.values("seed"):
        def value(of, split, head):
            return rows.number(of, f"seed = {seed}", attention="flash", position="rotary", test_length=length, split=split,
                               layer=head[0], head=head[1])
        most = max(itertools.product(range(2), range(4)), key=lambda head: value("evidence_weight", "choosing", head))
        found[f"seed {seed}"] = value(column, "reporting", most)
    return found


def without_evidence(rows):
    """In each seed, on the examples that are reported."""
    return {f"seed {seed}": rows.number("accuracy_without_evidence_anywhere", f"seed = {seed}", attention="flash",
                                        position="rotary", test_length=64, split="reporting") for seed in rows.values("seed")}


FINDINGS = [
    finding("Attention finds the noun at every distance of training (accuracy)",
            lambda rows: accuracy(rows, "flash", 64, *TRAINED) | accuracy(rows, "flash", 64, *TRAINED, position="alibi"),
            at_least(0.98), quick=at_least(0.9)),
    finding("in a text four times as long as in training, too",
            lambda rows: accuracy(rows, "flash", 256, "3", "4", "8", "16"), at_least(0.98), quick=at_least(0.9)),
    finding("but the further beyond the distances of training, the less often (accuracy lost at 128 tokens and more)",
            lambda rows: {position: rows.score("accuracy", attention="flash", position=position, test_length=256,
                                               part="distance=16")
                          - rows.score("accuracy", attention="flash", position=position, test_length=256,
                                       part="distance=128") for position in ("rotary", "alibi")}, at_least(0.01),
            quick=at_least(0.005)),
    finding("A window of 16 in two layers finds what its layers reach, and nothing else (accuracy less ceiling)",
            lambda rows: beyond_ceiling(rows, "3", "4", "8", "16"), between(-0.03, 0.03), quick=between(-0.1, 0.05)),
    finding("Out of its reach it names one of the six nouns of the class", lambda rows: accuracy(rows, "windowed", 64, "32"),
            between(0.12, 0.22), quick=at_most(0.3)),
    finding("A head looks from the pronoun at its noun (weight that it gives the noun)",
            lambda rows: at_the_noun(rows, "evidence_weight", 64), at_least(0.5), quick=at_least(0.3)),
    finding("and at one that does not agree it does not (weight that it gives the other)",
            lambda rows: at_the_noun(rows, "distractor_weight", 64), at_most(0.05), quick=at_most(0.1)),
    finding("Without the way from the pronoun to its noun, in all heads, the model guesses within the class (accuracy; 1 in 6)",
            without_evidence, at_most(0.25), quick=at_most(0.35)),
    finding("without the way to another noun, in the head that looks most, it answers as before",
            lambda rows: at_the_noun(rows, "accuracy_without_distractor", 64), at_least(0.98), quick=at_least(0.9)),
    finding("and so it does without the noun in that head alone (accuracy)",
            lambda rows: at_the_noun(rows, "accuracy_without_evidence", 64), at_least(0.95), quick=at_least(0.5)),
    finding("Sinusoidal positions lose nouns that are as near as in training, once the text is longer (accuracy at 256)",
            lambda rows: accuracy(rows, "flash", 256, "3", "4", "8", "16", position="sinusoidal"), at_most(0.7)),
    finding("Without positions nothing is lost at any distance: agreement needs no order (accuracy at 256)",
            lambda rows: accuracy(rows, "flash", 256, *TRAINED, "64", "128", position="none"), at_least(0.98)),
]
