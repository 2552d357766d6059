"""Through boto3 against a real server: what the wire adds, and what a restart must keep."""

import threading
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from helpers.sandbox.account.account import SandboxAccount
from helpers.sandbox.process.home import START_AT, Home, HomeIdentity
from helpers.sandbox.process.server import Server, open_account
from tests.support.served import the_moto

IDENTITY = HomeIdentity("AKIAEXAMPLE", "secret")
NOW = int(START_AT * 1000)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    home = Home(tmp_path_factory.mktemp("home"))
    home.prepare()
    the_moto().reset()  # another module's account may have been in this process
    made = Server(home, IDENTITY)
    ready = threading.Event()
    thread = threading.Thread(target=made.serve, args=(ready.set,), daemon=True)
    thread.start()
    assert ready.wait(20)
    yield made
    made.stop()
    thread.join(20)


@pytest.fixture(scope="module")
def logs(server: Server) -> Any:
    return boto3.client(
        "logs",
        endpoint_url=f"http://127.0.0.1:{server.http.port}",
        aws_access_key_id=IDENTITY.access_key_id,
        aws_secret_access_key=IDENTITY.secret_access_key,
        region_name="us-east-1",
    )


def restarted(server: Server) -> SandboxAccount:
    """The account that the journal and the event store give, as after a kill."""
    with server.account.lock:
        home = Home(server.home.folder)
        home.checkpoint = home.folder / "none"
        the_moto().reset()
        return open_account(home, IDENTITY)


def test_paginators_and_typed_exceptions_work(logs: Any) -> None:
    logs.create_log_group(logGroupName="/a", tags={"Lab": "x"})
    with pytest.raises(logs.exceptions.ResourceAlreadyExistsException):
        logs.create_log_group(logGroupName="/a")
    for bad in ("a b", "a:b"):
        with pytest.raises(logs.exceptions.InvalidParameterException, match="logGroupName"):
            logs.create_log_group(logGroupName=bad)
    for number in range(3):
        logs.create_log_stream(logGroupName="/a", logStreamName=f"s{number}")
        events = [{"timestamp": NOW + i, "message": f"{number} {i}"} for i in range(5)]
        logs.put_log_events(logGroupName="/a", logStreamName=f"s{number}", logEvents=events)
    pages = logs.get_paginator("filter_log_events").paginate(logGroupName="/a", PaginationConfig={"PageSize": 4})
    found = [event["message"] for page in pages for event in page["events"]]
    assert found == [f"{number} {i}" for i in range(5) for number in range(3)]
    streams = logs.get_paginator("describe_log_streams").paginate(logGroupName="/a", PaginationConfig={"PageSize": 2})
    assert [entry["logStreamName"] for page in streams for entry in page["logStreams"]] == ["s0", "s1", "s2"]
    with pytest.raises(logs.exceptions.ResourceNotFoundException):
        logs.get_log_events(logGroupName="/a", logStreamName="none")
    with pytest.raises(ClientError, match="Invalid filter pattern"):
        logs.filter_log_events(logGroupName="/a", filterPattern="10.0.0.1")


def test_a_full_batch_goes_in_and_comes_back(logs: Any) -> None:
    logs.create_log_group(logGroupName="/full")
    logs.create_log_stream(logGroupName="/full", logStreamName="s")
    events = [{"timestamp": NOW + i, "message": f"event {i} ü€"} for i in range(10_000)]
    logs.put_log_events(logGroupName="/full", logStreamName="s", logEvents=events)
    where = {"logGroupName": "/full", "logStreamName": "s", "startFromHead": True}
    reply = logs.get_log_events(**where)
    assert [(event["timestamp"], event["message"]) for event in reply["events"]] == [
        (event["timestamp"], event["message"]) for event in events
    ]
    token = reply["nextForwardToken"]
    assert logs.get_log_events(**where, nextToken=token)["nextForwardToken"] == token


def test_a_replayed_account_answers_the_same(logs: Any, server: Server) -> None:
    again = restarted(server)
    assert again.now() == server.account.now()
    assert again.states == server.account.states
    for group in server.account.events.groups("us-east-1"):
        for name, events in server.account.events.streams("us-east-1", group).items():
            other = again.events.stream("us-east-1", group, name)
            assert other is not None
            assert (other.timestamps, other.ingestions, other.sequences, other.messages) == (
                events.timestamps,
                events.ingestions,
                events.sequences,
                events.messages,
            )
    assert again.events.notes == []
    again.events.close()
