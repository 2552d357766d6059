"""Between the API and the query language: compile, choose groups, keep tables, run, and name events by ``@ptr``.

The only module of the sandbox that uses :mod:`helpers.insights`. A log group's table is filled when a query needs it
and then grows by what has come in since; when events leave the group (deletion, expiry) it is made anew.
"""

import base64
import traceback
from array import array
from bisect import bisect_left
from collections import OrderedDict
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np

from helpers.insights import LogTable, MalformedQuery, QueryFailed, SqlQuery, run
from helpers.insights import Query as Compiled
from helpers.insights import compile as compile_query
from helpers.insights import prepare as prepare_query
from helpers.insights.events.lookups import Lookups
from helpers.insights.events.schema import Schema
from helpers.insights.query_result import Execution
from helpers.insights.syntax.command_nodes import SourceCall
from helpers.sandbox.calls import Account, Params, ServiceError, WithoutLock
from helpers.sandbox.logs.log_group_tags import has_tag
from helpers.sandbox.logs.names import let_expire
from helpers.sandbox.logs.results import Result
from helpers.sandbox.logs.state import LogGroup, LogsState, LookupTable, QueryRun, QueryStatus
from helpers.sandbox.store.event_store import EventStore
from helpers.sandbox.store.stream_events import StreamEvents

NOTHING = {
    "recordsMatched": 0.0,
    "recordsScanned": 0.0,
    "estimatedRecordsSkipped": 0.0,
    "bytesScanned": 0.0,
    "estimatedBytesSkipped": 0.0,
    "logGroupsScanned": 0.0,
}
"""The statistics of a query that has looked at nothing yet."""

Array = np.ndarray[Any, np.dtype[Any]]

MOST_TAG_VALUES = 5

AHEAD_EVENTS = 20_000
"""So many new events are typed before a query asks for them: fewer cost it some tens of milliseconds."""
_typist = ThreadPoolExecutor(max_workers=1, thread_name_prefix="typist")  # one: events go in as they came

_known: "OrderedDict[tuple[str, str], Compiled | MalformedQuery]" = OrderedDict()
_KNOWN = 100
"""So many compiled queries are kept: who has compiled without the lock finds it with the lock."""

__all__ = ["NOTHING", "Compiled", "Prepared", "cells", "check_lookups", "compiled", "prepare", "read_pointer",
           "sources", "type_ahead", "warm", "without_rows"]  # fmt: skip


def warm() -> None:
    """Do once what makes the first query of a process slow. May run in a thread of its own."""
    run("stats count(*) by bin(5m)", LogTable("warm"), 0, 1)


def compiled(account: Account, text: str, language: str = "CWLI") -> Compiled:
    """Compile QL or SQL, without the account's lock. Raises MalformedQueryException with the place in the text."""
    found = _known.get((language, text))
    if found is None and not account.replaying:
        raise WithoutLock(lambda: _compile(text, language))
    found = found or _compile(text, language)
    if isinstance(found, MalformedQuery):
        raise _malformed(found) from None
    return found


def _compile(text: str, language: str) -> Compiled | MalformedQuery:
    try:
        found: Compiled | MalformedQuery = SqlQuery(text) if language == "SQL" else compile_query(text)
    except MalformedQuery as error:
        found = error
    except Exception:  # a fault of ours: the query is refused, and server.log has it
        traceback.print_exc()
        found = MalformedQuery("Query cannot be compiled", text, 0, len(text))
    _known[(language, text)] = found
    while len(_known) > _KNOWN:
        _known.popitem(last=False)
    return found


def check_lookups(text: Compiled, tables: Mapping[str, LookupTable]) -> None:
    """Raises MalformedQueryException for a lookup table, or a column of one, that is not there."""
    try:
        Lookups(text.compiled(Schema()), {name: table.body for name, table in tables.items()}, text.text)
    except MalformedQuery as error:
        raise _malformed(error) from None


def _malformed(error: MalformedQuery) -> ServiceError:
    place = {"startCharOffset": error.start, "endCharOffset": error.end}
    return ServiceError(
        "MalformedQueryException",
        str(error),
        queryCompileError={"location": place, "message": error.message},
    )


@dataclass
class _Table:
    """A group's table. ``sequences`` are the store's numbers of its events, in the order in which they came in."""

    table: LogTable
    generation: tuple[object, ...]
    sequences: "array[int]"
    next_sequence: int = 0
    pending: list["Future[int]"] = field(default_factory=list)

    def settled(self) -> bool:
        """Wait for what is being typed ahead; False when it failed, and the table must be made anew."""
        failed = [future for future in self.pending if future.exception() is not None]
        self.pending.clear()
        return not failed


_tables: "WeakKeyDictionary[EventStore, dict[tuple[str, str], _Table]]" = WeakKeyDictionary()


def _table(account: Account, region: str, group: LogGroup) -> _Table:
    """The group's table, up to date."""
    let_expire(account, region, group)
    store: EventStore = account.events
    entry = _kept(account, region, group)
    typing = [future for future in entry.pending if not future.done()]
    if typing:
        raise WithoutLock(lambda: wait(typing))
    if not entry.settled():
        del _tables[store][(region, group.name)]
        entry = _kept(account, region, group)
    if entry.next_sequence < store.next_sequence:
        _fill(entry, store, region, group)
        entry.next_sequence = store.next_sequence
    return entry


def _kept(account: Account, region: str, group: LogGroup) -> _Table:
    """The group's table as it is; an empty one when there is none, or when events have left the group."""
    store: EventStore = account.events
    generation = (store.generation(region, group.name), group.created_ms, group.flow_logs)
    tables = _tables.setdefault(store, {})
    entry = tables.get((region, group.name))
    if entry is None or entry.generation != generation:
        entry = tables[(region, group.name)] = _new_table(account, group, generation)
    return entry


def _new_table(account: Account, group: LogGroup, generation: tuple[object, ...] = ()) -> _Table:
    """An empty table. It hides what is older than its group, as AWS does."""
    table = LogTable(group.name, account.account_id, flow_logs=group.flow_logs, created_ms=group.created_ms)
    return _Table(table, generation, array("q"))


def _fill(
    entry: _Table,
    store: EventStore,
    region: str,
    group: LogGroup,
    until_ms: int | None = None,
    ahead: bool = False,
) -> None:
    """Append what the table lacks, in order of arrival, so that it does not matter when queries were asked."""
    fresh = [
        _fresh(name, stream.settle(), entry.next_sequence, until_ms)
        for name, stream in store.streams(region, group.name).items()
    ]
    fresh = [columns for columns in fresh if len(columns[0])]
    if not fresh:
        return
    sequences, timestamps, ingestions, streams, messages = map(np.concatenate, zip(*fresh, strict=True))
    if len(fresh) > 1 or bool(np.any(sequences[1:] < sequences[:-1])):
        order = np.argsort(sequences, kind="stable")
        sequences, timestamps, ingestions = sequences[order], timestamps[order], ingestions[order]
        streams, messages = streams[order], messages[order]
    columns = timestamps, ingestions, streams, messages
    if ahead:
        entry.pending.append(_typist.submit(entry.table.append_columns, *columns))
    else:
        entry.table.append_columns(*columns)
    entry.sequences.frombytes(sequences.tobytes())


def _fresh(name: str, stream: StreamEvents, since: int, until_ms: int | None) -> tuple[Array, ...]:
    """A stream's events from number ``since`` on, ingested up to ``until_ms``: numbers, times, names, messages.

    Copies: a view of the store's columns would keep them from growing.
    """
    low = bisect_left(stream.sequences, since) if stream.appended_in_order else 0
    numbers, timestamps, ingestions = (
        np.array(column[low:], dtype=np.int64) for column in (stream.sequences, stream.timestamps, stream.ingestions)
    )
    names = np.full(len(numbers), name, dtype=object)
    messages = np.empty(len(numbers), dtype=object)
    messages[:] = stream.messages[low:]
    columns = (numbers, timestamps, ingestions, names, messages)
    if stream.appended_in_order and until_ms is None:
        return columns
    chosen = numbers >= since
    if until_ms is not None:
        chosen &= ingestions <= until_ms
    return tuple(column[chosen] for column in columns)


@dataclass(frozen=True)
class Prepared:
    """A query whose rows are fixed: to finish it takes no lock."""

    execution: Execution
    sequences: "dict[str, array[int]]"
    """For each group the store's numbers of the events in its table."""

    def finish(self) -> Result:
        """The result, whatever happens."""
        try:
            result = self.execution.result()
            return {
                "status": "Complete",
                "rows": result.rows,
                "pointers": [event and self.sequences[event[0].name][event[1]] for event in result.events],
                "statistics": result.statistics,
            }
        except QueryFailed as error:
            return without_rows("Failed", str(error))
        except Exception as error:  # a fault of ours: the query has failed, and server.log has it
            traceback.print_exc()
            return without_rows("Failed", f"the sandbox failed on this query: {error}")
        finally:
            self.execution.close()


def without_rows(status: QueryStatus, why: str) -> Result:
    """The result of a query that did not complete."""
    return {"status": status, "rows": [], "pointers": [], "statistics": dict(NOTHING), "why": why}


def prepare(
    account: Account, region: str, groups: list[LogGroup], query: QueryRun, text: Compiled, again: bool = False
) -> Prepared:
    """Fix what a query reads from its groups. ``again``: what was there when it started.

    Raises MalformedQueryException, ``WithoutLock`` while its events are still being typed, and
    ResourceNotFoundException where a group is gone that an earlier run had read.
    """
    state = account.state(LogsState, region)
    gone = [name for name in (*query.groups, *text.inner_groups) if name not in state.groups]
    if again and gone:
        raise ServiceError("ResourceNotFoundException", f"The log group {gone[0]} was deleted, and its events with it.")
    tables: dict[str, _Table] = {}
    for group in (*groups, *(state.groups[name] for name in text.inner_groups if name in state.groups)):
        if again:
            tables[group.name] = _new_table(account, group)
            _fill(tables[group.name], account.events, region, group, until_ms=query.started_ms)
        else:
            tables[group.name] = _table(account, region, group)
    try:
        execution = prepare_query(
            text,
            [tables[group.name].table for group in groups],
            query.start,
            query.end,
            limit=query.limit,
            now=query.started_ms // 1000,
            lookups={table.name: table.body for table in state.lookup_tables.values()},
            groups={name: entry.table for name, entry in tables.items()},
        )
    except MalformedQuery as error:
        raise _malformed(error) from None
    return Prepared(execution.fixed(), {name: entry.sequences for name, entry in tables.items()})


def sources(text: Compiled, groups: Mapping[str, LogGroup], account_id: str) -> list[LogGroup] | None:
    """The groups that a SOURCE command chooses, in ASCII order; None where there is none."""
    source = text.source
    if source is None:
        return None
    if source.group is not None:
        return [groups[source.group]] if source.group in groups else []
    return [
        group for _, group in sorted(groups.items()) if all(_chosen(group, account_id, call) for call in source.calls)
    ]


def _chosen(group: LogGroup, account_id: str, call: SourceCall) -> bool:
    """Whether one condition of a SOURCE command holds; the class is STANDARD unless said."""
    values = dict(call.values)
    if call.name == "logGroups":
        accounts = _texts(values, "accountIdentifier", *_texts(values, "accountIdentifiers", account_id))
        classes = _texts(values, "class", *_texts(values, "logGroupClass", "STANDARD"))
        named = group.name.startswith(_texts(values, "namePrefix", ""))
        return named and account_id in accounts and group.log_class in classes
    if call.name == "logGroupTags" and set(values) <= {""}:
        filters = values.get("", ())
        return isinstance(filters, tuple) and all(_is_tagged(group, wanted) for wanted in filters)
    if call.name == "dataSource" and set(values) <= {""}:
        return "amazon_vpc.flow" in _texts(values, "") and group.flow_logs is not None
    raise ServiceError(
        "InvalidParameterException",
        f"The sandbox does not simulate SOURCE {call.name}({', '.join(values)}).",
    )


def _is_tagged(group: LogGroup, wanted: object) -> bool:
    """Whether a tag filter as ListLogGroups has it, ``{key: 'env', values: ['prod*', '!dev']}``, lets a group through.

    Assumption insights-source-tags: the user guide shows no example.
    """
    pairs = dict(wanted) if isinstance(wanted, tuple) and all(isinstance(pair, tuple) for pair in wanted) else {}
    values = _texts(pairs, "values") if "values" in pairs else ()
    if not {"key"} <= set(pairs) <= {"key", "values"} or len(values) > MOST_TAG_VALUES:
        raise ServiceError(
            "InvalidParameterException",
            f"Write logGroupTags([{{key: 'env', values: ['prod*']}}]), with up to {MOST_TAG_VALUES} values.",
        )
    return has_tag(group.tags, str(pairs["key"]), values)


def _texts(values: Mapping[str, object], name: str, *default: str) -> tuple[str, ...]:
    given = values.get(name, default)
    return tuple(map(str, given)) if isinstance(given, tuple) else (str(given),)


def cells(result: Result, region: str, number: int) -> list[Params]:
    """Row ``number`` as GetQueryResults shows it; rows of raw events end with their ``@ptr``."""
    row = [{"field": name, "value": value} for name, value in result["rows"][number]]
    sequence = result["pointers"][number] if result["pointers"] else None
    if sequence is not None:
        row.append({"field": "@ptr", "value": pointer(region, sequence)})
    return row


def pointer(region: str, sequence: int) -> str:
    """An opaque name of one event."""
    return base64.urlsafe_b64encode(f"event/{region}/{sequence:020d}".encode()).decode()


def read_pointer(text: str) -> tuple[str, int] | None:
    """Region and sequence number, or None for what :func:`pointer` did not make."""
    try:
        kind, region, sequence = base64.b64decode(text, altchars=b"-_", validate=True).decode().split("/")
        return (region, int(sequence)) if kind == "event" else None
    except ValueError:
        return None


def type_ahead(account: Account, region: str, group: LogGroup) -> None:
    """Begin to type events that came in, in a thread of its own, so that the next query need not.

    Call it with the account's lock held, as every call has it: the events are copied out before it returns. Last in
    this module: a caller that finds it in a module still being loaded finds all that it needs.
    """
    store: EventStore = account.events
    entry = _tables.get(store, {}).get((region, group.name))
    streams = store.streams(region, group.name).values()
    waiting = sum(map(len, streams)) if entry is None else store.next_sequence - entry.next_sequence
    if waiting >= AHEAD_EVENTS:
        entry = _kept(account, region, group)
        _fill(entry, store, region, group, ahead=True)
        entry.next_sequence = store.next_sequence
