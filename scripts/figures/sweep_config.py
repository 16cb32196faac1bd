"""The sweep config that runs a file's rows again, from the resolved config in each row."""

from itertools import product

NAMES = ("attention", "position", "task")  # their options count only for those who bear the name


def settings_of(config: str) -> dict[str, str]:
    return dict(line.split(" = ", 1) for line in config.splitlines() if " = " in line)


def is_read(key: str, settings: dict[str, str]) -> bool:
    """Whether a run with these names reads `key`: windowed's options are foreign to full."""
    for kind in NAMES:
        if key.startswith(kind + "."):
            return key.split(".")[1] in settings[kind].split("+")
    return True


def sweep_config(configs: list[str]) -> str | None:
    """One config whose grid is exactly these runs; None if they are not one grid.

    A value with a comma cannot be one of several, since commas sweep.
    """
    runs = [settings_of(config) for config in configs]
    if not runs or any(kind not in run for run in runs for kind in NAMES):
        return None
    grid: dict[str, list[str]] = {}
    for run in runs:
        for key, value in run.items():
            values = grid.setdefault(key, [])
            if value not in values:
                values.append(value)
    wanted = {frozenset(run.items()) for run in runs}
    several = [key for key, values in grid.items() if len(values) > 1]
    size = 1
    for key in several:
        size *= len(grid[key])
        if size > 100_000 or any("," in value for value in grid[key]):
            return None
    cells = set()
    for values in product(*(grid[key] for key in several)):
        cell = {key: found[0] for key, found in grid.items()} | dict(zip(several, values))
        cells.add(frozenset((k, v) for k, v in cell.items() if is_read(k, cell)))
    if cells != wanted:
        return None
    return "".join(f"{key} = {','.join(values)}\n" for key, values in grid.items() if any(values))
