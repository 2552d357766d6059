"""CloudWatch Logs filter patterns, as FilterLogEvents, TestMetricFilter and metric filters use them.

Three kinds, told apart by their first character (the user guide's "Filter pattern syntax"):

>>> FilterPattern.parse("?REJECT ?NODATA").matches("2 ... REJECT OK")
True
>>> ssh = FilterPattern.parse('[v, ..., dstport="22", protocol, packets, bytes > 1000, start, end, action, status]')
>>> record = "2 123456789012 eni-1 192.0.2.9 10.1.1.10 51000 22 6 9 2000 1700000000 1700000060 REJECT OK"
>>> ssh.matches(record), ssh.extract(record)["$dstport"]
(True, '22')
>>> FilterPattern.parse("{ $.user.id >= 2 && $.error NOT EXISTS }").matches('{"user": {"id": 3}}')
True
>>> FilterPattern.parse("[broken")
Traceback (most recent call last):
...
helpers.sandbox.logs.patterns.values.PatternError: If a filter pattern starts with '[' it must end with ']'
"""

from dataclasses import dataclass
from typing import Any

import orjson

from helpers.sandbox.logs.patterns.delimited import DelimitedPattern
from helpers.sandbox.logs.patterns.documents import JsonPattern, value_at
from helpers.sandbox.logs.patterns.terms import TermPattern
from helpers.sandbox.logs.patterns.values import PatternError

__all__ = ["FilterPattern", "PatternError", "value_at"]

MOST_REGEXES = 2


@dataclass(frozen=True, slots=True)
class FilterPattern:
    """A compiled pattern. ``parse`` raises :class:`PatternError` for what AWS refuses."""

    text: str
    body: TermPattern | DelimitedPattern | JsonPattern

    @classmethod
    def parse(cls, text: str) -> "FilterPattern":
        stripped = text.strip()
        body: TermPattern | DelimitedPattern | JsonPattern
        if stripped.startswith("["):
            body = DelimitedPattern.parse(stripped)
        elif stripped.startswith("{"):
            body = JsonPattern.parse(stripped)
        else:
            body = TermPattern.parse(stripped)
        if body.regexes > MOST_REGEXES:
            raise PatternError(f"A filter pattern can hold at most {MOST_REGEXES} regular expressions")
        return cls(text, body)

    @property
    def regexes(self) -> int:
        """How many regular expressions the pattern holds."""
        return self.body.regexes

    @property
    def names_fields(self) -> bool:
        """Whether a metric filter may take values and dimensions from the event."""
        return not isinstance(self.body, TermPattern)

    def matches(self, message: str) -> bool:
        return self.body.matches(message)

    def extract(self, message: str) -> dict[str, str]:
        """The fields of a matching message: those of a space-delimited pattern, else none."""
        return self.body.extract(message)

    def event(self, message: str) -> Any:
        """What a metric filter's selectors look into (:func:`~helpers.sandbox.logs.patterns.documents.value_at`)."""
        return orjson.loads(message) if isinstance(self.body, JsonPattern) else self.body.extract(message)

    def check_selector(self, text: str) -> None:
        """Raise :class:`PatternError` for a selector that cannot point to anything in an event of this pattern."""
        if text.startswith(("$.", "$[")) != isinstance(self.body, JsonPattern):
            raise PatternError(f"Invalid selector '{text}'")
        value_at({}, text)
