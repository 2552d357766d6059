"""The learner's four tools: ``check``, ``hint``, ``solution`` and ``progress``, bound to a lab and to their names."""

from collections.abc import Mapping
from typing import Any, NamedTuple, Protocol

from botocore.exceptions import BotoCoreError, ClientError

from helpers.lab import Lab, LabError
from helpers.lessons import content
from helpers.lessons.answers import is_gap, judge_value
from helpers.lessons.checks import checks_of
from helpers.lessons.content import HINTS, KINDS, Exercise, common
from helpers.lessons.drills import DRILLS, drill_id
from helpers.lessons.progress import Entry, Notebook
from helpers.lessons.scene import Judgement, Scene, Stop, done, not_attempted, not_yet
from helpers.lessons.verdict import SYMBOLS, Saying, Verdict


class Checking(Protocol):
    def __call__(self, exercise: str = "") -> Verdict: ...


class Telling(Protocol):
    def __call__(self, exercise: str = "") -> Saying: ...


class Reporting(Protocol):
    def __call__(self) -> Saying: ...


class Tools(NamedTuple):
    """What a notebook unpacks: ``check, hint, solution, progress = exercises(lab, globals())``."""

    check: Checking
    hint: Telling
    solution: Telling
    progress: Reporting


def exercises(lab: Lab, namespace: Mapping[str, Any], notes: Notebook | None = None) -> Tools:
    """The tools for the exercises of the course.

    ``namespace`` holds the names of the learner's cells, in a notebook ``globals()``: a check looks there for the
    value that the exercise asks for. None of the tools raises; each says what to do next.
    """
    desk = _Desk(lab, namespace, notes or Notebook())
    return Tools(desk.check, desk.hint, desk.solution, desk.progress)


class _Desk:
    def __init__(self, lab: Lab, namespace: Mapping[str, Any], notes: Notebook) -> None:
        self._lab = lab
        self._namespace = namespace
        self._notes = notes

    def check(self, exercise: str = "") -> Verdict:
        """Look at the account, or at your answer, and say how it stands. Changes nothing."""
        found = content.exercises().get(str(exercise))
        if found is None:
            return Verdict(str(exercise), "", "not attempted", _unknown(exercise), "unknown")
        judgement, stumbled = self._judge(found)
        try:
            message = _worded(found, judgement)
        except Exception as problem:  # a message that is missing, or a value that cannot be shown
            judgement, stumbled = _stumbled(problem), True
            message = _worded(found, judgement)
        complaint = "" if stumbled else self._notes.looked(found.id, judgement.outcome)
        text = f"{message}\n\n{complaint}" if complaint else message
        return Verdict(found.id, found.title, judgement.outcome, text, judgement.key, stumbled)  # type: ignore[arg-type]

    def hint(self, exercise: str = "") -> Saying:
        """The next hint: where to look, then which call or clause, then almost the code."""
        found = content.exercises().get(str(exercise))
        if found is None:
            return Saying(_unknown(exercise))
        self._notes.hinted(found.id, HINTS)
        number = max(1, self._notes.entries().get(found.id, Entry(hints=1)).hints)
        more = common()["more-hints" if number < HINTS else "last-hint"].format(id=found.id)
        facts = {"number": number, "all": HINTS, "id": found.id, "hint": found.hints[number - 1], "more": more}
        return Saying(common()["hint"].format_map(facts))

    def solution(self, exercise: str = "") -> Saying:
        """The code that solves it, and the reasoning behind it."""
        found = content.exercises().get(str(exercise))
        if found is None:
            return Saying(_unknown(exercise))
        self._notes.solved(found.id)
        facts = {"id": found.id, "code": found.solution, "reasoning": found.reasoning}
        return Saying(common()["solution"].format_map(facts))

    def progress(self) -> Saying:
        """What is done, what is open, and where to go on."""
        entries = self._notes.entries()
        every = content.exercises().values()
        rows = [_row(each, entries.get(each.id, Entry())) for each in every]
        left = [each for each in every if entries.get(each.id, Entry()).outcome != "done"]
        end = common()["next-exercise"].format(id=left[0].id, title=left[0].title) if left else common()["all-done"]
        drilled = sum(entries.get(drill_id(n), Entry()).outcome == "done" for n in range(1, DRILLS + 1))
        drills = common()["drills"].format(done=drilled, all=DRILLS)
        facts = {"done": len(every) - len(left), "all": len(every), "rows": "\n".join(rows)}
        return Saying(common()["progress"].format_map({**facts, "drills": drills, "end": end}))

    def _judge(self, exercise: Exercise) -> tuple[Judgement, bool]:
        try:
            return self._look(exercise), False
        except Stop as stop:
            return stop.judgement, False
        except ClientError as refusal:
            answer = refusal.response.get("Error", {})
            return not_yet("aws-refused", code=answer.get("Code", ""), answer=answer.get("Message", "")), False
        except (BotoCoreError, LabError, TimeoutError) as problem:
            return not_yet("aws-unreachable", problem=str(problem)), False
        except Exception as problem:  # whatever is in the account, the learner gets a sentence
            return _stumbled(problem), True

    def _look(self, exercise: Exercise) -> Judgement:
        answer = self._namespace.get(exercise.variable) if exercise.variable else None
        if exercise.variable and is_gap(exercise, answer):
            return not_attempted()
        if exercise.accepted:
            return judge_value(exercise, answer)
        return checks_of(exercise.notebook)[exercise.id](Scene(self._lab, answer))


def _stumbled(problem: Exception) -> Judgement:
    try:
        words = f"{type(problem).__name__}: {problem}"
    except Exception:  # an exception of the learner's own, without words
        words = type(problem).__name__
    return not_yet("stumbled", problem=words)


def _worded(exercise: Exercise, judgement: Judgement) -> str:
    if judgement == done():
        return exercise.explanation
    text = exercise.messages.get(judgement.key) or common()[judgement.key]
    return text.format_map({**judgement.facts, "id": exercise.id, "variable": exercise.variable})


def _row(exercise: Exercise, entry: Entry) -> str:
    state = f"{SYMBOLS.get(entry.outcome, '')} {entry.outcome}"
    hints = str(entry.hints or "") + (f" {common()['and-the-solution']}" if entry.solution else "")
    return f"| {state} | {exercise.id} {exercise.title} | {KINDS[exercise.kind]} | {hints} |"


def _unknown(exercise: object) -> str:
    known = content.exercises()
    same = [each for each in known if each[:2] == str(exercise)[:2]]
    return common()["unknown"].format(given=exercise, known=", ".join(same or known))
