"""What the gradients study must find, not yet run; scripts/reproduce judges it."""

from reproduction import at_least, finding

QUICK = ["--seed", "1", "--model.layers", "2,16"]
QUICK_MINUTES = 1

FINDINGS = []
