"""What the longer_control study must find, not yet run; scripts/reproduce judges it."""

from reproduction import at_least, finding

QUICK = ["--seed", "0,1", "--train.steps", "400", "--tune.steps", "20", "--position", "sinusoidal,alibi", "--jobs", "2"]
QUICK_MINUTES = 3

FINDINGS = []
