"""Every exercise, in its notebook, on a real account: unsolved, answered wrongly in every known way, and solved."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

import pytest

from helpers.lessons.content import Exercise, lessons
from helpers.lessons.outcome import CheckReport
from tests.notebooks.classroom import Classroom, notebook_of
from tests.support.cases import sampled
from tests.support.homes import copy_after
from tests.support.served import ServedHome

pytestmark = pytest.mark.long

CHANGES_THE_ACCOUNT = {"do", "fix"}


@pytest.fixture
def account(number: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ServedHome]:
    """The account as the notebooks before this one leave it."""
    home = copy_after(f"{max(int(number) - 1, 0):02}", tmp_path / "home")
    monkeypatch.setenv("FLOWLOGS_HOME", str(home))
    monkeypatch.chdir(tmp_path)
    served = ServedHome(home)
    yield served
    served.close()


@pytest.mark.parametrize("number", list(lessons()))
def test_exercises_can_be_solved_and_wrong_answers_are_caught(number: str, account: ServedHome) -> None:
    room = Classroom(notebook_of(number))
    for exercise in room.lessons():
        assert room.check(exercise).outcome == "not attempted", f"{exercise.id} before its cell ran"
        room.must_run(exercise.starter, f"the starter of {exercise.id}")
        unsolved = room.check(exercise)
        assert unsolved.outcome in ("not attempted", "not yet"), f"{exercise.id} is done without being solved"
        _answered_wrongly(room, account, exercise)
        room.must_run(exercise.solution, f"the solution of {exercise.id}")
        solved = room.check(exercise)
        assert (solved.outcome, solved.message) == ("done", exercise.explanation), f"{exercise.id}: {solved}"
        assert room.check(exercise) == solved


def _answered_wrongly(room: Classroom, account: ServedHome, exercise: Exercise) -> None:
    """A known wrong answer is told apart, and then the printed solution puts it right: every one that is a value, one
    of those that change the account.
    """
    solved_after = exercise.wrong if exercise.variable else sampled(exercise.wrong, 1)
    for wrong in exercise.wrong:
        cell = wrong.source or f"{exercise.variable} = {wrong.answer!r}"
        with _kept(account, exercise):
            room.must_run(cell, f"a wrong answer to {exercise.id}")
            verdict = room.check(exercise)
            assert verdict.outcome == "not yet", f"{exercise.id} takes {cell!r} for {verdict.outcome}"
            assert verdict.key == wrong.says, f"{exercise.id} answers {verdict.key!r}, not {wrong.says!r}, to {cell!r}"
            assert _gives_nothing_away(exercise, verdict), f"{exercise.id}: {verdict.message}"
            if wrong in solved_after:
                room.must_run(exercise.solution, f"the solution of {exercise.id} after {cell!r}")
                solved = room.check(exercise)
                assert solved.outcome == "done", f"{exercise.id}: {cell!r}, then the printed solution: {solved}"


def _kept(account: ServedHome, exercise: Exercise) -> AbstractContextManager[None]:
    """Values change nothing in the account, so only what does costs a copy of it."""
    return account.put_back() if exercise.kind in CHANGES_THE_ACCOUNT else nullcontext()


def _gives_nothing_away(exercise: Exercise, verdict: CheckReport) -> bool:
    """No message holds the solution, whole or in its longest line."""
    longest = max((line.strip() for line in exercise.solution.splitlines()), key=len)
    return exercise.solution not in verdict.message and longest not in verdict.message
