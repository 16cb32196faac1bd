"""What the memory study found; scripts/reproduce judges it."""

from reproduction import at_most, between, finding, passes_at

QUICK = ["--model.width", "64,128", "--length", "32:2048:x2"]
QUICK_MINUTES = 1


def over_parameters(rows, quantity, attention, width, length):
    """Bytes of activations kept for the backward pass, or of the state of decoding, over the parameters'."""
    of = {"attention": attention, "width": width, "length": length}
    parameters = rows.number("live_bytes", tag="parameters", **of)
    if quantity == "state":
        return rows.number("state_bytes", **of) / parameters
    return rows.number("live_bytes", tag="activations", **of) / parameters


def outgrown_at(rows, quantity, attention, width):
    """The length at which they pass the parameters."""
    shares = [(length, over_parameters(rows, quantity, attention, width, length)) for length in rows.lengths]
    return passes_at(1, shares, f"{quantity} of {attention} at width {width}, over the parameters,")


def lengths_over_width(rows, quantity, attention):
    return {f"width {width}": outgrown_at(rows, quantity, attention, int(width)) / int(width)
            for width in rows.values("model.width")}


FINDINGS = [
    finding("Activations of flash outgrow the parameters at a length of some 0.7 times the width",
            lambda rows: lengths_over_width(rows, "activations", "flash"), between(0.65, 0.8)),
    finding("those of full earlier, since it keeps the weights",
            lambda rows: lengths_over_width(rows, "activations", "full"), between(0.55, 0.7)),
    finding("The cache of decoding outgrows them at some 7 times the width",
            lambda rows: lengths_over_width(rows, "state", "flash"), between(6, 8)),
    finding("and the state of a window or a linear form at no length (share of the parameters at the longest)",
            lambda rows: {f"{attention}, width {width}": over_parameters(rows, "state", attention, int(width), rows.longest)
                          for attention in ("windowed", "linear") for width in rows.values("model.width")},
            at_most(0.3)),
]
