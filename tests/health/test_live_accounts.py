"""The check against the sandbox: a green lab, broken ones, and no write that reaches the server.

What a rule says of a network that lets through too little stays green: the check does not know what is wanted.
"""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from helpers.__main__ import main
from helpers.health import HealthFinding, Thresholds, examine
from helpers.lab import Lab
from helpers.lessons.account_view import AccountView
from helpers.lessons.checks.n13 import check_13_2
from helpers.lessons.faults import drift, faults
from helpers.lessons.lesson_functions import run_on
from helpers.lessons.steps import run_steps
from tests.support.homes import served_lab_after
from tests.support.served import ServedHome

pytestmark = pytest.mark.long
WORLD_3389 = [{"IpProtocol": "tcp", "FromPort": 3389, "ToPort": 3389, "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}]
OTHER_SERVICE, GROUP = "cloudtrail.amazonaws.com", "/demo/vpc-flow-logs"
PEER = "10.2.1.10"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("health") / "home"


@pytest.fixture(scope="module")
def served(home: Path) -> Iterator[tuple[Lab, ServedHome]]:
    with served_lab_after("05", home) as found:
        later(found[0], 5)  # the flow logs are old enough to show that nobody came
        yield found


@pytest.fixture
def lab(served: tuple[Lab, ServedHome]) -> Iterator[Lab]:
    lab, account = served
    with account.put_back():
        yield lab


def findings(lab: Lab) -> tuple[HealthFinding, ...]:
    return examine(lab.reading()).at_least("low")


def told(lab: Lab) -> list[tuple[str, str, str, dict[str, str]]]:
    """Check, severity, resource and first row of evidence of each finding."""
    return [(found.id, found.severity, found.resource, dict(found.evidence[0])) for found in findings(lab)]


def later(lab: Lab, minutes: float) -> None:
    end = lab.now().timestamp() + minutes * 60
    lab.wait_until(lambda: lab.now().timestamp() >= end, minutes * 60 + 60, "later moment")


def role(lab: Lab) -> dict[str, Any]:
    return dict(lab.client("iam").get_role(RoleName=lab.name("flow-logs"))["Role"])


def trust(lab: Lab, document: Any) -> None:
    text = json.dumps(document)
    lab.client("iam").update_assume_role_policy(RoleName=lab.name("flow-logs"), PolicyDocument=text)


def no_retention(lab: Lab) -> tuple[str, dict[str, str]]:
    stored = lab.client("logs").describe_log_groups(logGroupNamePrefix=GROUP)["logGroups"][0]["storedBytes"]
    lab.client("logs").delete_retention_policy(logGroupName=GROUP)
    return GROUP, {"log group": GROUP, "stored bytes": str(stored)}


def open_group(lab: Lab) -> tuple[str, dict[str, str]]:
    group = str(lab.find("security-group", "sg-public-b"))
    lab.client("ec2").authorize_security_group_ingress(GroupId=group, IpPermissions=WORLD_3389)
    return group, {"rule": "tcp 3389 from 0.0.0.0/0", "interfaces": "1"}


def no_route(lab: Lab) -> tuple[str, dict[str, str]]:
    """The route that notebook 08 deletes."""
    table, peer = str(lab.find("route-table", "rt-public-a")), lab.find("vpc-peering-connection", "a-b")
    lab.client("ec2").delete_route(RouteTableId=table, DestinationCidrBlock="10.2.0.0/16")
    other = str(lab.find("route-table", "rt-public-b"))
    return table, {"route of": other, "route": f"10.1.0.0/16 -> {peer}"}


def wide_trust(lab: Lab) -> tuple[str, dict[str, str]]:
    document = role(lab)["AssumeRolePolicyDocument"]
    del document["Statement"][0]["Condition"]
    trust(lab, document)
    return role(lab)["Arn"], {"condition": "aws:SourceAccount", "still allowed": "999999999999"}


def wrong_service(lab: Lab) -> tuple[str, dict[str, str]]:
    """What notebook 04 breaks, before anything was delivered."""
    text = json.dumps(role(lab)["AssumeRolePolicyDocument"])
    trust(lab, json.loads(text.replace("vpc-flow-logs.amazonaws.com", OTHER_SERVICE)))
    arn, log = role(lab)["Arn"], str(lab.find("vpc-flow-log", "flow-log-a"))
    cause = (
        f"sts:AssumeRole fails. Denied: no statement allows sts:AssumeRole on {arn} to vpc-flow-logs.amazonaws.com; "
        f"statement 1 of the trust policy allows the action, but it trusts {OTHER_SERVICE}, not "
        "vpc-flow-logs.amazonaws.com."
    )
    return arn, {"flow log": log, "cause": cause}


def deaf_alarm(lab: Lab) -> tuple[str, dict[str, str]]:
    """The trap of notebook 11; of the other log group an alarm tells that nothing arrives."""
    told = {"TreatMissingData": "breaching", "AlarmActions": ["arn:aws:sns:us-east-1:123456789012:told"]}
    trap = {"TreatMissingData": "notBreaching"}
    for name, group, settings in (("heard", "/demo/formats/custom", told), ("trap", GROUP, trap)):
        lab.client("cloudwatch").put_metric_alarm(
            AlarmName=name,
            Namespace="AWS/Logs",
            MetricName="IncomingLogEvents",
            Dimensions=[{"Name": "LogGroupName", "Value": group}],
            Statistic="Sum",
            Period=300,
            EvaluationPeriods=3,
            Threshold=1,
            ComparisonOperator="LessThanThreshold",
            **settings,
        )
    row = {"alarm": "trap", "state without records": "OK", "actions in it": "0", "actions enabled": "True"}
    return GROUP, row


BROKEN = [
    (no_retention, "H8", "low"),
    (open_group, "H11", "medium"),
    (no_route, "H13", "low"),
    (wide_trust, "H5", "high"),
    (wrong_service, "H7", "high"),
    (deaf_alarm, "H16", "low"),
]


@pytest.mark.parametrize(("broken", "check", "severity"), BROKEN, ids=lambda part: getattr(part, "__name__", part))
def test_a_broken_lab_has_exactly_its_finding(
    lab: Lab, broken: Callable[[Lab], tuple[str, dict[str, str]]], check: str, severity: str
) -> None:
    assert told(lab) == []
    resource, evidence = broken(lab)
    assert told(lab) == [(check, severity, resource, evidence)]


def test_what_04_breaks_turns_h1_red_and_nothing_else_once_a_delivery_failed(lab: Lab) -> None:
    wrong_service(lab)
    run_on(lab, "client-a", f"ping -q -c 4 {PEER}")
    later(lab, 10)
    flow_logs = lab.client("ec2").describe_flow_logs()["FlowLogs"]
    expected = {"status": "FAILED", "error": "Access error"}
    assert {(found.id, found.severity) for found in findings(lab)} == {("H1", "high")}
    assert {found.resource for found in findings(lab)} == {log["FlowLogId"] for log in flow_logs}
    assert all(dict(found.evidence[0]).items() >= expected.items() for found in findings(lab))
    assert all("sts:AssumeRole fails" in dict(found.evidence[1])["cause"] for found in findings(lab))


def test_what_04_2_repairs_is_one_flow_log_that_fails(lab: Lab) -> None:
    """The role of 04.1 does not write into the new group. (That the group keeps a week is what 04.1 asks for.)"""
    ec2, group = lab.client("ec2"), "/demo/rejects"
    lab.client("logs").create_log_group(logGroupName=group, tags=lab.tag_dict("rejects"))
    lab.client("logs").put_retention_policy(logGroupName=group, retentionInDays=7)
    settings = {"TrafficType": "REJECT", "LogGroupName": group, "DeliverLogsPermissionArn": role(lab)["Arn"]}
    made = ec2.create_flow_logs(ResourceType="Subnet", ResourceIds=[lab.find("subnet", "private-b")], **settings)
    for _ in ("from the status alone", "and once packets were rejected"):
        [failed] = examine(lab.reading(), Thresholds(retention_min_days=7)).at_least("low")
        assert (failed.id, failed.severity, failed.resource) == ("H1", "high", made["FlowLogIds"][0])
        run_on(lab, "client-a", f"ssh -o ConnectTimeout=5 -o StrictHostKeyChecking=no ec2-user@{PEER}")
        later(lab, 20)


FOUND = {
    "08.1": ("H13", "high", "network-acl", "acl-private-b"),
    "08.3": ("H13", "high", "network-acl", "acl-private-b"),
    "08.4": ("H13", "high", "route-table", "rt-private-b"),
}
OUTSIDE = {
    "08.2": "a network ACL that denies a port can be meant so, and the answers are not concerned",
    "08.5": "no program listens: the packets are accepted both ways, and the format has no tcp-flags that show the RST",
    "08.6": "a security group that lets out less can be meant so",
}
"""What no reading shows to be wrong, with the reason."""


def test_every_fault_of_08_is_found_or_outside() -> None:
    assert FOUND.keys() | OUTSIDE.keys() == {name for name in faults() if name[:2] == "08"}


@pytest.mark.parametrize("exercise", [*FOUND, *OUTSIDE])
def test_a_fault_of_08_has_exactly_its_finding_once_packets_were_lost(lab: Lab, exercise: str) -> None:
    fault = faults()[exercise]
    run_steps(lab, fault.steps)
    before = [("H13", "low", lab.find("route-table", "rt-private-b"))] if exercise == "08.4" else []
    assert [(found.id, found.severity, found.resource) for found in findings(lab)] == before
    later(lab, 2)
    run_on(lab, "client-a", str(fault.shown_by))
    later(lab, 15)
    expected = [(*found[:2], lab.find(*found[2:])) for found in [FOUND[exercise]]] if exercise in FOUND else []
    assert [(found.id, found.severity, found.resource) for found in findings(lab)] == expected


def test_a_missing_route_weighs_more_once_packets_were_lost(lab: Lab) -> None:
    run_steps(lab, faults()["08.4"].steps)
    run_on(lab, "client-a", f"ping -q -c 4 {PEER}")
    later(lab, 15)
    [finding] = findings(lab)
    interface = next(item.id for item in lab.topology().interfaces if PEER in item.private)
    lost = {"interface": interface, "source": PEER, "destination": "10.1.0.10", "packets": "4"}
    assert (finding.id, finding.severity) == ("H13", "high")
    assert finding.resource == lab.find("route-table", "rt-private-b")
    assert dict(finding.evidence[0]) == lost


def test_exercise_13_2_wants_nothing_else_changed(lab: Lab) -> None:
    drift(lab, "13.2")
    drift(lab, "13.2")  # twice is once
    ec2, group = lab.client("ec2"), str(lab.find("security-group", "sg-public-b"))
    assert check_13_2(AccountView(lab)).outcome == "not attempted"
    assert {found.id for found in findings(lab)} == {"H5", "H8", "H11"}
    deaf_alarm(lab)
    assert check_13_2(AccountView(lab)).outcome == "not attempted"
    rules = ec2.describe_security_groups(GroupIds=[group])["SecurityGroups"][0]["IpPermissions"]
    ec2.revoke_security_group_ingress(GroupId=group, IpPermissions=rules)
    assert check_13_2(AccountView(lab)).key == "page"
    ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[rule for rule in rules if rule != WORLD_3389[0]])
    ec2.delete_flow_logs(FlowLogIds=[lab.find("vpc-flow-log", "flow-log-a")])
    assert check_13_2(AccountView(lab)).key == "uncovered"


def test_catching_up_repairs_what_drifted(lab: Lab) -> None:
    drift(lab, "13.2")
    lab.catch_up("13")
    assert findings(lab) == ()


def test_no_write_reaches_the_server(lab: Lab, home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = (home / "journal.jsonl").read_bytes()
    assert main(["health", "--region", "us-east-1", "eu-west-1"]) == 0
    assert "Region eu-west-1" in capsys.readouterr().out
    assert (home / "journal.jsonl").read_bytes() == before != b""
