"""Reruns a study and says, number by number and finding by finding, whether it agrees: scripts/reproduce.

What a study's findings.py needs stands here.
"""

from reproduction.findings import SOLVED_ACCURACY, at_least, at_most, between, finding, passes_at

__all__ = ["SOLVED_ACCURACY", "at_least", "at_most", "between", "finding", "passes_at"]
