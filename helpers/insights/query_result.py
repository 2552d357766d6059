"""A query that runs over tables, and its result: rows, statistics, pointers, a DataFrame."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import duckdb

from helpers.insights.display import as_html, as_table
from helpers.insights.events.log_table import LogTable
from helpers.insights.events.lookups import Lookups
from helpers.insights.events.pointers import make_pointer
from helpers.insights.sql.compiler import Compiled
from helpers.insights.sql.one_pass import SCANNED
from helpers.insights.sql.printing import printed
from helpers.insights.sql.typed import Kind
from helpers.insights.syntax.errors import QueryFailed

if TYPE_CHECKING:
    import pandas as pd

MOST_RIGHT_KEYS = 50_000  # join page
_AT_ONCE = 2_000
"""So many rows are read before another thread may work in between."""
_PLACE = re.compile(r"'(?:[^']|'')*'|\bevents_(\d+)\b|\$(\w+)")


@dataclass(frozen=True, slots=True)
class Execution:
    """A compiled query with what it runs over: tables, the run's numbers, a range of time (epoch milliseconds)."""

    query: Compiled
    tables: tuple[LogTable, ...]
    values: dict[str, int]
    lookups: Lookups
    start_ms: int
    end_ms: int
    ingested_ms: int | None
    remarks: tuple[str, ...] = ()
    counting: tuple[str, str] | None = None
    """Files only: the statements of ``one_pass``."""
    cursor: duckdb.DuckDBPyConnection | None = None
    """Where the rows are fixed: a transaction that does not see what comes in later."""

    def fixed(self) -> "Execution":
        """The same, over the rows of this moment. May run in another thread; ends with ``close``."""
        cursor = self.tables[0].database.cursor()
        self.lookups.create(cursor)
        cursor.execute("BEGIN TRANSACTION")
        for table in self.tables:  # the first look fixes what a transaction sees
            cursor.execute(f"SELECT 1 FROM {table.source} LIMIT 1").fetchall()
        return replace(self, cursor=cursor)

    def interrupt(self) -> None:
        """Lets what a fixed execution computes right now, in another thread, end with ``QueryFailed``."""
        if self.cursor is not None:
            self.cursor.interrupt()

    def close(self) -> None:
        """Lets the rows of a fixed execution go."""
        if self.cursor is not None:
            self.cursor.close()

    def result(self) -> "Result":
        """Runs the query. Raises ``QueryFailed``."""
        if self.query.estimate:
            return Result(["estimatedBytes"], [Kind.INT], [[self.totals()[1]]], (), self, [])
        if self.query.right_keys is not None:
            count = self.rows(self.query.right_keys)[0][0]
            if count > MOST_RIGHT_KEYS:
                raise QueryFailed(f"the right side of join has {count:,} keys, more than {MOST_RIGHT_KEYS:,}")
        outputs = self.query.outputs
        columns: list[list[Any]] = [[] for _ in range(len(outputs) + self.query.pointers)]
        names, kinds = [output.name for output in outputs], [output.kind for output in outputs]
        with self._open() as cursor:
            sql, scanned = self.query.sql, None
            if self.counting:
                first, sql = self.counting
                self._run(cursor, first)
                scanned = self._run(cursor, SCANNED).fetchone()
            found = self._run(cursor, sql)
            while some := found.fetchmany(_AT_ONCE):
                for column, values in zip(columns, zip(*some, strict=True), strict=True):
                    column.extend(values)
        result = Result(names, kinds, columns[: len(outputs)], self.remarks, self, columns[len(outputs) :])
        if scanned:
            result.scanned = int(scanned[0]), int(scanned[1])
        return result

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        """The rows of a statement, with the tables' own names put in. Raises ``QueryFailed``."""
        with self._open() as cursor:
            return self._run(cursor, sql).fetchall()

    def _run(self, cursor: duckdb.DuckDBPyConnection, sql: str) -> duckdb.DuckDBPyConnection:
        return cursor.execute(_PLACE.sub(self._fill, sql))

    @contextmanager
    def _open(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """The fixed cursor or one of its own. What DuckDB says against a query is ``QueryFailed``."""
        cursor = self.cursor or self.tables[0].database.cursor()
        try:
            if self.cursor is None:
                self.lookups.create(cursor)
            yield cursor
        except duckdb.OutOfMemoryException as error:
            raise QueryFailed(
                f"the query needs more memory than is allowed; narrow its time range or its groups ({error})"
            ) from error
        except duckdb.Error as error:
            raise QueryFailed(f"the query could not be finished: {error}") from error
        except UnicodeError as error:
            raise QueryFailed(f"a value of the result is no text: {error}") from error
        finally:
            if self.cursor is None:
                cursor.close()

    def _fill(self, place: re.Match[str]) -> str:
        """A table's own name or one of the run's numbers; string literals are left alone."""
        if place[1]:
            return self.tables[int(place[1])].source
        return str(int(self.values[place[2]])) if place[2] else place[0]

    def scanned(self) -> tuple[int, int]:
        """``Result.scanned``, before there is a result."""
        if self.query.estimate:
            return 0, 0  # nothing is scanned, and nothing is charged
        if self.query.scanned is None:
            return self.totals()
        count, size = self.rows(self.query.scanned)[0]
        inside = self.totals(self.tables[len(self.tables) - self.query.inner :])
        return int(count) + inside[0], int(size) + inside[1]

    def totals(self, tables: "tuple[LogTable, ...] | None" = None) -> tuple[int, int]:
        """(events, bytes of their messages) in the range of time, by default of all tables."""
        bounds = self.start_ms, self.end_ms, self.ingested_ms
        totals = [table.totals_in(*bounds, cursor=self.cursor) for table in (self.tables if tables is None else tables)]
        return sum(count for count, _ in totals), sum(size for _, size in totals)


@dataclass(eq=False)
class Rows:
    """Rows of a query.

    ``rows``: a list of rows; a row is a list of (column, text) pairs, a missing field has no pair.
    ``columns``: the headings. ``remarks``: hints that are no part of the result (a name that was probably
    misspelt). ``values``: the same cells as Python values, column by column.
    """

    columns: list[str]
    kinds: list[Kind]
    values: list[list[Any]]
    remarks: tuple[str, ...]

    @cached_property
    def rows(self) -> list[list[tuple[str, str]]]:
        """The rows as CloudWatch returns them: texts, in the order of the columns."""
        texts = [printed(column, kind) for column, kind in zip(self.values, self.kinds, strict=True)]
        return [
            [(name, text) for name, text in zip(self.columns, row, strict=True) if text is not None]
            for row in zip(*texts, strict=True)
        ] or [[] for _ in range(len(self))]

    def __len__(self) -> int:
        return len(self.values[0]) if self.values else 0

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
        return as_table(self.columns, self.rows)

    def _repr_html_(self) -> str:
        return as_html(self.columns, self.rows, self.remarks)


@dataclass(eq=False)
class Result(Rows):
    """Rows that DuckDB found, with where they came from and what was scanned for them."""

    _execution: Execution = field(repr=False)
    _events: list[list[int]] = field(repr=False)

    @cached_property
    def events(self) -> list[tuple[LogTable, int] | None]:
        """The table and the seq of each row of raw events, in order (None for a row of totals); empty after stats."""
        if not self._events:
            return []
        *positions, sequence = self._events
        tables = [self._execution.tables[at or 0] for at in (positions[0] if positions else [0] * len(sequence))]
        return [None if seq is None else (table, seq) for table, seq in zip(tables, sequence, strict=True)]

    @cached_property
    def pointers(self) -> list[str]:
        """An ``@ptr`` for each row of raw events, in order ("" for a row of totals); empty after stats."""
        return [make_pointer(*event) if event else "" for event in self.events]

    @cached_property
    def scanned(self) -> tuple[int, int]:
        """(events, bytes of their messages) that a query is charged for: those in the range of time.

        Without those that filterIndex skips (assumption insights-filter-index). Counted when first asked for;
        ask before the tables change.
        """
        return self._execution.scanned()

    @cached_property
    def statistics(self) -> dict[str, float]:
        """recordsMatched, recordsScanned, bytesScanned and the rest, named as in GetQueryResults.

        Counted when first asked for; ask before the tables change.
        """
        execution = self._execution
        scanned, size = self.scanned
        matched = 0 if execution.query.estimate else execution.rows(execution.query.matched)[0][0]
        there, bytes_there = execution.totals() if execution.query.scanned is not None else (scanned, size)
        return {
            "recordsMatched": float(matched),
            "recordsScanned": float(scanned),
            "bytesScanned": float(size),
            "estimatedRecordsSkipped": float(there - scanned),
            "estimatedBytesSkipped": float(bytes_there - size),
            "logGroupsScanned": float(len(execution.tables)),
            "resultCount": float(len(self)),
        }

    def __len__(self) -> int:
        columns = self.values or self._events
        return len(columns[0]) if columns else 0
