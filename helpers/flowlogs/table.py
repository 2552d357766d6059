"""Many lines at once: flow log text into typed columns."""

import gzip
import io
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
_HIGHEST = {"int32": 2**31 - 1, "int64": 2**63 - 1}
_UNCLEAN = (b"\t", b"\r", b"+", b"\0")
_GLANCE = 100_000  # bytes: gaps, if any, are nearly always soon to be seen
_GZIP = b"\x1f\x8b"
_NO_OTHER_BLANKS = tuple(f"NOT contains(line, chr({code}))" for code in (9, 10, 13))


@dataclass(frozen=True, slots=True)
class BadLine:
    """A line that does not fit its format: its number in the source (from 1), its text, and why."""

    number: int
    text: str
    reason: str


def read_table(
    source: Path | Iterable[str],
    format: LogFormat = DEFAULT_FORMAT,  # noqa: A002
    *,
    bad: list[BadLine] | None = None,
) -> pd.DataFrame:
    """Read flow log lines into a table, one row per record, one column per field of the format.

    ``source`` is a `Path` (plain text or gzip), a whole text, or lines. A header line of field names, as
    files in S3 have it, and empty lines are passed over. Columns are named like the attributes of
    `FlowRecord` (``tcp_flags``); whole numbers are ``Int32`` or ``Int64``, text is ``category``; ``-`` is
    missing.

    Lines that do not fit are appended to ``bad`` and left out. Without ``bad``, the first of them raises
    `RecordError` naming its number.

    >>> frame = read_table(["2 1 eni-1 10.0.0.1 10.0.0.2 0 0 1 4 336 100 160 ACCEPT OK"])
    >>> int(frame.bytes.sum()), frame.action[0]
    (336, 'ACCEPT')
    """
    data, lines = _content(source)
    frame = _read_clean(data, format)
    if frame is not None:
        return frame
    lines, numbers = _without_header(data.decode().split("\n") if lines is None else lines, format)
    columns = _columns(lines, format)
    odd = np.flatnonzero(~columns.pop("ok"))
    if len(odd):
        lines = _mend(lines, numbers, odd, format, bad)
        columns = _columns(lines, format)
    return pd.DataFrame(
        {
            field.attribute: _series(columns[field.attribute], field, lines, place)
            for place, field in enumerate(format.fields)
        }
    )


def _content(source: Path | Iterable[str]) -> tuple[bytes, list[str] | None]:
    """The source as one block, and as lines if it came so."""
    if isinstance(source, Path):
        content = source.read_bytes()
        return (gzip.decompress(content) if content.startswith(_GZIP) else content), None
    if isinstance(source, str):
        return source.encode(), None
    lines = list(source)
    if lines and lines[0][-1:] in ("\n", "\r"):  # an open file's lines
        lines = [line.rstrip("\r\n") for line in lines]
    return "\n".join(lines).encode(), lines


def _read_clean(data: bytes, fmt: LogFormat) -> pd.DataFrame | None:
    """Read a block without gaps by pandas' own parser, the fastest there is; None for any other block.

    That parser is too lenient to judge lines: whatever it might forgive sends the block to the strict way.
    """
    header = " ".join(fmt.names).encode()
    if data.startswith(header + b"\n"):
        data = data[len(header) + 1 :]
    if not data or b" - " in data[:_GLANCE] or any(mark in data for mark in _UNCLEAN):
        return None
    types: dict[str, Any] = {field.attribute: "int64" if field.is_integer else "category" for field in fmt.fields}
    try:
        frame = pd.read_csv(
            io.BytesIO(data), sep=" ", header=None, names=list(types), dtype=types, quoting=3, na_filter=False
        )
    except (ValueError, OverflowError):
        return None
    if data.count(b" ") != len(frame) * (len(fmt) - 1):
        return None
    for field in fmt.fields:
        column = frame[field.attribute]
        if field.is_integer:
            if column.min() < 0 or column.max() > _HIGHEST[field.type]:
                return None
            frame[field.attribute] = column.astype("Int32" if field.type == "int32" else "Int64")
        elif "" in column.cat.categories or "-" in column.cat.categories:
            return None
    return frame


def _without_header(lines: list[str], fmt: LogFormat) -> tuple[list[str], Sequence[int]]:
    """The lines that should be records, with their numbers in the source."""
    while lines and not lines[-1]:
        lines.pop()
    if lines and lines[0].split() == list(fmt.names):
        return lines[1:], range(2, len(lines) + 1)
    return lines, range(1, len(lines) + 1)


def _columns(lines: list[str], fmt: LogFormat) -> dict[str, Any]:
    """Split every line once; numbers as numbers, text as 64-bit hashes, and whether a line is written as it
    should be.

    Hashes stand in for text because making a Python string per value costs more than all the rest. Two
    different texts of one column share a hash once in about 10**8 columns of a million different values.
    """
    values: list[str] = []
    checks = [f"len(p) = {len(fmt)}", *_NO_OTHER_BLANKS]
    for place, field in enumerate(fmt.fields, 1):
        name = f'"{field.attribute}"'
        if field.is_integer:
            values.append(f"try_cast(p[{place}] AS {_SQL_TYPES[field.type]}) AS {name}")
            checks.append(f"(({name} >= 0 AND {name}::VARCHAR = p[{place}]) OR p[{place}] = '-')")
        else:
            values.append(f"hash(p[{place}]) AS {name}")
            checks.append(f"p[{place}] <> ''")
    frame = pd.DataFrame({"line": pd.Series(_objects(lines), dtype=object)})
    with duckdb.connect() as connection:
        connection.register("source", frame)
        found = connection.sql(
            f"SELECT * EXCLUDE (line, p), coalesce({' AND '.join(checks)}, false) AS ok FROM ("
            f"SELECT line, p, {', '.join(values)} "
            "FROM (SELECT line, string_split(line, ' ') AS p FROM source))"
        ).fetchnumpy()
    return dict(found)


def _objects(lines: Sequence[str]) -> "np.ndarray[Any, np.dtype[np.object_]]":
    array = np.empty(len(lines), dtype=object)
    array[:] = lines
    return array


def _mend(
    lines: list[str],
    numbers: Sequence[int],
    odd: "np.ndarray[Any, Any]",
    fmt: LogFormat,
    bad: list[BadLine] | None,
) -> list[str]:
    """Read the odd lines one by one: write the good ones as they should be, set the bad ones aside."""
    mended: dict[int, str | None] = {}
    header = list(fmt.names)
    for place in odd.tolist():
        if lines[place].split() in ([], header):
            mended[place] = None
            continue
        try:
            mended[place] = fmt.render(fmt.read(lines[place]))
        except RecordError as error:
            if bad is None:
                raise RecordError(f"line {numbers[place]}: {error} (pass bad=[] to set such lines aside)") from error
            bad.append(BadLine(numbers[place], lines[place].rstrip("\r\n"), str(error)))
            mended[place] = None
    replaced = [mended.get(place, line) for place, line in enumerate(lines)]
    return [line for line in replaced if line is not None]


def _series(values: Any, field: Field, lines: list[str], place: int) -> "pd.Series[Any]":
    """One column: numbers with their gaps, or text as categories looked up from the lines."""
    if field.is_integer:
        data, mask = np.ma.getdata(values), np.ma.getmaskarray(values)
        return pd.Series(pd.arrays.IntegerArray(data, mask))
    codes, hashes = pd.factorize(values)
    first = np.zeros(len(hashes), dtype=np.int64)
    first[codes[::-1]] = np.arange(len(codes) - 1, -1, -1)  # the last write stays: the first row with the value
    texts = [lines[row].split(" ", place + 1)[place] for row in first.tolist()]
    order = sorted(set(texts) - {"-"})
    number = {text: code for code, text in enumerate(order)} | {"-": -1}
    codes = np.array([number[text] for text in texts], dtype=np.int64)[codes] if texts else codes
    return pd.Series(pd.Categorical.from_codes(codes, categories=pd.Index(order, dtype="str")))
