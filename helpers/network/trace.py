"""Trace one packet: the way, every verdict with its reason, and what each flow log must count."""

from helpers.network.compiled import View, view_of
from helpers.network.connections import Connections
from helpers.network.packet import Hop, Packet, Sighting, Trace
from helpers.network.plan import PacketPlan, plan
from helpers.network.topology import Topology
from helpers.network.tracking import admit


def trace(topology: Topology, packet: Packet, connections: Connections) -> tuple[Trace, Connections]:
    """Follow one packet and return its trace and the connections remembered after it.

    The order is AWS's: the sender's groups, the ACL of the subnet it leaves, the route, then the ACL of the subnet it
    enters and the receiver's groups. ACLs are asked only when a subnet boundary is crossed. A packet that routing
    cannot carry leaves no record (an assumption, see ``data/assumptions.toml``), unless it answers a conversation.
    Raises ``AddressError`` or ``PacketError`` for a packet that cannot be.
    """
    view: View = topology.__dict__.get("view") or view_of(topology)  # a call less for almost every packet
    planned = plan(view, packet)
    if planned.final is not None:
        return planned.final, connections
    way = planned.way
    out_hop: Hop | None = None
    answers = False
    source = way.source
    if source is not None:
        passes, out_hop, entry, answers = admit(
            view, source, "egress", planned.out_key, planned.out_match, packet, connections
        )
        if not passes:
            return _finish(planned, out_hop, None, answers, False), connections
        if entry is not None:
            connections = connections.updated(planned.out_key, entry, packet.at)
    destination = way.destination
    if destination is None or way.lost or way.arrival or _stopped_by_acl(planned):
        return _finish(planned, out_hop, None, answers, True), connections
    passes, in_hop, entry, _ = admit(
        view, destination, "ingress", planned.in_key, planned.in_match, packet, connections
    )
    if entry is not None:
        connections = connections.updated(planned.in_key, entry, packet.at)
    return _finish(planned, out_hop, in_hop, answers, True), connections


def _stopped_by_acl(planned: PacketPlan) -> bool:
    out, into = planned.acl_out, planned.acl_in
    return (out is not None and not out[0]) or (into is not None and not into[0])


def _finish(planned: PacketPlan, out_hop: Hop | None, in_hop: Hop | None, answers: bool, passed_out: bool) -> Trace:
    """The trace of a way with these verdicts, shared by every packet that fares alike."""
    traces = planned.way.traces
    edges = (planned.acl_out and id(planned.acl_out[1]), planned.acl_in and id(planned.acl_in[1]))
    key = (id(out_hop), id(in_hop), *edges, answers)
    finished = traces.get(key)
    if finished is None:
        if len(traces) >= 64:  # hops that name a moment of the past, such as late packets, are new each time
            traces.clear()
        finished = traces[key] = _make(planned, out_hop, in_hop, answers, passed_out)
    return finished


def _make(planned: PacketPlan, out_hop: Hop | None, in_hop: Hop | None, answers: bool, passed_out: bool) -> Trace:
    way = planned.way
    if out_hop is None or way.out_sightings is None:
        return _arrive(planned, (), (), in_hop)
    accepted, rejected, unrouted = way.out_sightings
    if not passed_out:
        return Trace("rejected", (out_hop,), out_hop, (rejected,))
    hops: tuple[Hop, ...] = (out_hop,)
    if planned.acl_out is not None:
        hops = (out_hop, planned.acl_out[1])
        if not planned.acl_out[0]:
            return Trace("rejected", hops, planned.acl_out[1], (rejected,))
    if way.lost is not None:
        return Trace("lost", (*hops, way.lost), way.lost, (unrouted,) if answers else ())
    return _arrive(planned, hops, (accepted,), in_hop)


def _arrive(planned: PacketPlan, hops: tuple[Hop, ...], sightings: tuple[Sighting, ...], in_hop: Hop | None) -> Trace:
    way = planned.way
    hops += way.route_hops
    target, end = way.destination, way.arrival
    if end is not None and end.verdict == "accept":
        return Trace("delivered", (*hops, end), None, sightings)
    if target is None or way.in_sightings is None:
        end = end or Hop("interface", "lost", "destination", "destination", "no interface has this address")
        return Trace("lost", (*hops, end), end, sightings)
    seen, refused = way.in_sightings
    stopped = in_hop
    if planned.acl_in is not None:
        hops += (planned.acl_in[1],)
        if not planned.acl_in[0]:
            stopped = planned.acl_in[1]
    if in_hop is not None:
        hops += (in_hop,)
    if stopped is not None and stopped.verdict == "reject":
        return Trace("rejected", hops, stopped, (*sightings, refused))
    return Trace("delivered", hops, None, (*sightings, seen), target.id)
