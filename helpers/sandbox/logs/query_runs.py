"""Queries that are running: each in a thread of its own and without the account's lock, over the rows of its start.

Virtual time, the status that follows it and the journal know nothing of it: who asks for the rows waits, without the
lock, until they are there. What a run ends with (also ``Timeout`` after ``LIMIT_SECONDS``) is the query's result.
"""

import threading
from weakref import WeakKeyDictionary

from helpers.sandbox.calls import Account, ServiceError, WithoutLock
from helpers.sandbox.logs import query_execution, results
from helpers.sandbox.logs.state import LogGroup, LogsState, QueryRun
from helpers.sandbox.store.event_store import EventStore
from helpers.sandbox.store.files import CannotWrite

LIMIT_SECONDS = 30.0
"""So long may a query really run. AWS allows an hour; a client waits a minute for an answer."""
_STEP = 0.1


class Run:
    """A query that runs. ``done`` is set when its result is there, or when it was stopped."""

    def __init__(self, store: EventStore, query_id: str, prepared: query_execution.Prepared, again: bool) -> None:
        self.done = threading.Event()
        self.problem: CannotWrite | None = None
        self._stopping = threading.Event()
        self._ended: str | None = None
        self._store, self._id, self._prepared, self._again = store, query_id, prepared, again

    def start(self) -> None:
        """Let it run; it takes itself off the list of those that run."""
        for work in (self._work, self._watch):
            threading.Thread(target=work, daemon=True, name=f"query {self._id}").start()

    def stop(self) -> None:
        """End it without a result."""
        self._ended = "Cancelled"
        self._stopping.set()

    def _work(self) -> None:
        try:
            result = self._prepared.finish()
            if self._ended == "Timeout":
                result = query_execution.without_rows("Timeout", f"stopped after {LIMIT_SECONDS:g} seconds")
            if self._ended != "Cancelled":
                results.save(self._store, self._id, result)
        except CannotWrite as problem:
            if not self._again:  # else nothing is lost: it can be computed once more
                self.problem = problem
        finally:
            if self.problem is None:
                del _runs(self._store)[self._id]
            self.done.set()
            self._stopping.set()

    def _watch(self) -> None:
        if not self._stopping.wait(LIMIT_SECONDS):
            self._ended = "Timeout"
        while not self.done.wait(_STEP):
            self._prepared.execution.interrupt()  # again and again: it may be between two statements


_running: "WeakKeyDictionary[EventStore, dict[str, Run]]" = WeakKeyDictionary()


def _runs(store: EventStore) -> dict[str, Run]:
    return _running.setdefault(store, {})


def begin(account: Account, region: str, groups: list[LogGroup], query: QueryRun, *, again: bool = False) -> None:
    """Fix the rows that the query reads, and let it run. ``again``: a lost result, from what was there at its start.

    Raises ``WithoutLock`` before it has done anything.
    """
    try:
        text = query_execution.compiled(account, query.text, query.language)
        prepared = query_execution.prepare(account, region, groups, query, text, again)
    except ServiceError as error:  # when it runs again, the lookup table that it needs may be gone with its result
        results.save(account.events, query.id, query_execution.without_rows("Failed", error.message))
        return
    run = _runs(account.events)[query.id] = Run(account.events, query.id, prepared, again)
    run.start()


def result_of(account: Account, region: str, query: QueryRun) -> results.Result:
    """The result of a query. Only where its file was lost it runs again.

    Raises ``WithoutLock`` while it runs, and ``CannotWrite`` where the disk did not take the result.
    """
    run = _runs(account.events).get(query.id)
    if run is None:
        result = results.load(account.events, query.id)
        if result is not None:
            return result
        groups = account.state(LogsState, region).groups
        begin(account, region, [groups[name] for name in query.groups if name in groups], query, again=True)
    elif run.problem is not None:
        raise run.problem
    elif account.replaying:
        run.done.wait()
    else:
        raise WithoutLock(run.done.wait)
    return result_of(account, region, query)


def stop(account: Account, query_id: str) -> None:
    """End a query that still runs."""
    run = _runs(account.events).get(query_id)
    if run is not None:
        run.stop()


def stop_all(store: EventStore) -> None:
    """End what runs over a store that is about to be closed; it is computed again when it is asked for."""
    for run in list(_runs(store).values()):
        run.stop()
        run.done.wait(2)
