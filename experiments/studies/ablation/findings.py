"""What the ablation study found; scripts/reproduce judges it."""

from reproduction import at_least, at_most, between, finding

QUICK = ["--seed", "1", "--train.steps", "200", "--model.layers", "2,8", "--jobs", "2"]
QUICK_MINUTES = 2

NAMES = {"": "residual", "false": "no residual"}  # the key says nothing where there is one


def deepest(rows):
    return int(rows.values("model.layers")[-1])


def gradient_ratio(rows, norm, residual, layers):
    """The gradient of the first layer over that of the last, before training."""
    def of(layer):
        return rows.number("gradient_norm", f"model.residual = {residual}", norm=norm, layers=layers, layer=layer)
    return of(0) / of(layers - 1)


def bits(rows, norm, residual, layers):
    return rows.score("bits_per_byte", f"model.residual = {residual}", norm=norm, layers=layers)


def growth(rows, norm, residual):
    """The gradient of the first layer in the deepest model over that in two layers, before training."""
    def of(layers):
        return rows.number("gradient_norm", f"model.residual = {residual}", norm=norm, layers=layers, layer=0)
    return of(deepest(rows)) / of(2)


FINDINGS = [
    finding("With norms the first layer's gradient does not hang on the depth, with a residual stream or without",
            lambda rows: {f"{norm}, {NAMES[residual]}": growth(rows, norm, residual)
                          for norm in ("pre", "post") for residual in NAMES}, between(0.1, 10)),
    finding("Without norms, the stream makes it explode with the depth,",
            lambda rows: growth(rows, "none", ""), at_least(100), quick=at_least(3)),
    finding("and without the stream, too, it vanishes on its way down (first layer over last, deepest)",
            lambda rows: gradient_ratio(rows, "none", "false", deepest(rows)), at_most(1e-3), quick=at_most(0.02)),
    finding("A deep model without the stream learns less than a shallow one (bits per byte, deepest over 2 layers)",
            lambda rows: {norm: bits(rows, norm, "false", deepest(rows)) / bits(rows, norm, "false", 2)
                          for norm in ("pre", "none")}, at_least(1)),
    finding("while with both depth does no harm (pre)",
            lambda rows: bits(rows, "pre", "", deepest(rows)) / bits(rows, "pre", "", 2), at_most(1.01),
            quick=at_most(1.05)),
]
