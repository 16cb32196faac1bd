"""What the ablation study found; scripts/reproduce judges it."""

from reproduction import at_least, at_most, finding

QUICK = ["--seed", "1", "--train.steps", "200", "--train.learning_rate", "3e-3"]
QUICK_MINUTES = 1.5
ONE_RUN_A_CORE = True

STREAMS = {"residual": "", "no residual": "false"}  # the key says nothing where there is one


def bits(rows, norm, stream, layers):
    return rows.score("bits_per_byte", f"model.residual = {STREAMS[stream]}", norm=norm, layers=layers)


FINDINGS = [
    finding("Two layers learn with a norm or a stream (bits per byte; 4.38 is what the bytes' shares alone give)",
            lambda rows: {f"{norm}, {stream}": bits(rows, norm, stream, 2)
                          for norm in ("pre", "post", "none") for stream in STREAMS
                          if (norm, stream) != ("none", "no residual")}, at_most(3.3), quick=at_most(4.1)),
    finding("and slower with neither", lambda rows: bits(rows, "none", "no residual", 2) - bits(rows, "post", "no residual", 2),
            at_least(0.1)),
    finding("Sixteen without a residual stream learn those shares and nothing else, under either norm and without",
            lambda rows: {norm: bits(rows, norm, "no residual", 16) for norm in ("pre", "post", "none")}, at_least(4.3)),
    finding("With stream and pre-norm depth does no harm (16 layers less 2)",
            lambda rows: bits(rows, "pre", "residual", 16) - bits(rows, "pre", "residual", 2), at_most(0), quick=at_most(0.1)),
    finding("Post-norm pays for it, in as many steps",
            lambda rows: bits(rows, "post", "residual", 16) - bits(rows, "post", "residual", 2), at_least(0.1)),
    finding("The norm is worth this in two layers with a stream (none less pre),",
            lambda rows: bits(rows, "none", "residual", 2) - bits(rows, "pre", "residual", 2), at_least(0.1), quick=at_least(0)),
    finding("and the stream this, with pre-norm (none less with)",
            lambda rows: bits(rows, "pre", "no residual", 2) - bits(rows, "pre", "residual", 2), at_least(0.1), quick=at_least(0)),
]
