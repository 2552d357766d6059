"""What a topology alone says about a packet: its way, and what each rule on it would decide.

Nothing here depends on connections or time, so a plan is worked out once for all packets of a conversation.
"""

from helpers.network.addresses import Cidr, format_address, is_ipv6, is_link_local, is_public, parse_address
from helpers.network.compiled import Port, View, selector
from helpers.network.connections import Key
from helpers.network.model import Route
from helpers.network.packet import Hop, Packet, Sighting, Trace
from helpers.network.tracking import Match, connection_key, match_groups

_MAX_PLANS = 1024  # conversations in flight; more would only be heap for the collector to walk
_MAX_WAYS = 4096
_DHCP_PORTS = frozenset({67, 68, 546, 547})


class PacketError(ValueError):
    """A packet that nothing could send: an address that is none, or two families in one packet."""


class Way:
    """What the addresses alone decide, ports aside. ``final`` is set when no rule or connection has a say."""

    __slots__ = (
        *("arrival", "crosses_in", "crosses_out", "destination", "dst", "enters", "final", "in_sightings", "lost"),
        *("out_sightings", "route_hops", "seen_dst", "seen_src", "source", "src", "traces"),
    )

    def __init__(self, src: int, dst: int) -> None:
        self.src, self.dst = src, dst
        self.seen_src, self.seen_dst = src, dst  # as they arrive, behind gateways
        self.final: Trace | None = None
        self.source: Port | None = None
        self.destination: Port | None = None
        self.crosses_out = self.crosses_in = False  # the edge of the source's, of the destination's subnet
        self.enters = False  # gets as far as the destination's rules
        self.route_hops: tuple[Hop, ...] = ()
        self.lost: Hop | None = None  # no way on from the source: routing
        self.arrival: Hop | None = None  # no interface at the end of the way, or which one
        self.out_sightings: tuple[Sighting, Sighting, Sighting] | None = None
        self.in_sightings: tuple[Sighting, Sighting] | None = None
        self.traces: dict[tuple[int, int, int | None, int | None, bool], Trace] = {}  # by identity of their hops


class PacketPlan:
    """The stateless half of a trace: a way, and what each rule on it would decide."""

    __slots__ = ("acl_in", "acl_out", "final", "in_key", "in_match", "out_key", "out_match", "way")

    def __init__(self, way: Way) -> None:
        self.way = way
        self.final = way.final
        self.out_key: Key = ()
        self.in_key: Key = ()
        self.out_match: Match | None = None
        self.in_match: Match | None = None
        self.acl_out: tuple[bool, Hop] | None = None
        self.acl_in: tuple[bool, Hop] | None = None


def plan(view: View, packet: Packet) -> PacketPlan:
    """Return the plan of a packet. Raises ``AddressError`` or ``PacketError`` for a packet that cannot be."""
    key = (
        *(packet.src, packet.dst, packet.protocol, packet.src_port, packet.dst_port),
        *(packet.icmp_type, packet.icmp_code, packet.icmp_id, packet.source_interface),
    )
    made = view.plans.get(key)
    if made is None:
        if len(view.plans) >= _MAX_PLANS:
            view.plans.clear()
        made = view.plans[key] = _make(view, packet)
    assert isinstance(made, PacketPlan)
    return made


def _make(view: View, packet: Packet) -> PacketPlan:
    way = _way(view, packet)
    made = PacketPlan(way)
    if made.final:
        return made
    protocol = packet.protocol
    if way.source and protocol == 17 and packet.src_port in _DHCP_PORTS and packet.dst_port in _DHCP_PORTS:
        made.final = _unlogged(packet.dst)
        return made
    chosen = selector(protocol, packet.dst_port, packet.icmp_type, packet.icmp_code)
    source, target = way.source, way.destination
    if source:
        made.out_match = match_groups(view, source, "egress", protocol, way.dst, chosen)
        made.out_key = connection_key(packet, source, "egress", way.src, way.dst)
        if way.crosses_out:
            made.acl_out = view.acl(source.subnet_id).decide("egress", protocol, way.dst, chosen)
    if target and way.enters:
        made.in_match = match_groups(view, target, "ingress", protocol, way.seen_src, chosen)
        made.in_key = connection_key(packet, target, "ingress", way.seen_dst, way.seen_src)
        if way.crosses_in:
            made.acl_in = view.acl(target.subnet_id).decide("ingress", protocol, way.seen_src, chosen)
    return made


def _way(view: View, packet: Packet) -> Way:
    key = (packet.src, packet.dst, packet.protocol, packet.source_interface)
    way = view.ways.get(key)
    if way is None:
        if len(view.ways) >= _MAX_WAYS:
            view.ways.clear()
        way = view.ways[key] = _find_way(view, packet)
    assert isinstance(way, Way)
    return way


def _find_way(view: View, packet: Packet) -> Way:
    src, dst = parse_address(packet.src), parse_address(packet.dst)
    if is_ipv6(src) != is_ipv6(dst):
        raise PacketError(f"{packet}: one address is IPv4 and the other IPv6")
    made = Way(src, dst)
    if packet.source_interface is None:
        made.final = _from_nowhere(view, packet, src)
    else:
        made.source = view.ports.get(packet.source_interface)
        made.final = _not_sent(packet, src, made.source) or _not_logged(view, packet, dst, made.source)
    if made.final:
        return made
    made.seen_src, made.seen_dst = _route(view, made, src, dst)
    if made.final:
        return made
    if made.source:
        _leave(view, made, packet, made.source)
    if made.destination and made.lost is None:
        _arrive(made, made.destination)
    return made


def _not_sent(packet: Packet, src: int, source: Port | None) -> Trace | None:
    """A packet that its interface does not let out: it is gone, down, or the address is not its own (source/destination
    check, "Change the source/destination check", Amazon VPC User Guide).
    """
    if source is not None and source.up and src in source.addresses:
        return None
    why = "its instance is not running, so nothing is sent"
    if source is None:
        why = "there is no such interface"
    elif source.up:
        why = f"it does not hold {packet.src}, and the source/destination check drops what it has no address for"
    return _stays(str(packet.source_interface), why)


def _stays(interface_id: str, why: str) -> Trace:
    hop = Hop("interface", "lost", interface_id, interface_id, why)
    return Trace("lost", (hop,), hop, ())


def _from_nowhere(view: View, packet: Packet, src: int) -> Trace | None:
    """A source that no interface holds: the internet, an unlogged service, or none of them."""
    if is_link_local(src) or src in view.services:
        return _unlogged(packet.src)
    if not is_public(src) or src in view.by_public:
        return _stays(packet.src, "no host on the internet sends from this address, and no interface is named")
    return None


def _not_logged(view: View, packet: Packet, dst: int, source: Port | None) -> Trace | None:
    """Traffic that never gets to rules and records, whatever its ports ("Flow log limitations", Amazon VPC User
    Guide).
    """
    assert source is not None
    if dst in source.addresses:
        hop = Hop("interface", "accept", source.id, source.id, "to itself: the packet never leaves the instance")
        return Trace("delivered", (hop,), None, (), source.id)
    own = {view.resolvers.get(source.vpc_id), *view.routers.get(source.vpc_id, ())}
    if is_link_local(dst) or dst in own:
        return _unlogged(packet.dst)
    return None


def _unlogged(address: str) -> Trace:
    text = "an Amazon service of every VPC (DNS, metadata, time, DHCP): neither filtered nor logged"
    return Trace("delivered", (Hop("service", "accept", address, address, text),), None, ())


def _route(view: View, made: Way, src: int, dst: int) -> tuple[int, int]:
    """Find the way: sets route hops, ``lost``, ``destination``. Returns the addresses as they arrive."""
    source = made.source
    if source is None:
        return _from_internet(view, made, src, dst)
    table = view.routes(source)
    route = table.look_up(dst)
    if route is None:
        made.lost = Hop(
            "route",
            "lost",
            source.subnet_id,
            table.table_id,
            f"{table.table_id} has no route for {format_address(dst)}",
        )
        return src, dst
    made.route_hops = (
        Hop("route", "accept", source.subnet_id, table.table_id, f"{table.table_id}: {route}", None, route),
    )
    if route.kind == "local":
        made.destination = view.by_vpc[source.vpc_id].get(dst)
        return src, dst
    if route.state == "blackhole":
        made.lost = _dead_end(source, table.table_id, route, "the route is a blackhole")
    elif route.kind == "peering":
        _over_peering(view, made, source, table.table_id, route, dst)
    elif route.kind == "internet gateway":
        return _over_gateway(view, made, source, table.table_id, route, src, dst)
    else:
        made.lost = _dead_end(source, table.table_id, route, f"targets like {route.target} are not computed here")
    return src, dst


def _dead_end(source: Port, decider: str, route: Route, why: str) -> Hop:
    return Hop("route", "lost", source.subnet_id, decider, f"{decider}: {route}: {why}", None, route)


def _over_peering(view: View, made: Way, source: Port, table_id: str, route: Route, dst: int) -> None:
    peering = view.peerings.get(route.target)
    other = peering.other(source.vpc_id) if peering else None
    if peering is None or other is None:
        made.lost = _dead_end(source, table_id, route, "no such peering of this VPC")
    elif not peering.active:
        made.lost = _dead_end(source, table_id, route, f"the peering is {peering.status}, not active")
    elif other not in view.vpc_cidrs:
        why = f"peering {peering.id} is active; it leads to {other}, which is not in this topology"
        made.arrival = Hop("peering", "lost", other, peering.id, why)
    elif not any(dst in cidr for cidr in view.vpc_cidrs[other]):
        why = (
            f"{other} does not own {format_address(dst)}, and a peering leads no further "
            "(it is not transitive, and the peer's gateways cannot be used)"
        )
        made.lost = _dead_end(source, table_id, route, why)
    else:
        made.destination = view.by_vpc.get(other, {}).get(dst)
        text = f"peering {peering.id} is active: {source.vpc_id} to {other}"
        made.route_hops += (Hop("peering", "accept", other, peering.id, text),)


def _over_gateway(
    view: View, made: Way, source: Port, table_id: str, route: Route, src: int, dst: int
) -> tuple[int, int]:
    outside = src if is_ipv6(src) else source.public.get(src)
    if view.gateways.get(route.target) != source.vpc_id:
        made.lost = _dead_end(source, table_id, route, "the gateway is not attached to this VPC")
    elif outside is None:
        made.lost = _dead_end(source, table_id, route, f"{source.id} has no public address for {format_address(src)}")
    elif not is_public(dst) or not is_public(outside):
        made.lost = _dead_end(
            source, table_id, route, f"the internet does not carry {format_address(dst)}, a private address"
        )
    else:
        made.route_hops += (_gateway_hop(route.target, f"leaves as {format_address(outside)}"),)
        inside = _behind(view, dst)
        if inside is None:
            made.arrival = Hop("internet", "accept", format_address(dst), "internet", "delivered to the internet")
            return outside, dst
        port, address = inside
        gateway = _gateway_of(view, port.vpc_id)
        if gateway is None:
            why = f"{port.vpc_id} has no internet gateway attached"
            made.arrival = Hop("gateway", "lost", port.vpc_id, port.vpc_id, why)
            return outside, dst
        made.destination = port
        made.route_hops += (_gateway_hop(gateway, f"arrives for {format_address(address)}"),)
        return outside, address
    return src, dst


def _from_internet(view: View, made: Way, src: int, dst: int) -> tuple[int, int]:
    inside = _behind(view, dst)
    gateway = _gateway_of(view, inside[0].vpc_id) if inside else None
    if inside is None or gateway is None:
        text = "no interface has this public address" if inside is None else "its VPC has no internet gateway attached"
        hop = Hop("gateway", "lost", format_address(dst), "internet", f"{format_address(dst)}: {text}")
        made.final = Trace("lost", (hop,), hop, ())
        return src, dst
    made.destination = inside[0]
    made.route_hops = (_gateway_hop(gateway, f"arrives for {format_address(inside[1])}"),)
    return src, inside[1]


def _behind(view: View, dst: int) -> tuple[Port, int] | None:
    """The interface that a public address leads to, and its own address there."""
    if is_ipv6(dst):
        held = view.by_ipv6.get(dst)
        return (held, dst) if held else None
    return view.by_public.get(dst)


def _gateway_of(view: View, vpc_id: str) -> str | None:
    return next((gateway for gateway, attached in view.gateways.items() if attached == vpc_id), None)


def _gateway_hop(gateway: str, what: str) -> Hop:
    return Hop("gateway", "accept", gateway, gateway, f"internet gateway {gateway}: {what}")


def _leave(view: View, made: Way, packet: Packet, source: Port) -> None:
    made.crosses_out = not _within(view.subnet_cidrs.get(source.subnet_id, ()), made.dst)
    shown = source.interface.primary if made.src in source.private else packet.src
    path = _traffic_path(view, made, source)
    seen = (shown, packet.dst, packet.src, packet.dst)
    made.out_sightings = (
        Sighting(source.id, "egress", "ACCEPT", *seen, path),
        Sighting(source.id, "egress", "REJECT", *seen),
        Sighting(source.id, "egress", "ACCEPT", *seen),
    )


def _arrive(made: Way, target: Port) -> None:
    if not target.up:
        made.arrival = Hop("interface", "lost", target.id, target.id, "its instance is not running")
        return
    made.enters = True
    source = made.source
    made.crosses_in = source is None or source.subnet_id != target.subnet_id or made.crosses_out
    remote, local = format_address(made.seen_src), format_address(made.seen_dst)
    shown = target.interface.primary if made.seen_dst in target.private else local
    seen = (remote, shown, remote, local)
    made.in_sightings = (
        Sighting(target.id, "ingress", "ACCEPT", *seen),
        Sighting(target.id, "ingress", "REJECT", *seen),
    )


def _within(cidrs: tuple[Cidr, ...], address: int) -> bool:
    return any(address in cidr for cidr in cidrs)


def _traffic_path(view: View, made: Way, source: Port) -> int | None:
    """The number of the way out ("Available fields", Amazon VPC User Guide), of an accepted packet."""
    route = made.route_hops[0].rule if made.route_hops else None
    if not isinstance(route, Route):
        return None
    if route.kind == "local":
        return 1
    if route.kind == "internet gateway":
        return 8 if source.nitro else 2
    peering = view.peerings.get(route.target)
    return (4 if peering.within_region else 5) if peering else None
