"""The results of queries: files beside the event store, made when a query starts.

A result is fixed at the start of its query and never computed twice, so a restarted sandbox gives the same rows even
when the log group is gone by then. A few results stay in memory, for reading page after page.
"""

from collections import OrderedDict
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary

import orjson

from helpers.sandbox.eventstore import EventStore

Row = list[tuple[str, str]]
Result = dict[str, Any]
"""``status`` (Complete or Failed), ``rows``, ``pointers`` (one per row of raw events, else empty), ``statistics``."""

_KEPT = 8
_recent: "WeakKeyDictionary[EventStore, OrderedDict[str, Result]]" = WeakKeyDictionary()


def save(store: EventStore, query_id: str, result: Result) -> None:
    """Write the result of a query through to its file."""
    path = _path(store, query_id)
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_suffix(".tmp")
    draft.write_bytes(orjson.dumps(result))
    draft.replace(path)
    _remember(store, query_id, result)


def load(store: EventStore, query_id: str) -> Result | None:
    """The result of a query, or None when it was never computed here."""
    found = _recent.get(store, OrderedDict()).get(query_id)
    if found is not None:
        return found
    try:
        result: Result = orjson.loads(_path(store, query_id).read_bytes())
    except (OSError, ValueError):
        return None
    _remember(store, query_id, result)
    return result


def forget(store: EventStore, query_id: str) -> None:
    """Remove a result that is past its seven days."""
    _recent.get(store, OrderedDict()).pop(query_id, None)
    _path(store, query_id).unlink(missing_ok=True)


def _remember(store: EventStore, query_id: str, result: Result) -> None:
    recent = _recent.setdefault(store, OrderedDict())
    recent[query_id] = result
    while len(recent) > _KEPT:
        recent.popitem(last=False)


def _path(store: EventStore, query_id: str) -> Path:
    return store.folder / "results" / f"{query_id}.json"
