"""The published conformance cases through the API; :mod:`tests.insights.test_conformance` runs them on the engine."""

import threading
from collections import defaultdict
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from helpers.sandbox.process.home import Home, HomeIdentity
from helpers.sandbox.process.server import Server
from tests.insights.test_conformance import CASES, CREATED_MS, differences
from tests.support.served import the_moto

IDENTITY = HomeIdentity("AKIAEXAMPLE", "secret", start_at=CREATED_MS / 1000)
END = 1_700_010_000


@pytest.fixture(scope="module")
def logs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A client of a sandbox in which each case has its group, made before the first event."""
    home = Home(tmp_path_factory.mktemp("home"))
    home.prepare()
    the_moto().reset()  # another module's account may have been in this process
    server = Server(home, IDENTITY)
    ready = threading.Event()
    thread = threading.Thread(target=server.serve, args=(ready.set,), daemon=True)
    thread.start()
    assert ready.wait(20)
    client = boto3.client(
        "logs",
        endpoint_url=f"http://127.0.0.1:{server.http.port}",
        aws_access_key_id=IDENTITY.access_key_id,
        aws_secret_access_key=IDENTITY.secret_access_key,
        region_name="us-east-1",
    )
    for case in CASES:
        client.create_log_group(logGroupName=case["id"])
    server.account.advance(max(server.account.now(), END - 600))
    for case in CASES:
        streams = defaultdict(list)
        for event in case["events"]:
            streams[event["logStream"]].append(event)
        for stream, events in streams.items():
            client.create_log_stream(logGroupName=case["id"], logStreamName=stream)
            batch = [{"timestamp": event["timestamp_ms"], "message": event["message"]} for event in events]
            batch.sort(key=lambda event: event["timestamp"])
            reply = client.put_log_events(logGroupName=case["id"], logStreamName=stream, logEvents=batch)
            assert "rejectedLogEventsInfo" not in reply
    yield client
    server.stop()
    thread.join(20)


@pytest.mark.parametrize("case", CASES, ids=lambda case: str(case["id"]))
def test_case(case: dict[str, Any], logs: Any) -> None:
    query = {
        "logGroupName": case["id"],
        "queryString": case["query"],
        "startTime": CREATED_MS // 1000,
        "endTime": END,
    }
    if case["expect"].get("error"):
        with pytest.raises(ClientError) as caught:
            logs.start_query(**query)
        assert caught.value.response["Error"]["Code"] in ("MalformedQueryException", "InvalidParameterException")
        return
    query_id = logs.start_query(**query)["queryId"]
    while (reply := logs.get_query_results(queryId=query_id))["status"] in ("Scheduled", "Running"):
        pass
    assert reply["status"] == "Complete"
    rows = [{cell["field"]: cell["value"] for cell in row if cell["field"] != "@ptr"} for row in reply["results"]]
    assert differences(rows, case["expect"]["rows"], case["ordered"]) is None
