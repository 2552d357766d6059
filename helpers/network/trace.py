"""Trace one packet: the way, every verdict with its reason, and what each flow log must count."""

from helpers.network.connections import Connections
from helpers.network.packet import Hop, Packet, Sighting, Trace
from helpers.network.plan import Plan, plan
from helpers.network.topology import Topology
from helpers.network.tracking import admit


def trace(topology: Topology, packet: Packet, connections: Connections) -> tuple[Trace, Connections]:
    """Follow one packet and return its trace and the connections remembered after it.

    The order is AWS's: the sender's groups, the ACL of the subnet it leaves, the route, then the ACL of the subnet it
    enters and the receiver's groups. ACLs are asked only when a subnet boundary is crossed. A packet that routing
    cannot carry leaves no record (an assumption, see ``data/assumptions.toml``), unless it answers a conversation.
    Raises `AddressError` or `PacketError` for a packet that cannot be.
    """
    view = topology.view
    way = plan(view, packet)
    if way.final is not None:
        return way.final, connections
    out_hop: Hop | None = None
    answers = False
    source = way.source
    if source is not None:
        passes, out_hop, entry, answers = admit(
            view, source, "egress", way.out_key, way.out_match, packet, connections
        )
        if not passes:
            return _finish(way, out_hop, None, answers, False), connections
        if entry is not None:
            connections = connections.updated(way.out_key, entry, packet.at)
    destination = way.destination
    if destination is None or way.lost or way.arrival or _stopped_by_acl(way):
        return _finish(way, out_hop, None, answers, True), connections
    passes, in_hop, entry, _ = admit(
        view, destination, "ingress", way.in_key, way.in_match, packet, connections
    )
    if entry is not None:
        connections = connections.updated(way.in_key, entry, packet.at)
    return _finish(way, out_hop, in_hop, answers, True), connections


def _stopped_by_acl(way: Plan) -> bool:
    return (way.acl_out is not None and not way.acl_out[0]) or (way.acl_in is not None and not way.acl_in[0])


def _finish(way: Plan, out_hop: Hop | None, in_hop: Hop | None, answers: bool, passed_out: bool) -> Trace:
    """The trace of a plan with these group verdicts, made once and shared by every packet that fares alike."""
    key = (id(out_hop), id(in_hop), answers)
    found = way.traces.get(key)
    if found is None:
        if (
            len(way.traces) >= 64
        ):  # hops that name a moment of the past, such as late packets, are new each time
            way.traces.clear()
        found = way.traces[key] = _make(way, out_hop, in_hop, answers, passed_out)
    return found


def _make(way: Plan, out_hop: Hop | None, in_hop: Hop | None, answers: bool, passed_out: bool) -> Trace:
    hops: list[Hop] = []
    sightings: tuple[Sighting, ...] = ()
    if out_hop is not None and way.out_sightings is not None:
        accepted, rejected, unrouted = way.out_sightings
        hops.append(out_hop)
        if not passed_out:
            return Trace("rejected", tuple(hops), out_hop, (rejected,))
        if way.acl_out is not None:
            hops.append(way.acl_out[1])
            if not way.acl_out[0]:
                return Trace("rejected", tuple(hops), way.acl_out[1], (rejected,))
        if way.lost is not None:
            return Trace("lost", (*hops, way.lost), way.lost, (unrouted,) if answers else ())
        sightings = (accepted,)
    hops += way.route_hops
    target = way.destination
    if way.arrival is not None and way.arrival.verdict == "accept":
        return Trace("delivered", (*hops, way.arrival), None, sightings)
    if target is None or way.arrival is not None:
        text = "no interface has the destination address"
        end = way.arrival or Hop("interface", "lost", "destination", "destination", text)
        return Trace("lost", (*hops, end), end, sightings)
    if way.in_sightings is None:
        raise AssertionError("a destination without its sightings")
    seen, refused = way.in_sightings
    if way.acl_in is not None:
        hops.append(way.acl_in[1])
        if not way.acl_in[0]:
            return Trace("rejected", tuple(hops), way.acl_in[1], (*sightings, refused))
    if in_hop is None:
        raise AssertionError("the receiver's groups were not asked")
    hops.append(in_hop)
    if in_hop.verdict == "reject":
        return Trace("rejected", tuple(hops), in_hop, (*sightings, refused))
    return Trace("delivered", tuple(hops), None, (*sightings, seen), target.id)
