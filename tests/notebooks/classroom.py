"""A notebook taken in hand cell by cell, as a learner does who tries things out."""

import contextlib
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from IPython.core.interactiveshell import InteractiveShell

from helpers.commands.exercise_cells import cell_id
from helpers.lessons import content
from helpers.lessons.content import Exercise
from helpers.lessons.outcome import CheckReport

NOTEBOOKS = Path(__file__).resolve().parents[2] / "notebooks"


def notebook_of(number: str) -> Path:
    """The shipped notebook with this number."""
    return next(NOTEBOOKS.glob(f"{number}_*.ipynb"))


class Classroom:
    """One notebook and its names. ``FLOWLOGS_HOME`` must name a home as long as this lives: the cells open the lab."""

    def __init__(self, notebook: Path, prefix: str = "demo") -> None:
        self._prefix = prefix
        self._shell = InteractiveShell(user_ns={})
        document = json.loads(notebook.read_text(encoding="utf-8"))
        self._cells = [cell for cell in document["cells"] if cell["cell_type"] == "code"]

    @property
    def names(self) -> dict[str, Any]:
        """The names that the cells defined so far."""
        return self._shell.user_ns

    def run(self, source: str) -> BaseException | None:
        """Run a cell; what it raised, if anything."""
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            result = self._shell.run_cell(source)
        return result.error_before_exec or result.error_in_exec

    def must_run(self, source: str, what: str) -> None:
        """Run a cell that has to end well."""
        problem = self.run(source)
        assert problem is None, f"{what}: {type(problem).__name__}: {problem}"

    def lessons(self) -> Iterator[Exercise]:
        """Run the notebook to its end, stopping before each exercise: the caller plays the learner there."""
        open_ones = {cell_id("try", each.id): each for each in content.exercises().values()}
        checks = {cell_id("check", each.id) for each in content.exercises().values()}
        for cell in self._cells:
            if cell["id"] in open_ones:
                yield open_ones[cell["id"]]
            elif cell["id"] not in checks:
                self.must_run("".join(cell["source"]), f"cell {cell['id']}")
            if cell["id"] == "parameters":
                self.must_run(f"prefix = {self._prefix!r}", "the prefix")

    def check(self, exercise: Exercise) -> CheckReport:
        """What the learner's own ``check`` says."""
        verdict = self.names["check"](exercise.id)
        assert isinstance(verdict, CheckReport)
        assert not verdict.course_fault, verdict
        return verdict
