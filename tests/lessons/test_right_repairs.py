"""Broken labs in other hands: other right repairs are green, and what opens or takes away more is not."""

from collections.abc import Iterator
from datetime import timedelta

import pytest

from helpers.lab import Lab
from helpers.lessons import broken
from helpers.lessons.account_view import AccountView, CheckResult
from helpers.lessons.content import broken_labs
from helpers.lessons.hidden_test import judged
from tests.support.cases import sampled
from tests.support.homes import served_lab_after
from tests.support.served import ServedHome

TRUST = """
import json
iam = lab.client("iam")
name = lab.name("flow-logs")
trust = iam.get_role(RoleName=name)["Role"]["AssumeRolePolicyDocument"]
one = trust["Statement"][0]
"""
SAVE_TRUST = "iam.update_assume_role_policy(RoleName=name, PolicyDocument=json.dumps(trust))"
DELIVERY = "vpc-flow-logs.amazonaws.com"
SETUP = """
ec2 = lab.client("ec2")
def group(name): return lab.find("security-group", name)
def acl(name): return lab.find("network-acl", name)
def entry(name, number, egress, action, protocol, block, **more):
    ec2.create_network_acl_entry(
        NetworkAclId=acl(name), RuleNumber=number, Egress=egress, RuleAction=action, Protocol=protocol,
        CidrBlock=block, **more)
def drop(name, number, egress):
    ec2.delete_network_acl_entry(NetworkAclId=acl(name), RuleNumber=number, Egress=egress)
def members(*names):
    ec2.modify_instance_attribute(InstanceId=lab.find("instance", "client-a"), Groups=[group(name) for name in names])
def route(table, block, **to):
    ec2.create_route(RouteTableId=lab.find("route-table", table), DestinationCidrBlock=block, **to)
def solve(number, old="", new=""):
    exec(broken_labs()[number].solution.partition("\\n")[2].replace(old, new), {"lab": lab, "case": None})
peering = {"VpcPeeringConnectionId": lab.find("vpc-peering-connection", "a-b")}
ssh = {"PortRange": {"From": 22, "To": 22}}
"""

RIGHT = [
    ("14.01", TRUST + f'one.update(Principal={{"Service": ["{DELIVERY}"]}}, Sid="Delivery")\n' + SAVE_TRUST),
    ("14.01", TRUST + f'one.update(Principal={{"Service": "{DELIVERY}"}}, Action=["sts:AssumeRole"])\n' + SAVE_TRUST),
    (
        "14.03",
        """
import json
iam = lab.client("iam")
role = iam.get_role(RoleName=lab.name("flow-logs"))["Role"]["Arn"]
only = {"StringEquals": {"iam:PassedToService": "vpc-flow-logs.amazonaws.com"}}
statement = {"Sid": "Pass", "Effect": "Allow", "Action": ["iam:PassRole"], "Resource": [role], "Condition": only}
document = json.dumps({"Version": "2012-10-17", "Statement": statement})
iam.put_role_policy(RoleName=lab.name("operator"), PolicyName="hand-over", PolicyDocument=document)
""",
    ),
    (
        "14.05",
        'drop("acl-public-b", 90, True)\nentry("acl-public-b", 95, True, "allow", "1", "10.1.0.0/16",'
        ' IcmpTypeCode={"Type": 0, "Code": -1})',
    ),
    ("14.05", 'entry("acl-public-b", 80, True, "allow", "-1", "10.1.0.0/16")'),
    (
        "14.05",
        """
drop("acl-public-b", 90, True)
for egress in (False, True):
    entry("acl-public-b", 200, egress, "deny", "-1", "0.0.0.0/0")
    entry("acl-public-b", 120, egress, "allow", "-1", "0.0.0.0/0")
    drop("acl-public-b", 100, egress)
""",
    ),
    (
        "14.06",
        """
drop("acl-public-a", 90, False)
entry("acl-public-a", 90, False, "allow", "6", "10.2.0.0/16", PortRange={"From": 1024, "To": 40000})
""",
    ),
    (
        "14.07",
        """
table = lab.find("route-table", "rt-public-a")
ec2.replace_route(RouteTableId=table, DestinationCidrBlock="10.2.0.0/24", **peering)
""",
    ),
    (
        "14.16",
        """
for name in ("sg-public-b", "sg-private-b"):
    pages = {"IpProtocol": "tcp", "FromPort": 80, "ToPort": 80, "UserIdGroupPairs": [{"GroupId": group(name)}]}
    ec2.authorize_security_group_egress(GroupId=group("sg-public-a"), IpPermissions=[pages])
""",
    ),
    (
        "14.16",
        """
blocks = [{"CidrIp": "10.2.0.10/32"}, {"CidrIp": "10.2.1.0/24"}]
pages = {"IpProtocol": "tcp", "FromPort": 80, "ToPort": 80, "IpRanges": blocks}
ec2.authorize_security_group_egress(GroupId=group("sg-public-a"), IpPermissions=[pages])
""",
    ),
]

CLIENT_PORTS = 'entry("acl-public-a", 80, False, "allow", "6", "{}", PortRange={{"From": {}, "To": {}}})\n'
WRONG = [
    ("14.06", CLIENT_PORTS.format("10.2.0.0/16", 32768, 60999), "part", "tcp 1024-65535 from 10.2.0.0/16", "public-a"),
    (
        "14.06",
        'entry("acl-public-a", 80, False, "allow", "-1", "10.2.0.10/32")\n'
        'entry("acl-public-a", 81, False, "allow", "-1", "10.2.1.10/32")',
        "part",
        "tcp 1024-65535 from 10.2.0.0/16",
        "public-a",
    ),
    (
        "14.06",
        'drop("acl-public-a", 90, False)\n'
        'entry("acl-public-a", 90, False, "deny", "6", "10.2.0.0/16", PortRange={"From": 40000, "To": 40000})',
        "part",
        "tcp 40000 from 10.2.0.0/16",
        "public-a",
    ),
    ("14.06", CLIENT_PORTS.format("10.2.0.0/16", 32768, 45000), "still", "", ""),
    (
        "14.05",
        'drop("acl-public-b", 90, True)\nentry("acl-public-b", 90, True, "deny", "1", "10.1.1.0/24",'
        ' IcmpTypeCode={"Type": 0, "Code": -1})',
        "part",
        "icmp",
        "public-b",
    ),
    ("14.08", 'route("rt-public-b", "10.1.0.0/24", **peering)', "part", "route `10.1.0.0/16 by peering`", "public-b"),
    (
        "14.19",
        'solve("14.19", "dstport = 22", "dstport = 23")',
        "filter",
        "",
        "",
    ),
    (
        "14.19",
        'solve("14.19")\nec2.delete_flow_logs(FlowLogIds=[lab.find("vpc-flow-log", "flow-log-a")])',
        "others",
        "",
        "",
    ),
    ("14.16", 'members("sg-public-a", "sg-private-a")', "wider", "member `demo-sg-private-a`", "client-a"),
    (
        "14.16",
        "default = ec2.describe_security_groups(Filters=[{'Name': 'vpc-id', 'Values': [lab.find('vpc', 'vpc-a')]},"
        " {'Name': 'group-name', 'Values': ['default']}])['SecurityGroups'][0]['GroupId']\n"
        "ec2.modify_instance_attribute(InstanceId=lab.find('instance', 'client-a'), Groups=[default])",
        "lost",
        "member `demo-sg-public-a`",
        "client-a",
    ),
    (
        "14.01",
        TRUST + f'trust["Statement"].append({{**one, "Principal": {{"Service": "{DELIVERY}"}}}})\n' + SAVE_TRUST,
        "left",
        "cloudtrail.amazonaws.com",
        "demo-flow-logs",
    ),
    (
        "14.01",
        TRUST + f'one["Principal"] = {{"Service": ["{DELIVERY}", "ec2.amazonaws.com"]}}\n' + SAVE_TRUST,
        "wider",
        "ec2.amazonaws.com",
        "demo-flow-logs",
    ),
    (
        "14.01",
        TRUST + f'one["Principal"] = {{"Service": "{DELIVERY}"}}\ndel one["Condition"]\n' + SAVE_TRUST,
        "wider",
        DELIVERY,
        "demo-flow-logs",
    ),
    (
        "14.05",
        """
drop("acl-public-b", 90, True)
entry("acl-public-b", 90, True, "deny", "6", "0.0.0.0/0", **ssh)
entry("acl-public-b", 50, False, "deny", "6", "0.0.0.0/0", **ssh)
""",
        "lost",
        "entry `tcp 22 from 0.0.0.0/0`",
        "public-b",
    ),
    (
        "14.05",
        'drop("acl-public-b", 90, True)\nentry("acl-public-b", 90, True, "deny", "6", "0.0.0.0/0", **ssh)',
        "lost",
        "entry `tcp 22 to 0.0.0.0/0`",
        "public-b",
    ),
    (
        "14.07",
        'table = lab.find("route-table", "rt-public-a")\nec2.replace_route(RouteTableId=table,'
        ' DestinationCidrBlock="10.2.0.0/24", **peering)\n'
        'route("rt-public-a", "10.2.0.128/25", GatewayId=lab.find("internet-gateway", "igw-a"))',
        "part",
        "route `10.2.0.128/25 by peering`",
        "public-a",
    ),
    (
        "14.07",
        'ec2.delete_route(RouteTableId=lab.find("route-table", "rt-public-a"), DestinationCidrBlock="10.2.0.0/24")\n'
        'route("rt-public-a", "10.3.0.0/16", **peering)',
        "lost",
        "route `10.3.0.0/16 by internet gateway`",
        "public-a",
    ),
]


@pytest.fixture(scope="module")
def account(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Lab, ServedHome]]:
    with served_lab_after("04", tmp_path_factory.mktemp("repairs") / "home") as found:
        yield found


def judged_after(account: tuple[Lab, ServedHome], number: str, source: str) -> CheckResult:
    lab, served = account
    with served.put_back():
        broken(lab, number)
        exec(SETUP + source, {"lab": lab, "broken_labs": broken_labs})
        return judged(AccountView(lab), number)


@pytest.mark.long
@pytest.mark.parametrize(("number", "source"), sampled(RIGHT, 4))
def test_another_right_repair_is_green(account: tuple[Lab, ServedHome], number: str, source: str) -> None:
    result = judged_after(account, number, source)
    assert (result.outcome, result.key) == ("done", "done"), result


@pytest.mark.long
@pytest.mark.parametrize(("number", "source", "says", "what", "where"), sampled(WRONG, 4))
def test_a_repair_that_changes_more_is_red_and_told_what(
    account: tuple[Lab, ServedHome], number: str, source: str, says: str, what: str, where: str
) -> None:
    result = judged_after(account, number, source)
    assert (result.outcome, result.key) == ("not yet", says), result
    assert what in result.facts.get("what", "")
    assert where in result.facts.get("where", "")


@pytest.mark.long
@pytest.mark.parametrize("seconds", [0, 17, 35])
def test_the_solution_is_green_however_soon_it_comes(account: tuple[Lab, ServedHome], seconds: int) -> None:
    lab, served = account
    with served.put_back():
        broken(lab, "14.01")
        lab._access.sleep_until(lab.now() + timedelta(seconds=seconds))
        exec(broken_labs()["14.01"].solution.partition("\n")[2], {"lab": lab, "case": None})
        result = judged(AccountView(lab), "14.01")
    assert (result.outcome, result.key) == ("done", "done"), result
