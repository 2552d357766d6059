"""Teardown against the sandbox, from after every notebook: describe calls must show the account as it was at first."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from helpers._data import NOTEBOOKS
from helpers.lab import Lab, open_lab
from tests.support.cases import sampled
from tests.support.homes import STAGES, lab_after

pytestmark = pytest.mark.long

Account = dict[str, frozenset[str]]
# What is asked, under which key the answer lies, and what names one thing; ended ones are still shown for a while.
EC2: dict[str, tuple[str, str, Callable[[dict[str, Any]], bool]]] = {
    "describe_vpcs": ("Vpcs", "VpcId", lambda _: True),
    "describe_subnets": ("Subnets", "SubnetId", lambda _: True),
    "describe_internet_gateways": ("InternetGateways", "InternetGatewayId", lambda _: True),
    "describe_route_tables": ("RouteTables", "RouteTableId", lambda _: True),
    "describe_network_acls": ("NetworkAcls", "NetworkAclId", lambda _: True),
    "describe_security_groups": ("SecurityGroups", "GroupId", lambda _: True),
    "describe_network_interfaces": ("NetworkInterfaces", "NetworkInterfaceId", lambda _: True),
    "describe_flow_logs": ("FlowLogs", "FlowLogId", lambda _: True),
    "describe_vpc_peering_connections": (
        "VpcPeeringConnections",
        "VpcPeeringConnectionId",
        lambda item: item["Status"]["Code"] not in ("deleted", "failed", "rejected"),
    ),
}


def account(lab: Lab) -> Account:
    """All that describe and list calls show, whatever its tags."""
    ec2, iam, logs = lab.client("ec2"), lab.client("iam"), lab.client("logs")
    found: dict[str, list[str]] = {}
    for call, (key, name, is_there) in EC2.items():
        pages = ec2.get_paginator(call).paginate()
        found[call] = [item[name] for page in pages for item in page[key] if is_there(item)]
    machines = [machine for entry in ec2.describe_instances()["Reservations"] for machine in entry["Instances"]]
    found["instances"] = [machine["InstanceId"] for machine in machines if machine["State"]["Name"] != "terminated"]
    found["roles"] = [role["RoleName"] for role in iam.list_roles()["Roles"]]
    found["policies"] = [policy["Arn"] for policy in iam.list_policies(Scope="Local")["Policies"]]
    found["profiles"] = [profile["InstanceProfileName"] for profile in iam.list_instance_profiles()["InstanceProfiles"]]
    found["users"] = [user["UserName"] for user in iam.list_users()["Users"]]
    pages = logs.get_paginator("describe_log_groups").paginate()
    found["log groups"] = [group["logGroupName"] for page in pages for group in page["logGroups"]]
    return {kind: frozenset(items) for kind, items in found.items()}


def wait_an_hour(lab: Lab) -> None:
    end = lab.now() + timedelta(hours=1)
    lab.wait_until(lambda: lab.now() >= end, timeout=timedelta(hours=2), what="an hour later")


@pytest.fixture(scope="module")
def untouched(tmp_path_factory: pytest.TempPathFactory) -> Account:
    with lab_after("00", tmp_path_factory.mktemp("untouched") / "home") as lab:
        return account(lab)


@pytest.fixture
def after(tmp_path: Path) -> Callable[[str], Any]:
    return lambda number: lab_after(number, tmp_path / "home")


def tagged(lab: Lab) -> list[str]:
    """The ARNs that carry the lab's tag, over all services; a deleted peering does so for two hours more."""
    pages = lab.client("resourcegroupstaggingapi").get_paginator("get_resources")
    found = pages.paginate(TagFilters=[{"Key": "Lab", "Values": [lab.prefix]}]).search("ResourceTagMappingList[]")
    arns = [resource["ResourceARN"] for resource in found]
    return [arn for arn in arns if ":vpc-peering-connection/" not in arn]


@pytest.mark.parametrize("number", sampled(STAGES, 3))
def test_after_every_notebook_it_ends_at_zero_twice(
    number: str, after: Callable[[str], Any], untouched: Account
) -> None:
    with after(number) as lab:
        assert (account(lab) != untouched) == (number != "00") == bool(tagged(lab))
        report = lab.teardown.run()
        assert report.ok, report
        assert account(lab) == untouched
        assert not lab.teardown.verify()
        assert len(lab.teardown.plan()) == 0
        again = lab.teardown.run()
        assert again.ok and len(again) == 0
        wait_an_hour(lab)
        assert account(lab) == untouched, "a log group that comes back would show within the hour"
        assert not tagged(lab), "the tagging API proves it without a look at any service"


def test_a_foreign_resource_in_the_way_stays_and_is_named(after: Callable[[str], Any], untouched: Account) -> None:
    with after("05") as lab:
        ec2 = lab.client("ec2")
        vpc, subnet = lab.find("vpc", "vpc-a"), lab.find("subnet", "public-a")
        theirs = ec2.create_network_interface(SubnetId=subnet)["NetworkInterface"]["NetworkInterfaceId"]
        foreign_vpc = ec2.create_vpc(CidrBlock="10.77.0.0/16")["Vpc"]["VpcId"]
        lab.client("logs").create_log_group(logGroupName="/theirs")
        for _ in range(2):
            report = lab.teardown.run()
            assert not report.ok and not report.failed
            assert {vpc, subnet} <= {item.id for item in report.kept}
            assert any(theirs in item.because for item in report.kept)
            left = account(lab)
            assert theirs in left["describe_network_interfaces"] and foreign_vpc in left["describe_vpcs"]
            assert left["log groups"] == {"/theirs"} and not left["instances"] and not left["describe_flow_logs"]
            assert {item.id for item in lab.teardown.verify()} == {item.id for item in report.kept}
        ec2.delete_network_interface(NetworkInterfaceId=theirs)
        assert lab.teardown.run().ok and not lab.teardown.verify()
        ec2.delete_vpc(VpcId=foreign_vpc)
        lab.client("logs").delete_log_group(logGroupName="/theirs")
        assert account(lab) == untouched


def test_the_neighbour_demo2_is_untouched(after: Callable[[str], Any]) -> None:
    with after("01") as lab:
        other = open_lab(prefix="demo2")
        made = other.client("ec2").create_vpc(
            CidrBlock="10.78.0.0/16", TagSpecifications=other.tag_spec("vpc", "vpc-a")
        )["Vpc"]["VpcId"]
        assert lab.teardown.run().ok
        assert made in account(lab)["describe_vpcs"]
        assert [item.id for item in other.teardown.verify()] == [made]
        assert other.teardown.run().ok and made not in account(lab)["describe_vpcs"]


def test_a_teardown_in_another_region_leaves_the_living_lab_whole(after: Callable[[str], Any]) -> None:
    with after("04") as lab:
        before, other = account(lab), open_lab(region="eu-west-1")
        report = other.teardown.run()
        assert not report.failed and {item.kind for item in report.kept} == {"instance-profile", "role"}
        left = other.teardown.verify()
        assert not left and "in eu-west-1; it has resources in us-east-1" in str(left)
        wait_an_hour(lab)
        assert account(lab) == before
        flow_logs = lab.client("ec2").describe_flow_logs(Filter=lab.tag_filters())["FlowLogs"]
        assert {flow_log.get("DeliverLogsStatus") for flow_log in flow_logs} == {"SUCCESS"}
        assert lab.teardown.run().ok and not lab.teardown.verify()


def test_the_notebooks_that_build_something_are_the_stages() -> None:
    """What 11 and 12 leave, other tests here take down; any other later lesson leaves the account as it found it.

    They are test_monitoring.py and test_buckets_go.py.
    """
    building = [path.name[:2] for path in sorted(NOTEBOOKS.glob("[0-9][0-9]_*.ipynb")) if '"build"' in path.read_text()]
    assert ["00", *building] == [*STAGES, "11", "12"]
