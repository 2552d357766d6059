"""Compile a query, run it over tables, read the result."""

import base64
import binascii
import json
import re
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import duckdb

from . import nodes as n
from .check import check
from .compiler import DEFAULT_LIMIT, Compiled, compile_program
from .errors import MalformedQuery, QueryFailed
from .explain import explain
from .lookups import Lookups
from .parser import parse
from .printing import printed
from .schema import SYSTEM_FIELDS, Schema
from .table import LogTable
from .values import Kind
from .wording import closest

if TYPE_CHECKING:
    import pandas as pd

MOST_TABLES = 50  # StartQuery: "up to 50 log groups"


class Query:
    """A compiled query; make one with `compile`. Thread-safe, and may be run over any tables."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.program = parse(text)
        self._compiled: dict[Schema, Compiled] = {}
        self._lock = threading.Lock()
        try:
            check(self.program)
            self.compiled(Schema())
        except RecursionError:
            raise MalformedQuery("the query is nested too deeply", text, 0, len(text)) from None

    @property
    def source(self) -> n.Source | None:
        """The SOURCE command, which says what log groups to read; `run` leaves that to its caller."""
        return self.program.source

    @property
    def limit(self) -> int | None:
        """The last limit of the query, or None when it has none."""
        limits = [command.count for command in self.program.commands if isinstance(command, n.Limit)]
        return limits[-1] if limits else None

    @property
    def uses_index(self) -> bool:
        """Whether the query has a filterIndex, which log groups of class INFREQUENT_ACCESS do not support."""
        return any(isinstance(command, n.Filter) and command.indexed for command in self.program.commands)

    def compiled(self, schema: Schema) -> Compiled:
        """The SQL for tables of a schema (kept for the next run)."""
        with self._lock:
            if schema not in self._compiled:
                self._compiled[schema] = compile_program(self.program, schema)
            return self._compiled[schema]

    def sql(self, table: LogTable | None = None) -> str:
        """The SQL as text, for flow logs in the default format or for what a table holds."""
        schema = Schema() if table is None else _schema([table], by_ingestion=False)
        return compile_program(self.program, schema, pretty=True).sql

    def explain(self) -> str:
        """What the query does, command by command, and which undocumented behaviours it depends on."""
        return explain(self.program)

    def __repr__(self) -> str:
        return f"Query({self.text!r})"


def compile(text: str) -> Query:  # noqa: A001  (re.compile's name, used as insights.compile)
    """Reads and checks a query. Raises `MalformedQuery` with the place of a mistake.

    >>> compile("filter action = 'REJECT' | stats count(*) by srcAddr").limit is None
    True
    """
    return Query(text)


@dataclass(slots=True)
class _Run:
    """What statistics need to be counted later, on the events that the query could see."""

    query: Compiled
    tables: tuple[LogTable, ...]
    values: dict[str, int]
    lookups: Lookups
    start_ms: int
    end_ms: int
    ingested_ms: int | None


@dataclass(eq=False)
class Result:
    """Rows of a query.

    ``rows``: a list of rows; a row is a list of (column, text) pairs, a missing field has no pair.
    ``columns``: the headings. ``remarks``: hints that are no part of the result (a name that was probably
    misspelt). ``values``: the same cells as Python values, column by column.
    """

    columns: list[str]
    kinds: list[Kind]
    values: list[list[Any]]
    remarks: tuple[str, ...]
    _run: "_Run" = field(repr=False)
    _events: list[list[int]] = field(repr=False)

    @cached_property
    def pointers(self) -> list[str]:
        """An ``@ptr`` for each row of raw events, in order ("" for a row of totals); empty after stats."""
        if not self._events:
            return []
        *tables, sequence = self._events
        positions = tables[0] if tables else [0] * len(sequence)
        chosen = self._run.tables
        return [
            "" if seq is None else make_pointer(chosen[at], seq) for at, seq in zip(positions, sequence, strict=True)
        ]

    @cached_property
    def rows(self) -> list[list[tuple[str, str]]]:
        """The rows as CloudWatch returns them: texts, in the order of the columns."""
        texts = [printed(column, kind) for column, kind in zip(self.values, self.kinds, strict=True)]
        return [
            [(name, text) for name, text in zip(self.columns, row, strict=True) if text is not None]
            for row in zip(*texts, strict=True)
        ] or [[] for _ in range(len(self))]

    @cached_property
    def _there(self) -> tuple[int, int]:
        """(events, bytes of their messages) in the range of time."""
        run = self._run
        totals = [table.totals_in(run.start_ms, run.end_ms, run.ingested_ms) for table in run.tables]
        return sum(count for count, _ in totals), sum(size for _, size in totals)

    @cached_property
    def scanned(self) -> tuple[int, int]:
        """(events, bytes of their messages) that a query is charged for: those in the range of time.

        Without those that filterIndex skips (assumption insights-filter-index). Counted when first asked for;
        ask before the tables change.
        """
        run = self._run
        if run.query.estimate:
            return 0, 0  # nothing is scanned, and nothing is charged
        if run.query.scanned is None:
            return self._there
        count, size = _execute(run.tables, run.query.scanned, run.values, run.lookups)[0]
        return int(count), int(size)

    @cached_property
    def statistics(self) -> dict[str, float]:
        """recordsMatched, recordsScanned, bytesScanned and the rest, named as in GetQueryResults.

        Counted when first asked for; ask before the tables change.
        """
        run = self._run
        scanned, size = self.scanned
        matched = 0 if run.query.estimate else _count_matched(run)
        there, bytes_there = self._there if run.query.scanned is not None else (scanned, size)
        return {
            "recordsMatched": float(matched),
            "recordsScanned": float(scanned),
            "bytesScanned": float(size),
            "estimatedRecordsSkipped": float(there - scanned),
            "estimatedBytesSkipped": float(bytes_there - size),
            "logGroupsScanned": float(len(run.tables)),
            "resultCount": float(len(self)),
        }

    def __len__(self) -> int:
        columns = self.values or self._events
        return len(columns[0]) if columns else 0

    def to_pandas(self) -> "pd.DataFrame":
        """A DataFrame: numbers as numbers, times as timestamps, missing cells as NA."""
        import pandas as pd

        frame: dict[str, object] = {}
        for name, kind, column in zip(self.columns, self.kinds, self.values, strict=True):
            if kind is Kind.TIME:
                frame[name] = pd.Series(pd.array(column, dtype="Int64")).astype("datetime64[ms]")
            elif kind in (Kind.INT, Kind.BOOL):
                whole = [None if value is None else int(value) for value in column]
                fits = all(value is None or abs(value) < 2**63 for value in whole)
                frame[name] = pd.array(whole, dtype="Int64") if fits else pd.array(whole, dtype="Float64")
            elif kind in (Kind.DOUBLE, Kind.NUMBER):
                frame[name] = pd.array([None if v is None else float(v) for v in column], dtype="Float64")
            else:
                frame[name] = pd.array(column, dtype="string")
        return pd.DataFrame(frame, columns=self.columns)

    def __str__(self) -> str:
        from .explain import as_table

        return as_table(self.columns, self.rows)

    def _repr_html_(self) -> str:
        from .explain import as_html

        return as_html(self.columns, self.rows, self.remarks)


def run(
    query: str | Query,
    tables: LogTable | Sequence[LogTable],
    start: int | None = None,
    end: int | None = None,
    limit: int | None = None,
    now: int | None = None,
    *,
    ingested_before_ms: int | None = None,
    lookups: Mapping[str, str] | None = None,
) -> Result:
    """Runs a query over the events from ``start`` to ``end``, epoch seconds, both seconds inclusive.

    Without ``start`` or ``end``: from the first, to the last event. ``limit`` holds when the query has none
    (default 10,000). ``now``: the epoch second that ``now()`` returns (default: ``end``). Events that came in
    after ``ingested_before_ms``, or are older than their table's ``created_ms``, are not visible.
    ``lookups``: the lookup tables as CSV text by name.

    Raises `MalformedQuery`, `QueryFailed`, and ValueError for arguments that make no sense.
    """
    compiled_query = query if isinstance(query, Query) else Query(query)
    chosen = (tables,) if isinstance(tables, LogTable) else tuple(tables)
    if not 1 <= len(chosen) <= MOST_TABLES:
        raise ValueError(f"a query reads 1 to {MOST_TABLES} tables, not {len(chosen)}")
    if len({id(table.database) for table in chosen}) > 1:
        raise ValueError("the tables of one query must live in one Database")
    if limit is not None and not 1 <= limit <= 100_000:
        raise ValueError("limit must be between 1 and 100000")
    for table in chosen:
        table.flush()
    start_ms, end_ms = _range(chosen, start, end)
    bounded = not all(table.lies_in(start_ms, end_ms) for table in chosen)
    compiled = compiled_query.compiled(_schema(chosen, ingested_before_ms is not None, bounded))
    prepared = Lookups(compiled, lookups or {}, compiled_query.text)
    values: dict[str, int] = {
        "run_now": (end_ms // 1000 if now is None else now) * 1000,
        "run_start": start_ms,
        "run_end": end_ms - 999,
        "rows": limit or DEFAULT_LIMIT,
        "until": end_ms,
        "ingested": ingested_before_ms or 0,
        **{f"from_{position}": table.visible_from(start_ms) for position, table in enumerate(chosen)},
        **prepared.positions,
    }
    ran = _Run(compiled, chosen, values, prepared, start_ms, end_ms, ingested_before_ms)
    if compiled.estimate:
        size = sum(table.totals_in(start_ms, end_ms, ingested_before_ms)[1] for table in chosen)
        return Result(["estimatedBytes"], [Kind.INT], [[size]], (), ran, [])
    found = _execute(chosen, compiled.sql, values, prepared)
    columns = [list(column) for column in zip(*found, strict=True)] or [[] for _ in range(_width(compiled))]
    width = len(compiled.outputs)
    return Result(
        [output.name for output in compiled.outputs],
        [output.kind for output in compiled.outputs],
        columns[:width],
        (*_hints(compiled, chosen), *compiled.remarks),
        ran,
        columns[width:],
    )


def _width(compiled: Compiled) -> int:
    return len(compiled.outputs) + compiled.pointers


def _range(tables: Sequence[LogTable], start: int | None, end: int | None) -> tuple[int, int]:
    """The range in milliseconds; the last second counts up to its end."""
    if start is None or end is None:
        bounds = [found for found in (table.bounds() for table in tables) if found]
        first = min((low for low, _ in bounds), default=0) // 1000
        last = max((high for _, high in bounds), default=0) // 1000
        start, end = first if start is None else start, last if end is None else end
    if max(abs(start), abs(end)) > 10**11:
        raise ValueError("start and end are epoch seconds, but these are too large: are they milliseconds?")
    if end < start:
        raise ValueError("the end of the time range lies before its start")
    return start * 1000, end * 1000 + 999


def _schema(tables: Sequence[LogTable], by_ingestion: bool, bounded: bool = True) -> Schema:
    columns = {table.columns for table in tables}
    if len(columns) > 1:
        raise ValueError("the tables of one query must hold records of one format")
    return Schema(
        flow=any(table.has_flow for table in tables),
        json=any(table.has_json for table in tables),
        columns=columns.pop(),
        logs=tuple(table.log for table in tables),
        by_ingestion=by_ingestion,
        bounded=bounded,
    )


def _execute(
    tables: Sequence[LogTable], sql: str, values: Mapping[str, int], lookups: Lookups
) -> list[tuple[Any, ...]]:
    """Runs a statement on a cursor of its own, where the tables have the names that the statement uses."""
    cursor = tables[0].database.cursor()
    try:
        lookups.create(cursor)
        return cursor.execute(_filled_in(sql, tables, values)).fetchall()
    except duckdb.OutOfMemoryException as error:
        raise QueryFailed(
            f"the query needs more memory than is allowed; narrow its time range or its groups ({error})"
        ) from error
    except duckdb.Error as error:
        raise QueryFailed(f"the query could not be finished: {error}") from error
    finally:
        cursor.close()


_PLACE = re.compile(r"'(?:[^']|'')*'|\bevents_(\d+)\b|\$(\w+)")


def _filled_in(sql: str, tables: Sequence[LogTable], values: Mapping[str, int]) -> str:
    """The statement with the tables' own names and the run's numbers; string literals are left alone."""

    def fill(found: re.Match[str]) -> str:
        if found[1]:
            return tables[int(found[1])].source
        return str(int(values[found[2]])) if found[2] else found[0]

    return _PLACE.sub(fill, sql)


def _count_matched(ran: _Run) -> int:
    compiled = ran.query
    return int(_execute(ran.tables, compiled.matched, ran.values, ran.lookups)[0][0])


def _hints(compiled: Compiled, tables: Sequence[LogTable]) -> list[str]:
    """A remark for each name that no event has, but that is close to one that exists."""
    if any(table.has_json for table in tables) or not any(table.has_flow for table in tables):
        return []
    known = [*(column.name for column in tables[0].columns), *SYSTEM_FIELDS]
    remarks = []
    for ref in compiled.used:
        if ref.name in known or ref.name.startswith(("@entity", "@aws")):
            continue
        meant = closest(ref.name, known)
        if meant:
            remarks.append(f"No event has a field {ref.name}. Did you mean {meant}?")
    return remarks


def make_pointer(table: LogTable, seq: int) -> str:
    """The ``@ptr`` of an event."""
    text = json.dumps([table.account_id, table.name, int(seq)], separators=(",", ":"))
    return base64.urlsafe_b64encode(text.encode()).decode()


def read_pointer(pointer: str) -> tuple[str, str, int]:
    """(account, log group, seq) of a ``@ptr``; raises ValueError when it is none."""
    try:
        account, group, seq = json.loads(base64.urlsafe_b64decode(pointer.encode()))
        return str(account), str(group), int(seq)
    except (ValueError, TypeError, binascii.Error) as error:
        raise ValueError("not a pointer to a log event") from error
