"""Draws the heads of a file of `lengthwise attend` as heat maps, tokens on both axes, as PNG and SVG.

Wrong use is one line on stderr and exit code 2.
"""

import sys
from pathlib import Path

from figures import attention
from figures.comparison import Parser, UserError
from figures.paper import stem_of


def main() -> int:
    parser = Parser(prog="plot_attention", description="Draws the heads of an attention file as heat maps.")
    parser.add_argument("file", type=Path, help="what `lengthwise attend -o FILE` wrote")
    parser.add_argument("-o", "--output", type=Path, help="path of the figure: .png and .svg are written")
    parser.add_argument("--input", type=int, default=0, help="which input, from 0 (default: the first)")
    parser.add_argument("--role", help="encoder, decoder or cross alone")
    parser.add_argument("--layer", type=int, help="this layer alone")
    parser.add_argument("--head", type=int, help="this head alone")
    parser.add_argument("--rollout", action="store_true", help="beside each layer the rollout up to it")
    try:
        arguments = parser.parse_args()
        found = attention.choose(attention.read(arguments.file), arguments)
        paths = attention.draw(found, stem_of(arguments.output, arguments.file), arguments.rollout)
    except UserError as error:
        print(f"plot_attention: {error}", file=sys.stderr)
        return 2
    print("\n".join(str(path) for path in paths))
    return 0


if __name__ == "__main__":
    sys.exit(main())
