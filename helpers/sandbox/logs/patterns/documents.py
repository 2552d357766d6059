"""JSON patterns: ``{ ($.user.id = 1 || $.action = "REJECT") && $.list[0].name NOT EXISTS }``, and their selectors."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import orjson

from helpers.sandbox.logs.patterns.boolean_conditions import Condition, PatternToken, Reader
from helpers.sandbox.logs.patterns.values import PatternError, compile_test

Step = str | int | None
"""A key, an index, or None for ``*``."""

_STEP = re.compile(
    r"\.?\[(?P<index>\d+)\]|\.?\[(?P<all>\*)\]|\.?\['(?P<quoted>[^']+)'\]|\.(?P<any>\*)|\.(?P<key>[\w-]+)"
)
_FIELD = re.compile(r"\$[\w-]+")
_STATES = {"NULL": None, "TRUE": True, "FALSE": False}


@dataclass(frozen=True, slots=True)
class JsonPattern:
    """A condition over a message that is a JSON object; any other message does not match."""

    condition: Condition[Any]
    regexes: int

    @classmethod
    def parse(cls, text: str) -> "JsonPattern":
        if not text.endswith("}"):
            raise PatternError("If a filter pattern starts with '{' it must end with '}'")
        return cls(Reader(text[1:-1], _atom).read(), text.count("%") // 2)

    def matches(self, message: str) -> bool:
        if not message.lstrip().startswith("{"):
            return False
        try:
            document = orjson.loads(message)
        except ValueError:
            return False
        return self.condition(document)

    def extract(self, message: str) -> dict[str, str]:
        return {}


def value_at(event: Any, selector: str) -> str | float | None:
    """What a selector points to: ``$.user.id`` in a JSON event, ``$bytes`` in what a space-delimited pattern extracts.

    ``None`` where that is missing, null, an object or a list. Raises :class:`PatternError` for what is no selector.

    >>> value_at({"size": {"bytes": [12, 40]}}, "$.size.bytes[1]"), value_at({"$bytes": "2000"}, "$bytes")
    (40, '2000')
    """
    return next(_leaves(_nodes(event, (selector,) if _FIELD.fullmatch(selector) else _steps(selector))), None)


def _atom(reader: Reader[Any]) -> Condition[Any]:
    steps = _selector(reader.next())
    op = reader.next()
    if op.kind == "word":
        return _state(reader, steps, op.text.upper())
    value = reader.next()
    if op.kind != "op" or value.kind not in ("word", "quoted", "regex"):
        raise PatternError("Expected: selector operator value")
    test = compile_test(op.text, value.kind, value.text)
    return lambda document: any(test(leaf) for leaf in _leaves(_nodes(document, steps)))


def _state(reader: Reader[Any], steps: tuple[Step, ...], word: str) -> Condition[Any]:
    state = reader.next().text.upper()
    if word == "NOT" and state == "EXISTS":
        return lambda document: next(_nodes(document, steps), _MISSING) is _MISSING
    if word == "IS" and state in _STATES:
        wanted = _STATES[state]
        return lambda document: any(node is wanted for node in _nodes(document, steps))
    raise PatternError(f"Expected IS NULL, IS TRUE, IS FALSE or NOT EXISTS, not '{word} {state}'")


_MISSING = object()


def _selector(token: PatternToken) -> tuple[Step, ...]:
    if token.kind != "selector":
        raise PatternError(f"Expected a selector like $.name, not '{token.text}'")
    return _steps(token.text)


@lru_cache(maxsize=256)
def _steps(text: str) -> tuple[Step, ...]:
    steps: list[Step] = []
    at = 1
    while at < len(text):
        match = _STEP.match(text, at)
        if match is None:
            raise PatternError(f"Invalid selector '{text}'")
        if match["index"]:
            steps.append(int(match["index"]))
        else:
            steps.append(match["quoted"] or match["key"])
        at = match.end()
    if not steps or steps.count(None) > 1 or text[0] != "$":
        raise PatternError(f"Invalid selector '{text}'")
    return tuple(steps)


def _nodes(document: Any, steps: tuple[Step, ...]) -> Iterator[Any]:
    for at, step in enumerate(steps):
        if step is None:
            items = document.values() if isinstance(document, dict) else document
            if isinstance(document, dict | list):
                for item in items:
                    yield from _nodes(item, steps[at + 1 :])
            return
        if isinstance(step, int):
            if not isinstance(document, list) or step >= len(document):
                return
        elif not isinstance(document, dict) or step not in document:
            return
        document = document[step]
    yield document


def _leaves(nodes: Iterator[Any]) -> Iterator[str | float]:
    """A selector must point to a value: objects, lists and null fail every comparison, ``!=`` too."""
    for node in nodes:
        if isinstance(node, bool):
            yield "true" if node else "false"
        elif isinstance(node, str | int | float):
            yield node
