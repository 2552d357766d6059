"""Teardown against the sandbox, from after every notebook: describe calls must show the account as it was at first."""

import os
import shutil
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock

from helpers.lab import Lab, open_lab
from helpers.lab.catchup import NOTEBOOKS
from tests.support.labs import lab_in

pytestmark = pytest.mark.long

NUMBERS = [path.name[:2] for path in sorted(NOTEBOOKS.glob("[0-9][0-9]_*.ipynb")) if path.name[:2] != "99"]
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
    instances = [one for page in ec2.describe_instances()["Reservations"] for one in page["Instances"]]
    found["instances"] = [one["InstanceId"] for one in instances if one["State"]["Name"] != "terminated"]
    found["roles"] = [role["RoleName"] for role in iam.list_roles()["Roles"]]
    found["policies"] = [policy["Arn"] for policy in iam.list_policies(Scope="Local")["Policies"]]
    found["profiles"] = [each["InstanceProfileName"] for each in iam.list_instance_profiles()["InstanceProfiles"]]
    found["users"] = [user["UserName"] for user in iam.list_users()["Users"]]
    pages = logs.get_paginator("describe_log_groups").paginate()
    found["log groups"] = [group["logGroupName"] for page in pages for group in page["logGroups"]]
    return {kind: frozenset(items) for kind, items in found.items()}


def wait_an_hour(lab: Lab) -> None:
    end = lab.now() + timedelta(hours=1)
    lab.wait_until(lambda: lab.now() >= end, timeout=timedelta(hours=2), what="an hour later")


@pytest.fixture(scope="module")
def stages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A stopped home for each notebook, as its build cells leave it; "" is the untouched account.

    Built once for all of a run's workers.
    """
    shared = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        shared = shared.parent
    folder = shared / "stages"
    with FileLock(shared / "stages.lock"):
        if not (folder / "built").exists():
            build_stages(folder)
            (folder / "built").touch()
    return {number: folder / (number or "start") for number in ("", *NUMBERS)}


def build_stages(folder: Path) -> None:
    before = folder / "start"
    with lab_in(before):
        pass
    for number, following in zip(NUMBERS, [*NUMBERS[1:], "99"], strict=True):
        home = shutil.copytree(before, folder / number)
        with lab_in(home) as lab:
            lab.catch_up(following)
        before = home


@pytest.fixture(scope="module")
def untouched(stages: dict[str, Path]) -> Account:
    with lab_in(stages[""]) as lab:
        return account(lab)


@pytest.fixture
def after(stages: dict[str, Path], tmp_path: Path) -> Iterator[Callable[[str], Any]]:
    yield lambda number: lab_in(shutil.copytree(stages[number], tmp_path / "home"))


@pytest.mark.parametrize("number", NUMBERS)
def test_after_every_notebook_it_ends_at_zero_twice(
    number: str, after: Callable[[str], Any], untouched: Account
) -> None:
    with after(number) as lab:
        assert (account(lab) != untouched) == (number != "00")
        report = lab.teardown.run()
        assert report.ok, report
        assert account(lab) == untouched
        assert not lab.teardown.verify()
        assert len(lab.teardown.plan()) == 0
        again = lab.teardown.run()
        assert again.ok and len(again) == 0
        wait_an_hour(lab)
        assert account(lab) == untouched, "a log group that comes back would show within the hour"


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
