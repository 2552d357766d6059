"""The checks of notebook 01: the two routes of a peering, one open port, and an ACL that lets answers through."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from ipaddress import IPv4Network, IPv6Network, collapse_addresses, ip_address, ip_network
from typing import Any

from helpers.lessons.scene import Judgement, Scene, Stop, done, not_attempted, not_yet

Rule = Mapping[str, Any]
SIDES = {"public-a": "vpc-b", "private-a": "vpc-b", "public-b": "vpc-a", "private-b": "vpc-a"}
ICMP, TCP, UDP, CLIENT_PORT = "1", "6", "17", 40000
_NUMBERS = {"icmp": ICMP, "tcp": TCP, "udp": UDP}
# Protocol and first port of what notebook 01 lets in somewhere; whatever else a group allows, somebody added.
_TAUGHT = {("icmp", -1, -1), ("tcp", 22, 22), ("tcp", 80, 80)}


# --- 01.1 -------------------------------------------------------------------------------------------------------


def check_01_1(scene: Scene) -> Judgement:
    """Every table reaches the other VPC over the peering, and nothing else goes that way."""
    peering = scene.one("vpc-peering-connection", "a-b")
    ranges = {name: _range(scene, name) for name in ("vpc-a", "vpc-b")}
    whole = [_road(_routes(scene, name), peering, ranges[other]) for name, other in SIDES.items()]
    if all(whole):
        return done()
    for group in ("sg-public-b", "sg-private-b"):
        if any(rule["IpProtocol"] in ("-1", "icmp") for rule in _added(scene.rules(group), set(ranges.values()))):
            return not_yet("filters", group=scene.lab.name(group))
    started = any(_partly(_routes(scene, name), peering, ranges[other]) for name, other in SIDES.items())
    return not_yet("still") if started else not_attempted()


def _road(routes: Sequence[Rule], peering: str, other: IPv4Network) -> bool:
    """Whether these routes carry the other VPC's addresses over the peering; else ends the check."""
    for route in routes:
        network, over = _destination(route), route.get("VpcPeeringConnectionId") == peering
        if network is None:
            continue
        if over and not network.subnet_of(other):
            raise Stop(not_yet("wider", cidr=str(network)))
        if over and route.get("State", "active") != "active":
            raise Stop(not_yet("dead", state=route["State"]))
        if not over and network.subnet_of(other):
            raise Stop(not_yet("elsewhere", target=_target(route)))
    return _covered(other, _over(routes, peering))


def _partly(routes: Sequence[Rule], peering: str, other: IPv4Network) -> bool:
    return any(network != other for network in _over(routes, peering))


def _over(routes: Sequence[Rule], peering: str) -> list[IPv4Network]:
    found = [_destination(route) for route in routes if route.get("VpcPeeringConnectionId") == peering]
    return [network for network in found if network is not None]


def _routes(scene: Scene, name: str) -> list[Rule]:
    subnet = scene.one("subnet", name)
    here = [{"Name": "association.subnet-id", "Values": [subnet]}]
    found = scene.client("ec2").describe_route_tables(Filters=here)["RouteTables"]
    if not found:
        raise Stop(not_yet("missing", kind="route table", name=scene.lab.name(f"rt-{name}")))
    return list(found[0]["Routes"])


def _range(scene: Scene, name: str) -> IPv4Network:
    vpc = scene.client("ec2").describe_vpcs(VpcIds=[scene.one("vpc", name)])["Vpcs"][0]
    return IPv4Network(vpc["CidrBlock"])


def _destination(route: Rule) -> IPv4Network | None:
    text = route.get("DestinationCidrBlock")
    return IPv4Network(text) if text else None


def _target(route: Rule) -> str:
    return str(next((value for key, value in route.items() if key.endswith("Id")), "something else"))


def _covered(whole: IPv4Network, parts: Iterable[IPv4Network]) -> bool:
    return any(whole.subnet_of(each) for each in collapse_addresses(parts))


# --- 01.2 -------------------------------------------------------------------------------------------------------


def check_01_2(scene: Scene) -> Judgement:
    """Port 443 of web-b is open for all of VPC A, and nothing else is new."""
    vpc_a, vpc_b = _range(scene, "vpc-a"), _range(scene, "vpc-b")
    rules = scene.rules("sg-public-b")
    added = _added(rules, {vpc_a, vpc_b})
    if not added:
        return _elsewhere(scene, rules)
    for rule in added:
        source = _source(rule)
        if isinstance(source, IPv6Network) or (source is not None and not source.subnet_of(vpc_a)):
            return not_yet("too-open", source=str(source))
        if source is None and "ReferencedGroupInfo" not in rule:
            return not_yet("too-open", source=rule.get("PrefixListId", "something that is no range"))
        if _kind(rule) != ("tcp", 443, 443):
            return not_yet("more-ports" if _holds_https(rule) else "other-port", ports=_ports(rule))
    ranges = [source for source in map(_source, added) if isinstance(source, IPv4Network)]
    if not _covered(vpc_a, ranges):
        return not_yet("narrow", missing=_left_out(vpc_a, ranges))
    return done()


def _elsewhere(scene: Scene, rules: Sequence[Rule]) -> Judgement:
    out = [rule for rule in rules if rule["IsEgress"]]
    if any(rule["IpProtocol"] != "-1" for rule in out):
        return not_yet("outward")
    for group in ("sg-public-a", "sg-private-a", "sg-private-b"):
        if any(_holds_https(rule) for rule in scene.rules(group) if not rule["IsEgress"]):
            return not_yet("other-group", group=scene.lab.name(group))
    return not_attempted()


def _added(rules: Sequence[Rule], taught: set[IPv4Network]) -> list[Rule]:
    """The rules for what comes in that notebook 01 did not make itself; ``taught`` are the sources it names."""
    inward = [rule for rule in rules if not rule["IsEgress"]]
    return [rule for rule in inward if not (_kind(rule) in _TAUGHT and _source(rule) in taught)]


def _holds_https(rule: Rule) -> bool:
    protocol, first, last = _kind(rule)
    return protocol == "-1" or (protocol == "tcp" and first <= 443 <= last)


def _kind(rule: Rule) -> tuple[str, int, int]:
    return rule["IpProtocol"], rule.get("FromPort", -1), rule.get("ToPort", -1)


def _source(rule: Rule) -> IPv4Network | IPv6Network | None:
    text = rule.get("CidrIpv4") or rule.get("CidrIpv6")
    return ip_network(text) if text else None


def _ports(rule: Rule) -> str:
    protocol, first, last = _kind(rule)
    if protocol == "-1":
        return "all protocols and ports"
    return f"{protocol} port {first}" if first == last else f"{protocol} ports {first} to {last}"


def _left_out(whole: IPv4Network, parts: list[IPv4Network]) -> str:
    subnets = [IPv4Network((int(whole.network_address) + 256 * number, 24)) for number in range(2)]
    left = [subnet for subnet in subnets if not _covered(subnet, parts)]
    return str(left[0]) if left else "a part of its range"


# --- 01.4 -------------------------------------------------------------------------------------------------------

_IN = {
    "ssh": (TCP, 22, "10.1.0.10"),
    "https": (TCP, 443, "10.1.0.10"),
    "a packet to port 79": (TCP, 79, "10.1.0.10"),
    "a packet to port 81": (TCP, 81, "10.1.0.10"),
    "a packet to port 8080": (TCP, 8080, "10.1.0.10"),
    "a packet to port 40000": (TCP, CLIENT_PORT, "10.1.0.10"),
    "a ping": (ICMP, -1, "10.1.0.10"),
    "a request over UDP": (UDP, 80, "10.1.0.10"),
    "a request from 10.0.0.10": (TCP, 80, "10.0.0.10"),
    "a request from 10.2.1.10": (TCP, 80, "10.2.1.10"),
    "a request from 198.51.100.7": (TCP, 80, "198.51.100.7"),
    "a request from 2001:db8::7": (TCP, 80, "2001:db8::7"),
}
_OUT = {
    "ssh": (TCP, 22, "10.1.0.10"),
    "requests to port 80": (TCP, 80, "10.1.0.10"),
    "requests to port 443": (TCP, 443, "10.1.0.10"),
    "packets to port 1023": (TCP, 1023, "10.1.0.10"),
    "a ping": (ICMP, -1, "10.1.0.10"),
    "UDP": (UDP, CLIENT_PORT, "10.1.0.10"),
    "packets to 10.0.0.10": (TCP, CLIENT_PORT, "10.0.0.10"),
    "packets to 10.2.1.10": (TCP, CLIENT_PORT, "10.2.1.10"),
    "packets to 198.51.100.7": (TCP, CLIENT_PORT, "198.51.100.7"),
    "packets to 2001:db8::7": (TCP, CLIENT_PORT, "2001:db8::7"),
}
_CLIENT_PORTS = (32768, CLIENT_PORT, 60999)


def check_01_4(scene: Scene) -> Judgement:
    """An unattached ACL that lets pages through, there and back, and nothing else."""
    if scene.lab.find("network-acl", "acl-web") is None:
        return _without_tags(scene)
    acl = scene.one("network-acl", "acl-web")
    if scene.client("ec2").describe_network_acls(NetworkAclIds=[acl])["NetworkAcls"][0]["Associations"]:
        return not_yet("attached")
    inward, outward = scene.entries("acl-web", egress=False), scene.entries("acl-web", egress=True)
    for address in ("10.1.0.10", "10.1.1.10"):
        if not _passes(inward, TCP, 80, address):
            return not_yet("request")
    for what in _passing(inward, _IN):
        return not_yet("too-open", what=what)
    for port in _CLIENT_PORTS:
        if not (_passes(outward, TCP, port, "10.1.0.10") and _passes(outward, TCP, port, "10.1.1.10")):
            return not_yet("answers-80" if _passes(outward, TCP, 80, "10.1.0.10") else "answers", port=port)
    for what in _passing(outward, _OUT):
        return not_yet("answers-open", what=what)
    return done()


def _without_tags(scene: Scene) -> Judgement:
    inside = [{"Name": "vpc-id", "Values": [scene.one("vpc", "vpc-b")]}, {"Name": "default", "Values": ["false"]}]
    known = scene.one("network-acl", "acl-private-b")
    found = scene.client("ec2").describe_network_acls(Filters=inside)["NetworkAcls"]
    others = sorted(acl["NetworkAclId"] for acl in found if acl["NetworkAclId"] != known)
    return not_yet("no-tags", acl=others[0], name=scene.lab.name("acl-web")) if others else not_attempted()


def _passing(entries: Sequence[Rule], packets: Mapping[str, tuple[str, int, str]]) -> Iterator[str]:
    return (what for what, packet in packets.items() if _passes(entries, *packet))


def _passes(entries: Sequence[Rule], protocol: str, port: int, address: str) -> bool:
    """What an ACL says of one packet: the first entry that matches it decides. ``port`` is where it goes to."""
    for entry in entries:
        if _matches(entry, protocol, port, address):
            return bool(entry["RuleAction"] == "allow")
    return False


def _matches(entry: Rule, protocol: str, port: int, address: str) -> bool:
    wanted = _NUMBERS.get(entry["Protocol"], entry["Protocol"])
    block = entry.get("CidrBlock") or entry.get("Ipv6CidrBlock")
    if block is None or ip_address(address) not in ip_network(block):
        return False
    if wanted == "-1" or protocol not in (TCP, UDP):
        return wanted in ("-1", protocol)
    ports = entry.get("PortRange", {"From": 0, "To": 65535})
    return wanted == protocol and ports["From"] <= port <= ports["To"]
