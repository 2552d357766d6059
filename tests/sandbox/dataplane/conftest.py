"""A built account in which the tests of a module change one thing at a time, and its records with flags and ways."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any, NamedTuple

import pytest

from helpers.flowlogs import FlowRecord, LogFormat
from tests.support import network
from tests.support.box import Box

FORMAT = LogFormat(
    (
        *("interface-id", "flow-direction", "action", "tcp-flags", "srcaddr", "dstaddr", "srcport", "dstport"),
        *("protocol", "packets", "bytes", "start", "end", "log-status", "pkt-srcaddr", "pkt-dstaddr"),
        *("traffic-path", "reject-reason", "type", "vpc-id", "subnet-id", "instance-id", "account-id"),
    )
)
GROUP = "/test/verdicts"
WINDOW_SECONDS = 60
DELIVERED_SECONDS = 15 * 60


class Row(NamedTuple):
    """What a test compares of one flow at one end, all its windows together."""

    end: str
    direction: str
    action: str
    flags: int
    packets: int


class Lab:
    """The network of `tests.support.network`, watched at both ends."""

    def __init__(self, box: Box) -> None:
        self.box = box
        self.net = network.build(box)
        network.enable(box, self.net)
        role = box("iam").get_role(RoleName="delivery")["Role"]["Arn"]
        reply = box("ec2").create_flow_logs(
            ResourceIds=[self.net.client.vpc, self.net.server.vpc],
            ResourceType="VPC",
            TrafficType="ALL",
            LogGroupName=GROUP,
            DeliverLogsPermissionArn=role,
            LogFormat=str(FORMAT),
            MaxAggregationInterval=60,
        )
        assert not reply["Unsuccessful"]
        box("logs").create_log_group(logGroupName=GROUP)

    def __call__(self, service: str) -> Any:
        return self.box(service)

    def run(self, *commands: str) -> tuple[dict[str, Any], list[FlowRecord]]:
        """Run a script on the client, away from all earlier windows: how it ended, and all its records."""
        before = datetime.fromisoformat(self.box.advance(2 * WINDOW_SECONDS)).timestamp()
        reply = network.shell(self.box, self.net.client.instance, *commands)
        self.box.advance(DELIVERED_SECONDS)
        return reply, self.delivered(before - WINDOW_SECONDS)

    def delivered(self, since: float) -> list[FlowRecord]:
        """The records of both interfaces whose windows began after a moment, without NODATA."""
        logs, found = self.box("logs"), []
        for stream in logs.describe_log_streams(logGroupName=GROUP)["logStreams"]:
            where = {"logGroupName": GROUP, "logStreamName": stream["logStreamName"], "startFromHead": True}
            where["startTime"] = int(since * 1000) + 1
            page = logs.get_log_events(**where)
            while page["events"]:
                found += [FORMAT.read(event["message"]) for event in page["events"]]
                page = logs.get_log_events(**where, nextToken=page["nextForwardToken"])
        return [one for one in found if one.log_status == "OK"]

    def rows(self, records: list[FlowRecord]) -> set[Row]:
        """The flows of some records, windows added up and flags OR-ed."""
        ends = {self.net.client.interface: "client", self.net.server.interface: "server"}
        flows: dict[tuple[object, ...], Row] = {}
        for one in records:
            row = Row(ends[str(one.interface_id)], str(one.flow_direction), str(one.action), 0, 0)
            key = (*row[:3], one.srcaddr, one.dstaddr, one.srcport, one.dstport, one.protocol)
            old = flows.get(key, row)
            flows[key] = old._replace(flags=old.flags | (one.tcp_flags or 0), packets=old.packets + (one.packets or 0))
        return set(flows.values())


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """One account for a module; every test puts back what it changed."""
    box = Box(tmp_path_factory.mktemp("home"))
    try:
        yield Lab(box)
    finally:
        box.stop()


@pytest.fixture
def own_lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """An account of its own, for a test that takes it apart."""
    box = Box(tmp_path_factory.mktemp("home"))
    try:
        yield Lab(box)
    finally:
        box.stop()
