"""A denied read, a lost connection: what can be done is done, and the end says what could not be looked at."""

from collections.abc import Callable, Iterator

import pytest
from botocore.exceptions import EndpointConnectionError, TokenRetrievalError

from helpers.__main__ import main
from tests.lab.teardown.guard import refusal
from tests.lab.teardown.labs import MotoLab, build, group_name
from tests.lab.teardown.test_run import SMALL, left_in_account
from tests.support.cases import sampled

# The read that is denied, and what the end then says; those of the review first.
DENIED = {
    "ListPolicies": "policies",
    "ListRoles": "roles",
    "DescribeLogGroups": "log groups",
    "DescribeFlowLogs": "vpc flow logs",
    "DescribeNetworkInterfaces": "network interfaces",
    "GetRole": "roles",
    "ListEntitiesForPolicy": "policies",
    "ListInstanceProfiles": "instance profiles",
    "ListTagsForResource": "log groups",
    "DescribeInstances": "instances",
    "DescribeVpcs": "VPCs",
    "DescribeSubnets": "subnets",
    "DescribeInternetGateways": "internet gateways",
    "DescribeRouteTables": "route tables",
    "DescribeVpcPeeringConnections": "vpc peering connections",
    "DescribeSecurityGroups": "security groups",
    "DescribeNetworkAcls": "network ACLs",
    "DescribeAddresses": "Elastic IP addresses",
    "DescribeTags": "tags",
    "GetResources": "alarms (AccessDenied), topics (AccessDenied), dashboards",
    "DescribeQueryDefinitions": "saved queries",
}
OFTEN = ("ListRoles", "DescribeFlowLogs", "DescribeNetworkInterfaces", "DescribeTags")
RARELY = [pytest.param(operation, marks=pytest.mark.long) for operation in DENIED if operation not in OFTEN]


@pytest.fixture
def strangers(lab: MotoLab) -> Iterator[None]:
    """A network, machines and roles of another lab, all there at the end as at the start."""
    other = MotoLab("demo2", access=lab.access)
    build(other, parts=SMALL)
    before = set(left_in_account(other))
    yield
    lab.access.guard.failing = lambda *_: None
    assert before <= set(left_in_account(other))


def machines(lab: MotoLab) -> list[str]:
    """The lab's machines that are not at their end; nothing is denied any more."""
    lab.access.guard.failing = lambda *_: None
    reply = lab.client("ec2").describe_instances(Filters=lab.tag_filters())
    found = [machine for entry in reply["Reservations"] for machine in entry["Instances"]]
    return [
        machine["InstanceId"] for machine in found if machine["State"]["Name"] not in ("terminated", "shutting-down")
    ]


@pytest.mark.parametrize("operation", [*OFTEN, *RARELY])
def test_one_denied_read_stops_nothing_else(
    lab: MotoLab,
    strangers: None,
    operation: str,
    no_sleep: None,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    build(lab)
    monkeypatch.setattr("helpers.lab.open_lab", lambda *_: lab)
    lab.access.guard.failing = lambda *call: refusal("AccessDenied", operation) if call[0] == operation else None
    assert main(["teardown", "--prefix", "demo"]) == 1
    said = capsys.readouterr()
    assert f"could not look at: {DENIED[operation]} (AccessDenied)" in said.out and not said.err
    assert bool(machines(lab)) == (operation == "DescribeInstances")
    assert main(["teardown", "--prefix", "demo"]) == 0
    assert not lab.teardown.verify()


@pytest.mark.parametrize("others", [0, 3])
def test_a_log_group_that_a_policy_hides_keeps_no_other(lab: MotoLab, others: int) -> None:
    """As where a policy allows the tags of the lab's own log groups only: DescribeLogGroups still names all."""
    build(lab, parts=(*SMALL, "logging"))
    for number in range(others + 1):
        lab.client("logs").create_log_group(logGroupName=f"/aws/{number}")
    asked: list[str] = []

    def fails(operation: str, region: str) -> Exception | None:
        asked.append(operation)
        return (
            refusal("AccessDenied", operation) if asked.count("ListTagsForResource") in range(1, others + 2) else None
        )

    lab.access.guard.failing = lambda *call: fails(*call) if call[0] == "ListTagsForResource" else None
    plan = lab.teardown.plan()
    assert plan.unseen == ("log groups (AccessDenied)",)
    assert {step.id for step in plan if step.kind == "log-group"} == {group_name(lab)}


def test_without_the_right_to_see_protections_the_rest_is_done(lab: MotoLab) -> None:
    build(lab, parts=SMALL)
    denied = "DescribeInstanceAttribute"
    lab.access.guard.failing = lambda *call: refusal("AccessDenied", denied) if call[0] == denied else None
    assert lab.teardown.plan().unseen == ("instance protections (AccessDenied)",)
    assert not lab.teardown.run().failed and not lab.teardown.verify()


def failing_from(start: int, end: int | None, error: Exception) -> Callable[[str, str], Exception | None]:
    """Calls ``start`` up to ``end`` (all later ones where there is none) end with this error."""
    numbers = iter(range(1_000_000))

    def fails(operation: str, region: str) -> Exception | None:
        number = next(numbers)
        return error if number >= start and (end is None or number < end) else None

    return fails


LOST = EndpointConnectionError(endpoint_url="https://ec2.us-east-1.amazonaws.com")
EXPIRED = TokenRetrievalError(provider="sso", error_msg="Token has expired and refresh failed")
SOME = (0, 61, 110)
MORE = [pytest.param(number, marks=pytest.mark.long) for number in sampled([*range(1, 60), *range(62, 130)], 12)]


@pytest.mark.parametrize("start", [*SOME, *MORE])
@pytest.mark.parametrize("lasting", [1, None], ids=["once", "for good"])
def test_a_lost_connection_at_any_call_ends_in_a_table(
    lab: MotoLab, strangers: None, start: int, lasting: int | None, no_sleep: None
) -> None:
    build(lab)
    end = None if lasting is None else start + lasting
    lab.access.guard.failing = failing_from(start, end, LOST if start % 2 else EXPIRED)
    report = lab.teardown.run()
    left = lab.teardown.verify()
    assert str(report) and (lasting or (left and "could not look at" in str(left)))
    assert lasting or len(report.failed) < 3 or report.failed[-1].detail.startswith("not tried")
    lab.access.guard.failing = lambda *_: None
    lab.teardown.run()
    assert not lab.teardown.verify()


def test_a_shell_sees_a_table_and_exit_code_1(
    lab: MotoLab, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    build(lab, parts=("a",))
    monkeypatch.setattr("helpers.lab.open_lab", lambda *_: lab)
    reached: list[str] = []

    def fails(operation: str, region: str) -> Exception | None:
        reached.append(operation)
        return LOST if "DeleteSubnet" in reached else None

    lab.access.guard.failing = fails
    assert main(["teardown", "--prefix", "demo"]) == 1
    said = capsys.readouterr()
    assert "EndpointConnectionError: Could not connect" in said.out and "not tried" in said.out
    assert "could not look at: VPCs (EndpointConnectionError)" in said.out and not said.err
