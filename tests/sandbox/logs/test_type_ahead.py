"""Events that are typed before a query asks: the same answers, whatever happens in between."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from helpers.insights import LogTable
from helpers.sandbox.calls import WithoutLock
from helpers.sandbox.logs import query_execution
from helpers.sandbox.logs.state import LogGroup, LogsState, QueryRun
from helpers.sandbox.logs.streams import store_events
from helpers.sandbox.monitoring.state import MonitoringState
from helpers.sandbox.store.event_store import EventStore

NOW = 1_700_000_000


class Clockwork:
    """An account without a server: a store, one group, a standing clock."""

    account_id = "123456789012"
    replaying = False

    def __init__(self, folder: Path) -> None:
        self.events = EventStore(folder)
        self.position = 0
        self.logs = LogsState({"/g": LogGroup("/g", 0, streams={})})
        self.monitoring = MonitoringState()

    def now(self) -> float:
        return float(NOW)

    def state(self, kind: type, region: str) -> LogsState | MonitoringState:
        return self.logs if kind is LogsState else self.monitoring

    def put(self, stream: str, first: int, count: int) -> None:
        self.position += 1
        events = [(NOW * 1000 + i % 7, f"event {i}") for i in range(first, first + count)]
        store_events(self, "us-east-1", self.logs.groups["/g"], stream, events)  # type: ignore[arg-type]

    def ask(self, text: str) -> list[list[tuple[str, str]]]:
        query = QueryRun(id="q", text=text, groups=("/g",), start=NOW - 60, end=NOW + 60, limit=None,
                      started_ms=NOW * 1000, caller="")  # fmt: skip
        while True:
            try:
                compiled = query_execution.compiled(self, text)  # type: ignore[arg-type]
                groups = [self.logs.groups["/g"]]
                prepared = query_execution.prepare(self, "us-east-1", groups, query, compiled)  # type: ignore[arg-type]
                break
            except WithoutLock as waiting:
                waiting.work()
        result = prepared.finish()
        assert result["status"] == "Complete"
        return result["rows"]


@pytest.fixture
def account(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Clockwork]:
    monkeypatch.setattr(query_execution, "AHEAD_EVENTS", 100)
    found = Clockwork(tmp_path)
    yield found
    found.events.close()


def test_portions_typed_ahead_and_the_rest_make_the_whole(account: Clockwork, monkeypatch: pytest.MonkeyPatch) -> None:
    portions: list[int] = []
    real = LogTable.append_columns

    def counted(self: LogTable, *columns: object) -> int:
        portions.append(real(self, *columns))  # type: ignore[arg-type]
        return portions[-1]

    monkeypatch.setattr(LogTable, "append_columns", counted)
    for first in range(0, 500, 60):
        account.put(f"s{first % 3}", first, 60)
    rows = account.ask("stats count(*) as n, count_distinct(@message) as d")
    assert rows == [[("n", "540"), ("d", "540")]]
    assert portions == [120, 120, 120, 120, 60]
    newest = account.ask("fields @message | sort @timestamp desc | limit 3")
    account.events.close()
    account.events = EventStore(account.events.folder)  # nothing typed ahead
    assert account.ask("fields @message | sort @timestamp desc | limit 3") == newest


def test_a_deleted_group_takes_what_was_typed_along(account: Clockwork) -> None:
    account.put("s", 0, 150)
    account.position += 1
    account.events.delete_group(account.position, "us-east-1", "/g")
    account.put("s", 150, 10)
    assert account.ask("stats count(*) as n") == [[("n", "10")]]


def test_typing_that_failed_is_done_again(account: Clockwork, monkeypatch: pytest.MonkeyPatch) -> None:
    real = LogTable.append_columns

    def failing(self: LogTable, *columns: object) -> int:
        monkeypatch.setattr(LogTable, "append_columns", real)
        raise MemoryError

    monkeypatch.setattr(LogTable, "append_columns", failing)
    account.put("s", 0, 150)
    account.put("s", 150, 30)
    assert account.ask("stats count(*) as n") == [[("n", "180")]]


def test_a_replay_types_nothing(account: Clockwork, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Clockwork, "replaying", True)
    monkeypatch.setattr(query_execution, "_kept", lambda *_: pytest.fail("typed during a replay"))
    account.put("s", 0, 150)
