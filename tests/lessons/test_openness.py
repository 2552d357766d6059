"""What is wider than before, and what is missing: rules, entries, routes, statements."""

from types import SimpleNamespace
from typing import Any

import pytest

from helpers.lessons.openness import Item, beyond, named, permitted
from helpers.network import Route, read_acl
from helpers.network.addresses import parse_cidr

LAB: Any = SimpleNamespace(name=lambda short: f"demo-{short}")


def rule(protocol: str, ports: int | tuple[int, int], block: str, *, egress: bool = False, group: str = "sg") -> Item:
    first, last = (ports, ports) if isinstance(ports, int) else ports
    permission = {"IpProtocol": protocol, "FromPort": first, "ToPort": last}
    six = "Ipv6Ranges" if ":" in block else "IpRanges"
    permission[six] = [{"CidrIpv6" if ":" in block else "CidrIp": block}]  # type: ignore[assignment]
    [item] = permitted({"group": group, "egress": egress, "permission": permission}, LAB)
    return item


def entry(number: int, protocol: str, block: str, *, egress: bool = False, action: str = "allow") -> dict[str, Any]:
    row = {"RuleNumber": number, "Protocol": protocol, "RuleAction": action, "CidrBlock": block, "Egress": egress}
    return row | ({"PortRange": {"From": 80, "To": 80}} if protocol == "6" else {})


def acl(*rows: dict[str, Any]) -> Item:
    return "entry", "subnet-1", read_acl({"NetworkAclId": "acl-1", "VpcId": "vpc-1", "Entries": rows}).entries


def routes(**blocks: str) -> Item:
    """By kind of target: the block, with its state after a space where it is not active."""
    found = [(kind, *text.split()) for kind, text in blocks.items()]
    table = tuple(Route("rtb-1", block, (parse_cidr(block),), kind, kind, *state) for kind, block, *state in found)  # type: ignore[arg-type]
    return "route", "subnet-1", table


def statement(action: str, resource: str, **condition: Any) -> Item:
    document = {"Action": action, "Resource": resource, "Condition": condition}
    [item] = permitted({"role": "operator", "statement": document}, LAB)
    return item


ALL_ROWS = [entry(100, "-1", "0.0.0.0/0")]
ALL = acl(*ALL_ROWS)
ALL_OUT = rule("-1", -1, "0.0.0.0/0", egress=True)
PASS = statement("iam:PassRole", "arn:aws:iam::123456789012:role/demo-flow-logs", StringEquals={"a": "b"})


@pytest.mark.parametrize(
    ("item", "base", "wider"),
    [
        (rule("tcp", 80, "10.1.0.0/24"), rule("tcp", 80, "10.1.0.0/16"), False),
        (rule("tcp", 80, "10.1.0.0/16"), rule("tcp", 80, "10.1.0.0/24"), True),
        (rule("tcp", 80, "10.1.0.0/16"), rule("tcp", 80, "10.1.0.0/16"), False),
        (rule("tcp", (80, 81), "10.1.0.0/16"), rule("tcp", 80, "10.1.0.0/16"), True),
        (rule("tcp", 80, "10.1.0.0/16"), rule("udp", 80, "10.1.0.0/16"), True),
        (rule("tcp", 80, "10.1.0.0/16"), rule("tcp", 80, "10.1.0.0/16", group="other"), True),
        (rule("tcp", 80, "10.1.0.0/16", egress=True), rule("tcp", 80, "10.1.0.0/16"), True),
        (rule("tcp", 22, "::/0"), rule("tcp", 22, "0.0.0.0/0"), True),
        (rule("icmp", -1, "10.1.0.0/16", egress=True), ALL_OUT, False),
        (ALL_OUT, rule("tcp", 443, "0.0.0.0/0", egress=True), True),
        (acl(entry(80, "6", "10.1.0.0/16")), acl(entry(100, "-1", "10.0.0.0/8")), False),
        (acl(entry(100, "-1", "10.0.0.0/8")), acl(entry(80, "6", "10.0.0.0/8")), True),
        (acl(entry(80, "6", "0.0.0.0/0")), acl(entry(80, "6", "10.0.0.0/8")), True),
        (acl(entry(80, "6", "10.0.0.0/8", egress=True)), acl(entry(80, "6", "10.0.0.0/8")), True),
        (ALL, acl(entry(90, "6", "10.0.0.0/8", action="deny"), *ALL_ROWS), True),
        (acl(entry(90, "6", "10.0.0.0/8", action="deny"), *ALL_ROWS), ALL, False),
        (ALL, acl(*ALL_ROWS, entry(110, "-1", "0.0.0.0/0", action="deny")), False),
        (ALL, acl(entry(90, "-1", "0.0.0.0/1"), entry(95, "-1", "128.0.0.0/1")), False),
        (routes(peering="0.0.0.0/0"), routes(peering="10.2.0.0/16"), True),
        (routes(peering="10.2.0.0/24"), routes(peering="10.2.0.0/16"), False),
        (
            routes(gateway="10.2.0.0/24", peering="10.2.0.0/16"),
            routes(gateway="0.0.0.0/0", peering="10.2.0.0/16"),
            True,
        ),
        (routes(peering="10.2.0.0/16"), routes(peering="10.2.0.0/16 blackhole"), True),
        (("peering", "the lab", 2), ("peering", "the lab", 1), True),
        (statement("iam:PassRole", "*"), PASS, True),
        (statement("iam:PassRole", PASS[2][1]), PASS, True),
        (statement("ec2:CreateFlowLogs", "*"), statement("ec2:*", "*"), False),
        (PASS, statement("iam:*", "arn:aws:iam::123456789012:role/demo-*"), False),
    ],
)
def test_what_is_wider_is_beyond(item: Item, base: Item, wider: bool) -> None:
    assert bool(beyond([item], [base])) == wider


def test_what_is_wider_is_named_with_its_place() -> None:
    both = routes(gateway="10.2.0.0/24", peering="10.2.0.0/16")
    [more] = beyond([both], [routes(peering="10.2.0.0/16")])
    assert named(more, {"subnet-1": "public-a"}) == {"what": "route `10.2.0.0/24 by gateway`", "where": "public-a"}
    denied = acl(entry(90, "6", "10.1.0.0/16", action="deny"), *ALL_ROWS)
    assert named(beyond([ALL], [denied])[0], {})["what"] == "entry `tcp 80 from 10.1.0.0/16`"
    assert named(rule("tcp", 22, "0.0.0.0/0"), {})["what"] == "rule `tcp 22 from 0.0.0.0/0`"
