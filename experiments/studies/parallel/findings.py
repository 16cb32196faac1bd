"""What the parallel study found; scripts/reproduce judges it."""

from reproduction import at_least, between, finding

QUICK = ["--length", "64:1024:x2", "--seed", "1", "--repeats", "3"]
QUICK_MINUTES = 3

PARALLEL = ["full", "flash"]  # steps of linear are short, and vary too much on two cores
TOKENS = 16384  # of a full batch
MIXING = ("attention", "projections")  # the input's product is in gru's attention, and flash's projections beside it


def rows_of(rows, many):
    return rows.only(f"batch_tokens = {TOKENS}") if many else rows.only(batch=1)


def seconds(rows, attention, length, threads, many=False, scopes=()):
    """Of a training step, or of these parts of it."""
    of = {"attention": attention, "length": length, "threads": threads}
    if not scopes:
        return rows_of(rows, many).number("training_step_seconds", **of)
    return sum(rows_of(rows, many).number("training_step_scope_seconds", scope=scope, **of) for scope in scopes)


def second_core(rows, variants, length, many=False, scopes=()):
    """How many times as fast a training step is on two cores as on one."""
    return {attention: seconds(rows, attention, length, 1, many, scopes) / seconds(rows, attention, length, 2, many, scopes)
            for attention in variants}


def tokens_per_second(rows, attention, length, threads, many=False):
    """Of training."""
    return (TOKENS if many else length) / seconds(rows, attention, length, threads, many)


def rate(rows, attention, length, many=False):
    """FLOP/s of attention alone in a training step on one core."""
    flops = rows_of(rows, many).number("training_step_flops", scope="attention", attention=attention, length=length,
                                       threads=1)
    return flops / seconds(rows, attention, length, 1, many, ["attention"])


FINDINGS = [
    finding("A second core makes a training step of the longest sequence faster, where it mixes in parallel, by",
            lambda rows: second_core(rows, PARALLEL, rows.longest), at_least(1.5), quick=at_least(1.05)),
    finding("and less where it is a recurrence (of mixing with its projections, that of flash over that of gru)",
            lambda rows: second_core(rows, ["flash"], rows.longest, scopes=MIXING)["flash"]
            / second_core(rows, ["gru"], rows.longest, scopes=MIXING)["gru"], at_least(1.15), quick=at_least(1)),
    finding("unless sequences stand side by side (256 of 64 tokens): then the recurrence has a second core, too",
            lambda rows: second_core(rows, ["gru"], 64, many=True, scopes=MIXING), at_least(1.4),
            quick=at_least(1.1)),
    finding("On one core a recurrence over one sequence computes nearly as fast as over 256: its weights are in the cache (share)",
            lambda rows: rate(rows, "gru", rows.longest) / rate(rows, "gru", 64, many=True), between(0.6, 1.2)),
    finding("and on one core it trains on more tokens of the longest sequence a second than softmax attention, by",
            lambda rows: tokens_per_second(rows, "gru", rows.longest, 1) / tokens_per_second(rows, "flash", rows.longest, 1),
            at_least(1.3), quick=at_least(1.1)),
    finding("and on two on fewer of 256 tokens (flash over gru)",
            lambda rows: tokens_per_second(rows, "flash", 256, 2) / tokens_per_second(rows, "gru", 256, 2),
            at_least(1.1), quick=at_least(1)),
]
