"""Trace one packet: the way, every verdict with its reason, and what each flow log must count."""

from helpers.network.connections import Connections
from helpers.network.packet import Hop, Packet, Sighting, Trace
from helpers.network.plan import Plan, plan
from helpers.network.topology import Topology
from helpers.network.tracking import admit


def trace(topology: Topology, packet: Packet, connections: Connections) -> tuple[Trace, Connections]:
    """Follow one packet and return its trace and the connections remembered after it.

    The order is AWS's: the sender's groups, the ACL of the subnet it leaves, the route, then the ACL of the
    subnet it enters and the receiver's groups. ACLs are asked only when a subnet boundary is crossed. A
    packet that routing cannot carry leaves no record (an assumption, see ``data/assumptions.toml``), unless
    it answers a conversation. Raises `AddressError` or `PacketError` for a packet that cannot be.
    """
    view = topology.view
    way = plan(view, packet)
    if way.final is not None:
        return way.final, connections
    out_hop: Hop | None = None
    answers = False
    source = way.source
    if source is not None:
        passes, out_hop, entry, answers = admit(view, source, "egress", way.out_key, way.out_match, packet, connections)
        if not passes:
            return _finish(way, out_hop, None, answers, False), connections
        if entry is not None:
            connections = connections.updated(way.out_key, entry, packet.at)
    destination = way.destination
    if destination is None or way.lost or way.arrival or _stopped_by_acl(way):
        return _finish(way, out_hop, None, answers, True), connections
    passes, in_hop, entry, _ = admit(view, destination, "ingress", way.in_key, way.in_match, packet, connections)
    if entry is not None:
        connections = connections.updated(way.in_key, entry, packet.at)
    return _finish(way, out_hop, in_hop, answers, True), connections


def _stopped_by_acl(way: Plan) -> bool:
    return (way.acl_out is not None and not way.acl_out[0]) or (way.acl_in is not None and not way.acl_in[0])


def _finish(way: Plan, out_hop: Hop | None, in_hop: Hop | None, answers: bool, passed_out: bool) -> Trace:
    """The trace of a plan with these group verdicts, shared by every packet that fares alike."""
    key = (id(out_hop), id(in_hop), answers)
    found = way.traces.get(key)
    if found is None:
        if len(way.traces) >= 64:  # hops that name a moment of the past, such as late packets, are new each time
            way.traces.clear()
        found = way.traces[key] = _make(way, out_hop, in_hop, answers, passed_out)
    return found


def _make(way: Plan, out_hop: Hop | None, in_hop: Hop | None, answers: bool, passed_out: bool) -> Trace:
    if out_hop is None or way.out_sightings is None:
        return _arrive(way, (), (), in_hop)
    accepted, rejected, unrouted = way.out_sightings
    if not passed_out:
        return Trace("rejected", (out_hop,), out_hop, (rejected,))
    hops: tuple[Hop, ...] = (out_hop,)
    if way.acl_out is not None:
        hops = (out_hop, way.acl_out[1])
        if not way.acl_out[0]:
            return Trace("rejected", hops, way.acl_out[1], (rejected,))
    if way.lost is not None:
        return Trace("lost", (*hops, way.lost), way.lost, (unrouted,) if answers else ())
    return _arrive(way, hops, (accepted,), in_hop)


def _arrive(way: Plan, hops: tuple[Hop, ...], sightings: tuple[Sighting, ...], in_hop: Hop | None) -> Trace:
    hops += way.route_hops
    target, end = way.destination, way.arrival
    if end is not None and end.verdict == "accept":
        return Trace("delivered", (*hops, end), None, sightings)
    if target is None or way.in_sightings is None:
        end = end or Hop("interface", "lost", "destination", "destination", "no interface has this address")
        return Trace("lost", (*hops, end), end, sightings)
    seen, refused = way.in_sightings
    stopped = in_hop
    if way.acl_in is not None:
        hops += (way.acl_in[1],)
        if not way.acl_in[0]:
            stopped = way.acl_in[1]
    if in_hop is not None:
        hops += (in_hop,)
    if stopped is not None and stopped.verdict == "reject":
        return Trace("rejected", hops, stopped, (*sightings, refused))
    return Trace("delivered", hops, None, (*sightings, seen), target.id)
