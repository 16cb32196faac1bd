"""What the ablation study found; scripts/reproduce judges it."""

from reproduction import at_least, at_most, finding

QUICK = ["--seed", "1", "--train.steps", "200", "--model.layers", "2,8", "--jobs", "2"]
QUICK_MINUTES = 2

FORMS = [(norm, residual) for norm in ("pre", "post", "none") for residual in ("", "false")]
NAMES = {"": "residual", "false": "no residual"}


def deepest(rows):
    return int(rows.values("model.layers")[-1])


def gradient_ratio(rows, norm, residual, layers):
    """The gradient of the first layer over that of the last, before training."""
    def of(layer):
        return rows.number("gradient_norm", f"model.residual = {residual}", norm=norm, layers=layers, layer=layer)
    return of(0) / of(layers - 1)


def bits(rows, norm, residual, layers):
    return rows.score("bits_per_byte", f"model.residual = {residual}", norm=norm, layers=layers)


FINDINGS = [
    finding("With a residual stream and norms gradients of all layers are of one size (first over last, deepest model)",
            lambda rows: {norm: gradient_ratio(rows, norm, "", deepest(rows)) for norm in ("pre", "post")},
            at_least(0.1)),
    finding("Without the stream they vanish on their way down, with or without norms",
            lambda rows: {norm: gradient_ratio(rows, norm, "false", deepest(rows)) for norm in ("pre", "none")},
            at_most(0.01)),
    finding("and a deep model learns less than a shallow one (bits per byte, deepest over 2 layers)",
            lambda rows: {norm: bits(rows, norm, "false", deepest(rows)) / bits(rows, norm, "false", 2)
                          for norm in ("pre", "none")}, at_least(1)),
    finding("while with both depth does no harm (pre)",
            lambda rows: bits(rows, "pre", "", deepest(rows)) / bits(rows, "pre", "", 2), at_most(1.01),
            quick=at_most(1.05)),
]
