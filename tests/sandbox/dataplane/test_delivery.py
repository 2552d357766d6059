"""What the delivery role may do decides whether records arrive: the status matrix, trusts and policies by the row.

All rows are flow logs of one interface, made before one command, so that all of them should see the same records.
"""

import copy
import json
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from tests.support import network
from tests.support.box import Box
from tests.support.network import DELIVERY, FLOW_LOGS_TRUST

ACCOUNT = "123456789012"
WRITE = ["logs:CreateLogStream", "logs:PutLogEvents"]
LOOK = ["logs:DescribeLogGroups", "logs:DescribeLogStreams"]


def trust(**changes: Any) -> dict[str, Any]:
    """The service's trust with some members of its statement changed."""
    document: dict[str, Any] = copy.deepcopy(FLOW_LOGS_TRUST)
    document["Statement"][0].update(changes)
    return document


def policy(*actions: str, resource: str = "*") -> dict[str, Any]:
    """Those actions on a resource, and looking around everywhere."""
    statements = [
        {"Effect": "Allow", "Action": list(actions), "Resource": resource},
        {"Effect": "Allow", "Action": LOOK, "Resource": "*"},
    ]
    return {"Version": "2012-10-17", "Statement": statements}


def denying(action: str) -> dict[str, Any]:
    document: dict[str, Any] = policy(*WRITE)
    document["Statement"].append({"Effect": "Deny", "Action": action, "Resource": "*"})
    return document


def group_arn(name: str) -> str:
    return f"arn:aws:logs:us-east-1:{ACCOUNT}:log-group:/matrix/{name}"


@dataclass(frozen=True)
class Case:
    """A role and a group, and whether records should arrive."""

    delivers: bool
    trust: dict[str, Any]
    policy: dict[str, Any]
    group_exists: bool = True


ARNS = {"ArnLike": {"aws:SourceArn": f"arn:aws:ec2:us-east-1:{ACCOUNT}:vpc-flow-log/*"}}
OWN = {"StringEquals": {"aws:SourceAccount": ACCOUNT}}
CASES = {
    "in-order": Case(True, FLOW_LOGS_TRUST, DELIVERY),
    "conditions-that-fit": Case(True, trust(Condition=OWN | ARNS), DELIVERY),
    "service-may-not-assume": Case(False, trust(Principal={"Service": "ec2.amazonaws.com"}), DELIVERY),
    "trusts-the-account-only": Case(False, trust(Principal={"AWS": f"arn:aws:iam::{ACCOUNT}:root"}), DELIVERY),
    "trust-denies": Case(False, trust(Effect="Deny"), DELIVERY),
    "wrong-action-in-trust": Case(False, trust(Action="sts:TagSession"), DELIVERY),
    "other-source-account": Case(
        False, trust(Condition={"StringEquals": {"aws:SourceAccount": "123456789013"}}), DELIVERY
    ),
    "other-source-arn": Case(
        False,
        trust(Condition={"ArnLike": {"aws:SourceArn": f"arn:aws:ec2:eu-west-1:{ACCOUNT}:vpc-flow-log/*"}}),
        DELIVERY,
    ),
    "no-put": Case(False, FLOW_LOGS_TRUST, policy("logs:CreateLogStream")),
    "no-create-stream": Case(False, FLOW_LOGS_TRUST, policy("logs:PutLogEvents")),
    "deny-wins": Case(False, FLOW_LOGS_TRUST, denying("logs:PutLogEvents")),
    "arn-with-star": Case(True, FLOW_LOGS_TRUST, policy(*WRITE, resource=group_arn("arn-with-star") + ":*")),
    "arn-without-star": Case(False, FLOW_LOGS_TRUST, policy(*WRITE, resource=group_arn("arn-without-star"))),
    "arn-of-another-group": Case(False, FLOW_LOGS_TRUST, policy(*WRITE, resource=group_arn("another") + ":*")),
    "group-made-at-delivery": Case(True, FLOW_LOGS_TRUST, policy(*WRITE, "logs:CreateLogGroup"), group_exists=False),
    "group-missing-for-good": Case(False, FLOW_LOGS_TRUST, policy(*WRITE), group_exists=False),
}


@dataclass(frozen=True)
class Outcome:
    """What is left of a case after the traffic."""

    flow_log: dict[str, Any]
    streams: tuple[str, ...] | None
    actions: tuple[str, ...]


def group_of(name: str) -> str:
    return f"/matrix/{name}"


@pytest.fixture(scope="module")
def box(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Box]:
    made = Box(tmp_path_factory.mktemp("home"))
    yield made
    made.stop()


@pytest.fixture(scope="module")
def net(box: Box) -> network.Network:
    return network.build(box)


@pytest.fixture(scope="module")
def outcomes(box: Box, net: network.Network) -> dict[str, Outcome]:
    """Every case set up, one ping, fifteen minutes, and what is there then."""
    ids = {name: set_up(box, net.server.interface, name, case) for name, case in CASES.items()}
    before = {one["logGroupName"] for one in box("logs").describe_log_groups()["logGroups"]}
    assert group_of("group-made-at-delivery") not in before
    network.shell(box, net.client.instance, f"ping -c 4 {network.SERVER_ADDRESS}")
    box.advance(900)
    found = box("ec2").describe_flow_logs(FlowLogIds=list(ids.values()))["FlowLogs"]
    by_group = {one["LogGroupName"]: one for one in found}
    return {name: look(box, by_group[group_of(name)]) for name in CASES}


def set_up(box: Box, interface: str, name: str, case: Case) -> str:
    role = box("iam").create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(case.trust))["Role"]["Arn"]
    box("iam").put_role_policy(RoleName=name, PolicyName="p", PolicyDocument=json.dumps(case.policy))
    if case.group_exists:
        box("logs").create_log_group(logGroupName=group_of(name))
    return create(box, interface, group_of(name), role)


def create(box: Box, interface: str, group: str, role: str) -> str:
    reply = box("ec2").create_flow_logs(
        ResourceIds=[interface],
        ResourceType="NetworkInterface",
        TrafficType="ALL",
        LogGroupName=group,
        DeliverLogsPermissionArn=role,
        MaxAggregationInterval=60,
    )
    assert not reply["Unsuccessful"]
    return str(reply["FlowLogIds"][0])


def look(box: Box, flow_log: dict[str, Any]) -> Outcome:
    logs, group = box("logs"), flow_log["LogGroupName"]
    try:
        streams = tuple(one["logStreamName"] for one in logs.describe_log_streams(logGroupName=group)["logStreams"])
    except logs.exceptions.ResourceNotFoundException:
        return Outcome(flow_log, None, ())
    lines = [
        event["message"].split()
        for stream in streams
        for event in logs.get_log_events(logGroupName=group, logStreamName=stream, startFromHead=True)["events"]
    ]
    return Outcome(flow_log, streams, tuple(line[12] for line in lines if line[13] == "OK"))


@pytest.mark.parametrize("name", [name for name, case in CASES.items() if case.delivers])
def test_a_role_that_may_delivers(outcomes: dict[str, Outcome], net: network.Network, name: str) -> None:
    outcome = outcomes[name]
    assert (outcome.flow_log["DeliverLogsStatus"], outcome.flow_log["FlowLogStatus"]) == ("SUCCESS", "ACTIVE")
    assert "DeliverLogsErrorMessage" not in outcome.flow_log
    assert outcome.actions == ("ACCEPT", "ACCEPT")
    assert outcome.streams is not None and [one.startswith(net.server.interface) for one in outcome.streams] == [True]


@pytest.mark.parametrize("name", [name for name, case in CASES.items() if not case.delivers])
def test_a_role_that_may_not_fails_and_no_record_arrives(outcomes: dict[str, Outcome], name: str) -> None:
    outcome = outcomes[name]
    assert (outcome.flow_log["DeliverLogsStatus"], outcome.flow_log["FlowLogStatus"]) == ("FAILED", "ACTIVE")
    assert outcome.flow_log["DeliverLogsErrorMessage"] == "Access error"
    assert not outcome.actions
    assert outcome.streams == (() if CASES[name].group_exists else None)


def test_the_status_filter_of_describe_agrees(outcomes: dict[str, Outcome], box: Box) -> None:
    for status, delivers in (("SUCCESS", True), ("FAILED", False)):
        wanted = [{"Name": "deliver-log-status", "Values": [status]}]
        found = {one["LogGroupName"] for one in box("ec2").describe_flow_logs(Filter=wanted)["FlowLogs"]}
        expected = {group_of(name) for name, case in CASES.items() if case.delivers == delivers}
        assert expected <= found and not found & ({group_of(name) for name in CASES} - expected)


@pytest.mark.parametrize("role", ["arn:aws:iam::123456789012:role/nobody", "arn:aws:iam::123456789013:role/in-order"])
def test_a_role_that_does_not_exist_is_refused_at_once(box: Box, net: network.Network, role: str) -> None:
    ec2 = box("ec2")
    with pytest.raises(ec2.exceptions.ClientError) as caught:
        create(box, net.server.interface, "/matrix/refused", role)
    assert caught.value.response["Error"]["Code"] == "InvalidParameter"
    assert "/matrix/refused" not in {one["LogGroupName"] for one in ec2.describe_flow_logs()["FlowLogs"]}


def test_fixing_and_breaking_a_trust_shows_from_the_next_delivery_on(
    outcomes: dict[str, Outcome], box: Box, net: network.Network
) -> None:
    """Records of the time without trust are lost for good."""
    role = box("iam").create_role(RoleName="fixed", AssumeRolePolicyDocument=json.dumps(trust(Effect="Deny")))["Role"]
    box("iam").put_role_policy(RoleName="fixed", PolicyName="p", PolicyDocument=json.dumps(DELIVERY))
    box("logs").create_log_group(logGroupName="/matrix/fixed")
    flow_log = create(box, net.server.interface, "/matrix/fixed", role["Arn"])
    seen = []
    for document in (None, FLOW_LOGS_TRUST, trust(Effect="Deny")):
        if document is not None:
            box("iam").update_assume_role_policy(RoleName="fixed", PolicyDocument=json.dumps(document))
        network.shell(box, net.client.instance, f"ping -c 1 {network.SERVER_ADDRESS}")
        box.advance(900)
        outcome = look(box, box("ec2").describe_flow_logs(FlowLogIds=[flow_log])["FlowLogs"][0])
        seen.append((outcome.flow_log["DeliverLogsStatus"], len(outcome.actions)))
    assert seen == [("FAILED", 0), ("SUCCESS", 2), ("FAILED", 2)]


def test_an_idle_interface_has_a_nodata_line_for_each_of_its_windows(tmp_path: Path) -> None:
    """Every window of every interface is accounted for, none longer than 60 s on a Nitro type, no flow in two."""
    box = Box(tmp_path)
    built = network.build(box)
    network.enable(box, built)
    network.shell(box, built.client.instance, f"ping -c 2 {network.SERVER_ADDRESS}")
    box.advance(3600)
    for side in (built.client, built.server):
        page = box("logs").get_log_events(
            logGroupName=network.GROUP, logStreamName=f"{side.interface}-all", startFromHead=True
        )
        lines = [event["message"].split() for event in page["events"]]
        assert all(line[3:10] == ["-"] * 7 and line[12] == "-" for line in lines if line[13] == "NODATA")
        spans = sorted({(int(line[10]), int(line[11])) for line in lines})
        assert {stop - start for start, stop in spans} == {60}
        assert all(before[1] == after[0] for before, after in pairwise(spans)), "no window is missing"
        busy = {int(line[10]) for line in lines if line[13] == "OK"}
        idle = [int(line[10]) for line in lines if line[13] == "NODATA"]
        assert len(idle) == len(set(idle)) >= 40 and not busy & set(idle)
    box.stop()
