"""The checks of notebook 01: a public subnet, the way back over a peering, one open port, and an ACL for answers."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from ipaddress import IPv4Network, collapse_addresses
from typing import Any

from helpers.lessons.account_view import AccountView, CheckEnded, CheckResult, done, not_attempted, not_yet
from helpers.lessons.the_lab import APP, CLIENT, DB
from helpers.network import GroupRule, NetworkAcl, acl_allows

Rule = Mapping[str, Any]
SIDES = {"public-a": "vpc-b", "private-a": "vpc-b", "public-b": "vpc-a", "private-b": "vpc-a"}
ICMP, TCP, UDP, CLIENT_PORT, ECHO_REQUEST = 1, 6, 17, 40000, 8 << 8
INTERNET, HTTPS = IPv4Network("0.0.0.0/0"), "tcp 443"
# What notebook 01 lets in somewhere; whatever else a group allows, somebody added.
_TAUGHT = {"icmp", "tcp 22", "tcp 80"}


# --- 01.1 -------------------------------------------------------------------------------------------------------


def check_01_1(account: AccountView) -> CheckResult:
    """The table of public-a, and no other of VPC A, sends what is for the internet to the gateway."""
    gateway = account.resource_id("internet-gateway", "igw-a")
    if account.lab.find("subnet", "private-a") and _to(gateway, _routes(account, "private-a")):
        return not_yet("private", table=account.lab.name("rt-private-a"))
    if _to(gateway, (table := _main_table(account, "vpc-a"))["Routes"]):
        return not_yet("main", table=table["RouteTableId"])
    routes = _routes(account, "public-a")
    through = _to(gateway, routes)
    others = [str(network) for network in through if network != INTERNET]
    if INTERNET in through:
        return not_yet("more", cidr=others[0]) if others else done()
    if whole := [route for route in routes if _destination(route) == INTERNET]:
        return not_yet("target", target=_target(whole[0]))
    return not_yet("narrow", cidr="`, `".join(others)) if others else not_attempted()


def _to(target: str, routes: Sequence[Rule]) -> list[IPv4Network]:
    """The destinations of the routes that have this target."""
    return [network for route in routes if _target(route) == target and (network := _destination(route))]


def _main_table(account: AccountView, vpc: str) -> Rule:
    values = {"vpc-id": account.resource_id("vpc", vpc), "association.main": "true"}
    filters = [{"Name": name, "Values": [value]} for name, value in values.items()]
    table: Rule = account.client("ec2").describe_route_tables(Filters=filters)["RouteTables"][0]
    return table


# --- 01.2 -------------------------------------------------------------------------------------------------------


def check_01_2(account: AccountView) -> CheckResult:
    """Every table reaches the other VPC over the peering, and no route and no rule was left beside that."""
    peering = account.resource_id("vpc-peering-connection", "a-b")
    ranges = {name: _range(account, name) for name in ("vpc-a", "vpc-b")}
    tables = {name: _routes(account, name) for name in SIDES}
    routed = [_is_routed(tables[name], peering, ranges[other]) for name, other in SIDES.items()]
    whole = all(routed)
    for group in ("sg-public-b", "sg-private-b", "sg-public-a", "sg-private-a"):
        for rule in _added(account.rules(group), set(ranges.values())):
            if rule.ports != HTTPS:  # the next exercise
                facts = {"group": account.lab.name(group), "rule": rule.id}
                return not_yet("rule-left" if whole else "filters", **facts)
    for vpc in ranges:
        if over := _to(peering, _main_table(account, vpc)["Routes"]):
            return not_yet("main", vpc=account.lab.name(vpc), cidr=str(over[0]))
    for name, other in SIDES.items():
        if whole and (cidr := _needless(tables[name], peering, ranges[other])):
            return not_yet("more", name=name, cidr=cidr)
    if whole:
        return done()
    started = any(network not in ranges.values() for routes in tables.values() for network in _to(peering, routes))
    return not_yet("still") if started else not_attempted()


def _is_routed(routes: Sequence[Rule], peering: str, other: IPv4Network) -> bool:
    """Whether these routes carry the other VPC's addresses over the peering; else ends the check."""
    for route in routes:
        network, over = _destination(route), _target(route) == peering
        if network is None:
            continue
        if over and not network.subnet_of(other):
            raise CheckEnded(not_yet("wider", cidr=str(network)))
        if over and route.get("State", "active") != "active":
            raise CheckEnded(not_yet("dead", state=route["State"]))
        if not over and network.subnet_of(other):
            raise CheckEnded(not_yet("elsewhere", cidr=str(network), target=_target(route)))
    return _covered(other, _to(peering, routes))


def _needless(routes: Sequence[Rule], peering: str, other: IPv4Network) -> str:
    """A route that somebody created and that nothing needs, by its destination; else an empty text."""
    over = _to(peering, routes)
    twice = [network for network in over if _covered(other, [part for part in over if part != network])]
    own = [route for route in routes if route.get("Origin") == "CreateRoute" and _target(route) != peering]
    away = [network for route in own if (network := _destination(route)) not in (None, INTERNET)]
    return str(next((network for network in [*away, *sorted(twice, reverse=True)]), ""))


def _routes(account: AccountView, name: str) -> list[Rule]:
    subnet = account.resource_id("subnet", name)
    here = [{"Name": "association.subnet-id", "Values": [subnet]}]
    found = account.client("ec2").describe_route_tables(Filters=here)["RouteTables"]
    if not found:
        raise CheckEnded(not_yet("missing", kind="route table", name=account.lab.name(f"rt-{name}")))
    return list(found[0]["Routes"])


def _range(account: AccountView, name: str) -> IPv4Network:
    vpc = account.client("ec2").describe_vpcs(VpcIds=[account.resource_id("vpc", name)])["Vpcs"][0]
    return IPv4Network(vpc["CidrBlock"])


def _destination(route: Rule) -> IPv4Network | None:
    text = route.get("DestinationCidrBlock")
    return IPv4Network(text) if text else None


def _target(route: Rule) -> str:
    targets = (value for key, value in route.items() if key.endswith("Id") and not key.startswith("Destination"))
    return str(next(targets, "something else"))


def _covered(whole: IPv4Network, parts: Iterable[IPv4Network]) -> bool:
    return any(whole.subnet_of(part) for part in collapse_addresses(parts))


# --- 01.3 -------------------------------------------------------------------------------------------------------


def check_01_3(account: AccountView) -> CheckResult:
    """Port 443 of web-b is open for all of VPC A, and nothing else is new."""
    vpc_a, vpc_b = _range(account, "vpc-a"), _range(account, "vpc-b")
    for group in ("sg-public-a", "sg-private-a", "sg-private-b"):
        for rule in _added(account.rules(group), {vpc_a, vpc_b}):
            return not_yet("other-group", group=account.lab.name(group), rule=rule.id)
    rules = account.rules("sg-public-b")
    for rule in rules:
        if rule.egress and rule.protocol is not None:
            return not_yet("outward", rule=rule.id)
    added = _added(rules, {vpc_a, vpc_b})
    for rule in added:
        facts = {"group": account.lab.name("sg-public-b"), "rule": rule.id}
        if not rule.peer_group and not any(source.subnet_of(vpc_a) for source in _sources(rule)):
            return not_yet("too-open", source=rule.source, **facts)
        if rule.ports != HTTPS:
            return not_yet("more-ports" if _holds_https(rule) else "other-port", ports=rule.ports, **facts)
    ranges = [source for rule in added for source in _sources(rule)]
    if added and not _covered(vpc_a, ranges):
        return not_yet("narrow", missing=_left_out(vpc_a, ranges))
    return done() if added else not_attempted()


def _added(rules: Sequence[GroupRule], taught: set[IPv4Network]) -> list[GroupRule]:
    """The inbound rules that notebook 01 did not create itself; ``taught`` are the sources it names."""
    inward = [rule for rule in rules if not rule.egress]
    return [rule for rule in inward if rule.ports not in _TAUGHT or rule.source not in map(str, taught)]


def _holds_https(rule: GroupRule) -> bool:
    return rule.protocol is None or (rule.protocol == TCP and rule.from_port <= 443 <= rule.to_port)


def _sources(rule: GroupRule) -> list[IPv4Network]:
    """The IPv4 ranges that a rule names: one, or none."""
    return [IPv4Network(cidr.text) for cidr in rule.cidrs if not cidr.is_ipv6]


def _left_out(whole: IPv4Network, parts: list[IPv4Network]) -> str:
    subnets = [IPv4Network((int(whole.network_address) + 256 * number, 24)) for number in range(2)]
    left = [subnet for subnet in subnets if not _covered(subnet, parts)]
    return str(left[0]) if left else "a part of its range"


# --- 01.4 -------------------------------------------------------------------------------------------------------

_IN = {
    "ssh": (TCP, 22, CLIENT),
    "https": (TCP, 443, CLIENT),
    "a packet to port 79": (TCP, 79, CLIENT),
    "a packet to port 81": (TCP, 81, CLIENT),
    "a packet to port 8080": (TCP, 8080, CLIENT),
    "a packet to port 40000": (TCP, CLIENT_PORT, CLIENT),
    "a ping": (ICMP, ECHO_REQUEST, CLIENT),
    "a request over UDP": (UDP, 80, CLIENT),
    "a request from 10.0.0.10": (TCP, 80, "10.0.0.10"),
    f"a request from {DB}": (TCP, 80, DB),
    "a request from 198.51.100.7": (TCP, 80, "198.51.100.7"),
    "a request from 2001:db8::7": (TCP, 80, "2001:db8::7"),
}
_OUT = {
    "ssh": (TCP, 22, CLIENT),
    "requests to port 80": (TCP, 80, CLIENT),
    "requests to port 443": (TCP, 443, CLIENT),
    "packets to port 1023": (TCP, 1023, CLIENT),
    "a ping": (ICMP, ECHO_REQUEST, CLIENT),
    "UDP": (UDP, CLIENT_PORT, CLIENT),
    "packets to 10.0.0.10": (TCP, CLIENT_PORT, "10.0.0.10"),
    f"packets to {DB}": (TCP, CLIENT_PORT, DB),
    "packets to 198.51.100.7": (TCP, CLIENT_PORT, "198.51.100.7"),
    "packets to 2001:db8::7": (TCP, CLIENT_PORT, "2001:db8::7"),
}
_CLIENT_PORTS = (32768, CLIENT_PORT, 60999)


def check_01_4(account: AccountView) -> CheckResult:
    """An ACL of VPC B, associated with no subnet, that lets pages through, there and back, and nothing else."""
    if account.lab.find("network-acl", "acl-web") is None:
        return _without_tags(account)
    acl = account.resource_id("network-acl", "acl-web")
    shown = account.client("ec2").describe_network_acls(NetworkAclIds=[acl])["NetworkAcls"][0]
    if shown["VpcId"] != account.resource_id("vpc", "vpc-b"):
        return not_yet("other-vpc", acl=acl)
    if shown["Associations"]:
        return not_yet("attached", acl=acl, subnet=shown["Associations"][0]["SubnetId"])
    entries = account.acl("acl-web")
    for address in (CLIENT, APP):
        if not acl_allows(entries, TCP, address, 80, egress=False):
            return not_yet("request", acl=acl)
    for what in _passing(entries, _IN, egress=False):
        return not_yet("too-open", what=what, acl=acl)
    for port in _CLIENT_PORTS:
        if not all(acl_allows(entries, TCP, address, port, egress=True) for address in (CLIENT, APP)):
            key = "answers-80" if acl_allows(entries, TCP, CLIENT, 80, egress=True) else "answers"
            return not_yet(key, port=port, acl=acl)
    for what in _passing(entries, _OUT, egress=True):
        return not_yet("answers-open", what=what, acl=acl)
    return done()


def _without_tags(account: AccountView) -> CheckResult:
    vpcs = [account.resource_id("vpc", name) for name in ("vpc-a", "vpc-b")]
    inside = [{"Name": "vpc-id", "Values": vpcs}, {"Name": "default", "Values": ["false"]}]
    known = account.resource_id("network-acl", "acl-private-b")
    found = account.client("ec2").describe_network_acls(Filters=inside)["NetworkAcls"]
    others = sorted(acl["NetworkAclId"] for acl in found if acl["NetworkAclId"] != known)
    return not_yet("no-tags", acl=others[0], name=account.lab.name("acl-web")) if others else not_attempted()


def _passing(acl: NetworkAcl, packets: Mapping[str, tuple[int, int, str]], *, egress: bool) -> Iterator[str]:
    """Those of the packets that the ACL lets pass: protocol, destination port or ICMP type, and the other address."""
    for what, (protocol, port, address) in packets.items():
        if acl_allows(acl, protocol, address, port, egress=egress):
            yield what
