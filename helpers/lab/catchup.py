"""Catch up: run the build cells of the shipped notebooks before this one.

The notebooks are the only recipe. A cell tagged ``setup`` or ``build`` is plain Python that finds or makes what it
needs, so running it again changes nothing where all is well and mends what is broken.
"""

import contextlib
import io
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from helpers.lab.access import LabError
from helpers.lab.snapshot import Snapshot, snapshot

if TYPE_CHECKING:
    from helpers.lab.lab import Lab

Outcome = Literal["found", "built", "repaired"]
NOTEBOOKS = Path(__file__).resolve().parents[2] / "notebooks"
_SYMBOLS: Mapping[Outcome, str] = {"found": "✓", "built": "+", "repaired": "↻"}


@dataclass(frozen=True)
class CatchUp:
    """What catching up did: one outcome per notebook, in order."""

    outcomes: tuple[tuple[str, Outcome], ...]

    @classmethod
    def run(cls, lab: "Lab", notebook: str, parameters: Mapping[str, Any]) -> "CatchUp":
        """Run the build cells of all notebooks whose number is below ``notebook`` ("07").

        Raises :class:`LabError` where a cell fails, naming notebook and cell.
        """
        if not (len(notebook) == 2 and notebook.isdigit()):
            raise LabError(f'catch_up() takes the number of a notebook as two digits, such as "07", not {notebook!r}.')
        outcomes = []
        before = snapshot(lab)
        for path in sorted(NOTEBOOKS.glob("[0-9][0-9]_*.ipynb")):
            if path.name[:2] < notebook and _run_cells(path, lab, parameters):
                after = snapshot(lab)
                outcomes.append((path.stem, _outcome(before, after)))
                before = after
        return cls(tuple(outcomes))

    def __str__(self) -> str:
        if not self.outcomes:
            return "Nothing to catch up on."
        return "\n".join(f"{_SYMBOLS[outcome]} {name}: {outcome}" for name, outcome in self.outcomes)

    __repr__ = __str__

    def _repr_html_(self) -> str:
        if not self.outcomes:
            return "<p>Nothing to catch up on.</p>"
        left = 'style="text-align:left"'  # JupyterLab sets tables to the right, which is for numbers
        rows = "".join(
            f"<tr><td {left}>{escape(name)}</td><td {left}>{_SYMBOLS[outcome]} {outcome}</td></tr>"
            for name, outcome in self.outcomes
        )
        head = f'<tr><th scope="col" {left}>notebook</th><th scope="col" {left}>its resources were</th></tr>'
        return f"<table><caption>Catching up</caption>{head}{rows}</table>"


def _outcome(before: Snapshot, after: Snapshot) -> Outcome:
    if before == after:
        return "found"
    return "built" if before.items() <= after.items() else "repaired"


def _run_cells(path: Path, lab: "Lab", parameters: Mapping[str, Any]) -> bool:
    """Run a notebook's cells in one namespace; False where it builds nothing."""
    cells = list(_cells(path))
    if not any("build" in tags for tags, _, _ in cells):
        return False
    given = {"lab": lab, "prefix": lab.prefix, "region": lab.region, **parameters}
    namespace: dict[str, Any] = {"__name__": f"catch_up.{path.stem}"}
    for tags, cell_id, source in cells:
        if not tags & {"parameters", "setup", "build"}:
            continue
        try:
            with contextlib.redirect_stdout(io.StringIO()):
                exec(compile(source, f"{path.name}[{cell_id}]", "exec"), namespace)
        except Exception as problem:
            reason = f"{type(problem).__name__}: {problem}".rstrip(".")
            raise LabError(
                f"Catching up stopped in {path.name}, cell {cell_id}: {reason}. "
                f"Open that notebook and run it to see where it stands."
            ) from problem
        if "parameters" in tags:
            namespace.update(given)
    return True


def _cells(path: Path) -> Iterator[tuple[set[str], str, str]]:
    for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]:
        if cell["cell_type"] == "code":
            yield set(cell["metadata"].get("tags", ())), cell["id"], "".join(cell["source"])
