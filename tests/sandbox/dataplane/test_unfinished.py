"""A restart while commands are under way changes nothing: the same records and the same output, to the byte."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from helpers.sandbox.account import checkpoint
from helpers.sandbox.moto_adapter import Moto
from helpers.sandbox.process.home import Home
from tests.sandbox.conftest import Sandbox
from tests.support import network
from tests.support.network import SERVER_ADDRESS

PING = f"ping -c 300 {SERVER_ADDRESS}"
VISITS = f"""ping -c 240 {SERVER_ADDRESS} > /dev/null &
for visit in $(seq 20); do curl -sS -m 2 -o /dev/null http://{SERVER_ADDRESS}/; sleep 7; done"""
Moment = Callable[[Sandbox, str], None]


def undisturbed(sandbox: Sandbox, moment: str) -> None:
    """Nothing happens."""


def from_the_journal(sandbox: Sandbox, moment: str) -> None:
    sandbox.reopen()


def from_checkpoints(sandbox: Sandbox, moment: str) -> None:
    """From a checkpoint of before the change and the journal since, then from one of after the change."""
    if moment == "before the change":
        with sandbox.account.lock:
            checkpoint.save(sandbox.account, Home(sandbox.folder).checkpoint)
    else:
        sandbox.reopen(from_checkpoint=moment == "later")


def course(folder: Path, moto: Moto, at: Moment) -> str:
    """Two commands, and an ACL that denies in the middle of them: all that a reader of the account then sees."""
    sandbox = Sandbox(folder, moto)
    try:
        net = network.build(sandbox.client)
        network.enable(sandbox.client, net)
        sandbox.advance(120)
        sent = [_send(sandbox, net.client.instance, text) for text in (PING, VISITS)]
        sandbox.advance(50.5)
        at(sandbox, "before the change")
        sandbox.advance(30)
        sandbox.client("ec2").create_network_acl_entry(
            NetworkAclId=net.server.acl, RuleNumber=50, Protocol="-1", RuleAction="deny", Egress=False,
            CidrBlock="0.0.0.0/0",
        )  # fmt: skip
        sandbox.advance(40.25)
        at(sandbox, "after the change")
        sandbox.advance(33)
        at(sandbox, "later")
        sandbox.advance(2000)
        return _outcome(sandbox, net, sent)
    finally:
        sandbox.close()


def _send(sandbox: Sandbox, instance: str, text: str) -> str:
    sent = sandbox.client("ssm").send_command(
        InstanceIds=[instance], DocumentName="AWS-RunShellScript", Parameters={"commands": [text]}
    )
    return str(sent["Command"]["CommandId"])


def _outcome(sandbox: Sandbox, net: network.Network, sent: list[str]) -> str:
    ssm, logs = sandbox.client("ssm"), sandbox.client("logs")
    replies: list[dict[str, Any]] = [
        ssm.get_command_invocation(CommandId=command, InstanceId=net.client.instance) for command in sent
    ]
    for reply in replies:
        del reply["ResponseMetadata"]
    pages = logs.get_paginator("filter_log_events").paginate(logGroupName=network.GROUP)
    events = list(pages.search("events[]"))
    assert any(" REJECT " in event["message"] for event in events)
    assert 80 < replies[0]["StandardOutputContent"].count("icmp_seq=") < 85
    return json.dumps([replies, events], default=str) + network.everything(sandbox.client)


@pytest.fixture(scope="module")
def expected(tmp_path_factory: pytest.TempPathFactory, moto: Moto) -> str:
    return course(tmp_path_factory.mktemp("undisturbed"), moto, undisturbed)


@pytest.mark.parametrize("at", [undisturbed, from_the_journal, from_checkpoints], ids=lambda at: at.__name__)
def test_commands_that_are_under_way_go_on_as_if_nothing_had_happened(
    tmp_path: Path, moto: Moto, expected: str, at: Moment
) -> None:
    """Undisturbed, it is a second equal run."""
    assert course(tmp_path, moto, at) == expected
