"""Exercises come from the content into the notebooks, and solutions into the solved edition."""

import re
from pathlib import Path
from typing import Any

import pytest

from helpers.__main__ import main
from helpers.commands import exercise_cells
from helpers.commands.exercise_cells import refreshed, solved
from helpers.lab.notebook_file import read_notebook, write_notebook
from helpers.lessons.content import read_lesson
from tests.lessons.test_content import written


def notebook(*ids: str) -> dict[str, Any]:
    return {"cells": [{"cell_type": "markdown", "id": name, "metadata": {}, "source": []} for name in ids]}


def test_an_exercise_takes_its_place_once(tmp_path: Path) -> None:
    exercises = read_lesson(written(tmp_path)).exercises
    once = refreshed(notebook("title", "task-03-2", "recap"), exercises)
    assert [cell["id"] for cell in once["cells"]] == ["title", "task-03-2", "try-03-2", "check-03-2", "recap"]
    assert refreshed(once, exercises) == once
    assert once["cells"][2]["metadata"] == {"tags": ["exercise"]}
    assert "".join(once["cells"][3]["source"]) == 'check("03.2")'


def test_an_exercise_without_a_place_is_said(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="task-03-2"):
        refreshed(notebook("title"), read_lesson(written(tmp_path)).exercises)


def test_the_solved_edition_differs_in_exercise_cells_only(tmp_path: Path) -> None:
    [exercise] = read_lesson(written(tmp_path)).exercises
    before = refreshed(notebook("title", "task-03-2"), [exercise])
    after = solved(before, {"03.2": exercise})
    changed = [new for old, new in zip(before["cells"], after["cells"], strict=True) if old != new]
    assert [("".join(cell["source"]), cell["id"]) for cell in changed] == [('who = "service"', "try-03-2")]


def test_the_command_writes_the_cells_of_the_notebooks_it_is_given(
    tmp_path: Path, root: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(exercise_cells, "NOTEBOOKS", tmp_path)
    shipped = read_notebook(next((root / "notebooks").glob("03_*.ipynb")))
    stale = [cell for cell in shipped["cells"] if not re.fullmatch(r"(try|check)-03-\d+", cell["id"])]
    write_notebook(shipped | {"cells": stale}, tmp_path / "03_three.ipynb")
    write_notebook(notebook("title"), tmp_path / "98_none.ipynb")
    assert main(["exercises", "03", "98"]) == 0
    assert read_notebook(tmp_path / "03_three.ipynb") == shipped
    assert "03_three.ipynb: 4 exercises\n98_none.ipynb: no exercises" in capsys.readouterr().out
    write_notebook(notebook("title"), tmp_path / "03_three.ipynb")
    assert main(["exercises", "03"]) == 1
    assert "03_three.ipynb: no cell task-03-" in capsys.readouterr().err
