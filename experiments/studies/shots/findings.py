"""What the shots study found; scripts/reproduce judges it."""

from reproduction import at_least, at_most, between, finding

QUICK = ["--seed", "1", "--task.shots.maps", "16,256,0", "--train.steps", "1000", "--eval.lengths", "64"]
QUICK_MINUTES = 1.5
ONE_RUN_A_CORE = True

SHOTS = ("0", "1", "2", "4", "8", "16")  # each up to the next


def accuracy(rows, maps, kind, *shots, length=64):
    return {f"{maps} maps, {kind}, from {n} examples on":
            rows.score("accuracy", f"task.shots.maps = {maps}", test_length=length, part=f"{kind} shots={n}") for n in shots}


def below_ceiling(rows, maps, kind, *shots, length=64):
    scores = accuracy(rows, maps, kind, *shots, length=length)
    ceilings = (rows.number("part_ceiling", f"task.shots.maps = {maps}", test_length=length, part=f"{kind} shots={n}")
                for n in shots)
    return {what: ceiling - score for (what, score), ceiling in zip(scores.items(), ceilings)}


FINDINGS = [
    finding("Of 16 maps a model recognises the one that is shown as fast as Bayes' rule (ceiling less accuracy)",
            lambda rows: below_ceiling(rows, "16", "known", *SHOTS), between(-0.02, 0.02), quick=between(-0.1, 0.1)),
    finding("and of a fresh map it knows next to nothing, even what it was shown (accuracy; chance is 0.06)",
            lambda rows: accuracy(rows, "16", "fresh", "8", "16"), at_most(0.16), quick=at_most(0.25)),
    finding("A model that never saw a map twice copies what was shown (ceiling less accuracy)",
            lambda rows: below_ceiling(rows, "0", "fresh", *SHOTS), between(-0.02, 0.02), quick=at_most(0.1)),
    finding("and so does one that was trained on 256",
            lambda rows: below_ceiling(rows, "256", "fresh", *SHOTS), between(-0.02, 0.02), quick=at_most(0.1)),
    finding("which recognises its maps far slower than Bayes' rule",
            lambda rows: below_ceiling(rows, "256", "known", "2", "4", "8"), at_least(0.3), quick=at_least(0.2)),
    finding("though not only copies them, either: known maps over fresh ones (accuracy)",
            lambda rows: {n: rows.score("accuracy", "task.shots.maps = 256", test_length=64, part=f"known shots={n}")
                          - rows.score("accuracy", "task.shots.maps = 256", test_length=64, part=f"fresh shots={n}")
                          for n in ("2", "4", "8")}, at_least(0.02), quick=at_least(0)),
]
