"""The sandbox shows a network in one request: as the describe calls do, and as it is now."""

import json
from collections.abc import Callable
from datetime import timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from helpers.lab import sandbox_process
from helpers.lab.readings import read_pages
from tests.support.homes import served_lab_after


def test_one_request_shows_what_the_describe_calls_show_after_every_change(tmp_path: Path) -> None:
    with served_lab_after("05", tmp_path / "home") as (lab, _):
        ec2 = type(lab)(lab._access, lab.prefix).client("ec2")
        acl, group = lab.find("network-acl", "acl-private-b"), lab.find("security-group", "sg-private-b")
        machine, vpc = lab.find("instance", "web-b"), lab.find("vpc", "vpc-a")
        table, other = lab.find("route-table", "rt-private-b"), lab.find("route-table", "rt-public-b")
        assert acl and group and machine and vpc and table and other
        route = {"RouteTableId": table, "DestinationCidrBlock": "10.1.0.0/16"}
        peering = lab.find("vpc-peering-connection", "a-b")
        vpc_b = lab.find("vpc", "vpc-b")
        subnet = ec2.create_subnet(VpcId=vpc_b, CidrBlock="10.2.77.0/24")["Subnet"]["SubnetId"]
        rule = {"IpProtocol": "tcp", "FromPort": 81, "ToPort": 81, "IpRanges": [{"CidrIp": "10.9.0.0/16"}]}
        http = {"IpProtocol": "tcp", "FromPort": 80, "ToPort": 80, "IpRanges": [{"CidrIp": "10.1.0.0/16"}]}
        entry = {"NetworkAclId": acl, "RuleNumber": 50, "Egress": False, "Protocol": "1", "RuleAction": "deny"}
        icmp = {"CidrBlock": "10.9.0.0/16", "IcmpTypeCode": {"Type": 8, "Code": -1}}
        changes: list[Callable[[], Any]] = [
            lambda: None,
            lambda: None,
            lambda: ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[rule]),
            lambda: ec2.create_network_acl_entry(**entry, **icmp),
            lambda: ec2.delete_route(**route),
            lambda: ec2.create_route(**route, VpcPeeringConnectionId=peering),
            lambda: ec2.revoke_security_group_ingress(GroupId=group, IpPermissions=[rule]),
            lambda: refused(
                lambda: ec2.revoke_security_group_ingress(GroupId=group, IpPermissions=[http, rule | {"FromPort": 5}])
            ),
            lambda: ec2.replace_network_acl_entry(**entry | {"RuleAction": "allow"}, **icmp),
            lambda: ec2.delete_network_acl_entry(NetworkAclId=acl, RuleNumber=50, Egress=False),
            lambda: ec2.associate_route_table(RouteTableId=other, SubnetId=subnet),
            lambda: ec2.create_tags(Resources=[vpc], Tags=[{"Key": "a", "Value": "b"}]),
            lambda: ec2.stop_instances(InstanceIds=[machine]),
            lambda: lab._access.sleep_until(lab.now() + timedelta(minutes=10)),
            lambda: ec2.terminate_instances(InstanceIds=[machine]),
            lambda: ec2.create_vpc(CidrBlock="10.8.0.0/16"),
        ]
        seen = []
        for number, change in enumerate(changes):
            change()
            lab._access.network()  # what is on its way arrives, as where the describe calls ask
            seen.append(lab._access.network())
            assert seen[-1] == as_json(read_pages(ec2)), number
        assert seen[0] == seen[1] and all(before != after for before, after in pairwise(seen[1:13]))


def refused(call: Callable[[], Any]) -> None:
    """moto has done a part of it by then."""
    with pytest.raises(ClientError):
        call()


def test_a_region_s_network_is_its_own(tmp_path: Path) -> None:
    with served_lab_after("01", tmp_path / "home") as (lab, _):
        elsewhere = type(lab._access)("eu-west-1", lab._access.home)
        for access in (lab._access, elsewhere, lab._access):
            assert access.network() == as_json(read_pages(access.client("ec2")))


def test_only_the_owner_is_shown_the_network(tmp_path: Path) -> None:
    with served_lab_after("01", tmp_path / "home") as (lab, _):
        user = lab.client("iam").create_user(UserName="reader")["User"]["UserName"]
        key = lab.client("iam").create_access_key(UserName=user)["AccessKey"]
        info = lab._access._info
        with pytest.raises(sandbox_process.SandboxError, match="Only the owner's key"):
            sandbox_process.ask(info.endpoint, key["AccessKeyId"], key["SecretAccessKey"], name="network")


def test_a_sandbox_that_does_not_know_the_request_is_asked_by_describe_calls(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with served_lab_after("01", tmp_path / "home") as (lab, _):
        known, ask = lab.topology(), sandbox_process.ask
        monkeypatch.setattr(sandbox_process, "ask", lambda *where, name, **what: ask(*where, name="unknown", **what))
        assert lab._access.network() is None
        assert lab.topology() == known


def as_json(pages: Any) -> Any:
    return json.loads(json.dumps(pages, default=lambda moment: moment.isoformat()))
