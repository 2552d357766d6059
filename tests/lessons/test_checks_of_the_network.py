"""The checks of 01 and 02 against accounts on paper: other right ways pass, and nothing strange makes them stumble."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from helpers.lessons.account_view import AccountView, CheckEnded, CheckResult
from helpers.lessons.checks import n01, n02, n05
from helpers.network import GroupRule, NetworkAcl, read_acl, read_rule

A, B = "10.1.0.0/16", "10.2.0.0/16"
Rule = dict[str, Any]


class Paper(AccountView):
    """A view whose account is a few values: routes by subnet, rules by group, ACL entries by direction, log groups."""

    def __init__(self, answer: Any = None, **account: Any) -> None:
        lab: Any = SimpleNamespace(prefix="demo", name=lambda short: f"demo-{short}", find=lambda kind, name: name)
        super().__init__(lab, answer)
        self.account = account

    def rules(self, group_name: str) -> list[GroupRule]:
        known = {"GroupId": group_name, "SecurityGroupRuleId": "sgr-1"}
        return [read_rule(known | rule) for rule in self.account.get("rules", {}).get(group_name, [])]

    def acl(self, name: str) -> NetworkAcl:
        ways = ((False, "inward"), (True, "outward"))
        entries = [entry | {"Egress": egress} for egress, way in ways for entry in self.account[way]]
        return read_acl({"NetworkAclId": name, "VpcId": "vpc-b", "Entries": entries})

    def client(self, service: str) -> Any:
        pages = SimpleNamespace(paginate=lambda **_: [{"logGroups": self.account.get("groups", [])}])
        return SimpleNamespace(
            describe_vpcs=lambda VpcIds: {"Vpcs": [{"CidrBlock": {"vpc-a": A, "vpc-b": B}[VpcIds[0]]}]},  # noqa: N803
            describe_route_tables=lambda Filters: {  # noqa: N803
                "RouteTables": [
                    {"Routes": self.account["routes"].get(Filters[0]["Values"][0], []), "RouteTableId": "rtb"}
                ]
            },
            describe_network_acls=lambda **_: {"NetworkAcls": [{"Associations": [], "VpcId": "vpc-b"}]},
            get_paginator=lambda call: pages,
        )


def judged(check: Callable[[Any], CheckResult], view: Paper) -> str:
    try:
        result = check(view)
    except CheckEnded as stop:
        result = stop.result
    return result.key


# --- 01.1 -------------------------------------------------------------------------------------------------------


def through(*ranges: str, target: str = "igw-a") -> list[Rule]:
    return [{"DestinationCidrBlock": each, "GatewayId": target, "State": "active"} for each in ranges]


@pytest.mark.parametrize(
    ("routes", "key"),
    [
        ({}, "untouched"),
        ({"public-a": through("10.1.0.0/16", target="local")}, "untouched"),
        ({"public-a": through("0.0.0.0/0")}, "done"),
        ({"public-a": through("0.0.0.0/1")}, "narrow"),
        ({"public-a": through("0.0.0.0/1", "128.0.0.0/1")}, "narrow"),
        ({"public-a": through("0.0.0.0/0", "8.8.8.0/24")}, "more"),
        ({"public-a": through("0.0.0.0/0", target="pcx-1")}, "target"),
        ({"public-a": through("0.0.0.0/0"), "private-a": through("0.0.0.0/0")}, "private"),
        ({"public-a": through("0.0.0.0/0"), "vpc-a": through("0.0.0.0/0")}, "main"),
    ],
)
def test_a_public_subnet(routes: dict[str, list[Rule]], key: str) -> None:
    assert judged(n01.check_01_1, Paper(routes=routes)) == key


# --- 01.2 -------------------------------------------------------------------------------------------------------


def over(*ranges: str, **more: str) -> list[Rule]:
    return [
        {"DestinationCidrBlock": each, "VpcPeeringConnectionId": "a-b", "State": "active"} | more for each in ranges
    ]


def roads(**changed: list[Rule]) -> dict[str, list[Rule]]:
    whole = {"public-a": over(B), "private-a": over(B), "public-b": over(A), "private-b": over(A)}
    return whole | {name.replace("_", "-"): routes for name, routes in changed.items()}


MADE = {"Origin": "CreateRoute"}


@pytest.mark.parametrize(
    ("routes", "key"),
    [
        (roads(), "done"),
        (roads(private_b=over("10.1.0.0/17", "10.1.128.0/17")), "done"),
        (roads(private_b=[{"DestinationPrefixListId": "pl-1", "GatewayId": "vpce-1"}, *over(A)]), "done"),
        (roads(public_b=[{"DestinationCidrBlock": "0.0.0.0/0", "GatewayId": "igw-1"} | MADE, *over(A)]), "done"),
        (roads(private_b=[]), "untouched"),
        (roads(private_b=over("10.1.0.0/24")), "still"),
        (roads(private_b=over("0.0.0.0/0")), "wider"),
        (roads(private_b=over(A, "10.1.1.0/24")), "more"),
        (roads(private_b=[{"DestinationCidrBlock": "10.9.0.0/16", "GatewayId": "igw-1"} | MADE, *over(A)]), "more"),
        (roads(private_b=[], vpc_b=over(A)), "main"),
        (roads(private_b=over(A, State="blackhole")), "dead"),
        (roads(public_b=[{"DestinationCidrBlock": A, "GatewayId": "igw-1"}]), "elsewhere"),
        (
            roads(public_b=[{"DestinationCidrBlock": "10.1.0.10/32", "NetworkInterfaceId": "eni-1"}, *over(A)]),
            "elsewhere",
        ),
    ],
)
def test_the_way_back(routes: dict[str, list[Rule]], key: str) -> None:
    assert judged(n01.check_01_2, Paper(routes=routes)) == key


@pytest.mark.parametrize(("routes", "key"), [(roads(private_b=[]), "filters"), (roads(), "rule-left")])
def test_a_rule_that_was_tried_on_the_way_has_to_go(routes: dict[str, list[Rule]], key: str) -> None:
    for group in ("sg-private-b", "sg-public-a"):
        rules = {group: [inward("-1", -1, -1, CidrIpv4="0.0.0.0/0")]}
        assert judged(n01.check_01_2, Paper(routes=routes, rules=rules)) == key


def test_other_exercises_of_the_lesson_are_no_tinkering_with_filters() -> None:
    solved = {"sg-public-b": [inward("tcp", 443, 443, CidrIpv4=A)]}
    assert judged(n01.check_01_2, Paper(routes=roads(private_b=[]), rules=solved)) == "untouched"


# --- 01.3 -------------------------------------------------------------------------------------------------------


def inward(protocol: str, first: int, last: int, **source: Any) -> Rule:
    return {"IsEgress": False, "IpProtocol": protocol, "FromPort": first, "ToPort": last, **source}


OWN = [inward("icmp", -1, -1, CidrIpv4=A), inward("tcp", 22, 22, CidrIpv4=B), inward("tcp", 80, 80, CidrIpv4=A)]


@pytest.mark.parametrize(
    ("added", "key"),
    [
        ([], "untouched"),
        ([inward("tcp", 443, 443, CidrIpv4=A)], "done"),
        ([inward("tcp", 443, 443, CidrIpv4="10.1.0.0/17"), inward("tcp", 443, 443, CidrIpv4="10.1.128.0/17")], "done"),
        ([inward("tcp", 443, 443, CidrIpv4=A), inward("tcp", 443, 443, CidrIpv6="::/0")], "too-open"),
        ([inward("tcp", 443, 443, CidrIpv4=A), inward("tcp", 22, 22, CidrIpv4="0.0.0.0/0")], "too-open"),
        ([inward("tcp", 443, 443, PrefixListId="pl-1")], "too-open"),
        ([inward("tcp", 443, 443, ReferencedGroupInfo={"GroupId": "sg-public-a"})], "narrow"),
        ([inward("tcp", 443, 8443, CidrIpv4=A)], "more-ports"),
        ([inward("udp", 443, 443, CidrIpv4=A)], "other-port"),
        ([inward("-1", -1, -1, CidrIpv4=A)], "more-ports"),
    ],
)
def test_https_for_one_network(added: list[Rule], key: str) -> None:
    assert judged(n01.check_01_3, Paper(rules={"sg-public-b": OWN + added})) == key


def test_a_rule_that_was_tried_on_another_group_has_to_go() -> None:
    https = [inward("tcp", 443, 443, CidrIpv4=A)]
    for group in ("sg-public-a", "sg-private-a", "sg-private-b"):
        assert judged(n01.check_01_3, Paper(rules={"sg-public-b": OWN + https, group: https})) == "other-group"


# --- 01.4 -------------------------------------------------------------------------------------------------------


def entry(number: int, first: int, last: int, cidr: str = A, action: str = "allow") -> Rule:
    ports = {"From": first, "To": last}
    return {"RuleNumber": number, "Protocol": "6", "RuleAction": action, "CidrBlock": cidr, "PortRange": ports}


EVERY_IPV6: Rule = {"RuleNumber": 120, "Protocol": "-1", "RuleAction": "allow", "Ipv6CidrBlock": "::/0"}
WEB, LINUX = [entry(100, 80, 80)], [entry(100, 32768, 60999)]


@pytest.mark.parametrize(
    ("inward", "outward", "key"),
    [
        (WEB, LINUX, "done"),
        (WEB, [entry(100, 1024, 65535)], "done"),
        ([entry(100, 80, 80, "10.1.0.0/24"), entry(110, 80, 80, "10.1.1.0/24")], LINUX, "done"),
        ([entry(50, 22, 22, action="deny"), *WEB], LINUX, "done"),
        ([entry(50, 0, 65535, action="deny"), *WEB], LINUX, "request"),
        ([entry(100, 80, 80, "10.1.0.0/24")], LINUX, "request"),
        ([entry(100, 80, 443)], LINUX, "too-open"),
        ([entry(100, 80, 90)], LINUX, "too-open"),
        ([entry(100, 79, 80)], LINUX, "too-open"),
        ([entry(100, 80, 80, "10.0.0.0/15")], LINUX, "too-open"),
        ([*WEB, EVERY_IPV6], LINUX, "too-open"),
        (WEB, [*LINUX, EVERY_IPV6], "answers-open"),
        (WEB, [entry(100, 1000, 65535)], "answers-open"),
        (WEB, [entry(100, 1024, 65535, "10.0.0.0/15")], "answers-open"),
        ([entry(100, 80, 80, "0.0.0.0/0")], LINUX, "too-open"),
        (WEB, WEB, "answers-80"),
        (WEB, [], "answers"),
        (WEB, [entry(100, 32768, 60999, "0.0.0.0/0")], "answers-open"),
        (WEB, [EVERY_IPV6], "answers"),
    ],
)
def test_answers_need_an_entry_too(inward: list[Rule], outward: list[Rule], key: str) -> None:
    assert judged(n01.check_01_4, Paper(inward=inward, outward=outward)) == key


# --- 02.2 -------------------------------------------------------------------------------------------------------

GROUPS = [{"logGroupName": "/demo/old"}, {"logGroupName": "/demo/new", "retentionInDays": 30}]


@pytest.mark.parametrize(
    ("answer", "key"),
    [
        (["/demo/old"], "done"),
        ({"/demo/old"}, "done"),
        (("/demo/old", "/demo/old"), "done"),
        ([], "too-few"),
        (["/demo/new", "/demo/old"], "too-many"),
        (["/demo/gone"], "stranger"),
        ([{"logGroupName": "/demo/old"}], "not-names"),
        ([None], "not-names"),
        ("/demo/old", "not-list"),
        ({"/demo/old": True}, "not-list"),
        (7, "not-list"),
        (True, "not-list"),
    ],
)
def test_what_never_expires(answer: Any, key: str) -> None:
    assert judged(n02.check_02_2, Paper(answer, groups=GROUPS)) == key


def test_a_terminated_machine_is_looked_past() -> None:
    """DescribeInstances shows it for an hour more, without interfaces."""
    name = [{"Key": "Name", "Value": "demo-web-b"}]
    told = [{"Tags": name}, {"Tags": name, "NetworkInterfaces": [{"NetworkInterfaceId": "eni-2"}]}]
    pages = SimpleNamespace(search=lambda _: iter(told))
    ec2 = SimpleNamespace(get_paginator=lambda _: SimpleNamespace(paginate=lambda **_: pages))
    lab: Any = SimpleNamespace(prefix="demo", client=lambda _: ec2, tag_filters=list)
    assert dict(AccountView(lab, None).instances) == {"eni-2": "web-b"}


# --- 05.1 -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("output", "words"),
    [
        ("ping: give -c\nfailed to run commands: exit status 126\n", "ping: give -c"),
        ("failed to run commands: exit status 1", "nothing"),
        ("HTTP 200", "HTTP 200"),
    ],
)
def test_the_last_line_is_the_program_s_own(output: str, words: str) -> None:
    assert n05._last_words(output) == words
