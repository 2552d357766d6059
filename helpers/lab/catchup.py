"""Catch up: run the build cells of the shipped notebooks that a notebook needs.

The notebooks are the only recipe. A cell tagged ``setup`` or ``build`` is plain Python that finds or makes what it
needs, so running it again changes nothing where all is well. What is there and differs, :mod:`helpers.lab.repair` puts
right. Where nothing differs from when the cells ran last, they do not run; where only rules, routes or entries differ,
what the cells asked for is asked for again: :mod:`helpers.lab.caught_up`.
"""

import contextlib
import io
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from botocore import xform_name
from botocore.exceptions import ClientError

from helpers._data import NOTEBOOKS
from helpers._html import table
from helpers.lab import resources
from helpers.lab.caught_up import CaughtUp
from helpers.lab.errors import LabError, way_out
from helpers.lab.given_roles import TAG
from helpers.lab.looks import AWS_ERRORS
from helpers.lab.needs import needed_notebooks
from helpers.lab.notebook_file import read_notebook, source_of
from helpers.lab.repair import Calls, calls_noted, repair
from helpers.lab.session import Session
from helpers.lab.snapshot import ALL, KINDS, Snapshot, Touched, changed, snapshot

Outcome = Literal["found", "built", "repaired"]
_SYMBOLS: Mapping[Outcome, str] = {"found": "✓", "built": "+", "repaired": "↻"}


@dataclass(frozen=True)
class CatchUp:
    """What catching up did: one outcome per notebook, in order; and by notebook, what was repaired.

    ``left_broken`` says why nothing was done, where a lab is broken on purpose.
    """

    outcomes: tuple[tuple[str, Outcome], ...]
    repairs: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    left_broken: str = ""

    @classmethod
    def run(cls, lab: Session, notebook: str, parameters: Mapping[str, Any]) -> "CatchUp":
        """Run the build cells of all notebooks that ``notebook`` ("07") needs, and of those that these need.

        Raises :class:`LabError` where a cell fails, naming notebook and cell, and where the needs make no sense.
        """
        if not (isinstance(notebook, str) and re.fullmatch(r"[0-9]{2}", notebook)):
            raise LabError(f'catch_up() takes the number of a notebook as two digits, such as "07", not {notebook!r}.')
        needed = needed_notebooks(notebook, NOTEBOOKS)
        outcomes: list[tuple[str, Outcome]] = []
        repairs = {}
        before, notes = _looked_at(lab), CaughtUp(lab, parameters)
        for path in needed:
            if notes.holds(path, before):
                outcomes.append((path.stem, "found"))
                continue
            first: list[str] = []
            if calls_to_repeat := notes.calls_to_repeat(path, before):
                first, before = _repeated(lab, before, calls_to_repeat)
                if notes.holds(path, before):
                    outcomes.append((path.stem, "repaired"))
                    repairs[path.stem] = tuple(first)
                    continue
            with calls_noted(lab, before) as calls:
                seen = _Found(lab, before, calls)
                repaired = _build(path, seen, parameters, calls)
            if repaired is not None:
                repaired = [*dict.fromkeys(first + repaired)]
                # Nothing else is asked again: what this notebook did not change it has found.
                agents = {("agent", "")} if calls.touched or calls["DescribeInstanceInformation"] else set()
                after = _looked_at(lab, before, calls.touched | agents)
                repaired += changed(before, after, besides=repaired)
                built: Outcome = "found" if before == after and not calls["SendCommand"] else "built"
                outcomes.append((path.stem, "repaired" if repaired else built))
                repairs[path.stem] = tuple(repaired)
                notes.note(path, calls, seen.found, after)
                before = after
        return cls(tuple(outcomes), repairs)

    def __str__(self) -> str:
        if not self.outcomes:
            return self._nothing
        return "\n".join(f"{_SYMBOLS[how]} {name}: {how}{self._said(name)}" for name, how in self.outcomes)

    __repr__ = __str__

    def _repr_html_(self) -> str:
        if not self.outcomes:
            return f"<p>{self._nothing}</p>"
        rows = [(name, f"{_SYMBOLS[how]} {how}{self._said(name)}") for name, how in self.outcomes]
        return table(("notebook", "its resources were"), rows, caption="Catching up")

    @property
    def _nothing(self) -> str:
        return self.left_broken or "Nothing to catch up on."

    def _said(self, name: str) -> str:
        said = self.repairs.get(name)
        return f": {'; '.join(said)}" if said else ""


class _Found:
    """The lab as its build cells see it: what was found before they began is not looked for again while it stands.

    ``found`` has the names and the ids of all that the cells have found.
    """

    def __init__(self, lab: Session, before: Snapshot, calls: Calls) -> None:
        self._lab, self._calls = lab, calls
        self._ids: dict[tuple[str, str], str] = {}
        self.found: set[str] = set()
        for (kind, key), text in before.items():
            if kind in KINDS["ec2"]:
                self._ids.setdefault((kind, resources.tag_values(json.loads(text)).get("Name", "")), key)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._lab, name)

    def find(self, kind: str, short: str) -> str | None:
        stands = (kind, "") not in self._calls.touched
        name = f"{self._lab.prefix}-{short}"
        known = self._ids.get((kind, name)) if stands else None
        found: str | None = known or self.__getattr__("find")(kind, short)
        self.found |= {name, found} if found else set()
        return found


def _looked_at(lab: Session, before: Snapshot | None = None, touched: Touched = ALL) -> Snapshot:
    with _told("look at what the lab consists of"):
        return snapshot(lab, before, touched)


@contextlib.contextmanager
def _told(what: str) -> Iterator[None]:
    """An error of AWS, or no answer, as the one exception that a cell shows as a sentence."""
    try:
        yield
    except AWS_ERRORS as problem:
        raise LabError(
            f"Catching up could not {what}: {str(problem).rstrip('.')}. "
            f"{way_out(problem) or 'What is built stays; put that right and run this cell again.'}"
        ) from problem


def _repeated(lab: Session, before: Snapshot, noted: list[tuple[str, dict[str, Any]]]) -> tuple[list[str], Snapshot]:
    """Repeat these calls to EC2 and put right what they find: what was repaired, and the lab after that."""
    with calls_noted(lab, before) as calls, _told("repeat what it asked for"):
        for operation, asked in noted:
            with contextlib.suppress(ClientError):  # it is there; or the cells say what else is in the way
                getattr(lab.client("ec2"), xform_name(operation))(**asked)
        repaired = repair(lab, calls)
    after = _looked_at(lab, before, calls.touched | {("agent", "")})
    return repaired + changed(before, after, besides=repaired), after


def _build(path: Path, lab: _Found, parameters: Mapping[str, Any], calls: Calls) -> list[str] | None:
    """Run a notebook's cells, then say what was repaired; None where it builds nothing.

    A cell that waits for something (an agent that is online) can fail for want of a repair: then it runs once more.
    """
    try:
        return _repaired(lab, calls) if _run_cells(path, lab, parameters) else None
    except LabError:
        if not (repaired := _repaired(lab, calls)):
            raise
    _run_cells(path, lab, parameters)
    return repaired + _repaired(lab, calls)


def _repaired(lab: _Found, calls: Calls) -> list[str]:
    with _told("compare what the cells ask for with what there is"):
        return repair(lab, calls)


def _run_cells(path: Path, lab: _Found, parameters: Mapping[str, Any]) -> bool:
    """Run a notebook's cells in one namespace; False where it builds nothing."""
    cells = list(_cells(path))
    if not any("build" in tags for tags, _, _ in cells):
        return False
    given = {"lab": lab, "prefix": lab.prefix, "region": lab.region, **parameters}
    namespace: dict[str, Any] = {"__name__": f"catch_up.{path.stem}"}
    for tags, cell_id, source in cells:
        if not tags & {"parameters", "setup", "build"} or (TAG in tags and lab.given_roles):
            continue
        try:
            with contextlib.redirect_stdout(io.StringIO()):
                exec(compile(source, f"{path.name}[{cell_id}]", "exec"), namespace)
        except Exception as problem:
            reason = f"{type(problem).__name__}: {problem}".rstrip(".")
            raise LabError(
                f"Catching up stopped in {path.name}, cell {cell_id}: {reason}. "
                f"{way_out(problem) or 'Open that notebook and run it to see where it stands.'}"
            ) from problem
        if "parameters" in tags:
            namespace.update(given)
    return True


def _cells(path: Path) -> Iterator[tuple[set[str], str, str]]:
    for cell in read_notebook(path)["cells"]:
        if cell["cell_type"] == "code":
            yield set(cell["metadata"].get("tags", ())), cell["id"], source_of(cell)
