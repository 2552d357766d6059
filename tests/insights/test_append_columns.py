"""Bulk columns give the same table as single events."""

from array import array

import numpy as np
import pytest

from helpers.insights import Event, LogTable, run

LINE = "2 123456789012 eni-1 203.0.113.9 10.0.1.5 51000 {} 6 1 40 1700002860 1700002920 REJECT OK"
EVENTS = [
    Event(1700000000000 + at, 1700000009000, f"s{i % 2}", text, f"id-{i}")
    for i, (at, text) in enumerate([(5, LINE.format(22)), (3, "grün \ud800"), (9, '{"a": 1}'), (3, LINE.format(23))])
]
QUESTION = "fields @timestamp, @ingestionTime, @logStream, @message, dstPort, a | sort @timestamp"


def columns() -> tuple[object, ...]:
    return tuple(
        [getattr(event, name) for event in EVENTS] for name in ("timestamp_ms", "ingestion_ms", "stream", "message")
    )


def test_columns_are_events() -> None:
    single, bulk = LogTable("/a"), LogTable("/a")
    single.append(EVENTS)
    ids = [event.event_id for event in EVENTS]
    assert bulk.append_columns(*columns(), ids) == len(EVENTS)  # type: ignore[arg-type]
    assert run(QUESTION, bulk).rows == run(QUESTION, single).rows
    assert [bulk.event(i) for i in range(4)] == [single.event(i) for i in range(4)]
    assert (bulk.has_flow, bulk.has_json, bulk.bounds()) == (True, True, (1700000000003, 1700000000009))


def test_columns_of_any_kind_and_after_waiting_events() -> None:
    table = LogTable("/a")
    table.append(EVENTS[:1])
    texts = np.array(["one", "two"], dtype=object)
    assert table.append_columns(array("q", [1, 2]), np.array([3, 4]), texts, texts) == 2
    assert table.append_columns([], [], [], []) == 0
    assert [event.message for i in range(3) if (event := table.event(i))] == [EVENTS[0].message, "one", "two"]
    assert table.event(1) == Event(1, 3, "one", "one")


def test_unequal_columns_are_refused() -> None:
    table = LogTable("/a")
    with pytest.raises(ValueError, match="equally long"):
        table.append_columns([1, 2], [1], ["s"], ["m"])
    assert table.count == 0
