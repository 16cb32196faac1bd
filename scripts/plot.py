"""Draws figures of a results file as PNG and SVG: by default one overview, with --figure others.

Wrong use is one line on stderr and exit code 2.
"""

import sys
from pathlib import Path

import numpy as np

from figures import (accuracy, comparison, curves, depths, gradients, lengths, memory, overview, pareto, parts, removal, scaling,
                     settings)
from figures.comparison import Parser, UserError
from figures.paper import stem_of

# Each draws a comparison to STEM-<name> and returns the paths, or None where the file has no data.
FIGURES = {"scaling": scaling.draw, "decoding": scaling.draw_decoding, "parts": parts.draw, "accuracy": accuracy.draw,
           "lengths": lengths.draw, "settings": settings.draw, "depths": depths.draw_depths,
           "contexts": depths.draw_contexts, "pareto": pareto.draw}
NEEDS = {"scaling": "runs of at least two lengths", "decoding": "runs that decode, of two lengths",
         "parts": "seconds of the parts of the model",
         "accuracy": "trained models", "lengths": "models scored at two lengths or more",
         "settings": "trained models that differ in a setting that is a number",
         "depths": "scores by depth, distance or shots, as passkey's", "contexts": "scores by bytes of context, as text's",
         "pareto": "at least two trained models with their cost", "memory": "models of two widths or more",
         "curves": "validation curves of at most 12 models in each of 12 panels",
         "gradients": "gradients of models that differ in norm, residual stream or depth",
         "removal": "models scored with eval.removal"}
# Draws the rows of the file themselves.
OF_ROWS = {"memory": memory.draw, "curves": curves.draw, "gradients": gradients.draw, "removal": removal.draw}


def draw(arguments) -> list[Path]:
    stem = stem_of(arguments.output, arguments.file)
    if arguments.against and arguments.figure not in ("settings", "all"):
        raise UserError(f"--against: found --figure {arguments.figure}, expected --figure settings")
    if arguments.figure is None:
        data = overview.read_results(arguments.file)
        if not np.isfinite(data["training_step_seconds"]).any():  # measure = decoding
            drawn = scaling.draw_decoding(comparison.compare(arguments.file, arguments.program), stem)
            if drawn:
                return drawn
        data = overview.with_chosen_scores(data, arguments.file, arguments.program)
        return overview.draw(data, stem)
    names = [*FIGURES, *OF_ROWS] if arguments.figure == "all" else [arguments.figure]
    options = {"settings": {"against": arguments.against}}
    drawn = {}
    if set(names) & set(FIGURES):
        found = comparison.compare(arguments.file, arguments.program)
        drawn |= {name: FIGURES[name](found, stem.with_name(f"{stem.name}-{name}"), **options.get(name, {}))
                  for name in names if name in FIGURES}
    if set(names) & set(OF_ROWS):
        rows = overview.read_results(arguments.file)
        drawn |= {name: OF_ROWS[name](rows, stem.with_name(f"{stem.name}-{name}")) for name in names if name in OF_ROWS}
    if not any(drawn.values()):
        raise UserError(f"{arguments.file}: has nothing to draw, expected {NEEDS[names[0]]}")
    return [path for paths in drawn.values() for path in paths or []]


def main() -> int:
    parser = Parser(prog="plot", description="Draws figures of a results file.")
    parser.add_argument("file", type=Path, help="results file (HDF5)")
    parser.add_argument("-o", "--output", type=Path, help="path of the figure: .png and .svg are written")
    parser.add_argument("--figure", choices=[*FIGURES, *OF_ROWS, "all"],
                        help="what to draw, from `lengthwise compare` (default: one overview)")
    parser.add_argument("--against", metavar="KEY",
                        help="the setting that --figure settings draws scores against, such as window "
                             "(default: the number that varies most)")
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
