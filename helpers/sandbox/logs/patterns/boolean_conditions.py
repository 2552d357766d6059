"""Conditions with ``&&``, ``||`` and parentheses, as space-delimited and JSON patterns share them."""

import re
from collections.abc import Callable
from typing import Generic, NamedTuple, TypeVar

from helpers.sandbox.logs.patterns.values import PatternError, invalid_term

DEEPEST = 50
_TOKEN = re.compile(
    r"""\s*(?:
      (?P<op>&&|\|\||!=|<=|>=|=|<|>|\(|\))
    | "(?P<quoted>(?:[^"\\]|\\.)*)"
    | %(?P<regex>[^%]*)%
    | (?P<selector>\$[^\s=!<>&|()"%]*)
    | (?P<word>[\w.*+\-:/]+)
    | (?P<bad>\S+)
    )""",
    re.VERBOSE,
)


class PatternToken(NamedTuple):
    kind: str
    text: str


def tokens(text: str) -> list[PatternToken]:
    pieces = []
    for match in _TOKEN.finditer(text.rstrip()):
        kind = match.lastgroup or "bad"
        if kind == "bad":
            raise invalid_term(match[kind])
        value = match[kind]
        if kind == "quoted":
            value = re.sub(r"\\(.)", r"\1", value)
        pieces.append(PatternToken(kind, value))
    return pieces


Subject = TypeVar("Subject")
Condition = Callable[[Subject], bool]


class Reader(Generic[Subject]):
    """Reads ``a && (b || c)``; what an atom is says the caller. ``&&`` binds tighter than ``||``."""

    def __init__(self, text: str, atom: "Callable[[Reader[Subject]], Condition[Subject]]") -> None:
        self._tokens = tokens(text)
        self._at = 0
        self._depth = 0
        self._atom = atom

    def read(self) -> Condition[Subject]:
        condition = self._any()
        if self._at < len(self._tokens):
            raise PatternError(f"Unexpected '{self._tokens[self._at].text}'")
        return condition

    def next(self) -> PatternToken:
        if self._at == len(self._tokens):
            raise PatternError("Unexpected end of the pattern")
        self._at += 1
        return self._tokens[self._at - 1]

    def peek(self, text: str) -> bool:
        return self._at < len(self._tokens) and self._tokens[self._at] == PatternToken("op", text)

    def _any(self) -> Condition[Subject]:
        return self._joined("||", self._all, any)

    def _all(self) -> Condition[Subject]:
        return self._joined("&&", self._one, all)

    def _joined(self, op: str, part: Callable[[], Condition[Subject]], join: Callable[..., bool]) -> Condition[Subject]:
        parts = [part()]
        while self.peek(op):
            self.next()
            parts.append(part())
        if len(parts) == 1:
            return parts[0]
        return lambda subject: join(condition(subject) for condition in parts)

    def _one(self) -> Condition[Subject]:
        if not self.peek("("):
            return self._atom(self)
        self.next()
        self._depth += 1
        if self._depth > DEEPEST:
            raise PatternError("Too many nested parentheses")
        condition = self._any()
        self._depth -= 1
        if not self.peek(")"):
            raise PatternError("A ')' is missing")
        self.next()
        return condition
