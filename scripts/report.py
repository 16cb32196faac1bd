"""Writes the report of a results file: one HTML file with its figures, which needs no network.

Everything computed is `lengthwise compare`'s. The same file gives the same report, byte for byte.
Wrong use is one line on stderr and exit code 2; a report is written whole or not at all.
"""

import os
import sys
import tempfile
from pathlib import Path

from figures import comparison as data
from figures.page import render


def write_whole(path: Path, text: str) -> None:
    try:
        descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=path.name, suffix=".tmp")
        try:
            with open(descriptor, "w", encoding="utf-8") as file:
                file.write(text)
            os.chmod(name, 0o644)
            os.replace(name, path)
        except BaseException:
            os.unlink(name)
            raise
    except OSError as error:
        raise data.UserError(f"{path}: cannot be written: {error.strerror}") from None


def main() -> int:
    parser = data.Parser(prog="report", description="Writes the report of a results file.")
    parser.add_argument("file", type=Path, help="results file (HDF5)")
    parser.add_argument("-o", "--output", type=Path,
                        help="path of the report (default: beside the file, ending in .html)")
    parser.add_argument("--program", type=Path, help="the lengthwise program (default: the build's)")
    try:
        arguments = parser.parse_args()
        output = arguments.output or arguments.file.with_suffix(".html")
        comparison = data.compare(arguments.file, arguments.program)
        export = data.read("export", arguments.file, arguments.program)
        write_whole(output, render(comparison, export))
    except data.UserError as error:
        print(f"report: {error}", file=sys.stderr)
        return 2
    print(output)
    return 0


if __name__ == "__main__":
    sys.exit(main())
