"""Is this one of the accepted values? Spelling, case and number types do not matter; meaning does."""

from collections.abc import Mapping
from typing import Any

from helpers.lessons.account_view import CheckResult, done, listed, not_attempted, not_yet
from helpers.lessons.content import Exercise


def is_empty(value: Any) -> bool:
    """Whether a starter's gap is still a gap: ``None``, ``...``, or a container that holds only such."""
    if value is None or value is Ellipsis:
        return True
    if isinstance(value, Mapping):
        return all(is_empty(part) for part in value.values())
    if isinstance(value, list | tuple | set):
        return all(is_empty(part) for part in value)
    return isinstance(value, str) and not value.strip()


def is_gap(exercise: Exercise, value: Any) -> bool:
    """Whether the learner has left the starter's gap as it was. An empty list is an answer, and mostly a wrong one,
    unless the starter holds one itself.
    """
    if isinstance(value, Mapping | list | tuple | set | frozenset) and not value:
        return f"{exercise.variable} = {value!r}" in exercise.starter
    return is_empty(value)


def check_value(exercise: Exercise, value: Any) -> CheckResult:
    """Compare with the accepted values; a known wrong one brings its own message, another one ``other``."""
    if is_gap(exercise, value):
        return not_attempted()
    mine = plain(value)
    facts = {"answer": value, "given": _sort(value), "expected": _sort(exercise.accepted[0])}
    given = value if isinstance(value, list | tuple | set | frozenset) else [value]
    unknown = [word for word in given if exercise.words and plain(word) not in map(plain, exercise.words)]
    facts |= {"unknown": listed(map(repr, unknown)), "words": listed(map(repr, exercise.words))}
    if any(mine == plain(right) for right in exercise.accepted):
        return done()
    for wrong in exercise.wrong:
        if not wrong.source and mine == plain(wrong.answer):
            return not_yet(wrong.says, **facts)
    if facts["given"] != facts["expected"]:
        return not_yet("type", **facts)
    return not_yet("words" if unknown else "other", **facts)


def plain(value: Any) -> Any:
    """A value by its meaning: text folded, numbers of one type, lists without order."""
    if isinstance(value, bool):
        return value
    if isinstance(value, str):
        return " ".join(value.split()).casefold()
    if isinstance(value, Mapping):
        return {plain(key): plain(part) for key, part in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return sorted((plain(part) for part in value), key=repr)
    try:
        return float(value)
    except (TypeError, ValueError):
        return repr(value)


def _sort(value: Any) -> str:
    if isinstance(value, bool):
        return "True or False"
    if isinstance(value, str):
        return "a text in quotes"
    if isinstance(value, Mapping):
        return "a dictionary"
    if isinstance(value, list | tuple | set | frozenset):
        return "a list"
    try:
        float(value)
    except (TypeError, ValueError):
        return f"something of type {type(value).__name__}"
    return "a number"
