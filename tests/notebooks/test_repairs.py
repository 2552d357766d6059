"""Whatever a learner breaks, catching up repairs it: one change by hand, then the build cells of 01 to 04."""

import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from helpers.lab import Lab
from helpers.network import Connections, Topology
from tests.notebooks.classroom import NOTEBOOKS
from tests.notebooks.in_process import run_in_process
from tests.support.homes import lab_after
from tests.support.senders import make_packet, trace

pytestmark = pytest.mark.long

CLIENT, APP, WEB, DB = "10.1.0.10", "10.1.1.10", "10.2.0.10", "10.2.1.10"


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """The lab as notebooks 01 to 04 leave it, in a sandbox of its own."""
    with lab_after("04", tmp_path_factory.mktemp("sandbox") / "home") as lab:
        yield lab


def found(lab: Lab, kind: str, name: str) -> str:
    resource = lab.find(kind, name)
    assert resource is not None, (kind, name)
    return resource


# --- one change each --------------------------------------------------------------------------------------------


def no_peering_route(lab: Lab) -> None:
    table = found(lab, "route-table", "rt-private-b")
    lab.client("ec2").delete_route(RouteTableId=table, DestinationCidrBlock="10.1.0.0/16")


def route_to_the_wrong_place(lab: Lab) -> None:
    table, gateway = found(lab, "route-table", "rt-public-a"), found(lab, "internet-gateway", "igw-a")
    lab.client("ec2").replace_route(RouteTableId=table, DestinationCidrBlock="10.2.0.0/16", GatewayId=gateway)


def no_internet_route(lab: Lab) -> None:
    table = found(lab, "route-table", "rt-public-a")
    lab.client("ec2").delete_route(RouteTableId=table, DestinationCidrBlock="0.0.0.0/0")


def another_table(lab: Lab) -> None:
    ec2 = lab.client("ec2")
    mine = found(lab, "route-table", "rt-public-b")
    links = ec2.describe_route_tables(RouteTableIds=[mine])["RouteTables"][0]["Associations"]
    ec2.replace_route_table_association(
        AssociationId=links[0]["RouteTableAssociationId"], RouteTableId=found(lab, "route-table", "rt-private-b")
    )


def no_table(lab: Lab) -> None:
    ec2 = lab.client("ec2")
    mine = found(lab, "route-table", "rt-private-a")
    links = ec2.describe_route_tables(RouteTableIds=[mine])["RouteTables"][0]["Associations"]
    ec2.disassociate_route_table(AssociationId=links[0]["RouteTableAssociationId"])
    ec2.delete_route_table(RouteTableId=mine)


def no_peering(lab: Lab) -> None:
    peering = found(lab, "vpc-peering-connection", "a-b")
    lab.client("ec2").delete_vpc_peering_connection(VpcPeeringConnectionId=peering)


def no_ssh_rule(lab: Lab) -> None:
    rule = {"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "IpRanges": [{"CidrIp": "10.1.0.0/16"}]}
    group = found(lab, "security-group", "sg-public-b")
    lab.client("ec2").revoke_security_group_ingress(GroupId=group, IpPermissions=[rule])


def one_rule_too_many(lab: Lab) -> None:
    rule = {"IpProtocol": "tcp", "FromPort": 8080, "ToPort": 8080, "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}
    group = found(lab, "security-group", "sg-public-b")
    lab.client("ec2").authorize_security_group_ingress(GroupId=group, IpPermissions=[rule])


def a_rule_for_a_group(lab: Lab) -> None:
    group = found(lab, "security-group", "sg-private-b")
    other = [{"GroupId": found(lab, "security-group", "sg-public-b")}]
    rule = {"IpProtocol": "tcp", "FromPort": 443, "ToPort": 443, "UserIdGroupPairs": other}
    lab.client("ec2").authorize_security_group_ingress(GroupId=group, IpPermissions=[rule])


def no_way_out(lab: Lab) -> None:
    rule = {"IpProtocol": "-1", "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}
    group = found(lab, "security-group", "sg-public-a")
    lab.client("ec2").revoke_security_group_egress(GroupId=group, IpPermissions=[rule])


def acl_denies_first(lab: Lab) -> None:
    acl = found(lab, "network-acl", "acl-private-b")
    deny = {"RuleNumber": 90, "Protocol": "-1", "RuleAction": "deny", "CidrBlock": "10.1.0.0/16"}
    lab.client("ec2").create_network_acl_entry(NetworkAclId=acl, Egress=False, **deny)


def acl_without_answers(lab: Lab) -> None:
    acl = found(lab, "network-acl", "acl-private-b")
    lab.client("ec2").delete_network_acl_entry(NetworkAclId=acl, RuleNumber=100, Egress=True)


def acl_entry_changed(lab: Lab) -> None:
    acl = found(lab, "network-acl", "acl-private-b")
    ssh = {"Protocol": "6", "PortRange": {"From": 22, "To": 22}, "RuleAction": "allow", "CidrBlock": "10.0.0.0/8"}
    lab.client("ec2").replace_network_acl_entry(NetworkAclId=acl, RuleNumber=100, Egress=False, **ssh)


def another_acl(lab: Lab) -> None:
    ec2 = lab.client("ec2")
    mine = ec2.describe_network_acls(NetworkAclIds=[found(lab, "network-acl", "acl-private-b")])["NetworkAcls"][0]
    wanted = [{"Name": "vpc-id", "Values": [mine["VpcId"]]}, {"Name": "default", "Values": ["true"]}]
    default = ec2.describe_network_acls(Filters=wanted)["NetworkAcls"][0]
    ec2.replace_network_acl_association(
        AssociationId=mine["Associations"][0]["NetworkAclAssociationId"], NetworkAclId=default["NetworkAclId"]
    )


def no_machine(lab: Lab) -> None:
    lab.client("ec2").terminate_instances(InstanceIds=[found(lab, "instance", "db-b")])


def no_client(lab: Lab) -> None:
    ec2, client = lab.client("ec2"), found(lab, "instance", "client-a")
    ec2.terminate_instances(InstanceIds=[client])
    ec2.get_waiter("instance_terminated").wait(InstanceIds=[client])


def machine_stopped(lab: Lab) -> None:
    lab.client("ec2").stop_instances(InstanceIds=[found(lab, "instance", "client-a")])


def no_subnet(lab: Lab) -> None:
    ec2, machine = lab.client("ec2"), found(lab, "instance", "app-a")
    ec2.terminate_instances(InstanceIds=[machine])
    ec2.get_waiter("instance_terminated").wait(InstanceIds=[machine])
    ec2.delete_subnet(SubnetId=found(lab, "subnet", "private-a"))


def no_acl_subnet(lab: Lab) -> None:
    ec2, machine = lab.client("ec2"), found(lab, "instance", "db-b")
    ec2.terminate_instances(InstanceIds=[machine])
    ec2.get_waiter("instance_terminated").wait(InstanceIds=[machine])
    ec2.delete_subnet(SubnetId=found(lab, "subnet", "private-b"))


def profile_without_role(lab: Lab) -> None:
    name = lab.name("instance")
    lab.client("iam").remove_role_from_instance_profile(InstanceProfileName=name, RoleName=name)


def role_without_its_policy(lab: Lab) -> None:
    arn = "arn:aws:iam::aws:policy/AmazonSSMManagedInstanceCore"
    lab.client("iam").detach_role_policy(RoleName=lab.name("instance"), PolicyArn=arn)


def wrong_trust(lab: Lab) -> None:
    iam, name = lab.client("iam"), lab.name("flow-logs")
    trust = json.dumps(iam.get_role(RoleName=name)["Role"]["AssumeRolePolicyDocument"])
    iam.update_assume_role_policy(RoleName=name, PolicyDocument=trust.replace("vpc-flow-logs", "cloudtrail"))


def no_permission(lab: Lab) -> None:
    lab.client("iam").delete_role_policy(RoleName=lab.name("flow-logs"), PolicyName=lab.name("flow-logs-write"))


def no_retention(lab: Lab) -> None:
    lab.client("logs").delete_retention_policy(logGroupName="/demo/vpc-flow-logs")


def no_group(lab: Lab) -> None:
    lab.client("logs").delete_log_group(logGroupName="/demo/vpc-flow-logs")


def no_flow_log(lab: Lab) -> None:
    lab.client("ec2").delete_flow_logs(FlowLogIds=[found(lab, "vpc-flow-log", "flow-log-a")])


def a_route_too_many(lab: Lab) -> None:
    peering = found(lab, "vpc-peering-connection", "a-b")
    wide = {"DestinationCidrBlock": "10.0.0.0/8", "VpcPeeringConnectionId": peering}
    lab.client("ec2").create_route(RouteTableId=found(lab, "route-table", "rt-private-a"), **wide)


def a_private_subnet_made_public(lab: Lab) -> None:
    table, gateway = found(lab, "route-table", "rt-private-b"), found(lab, "internet-gateway", "igw-b")
    lab.client("ec2").create_route(RouteTableId=table, DestinationCidrBlock="0.0.0.0/0", GatewayId=gateway)


def the_internet_over_the_peering(lab: Lab) -> None:
    """The agent of client-a goes offline, so a cell that waits fails before the repair."""
    table, peering = found(lab, "route-table", "rt-public-a"), found(lab, "vpc-peering-connection", "a-b")
    route = {"DestinationCidrBlock": "0.0.0.0/0", "VpcPeeringConnectionId": peering}
    lab.client("ec2").replace_route(RouteTableId=table, **route)
    client = found(lab, "instance", "client-a")
    lab.client("ec2").stop_instances(InstanceIds=[client])


def ssh_from_everywhere(lab: Lab) -> None:
    rule = {"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}
    group = found(lab, "security-group", "sg-private-b")
    lab.client("ec2").authorize_security_group_ingress(GroupId=group, IpPermissions=[rule])


def ipv6_from_everywhere(lab: Lab) -> None:
    rule = {"IpProtocol": "tcp", "FromPort": 80, "ToPort": 90, "Ipv6Ranges": [{"CidrIpv6": "::/0"}]}
    group = found(lab, "security-group", "sg-private-a")
    lab.client("ec2").authorize_security_group_ingress(GroupId=group, IpPermissions=[rule])


def only_web_pages_leave(lab: Lab) -> None:
    group, ec2 = found(lab, "security-group", "sg-public-a"), lab.client("ec2")
    pages = {"IpProtocol": "tcp", "FromPort": 80, "ToPort": 80, "IpRanges": [{"CidrIp": "10.2.0.0/16"}]}
    ec2.authorize_security_group_egress(GroupId=group, IpPermissions=[pages])
    no_way_out(lab)


def acl_denies_answers(lab: Lab) -> None:
    deny = {"RuleNumber": 10, "Protocol": "6", "PortRange": {"From": 1024, "To": 65535}, "CidrBlock": "0.0.0.0/0"}
    acl = found(lab, "network-acl", "acl-private-b")
    lab.client("ec2").create_network_acl_entry(NetworkAclId=acl, Egress=True, RuleAction="deny", **deny)


def acl_entry_made_a_denial(lab: Lab) -> None:
    acl = found(lab, "network-acl", "acl-private-b")
    deny = {"Protocol": "-1", "RuleAction": "deny", "CidrBlock": "10.0.0.0/8"}
    lab.client("ec2").replace_network_acl_entry(NetworkAclId=acl, RuleNumber=100, Egress=True, **deny)


def acl_lets_in_ipv6(lab: Lab) -> None:
    acl = found(lab, "network-acl", "acl-private-b")
    everybody = {"RuleNumber": 120, "Protocol": "-1", "RuleAction": "allow", "Ipv6CidrBlock": "::/0"}
    lab.client("ec2").create_network_acl_entry(NetworkAclId=acl, Egress=False, **everybody)


def wrong_trust_of_the_instances(lab: Lab) -> None:
    iam, name = lab.client("iam"), lab.name("instance")
    trust = json.dumps(iam.get_role(RoleName=name)["Role"]["AssumeRolePolicyDocument"])
    iam.update_assume_role_policy(RoleName=name, PolicyDocument=trust.replace("ec2.", "lambda."))


def a_policy_that_denies(lab: Lab) -> None:
    no_logs = {"Effect": "Deny", "Action": "logs:PutLogEvents", "Resource": "*"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [no_logs]})
    lab.client("iam").put_role_policy(RoleName=lab.name("flow-logs"), PolicyName="no-logs", PolicyDocument=document)


def another_role_in_the_profile(lab: Lab) -> None:
    profile_without_role(lab)
    iam, name = lab.client("iam"), lab.name("instance")
    iam.add_role_to_instance_profile(InstanceProfileName=name, RoleName=lab.name("flow-logs"))


def every_machine_stopped(lab: Lab) -> None:
    ids = [found(lab, "instance", name) for name in ("client-a", "app-a", "web-b", "db-b")]
    lab.client("ec2").stop_instances(InstanceIds=ids)


NEIGHBOURS: dict[Callable[[Lab], None], str] = {
    one_rule_too_many: "rule tcp 8080 from 0.0.0.0/0 removed from demo-sg-public-b",
    ssh_from_everywhere: "rule tcp 22 from 0.0.0.0/0 removed from demo-sg-private-b",
    ipv6_from_everywhere: "rule tcp 80-90 from ::/0 removed from demo-sg-private-a",
    only_web_pages_leave: "rule tcp 80 to 10.2.0.0/16 removed from demo-sg-public-a",
    a_route_too_many: "route to 10.0.0.0/8 removed from demo-rt-private-a",
    a_private_subnet_made_public: "route to 0.0.0.0/0 removed from demo-rt-private-b",
    route_to_the_wrong_place: "route to 10.2.0.0/16 replaced in demo-rt-public-a",
    the_internet_over_the_peering: "route to 0.0.0.0/0 replaced in demo-rt-public-a",
    another_table: "taken from demo-rt-private-b",
    acl_entry_changed: "inbound entry 100 replaced in demo-acl-private-b",
    acl_denies_answers: "outbound entry 10 removed from demo-acl-private-b",
    acl_entry_made_a_denial: "outbound entry 100 replaced in demo-acl-private-b",
    acl_lets_in_ipv6: "inbound entry 120 removed from demo-acl-private-b",
    wrong_trust_of_the_instances: "trust policy of demo-instance replaced",
    a_policy_that_denies: "policy no-logs removed from demo-flow-logs",
    another_role_in_the_profile: "role demo-flow-logs replaced by demo-instance in demo-instance",
    no_retention: "log-group /demo/vpc-flow-logs changed",
}
"""What catch-up says that it repaired."""

CHANGES: list[Callable[[Lab], None]] = [
    *(every_machine_stopped, *NEIGHBOURS),
    *(no_peering_route, no_internet_route, no_table, no_peering),
    *(no_ssh_rule, a_rule_for_a_group, no_way_out, acl_denies_first, acl_without_answers),
    *(another_acl, no_machine, no_client, machine_stopped, no_subnet, no_acl_subnet),
    *(profile_without_role, role_without_its_policy, wrong_trust, no_permission, no_group, no_flow_log),
]


# --- what holds afterwards --------------------------------------------------------------------------------------


def shape(lab: Lab) -> dict[str, Any]:
    """What the lab consists of, by names instead of ids."""
    topology = lab.topology()
    return {
        "verdicts": verdicts(topology),
        "settings": settings(lab, topology),
        "delivery": delivery(lab),
        "machines": machines(lab),
    }


def verdicts(topology: Topology) -> dict[tuple[str, str, int], str]:
    """What becomes of a connection from each machine to each other one, there and back."""
    found = {}
    for source in (CLIENT, APP, WEB, DB):
        for target in (CLIENT, APP, WEB, DB, "192.0.2.30"):
            for port in (0, 22, 80, 443, 8080):
                if source != target:
                    found[source, target, port] = there_and_back(topology, source, target, port)
    return found


def there_and_back(topology: Topology, source: str, target: str, port: int) -> str:
    tcp = {"protocol": 6, "src_port": 40000, "dst_port": port, "tcp_flags": 2}
    kind: dict[str, int] = tcp if port else {"protocol": 1, "icmp_type": 8, "icmp_code": 0}
    there, connections = trace(topology, make_packet(source, target, **kind), Connections())
    if there.outcome != "delivered":
        return f"there: {there.outcome}"
    public = dict(topology.interfaces_with(source)[0].public).get(source, source)
    answer = public if target == "192.0.2.30" else source
    reply = {"protocol": 6, "src_port": port, "dst_port": 40000, "tcp_flags": 18}
    kind = reply if port else {"protocol": 1, "icmp_type": 0, "icmp_code": 0}
    return f"back: {trace(topology, make_packet(target, answer, **kind), connections)[0].outcome}"


def settings(lab: Lab, topology: Topology) -> list[Any]:
    """Rules, entries and routes, as they are set."""
    groups = [
        (group.name, str(rule), rule.egress) for group in topology.groups for rule in group.ingress + group.egress
    ]
    own = [acl for acl in topology.acls if acl.id == lab.find("network-acl", "acl-private-b")]
    entries = sorted((entry.egress, str(entry)) for acl in own for entry in acl.entries)
    routes = [
        (route.destination, route.kind, route.state)
        for name in ("public-a", "private-a", "public-b", "private-b")
        for route in routes_of(topology, found(lab, "subnet", name))
    ]
    return [sorted(groups), entries, routes, [acl.subnet_ids == (lab.find("subnet", "private-b"),) for acl in own]]


def routes_of(topology: Topology, subnet: str) -> list[Any]:
    table = topology.route_table_of(subnet)
    assert table is not None
    return sorted(table.routes, key=lambda route: route.destination)


def delivery(lab: Lab) -> list[Any]:
    iam, logs = lab.client("iam"), lab.client("logs")
    group = logs.describe_log_groups(logGroupNamePrefix="/demo/")["logGroups"]
    role = iam.get_role(RoleName=lab.name("flow-logs"))["Role"]["AssumeRolePolicyDocument"]
    policy = iam.get_role_policy(RoleName=lab.name("flow-logs"), PolicyName=lab.name("flow-logs-write"))
    watched = lab.client("ec2").describe_flow_logs()["FlowLogs"]
    vpcs = {found(lab, "vpc", name): name for name in ("vpc-a", "vpc-b")}
    return [
        [(one["logGroupName"], one["retentionInDays"], one["logGroupClass"]) for one in group],
        [role, policy["PolicyDocument"]],
        sorted((vpcs[one["ResourceId"]], one["TrafficType"], one["LogGroupName"]) for one in watched),
    ]


def machines(lab: Lab) -> list[Any]:
    online = {one["InstanceId"] for one in lab.client("ssm").describe_instance_information()["InstanceInformationList"]}
    names = ("client-a", "app-a", "web-b", "db-b")
    topology, ids = lab.topology(), [found(lab, "instance", name) for name in names]
    profile = lab.client("iam").get_instance_profile(InstanceProfileName=lab.name("instance"))["InstanceProfile"]
    return [[topology.instance(one).state, one in online] for one in ids] + [[len(profile["Roles"])]]


@pytest.fixture(scope="module")
def whole(lab: Lab) -> dict[str, Any]:
    return shape(lab)


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.__name__)
def test_what_one_change_broke_is_repaired(lab: Lab, whole: dict[str, Any], change: Callable[[Lab], None]) -> None:
    change(lab)
    told = lab.catch_up("05")
    assert {outcome for _, outcome in told.outcomes} != {"found"}, told
    assert NEIGHBOURS.get(change, "") in str(told)
    assert shape(lab) == whole
    assert {outcome for _, outcome in lab.catch_up("05").outcomes} == {"found"}


def test_a_gateway_at_another_vpc_is_moved_back(lab: Lab, whole: dict[str, Any]) -> None:
    """AWS detaches a gateway only where no public address is left; the instance is created again."""
    no_client(lab)
    ec2, gateway, vpc = lab.client("ec2"), found(lab, "internet-gateway", "igw-a"), found(lab, "vpc", "vpc-a")
    ec2.detach_internet_gateway(InternetGatewayId=gateway, VpcId=vpc)
    other = ec2.create_vpc(CidrBlock="10.9.0.0/16")["Vpc"]["VpcId"]
    ec2.attach_internet_gateway(InternetGatewayId=gateway, VpcId=other)
    assert f"demo-igw-a moved from {other} to {vpc}" in str(lab.catch_up("05"))
    ec2.delete_vpc(VpcId=other)
    assert shape(lab) == whole


def test_running_the_lesson_repairs_what_is_different(lab: Lab, whole: dict[str, Any], tmp_path: Path) -> None:
    """All at once that can be: the cells of 01 in the order of the page, and its own catch-up."""
    at_once = [ssh_from_everywhere, only_web_pages_leave, a_route_too_many, acl_denies_answers, acl_entry_changed]
    for change in [*at_once, no_peering_route, another_acl, no_machine, wrong_trust_of_the_instances]:
        change(lab)
    run_in_process([NOTEBOOKS / "01_network.ipynb"], tmp_path / "out", Path(os.environ["FLOWLOGS_HOME"]))
    assert shape(lab) == whole
