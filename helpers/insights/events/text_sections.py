"""Text as DuckDB reads it: what a file's first lines say of its form, and copies of text that it cannot read."""

import csv
import gzip
import io
import json
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Literal, cast

from helpers.flowlogs import FormatError, LogFormat
from helpers.flowlogs.format import SPELLINGS
from helpers.insights.events.line_forms import LONGEST

Form = Literal["lines", "json", "csv"]
_GZIP = b"\x1f\x8b"
_UTF_16 = (b"\xff\xfe", b"\xfe\xff")
_NAME = re.compile(rf"""["']?(?:{"|".join(sorted(SPELLINGS, reverse=True))})[\s,;"']""", re.IGNORECASE)
_HEAD = 8192  # characters; the longest header has 700
_COPY = 64 * 2**20  # characters of a copy
_REMARKS = {
    "bytes": "with bytes that are not UTF-8 text: \N{REPLACEMENT CHARACTER} stands for each",
    "returns": "with a carriage return alone: it is read as the end of a line",
    "long": "longer than 2 MB, which no log event is: left out",
}


@dataclass(frozen=True, slots=True)
class Section:
    """A part of a text that is written in one form; its header, if it had one, is its ``layout`` now."""

    path: Path
    form: Form
    layout: LogFormat | None


def header_format(line: str) -> LogFormat | None:
    """The format that a line names as the header of a file, or None for any other line."""
    if not _NAME.match(line):
        return None
    try:
        layout = LogFormat.from_header(line)
    except FormatError:
        return None
    return layout if len(layout) > 1 else None


def open_text(raw: IO[bytes]) -> IO[str]:
    """Bytes as text: unpacked where they are gzip, UTF-16 where they say so, else UTF-8."""
    packed = cast(io.BufferedReader, raw).peek(2)[:2] == _GZIP or str(getattr(raw, "name", "")).endswith(".gz")
    plain = cast(io.BufferedReader, gzip.GzipFile(fileobj=raw) if packed else raw)
    encoding = "utf-16" if plain.peek(2)[:2] in _UTF_16 else "utf-8-sig"
    return io.TextIOWrapper(plain, encoding=encoding, errors="replace", newline="")


def form_of(path: Path) -> tuple[Form, LogFormat | None]:
    """(form, format that a header names) of a file, by its beginning."""
    try:
        with path.open("rb") as raw, open_text(raw) as file:
            return _form(file.read(_HEAD))
    except (OSError, EOFError, ValueError):
        return "lines", None  # whoever reads it all says what is wrong


def record_format(path: Path, given: LogFormat) -> LogFormat | None:
    """The format of the records that a file begins with (``given``, without a header); None for any other text."""
    try:
        with path.open("rb") as raw, open_text(raw) as file:
            head = file.read(_HEAD)
    except (OSError, EOFError, ValueError):
        return None
    form, named = _form(head)
    record = head.splitlines()[named is not None :][:1]
    layout = named or given
    return layout if form == "lines" and record and len(record[0].split(" ")) == len(layout) else None


def _form(head: str) -> tuple[Form, LogFormat | None]:
    line, broken, _ = head.lstrip().partition("\n")
    if re.match(r"\[\s*([\[{\]]|\Z)", head.lstrip()) or (line.startswith("{") and _is_document(line, bool(broken))):
        return "json", None
    names = _names(line)
    if "@message" in names or ("message" in names and len(names) > 1):
        return "csv", None
    return "lines", header_format(line)


def _names(line: str) -> list[str]:
    """The columns that a first line names, where it can be a line of CSV."""
    try:
        return next(csv.reader([line[:_HEAD].strip()]), [])
    except csv.Error:  # a carriage return or bytes of a packed file
        return []


def _is_document(line: str, whole: bool) -> bool:
    """Whether a first line is the beginning of one object over several lines, or of one that holds events."""
    if re.search(r'"(events|logEvents|Records)"\s*:\s*\[', line):
        return True
    try:
        return whole and not isinstance(json.loads(line), dict)
    except ValueError:
        return True


def sections(file: IO[str], folder: Path, odd: Counter[str]) -> Iterator[Section]:
    """Copies of a text, one form and one format each, in UTF-8 with a line feed after each line.

    A copy lives until the next is asked for. What could not be read as it stood is counted in ``odd``.
    """
    lines = _lines(file, odd)
    form: Form = "lines"
    layout: LogFormat | None = None
    batch: list[str] = []
    size = 0
    for number, line in enumerate(filter(None, lines)):
        if number == 0:
            form, layout = _form(line + "\n")
        named = header_format(line) if form == "lines" else None
        if (named and batch) or (size >= _COPY and form == "lines"):
            yield _written(batch, folder, form, layout)
            batch, size = [], 0
        layout = named or layout
        if not named:
            batch.append(line)
            size += len(line) + 1
    yield _written(batch, folder, form, layout)


def _written(lines: list[str], folder: Path, form: Form, layout: LogFormat | None) -> Section:
    path = folder / "section"
    path.write_bytes("\n".join([*lines, ""]).encode("utf-8", "replace"))
    return Section(path, form, layout)


def _lines(file: IO[str], odd: Counter[str]) -> Iterator[str]:
    """Lines without their ends, and without what DuckDB would stumble over."""
    while line := file.readline(LONGEST):
        if len(line) == LONGEST and line[-1] not in "\r\n":
            odd["long"] += 1
            while line and line[-1] not in "\r\n":
                line = file.readline(LONGEST)
            continue
        text = line.removesuffix("\n").removesuffix("\r")
        if "\r" in text or line.endswith("\r"):
            odd["returns"] += text.count("\r") + line.endswith("\r")
        if "\ufffd" in text or "\x01" in text:
            odd["bytes"] += 1
            text = text.replace("\x01", "\ufffd")
        if "\r" in text:
            yield from text.split("\r")
        else:
            yield text


def shown(name: str) -> str:
    """The name of a source in a remark."""
    return "standard input" if name in ("-", "<stdin>") else name


def remarks_of(name: str, odd: Counter[str]) -> list[str]:
    """What to say of a text in which these were found."""
    return [f"{shown(name)}: {count:,} line{'s' * (count > 1)} {_REMARKS[what]}." for what, count in odd.items()]
