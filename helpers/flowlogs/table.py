"""Many lines at once: flow log text into typed columns."""

import csv
import gzip
import io
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pandas as pd

from helpers.flowlogs.fields import Field
from helpers.flowlogs.format import DEFAULT_FORMAT, LogFormat, RecordError

_SQL_TYPES = {"int32": "INTEGER", "int64": "BIGINT"}
_OUT_OF_RANGE = {"int32": 2**31, "int64": 2**63 - 1}
_BLOCK = 1 << 17  # bytes looked at together: what fits a cache
_BLANK, _DASH = ord(" "), ord("-")
_GAP, _STAND_IN = "-", "-1"  # no number of a record is negative
_GLANCE = 100_000  # bytes: gaps in numbers, if any, are nearly always soon to be seen
_GZIP = b"\x1f\x8b"
_NO_OTHER_BLANKS = ("NOT regexp_matches(line, '[\\x00-\\x1F]')", "strlen(line) = length(line)")


@dataclass(frozen=True, slots=True)
class BadLine:
    """A line that does not fit its format: its number in the source (from 1), its text, and why."""

    number: int
    text: str
    reason: str


def read_table(
    source: Path | bytes | Iterable[str],
    format: LogFormat = DEFAULT_FORMAT,  # noqa: A002
    *,
    bad: list[BadLine] | None = None,
) -> pd.DataFrame:
    """Read flow log lines into a table, one row per record, one column per field of the format.

    ``source`` is a ``Path`` or its bytes (plain text or gzip), a whole text, or lines; or the ``Path`` of a Parquet
    file of which the format's fields are read. A header line of field names, as
    files in S3 have it, and empty lines are passed over. Columns are named like the attributes of ``FlowRecord``
    (``tcp_flags``); whole numbers are ``Int32`` or ``Int64``, text is ``str``; ``-`` is missing.

    Lines that do not fit, or are not UTF-8, are appended to ``bad`` and left out. Without ``bad``, the first of them
    raises ``RecordError`` naming its number; gzip data that is damaged raises it, too.

    >>> frame = read_table(["2 1 eni-1 10.0.0.1 10.0.0.2 0 0 1 4 336 100 160 ACCEPT OK"])
    >>> int(frame.bytes.sum()), frame.action[0]
    (336, 'ACCEPT')
    """
    if isinstance(source, Path) and source.suffix == ".parquet":
        return _read_parquet(source, format)
    data, lines = _content(source)
    if lines is None or data.count(b"\n") == len(lines) - 1:
        frame = _read_clean(data, format)
        if frame is not None:
            return frame
    lines, numbers, unreadable = _readable(_lines(data) if lines is None else lines)
    lines, numbers = _without_header(lines, numbers, format)
    columns = _columns(lines, format)
    odd = np.flatnonzero(~columns.pop("ok"))
    if len(odd):
        lines = _repair(lines, numbers, odd, format, unreadable)
        columns = _columns(lines, format)
    _set_aside(unreadable, bad)
    return pd.DataFrame({field.attribute: _series(columns[field.attribute], field) for field in format.fields})


def _read_parquet(path: Path, fmt: LogFormat) -> pd.DataFrame:
    """The columns of a format; the version is the format's own. Raises ``RecordError`` for a file without them."""
    values = {field: str(fmt.version) if field.name == "version" else f'"{field.attribute}"' for field in fmt.fields}
    typed = (f"CAST({value} AS {_SQL_TYPES.get(field.type, 'VARCHAR')})" for field, value in values.items())
    chosen = ", ".join(f'{value} AS "{field.attribute}"' for field, value in zip(fmt.fields, typed, strict=True))
    try:
        with duckdb.connect() as connection:
            columns = connection.execute(f"SELECT {chosen} FROM read_parquet($1)", [str(path)]).fetchnumpy()
    except duckdb.Error as error:
        raise RecordError(f"{path} does not hold these fields: {str(error).splitlines()[0]}") from error
    return pd.DataFrame({field.attribute: _series(columns[field.attribute], field) for field in fmt.fields})


def _content(source: Path | bytes | Iterable[str]) -> tuple[bytes, list[str] | None]:
    """The source as one block, and as lines if it came so."""
    if isinstance(source, Path):
        return _unpacked(source.read_bytes(), str(source)), None
    if isinstance(source, bytes | bytearray | memoryview):
        return _unpacked(bytes(source), "the data"), None
    if isinstance(source, str):
        return source.encode("utf-8", "surrogateescape"), None
    lines = list(source)
    if lines and lines[0][-1:] in ("\n", "\r"):  # an open file's lines
        lines = [line.rstrip("\r\n") for line in lines]
    return "\n".join(lines).encode("utf-8", "surrogateescape"), lines


def _unpacked(content: bytes, name: str) -> bytes:
    if not content.startswith(_GZIP):
        return content
    try:
        return gzip.decompress(content)
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise RecordError(f"{name}: the gzip data is damaged: {error}") from error


def _lines(data: bytes) -> list[str]:
    return data.decode("utf-8", "surrogateescape").split("\n")


def _readable(lines: list[str]) -> tuple[list[str], Sequence[int], list[BadLine]]:
    """The lines that are UTF-8 with their numbers, and those that are not."""
    foreign = {number for number, line in enumerate(lines, 1) if not line.isascii() and not _is_text(line)}
    if not foreign:
        return lines, range(1, len(lines) + 1), []
    kept = [(number, line) for number, line in enumerate(lines, 1) if number not in foreign]
    bad = [BadLine(number, _shown(lines[number - 1]), "its bytes are not UTF-8") for number in sorted(foreign)]
    return [line for _, line in kept], [number for number, _ in kept], bad


def _is_text(line: str) -> bool:
    try:
        line.encode()
    except UnicodeEncodeError:
        return False
    return True


def _shown(line: str) -> str:
    return line.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace").rstrip("\r\n")


def _set_aside(unreadable: list[BadLine], bad: list[BadLine] | None) -> None:
    unreadable.sort(key=lambda line: line.number)
    if unreadable and bad is None:
        first = unreadable[0]
        raise RecordError(f"line {first.number}: {first.reason} (pass bad=[] to set such lines aside)")
    if bad is not None:
        bad += unreadable


def _read_clean(data: bytes, fmt: LogFormat) -> pd.DataFrame | None:
    """Read a block of good lines by pandas' own parser, the fastest there is; None for any other block.

    That parser is too lenient to judge lines: whatever it might forgive sends the block to the strict way. So that its
    parsing of whole numbers, which is strict, can be used, gaps become -1, which no record holds.
    """
    header = " ".join(fmt.names).encode()
    if data.startswith(header + b"\n"):
        data = data[len(header) + 1 :]
    if b"\r" in data:
        data = data.replace(b"\r\n", b"\n")
    data = data.strip(b"\n")
    if not data or len(fmt) == 1 or b"+" in data or not data.isascii():
        return None
    frame = None if b" - " in data[:_GLANCE] else _parse(data, fmt, _GAP)
    gaps = frame is None
    if gaps:
        repaired = _stand_in(data)
        if repaired is None:
            return None
        data = repaired
        frame = _parse(data, fmt, _STAND_IN)
    if frame is None or not isinstance(frame.index, pd.RangeIndex) or not _is_even(data, len(frame), len(fmt)):
        return None
    columns: dict[str, pd.Series[Any]] = {}
    for field in fmt.fields:
        column = frame[field.attribute]
        if not field.is_integer:
            columns[field.attribute] = pd.Series(column, dtype="str")
        elif column.min() < (-1 if gaps else 0) or column.max() >= _OUT_OF_RANGE[field.type]:
            return None
        else:
            columns[field.attribute] = _integers(column, field)
    return pd.DataFrame(columns, copy=False)


def _is_even(data: bytes, lines: int, fields: int) -> bool:
    """Whether a block is that many lines of that many words, one blank apart, without any other white space."""
    if data[0] <= _BLANK or data[-1] <= _BLANK:
        return False
    octets = np.frombuffer(data, dtype=np.uint8)
    blanks = between = 0
    for at in range(0, len(octets), _BLOCK):
        block = octets[at : at + _BLOCK + 1]  # one more, which the next block counts
        apart = block <= _BLANK
        if (apart[1:] & apart[:-1]).any():
            return False
        blanks += int(np.count_nonzero(block[:_BLOCK] == _BLANK))
        between += int(np.count_nonzero(apart[:_BLOCK]))
    return blanks == lines * (fields - 1) and between == lines * fields - 1


def _stand_in(data: bytes) -> bytes | None:
    """The block with -1 for every gap; None where a word that begins with a dash is more than a gap."""
    padded = b"\n" + data + b"\n"
    octets = np.frombuffer(padded, dtype=np.uint8)
    dashes: list[int] = []
    for at in range(0, len(octets), _BLOCK):
        block = octets[at : at + _BLOCK + 2]  # two more, which the next block counts
        apart = block <= _BLANK
        begins = block[1:-1] == _DASH
        begins &= apart[:-2]
        if begins.any():
            places = np.flatnonzero(begins)
            if not apart[places + 2].all():
                return None
            dashes += (places + (at + 2)).tolist()
    ends = zip([1, *dashes], [*dashes, len(padded) - 1], strict=True)
    return b"1".join([padded[start:end] for start, end in ends])


def _parse(data: bytes, fmt: LogFormat, gap: str) -> pd.DataFrame | None:
    """The block's columns with this for a gap in text; None if a gap in a number is no whole number either.

    Numbers are left to be inferred: asked for whole ones, the parser would take 1e2 for a hundred.
    """
    text = [field.attribute for field in fmt.fields if not field.is_integer]
    try:
        frame = pd.read_csv(
            io.BytesIO(data),
            sep=" ",
            header=None,
            names=[field.attribute for field in fmt.fields],
            dtype=dict.fromkeys(text, object),
            quoting=csv.QUOTE_NONE,
            keep_default_na=False,
            na_values={name: [gap] for name in text},
        )
    except ValueError:
        return None
    whole = all(frame[field.attribute].dtype == np.int64 for field in fmt.fields if field.is_integer)
    return frame if whole else None


def _integers(column: "pd.Series[Any]", field: Field) -> "pd.Series[Any]":
    values = column.to_numpy()
    data = values.astype(np.int32) if field.type == "int32" else values.copy()
    return pd.Series(pd.arrays.IntegerArray(data, values < 0))


def _without_header(lines: list[str], numbers: Sequence[int], fmt: LogFormat) -> tuple[list[str], Sequence[int]]:
    """The lines that should be records, with their numbers in the source."""
    while lines and not lines[-1]:
        lines.pop()
    first = 1 if lines and lines[0].split() == list(fmt.names) else 0
    return lines[first:], numbers[first : len(lines)]


def _columns(lines: list[str], fmt: LogFormat) -> dict[str, Any]:
    """Split every line once; numbers and text with their gaps masked, and whether a line is written as it should be."""
    if not lines:  # a database takes ten times as long to say so as a table of some lines does
        types = {field.attribute: field.type if field.is_integer else "object" for field in fmt.fields}
        return {name: np.ma.array([], dtype=kind) for name, kind in {**types, "ok": "bool"}.items()}
    values: list[str] = []
    checks = [f"len(p) = {len(fmt)}", *_NO_OTHER_BLANKS]
    for place, field in enumerate(fmt.fields, 1):
        name = f'"{field.attribute}"'
        if field.is_integer:
            values.append(f"try_cast(p[{place}] AS {_SQL_TYPES[field.type]}) AS {name}")
            checks.append(f"(({name} >= 0 AND {name}::VARCHAR = p[{place}]) OR p[{place}] = '-')")
        else:
            values.append(f"nullif(p[{place}], '-') AS {name}")
            checks.append(f"p[{place}] <> ''")
    frame = pd.DataFrame({"line": pd.Series(_objects(lines), dtype=object)})
    with duckdb.connect() as connection:
        connection.register("source", frame)
        columns = connection.sql(
            f"SELECT * EXCLUDE (line, p), coalesce({' AND '.join(checks)}, false) AS ok FROM ("
            f"SELECT line, p, {', '.join(values)} "
            "FROM (SELECT line, string_split(line, ' ') AS p FROM source))"
        ).fetchnumpy()
    return dict(columns)


def _objects(lines: Sequence[str]) -> "np.ndarray[Any, np.dtype[np.object_]]":
    array = np.empty(len(lines), dtype=object)
    array[:] = lines
    return array


def _repair(
    lines: list[str],
    numbers: Sequence[int],
    odd: "np.ndarray[Any, Any]",
    fmt: LogFormat,
    bad: list[BadLine],
) -> list[str]:
    """Read the odd lines one by one: write the good ones as they should be, set the bad ones aside."""
    repaired: dict[int, str | None] = {}
    header = list(fmt.names)
    for place in odd.tolist():
        if lines[place].split() in ([], header):
            repaired[place] = None
            continue
        try:
            repaired[place] = fmt.render(fmt.read(lines[place]))
        except RecordError as error:
            bad.append(BadLine(numbers[place], lines[place].rstrip("\r\n"), str(error)))
            repaired[place] = None
    replaced = [repaired.get(place, line) for place, line in enumerate(lines)]
    return [line for line in replaced if line is not None]


def _series(values: Any, field: Field) -> "pd.Series[Any]":
    """One column: numbers or text with their gaps."""
    data, mask = np.ma.getdata(values), np.ma.getmaskarray(values)
    if field.is_integer:
        return pd.Series(pd.arrays.IntegerArray(data, mask))
    return pd.Series(np.where(mask, np.nan, data.astype(object)), dtype="str")
