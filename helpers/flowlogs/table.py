"""Many lines at once: flow log text into typed columns."""

import gzip
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pandas as pd

from helpers.flowlogs.fields import Field
from helpers.flowlogs.format import DEFAULT_FORMAT, LogFormat, RecordError

_SQL_TYPES = {"int32": "INTEGER", "int64": "BIGINT"}
_GZIP = b"\x1f\x8b"
_NO_OTHER_BLANKS = tuple(f"NOT contains(line, chr({code}))" for code in (9, 10, 13))


@dataclass(frozen=True, slots=True)
class BadLine:
    """A line that does not fit its format: its number in the source (from 1), its text, and why."""

    number: int
    text: str
    reason: str


def read_table(
    source: Path | Iterable[str], format: LogFormat = DEFAULT_FORMAT, *, bad: list[BadLine] | None = None
) -> pd.DataFrame:
    """Read flow log lines into a table, one row per record, one column per field of the format.

    ``source`` is a `Path` (plain text or gzip), a whole text, or lines. A header line of field names, as files in
    S3 have it, and empty lines are passed over. Columns are named like the attributes of `FlowRecord`
    (``tcp_flags``); whole numbers are ``Int32`` or ``Int64``, text is ``category``; ``-`` is missing.

    Lines that do not fit are appended to ``bad`` and left out. Without ``bad``, the first of them raises
    `RecordError` naming its number.

    >>> frame = read_table(["2 1 eni-1 10.0.0.1 10.0.0.2 0 0 1 4 336 100 160 ACCEPT OK"])
    >>> int(frame.bytes.sum()), frame.action[0]
    (336, 'ACCEPT')
    """
    lines, numbers = _lines(source, format)
    columns = _columns(lines, format)
    odd = np.flatnonzero(~columns.pop("ok"))
    if len(odd):
        lines = _mend(lines, numbers, odd, format, bad)
        columns = _columns(lines, format)
    with ThreadPoolExecutor() as pool:  # pandas counts categories without holding the interpreter's lock
        series = pool.map(
            lambda field, place: _series(columns[field.attribute], field, lines, place),
            format.fields,
            range(len(format)),
        )
        return pd.DataFrame(dict(zip((field.attribute for field in format.fields), series, strict=True)))


def _lines(source: Path | Iterable[str], format: LogFormat) -> tuple[list[str], Sequence[int]]:
    """The lines that should be records, with their numbers in the source."""
    if isinstance(source, Path):
        content = source.read_bytes()
        text = (gzip.decompress(content) if content.startswith(_GZIP) else content).decode()
        lines = text.split("\n")
    else:
        lines = source.split("\n") if isinstance(source, str) else list(source)
    if lines and lines[0][-1:] in ("\n", "\r"):  # an open file's lines
        lines = [line.rstrip("\r\n") for line in lines]
    header = " ".join(format.names)
    first = next((place for place, line in enumerate(lines) if line and not line.isspace()), None)
    has_header = first is not None and " ".join(lines[first].split()) == header
    if not has_header and "" not in lines:
        return lines, range(1, len(lines) + 1)
    numbered = [
        (line, place + 1)
        for place, line in enumerate(lines)
        if line and not line.isspace() and not (has_header and place == first)
    ]
    return [line for line, _ in numbered], [number for _, number in numbered]


def _columns(lines: list[str], format: LogFormat) -> dict[str, Any]:
    """Split every line once; numbers as numbers, text as 64-bit hashes, and whether a line is written as it should be.

    Hashes stand in for text because making a Python string per value costs more than all the rest. Two different
    texts of one column share a hash once in about 10**8 columns of a million different values.
    """
    values: list[str] = []
    checks = [f"len(p) = {len(format)}", *_NO_OTHER_BLANKS]
    for place, field in enumerate(format.fields, 1):
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
            f"SELECT line, p, {', '.join(values)} FROM (SELECT line, string_split(line, ' ') AS p FROM source))"
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
    format: LogFormat,
    bad: list[BadLine] | None,
) -> list[str]:
    """Read the odd lines one by one: write the good ones as they should be, set the bad ones aside."""
    mended: dict[int, str | None] = {}
    for place in odd.tolist():
        try:
            mended[place] = format.render(format.read(lines[place]))
        except RecordError as error:
            if bad is None:
                raise RecordError(
                    f"line {numbers[place]}: {error} (pass bad=[] to set such lines aside)"
                ) from error
            bad.append(BadLine(numbers[place], lines[place], str(error)))
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
    first[codes[::-1]] = np.arange(
        len(codes) - 1, -1, -1
    )  # the last write stays: the first row with the value
    texts = [lines[row].split(" ", place + 1)[place] for row in first.tolist()]
    if "-" in texts:
        gap = texts.index("-")
        codes = np.where(codes == gap, -1, codes - (codes > gap))
        del texts[gap]
    return pd.Series(pd.Categorical.from_codes(codes, categories=pd.Index(texts, dtype="str")))
