"""What a filter pattern's condition compares with: a number, a text with wildcards, a regular expression."""

import operator
import re
from collections.abc import Callable
from typing import Protocol


class PatternError(ValueError):
    """A filter pattern that CloudWatch Logs would refuse, with the reason."""


Compare = Callable[[float, float], bool]
NUMERIC: dict[str, Compare] = {
    "=": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    ">": operator.gt,
    "<=": operator.le,
    ">=": operator.ge,
}
_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?")
_REGEX_TEXT = re.compile(
    r"(?:[A-Za-z0-9:_#=@/;,\-^$?\[\]{}|*+.]|\\x[0-9A-Fa-f]{2}|\\[dDsSwW]|\\[:_#=@/;,\-^$?\[\]{}|\\*+.])+"
)


class Test(Protocol):
    """Whether a field's text (or number, in JSON) satisfies a condition."""

    def __call__(self, value: str | float, /) -> bool: ...


def invalid_term(term: str) -> PatternError:
    return PatternError(f"Invalid character(s) in term '{term}'")


def regex(text: str) -> re.Pattern[str]:
    """Compile what stands between two ``%``. Groups and characters outside AWS's list are refused."""
    if not _REGEX_TEXT.fullmatch(text):
        raise invalid_term(f"%{text}%")
    try:
        return re.compile(text, re.ASCII)
    except re.error as error:
        raise PatternError(f"Invalid regular expression %{text}%: {error}") from None


def number(text: str) -> float | None:
    """The number that a text is, or None: ``400``, ``+10``, ``-1.5``, ``10e-3``."""
    return float(text) if _NUMBER.fullmatch(text) else None


def compile_test(op: str, kind: str, text: str) -> Test:
    """The test that ``op`` and a value (``kind`` is ``word``, ``quoted`` or ``regex``) stand for."""
    if kind == "regex":
        if op not in ("=", "!="):
            raise PatternError(f"A regular expression can only be compared with = or !=, not {op}.")
        search = regex(text).search
        return _equality(op, lambda value: search(str(value)) is not None)
    wanted = number(text) if kind == "word" else None
    if wanted is not None:
        return _numeric(op, wanted)
    if op not in ("=", "!="):
        raise PatternError(f"'{text}' is not a number: only = and != compare texts.")
    return _equality(op, _wildcards(text))


def _equality(op: str, same: Test) -> Test:
    if op == "=":
        return same
    return lambda value: not same(value)


def _numeric(op: str, wanted: float) -> Test:
    compare = NUMERIC[op]

    def test(value: str | float) -> bool:
        compared = number(value) if isinstance(value, str) else value
        # what is no number differs from every number, and is neither less nor more
        return op == "!=" if compared is None else compare(compared, wanted)

    return test


def _wildcards(text: str) -> Test:
    """Equality with ``*`` at the start, at the end or both. Inside a word it is an ordinary character."""
    if set(text) == {"*"}:
        return lambda value: True
    start, end = text.startswith("*"), text.endswith("*")
    core = text[start : len(text) - end]
    if start and end:
        return lambda value: core in _text(value)
    if start:
        return lambda value: _text(value).endswith(core)
    if end:
        return lambda value: _text(value).startswith(core)
    return lambda value: _text(value) == core


def _text(value: str | float) -> str:
    return value if isinstance(value, str) else f"{value}"
