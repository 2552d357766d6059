"""EC2's answers are kept while nothing changes: after every kind of change a describe call shows what is there now."""

import json
import re
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from helpers.sandbox.moto_adapter import _MOST_SHOWN, _SHOWN
from tests.support.served import Sandbox

# Instances first: to ask about one on its way moves the clock to its arrival, and that changes what the others show.
CALLS = (
    *("instances", "vpcs", "subnets", "route_tables", "internet_gateways", "vpc_peering_connections"),
    *("security_groups", "security_group_rules", "network_acls", "network_interfaces", "flow_logs", "tags"),
)
IAM_CALLS: dict[str, dict[str, str]] = {
    **{name: {} for name in ("list_roles", "list_instance_profiles")},
    **{name: {"RoleName": "r"} for name in ("get_role", "list_role_policies", "list_attached_role_policies")},
    "get_role_policy": {"RoleName": "r", "PolicyName": "p"},
    "get_instance_profile": {"InstanceProfileName": "i"},
}
EVERYWHERE = "0.0.0.0/0"


def test_every_kind_that_is_kept_is_looked_at_here() -> None:
    shown = {name.decode().lower() for name in _SHOWN["ec2"]}
    assert shown == {f"describe{name.replace('_', '')}" for name in CALLS}
    assert {name.decode().lower() for name in _SHOWN["iam"]} == {name.replace("_", "") for name in IAM_CALLS}


def looks(ec2: Any) -> dict[str, Any]:
    found = {name: getattr(ec2, f"describe_{name}")() for name in CALLS}
    for reply in found.values():
        reply.pop("ResponseMetadata")
    return found


def test_a_look_after_a_change_is_a_new_one(fresh_sandbox: Sandbox) -> None:
    ec2, made = fresh_sandbox.client("ec2"), {}

    def keep(name: str, make: Callable[[], Any]) -> Callable[[], Any]:
        def change() -> None:
            made[name] = make()

        return change

    def rule() -> dict[str, Any]:
        return {"GroupId": made["sg"], "IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "CidrIp": EVERYWHERE}

    def entry() -> dict[str, Any]:
        return {"NetworkAclId": made["acl"], "RuleNumber": 7, "Egress": False}

    def instances() -> list[str]:
        return [made["instance"]]

    fresh_sandbox.client("s3").create_bucket(Bucket="kept")
    name = [{"Key": "Name", "Value": "kept"}]
    tagged: dict[str, Any] = {
        "IpPermissions": [{"IpProtocol": "udp", "FromPort": 53, "ToPort": 53, "IpRanges": [{"CidrIp": EVERYWHERE}]}],
        "TagSpecifications": [{"ResourceType": "security-group-rule", "Tags": name}],
    }
    allow = {"Protocol": "-1", "RuleAction": "allow", "CidrBlock": EVERYWHERE}
    image = fresh_sandbox.client("ssm").get_parameter(
        Name="/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-x86_64"
    )["Parameter"]["Value"]
    launch = {"ImageId": image, "InstanceType": "t3.micro", "MinCount": 1, "MaxCount": 1}
    changes: list[Callable[[], Any]] = [
        keep("vpc", lambda: ec2.create_vpc(CidrBlock="10.1.0.0/16")["Vpc"]["VpcId"]),
        keep("other", lambda: ec2.create_vpc(CidrBlock="10.2.0.0/16")["Vpc"]["VpcId"]),
        keep("subnet", lambda: ec2.create_subnet(VpcId=made["vpc"], CidrBlock="10.1.0.0/24")["Subnet"]["SubnetId"]),
        lambda: ec2.create_tags(Resources=[made["vpc"]], Tags=[{"Key": "Name", "Value": "a"}]),
        lambda: ec2.delete_tags(Resources=[made["vpc"]], Tags=[{"Key": "Name"}]),
        lambda: ec2.modify_subnet_attribute(SubnetId=made["subnet"], MapPublicIpOnLaunch={"Value": True}),
        keep("igw", lambda: ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]),
        lambda: ec2.attach_internet_gateway(InternetGatewayId=made["igw"], VpcId=made["vpc"]),
        keep("rtb", lambda: ec2.create_route_table(VpcId=made["vpc"])["RouteTable"]["RouteTableId"]),
        keep(
            "pcx",
            lambda: ec2.create_vpc_peering_connection(VpcId=made["vpc"], PeerVpcId=made["other"])[
                "VpcPeeringConnection"
            ]["VpcPeeringConnectionId"],
        ),
        lambda: ec2.accept_vpc_peering_connection(VpcPeeringConnectionId=made["pcx"]),
        lambda: ec2.create_route(RouteTableId=made["rtb"], DestinationCidrBlock=EVERYWHERE, GatewayId=made["igw"]),
        lambda: ec2.associate_route_table(RouteTableId=made["rtb"], SubnetId=made["subnet"]),
        lambda: ec2.replace_route(
            RouteTableId=made["rtb"], DestinationCidrBlock=EVERYWHERE, VpcPeeringConnectionId=made["pcx"]
        ),
        lambda: ec2.delete_route(RouteTableId=made["rtb"], DestinationCidrBlock=EVERYWHERE),
        keep("sg", lambda: ec2.create_security_group(GroupName="g", Description="g", VpcId=made["vpc"])["GroupId"]),
        lambda: ec2.authorize_security_group_ingress(**rule()),
        lambda: ec2.revoke_security_group_ingress(**rule()),
        lambda: ec2.authorize_security_group_egress(GroupId=made["sg"], **tagged),
        lambda: ec2.revoke_security_group_egress(GroupId=made["sg"], IpPermissions=tagged["IpPermissions"]),
        keep(
            "flow-log",
            lambda: ec2.create_flow_logs(
                ResourceType="VPC",
                ResourceIds=[made["vpc"]],
                TrafficType="ALL",
                LogDestinationType="s3",
                LogDestination="arn:aws:s3:::kept",
                TagSpecifications=[{"ResourceType": "vpc-flow-log", "Tags": name}],
            )["FlowLogIds"][0],
        ),
        lambda: ec2.delete_flow_logs(FlowLogIds=[made["flow-log"]]),
        keep("acl", lambda: ec2.create_network_acl(VpcId=made["vpc"])["NetworkAcl"]["NetworkAclId"]),
        lambda: ec2.create_network_acl_entry(**entry(), **allow),
        lambda: ec2.replace_network_acl_entry(**entry(), **allow | {"RuleAction": "deny"}),
        lambda: ec2.delete_network_acl_entry(**entry()),
        lambda: ec2.delete_vpc_peering_connection(VpcPeeringConnectionId=made["pcx"]),
        keep(
            "instance",
            lambda: ec2.run_instances(**launch, SubnetId=made["subnet"])["Instances"][0]["InstanceId"],
        ),
        lambda: fresh_sandbox.advance(120),
        lambda: ec2.modify_instance_attribute(InstanceId=made["instance"], Groups=[made["sg"]]),
        lambda: ec2.stop_instances(InstanceIds=instances()),
        lambda: fresh_sandbox.advance(120),
        lambda: ec2.start_instances(InstanceIds=instances()),
        lambda: fresh_sandbox.advance(120),
        lambda: ec2.terminate_instances(InstanceIds=instances()),
        lambda: fresh_sandbox.advance(7200),
        lambda: ec2.delete_security_group(GroupId=made["sg"]),
    ]
    shown = fresh_sandbox.moto.shown
    before = looks(ec2)
    differing = 0
    for number, change in enumerate(changes):
        change()
        after, again = looks(ec2), looks(ec2)
        shown.clear()
        now = looks(ec2)
        assert after == again == now, (number, [name for name in CALLS if now[name] != after[name]])
        differing += now != before
        before = now
    assert differing >= len(changes) - 4  # waiting alone shows nothing new


def iam_looks(iam: Any) -> dict[str, Any]:
    found = {}
    for name, asked in IAM_CALLS.items():
        try:
            found[name] = getattr(iam, name)(**asked)
            found[name].pop("ResponseMetadata")
        except ClientError as refusal:
            found[name] = str(refusal)
    return found


def test_a_look_at_a_role_after_a_change_is_a_new_one(fresh_sandbox: Sandbox) -> None:
    iam, role = fresh_sandbox.client("iam"), {"RoleName": "r"}
    tags = [{"Key": "Lab", "Value": "a"}]
    user = iam.create_user(UserName="u")["User"]["Arn"]

    def document(**of: Any) -> str:
        return json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", **of}]})

    def trust(**whom: str) -> str:
        return document(Principal=whom, Action="sts:AssumeRole")

    read = document(Action="logs:Get*", Resource="*")
    managed = iam.create_policy(PolicyName="m", PolicyDocument=read)["Policy"]["Arn"]
    profile = {"InstanceProfileName": "i"}
    changes: list[Callable[[], Any]] = [
        lambda: iam.create_role(**role, AssumeRolePolicyDocument=trust(Service="ec2.amazonaws.com")),
        lambda: iam.tag_role(**role, Tags=tags),
        lambda: iam.untag_role(**role, TagKeys=["Lab"]),
        lambda: iam.update_role(**role, Description="d", MaxSessionDuration=7200),
        lambda: iam.update_assume_role_policy(**role, PolicyDocument=trust(AWS=user)),
        lambda: iam.delete_user(UserName="u"),  # the trust policy names it by its unique id now
        lambda: iam.put_role_policy(**role, PolicyName="p", PolicyDocument=read),
        lambda: iam.put_role_policy(**role, PolicyName="p", PolicyDocument=read.replace("Get", "Put")),
        lambda: iam.attach_role_policy(**role, PolicyArn=managed),
        lambda: iam.put_role_permissions_boundary(**role, PermissionsBoundary=managed),
        lambda: iam.delete_role_permissions_boundary(**role),
        lambda: iam.create_instance_profile(**profile),
        lambda: iam.tag_instance_profile(**profile, Tags=tags),
        lambda: iam.add_role_to_instance_profile(**profile, **role),
        lambda: iam.remove_role_from_instance_profile(**profile, **role),
        lambda: iam.delete_instance_profile(**profile),
        lambda: iam.detach_role_policy(**role, PolicyArn=managed),
        lambda: iam.delete_role_policy(**role, PolicyName="p"),
        lambda: iam.delete_role(**role),
    ]
    before = iam_looks(iam)
    for number, change in enumerate(changes):
        change()
        after, again = iam_looks(iam), iam_looks(iam)
        fresh_sandbox.moto.shown.clear()
        now = iam_looks(iam)
        assert after == again == now != before, (number, [name for name in IAM_CALLS if now[name] != after[name]])
        before = now


def test_what_was_looked_at_before_does_not_change_the_next_id(fresh_sandbox: Sandbox) -> None:
    """A replay looks at less than what it repeats did: an answer that is kept must draw as a new one does."""
    moto, look = fresh_sandbox.moto, b"Action=DescribeVpcs&Version=2016-11-15"
    drawn = []
    for _ in range(3):
        moto.seed(7)
        for _ in range(len(drawn)):
            moto.call("ec2", "us-east-1", {}, look)
        reply = moto.call("ec2", "us-east-1", {}, b"Action=CreateInternetGateway&Version=2016-11-15")[2]
        drawn.append(re.findall(rb"igw-\w+", reply))
    assert drawn[0] == drawn[1] == drawn[2] != []


def test_answers_are_kept_while_nothing_changes_and_not_without_end(
    fresh_sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    ec2, moto = fresh_sandbox.client("ec2"), fresh_sandbox.moto
    asked: list[bytes] = []
    passed_on = moto._passed_on
    monkeypatch.setattr(moto, "_passed_on", lambda *given: asked.append(given[3]) or passed_on(*given))
    for _ in range(3):
        ec2.describe_vpcs()
    assert len([body for body in asked if b"DescribeVpcs" in body]) == 1
    group = ec2.describe_security_groups()["SecurityGroups"][0]["GroupId"]
    ec2.authorize_security_group_ingress(GroupId=group, IpProtocol="tcp", FromPort=22, ToPort=22, CidrIp="192.0.2.0/24")
    before = len(asked)
    ec2.describe_vpcs()
    ec2.describe_security_groups()
    assert [b"DescribeSecurityGroups" in body for body in asked[before:]] == [True]  # a rule changes no VPC
    for number in range(_MOST_SHOWN + 10):
        moto.call("ec2", "us-east-1", {}, f"Action=DescribeTags&Version=2016-11-15&MaxResults={number + 5}".encode())
        assert len(moto.shown) <= _MOST_SHOWN
