"""A query over the API against moto's, both over HTTP from processes of their own, interleaved in one run.

moto supports one form of query, so that is what both are asked. Our first query after new events came in types
them, later ones do not: both are told.
"""

import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config

from helpers.lab import sandbox_process
from helpers.lab.connection import SandboxConnection

EVENTS = 100_000
BATCH = 7_600
QUERY = "fields @timestamp, @message | sort @timestamp desc | limit 20"
LINE = "2 123456789012 eni-0a1b2c3d4e5f60718 10.1.{}.{} 10.2.1.10 {} 443 6 10 2000 1700000000 1700000060 ACCEPT OK"
_MOTO = """
import logging
import sys
from moto.server import ThreadedMotoServer
logging.getLogger("werkzeug").setLevel(logging.ERROR)
server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
server.start()
print(server.get_host_and_port()[1], flush=True)
sys.stdin.read()
"""


@contextmanager
def moto() -> Iterator[Any]:
    """A client of moto's server."""
    child = subprocess.Popen([sys.executable, "-c", _MOTO], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert child.stdin is not None
    assert child.stdout is not None
    try:
        yield boto3.client(
            "logs",
            region_name="us-east-1",
            endpoint_url=f"http://127.0.0.1:{int(child.stdout.readline())}",
            aws_access_key_id="moto",
            aws_secret_access_key="moto",
            config=Config(proxies={}),
        )
    finally:
        child.stdin.close()
        child.wait(timeout=30)


@contextmanager
def sandbox() -> Iterator[tuple[Any, Callable[[], float]]]:
    """A client of ours, and its clock."""
    with tempfile.TemporaryDirectory() as folder:
        access = SandboxConnection("us-east-1", Path(folder))
        try:
            yield access.client("logs"), lambda: access.now().timestamp()
        finally:
            sandbox_process.stop(Path(folder))


def fill(client: Any, group: str, now: float, count: int) -> None:
    """A group with one stream of events of the last second."""
    client.create_log_group(logGroupName=group)
    client.create_log_stream(logGroupName=group, logStreamName="s")
    for at in range(0, count, BATCH):
        batch = [
            {"timestamp": int(now * 1000), "message": LINE.format(i >> 8 & 255, i & 255, i % 60_000)}
            for i in range(at, min(at + BATCH, count))
        ]
        client.put_log_events(logGroupName=group, logStreamName="s", logEvents=batch)


def asked(client: Any, group: str, now: float) -> float:
    """Seconds from StartQuery to the last GetQueryResults."""
    began = time.perf_counter()
    start, end = int(now) - 3600, int(now) + 3600
    query = client.start_query(logGroupName=group, startTime=start, endTime=end, queryString=QUERY)["queryId"]
    while (reply := client.get_query_results(queryId=query))["status"] in ("Scheduled", "Running"):
        pass  # a poll of the sandbox moves its clock; moto's queries are complete at once
    assert (reply["status"], len(reply["results"])) == ("Complete", 20), reply
    return time.perf_counter() - began


def over_moto(count: int = EVENTS, rounds: int = 5) -> dict[str, float]:
    """Ratios of medians: of the first query over new events, and of those that follow, to moto's."""
    first, later, theirs = [], [], []
    with sandbox() as (ours, clock), moto() as other:
        fill(ours, "/warm", clock(), 20)
        asked(ours, "/warm", clock())  # the engine is loaded once in a process's life
        fill(other, "/g", time.time(), count)
        for number in range(rounds):
            fill(ours, f"/g/{number}", clock(), count)
            first.append(asked(ours, f"/g/{number}", clock()))
            theirs.append(asked(other, "/g", time.time()))
            later.append(asked(ours, f"/g/{number}", clock()))
    usual = statistics.median(theirs)
    return {"first": statistics.median(first) / usual, "later": statistics.median(later) / usual, "moto": usual}


if __name__ == "__main__":
    print({name: round(value, 3) for name, value in over_moto().items()})
