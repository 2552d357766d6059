"""Space-delimited patterns: ``[version, account, ..., dstport="22", ..., action="REJECT", status]``.

The fields of a message are its words; what stands between ``[`` and ``]`` or between double quotes is one field. A
pattern without an ellipsis fits messages of exactly its number of fields.
"""

import re
from dataclasses import dataclass

from helpers.sandbox.logs.patterns.boolean_conditions import Condition, Reader
from helpers.sandbox.logs.patterns.values import PatternError, compile_test

_FIELD = re.compile(r'"((?:[^"\\]|\\.)*)"(?=\s|$)|\[([^\]]*)\](?=\s|$)|(\S+)')
_COLUMN = re.compile(r'(?:[^,"%]|"(?:[^"\\]|\\.)*"|%[^%]*%)*')
_NAME = re.compile(r"[\w-]+")


@dataclass(frozen=True, slots=True)
class PatternColumn:
    name: str | None
    condition: Condition[str] | None = None


@dataclass(frozen=True, slots=True)
class DelimitedPattern:
    """``head`` columns from the left and, after an ellipsis, ``tail`` columns from the right."""

    head: tuple[PatternColumn, ...]
    tail: tuple[PatternColumn, ...]
    open_ended: bool
    regexes: int

    @classmethod
    def parse(cls, text: str) -> "DelimitedPattern":
        if not text.endswith("]"):
            raise PatternError("If a filter pattern starts with '[' it must end with ']'")
        texts = _columns(text[1:-1])
        gaps = [i for i, column in enumerate(texts) if column == "..."]
        if len(gaps) > 1:
            raise PatternError("A pattern can have one ellipsis only")
        cut = gaps[0] if gaps else len(texts)
        return cls(
            tuple(_column(column) for column in texts[:cut]),
            tuple(_column(column) for column in texts[cut + 1 :]),
            bool(gaps),
            text.count("%") // 2,
        )

    def matches(self, message: str) -> bool:
        return self._fit(fields(message))

    def extract(self, message: str) -> dict[str, str]:
        """``$name`` of each named field, ``$number`` (from 1) of the others."""
        values = fields(message)
        columns = [*self.head, *[PatternColumn(None)] * (len(values) - len(self.head) - len(self.tail)), *self.tail]
        return {
            f"${column.name or place}": value
            for place, (column, value) in enumerate(zip(columns, values, strict=True), 1)
        }

    def _fit(self, values: list[str]) -> bool:
        columns = len(self.head) + len(self.tail)
        if len(values) < columns or (len(values) > columns and not self.open_ended):
            return False
        return _all_hold(self.head, values) and (
            not self.tail or _all_hold(self.tail, values[len(values) - len(self.tail) :])
        )


def fields(message: str) -> list[str]:
    """The words of a message; ``[...]`` and ``"..."`` are one field each, without their marks."""
    if '"' not in message and "[" not in message:
        return message.split()
    return [match[match.lastindex or 0] for match in _FIELD.finditer(message)]


def _all_hold(columns: tuple[PatternColumn, ...], values: list[str]) -> bool:
    return all(
        column.condition is None or column.condition(value) for column, value in zip(columns, values, strict=False)
    )


def _columns(text: str) -> list[str]:
    """Split at commas outside quotes and regular expressions."""
    texts, at = [], 0
    while True:
        match = _COLUMN.match(text, at)
        end = match.end() if match else at
        texts.append(text[at:end].strip())
        if end == len(text):
            return texts
        if text[end] != ",":
            raise PatternError(f"An unfinished {text[end]}...{text[end]} in '{text}'")
        at = end + 1


def _column(text: str) -> PatternColumn:
    if not text:
        return PatternColumn(None)
    if _NAME.fullmatch(text):
        return PatternColumn(text)
    names: set[str] = set()

    def atom(reader: Reader[str]) -> Condition[str]:
        name, op, value = reader.next(), reader.next(), reader.next()
        if name.kind != "word" or op.kind != "op" or value.kind not in ("word", "quoted", "regex"):
            raise PatternError(f"'{text}' is not of the form: name operator value")
        names.add(name.text)
        return compile_test(op.text, value.kind, value.text)

    condition = Reader(text, atom).read()
    if len(names) > 1:
        raise PatternError(f"The conditions of one field name several: {', '.join(sorted(names))}")
    return PatternColumn(names.pop(), condition)
