"""What the tests in Python share."""

from collections.abc import Callable


def run_checks(checks: list[Callable], call: Callable, failures: type = AssertionError) -> int:
    """Calls `call(check)` for each of them, says which fail and how many pass: the exit code."""
    failed = 0
    for check in checks:
        try:
            call(check)
        except failures as error:
            failed += 1
            print(f"FAILED {check.__name__}: {error}")
    print(f"{len(checks) - failed} passed, {failed} failed")
    return 1 if failed else 0
