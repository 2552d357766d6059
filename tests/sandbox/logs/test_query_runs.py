"""A query runs beside the account: over the rows of its start, with a time limit, and nobody else waits."""

import random
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from helpers.insights.query_result import Execution, Result
from helpers.sandbox.calls import ServiceError
from helpers.sandbox.logs import query_runs, results
from helpers.sandbox.logs.state import LogsState
from tests.insights.corpus import QUERIES
from tests.insights.test_bad_input import mutate
from tests.insights.test_oracle import Writer
from tests.sandbox.logs.conftest import START, FakeAccount, put
from tests.support.box import Box
from tests.support.cases import sampled

REAL = Execution.result
ENDLESS = "SELECT count(*) FROM range(100000000) a, range(100000) b WHERE a.range % 7 = b.range % 5"
ALL = {"logGroupName": "/vpc/a", "startTime": START - 3600, "endTime": START + 86_400}
RECORD = "2 123456789012 eni-1 10.1.1.1 10.2.1.10 51000 22 6 10 100 1700000000 1700000060 ACCEPT OK"


def finished(account: FakeAccount, query_id: str) -> dict[str, Any]:
    while (reply := account.call("GetQueryResults", queryId=query_id))["status"] in ("Scheduled", "Running"):
        pass
    return reply


@pytest.fixture
def gate(monkeypatch: pytest.MonkeyPatch) -> Iterator[threading.Event]:
    """Queries stand still, their rows fixed, until this is set."""
    opened = threading.Event()

    def waits(execution: Execution) -> Result:
        assert opened.wait(20)
        return REAL(execution)

    monkeypatch.setattr(Execution, "result", waits)
    yield opened
    opened.set()


@pytest.fixture
def endless(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Execution, "result", lambda execution: execution.rows(ENDLESS))


def test_the_rows_are_those_of_the_start_whatever_happens_while_it_runs(
    group: FakeAccount, gate: threading.Event
) -> None:
    put(group, (0, "one"), (0, "two"))
    first = group.call("StartQuery", queryString="stats count(*) as n", **ALL)["queryId"]
    put(group, (0, "three"))
    second = group.call("StartQuery", queryString="stats count(*) as n", **ALL)["queryId"]
    group.call("DeleteLogGroup", logGroupName="/vpc/a")
    gate.set()
    for query_id, count in ((first, "2"), (second, "3")):
        reply = finished(group, query_id)
        assert reply["results"] == [[{"field": "n", "value": count}]]
        assert reply["statistics"]["recordsScanned"] == float(count)


def test_a_query_that_takes_too_long_times_out_for_good(
    group: FakeAccount, endless: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(query_runs, "LIMIT_SECONDS", 0.2)
    put(group, (0, "one"))
    query_id = group.call("StartQuery", queryString="fields @message", **ALL)["queryId"]
    reply = finished(group, query_id)
    assert (reply["status"], reply["results"]) == ("Timeout", [])
    monkeypatch.undo()
    assert group.call("DescribeQueries", status="Timeout")["queries"][0]["queryId"] == query_id
    assert finished(group.restarted(), query_id)["status"] == "Timeout"


def test_a_stopped_query_is_interrupted(group: FakeAccount, endless: None) -> None:
    put(group, (0, "one"))
    query_id = group.call("StartQuery", queryString="fields @message", **ALL)["queryId"]
    run = query_runs._runs(group.events)[query_id]
    group.call("StopQuery", queryId=query_id)
    assert run.done.wait(5)
    assert finished(group, query_id)["status"] == "Cancelled"
    assert results.load(group.events, query_id) is None


def test_what_runs_when_the_sandbox_stops_is_computed_again(group: FakeAccount, gate: threading.Event) -> None:
    put(group, (0, "one"))
    query_id = group.call("StartQuery", queryString="stats count(*) as n", **ALL)["queryId"]
    put(group, (0, "two"))
    closing = threading.Thread(target=query_runs.stop_all, args=(group.events,))
    closing.start()
    gate.set()
    closing.join(10)
    assert results.load(group.events, query_id) is None
    assert finished(group.restarted(), query_id)["results"] == [[{"field": "n", "value": "1"}]]


def test_a_fault_of_the_engine_fails_the_query_and_not_the_sandbox(
    group: FakeAccount, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fails(*args: object, **kwargs: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(Execution, "result", fails)
    assert finished(group, group.call("StartQuery", queryString="fields 1", **ALL)["queryId"])["status"] == "Failed"
    monkeypatch.setattr("helpers.sandbox.logs.query_execution.compile_query", fails)
    with pytest.raises(ServiceError, match="MalformedQueryException: Query cannot be compiled"):
        group.call("StartQuery", queryString="fields 2", **ALL)
    assert capsys.readouterr().err.count("\nZeroDivisionError") == 2


def fuzzed(seed: int) -> str:
    """A changed query of the corpus; one in five of a grammar."""
    draw = random.Random(seed)
    return Writer(seed).query() if seed % 5 == 0 else mutate(draw.choice(QUERIES), draw)


def test_no_fuzzed_query_is_a_fault_of_the_sandbox(group: FakeAccount) -> None:
    put(group, *[(at, text) for at, text in enumerate((RECORD, '{"level": "error", "v": 7, "deep": {"x": [1]}}', "x"))])
    for text in map(fuzzed, sampled(range(20_000), 150)):
        group.state(LogsState, "us-east-1").queries.clear()
        try:
            query_id = group.call("StartQuery", queryString=text, **ALL)["queryId"]
        except ServiceError as error:
            no_group = "source" in text.lower() and error.code == "ResourceNotFoundException"  # as of a group asked for
            assert no_group or error.code in ("MalformedQueryException", "InvalidParameterException"), text
            continue
        reply = finished(group, query_id)
        assert reply["status"] == "Complete" or "the sandbox failed" not in query_runs.result_of(
            group, "us-east-1", group.state(LogsState, "us-east-1").queries[query_id]  # type: ignore[arg-type]
        )["why"], text  # fmt: skip


@pytest.mark.long
def test_others_do_not_wait_for_a_slow_query_on_200_000_events(tmp_path: Any) -> None:
    box = Box(tmp_path)
    logs, waits, over = box("logs"), [], threading.Event()
    logs.create_log_group(logGroupName="/g")
    logs.create_log_stream(logGroupName="/g", logStreamName="s")
    now = int(box.advance(1) and logs.describe_log_groups()["logGroups"][0]["creationTime"])
    for batch in range(20):
        events = [{"timestamp": now + batch, "message": f'{{"a":[1,2,3,4,5,6,7,8],"b":{i}}}'} for i in range(10_000)]
        logs.put_log_events(logGroupName="/g", logStreamName="s", logEvents=events)

    def ask() -> None:
        while not over.wait(0.02):
            began = time.monotonic()
            box("iam").list_roles()
            waits.append(time.monotonic() - began)

    box("iam")
    other = threading.Thread(target=ask)
    other.start()
    try:
        text = "unnest jsonParse(@message).a into x | unnest jsonParse(@message).a into y | stats count(*) as n by x, y"
        second = now // 1000
        query = {"logGroupName": "/g", "queryString": text, "startTime": second - 5, "endTime": second + 60}
        query_id, began = logs.start_query(**query)["queryId"], time.monotonic()
        while (reply := logs.get_query_results(queryId=query_id))["status"] in ("Scheduled", "Running"):
            pass
        lasted = time.monotonic() - began
    finally:
        over.set()
        other.join()
        box.stop()
    assert reply["status"] == "Complete" and len(reply["results"]) == 64
    assert len(waits) > 20
    assert sorted(waits)[-3] < lasted / 5, "who waits for the query waits for all of it"
