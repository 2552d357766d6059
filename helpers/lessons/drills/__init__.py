"""Record drills: a line, a question, an answer; as many as you like.

    drill({1: 8080, 2: None})                 # says how each stands; drills 1 to 20 are in the notebook

Drill 0 is the line of a report. Drill number n is made from n alone, so that everybody who speaks of drill 7 means the
same line. Every word of them stands in ``data/exercises/drills.toml``.

>>> print(drill_number(3).lines[0].split()[12])
REJECT
"""

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType
from typing import Any

from helpers._data import data_path
from helpers.flowlogs import DEFAULT_FORMAT
from helpers.lessons.answers import is_empty, plain
from helpers.lessons.drills.cases import KINDS, Answer, Case, Draw, sample
from helpers.lessons.outcome import CHECK_MIME, CheckReport
from helpers.lessons.progress import ProgressFile

__all__ = ["DRILLS", "Drill", "Drills", "drill", "drill_id", "drill_number", "notebook_cells"]

DRILLS = 20
"""How many there are in the notebook: one of every kind."""
_PER_CELL = 5
_FAR = 10**9


@dataclass(frozen=True, slots=True)
class Drill:
    """One drill: its record lines, the question about them, and what is right."""

    number: int
    kind: str
    title: str
    question: str
    case: Case

    @property
    def lines(self) -> tuple[str, ...]:
        return self.case.lines

    @property
    def accepted(self) -> tuple[Answer, ...]:
        """The right answer, and other spellings of it."""
        return (self.case.answer, *self.case.also)

    @property
    def shown(self) -> str:
        """The lines, below their format where it is not the default one, and the question."""
        layout = "" if self.case.format == DEFAULT_FORMAT else f"Format: `{' '.join(self.case.format.names)}`\n\n"
        lines = "\n".join(self.lines)
        return f"{layout}```text\n{lines}\n```\n\n{self.question}"


@dataclass(frozen=True, slots=True)
class Drills:
    """What ``drill`` shows: each line with its question and how your answer stands."""

    asked: tuple[tuple[Drill, CheckReport], ...]
    remarks: tuple[str, ...] = ()

    def __str__(self) -> str:
        parts = [f"{verdict.heading}\n\n{question.shown}\n\n{verdict.message}" for question, verdict in self.asked]
        return "\n\n---\n\n".join([*parts, *self.remarks])

    __repr__ = __str__

    def _repr_mimebundle_(self, **_: Any) -> dict[str, Any]:
        checks = [verdict.data for _, verdict in self.asked]
        return {"text/plain": str(self), "text/markdown": str(self), CHECK_MIME: checks}


@cache
def drill_number(number: int) -> Drill:
    """The drill with this number; 0 is the sample line."""
    kind = list(KINDS)[(number - 1) % len(KINDS)] if number else "sample"
    case = KINDS[kind](Draw(number)) if number else sample()
    words = _texts()["kind"][kind]
    return Drill(number, kind, words["title"], words["question"].strip().format_map(case.words()), case)


def drill(answers: Mapping[int, Any] | None = None, *, notes: ProgressFile | None = None) -> Drills:
    """Show the drills of these numbers, and judge the answers given: ``drill({1: 8080, 2: None})``.

    ``None`` is a drill not answered yet. Numbers above 20 give further drills of the same kinds. Never raises.
    """
    said = _texts()["say"]
    if answers is None:
        answers = dict.fromkeys(range(1, _PER_CELL + 1))
    if not isinstance(answers, Mapping):
        return Drills((), (said["shape"],))
    asked, remarks = [], []
    book = notes or ProgressFile()
    for number, answer in answers.items():
        if not _is_number(number):
            remarks.append(said["number"].format(number=_short(number)))
            continue
        chosen = drill_number(int(number))
        verdict = _judged(chosen, answer)
        if problem := book.looked(drill_id(chosen.number), verdict.outcome):
            remarks.append(problem)
        asked.append((chosen, verdict))
    return Drills(tuple(asked), tuple(dict.fromkeys(remarks)))


def drill_id(number: int) -> str:
    """The name of a drill in the progress file and in a run's results."""
    return f"drill {number}"


def notebook_cells(*, solved: bool = False) -> dict[str, str]:
    """The sources of the notebook's cells by cell id, open or solved."""
    cells = {}
    groups = [range(1), *(range(first, first + _PER_CELL) for first in range(1, DRILLS + 1, _PER_CELL))]
    for place, numbers in enumerate(groups):
        answers = {n: _written(drill_number(n).case.answer) if solved else None for n in numbers}
        cells[f"drill-{place}"] = f"drill({answers!r})"
    return cells


def _judged(question: Drill, answer: Any) -> CheckReport:
    try:
        outcome, key, message = _outcome(question, answer)
    except Exception:  # an answer may be any object, and some cannot even be compared or printed
        outcome, key, message = "not yet", "strange", _texts()["say"]["strange"].format(kind=type(answer).__name__)
    return CheckReport(drill_id(question.number), question.title, outcome, message, key)  # type: ignore[arg-type]


def _outcome(question: Drill, answer: Any) -> tuple[str, str, str]:
    words, facts = _texts()["kind"][question.kind], question.case.words()
    if is_empty(answer):
        return "not attempted", "untouched", _texts()["say"]["untouched"].format(number=question.number)
    mine = _plain(answer)
    if any(mine == _plain(right) for right in question.accepted):
        return "done", "done", words["explanation"].strip().format_map(facts)
    for key, wrong in question.case.traps.items():
        if any(mine == _plain(trap) for trap in wrong):
            return "not yet", key, words["trap"][key].strip().format_map(facts)
    return "not yet", "look", f"{_texts()['say']['other']} {words['look'].strip()}"


def _plain(value: Any) -> Any:
    """An answer by its meaning: True is yes, "443" is 443, and words in a list have no order."""
    if isinstance(value, bool):
        return ("yes",) if value else ("no",)
    if isinstance(value, str):
        text = " ".join(value.strip(" .").replace("-", " ").replace("_", " ").split()).casefold() or value.strip()
        return float(text) if text.isascii() and text.isdigit() else tuple(sorted(set(_words(text))))
    if isinstance(value, list | tuple | set | frozenset):
        return tuple(sorted({word for entry in value for word in _words(str(entry).casefold())}))
    return plain(value)


def _words(text: str) -> Sequence[str]:
    return text.replace(",", " ").replace("+", " ").split()


def _is_number(number: Any) -> bool:
    return isinstance(number, int) and not isinstance(number, bool) and 0 <= number <= _FAR


def _short(value: Any) -> str:
    try:
        return repr(value)[:40]
    except Exception:
        return f"a {type(value).__name__}"


def _written(answer: Answer) -> Any:
    return list(answer) if isinstance(answer, tuple) else answer


@cache
def _texts() -> Mapping[str, Any]:
    return MappingProxyType(tomllib.loads(data_path("exercises", "drills.toml").read_text(encoding="utf-8")))
