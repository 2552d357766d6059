"""The account by itself: full disks, events that fail, retries that are none."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import orjson
import pytest

from helpers.sandbox import calls
from helpers.sandbox.account.account import SandboxAccount
from helpers.sandbox.account.journal import read_beginning
from helpers.sandbox.account.requests import WireRequest
from helpers.sandbox.calls import Caller
from helpers.sandbox.iam.issued_keys import owner
from helpers.sandbox.store.files import CannotWrite, with_checksum
from tests.support.replay import ReplayDiffers
from tests.support.served import OWNER


def create_vpc(cidr: str, invocation: str | None = None, caller: Caller | None = None) -> WireRequest:
    body = f"Action=CreateVpc&Version=2016-11-15&CidrBlock={cidr}".encode()
    who = caller or owner(OWNER.access_key_id)
    return WireRequest("ec2", "us-east-1", "CreateVpc", "", body, who, invocation)


def vpcs(account: SandboxAccount) -> set[str]:
    return {vpc["CidrBlock"] for vpc in account.aws("ec2", "DescribeVpcs", "us-east-1")["Vpcs"]}


def test_a_call_that_could_not_be_written_is_not_answered_and_nothing_goes_on(
    opened: Callable[[], SandboxAccount], monkeypatch: pytest.MonkeyPatch
) -> None:
    account = opened()
    account.handle(create_vpc("10.1.0.0/16"))

    def full(entry: Any) -> None:
        raise CannotWrite(account.journal.path, OSError(28, "No space left on device"))

    with monkeypatch.context() as patch:
        patch.setattr(account.journal, "append", full)
        with pytest.raises(CannotWrite, match="No space left"):
            account.handle(create_vpc("10.2.0.0/16", "a"))
    for attempt in (lambda: account.handle(create_vpc("10.3.0.0/16")), lambda: account.advance(account.now() + 60)):
        with pytest.raises(CannotWrite):
            attempt()
    account.journal.close()
    account.events.close()
    again = opened()
    assert "10.1.0.0/16" in vpcs(again)
    assert not {"10.2.0.0/16", "10.3.0.0/16"} & vpcs(again)
    assert again.handle(create_vpc("10.2.0.0/16", "a")).status == 200


def test_an_event_that_fails_is_dropped_and_time_goes_on(
    opened: Callable[[], SandboxAccount], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(account: calls.Account, payload: Any) -> None:
        raise ValueError("a mistake of ours")

    monkeypatch.setitem(calls.EVENTS, "test.fails", fails)
    account = opened()
    to = account.now() + 10
    account.schedule(account.now() + 5, "test.fails")
    assert account.advance(to) == to
    assert account.advance(to + 10) == to + 10
    assert len(account.journal) == 2


def test_a_retry_is_the_same_call_of_the_same_caller(opened: Callable[[], SandboxAccount]) -> None:
    account = opened()
    first = account.handle(create_vpc("10.1.0.0/16", "id-1"))
    assert account.handle(create_vpc("10.1.0.0/16", "id-1")) is first
    stranger = replace(owner("AKIAIOSFODNN7EXAMPLE"), arn="arn:aws:iam::123456789012:user/other")
    assert account.handle(create_vpc("10.1.0.0/16", "id-1", stranger)).body != first.body
    assert account.handle(replace(create_vpc("10.1.0.0/16", "id-1"), action="DeleteVpc")).body != first.body


def test_a_replay_that_gives_other_ids_is_found_at_its_entry(
    opened: Callable[[], SandboxAccount],
) -> None:
    account = opened()
    account.advance(account.now() + 60)
    account.handle(create_vpc("10.1.0.0/16"))
    account.journal.close()
    account.events.close()
    lines = account.journal.path.read_bytes().splitlines(keepends=True)
    other = {**(read_beginning(account.journal.path) or {}), "seed": OWNER.seed + 1}
    account.journal.path.write_bytes(b"".join([with_checksum(orjson.dumps(other)), *lines[1:]]))
    with pytest.raises(ReplayDiffers, match=r"^CreateVpc at position 1 answered \(200, \['assoc-"):
        opened()
