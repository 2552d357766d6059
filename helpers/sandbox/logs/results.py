"""The results of queries: files beside the event store, made when a query starts.

A result is fixed at the start of its query and never computed twice, so a restarted sandbox gives the same rows even
when the log group is gone by then. Only a file that was lost or damaged is made again. A few results stay in memory,
for reading page after page.
"""

import contextlib
from collections import OrderedDict
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary

import orjson

from helpers.sandbox.store import files
from helpers.sandbox.store.event_store import EventStore

Row = list[tuple[str, str]]
Result = dict[str, Any]
"""``status`` (Complete, Failed or Timeout), ``rows``, ``statistics``, ``pointers`` (one per row of raw events, None
for a row of totals; else empty)."""

_KEYS = {"status", "rows", "pointers", "statistics"}
_KEPT = 8
_recent: "WeakKeyDictionary[EventStore, OrderedDict[str, Result]]" = WeakKeyDictionary()


def save(store: EventStore, query_id: str, result: Result) -> None:
    """Write the result of a query through to its file. Raises ``CannotWrite``."""
    path = _path(store, query_id)
    _remember(store, query_id, result)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        files.replace_whole(path, files.with_checksum(orjson.dumps(result)))
    except OSError as problem:
        raise files.CannotWrite(path, problem) from problem


def load(store: EventStore, query_id: str) -> Result | None:
    """The result of a query; ``None`` when its file is missing or damaged."""
    recent = _recent.get(store, OrderedDict()).get(query_id)
    if recent is not None:
        return recent
    try:
        result: Result = orjson.loads(files.checked(_path(store, query_id).read_bytes()) or b"")
    except (OSError, ValueError):
        return None
    if not result.keys() >= _KEYS:
        return None
    _remember(store, query_id, result)
    return result


def forget(store: EventStore, query_id: str) -> None:
    """Remove a result that is past its seven days."""
    _recent.get(store, OrderedDict()).pop(query_id, None)
    with contextlib.suppress(OSError):
        _path(store, query_id).unlink()


def _remember(store: EventStore, query_id: str, result: Result) -> None:
    recent = _recent.setdefault(store, OrderedDict())
    recent[query_id] = result
    while len(recent) > _KEPT:
        recent.popitem(last=False)


def _path(store: EventStore, query_id: str) -> Path:
    return store.folder / "results" / f"{query_id}.json"
