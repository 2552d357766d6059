"""Clients of one sandbox per module, and time that a test moves."""

from datetime import UTC, datetime
from typing import Any

import pytest

from tests.support.served import Sandbox

GROUP = "/vpc/watched"
RECORD = "2 123456789012 eni-0a1 {source} 10.1.1.10 50000 {port} 6 {packets} 120 {start} {end} {action} OK"
SSH = (
    '[version, account, eni, source, destination, srcport, destport="22", protocol="6", packets, bytes, windowstart, '
    'windowend, action="REJECT", flowlogstatus]'
)


@pytest.fixture(scope="module")
def cloudwatch(sandbox: Sandbox) -> Any:
    return sandbox.client("cloudwatch")


@pytest.fixture(scope="module")
def sns(sandbox: Sandbox) -> Any:
    return sandbox.client("sns")


@pytest.fixture(scope="module")
def logs(sandbox: Sandbox) -> Any:
    client = sandbox.client("logs")
    client.create_log_group(logGroupName=GROUP)
    client.create_log_stream(logGroupName=GROUP, logStreamName="eni-0a1-all")
    return client


def moment(at: float) -> datetime:
    return datetime.fromtimestamp(at, UTC)


def record(
    start: float, *, port: int = 22, action: str = "REJECT", source: str = "203.0.113.9", packets: int = 1
) -> str:
    start = int(start)
    return RECORD.format(source=source, port=port, packets=packets, start=start, end=start + 60, action=action)


def put(logs: Any, *events: tuple[float, str], group: str = GROUP) -> None:
    entries = [{"timestamp": int(at * 1000), "message": text} for at, text in sorted(events)]
    logs.put_log_events(logGroupName=group, logStreamName="eni-0a1-all", logEvents=entries)


def advance(sandbox: Sandbox, seconds: float) -> None:
    sandbox.account.advance(sandbox.now + seconds)


def to_minute(sandbox: Sandbox) -> float:
    """Go to five seconds after a whole minute, so that the calls of a test do not cross one."""
    now = (sandbox.now // 60 + 1) * 60
    sandbox.account.advance(now + 5)
    return now
