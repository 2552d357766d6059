"""The exercises as content: one TOML file per notebook in ``data/exercises``, read into frozen values.

A broken lab of notebook 14 is an exercise in a file of its own, in ``data/broken_labs``.
Every word that a learner reads about an exercise stands there, so that it can be improved, or translated, without
touching code. ``data/exercises/common.toml`` holds the sentences that all exercises share.
"""

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

from helpers._data import data_path

KINDS = {
    "do": "do it in the account",
    "query": "write a query",
    "predict": "predict",
    "explain": "explain",
    "fix": "break and fix",
}
HINTS = 3
_ID = re.compile(r"[0-9]{2}\.[0-9]{1,2}")
_KEYS = {
    *("id", "kind", "title", "task", "starter", "solution", "reasoning", "hints", "explanation"),
    *("variable", "accepted", "words", "messages", "wrong", "fault", "needs"),
}


class ContentError(ValueError):
    """A content file is not as it should be; the text tells its author where and what."""


@dataclass(frozen=True, slots=True)
class Wrong:
    """A known wrong answer: the value given, or the cell written, and the message that it must bring."""

    says: str
    answer: Any = None
    source: str = ""


@dataclass(frozen=True, slots=True)
class Exercise:
    """One exercise as its author wrote it.

    ``variable`` is the name that the learner's cell gives a value, or empty where the account alone is looked at.
    Where ``accepted`` lists values, one of them is the right answer; elsewhere a function in
    :mod:`helpers.lessons.checks` decides. ``words`` are the texts that the task offers to choose from, if it does.
    ``fault`` is the table of what is broken for it, as :mod:`helpers.lessons.faults` reads it. ``needs`` is the id of
    the exercise whose answer the solution reads.
    """

    id: str
    kind: str
    title: str
    task: str
    starter: str
    solution: str
    reasoning: str
    hints: tuple[str, str, str]
    explanation: str
    messages: Mapping[str, str]
    wrong: tuple[Wrong, ...]
    variable: str = ""
    accepted: tuple[Any, ...] = ()
    words: tuple[str, ...] = ()
    needs: str = ""
    fault: Mapping[str, Any] = field(default_factory=dict)

    @property
    def notebook(self) -> str:
        """The number of the notebook it stands in, for example ``"03"``."""
        return self.id[:2]


@dataclass(frozen=True, slots=True)
class Lesson:
    """One content file: its exercises, and what its "you should see" cells promise, by cell id.

    A promise is a pair: the words in the prose, and the text that an output above that cell must then hold.
    """

    notebook: str
    exercises: tuple[Exercise, ...]
    promises: Mapping[str, tuple[tuple[str, str], ...]] = field(default_factory=dict)


def read_lesson(path: Path) -> Lesson:
    """Read one content file. Raises :class:`ContentError` that names the file, the exercise and what is missing."""
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except tomllib.TOMLDecodeError as problem:
        raise ContentError(f"{path.name} is not TOML: {problem}") from problem
    exercises = tuple(_exercise(entry, path) for entry in document.get("exercise", []))
    exercises += tuple(broken_labs()[name] for name in document.get("labs", ()))
    promises = {cell: tuple(_promise(words) for words in said) for cell, said in document.get("see", {}).items()}
    return Lesson(path.name[:2], exercises, MappingProxyType(promises))


@cache
def lessons() -> Mapping[str, Lesson]:
    """All content files, by the number of their notebook."""
    paths = sorted(data_path("exercises").glob("[0-9][0-9]_*.toml"))
    return MappingProxyType({path.name[:2]: read_lesson(path) for path in paths})


@cache
def exercises() -> Mapping[str, Exercise]:
    """All exercises of the course, by id, in their order."""
    return MappingProxyType({exercise.id: exercise for lesson in lessons().values() for exercise in lesson.exercises})


@cache
def broken_labs() -> Mapping[str, Exercise]:
    """The broken labs of notebook 14, by id, in their order."""
    found = [read_broken_lab(path) for path in sorted(data_path("broken_labs").glob("*.toml"))]
    return MappingProxyType({lab.id: lab for lab in found})


def read_broken_lab(path: Path) -> Exercise:
    """Read the file of a broken lab; each cell of it, right or wrong, begins by breaking it.

    Raises :class:`ContentError` that names the file and what is missing.
    """
    entry = tomllib.loads(path.read_text(encoding="utf-8"))
    first = f'case = broken(lab, "{entry.get("id", "")}")\n'
    for wrong in entry.get("wrong", ()):
        wrong["source"] = first + _text(wrong["source"])
    made = {"kind": "fix", "starter": f"{first}# your fix goes here, or into a cell of your own below\ncase"}
    made["solution"] = f"{first}{_text(entry.get('solution', ''))}\ncase"
    return _exercise({**entry, **made, "reasoning": entry.get("explanation", "")}, path)


def checkable() -> Mapping[str, Exercise]:
    """All that can be checked, by id: the exercises of the notebooks, and the broken labs, of which 14 shows one."""
    return {**exercises(), **broken_labs()}


@cache
def common() -> Mapping[str, str]:
    """The sentences that all exercises share."""
    text = data_path("exercises", "common.toml").read_text(encoding="utf-8")
    return MappingProxyType(tomllib.loads(text)["messages"])


def _promise(entry: str | list[str]) -> tuple[str, str]:
    return (entry, entry) if isinstance(entry, str) else (entry[0], entry[1])


def _exercise(entry: dict[str, Any], path: Path) -> Exercise:
    where = f"{path.name}, exercise {entry.get('id', 'without an id')}"
    if not _ID.fullmatch(str(entry.get("id", ""))) or entry["id"][:2] != path.name[:2]:
        raise ContentError(f'{where}: an id is the notebook\'s number, a dot and a number, such as "{path.name[:2]}.1"')
    if unknown := entry.keys() - _KEYS:
        raise ContentError(f"{where} has unknown keys: {', '.join(sorted(unknown))}")
    if missing := _KEYS - {"variable", "accepted", "words", "messages", "fault", "needs"} - entry.keys():
        raise ContentError(f"{where} lacks {', '.join(sorted(missing))}")
    if entry["kind"] not in KINDS:
        raise ContentError(f"{where}: the kind is one of {', '.join(KINDS)}, not {entry['kind']!r}")
    if len(entry["hints"]) != HINTS:
        raise ContentError(f"{where} has {len(entry['hints'])} hints: where to look; which call or clause; almost it")
    if "accepted" in entry and "variable" not in entry:
        raise ContentError(f"{where} accepts values, but no variable holds the learner's")
    texts = {key: _text(value) if isinstance(value, str) else value for key, value in entry.items()}
    messages = {key: _text(value) for key, value in entry.get("messages", {}).items()}
    wrong = tuple(_wrong(answer, messages, where, variable="variable" in entry) for answer in entry["wrong"])
    accepted = tuple(entry.get("accepted", ()))
    words, hints = tuple(entry.get("words", ())), tuple(_text(hint) for hint in entry["hints"])
    parts = {"accepted": accepted, "words": words, "hints": hints, "messages": MappingProxyType(messages)}
    return Exercise(**(texts | parts | {"wrong": wrong}))


def _wrong(entry: dict[str, Any], messages: Mapping[str, str], where: str, *, variable: bool) -> Wrong:
    if ("answer" in entry) == ("source" in entry) or ("answer" in entry and not variable):
        raise ContentError(f"{where}: a wrong answer has a source, or an answer where there is a variable")
    if entry.get("says") not in messages.keys() | common().keys():
        raise ContentError(f"{where}: a wrong answer says {entry.get('says')!r}, which is no message")
    return Wrong(entry["says"], entry.get("answer"), _text(entry.get("source", "")))


def _text(text: str) -> str:
    return text.strip("\n").rstrip()
