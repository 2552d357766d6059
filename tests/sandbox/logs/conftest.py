"""A small account for calling behaviours directly: one clock, one journal position per changing call."""

import hashlib
import random
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from helpers.sandbox import behaviours
from helpers.sandbox.calls import EVENTS, TABLE, Call, Caller, Params, Replacement, WithoutLock
from helpers.sandbox.store.event_store import EventStore

behaviours.load()

START = 1_700_000_000
OWNER = Caller("AKIAEXAMPLE", "arn:aws:iam::123456789012:user/learner", "AIDAEXAMPLE", owner=True)
READS = ("Describe", "Get", "List", "Filter", "Test")


class FakeAccount:
    """Applies calls in order and can replay them, as the real account does."""

    account_id = "123456789012"

    def __init__(self, folder: Path, last_position: int | None = None) -> None:
        self.folder = folder
        self.events = EventStore(folder, last_position)
        self.time = float(START)
        self.position = 0
        self.replaying = False
        self.states: dict[tuple[type, str], Any] = {}
        self.journal: list[tuple[float, str, str, Params]] = []
        self.due: list[tuple[float, str, Mapping[str, Any]]] = []
        self.asked = ""

    def now(self) -> float:
        return self.time

    def schedule(self, at: float, kind: str, **payload: Any) -> None:
        self.due.append((at, kind, payload))

    def wait_for(self, at: float) -> None:
        self.advance(at - self.time)

    def advance(self, seconds: float) -> None:
        if seconds <= 0:
            return
        until = self.time + seconds
        for at, kind, payload in sorted(self.due, key=lambda entry: entry[0]):
            if at <= until:
                self.due.remove((at, kind, payload))
                EVENTS[kind](self, payload)
        self.time = until

    def random(self, *parts: str) -> random.Random:
        return random.Random(hashlib.sha256("\0".join((self.asked, *parts)).encode()).digest())

    def state(self, kind: type[Any], region: str) -> Any:
        return self.states.setdefault((kind, region), kind())

    def aws(self, service: str, action: str, region: str, **params: Any) -> dict[str, Any]:
        raise AssertionError("CloudWatch Logs calls no other service")

    def call(self, action: str, region: str = "us-east-1", **params: Any) -> Params:
        behaviour, call = TABLE[("logs", action)], Call("logs", action, region, params, OWNER)
        assert behaviour.replacement is not None
        self.asked = f"{action}{sorted(params.items())!r}{self.position}"
        for guard in behaviour.guards:
            guard(call, self)
        reply = self.handled(behaviour.replacement, call)
        if not action.startswith(READS):
            self.journal.append((self.time, action, region, params))
            self.position += 1
            if not self.replaying:
                self.advance(1)
        return reply

    def handled(self, handler: Replacement, call: Call) -> Params:
        """What the real account does with its lock: what needs none is done, then the call is applied again."""
        while True:
            try:
                return handler(call, self)
            except WithoutLock as waiting:
                assert not self.replaying
                waiting.work()

    def restarted(self) -> "FakeAccount":
        """The account that a kill and a replay of the whole journal give."""
        self.events.close()
        again = FakeAccount(self.folder, last_position=len(self.journal) - 1)
        again.replaying = True
        for time, action, region, params in self.journal:
            again.advance(time - again.time)
            again.call(action, region, **params)
        again.replaying = False
        again.advance(self.time - again.time)
        return again


@pytest.fixture
def account(tmp_path: Path) -> Iterator[FakeAccount]:
    made = FakeAccount(tmp_path / "events")
    yield made
    made.events.close()


@pytest.fixture
def group(account: FakeAccount) -> FakeAccount:
    """An account with the group ``/vpc/a`` and its stream ``eni-1-all``."""
    account.call("CreateLogGroup", logGroupName="/vpc/a")
    account.call("CreateLogStream", logGroupName="/vpc/a", logStreamName="eni-1-all")
    return account


def put(account: FakeAccount, *events: tuple[int, str], stream: str = "eni-1-all", group: str = "/vpc/a") -> Params:
    """PutLogEvents with (milliseconds from now, message) pairs."""
    now = int(account.now() * 1000)
    return account.call(
        "PutLogEvents",
        logGroupName=group,
        logStreamName=stream,
        logEvents=[{"timestamp": now + offset, "message": message} for offset, message in events],
    )
