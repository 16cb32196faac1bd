"""What the gradients study found; scripts/reproduce judges it."""

from reproduction import at_least, at_most, between, finding

QUICK = ["--seed", "1"]
QUICK_MINUTES = 0.5

DEEP, SHALLOW = 16, 2
STREAMS = {"residual": "", "no residual": "false"}  # the key says nothing where there is one


def gradient(rows, norm, stream, deviation, layers, layer):
    return rows.number("gradient_norm", f"model.residual = {STREAMS[stream]}", f"model.initial_deviation = {deviation}",
                       norm=norm, layers=layers, layer=layer)


def deep_over_shallow(rows, norm, stream, deviation):
    """Of the first layer."""
    return gradient(rows, norm, stream, deviation, DEEP, 0) / gradient(rows, norm, stream, deviation, SHALLOW, 0)


def first_over_last(rows, norm, stream, deviation):
    return gradient(rows, norm, stream, deviation, DEEP, 0) / gradient(rows, norm, stream, deviation, DEEP, DEEP - 1)


FINDINGS = [
    finding("With norms the first layer's gradient hangs little on the depth, whatever the first weights, stream or none (16 over 2 layers)",
            lambda rows: {f"{norm}, {stream}, {deviation}": deep_over_shallow(rows, norm, stream, deviation)
                          for norm in ("pre", "post") for stream in STREAMS for deviation in (0.02, 0.05, 0.1, 0.125, 0.2)},
            between(0.1, 10)),
    finding("Without norms a stream passes it on unchanged where the first weights are small,",
            lambda rows: {deviation: deep_over_shallow(rows, "none", "residual", deviation) for deviation in (0.02, 0.05)},
            between(0.9, 2)),
    finding("and makes it explode where they are not,",
            lambda rows: {deviation: deep_over_shallow(rows, "none", "residual", deviation) for deviation in (0.1, 0.125)},
            at_least(1e4)),
    finding("while without the stream it vanishes where they are small (first layer over last),",
            lambda rows: {deviation: first_over_last(rows, "none", "no residual", deviation) for deviation in (0.05, 0.1)},
            at_most(1e-5)),
    finding("and is passed on at one over the root of the width (first layer over last)",
            lambda rows: first_over_last(rows, "none", "no residual", 0.125), between(0.5, 20)),
]
