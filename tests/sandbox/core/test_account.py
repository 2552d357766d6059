"""The account by itself: full disks, events that fail, retries that are none."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from helpers.sandbox import calls
from helpers.sandbox.account import Request, SandboxAccount
from helpers.sandbox.calls import Caller
from helpers.sandbox.files import CannotWrite
from helpers.sandbox.home import Home, Identity
from helpers.sandbox.identities import owner
from helpers.sandbox.moto_adapter import Moto
from helpers.sandbox.server import open_account

OWNER = Identity("AKIATESTOWNERTESTOWN", "a-secret-that-only-the-tests-know")


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[Callable[[], SandboxAccount]]:
    """Opens the account of one home, as a start does after whatever became of the last process."""
    home, moto = Home(tmp_path), Moto()
    home.prepare()

    def again() -> SandboxAccount:
        moto.reset()
        return open_account(home, OWNER, moto)

    yield again
    moto.reset()


def create_vpc(cidr: str, invocation: str | None = None, caller: Caller | None = None) -> Request:
    body = f"Action=CreateVpc&Version=2016-11-15&CidrBlock={cidr}".encode()
    who = caller or owner(OWNER.access_key_id)
    return Request("ec2", "us-east-1", "CreateVpc", "", body, who, invocation)


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
