"""Compile a query, and run it over tables."""

import threading
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Literal

import duckdb

from helpers.insights.events.log_table import LATEST, LogTable
from helpers.insights.events.lookups import Lookups
from helpers.insights.events.schema import FLOW_COLUMNS, FLOW_FIELDS, SYSTEM_FIELDS, Schema
from helpers.insights.query_result import Execution, Result
from helpers.insights.sql.compiler import DEFAULT_LIMIT, Compiled, compile_program
from helpers.insights.sql.one_pass import one_pass
from helpers.insights.sql.query_rules import check
from helpers.insights.syntax.command_nodes import Filter, Limit, PatternCommand, Source
from helpers.insights.syntax.errors import MalformedQuery
from helpers.insights.syntax.parser import parse
from helpers.insights.syntax.refusals import closest

MOST_TABLES = 50  # StartQuery: "up to 50 log groups"


class Query:
    """A compiled query; make one with ``compile``. Thread-safe, and may be run over any tables."""

    def __init__(self, text: str) -> None:
        self.text = text
        self._compiled: dict[Schema, Compiled] = {}
        self._lock = threading.Lock()
        with refusing(text):
            self.program = parse(text)
            check(self.program)
        self.compiled(Schema())

    @property
    def source(self) -> Source | None:
        """The SOURCE command, which says which log groups to read; ``run`` leaves that to its caller."""
        return self.program.source

    @property
    def inner_groups(self) -> tuple[str, ...]:
        """The log groups that the queries inside this one read, the subqueries and the right side of join, in order."""
        return tuple(source.group for program in self.program.inner if (source := program.source) and source.group)

    @property
    def limit(self) -> int | None:
        """The last limit of the query, or None when it has none."""
        limits = [command.count for command in self.program.commands if isinstance(command, Limit)]
        return limits[-1] if limits else None

    @property
    def standard_only(self) -> str | None:
        """The command that only log groups of class STANDARD support, filterIndex or pattern, if there is one."""
        for program in (self.program, *self.program.inner):
            for command in program.commands:
                if isinstance(command, PatternCommand):
                    return "pattern"
                if isinstance(command, Filter) and command.indexed:
                    return "filterIndex"
        return None

    @property
    def remarks(self) -> tuple[str, ...]:
        """What every result of this query should say of itself, whatever it is run over."""
        return self.compiled(Schema()).remarks

    def compiled(self, schema: Schema) -> Compiled:
        """The SQL for tables of a schema (kept for the next run)."""
        with self._lock, refusing(self.text):
            if schema not in self._compiled:
                self._compiled[schema] = self._compile(schema)
            return self._compiled[schema]

    def _compile(self, schema: Schema) -> Compiled:
        return compile_program(self.program, schema)

    def sql(self, dialect: Literal["duckdb", "spark", "athena"], table: LogTable | None = None) -> str:
        """The query as one statement over ``vpc_flow_logs``, the table of AWS's pages for Athena.

        ``table``: one whose records have the format of that table (the default format). "duckdb" is for a ``Database``,
        which has the macros. Raises ``QueryFailed`` that names what the engine lacks, and for ``now()`` and the like.

        >>> compile("stats max(bytes) as most by action | limit 3").sql("athena").rpartition(" FROM ")[0][-48:]
        ' GROUP BY 1) SELECT k1 AS "action", a2 AS "most"'
        """
        from helpers.insights.sql.flow_log_table import sql  # other engines are asked seldom

        columns = table.columns if table else FLOW_COLUMNS
        compiled = self.compiled(Schema(columns=columns, bounded=False))
        with refusing(self.text):
            return sql(compiled, columns, dialect, {"rows": DEFAULT_LIMIT})

    def __repr__(self) -> str:
        return f"Query({self.text!r})"


@contextmanager
def refusing(text: str) -> Iterator[None]:
    """What a query can make Python or DuckDB say against it, as a refusal of the query."""
    try:
        yield
    except RecursionError:
        raise MalformedQuery("the query is nested too deeply, or too long", text, 0, len(text)) from None
    except (duckdb.Error, UnicodeError, OverflowError) as error:
        raise MalformedQuery(f"Query cannot be compiled: {error}", text, 0, len(text)) from None


def compile(text: str) -> Query:  # noqa: A001  (re.compile's name, used as insights.compile)
    """Reads and checks a query. Raises ``MalformedQuery`` with the place of a mistake.

    >>> compile("filter action = 'REJECT' | stats count(*) by srcAddr").limit is None
    True
    """
    return Query(text)


def run(
    query: str | Query,
    tables: LogTable | Sequence[LogTable],
    start: int | None = None,
    end: int | None = None,
    limit: int | None = None,
    now: int | None = None,
    groups: Mapping[str, LogTable] | None = None,
) -> Result:
    """Runs a query over the events from ``start`` to ``end``, epoch seconds, both seconds inclusive.

    Without ``start`` or ``end``: from the first, to the last event. ``limit`` holds when the query has none
    (default 10,000). ``now``: the epoch second that ``now()`` returns (default: ``end``). Events that are older
    than their table's ``created_ms`` are not visible. ``groups``: the tables, by name, that a subquery or a join may
    name with SOURCE; they are read over the same range.

    Raises ``MalformedQuery``, ``QueryFailed``, and ValueError for arguments that make no sense.
    """
    return prepare(query, tables, start, end, limit, now, groups=groups).result()


def prepare(
    query: str | Query,
    tables: LogTable | Sequence[LogTable],
    start: int | None = None,
    end: int | None = None,
    limit: int | None = None,
    now: int | None = None,
    *,
    ingested_before_ms: int | None = None,
    lookups: Mapping[str, str] | None = None,
    groups: Mapping[str, LogTable] | None = None,
) -> Execution:
    """All of ``run`` but the running: what it returns has ``result`` and ``fixed``. Raises as ``run`` does.

    Events that came in after ``ingested_before_ms`` are not visible. ``lookups``: the lookup tables, CSV text by name.
    """
    compiled_query = query if isinstance(query, Query) else Query(query)
    chosen = (tables,) if isinstance(tables, LogTable) else tuple(tables)
    if not 1 <= len(chosen) <= MOST_TABLES:
        raise ValueError(f"a query reads 1 to {MOST_TABLES} tables, not {len(chosen)}")
    others = _inner_tables(compiled_query, groups or {})
    every = (*chosen, *others)
    if len({id(table.database) for table in every}) > 1:
        raise ValueError("the tables of one query must live in one Database")
    if limit is not None and not 1 <= limit <= 100_000:
        raise ValueError("limit must be between 1 and 100000")
    for table in every:
        table.flush()
    by_ingestion = ingested_before_ms is not None
    streams = all(table.stream for table in every)
    if streams:
        bounded = start is not None or end is not None
    else:
        start_ms, end_ms = _range(chosen, start, end)
        bounded = not all(table.lies_in(start_ms, end_ms) for table in every)
    schema = _schema_of(chosen, others, by_ingestion, bounded)
    compiled = compiled_query.compiled(schema)
    if streams:  # to look for the first and the last event is to read everything
        unread = "$run_" not in compiled.sql
        first = 0 if unread and start is None else start
        start_ms, end_ms = _range(chosen, first, LATEST if unread and end is None else end)
        if unread and end is None:
            end_ms *= 1000  # as far as the last event, whenever that is
    prepared = Lookups(compiled, lookups or {}, compiled_query.text)
    values: dict[str, int] = {
        "run_now": (end_ms // 1000 if now is None else now) * 1000,
        "run_start": start_ms,
        "run_end": end_ms - 999,
        "rows": limit or DEFAULT_LIMIT,
        "until": end_ms,
        "ingested": ingested_before_ms or 0,
        **{f"from_{position}": table.visible_from(start_ms) for position, table in enumerate(every)},
        **prepared.positions,
    }
    remarks = (*_hints(compiled, chosen), *compiled.remarks)
    counting = one_pass(compiled, schema) if streams else None
    return Execution(compiled, every, values, prepared, start_ms, end_ms, ingested_before_ms, remarks, counting)


def _inner_tables(query: Query, groups: Mapping[str, LogTable]) -> tuple[LogTable, ...]:
    """The tables of the queries inside a query, one each."""
    for program in query.program.inner:
        source = program.source
        if source and source.group not in groups:
            message = f"there is no log group {source.group} here that SOURCE could read"
            raise MalformedQuery(message, query.text, source.span.start, source.span.end)
    return tuple(groups[name] for name in query.inner_groups)


def _range(tables: Sequence[LogTable], start: int | None, end: int | None) -> tuple[int, int]:
    """The range in milliseconds; the last second counts up to its end."""
    if any(given is not None and abs(given) > LATEST for given in (start, end)):
        raise ValueError("start and end are epoch seconds, but these are too large: are they milliseconds?")
    if start is None or end is None:
        bounds = [bound for table in tables if (bound := table.bounds())]
        first = min((low for low, _ in bounds), default=0) // 1000
        last = max((high for _, high in bounds), default=0) // 1000
        if start is None:
            start = first if end is None else min(first, end)
        end = max(last, start) if end is None else end
    if end < start:
        raise ValueError("the end of the time range lies before its start")
    return start * 1000, end * 1000 + 999


def _schema_of(tables: tuple[LogTable, ...], others: tuple[LogTable, ...], by_ingestion: bool, bounded: bool) -> Schema:
    """The schema of the tables, and of those that the queries inside the query read."""
    inner = (_schema((table,), by_ingestion, bounded) for table in others)
    numbered = tuple(replace(one, first=len(tables) + position) for position, one in enumerate(inner))
    return replace(_schema(tables, by_ingestion, bounded), inner=numbered)


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
            remarks.append(_unknown(ref.name, meant))
    return remarks


def _unknown(name: str, meant: str) -> str:
    if name.lower() == meant.lower():
        return f"No event has a field {name}: it is {meant}; upper and lower case matter."
    return f"No event has a field {name}. Did you mean {meant}?"


def case_remarks(text: str, shown: Collection[str] = ()) -> list[str]:
    """A remark for each field of flow log records that a query names in another letter case, as in ``srcaddr``.

    ``shown``: the columns of its result; what is shown was there. None for a query that is refused here.

    >>> case_remarks("stats count(*) by srcaddr")
    ['No event has a field srcaddr: it is srcAddr; upper and lower case matter.']
    """
    try:
        used = sorted(Query(text).compiled(Schema()).used, key=lambda ref: ref.span.start)
    except MalformedQuery:
        return []
    by_case = {name.lower(): name for name in (*FLOW_FIELDS, *SYSTEM_FIELDS)}
    wrong = [ref.name for ref in used if by_case.get(ref.name.lower(), ref.name) != ref.name]
    return [_unknown(name, by_case[name.lower()]) for name in wrong if name not in shown]
