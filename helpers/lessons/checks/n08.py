"""Is the network mended, and no wider open than it has to be? Judged by rules, and by packets traced through them."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from ipaddress import ip_network
from typing import Any

from helpers.lessons.disturbances import LAB_WIDE, OUT_TO_SERVICES, OUT_WITHOUT_ICMP, last_disturbed
from helpers.lessons.scene import Judgement, Scene, Stop, done, not_attempted, not_yet
from helpers.network import Connections, Packet, Topology, trace

CLIENT, APP, WEB, DB = "10.1.0.10", "10.1.1.10", "10.2.0.10", "10.2.1.10"
VPC_A, LAB = ("10.1.0.0/16",), ("10.1.0.0/16", "10.2.0.0/16")
ICMP, TCP = "1", "6"
EPHEMERAL = (32768, 45000, 60999)  # what Linux takes
_ANSWER_PACKETS = 3  # a refusal is one packet; a page takes a handshake and content


def check_08_1(scene: Scene) -> Judgement:
    """A ping from client-a to db-b is answered, and nothing but pings may leave in addition."""
    _was_broken(scene, "08.1")
    _groups_as_narrow_as_before(scene, "sg-private-b")
    added = _added(scene, egress=True, known=OUT_WITHOUT_ICMP)
    for entry in added:
        _no_wider(entry, protocol=ICMP, networks=VPC_A)
    return _judged(scene, [_ping(client) for client in (CLIENT, APP)])


def check_08_2(scene: Scene) -> Judgement:
    """client-a gets db-b's page again, by the ACL alone."""
    _was_broken(scene, "08.2")
    _groups_as_narrow_as_before(scene, "sg-private-b")
    for entry in _added(scene, egress=False, known=({"RuleNumber": 100, "Protocol": "-1"},)):
        _no_wider(entry, protocol=TCP, ports=(80, 80), networks=VPC_A)
    return _judged(scene, _pages())


def check_08_3(scene: Scene) -> Judgement:
    """The page's answers find their way to whatever port a client took."""
    _was_broken(scene, "08.3")
    _groups_as_narrow_as_before(scene, "sg-private-b")
    for entry in _added(scene, egress=True, known=OUT_TO_SERVICES):
        _no_wider(entry, protocol=TCP, ports=(1024, 65535), networks=VPC_A)
    return _judged(scene, _pages())


def check_08_4(scene: Scene) -> Judgement:
    """Answers leave db-b's subnet towards VPC A, and nothing else does."""
    _was_broken(scene, "08.4")
    _groups_as_narrow_as_before(scene, "sg-private-b")
    for entry in _added(scene, egress=True, known=({"RuleNumber": 100, "Protocol": "-1"},)):
        return not_yet("acl", number=entry["RuleNumber"], block=entry.get("CidrBlock") or entry.get("Ipv6CidrBlock"))
    for route in _routes(scene, "rt-private-b"):
        target = route.get("DestinationCidrBlock") or route.get("DestinationIpv6CidrBlock") or "a prefix list"
        if route.get("GatewayId", "").startswith("igw-"):
            return not_yet("internet", destination=target)
        if route.get("GatewayId") != "local" and not _within(target, VPC_A):
            return not_yet("wide-route", destination=target)
    return _judged(scene, [_ping(client) for client in (CLIENT, APP)])


def check_08_5(scene: Scene) -> Judgement:
    """Port 8080 of web-b answers with content: a record shows it. The rules were right, and have stayed so."""
    since = _was_broken(scene, "08.5")
    _groups_as_narrow_as_before(scene, "sg-public-b", also=8080)
    if not _answered(scene.lab.topology(), *_page(WEB, 8080, EPHEMERAL[0])):
        return not_yet("closed")
    records = scene.records("8080", since=since - 60)  # a window begins before its packets
    answers = records[(records.srcport == 8080) & (records.srcaddr == WEB) & (records.dstaddr == CLIENT)]
    if answers.empty:
        return not_yet("no-record")
    most = int(answers.packets.max())
    return done() if most >= _ANSWER_PACKETS else not_yet("refused", packets=most)


def _was_broken(scene: Scene, exercise: str) -> float:
    """Since when there is something to mend, in epoch seconds; ends the check where there never was."""
    scene.one("instance", "client-a")
    moment = last_disturbed(scene.lab, exercise)
    if moment is None:
        raise Stop(not_attempted("unbroken"))
    return moment.timestamp()


def _judged(scene: Scene, talks: list[tuple[Packet, Packet]]) -> Judgement:
    topology = scene.lab.topology()
    open_ones = [request for request, answer in talks if not _answered(topology, request, answer)]
    if not open_ones:
        return done()
    some = len(open_ones) < len(talks)
    lost = open_ones[0]
    return not_yet("sometimes", client=lost.src, port=lost.src_port) if some else not_yet("still")


def _answered(topology: Topology, request: Packet, answer: Packet) -> bool:
    there, memory = trace(topology, request, Connections())
    if there.outcome != "delivered":
        return False
    back, _ = trace(topology, answer, memory)
    return back.outcome == "delivered"


def _ping(client: str) -> tuple[Packet, Packet]:
    """An echo request to db-b, and its reply."""
    request = Packet(client, DB, 1, icmp_type=8, icmp_code=0, icmp_id=7)
    return request, replace(request, src=DB, dst=client, icmp_type=0)


def _page(server: str, port: int, client_port: int, client: str = CLIENT) -> tuple[Packet, Packet]:
    """A TCP connection's first packet, and its answer."""
    request = Packet(client, server, 6, src_port=client_port, dst_port=port, tcp_flags=2)
    return request, Packet(server, client, 6, src_port=port, dst_port=client_port, tcp_flags=18)


def _pages() -> list[tuple[Packet, Packet]]:
    """Both machines of VPC A fetch db-b's page, from every kind of port."""
    return [_page(DB, 80, port, client) for client in (CLIENT, APP) for port in EPHEMERAL]


def _groups_as_narrow_as_before(scene: Scene, group: str, also: int | None = None) -> None:
    """Ends the check where a rule lets in addresses outside the lab, or more than one port at once."""
    for rule in scene.rules(group):
        if rule["IsEgress"]:
            continue
        source = rule.get("CidrIpv4") or rule.get("CidrIpv6")
        if source is not None and not _within(source, LAB):
            raise Stop(not_yet("group-everybody", source=source))
        first, last = rule.get("FromPort", -1), rule.get("ToPort", -1)
        if rule["IpProtocol"] == "-1" or (rule["IpProtocol"] in ("tcp", "udp") and first != last):
            raise Stop(not_yet("group-all-ports", source=source or "another group"))
        if also is not None and first == also and source is not None and not _within(source, VPC_A):
            raise Stop(not_yet("group-everybody", source=source))


def _added(scene: Scene, *, egress: bool, known: tuple[Any, ...]) -> Iterator[dict[str, Any]]:
    """The allowing entries of acl-private-b that were not there when the exercise began, in both directions."""
    before = {(egress, *_what(entry)) for entry in known} | {(not egress, 100, "-1", None)}
    for direction in (False, True):
        for entry in scene.entries("acl-private-b", egress=direction):
            same = (direction, *_what(entry)) in before and entry.get("CidrBlock") == LAB_WIDE
            if entry["RuleAction"] == "allow" and not same:
                yield entry


def _what(entry: Mapping[str, Any]) -> tuple[Any, ...]:
    ports = entry.get("PortRange")
    return entry["RuleNumber"], entry["Protocol"], ports and (ports["From"], ports["To"])


def _no_wider(
    entry: dict[str, Any], *, protocol: str, networks: tuple[str, ...], ports: tuple[int, int] | None = None
) -> None:
    """Ends the check where an entry allows more than this."""
    number, block = entry["RuleNumber"], entry.get("CidrBlock") or entry.get("Ipv6CidrBlock", "")
    if entry["Protocol"] == "-1":
        raise Stop(not_yet("acl-all-protocols", number=number, block=block))
    if not _within(block, networks):
        raise Stop(not_yet("acl-addresses", number=number, block=block))
    reach = entry.get("PortRange", {"From": 0, "To": 65535})
    if entry["Protocol"] != protocol:
        raise Stop(not_yet("acl-other", number=number))
    if ports is not None and not (ports[0] <= reach["From"] and reach["To"] <= ports[1]):
        raise Stop(not_yet("acl-ports", number=number, first=reach["From"], last=reach["To"]))


def _routes(scene: Scene, table: str) -> list[dict[str, Any]]:
    found = scene.client("ec2").describe_route_tables(RouteTableIds=[scene.one("route-table", table)])
    return list(found["RouteTables"][0]["Routes"])


def _within(block: str, networks: tuple[str, ...]) -> bool:
    """Whether a block lies in one of these networks."""
    try:
        inner = ip_network(block, strict=False)
    except ValueError:
        return False
    return any(
        inner.version == outer.version and inner.subnet_of(outer)  # type: ignore[arg-type]
        for outer in map(ip_network, networks)
    )
