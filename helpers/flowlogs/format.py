"""A LogFormat: which fields a line holds, in which order; one line to one record and back."""

import difflib
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from operator import attrgetter
from typing import Any, Self

from helpers.flowlogs.fields import FIELDS, Field
from helpers.flowlogs.record import FlowRecord

_TOKEN = re.compile(r"\$\{([^}]*)\}")
SPELLINGS = {
    spelling.lower(): name
    for name, field in FIELDS.items()
    for spelling in (name, field.attribute, name.replace("-", ""), field.insights_name or name)
}
_OF_TRANSIT_GATEWAYS = re.compile(r"resource-type$|tgw-|packets-lost-")
_LIMITS = {"int32": 2**31 - 1, "int64": 2**63 - 1}


class FormatError(ValueError):
    """A LogFormat that cannot be read; the message names the field and its place."""


class RecordError(ValueError):
    """A line or record that does not fit its format; the message names the field and its place."""


@dataclass(frozen=True)
class LogFormat:
    """The fields of a flow log, in order.

    >>> fmt = LogFormat.parse("${srcaddr} ${dstport} ${tcp-flags}")
    >>> fmt.version
    3
    >>> fmt.read("10.1.1.10  22 -")
    FlowRecord(srcaddr='10.1.1.10', dstport=22)
    >>> fmt.render(fmt.read("10.1.1.10 22 -"))
    '10.1.1.10 22 -'
    """

    names: tuple[str, ...]

    def __post_init__(self) -> None:
        if not self.names:
            raise FormatError("the format has no field; write it like ${srcaddr} ${dstaddr}")
        seen: set[str] = set()
        for place, name in enumerate(self.names, 1):
            if name not in FIELDS:
                raise FormatError(f"field {place}: {_unknown(name)}")
            if name in seen:
                raise FormatError(f"field {place}: {name} is there twice")
            seen.add(name)

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a LogFormat as CreateFlowLogs takes it: ``${field}`` tokens with blanks between them.

        Raises ``FormatError`` for text outside tokens, unknown or repeated fields, and an empty format.
        """
        names: list[str] = []
        at = 0
        for token in _TOKEN.finditer(text):
            _only_blanks(text, at, token.start(), needed=bool(names))
            if token[1] not in FIELDS:
                raise FormatError(f"field {len(names) + 1}, at character {token.start() + 1}: {_unknown(token[1])}")
            names.append(token[1])
            at = token.end()
        _only_blanks(text, at, len(text), needed=False)
        return cls(tuple(names))

    @classmethod
    def from_header(cls, line: str) -> Self:
        """Read the header line of a file: field names with blanks, commas or tabs between them.

        Names may also be spelled as the columns of Athena (``account_id``) or as Logs Insights has them (``srcAddr``).
        """
        words = re.sub(r"[\s,;\"']+", " ", line).split()
        return cls(tuple(SPELLINGS.get(word.lower(), word) for word in words))

    def __str__(self) -> str:
        return " ".join(f"${{{name}}}" for name in self.names)

    def __len__(self) -> int:
        return len(self.names)

    @cached_property
    def fields(self) -> tuple[Field, ...]:
        """The catalogue's entries for the names, in order."""
        return tuple(FIELDS[name] for name in self.names)

    @property
    def version(self) -> int:
        """The version that a record of this format states: the highest among its fields (AWS's rule)."""
        return max(field.version for field in self.fields)

    def render(self, record: FlowRecord) -> str:
        """Return the record's line. Raises ``RecordError`` for a value that a line cannot hold."""
        values = self._values(record)
        line = " ".join(["-" if value is None else str(value) for value in values])
        if len(line.split()) != len(self.names):
            self._blame(values)
        return line

    def read(self, line: str) -> FlowRecord:
        """Read one line, fields apart by any run of blanks.

        Raises ``RecordError`` naming the field when there are too few or too many, or text in a number.
        """
        parts = line.split()
        if len(parts) != len(self.names):
            raise RecordError(self._wrong_count(parts))
        values: dict[str, Any] = {}
        for place, (part, (attribute, limit)) in enumerate(zip(parts, self._readers, strict=True)):
            if part == "-":
                continue
            if not limit:
                values[attribute] = part
            elif part.isascii() and part.isdigit() and (number := int(part)) <= limit:
                values[attribute] = number
            else:
                field = self.fields[place]
                raise RecordError(f"field {place + 1} ({field.name}): {part!r} is not a whole number ({field.type})")
        return FlowRecord.of(values)

    @cached_property
    def _readers(self) -> tuple[tuple[str, int], ...]:
        return tuple((field.attribute, _LIMITS.get(field.type, 0)) for field in self.fields)

    @cached_property
    def _values(self) -> Callable[[FlowRecord], tuple[Any, ...]]:
        attributes = [field.attribute for field in self.fields]
        get = attrgetter(*attributes)
        return get if len(attributes) > 1 else lambda record: (get(record),)

    def __getstate__(self) -> dict[str, Any]:
        return {"names": self.names}

    def _blame(self, values: tuple[Any, ...]) -> None:
        for place, (value, field) in enumerate(zip(values, self.fields, strict=True), 1):
            if value is not None and len(str(value).split()) != 1:
                raise RecordError(f"field {place} ({field.name}): {value!r} is empty or holds a blank")

    def _wrong_count(self, parts: list[str]) -> str:
        counted = f"{len(parts)} fields, {len(self.names)} expected"
        if len(parts) < len(self.names):
            missing = self.names[len(parts)]
            return f"{counted}: nothing for field {len(parts) + 1} ({missing})"
        extra = parts[len(self.names)]
        return f"{counted}: {extra!r} after the last one ({self.names[-1]})"


def _unknown(name: str) -> str:
    if _OF_TRANSIT_GATEWAYS.match(name):
        return f"{name!r} is a field of transit gateway flow logs, not of those of a VPC"
    near = difflib.get_close_matches(name.replace("_", "-").lower(), FIELDS, n=1)
    return f"{name!r} is not a flow log field" + (f"; did you mean {near[0]}?" if near else "")


def _only_blanks(text: str, start: int, end: int, *, needed: bool) -> None:
    between = text[start:end]
    if between.strip():
        raise FormatError(
            f"at character {start + 1}: {between.strip()!r} is not a field; write fields like ${{srcaddr}}"
        )
    if needed and not between:
        raise FormatError(f"at character {start + 1}: a blank is missing between two fields")


DEFAULT_FORMAT = LogFormat(tuple(name for name, field in FIELDS.items() if field.version == 2))
"""AWS's default format: the fields of version 2."""
