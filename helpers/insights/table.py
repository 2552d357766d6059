"""Events in DuckDB: typed once when they come in, read by many threads through a cursor of their own."""

import shutil
import tempfile
import threading
import weakref
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import numpy as np

from .macros import MACRO_SQL
from .schema import FLOW, FLOW_COLUMNS, JSON_OBJECT, PLAIN, Column, stored_columns

ACCOUNT = "123456789012"
FLUSH_AT = 50_000  # events that may wait in the buffer
COMPRESS_AT = 50_000  # so many new events are compressed
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


class Database:
    """One DuckDB database that holds the tables of many log groups; queries may join tables of one database.

    ``memory_limit`` is DuckDB's: a query that needs more (after spilling to a temporary directory) fails with
    `QueryFailed`. Events live in memory, compressed (about 50 bytes each); `LogTable.to_parquet` keeps them.
    """

    def __init__(self, memory_limit: str = "1GB", threads: int | None = None) -> None:
        spill = tempfile.mkdtemp(prefix="insights-")
        settings: dict[str, str | bool | int | float | list[str]] = {
            "memory_limit": memory_limit,
            "temp_directory": spill,
            "autoinstall_known_extensions": "false",
            "autoload_known_extensions": "false",
        }
        if threads is not None:
            settings["threads"] = str(threads)
        self.connection = duckdb.connect(":memory:", config=settings)
        self.connection.execute("SET GLOBAL TimeZone = 'UTC'")
        self.connection.execute("SET GLOBAL python_enable_replacements = false")
        self.connection.execute("SET GLOBAL error_on_division_by_zero = false")
        for macro in MACRO_SQL:
            self.connection.execute(macro)
        self.lock = threading.Lock()
        self._count = 0
        self._clean = weakref.finalize(self, shutil.rmtree, spill, ignore_errors=True)

    def cursor(self) -> duckdb.DuckDBPyConnection:
        """A connection of its own for one thread and one query."""
        return self.connection.cursor()

    def fresh(self, prefix: str) -> str:
        """A table name that is not taken."""
        with self.lock:
            self._count += 1
            return f"{prefix}_{self._count}"

    def memory_bytes(self) -> int:
        """What DuckDB holds in memory for this database."""
        rows = self.cursor().execute("SELECT sum(memory_usage_bytes) FROM duckdb_memory()").fetchall()
        return int(rows[0][0] or 0)


_shared: Database | None = None
_shared_lock = threading.Lock()


def shared_database() -> Database:
    """The database that tables use when none is given."""
    global _shared
    with _shared_lock:
        if _shared is None:
            _shared = Database()
        return _shared


class LogTable:
    """One log group's events.

    ``flow_logs``: None recognises default-format flow-log lines by their shape (14 fields, the first is 2),
    False reads no line as one. ``created_ms``: older events exist but no query sees them, as in AWS.
    Appended events wait in a list and go in by bulk before the next query.

    >>> table = LogTable("/vpc/flow")
    >>> table.append([Event(1700002800000, 1700002800000, "eni-1", "hello")])
    1
    >>> table.count, table.bytes_in(0, 1700002800000)
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
    ) -> None:
        self.name = name
        self.account_id = account_id
        self.created_ms = created_ms
        self.database = database or shared_database()
        self.columns = tuple(columns)
        self.source = self.database.fresh("events")
        self.has_flow = False
        self.has_json = False
        self._flow_logs = flow_logs is not False
        self._next = 0
        self._loose = 0  # events since the last compression
        self._first, self._last = _FAR, _NEVER  # bounds of @timestamp
        self._buffer: list[Event] = []
        self._lock = threading.RLock()
        if view is None:
            self.database.cursor().execute(f"CREATE TABLE {self.source} ({stored_columns(self.columns)})")
        else:
            self.database.cursor().execute(f"CREATE VIEW {self.source} AS {view}")
            self._look()
        kind = "VIEW" if view else "TABLE"
        self._drop = weakref.finalize(self, _drop, self.database, f"DROP {kind} IF EXISTS {self.source}")

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
                self._insert_events(waiting)
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
        array of objects). Without ``event_ids`` they are empty. Ten times less work for Python than `append`, but
        every call costs some milliseconds: for thousands of events. Raises ValueError for columns of unequal
        length.

        >>> table = LogTable("/vpc/flow")
        >>> table.append_columns([1700002800000, 1700002801000], [1700002900000] * 2, ["eni-1"] * 2, ["hello", "you"])
        2
        >>> table.event(1).message
        'you'
        """
        count = len(messages)
        given = {"ts": timestamps, "ing": ingestions}
        texts = {"stream": streams, "message": messages, "event_id": [""] * count if event_ids is None else event_ids}
        if any(len(column) != count for column in (*given.values(), *texts.values())):
            raise ValueError("the columns of events must be equally long")
        if not count:
            return 0
        columns: dict[str, Array] = {name: np.asarray(column, dtype=np.int64) for name, column in given.items()}
        columns |= {name: _texts(column) for name, column in texts.items()}
        with self._lock:
            self.flush()
            self._insert(columns, count)
        return count

    def _insert_events(self, events: list[Event]) -> None:
        count = len(events)
        columns = {
            "ts": np.fromiter((event.timestamp_ms for event in events), dtype=np.int64, count=count),
            "ing": np.fromiter((event.ingestion_ms for event in events), dtype=np.int64, count=count),
            "stream": _texts([event.stream for event in events]),
            "message": _texts([event.message for event in events]),
            "event_id": _texts([event.event_id for event in events]),
        }
        self._insert(columns, count)

    def _insert(self, columns: dict[str, Array], count: int) -> None:
        arrays = {"seq": np.arange(self._next, self._next + count, dtype=np.int64), **columns}
        times = columns["ts"]
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

    def load(self, select: str, parameters: list[object]) -> None:
        """Adds the rows of a SELECT of (seq, ts, ing, stream, event_id, message), all in SQL."""
        with self._lock:
            self.flush()
            cursor = self.database.cursor()
            typed = typing_select(f"({select})", self.columns, self._flow_logs)
            cursor.execute(f"INSERT INTO {self.source} {typed}", parameters)
            first = self._next
            rows = cursor.execute(f"SELECT coalesce(max(seq), -1) + 1 FROM {self.source}").fetchall()
            self._next = int(rows[0][0])
            self._look(first)
            self.compress()

    def _look(self, first: int = _NEVER) -> None:
        """Learns which kinds of message and which times the table has, from the events since ``first``."""
        kinds = f"bool_or(kind = {FLOW}), bool_or(kind = {JSON_OBJECT}), min(ts), max(ts)"
        sql = f"SELECT {kinds} FROM {self.source} WHERE seq >= {first}"
        flow, json, low, high = self.database.cursor().execute(sql).fetchall()[0]
        self.has_flow = self.has_flow or bool(flow)
        self.has_json = self.has_json or bool(json)
        if low is not None:
            self._first, self._last = min(self._first, int(low)), max(self._last, int(high))

    def lies_in(self, start_ms: int, end_ms: int) -> bool:
        """Whether no event lies outside a range from ``start_ms`` (or the creation of the group)."""
        with self._lock:
            return self.visible_from(start_ms) <= self._first and self._last <= end_ms

    def compress(self) -> None:
        """Lets DuckDB compress what has come in; skipped while another thread is writing."""
        try:
            self.database.cursor().execute("CHECKPOINT")
        except duckdb.TransactionException:
            return

    def visible_from(self, start_ms: int) -> int:
        """The first moment that a query from ``start_ms`` sees."""
        return start_ms if self.created_ms is None else max(start_ms, self.created_ms)

    def totals_in(self, start_ms: int, end_ms: int, ingested_ms: int | None = None) -> tuple[int, int]:
        """(events, bytes of their messages) that a query over the range scans; both ends inclusive."""
        self.flush()
        within = "ts BETWEEN $1 AND $2 AND ing <= $3"
        sql = f"SELECT count(*), coalesce(sum(size), 0) FROM {self.source} WHERE {within}"
        bounds = [self.visible_from(start_ms), end_ms, _FAR if ingested_ms is None else ingested_ms]
        count, size = self.database.cursor().execute(sql, bounds).fetchall()[0]
        return int(count), int(size)

    def bytes_in(self, start_ms: int, end_ms: int) -> int:
        """Bytes of the messages of all visible events in a range of time, both ends inclusive."""
        return self.totals_in(start_ms, end_ms)[1]

    def bounds(self) -> tuple[int, int] | None:
        """The least and the greatest @timestamp so far, in milliseconds; None before the first event."""
        self.flush()
        with self._lock:
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
        """Writes all events, typed columns beside their messages, in order of time; for `open_logs`."""
        self.flush()
        target = str(path).replace("'", "''")
        rows = f"SELECT * FROM {self.source} ORDER BY ts, seq"
        self.database.cursor().execute(f"COPY ({rows}) TO '{target}' (FORMAT parquet, COMPRESSION zstd)")

    def drop(self) -> None:
        """Removes the table; it must not be used afterwards."""
        self._drop()


def _drop(database: Database, sql: str) -> None:
    try:
        database.connection.cursor().execute(sql)
    except duckdb.Error:
        return  # the database is gone, and its tables with it


def _texts(values: Texts) -> Array:
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


def typing_select(source: str, columns: Sequence[Column], flow_logs: bool) -> str:
    """The SELECT that types raw events: one string_split a message, then the columns from its parts.

    Measured on a million messages: 3.6 million a second, ten times a regular expression; a line with another
    number of fields keeps its columns NULL.
    """
    shape = f"len(parts) = {len(columns)}"
    if tuple(columns) == FLOW_COLUMNS:
        shape += " AND parts[1] = '2'"
    is_flow = shape if flow_logs else "FALSE"
    typed = [
        f"TRY_CAST(fields[{position + 1}] AS {column.type})"
        if column.is_integer
        else f"nullif(fields[{position + 1}], '-')"
        for position, column in enumerate(columns)
    ]
    return f"""
        SELECT seq, ts, ing, stream, event_id, message, CAST(octet_length(encode(message)) AS INTEGER),
          CASE WHEN fields IS NOT NULL THEN {FLOW} WHEN is_json THEN {JSON_OBJECT} ELSE {PLAIN} END,
          {", ".join(typed)}
        FROM (SELECT *, CASE WHEN {is_flow} THEN parts END AS fields,
                CASE WHEN starts_with(ltrim(message), '{{') THEN json_valid(message) ELSE FALSE END AS is_json
              FROM (SELECT *, string_split(message, ' ') AS parts FROM {source}))"""
