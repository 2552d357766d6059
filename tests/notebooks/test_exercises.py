"""Every exercise, in its notebook, on a real account: unsolved, answered wrongly in every known way, and solved."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

import pytest

from helpers.lab import process
from helpers.lessons.content import Exercise, lessons
from helpers.lessons.verdict import Verdict
from tests.notebooks.classroom import Classroom, notebook_of

pytestmark = pytest.mark.long

CHANGES_THE_ACCOUNT = {"do", "mend"}


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    home = tmp_path / "home"
    monkeypatch.setenv("FLOWLOGS_HOME", str(home))
    monkeypatch.chdir(tmp_path)
    yield home
    process.stop(home)


@pytest.mark.parametrize("number", list(lessons()))
def test_exercises_can_be_solved_and_wrong_answers_are_caught(number: str, home: Path) -> None:
    room = Classroom(notebook_of(number), home)
    for exercise in room.lessons():
        assert room.check(exercise).outcome == "not attempted", f"{exercise.id} before its cell ran"
        room.must_run(exercise.starter, f"the starter of {exercise.id}")
        unsolved = room.check(exercise)
        assert unsolved.outcome in ("not attempted", "not yet"), f"{exercise.id} is done without being solved"
        _answered_wrongly(room, exercise)
        room.must_run(exercise.solution, f"the solution of {exercise.id}")
        solved = room.check(exercise)
        assert (solved.outcome, solved.message) == ("done", exercise.explanation), f"{exercise.id}: {solved}"
        assert room.check(exercise) == solved
    assert process.find(home) is not None


def _answered_wrongly(room: Classroom, exercise: Exercise) -> None:
    for wrong in exercise.wrong:
        cell = exercise.wrong_cell(wrong)
        with _kept(room, exercise):
            room.must_run(cell, f"a wrong answer to {exercise.id}")
            verdict = room.check(exercise)
            assert verdict.outcome == "not yet", f"{exercise.id} takes {cell!r} for {verdict.outcome}"
            assert verdict.key == wrong.says, f"{exercise.id} answers {verdict.key!r}, not {wrong.says!r}, to {cell!r}"
            assert _gives_nothing_away(exercise, verdict), f"{exercise.id}: {verdict.message}"


def _kept(room: Classroom, exercise: Exercise) -> AbstractContextManager[None]:
    """Values change nothing in the account, so only what does costs a copy of it."""
    return room.account_put_back() if exercise.kind in CHANGES_THE_ACCOUNT else nullcontext()


def _gives_nothing_away(exercise: Exercise, verdict: Verdict) -> bool:
    """No message holds the solution, whole or in its longest line."""
    longest = max((line.strip() for line in exercise.solution.splitlines()), key=len)
    return exercise.solution not in verdict.message and longest not in verdict.message
