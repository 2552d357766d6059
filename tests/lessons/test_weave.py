"""Exercises come from the content into the notebooks, and solutions into the solved edition."""

from pathlib import Path
from typing import Any

import pytest

from helpers.lessons.content import read_lesson
from helpers.lessons.weave import refreshed, solved
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
