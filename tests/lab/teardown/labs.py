"""Labs in stock moto: the course's resources call by call, a clock of their own, and AWS's refusals."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from helpers.lab import Lab
from helpers.lab.connection import AccountConnection
from tests.lab.teardown.guard import Guard

ACCOUNT = "123456789012"
REGION = "us-east-1"
START = datetime(2026, 1, 5, 9, tzinfo=UTC)


class MotoAccess(AccountConnection):
    """Time that moves only when somebody waits; what is due on the way happens."""

    def __init__(self, guard: Guard, region: str = REGION) -> None:
        self.region = region
        self.home = Path()
        self.guard = guard
        self.time = START
        self.due: list[tuple[datetime, Callable[[], None]]] = []

    def client(self, service: str, keys: Any = None, region: str | None = None) -> Any:
        return self.guard.client(service, region or self.region)

    def now(self) -> datetime:
        return self.time

    def sleep_until(self, moment: datetime) -> None:
        for due in sorted((entry for entry in self.due if entry[0] <= moment), key=lambda entry: entry[0]):
            self.due.remove(due)
            self.time = due[0]
            due[1]()
        self.time = max(self.time, moment)

    def banner(self) -> tuple[str, str, str]:
        return "Moto", "#000", "In this process."


class MotoLab(Lab):
    """The real lab but for its clients, which are plain ones of boto3."""

    def __init__(self, prefix: str = "demo", guard: Guard | None = None, access: MotoAccess | None = None) -> None:
        self.access = access or MotoAccess(guard or Guard())
        super().__init__(self.access, prefix)

    def client(self, service: str, credentials: Any = None, *, region: str | None = None) -> Any:
        return self.access.client(service, region=region)

    @property
    def calls(self) -> list[tuple[str, dict[str, Any]]]:
        return self.access.guard.calls


PARTS = ("a", "b", "peering", "groups", "identities", "instances", "logging")


def build(lab: Lab, steps: int | None = None, parts: Sequence[str] = PARTS) -> dict[str, Any]:
    """Build the course's lab; with ``steps``, stop after so many creating calls, as a learner might.

    ``parts``: only those, for a test that needs no more.
    """
    made: dict[str, Any] = {}
    for number, _ in enumerate(_recipe(lab, made, parts), 1):
        if number == steps:
            break
    return made


def count_steps(lab: Lab) -> int:
    return sum(1 for _ in _recipe(lab, {}, PARTS))


def _recipe(lab: Lab, made: dict[str, Any], parts: Sequence[str]) -> Iterator[None]:
    for part in parts:
        if part in ("a", "b"):
            yield from _vpc(lab, made, part)
        else:
            yield from BUILDERS[part](lab, made)


def _vpc(lab: Lab, made: dict[str, Any], side: str) -> Iterator[None]:
    ec2, ten = lab.client("ec2"), {"a": "10.1", "b": "10.2"}[side]
    vpc = ec2.create_vpc(CidrBlock=f"{ten}.0.0/16", TagSpecifications=lab.tag_spec("vpc", f"vpc-{side}"))
    made[f"vpc-{side}"] = vpc["Vpc"]["VpcId"]
    yield
    for number, which in ((1, "public"), (2, "private"))[: 2 if side == "a" else 1]:
        subnet = ec2.create_subnet(
            VpcId=made[f"vpc-{side}"],
            CidrBlock=f"{ten}.{number}.0/24",
            TagSpecifications=lab.tag_spec("subnet", f"{which}-{side}"),
        )
        made[f"{which}-{side}"] = subnet["Subnet"]["SubnetId"]
        yield
    gateway = ec2.create_internet_gateway(TagSpecifications=lab.tag_spec("internet-gateway", f"igw-{side}"))
    made[f"igw-{side}"] = gateway["InternetGateway"]["InternetGatewayId"]
    yield
    ec2.attach_internet_gateway(InternetGatewayId=made[f"igw-{side}"], VpcId=made[f"vpc-{side}"])
    yield
    for which in ("public", "private")[: 2 if side == "a" else 1]:
        table = ec2.create_route_table(
            VpcId=made[f"vpc-{side}"], TagSpecifications=lab.tag_spec("route-table", f"{which}-rt-{side}")
        )
        made[f"{which}-rt-{side}"] = table["RouteTable"]["RouteTableId"]
        yield
        ec2.associate_route_table(RouteTableId=made[f"{which}-rt-{side}"], SubnetId=made[f"{which}-{side}"])
        yield
    ec2.create_route(
        RouteTableId=made[f"public-rt-{side}"], DestinationCidrBlock="0.0.0.0/0", GatewayId=made[f"igw-{side}"]
    )
    yield


def _peering(lab: Lab, made: dict[str, Any]) -> Iterator[None]:
    ec2 = lab.client("ec2")
    peering = ec2.create_vpc_peering_connection(
        VpcId=made["vpc-a"],
        PeerVpcId=made["vpc-b"],
        TagSpecifications=lab.tag_spec("vpc-peering-connection", "peering"),
    )
    made["peering"] = peering["VpcPeeringConnection"]["VpcPeeringConnectionId"]
    yield
    ec2.accept_vpc_peering_connection(VpcPeeringConnectionId=made["peering"])
    yield
    for table, cidr in (("public-rt-a", "10.2.0.0/16"), ("public-rt-b", "10.1.0.0/16")):
        ec2.create_route(RouteTableId=made[table], DestinationCidrBlock=cidr, VpcPeeringConnectionId=made["peering"])
        yield


def _groups(lab: Lab, made: dict[str, Any]) -> Iterator[None]:
    """Two groups of VPC a that name each other, one that names itself, and a default group that names ours."""
    ec2 = lab.client("ec2")
    for short in ("client", "server"):
        group = ec2.create_security_group(
            GroupName=lab.name(f"sg-{short}"),
            Description=short,
            VpcId=made["vpc-a"],
            TagSpecifications=lab.tag_spec("security-group", f"sg-{short}"),
        )
        made[f"sg-{short}"] = group["GroupId"]
        yield
    for holder, named in (("client", "server"), ("server", "client"), ("server", "server")):
        ec2.authorize_security_group_ingress(
            GroupId=made[f"sg-{holder}"], IpPermissions=[naming(made[f"sg-{named}"], 22)]
        )
        yield
    ec2.authorize_security_group_egress(GroupId=made["sg-client"], IpPermissions=[naming(made["sg-server"], 443)])
    yield
    ec2.authorize_security_group_ingress(
        GroupId=default_group(lab, made["vpc-a"]), IpPermissions=[naming(made["sg-client"], 80)]
    )
    yield
    acl = ec2.create_network_acl(VpcId=made["vpc-a"], TagSpecifications=lab.tag_spec("network-acl", "acl"))
    made["acl"] = acl["NetworkAcl"]["NetworkAclId"]
    yield
    move_to_acl(lab, made["private-a"], made["acl"])
    yield


def _identities(lab: Lab, made: dict[str, Any]) -> Iterator[None]:
    iam = lab.client("iam")
    for short, service in (("ssm-role", "ec2.amazonaws.com"), ("flow-logs-role", "vpc-flow-logs.amazonaws.com")):
        trust = {
            "Version": "2012-10-17",
            "Statement": [{"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole"}],
        }
        iam.create_role(
            RoleName=lab.name(short),
            Path="/course/",
            AssumeRolePolicyDocument=json.dumps(trust),
            Tags=lab.tag_list(short),
        )
        made[short] = lab.name(short)
        yield
    iam.put_role_policy(
        RoleName=made["ssm-role"], PolicyName="inline", PolicyDocument=json.dumps(policy("ec2:DescribeVpcs", "*"))
    )
    yield
    document = policy("logs:PutLogEvents", f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:{group_name(lab)}:*")
    made["policy"] = iam.create_policy(
        PolicyName=lab.name("delivery"), PolicyDocument=json.dumps(document), Tags=lab.tag_list("delivery")
    )["Policy"]["Arn"]
    yield
    iam.create_policy_version(PolicyArn=made["policy"], PolicyDocument=json.dumps(document), SetAsDefault=True)
    yield
    iam.attach_role_policy(RoleName=made["flow-logs-role"], PolicyArn=made["policy"])
    yield
    iam.create_instance_profile(InstanceProfileName=lab.name("ssm"), Tags=lab.tag_list("ssm"))
    yield
    iam.add_role_to_instance_profile(InstanceProfileName=lab.name("ssm"), RoleName=made["ssm-role"])
    yield


def _instances(lab: Lab, made: dict[str, Any]) -> Iterator[None]:
    for subnet in ("public-a", "private-a", "public-b"):
        if subnet not in made:
            continue
        groups = [made["sg-server"]] if subnet.endswith("a") else []
        made[f"instance-{subnet}"] = run_instance(
            lab,
            made[subnet],
            groups,
            IamInstanceProfile={"Name": lab.name("ssm")},
            TagSpecifications=lab.tag_spec("instance", f"instance-{subnet}"),
        )
        yield


def _logging(lab: Lab, made: dict[str, Any]) -> Iterator[None]:
    lab.client("logs").create_log_group(logGroupName=group_name(lab), tags=lab.tag_dict("flow-logs"))
    yield
    for side in ("a", "b"):
        if f"vpc-{side}" not in made:
            continue
        made[f"flow-log-{side}"] = create_flow_log(
            lab, made[f"vpc-{side}"], TagSpecifications=lab.tag_spec("vpc-flow-log", f"flow-log-{side}")
        )
        yield


BUILDERS: Mapping[str, Callable[[Lab, dict[str, Any]], Iterator[None]]] = {
    "peering": _peering,
    "groups": _groups,
    "identities": _identities,
    "instances": _instances,
    "logging": _logging,
}

# --- single things ------------------------------------------------------------------------------------------------


def group_name(lab: Lab) -> str:
    return f"/vpc/{lab.name('flow-logs')}"


def naming(group: str, port: int) -> dict[str, Any]:
    return {"IpProtocol": "tcp", "FromPort": port, "ToPort": port, "UserIdGroupPairs": [{"GroupId": group}]}


def policy(action: str, resource: str) -> dict[str, Any]:
    return {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": action, "Resource": resource}]}


def default_group(lab: Lab, vpc: str) -> str:
    filters = [{"Name": "vpc-id", "Values": [vpc]}, {"Name": "group-name", "Values": ["default"]}]
    return str(lab.client("ec2").describe_security_groups(Filters=filters)["SecurityGroups"][0]["GroupId"])


def move_to_acl(lab: Lab, subnet: str, acl: str) -> None:
    ec2 = lab.client("ec2")
    filters = [{"Name": "association.subnet-id", "Values": [subnet]}]
    now = ec2.describe_network_acls(Filters=filters)["NetworkAcls"][0]
    for association in now["Associations"]:
        if association["SubnetId"] == subnet:
            ec2.replace_network_acl_association(AssociationId=association["NetworkAclAssociationId"], NetworkAclId=acl)


def run_instance(lab: Lab, subnet: str, groups: list[str], **more: Any) -> str:
    if groups:
        more["SecurityGroupIds"] = groups
    reply = lab.client("ec2").run_instances(ImageId="ami-12c6146b", MinCount=1, MaxCount=1, SubnetId=subnet, **more)
    return str(reply["Instances"][0]["InstanceId"])


def create_flow_log(lab: Lab, vpc: str, **more: Any) -> str:
    reply = lab.client("ec2").create_flow_logs(
        ResourceIds=[vpc],
        ResourceType="VPC",
        TrafficType="ALL",
        LogGroupName=group_name(lab),
        DeliverLogsPermissionArn=f"arn:aws:iam::{ACCOUNT}:role/course/{lab.name('flow-logs-role')}",
        **more,
    )
    assert not reply["Unsuccessful"], reply
    return str(reply["FlowLogIds"][0])
