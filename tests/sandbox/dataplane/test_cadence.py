"""When records arrive: windows of a minute, bursts of ten minutes, and a group that comes back after its clean-up.

Measured on real data (interval 600): windows 57 to 65 s apart, bursts 598 to 601 s apart, delay from ``start`` to
ingestion 75 s at least, 6.3 min at the median, 11 min at most.
"""

import itertools
import statistics
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support import network
from tests.support.box import Box
from tests.support.network import GROUP

MAY_MAKE_GROUPS = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Action": "logs:*", "Resource": "*"}],
}


@pytest.fixture
def box(tmp_path: Path) -> Iterator[Box]:
    made = Box(tmp_path)
    yield made
    made.stop()


def events(box: Box, interface: str) -> list[dict[str, Any]]:
    """An interface's records, oldest first; NODATA lines left out."""
    pages = box("logs").get_paginator("filter_log_events")
    found = itertools.chain.from_iterable(
        page["events"] for page in pages.paginate(logGroupName=GROUP, logStreamNamePrefix=interface)
    )
    return [event for event in found if event["message"].endswith(" OK")]


def test_windows_bursts_and_delays_are_those_measured(box: Box) -> None:
    built = network.build(box)
    network.enable(box, built)
    for _ in range(75):
        network.shell(box, built.client.instance, f"ping -c 1 {network.SERVER_ADDRESS}")
        box.advance(47)
    box.advance(1300)
    seen = events(box, built.client.interface)
    assert len(seen) >= 100
    fields = [event["message"].split() for event in seen]
    assert all(event["timestamp"] == int(record[10]) * 1000 for event, record in zip(seen, fields, strict=True))
    assert all(0 < int(record[11]) - int(record[10]) <= 60 for record in fields)
    starts = sorted({int(record[10]) for record in fields})
    assert all((later - earlier) % 60 == 0 for earlier, later in itertools.pairwise(starts))
    bursts = sorted({event["ingestionTime"] // 1000 for event in seen})
    gaps = [later - earlier for earlier, later in itertools.pairwise(bursts) if later - earlier > 5]
    assert len(gaps) >= 5
    assert all(595 <= gap <= 605 for gap in gaps), gaps
    delays = [(event["ingestionTime"] - event["timestamp"]) / 1000 for event in seen]
    assert min(delays) >= 75
    assert max(delays) <= 11 * 60 + 5
    assert 5 * 60 <= statistics.median(delays) <= 7 * 60


def test_the_group_that_was_cleaned_up_comes_back_with_the_last_window(box: Box) -> None:
    built = network.build(box)
    flow_logs = network.enable(box, built, policy=MAY_MAKE_GROUPS)
    network.shell(box, built.client.instance, f"ping -c 2 {network.SERVER_ADDRESS}")
    box("ec2").delete_flow_logs(FlowLogIds=flow_logs)
    box("logs").delete_log_group(logGroupName=GROUP)
    assert box("logs").describe_log_groups(logGroupNamePrefix=GROUP)["logGroups"] == []
    box.advance(1300)
    (group,) = box("logs").describe_log_groups(logGroupNamePrefix=GROUP)["logGroups"]
    assert "retentionInDays" not in group
    assert network.records(box, built.client.interface)
    box("logs").delete_log_group(logGroupName=GROUP)
    box.advance(3600)
    assert box("logs").describe_log_groups(logGroupNamePrefix=GROUP)["logGroups"] == []


def test_the_group_stays_away_where_the_role_may_not_make_it(box: Box) -> None:
    built = network.build(box)
    flow_logs = network.enable(box, built)
    network.shell(box, built.client.instance, f"ping -c 2 {network.SERVER_ADDRESS}")
    box("ec2").delete_flow_logs(FlowLogIds=flow_logs)
    box("logs").delete_log_group(logGroupName=GROUP)
    box.advance(1300)
    assert box("logs").describe_log_groups(logGroupNamePrefix=GROUP)["logGroups"] == []
