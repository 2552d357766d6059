"""The learner's four tools: ``check``, ``hint``, ``solution`` and ``progress``, bound to a lab and to their names."""

import linecache
import re
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from itertools import groupby
from traceback import walk_tb
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from botocore import xform_name
from botocore.exceptions import BotoCoreError, ClientError

from helpers.lab import Lab, LabError
from helpers.lessons import content
from helpers.lessons.account_view import AccountView, CheckEnded, CheckResult, done, not_attempted, not_yet
from helpers.lessons.answers import check_value, is_gap
from helpers.lessons.checks import checks_of
from helpers.lessons.content import HINTS, KINDS, Exercise, common
from helpers.lessons.drills import DRILLS, drill_id
from helpers.lessons.outcome import SYMBOLS, CheckReport, Message
from helpers.lessons.progress import ExerciseProgress, ProgressFile, next_exercise

if TYPE_CHECKING:
    from helpers.lessons.broken_lab import Broken

_ASKING = re.compile(r"\s*(check|hint|solution|progress)\(")


class Checking(Protocol):
    def __call__(self, exercise: str = "") -> CheckReport: ...


class Telling(Protocol):
    def __call__(self, exercise: str = "") -> Message: ...


class Reporting(Protocol):
    def __call__(self) -> Message: ...


class Tools(NamedTuple):
    """What a notebook unpacks: ``check, hint, solution, progress = exercises(lab, globals())``."""

    check: Checking
    hint: Telling
    solution: Telling
    progress: Reporting


def exercises(lab: Lab, namespace: Mapping[str, Any], notes: ProgressFile | None = None) -> Tools:
    """The tools for the exercises of the course.

    ``namespace`` holds the names of the learner's cells, in a notebook ``globals()``: a check looks there for the
    value that the exercise asks for. None of the tools raises; each says what to do next.
    """
    tools = _LessonTools(lab, namespace, notes or ProgressFile())
    return Tools(tools.check, tools.hint, tools.solution, tools.progress)


class _LessonTools:
    def __init__(self, lab: Lab, namespace: Mapping[str, Any], notes: ProgressFile) -> None:
        self._lab = lab
        self._namespace = namespace
        self._notes = notes

    def check(self, exercise: str = "") -> CheckReport:
        """Look at the account, or at your answer, and say how it stands. Changes nothing."""
        found = content.checkable().get(str(exercise))
        if found is None:
            return CheckReport(str(exercise), "", "not attempted", _unknown(exercise), "unknown")
        result, course_fault = self._outcome_of(found)
        try:
            message = _worded(found, result)
        except Exception as problem:  # a message that is missing, or a value that cannot be shown
            result, course_fault = _course_fault(problem), True
            message = _worded(found, result)
        if result.outcome == "done":
            self._noted(found, solved=True)
        complaint = "" if course_fault else self._notes.looked(found.id, result.outcome)
        text = f"{message}\n\n{complaint}" if complaint else message
        return CheckReport(found.id, found.title, result.outcome, text, result.key, course_fault)  # type: ignore[arg-type]

    def hint(self, exercise: str = "") -> Message:
        """The next hint: where to look, then which call or clause, then almost the code."""
        found = content.checkable().get(str(exercise))
        if found is None:
            return Message(_unknown(exercise))
        self._notes.hinted(found.id, HINTS)
        known = self._noted(found, hints=1) or self._notes.entries().get(found.id)
        number = max(1, known.hints if known else 1)
        more = common()["more-hints" if number < HINTS else "last-hint"].format(id=found.id)
        facts = {"number": number, "all": HINTS, "id": found.id, "hint": found.hints[number - 1], "more": more}
        return Message(common()["hint"].format_map(facts))

    def solution(self, exercise: str = "") -> Message:
        """The code that solves it, and the reasoning behind it."""
        found = content.checkable().get(str(exercise))
        if found is None:
            return Message(_unknown(exercise))
        self._notes.solved(found.id)
        self._noted(found, solved=True)
        facts = {"id": found.id, "code": found.solution, "reasoning": found.reasoning}
        return Message(common()["solution"].format_map(facts))

    def _noted(self, exercise: Exercise, **told: Any) -> "Broken | None":
        """What is noted of the break that this exercise is about, if any; a lab that cannot be asked costs no hint."""
        if exercise.id in content.broken_labs():
            from helpers.lessons.broken_lab import note  # of notebook 14 alone

            with suppress(LabError, ClientError, BotoCoreError):
                return note(self._lab, exercise.id, **told)
        return None

    def progress(self) -> Message:
        """What is done, what is open, and where to go on. Broken labs are told once done: one may be a mystery."""
        entries, every, labs = self._notes.entries(), content.exercises(), content.broken_labs()
        done_ids = {key for key, entry in entries.items() if entry.outcome == "done"}
        told = [one for key, one in content.checkable().items() if key in every or key in done_ids]
        told.sort(key=lambda one: [int(part) for part in one.id.split(".")])
        lessons = groupby(told, lambda one: one.notebook)
        rows = [row for _, lesson in lessons for row in _rows([*lesson], entries)]
        next_ = next_exercise(list(every.values()), entries)
        end = common()["next-exercise"].format(id=next_.id, title=next_.title) if next_ else common()["all-done"]
        drilled = sum(drill_id(number) in done_ids for number in range(1, DRILLS + 1))
        facts = {"done": len(done_ids & every.keys()), "all": len(every), "rows": "\n".join(rows), "end": end}
        facts |= {"labs_done": len(done_ids & labs.keys()), "labs": len(labs), "drilled": drilled, "drills": DRILLS}
        return Message(common()["progress"].format_map(facts))

    def _outcome_of(self, exercise: Exercise) -> tuple[CheckResult, bool]:
        try:
            result = self._look(exercise)
            refused = self._refused_call(exercise) if result.key == "untouched" else None
            return self._missing_answer(exercise, result) or refused or result, False
        except CheckEnded as stop:
            return stop.result, False
        except ClientError as refusal:
            answer = refusal.response.get("Error", {})
            return not_yet("aws-refused", code=answer.get("Code", ""), answer=answer.get("Message", "")), False
        except (BotoCoreError, LabError, TimeoutError) as problem:
            return not_yet("aws-unreachable", problem=str(problem)), False
        except Exception as problem:  # whatever is in the account, the learner gets a sentence
            return _course_fault(problem), True

    def _missing_answer(self, exercise: Exercise, result: CheckResult) -> CheckResult | None:
        """The earlier answer that a solution reads, where it has no value, and nothing is done or a cell ended so."""
        needed, error = content.exercises().get(exercise.needs), getattr(sys, "last_value", None)
        if needed is None or not is_gap(needed, self._namespace.get(needed.variable)):
            return None
        ended = isinstance(error, NameError) and error.name == needed.variable and result.outcome != "done"
        if result.key != "untouched" and not ended:
            return None
        return not_attempted("needs", name=needed.variable, other=needed.id)

    def _refused_call(self, exercise: Exercise) -> CheckResult | None:
        """The error of the cell that ran last, where AWS refused a call that solves this exercise.

        A cell that ran later did not fail, so an older error, of another exercise perhaps, explains nothing.
        """
        error = getattr(sys, "last_value", None)  # where IPython keeps it
        if not isinstance(error, ClientError) or f".{xform_name(error.operation_name)}(" not in exercise.solution:
            return None
        frames = [frame for frame, _ in walk_tb(error.__traceback__) if frame.f_globals is self._namespace]
        ran = [cell for cell in self._namespace.get("In", ()) if cell and not _ASKING.match(cell)]  # kept by IPython
        if not frames or (ran and ran[-1].strip() != "".join(linecache.getlines(frames[0].f_code.co_filename)).strip()):
            return None
        told = error.response["Error"]
        return not_yet("call-refused", call=error.operation_name, code=told["Code"], answer=told["Message"])

    def _look(self, exercise: Exercise) -> CheckResult:
        answer = self._namespace.get(exercise.variable) if exercise.variable else None
        if exercise.variable and is_gap(exercise, answer):
            return not_attempted()
        if exercise.accepted:
            return check_value(exercise, answer)
        return checks_of(exercise.notebook)[exercise.id](AccountView(self._lab, answer))


def _course_fault(problem: Exception) -> CheckResult:
    try:
        words = f"{type(problem).__name__}: {problem}"
    except Exception:  # an exception of the learner's own, without words
        words = type(problem).__name__
    return not_yet("course_fault", problem=words)


def _worded(exercise: Exercise, result: CheckResult) -> str:
    if result == done():
        return exercise.explanation
    text = exercise.messages.get(result.key) or common()[result.key]
    return text.format_map({**result.facts, "id": exercise.id, "variable": exercise.variable})


def _rows(lesson: Sequence[Exercise], entries: Mapping[str, ExerciseProgress]) -> list[str]:
    """A row for each exercise of a lesson; one row for a lesson of which nothing was tried."""
    if any(exercise.id in entries for exercise in lesson) or len(lesson) == 1:
        return [_row(exercise, entries.get(exercise.id, ExerciseProgress())) for exercise in lesson]
    fresh = f"{SYMBOLS['not attempted']} not attempted"
    return [f"| {fresh} | {lesson[0].id} to {lesson[-1].id} | {len(lesson)} exercises | |"]


def _row(exercise: Exercise, entry: ExerciseProgress) -> str:
    state = f"{SYMBOLS.get(entry.outcome, '')} {entry.outcome}"
    hints = str(entry.hints or "") + (f" {common()['and-the-solution']}" if entry.solution else "")
    return f"| {state} | {exercise.id} {exercise.title} | {KINDS[exercise.kind]} | {hints} |"


def _unknown(exercise: object) -> str:
    known = content.checkable()
    same = [known_id for known_id in known if known_id[:2] == str(exercise)[:2]]
    return common()["unknown"].format(given=exercise, known=", ".join(same or known))
