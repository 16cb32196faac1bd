"""Draws figures of a results file as PNG and SVG: by default one overview, with --figure others.

Wrong use is one line on stderr and exit code 2.
"""

import argparse
import sys
from pathlib import Path

from figures import accuracy, comparison, overview, pareto, parts, scaling
from figures.comparison import UserError

# Each draws a comparison to STEM-<name> and returns the paths, or None where the file has no data.
FIGURES = {"scaling": scaling.draw, "parts": parts.draw, "accuracy": accuracy.draw,
           "pareto": pareto.draw}
NEEDS = {"scaling": "runs of at least two lengths", "parts": "seconds of the parts of the model",
         "accuracy": "trained models", "pareto": "at least two trained models with their cost"}


def draw(arguments) -> list[Path]:
    stem = arguments.output or arguments.file.with_suffix("")
    if arguments.figure is None:
        return overview.draw(overview.read_results(arguments.file), stem)
    found = comparison.compare(arguments.file, arguments.program)
    names = list(FIGURES) if arguments.figure == "all" else [arguments.figure]
    drawn = {name: FIGURES[name](found, stem.with_name(f"{stem.name}-{name}")) for name in names}
    if not any(drawn.values()):
        raise UserError(f"{arguments.file}: has nothing to draw, expected {NEEDS[names[0]]}")
    return [path for paths in drawn.values() for path in paths or []]


def main() -> int:
    parser = argparse.ArgumentParser(prog="plot", description="Draws figures of a results file.")
    parser.add_argument("file", type=Path, help="results file (HDF5)")
    parser.add_argument("-o", "--output", type=Path, help="path of the figure without its ending")
    parser.add_argument("--figure", choices=[*FIGURES, "all"],
                        help="what to draw, from `lengthwise compare` (default: one overview)")
    parser.add_argument("--program", type=Path, help="the lengthwise program (default: the build's)")
    try:
        paths = draw(parser.parse_args())
    except UserError as error:
        print(f"plot: {error}", file=sys.stderr)
        return 2
    print("\n".join(str(path) for path in paths))
    return 0


if __name__ == "__main__":
    sys.exit(main())
