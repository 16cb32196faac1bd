"""What the overhead study found; scripts/reproduce judges it."""

from reproduction import at_least, at_most, between, finding, passes_at

QUICK = ["--model.width", "64", "--length", "128:4096:x2", "--seed", "1"]
QUICK_MINUTES = 1


def share(rows, quantity, attention, width, length):
    """Of attention alone in a training step."""
    of = {"attention": attention, "width": width, "length": length}
    if quantity == "bytes":
        return (rows.number("live_bytes", scope="attention", tag="activations", **of)
                / rows.number("live_bytes", tag="activations", **of))
    if quantity == "flops":
        return rows.number("training_step_flops", scope="attention", **of) / rows.number("training_step_flops", **of)
    return rows.number("training_step_scope_seconds", scope="attention", **of) / rows.number("training_step_seconds", **of)


def half_at(rows, quantity, attention, width):
    """The length from which on attention is half."""
    shares = [(length, share(rows, quantity, attention, width, length)) for length in rows.lengths]
    return passes_at(0.5, shares, f"share of {attention} in {quantity} at width {width}")


def of_widths(rows, value):
    return {f"width {width}": value(int(width)) for width in rows.values("model.width")}


FINDINGS = [
    finding("Attention of flash is half of the FLOPs from a length of some 12 times the width on",
            lambda rows: of_widths(rows, lambda width: half_at(rows, "flops", "flash", width) / width), between(8, 16)),
    finding("and half of the time from much the same length on (length over length)",
            lambda rows: of_widths(rows, lambda width: half_at(rows, "seconds", "flash", width)
                                   / half_at(rows, "flops", "flash", width)), between(0.8, 1.4)),
    finding("full, which keeps its weights, earlier", lambda rows: of_widths(
        rows, lambda width: half_at(rows, "seconds", "full", width) / half_at(rows, "flops", "full", width)), at_most(1)),
    finding("At the longest length it is nearly all of the time of the narrow model",
            lambda rows: share(rows, "seconds", "flash", 64, rows.longest), at_least(0.8), quick=at_least(0.7)),
    finding("Weights that are kept take the bytes, too: full's share of what is kept for the backward pass, at the longest length",
            lambda rows: of_widths(rows, lambda width: share(rows, "bytes", "full", width, rows.longest)), at_least(0.7)),
    finding("and those of flash, which keeps none, stay a fixed part (longest less 1,024 tokens)",
            lambda rows: of_widths(rows, lambda width: share(rows, "bytes", "flash", width, rows.longest)
                                   - share(rows, "bytes", "flash", width, 1024)), between(-0.01, 0.01)),
    finding("So does the share in FLOPs of a window and a linear form (longest less 1,024 tokens)",
            lambda rows: {f"{attention}, width {width}": share(rows, "flops", attention, int(width), rows.longest)
                          - share(rows, "flops", attention, int(width), 1024)
                          for attention in ("windowed", "linear") for width in rows.values("model.width")},
            between(-0.03, 0.03)),
]
