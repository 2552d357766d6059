"""Events in DuckDB: typed once when they come in, read by many threads through a cursor of their own."""

import threading
import weakref
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import duckdb
import numpy as np

from helpers.insights.events.database import Database, shared_database
from helpers.insights.events.schema import (
    FLOW,
    FLOW_COLUMNS,
    JSON_OBJECT,
    Column,
    columns_of,
    stored_columns,
    stored_names,
    typing_select,
)
from helpers.insights.syntax.errors import QueryFailed

ACCOUNT = "123456789012"
FLUSH_AT = 50_000  # events that may wait in the buffer
COMPRESS_AT = 50_000  # so many new events are compressed
LATEST = 10**11  # epoch seconds
_NEVER = -(2**62)
_FAR = 2**62

Array = np.ndarray[Any, np.dtype[Any]]
Numbers = Sequence[int] | Array
"""Whole numbers in a row: a list, an ``array('q')``, a NumPy array."""
Texts = Sequence[str] | Array


@dataclass(frozen=True, slots=True)
class Event:
    """One log event; times are epoch milliseconds, ``event_id`` is the service's (unique) identifier."""

    timestamp_ms: int
    ingestion_ms: int
    stream: str
    message: str
    event_id: str = ""


@dataclass(frozen=True, slots=True)
class Stream:
    """Text files, all of them flow-log records of one format, that each query reads anew.

    ``select``: the columns of a table; ``totals``: (count, bytes) of all lines, unchecked; ``size``: the files' bytes.
    """

    select: str
    totals: str
    columns: tuple[Column, ...]
    size: int


class LogTable:
    """One log group's events.

    ``flow_logs``: None recognises default-format flow-log lines by their shape (14 fields, the first is 2),
    False reads no line as one. ``created_ms``: older events exist but no query sees them, as in AWS.
    Appended events wait in a list and go in by bulk before the next query. ``remarks``: what was odd in the
    files that the events came from. ``view``: a SELECT of the stored columns in the place of a table, as ``stream``.

    >>> table = LogTable("/vpc/flow")
    >>> table.append([Event(1700002800000, 1700002800000, "eni-1", "hello")])
    1
    >>> table.totals_in(0, 1700002800000)
    (1, 5)
    """

    def __init__(
        self,
        name: str = "/logs",
        account_id: str = ACCOUNT,
        flow_logs: bool | None = None,
        created_ms: int | None = None,
        database: Database | None = None,
        columns: Sequence[Column] = FLOW_COLUMNS,
        view: str | None = None,
        stream: Stream | None = None,
    ) -> None:
        self.name = name
        self.account_id = account_id
        self.created_ms = created_ms
        self.database = database or shared_database()
        self.columns = stream.columns if stream else tuple(columns)
        self.source = self.database.fresh("events")
        self.stream = stream
        self.has_flow = stream is not None
        self.has_json = False
        self.remarks: list[str] = []
        self._flow_logs = flow_logs is not False
        self._next = 0
        self._loose = 0  # events since the last compression
        self._first, self._last = _FAR, _NEVER  # bounds of @timestamp
        self._buffer: list[Event] = []
        self._lock = threading.RLock()
        self.view = view = stream.select if stream else view
        if view is None:
            self.database.cursor().execute(f"CREATE TABLE {self.source} ({stored_columns(self.columns)})")
        else:
            self.database.cursor().execute(f"CREATE VIEW {self.source} AS {view}")
            if not stream:
                self._look()
        kind = "VIEW" if view else "TABLE"
        weakref.finalize(self, _drop, self.database, f"DROP {kind} IF EXISTS {self.source}")

    @property
    def log(self) -> str:
        """The value of ``@log``: ``account:group``."""
        return f"{self.account_id}:{self.name}"

    @property
    def count(self) -> int:
        """How many events the table has, waiting ones included."""
        with self._lock:
            waiting = len(self._buffer)
            rows = self.database.cursor().execute(f"SELECT count(*) FROM {self.source}").fetchall()
        return int(rows[0][0]) + waiting

    def append(self, events: Iterable[Event]) -> int:
        """Adds events; returns how many. They are visible to the next query."""
        with self._lock:
            before = len(self._buffer)
            self._buffer.extend(events)
            added = len(self._buffer) - before
            if len(self._buffer) >= FLUSH_AT:
                self.flush()
        return added

    def flush(self) -> None:
        """Moves the waiting events into the table, in order of time, with their fields typed."""
        with self._lock:
            if not self._buffer:
                return
            waiting, self._buffer = self._buffer, []
            try:
                self._insert(
                    [event.timestamp_ms for event in waiting],
                    [event.ingestion_ms for event in waiting],
                    [event.stream for event in waiting],
                    [event.message for event in waiting],
                    [event.event_id for event in waiting],
                )
            except Exception:
                self._buffer = waiting + self._buffer
                raise

    def append_columns(
        self,
        timestamps: Numbers,
        ingestions: Numbers,
        streams: Texts,
        messages: Texts,
        event_ids: Texts | None = None,
    ) -> int:
        """Adds events column by column, at once and in bulk; returns how many.

        The columns are equally long: times in epoch milliseconds, texts of any kind of sequence (a list, a NumPy
        array of objects). Without ``event_ids`` they are empty. Ten times less work for Python than ``append``, but
        every call costs some milliseconds: for thousands of events. Raises ValueError for columns of unequal
        length.

        >>> table = LogTable("/vpc/flow")
        >>> table.append_columns([1700002800000, 1700002801000], [1700002900000] * 2, ["eni-1"] * 2, ["hello", "you"])
        2
        >>> table.event(1).message
        'you'
        """
        count = len(messages)
        ids = [""] * count if event_ids is None else event_ids
        if {len(timestamps), len(ingestions), len(streams), len(ids)} != {count}:
            raise ValueError("the columns of events must be equally long")
        if count:
            with self._lock:
                self.flush()
                self._insert(timestamps, ingestions, streams, messages, ids)
        return count

    def _insert(self, timestamps: Numbers, ingestions: Numbers, streams: Texts, messages: Texts, ids: Texts) -> None:
        count, times = len(messages), np.asarray(timestamps, dtype=np.int64)
        arrays = {"seq": np.arange(self._next, self._next + count, dtype=np.int64), "ts": times}
        arrays |= {"ing": np.asarray(ingestions, dtype=np.int64), "stream": text_array(streams)}
        arrays |= {"message": text_array(messages), "event_id": text_array(ids)}
        if bool(np.any(times[1:] < times[:-1])):
            order = np.argsort(times, kind="stable")
            arrays = {name: array[order] for name, array in arrays.items()}
        cursor = self.database.cursor()
        cursor.register("incoming", arrays)
        try:
            cursor.execute(f"INSERT INTO {self.source} {typing_select('incoming', self.columns, self._flow_logs)}")
        finally:
            cursor.unregister("incoming")
        self._look(self._next)
        self._next += count
        self._loose += count
        if self._loose >= COMPRESS_AT:
            self._loose = 0
            self.compress()

    def load(self, select: str, parameters: list[object], names: Sequence[str] | None = None) -> None:
        """Adds the rows of a SELECT of (seq, ts, ing, stream, event_id, message), all in SQL.

        ``names``: the fields of the records among the messages, by default those of the table; a column is added
        for each that the table lacks.
        """
        with self._lock:
            self.flush()
            cursor = self.database.cursor()
            columns = self.columns if names is None else self._columns_for(names)
            typed = typing_select(f"({select})", columns, self._flow_logs)
            cursor.execute(f"INSERT INTO {self.source} ({', '.join(stored_names(columns))}) {typed}", parameters)
            first = self._next
            rows = cursor.execute(f"SELECT coalesce(max(seq), -1) + 1 FROM {self.source}").fetchall()
            self._next = int(rows[0][0])
            self._look(first)
            self.compress()

    def _columns_for(self, names: Sequence[str]) -> tuple[Column, ...]:
        wanted = []
        for column in columns_of(names):
            known = next((mine for mine in self.columns if mine.name == column.name), None)
            if known is None:
                known = replace(column, column=f"f{len(self.columns)}")
                self.database.cursor().execute(f"ALTER TABLE {self.source} ADD COLUMN {known.column} {known.type}")
                self.columns += (known,)
            wanted.append(known)
        return tuple(wanted)

    def _look(self, first: int = _NEVER) -> None:
        """Learns which kinds of message and which times the table has, from the events since ``first``."""
        new = f"FROM {self.source} WHERE " + (f"seq >= {first}" if first > _NEVER else "TRUE")
        # Each by itself: Parquet files answer from their statistics.
        kinds = [f"EXISTS (SELECT 1 {new} AND kind = {kind})" for kind in (FLOW, JSON_OBJECT)]
        sql = f"SELECT {', '.join(kinds)}, (SELECT min(ts) {new}), (SELECT max(ts) {new})"
        flow, json, low, high = self.database.cursor().execute(sql).fetchall()[0]
        self.has_flow = self.has_flow or bool(flow)
        self.has_json = self.has_json or bool(json)
        if low is not None:
            self._first, self._last = min(self._first, int(low)), max(self._last, int(high))

    def lies_in(self, start_ms: int, end_ms: int) -> bool:
        """Whether no event lies outside a range from ``start_ms`` (or the creation of the group)."""
        with self._lock:
            return not self.stream and self.visible_from(start_ms) <= self._first and self._last <= end_ms

    def compress(self) -> None:
        """Lets DuckDB compress what has come in; skipped while another thread is writing."""
        try:
            self.database.cursor().execute("CHECKPOINT")
        except duckdb.TransactionException:
            return

    def visible_from(self, start_ms: int) -> int:
        """The first moment that a query from ``start_ms`` sees."""
        return start_ms if self.created_ms is None else max(start_ms, self.created_ms)

    def totals_in(
        self,
        start_ms: int,
        end_ms: int,
        ingested_ms: int | None = None,
        cursor: duckdb.DuckDBPyConnection | None = None,
    ) -> tuple[int, int]:
        """(events, bytes of their messages) that a query over the range scans; both ends inclusive."""
        if cursor is None:
            self.flush()
        sql, bounds = f"SELECT count(*), coalesce(sum(size), 0) FROM {self.source}", []
        if self.stream and start_ms <= 0 and end_ms >= LATEST * 1000:
            sql = self.stream.totals
        elif not self.view or ingested_ms is not None or not self.lies_in(start_ms, end_ms):
            # Records of a file without a time are in no range but the whole.
            sql += " WHERE ts BETWEEN $1 AND $2 AND ing <= $3"
            bounds = [self.visible_from(start_ms), end_ms, _FAR if ingested_ms is None else ingested_ms]
        try:
            count, size = (cursor or self.database.cursor()).execute(sql, bounds).fetchall()[0]
        except duckdb.Error as error:
            raise QueryFailed(f"the events cannot be counted: {error}") from error
        return int(count), int(size)

    def bounds(self) -> tuple[int, int] | None:
        """The least and the greatest @timestamp so far, in milliseconds; None before the first event.

        Raises ``QueryFailed`` where files have to be read for it and cannot be.
        """
        self.flush()
        with self._lock:
            if self.stream and self._first > self._last:
                try:
                    self._look()
                except duckdb.Error as error:
                    raise QueryFailed(f"the files cannot be read: {error}") from error
            return None if self._first > self._last else (self._first, self._last)

    def event(self, seq: int) -> Event | None:
        """The event that arrived as number ``seq``, or None when it has expired."""
        self.flush()
        sql = f"SELECT ts, ing, stream, message, event_id FROM {self.source} WHERE seq = $1"
        rows = self.database.cursor().execute(sql, [seq]).fetchall()
        return Event(*rows[0]) if rows else None

    def expire(self, before_ms: int) -> int:
        """Removes the events older than a moment (retention); returns how many."""
        with self._lock:
            self.flush()
            sql = f"DELETE FROM {self.source} WHERE ts < $1"
            rows = self.database.cursor().execute(sql, [before_ms]).fetchall()
        return int(rows[0][0]) if rows else 0

    def to_parquet(self, path: Path | str) -> None:
        """Writes all events, columns by the names of the fields beside their messages, in order of time, for
        ``open_logs``.
        """
        self.flush()
        target = str(path).replace("'", "''")
        fields = ", ".join((*stored_names(()), *(f'{column.column} AS "{column.name}"' for column in self.columns)))
        rows = f"SELECT {fields} FROM {self.source} ORDER BY ts, seq"
        self.database.cursor().execute(f"COPY ({rows}) TO '{target}' (FORMAT parquet, COMPRESSION zstd)")


def _drop(database: Database, sql: str) -> None:
    try:
        database.connection.cursor().execute(sql)
    except duckdb.Error:
        return  # the database is gone, and its tables with it


def text_array(values: Texts) -> Array:
    """Texts as DuckDB takes them in."""
    array = np.empty(len(values), dtype=object)
    array[:] = values
    try:
        "".join(values).encode()
    except UnicodeEncodeError:
        array[:] = [_clean(value) for value in values]
    return array


def _clean(value: str) -> str:
    """Text that UTF-8 cannot say (lone surrogates) with question marks in their place."""
    return value.encode("utf-8", "replace").decode("utf-8")
