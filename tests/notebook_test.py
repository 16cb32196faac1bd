"""Executes scripts/explore.ipynb and compares with the outputs that stand in it: notebook_test.py [--update]

--update writes the outputs of this execution into the notebook, after results/quadratic.h5 changed.
"""

import os
import sys
import tempfile
from pathlib import Path

import nbformat
from jupyter_client import AsyncKernelManager
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

NOTEBOOK = Path(__file__).resolve().parent.parent / "scripts" / "explore.ipynb"


def executed():
    """The notebook run afresh in its own folder; Matplotlib draws into it."""
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    metadata = dict(notebook.metadata)
    with tempfile.TemporaryDirectory() as folder:
        kernel = AsyncKernelManager(kernel_name="python3", transport="ipc", ip=f"{folder}/kernel")
        NotebookClient(notebook, km=kernel, timeout=600, record_timing=False,
                       resources={"metadata": {"path": str(NOTEBOOK.parent)}}).execute()
    notebook.metadata = metadata
    return notebook


def outputs(notebook) -> list:
    return [output for cell in notebook.cells for output in cell.get("outputs", [])]


def texts(notebook) -> list[str]:
    return [output["data"].get("text/plain", "") for output in outputs(notebook) if "data" in output]


def main() -> int:
    os.environ.pop("MPLBACKEND", None)
    try:
        notebook = executed()
    except CellExecutionError as error:
        print(f"FAILED the notebook runs: {error}")
        return 1
    if sys.argv[1:] == ["--update"]:
        nbformat.write(notebook, NOTEBOOK)
        return 0
    stored = nbformat.read(NOTEBOOK, as_version=4)
    figures = [o for o in outputs(notebook) if "image/png" in o.get("data", {})]
    said = [o for o in outputs(notebook) if o.output_type in ("stream", "error")]
    checks = {
        "it draws one figure": len(figures) == 1,
        "it says nothing beside its results": not said,
        "the outputs in it are those of the file (--update renews them)": texts(notebook) == texts(stored),
    }
    for name in (name for name, holds in checks.items() if not holds):
        print(f"FAILED {name}")
    print(f"{sum(checks.values())} passed, {len(checks) - sum(checks.values())} failed")
    return 0 if all(checks.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
