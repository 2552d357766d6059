"""Which notebooks a notebook needs: it declares them in its metadata, ``"workbook": {"needs": ["01", "03"]}``."""

import re
from pathlib import Path

from helpers.lab.errors import LabError
from helpers.lab.notebook_file import read_notebook

_NUMBER = re.compile(r"[0-9]{2}")


def declared_needs(notebook: Path) -> list[str]:
    """The numbers that a notebook's metadata declare. Raises :class:`LabError` where they declare none."""
    needs = read_notebook(notebook)["metadata"].get("workbook", {}).get("needs")
    if not isinstance(needs, list) or not all(isinstance(need, str) and _NUMBER.fullmatch(need) for need in needs):
        raise LabError(
            f"{notebook.name} does not declare which notebooks it needs: its metadata must hold "
            '"workbook": {"needs": [...]}, with numbers such as "01", or with none.'
        )
    return needs


def needed_notebooks(number: str, folder: Path) -> list[Path]:
    """What a notebook of this folder needs, and what that needs in turn: each after all that it needs itself.

    Where two may come first, the lower number does. Raises :class:`LabError` where a number is unknown, where one
    notebook declares nothing, and where some need each other in a circle.
    """
    paths = {path.name[:2]: path for path in folder.glob("[0-9][0-9]_*.ipynb")}
    if number not in paths:
        raise LabError(f"There is no notebook {number}; there are {', '.join(sorted(paths))}.")
    needs: dict[str, list[str]] = {}
    waiting = [number]
    while waiting:
        asked = waiting.pop()
        if asked in needs:
            continue
        needs[asked] = declared_needs(paths[asked])
        if unknown := sorted(set(needs[asked]) - paths.keys()):
            raise LabError(f"{paths[asked].name} needs notebook {unknown[0]}, and there is none of this number.")
        waiting += needs[asked]
    order: list[str] = []
    while left := needs.keys() - order:
        ready = [candidate for candidate in left if set(needs[candidate]) <= set(order)]
        if not ready:
            raise LabError(f"Of the notebooks {', '.join(sorted(left))} some need each other in a circle.")
        order.append(min(ready))
    return [paths[needed] for needed in order if needed != number]
