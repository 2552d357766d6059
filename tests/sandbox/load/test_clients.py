"""Sixteen clients at once: no write is lost, none is done twice, and no answer is a 500."""

import random
import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.support.box import Box

CLIENTS = 16
START_MS = 1767603600000


@dataclass
class Client:
    """One client and what it was told that it did."""

    aws: Box
    number: int
    vpc: str
    tags: dict[str, str] = field(default_factory=dict)
    groups: list[str] = field(default_factory=list)
    streams: list[str] = field(default_factory=list)
    events: list[str] = field(default_factory=list)

    def work(self, calls: int) -> None:
        draw = random.Random(self.number)
        self.create_stream(0)
        for turn in range(1, calls):
            draw.choices(
                [self.create_group, self.create_stream, self.tag, self.put, self.describe_vpc, self.describe_logs],
                [5, 5, 25, 30, 20, 15],
            )[0](turn)

    def create_group(self, turn: int) -> None:
        made = self.aws("ec2").create_security_group(
            GroupName=f"g-{self.number}-{turn}", Description="x", VpcId=self.vpc
        )
        self.groups.append(made["GroupId"])

    def create_stream(self, turn: int) -> None:
        name = f"{self.number}/{turn}"
        self.aws("logs").create_log_stream(logGroupName="/load", logStreamName=name)
        self.streams.append(name)

    def tag(self, turn: int) -> None:
        """Overwrite one of three tags of the VPC that all share: the last value counts."""
        key = f"k-{self.number}-{turn % 3}"
        self.aws("ec2").create_tags(Resources=[self.vpc], Tags=[{"Key": key, "Value": str(turn)}])
        self.tags[key] = str(turn)

    def put(self, turn: int) -> None:
        message = f"{self.number}:{turn}"
        event = {"timestamp": START_MS + turn, "message": message}
        stream = self.streams[turn % len(self.streams)]
        reply = self.aws("logs").put_log_events(logGroupName="/load", logStreamName=stream, logEvents=[event])
        assert "rejectedLogEventsInfo" not in reply
        self.events.append(message)

    def describe_vpc(self, turn: int) -> None:
        """A read sees every write that was answered before it."""
        (vpc,) = self.aws("ec2").describe_vpcs(VpcIds=[self.vpc])["Vpcs"]
        shown = {tag["Key"]: tag["Value"] for tag in vpc.get("Tags", [])}
        assert {key: shown.get(key) for key in self.tags} == self.tags

    def describe_logs(self, turn: int) -> None:
        prefix = self.streams[-1]
        page = self.aws("logs").describe_log_streams(logGroupName="/load", logStreamNamePrefix=prefix)
        assert prefix in {stream["logStreamName"] for stream in page["logStreams"]}


@pytest.fixture
def box(tmp_path: Path) -> Iterator[Box]:
    box = Box(tmp_path)
    yield box
    box.stop()


def together(box: Box, calls: int) -> None:
    """Run all clients, each through connections of its own pool, and look at what is there afterwards."""
    statuses: Counter[int] = Counter()
    counting = threading.Lock()

    def count(response: Any, **_: Any) -> None:
        with counting:
            statuses[response[0].status_code if response else 0] += 1

    for service in ("ec2", "logs"):
        box(service).meta.events.register_first(f"needs-retry.{service}", count)
    # A VPC may carry 50 tags of users: 16 clients with 3 each fit.
    vpc = box("ec2").create_vpc(CidrBlock="10.1.0.0/16")["Vpc"]["VpcId"]
    box("logs").create_log_group(logGroupName="/load")
    clients = [Client(box, number, vpc) for number in range(CLIENTS)]
    with ThreadPoolExecutor(CLIENTS) as pool:
        list(pool.map(lambda client: client.work(calls // CLIENTS), clients))
    assert set(statuses) == {200}, statuses
    assert statuses[200] >= calls // CLIENTS * CLIENTS
    assert_nothing_lost(box, clients)
    box.kill()
    assert_nothing_lost(box, clients)


def assert_nothing_lost(box: Box, clients: list[Client]) -> None:
    ec2, logs = box("ec2"), box("logs")
    (vpc,) = ec2.describe_vpcs(VpcIds=[clients[0].vpc])["Vpcs"]
    tags = {key: value for client in clients for key, value in client.tags.items()}
    assert {tag["Key"]: tag["Value"] for tag in vpc["Tags"]} == tags
    pages = ec2.get_paginator("describe_security_groups").paginate(
        Filters=[{"Name": "vpc-id", "Values": [clients[0].vpc]}]
    )
    groups = [group["GroupId"] for page in pages for group in page["SecurityGroups"] if group["GroupName"] != "default"]
    assert sorted(groups) == sorted(group for client in clients for group in client.groups)
    pages = logs.get_paginator("describe_log_streams").paginate(logGroupName="/load")
    streams = [stream["logStreamName"] for page in pages for stream in page["logStreams"]]
    assert sorted(streams) == sorted(stream for client in clients for stream in client.streams)
    pages = logs.get_paginator("filter_log_events").paginate(logGroupName="/load")
    events = [event["message"] for page in pages for event in page["events"]]
    assert sorted(events) == sorted(event for client in clients for event in client.events)


def test_sixteen_clients_at_once(box: Box) -> None:
    together(box, 500)


@pytest.mark.long
def test_sixteen_clients_and_ten_thousand_calls(box: Box) -> None:
    together(box, 10_000)
