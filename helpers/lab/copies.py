"""The learner's copies of the notebooks in ``my/``, and whether the shipped notebooks have changed since.

A copy carries a fingerprint of the cells that it was made from in its metadata. An older copy without one is judged by
the cells that no learner is asked to change.
"""

import hashlib
import json
import os
import sys
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from pathlib import Path

from helpers._data import MY, NOTEBOOKS
from helpers.lab.notebook_file import Document, read_notebook, source_of, write_notebook


def copy_notebook(shipped: Path, copy: Path) -> None:
    """Write a copy that knows what it was made from. Raises ``OSError`` where it cannot be written."""
    document = read_notebook(shipped)
    document["metadata"].setdefault("workbook", {})["copied"] = _fingerprint(document)
    write_notebook(document, copy)


def remark_on(copy: Path, shipped: Path) -> str:
    """One sentence where the shipped notebook has changed since the copy was made, else nothing."""
    try:
        mine, current = read_notebook(copy), _fingerprint(read_notebook(shipped))
        made_from = mine["metadata"].get("workbook", {}).get("copied") or _fingerprint(mine)
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return ""  # no copy, or none that can be read: JupyterLab says more about it
    if made_from == current:
        return ""
    return (
        f"The shipped notebook {shipped.stem} has changed since your copy of it was made: "
        f"`python -m helpers fresh {shipped.name[:2]}` takes the new one and keeps yours."
    )


def remark_here() -> str:
    """The same about the notebook that this kernel runs, where it is one of the learner's copies."""
    path = Path(os.environ.get("JPY_SESSION_NAME", ""))  # set by Jupyter's server
    return remark_on(path, NOTEBOOKS / path.name) if path.parent == MY else ""


def _fingerprint(notebook: Document) -> str:
    cells = [
        (cell["cell_type"], source_of(cell))
        for cell in notebook["cells"]
        if "exercise" not in cell["metadata"].get("tags", ())
    ]
    return hashlib.sha256(json.dumps(cells).encode()).hexdigest()


class _OldCopyFinder(MetaPathFinder):
    """Asked last: says ``python -m helpers fresh NN`` where an old copy imports what is gone.

    ``from helpers.lessons import name`` comes here too when the package has no such name.
    """

    def find_spec(self, name: str, path: Sequence[str] | None, target: object = None) -> None:
        if name.startswith("helpers.") and (remark := remark_here()):
            raise ImportError(f"There is no {name} any more. {remark}", name=name)


sys.meta_path.append(_OldCopyFinder())
