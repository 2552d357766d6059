"""The wire: one packet after another through ``trace``, connections threaded, everything sent kept in order."""

import math
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from operator import itemgetter
from typing import Any

from helpers.network import Connections, Packet, Trace, trace
from helpers.traffic.internet import OutsideHost
from helpers.traffic.topology_facts import public_address
from helpers.traffic.world import Change, Host, Sent, World

ICMP, TCP, UDP, ICMP6 = 1, 6, 17, 58
FIN, SYN, RST, PSH, ACK = 1, 2, 4, 8, 16

_DELAY_IN_SUBNET, _DELAY_IN_VPC, _DELAY_PEERING, _DELAY_INTERNET = 0.00012, 0.00022, 0.00031, 0.0085
"""One-way delays in seconds: a fraction of a millisecond inside a Region, some milliseconds to the
internet.
"""
INTERNET_MTU, VPC_MTU = 1500, 9001
INTERNET_MSS, VPC_MSS = 1448, 8949
"""TCP payload per packet with timestamps: MTU 1500 to the internet, 9001 inside VPCs and across a peering in the
Region.
"""


@dataclass(frozen=True, slots=True)
class Arrival:
    """Where a delivered packet came out: who is there, at which interface (None: outside the VPCs), and both
    addresses as it sees them.
    """

    host: Host | OutsideHost | None
    interface_id: str | None
    local: str
    peer: str
    delay: float
    mss: int

    def packet(self, protocol: int, *ports_and_flags: int, **more: Any) -> Packet:
        """A packet back to the sender; arguments as of :class:`helpers.network.Packet`."""
        return Packet(self.local, self.peer, protocol, *ports_and_flags, **more, source_interface=self.interface_id)

    @property
    def answers_ping(self) -> bool:
        """Whether an echo request is answered."""
        return self.host.answers_ping if isinstance(self.host, OutsideHost) else self.host is not None


class Wire:
    """Sends packets, each in the world of its own time; ``sent`` and ``connections`` are what a step hands back.

    ``last_met`` is the world that the last packet met.

    ``changes`` are later worlds, each with the time from which it holds (epoch seconds), in order: a packet of that
    very time still meets the world before.
    """

    def __init__(self, world: World, changes: Sequence[Change] = ()) -> None:
        self._world = world
        self._changes = changes
        self._first_change = changes[0][0] if changes else math.inf
        self.connections: Connections = world.connections
        self.sent: list[Sent] = []
        self.last_met = world

    def world_at(self, at: float) -> World:
        """The world that a packet of this time meets."""
        if at <= self._first_change:
            return self._world
        return self._changes[bisect_left(self._changes, at, key=itemgetter(0)) - 1][1]

    def send(self, packet: Packet) -> Trace:
        """Trace one packet at its own time and keep it."""
        world = self.last_met = self._world if packet.at <= self._first_change else self.world_at(packet.at)
        found, self.connections = trace(world.topology, packet, self.connections)
        if packet.size <= INTERNET_MTU or packet.protocol == TCP:
            self.sent.append(Sent(packet.at, packet, found))
        else:
            self.sent += [Sent(packet.at, replace(packet, size=size), found) for size in _fragments(packet, found)]
        return found

    def arrival(self, packet: Packet, traced: Trace) -> Arrival | None:
        """Who received a packet, or None when it did not arrive."""
        if traced.outcome != "delivered":
            return None
        path = next((seen.traffic_path for seen in traced.sightings if seen.direction == "egress"), None)
        interface, world = traced.destination_interface, self.world_at(packet.at)
        if interface is None:
            outside = world.internet.at(packet.dst)
            return Arrival(outside, None, packet.dst, self._seen_outside(packet, traced), _DELAY_INTERNET, INTERNET_MSS)
        entry = [seen for seen in traced.sightings if seen.interface_id == interface and seen.direction == "ingress"]
        local, peer = (entry[-1].pkt_dst, entry[-1].pkt_src) if entry else (packet.dst, packet.src)
        delay, mss = _nearness(traced, path)
        return Arrival(world.host_on(interface), interface, local, peer, delay, mss)

    def _seen_outside(self, packet: Packet, traced: Trace) -> str:
        """The source address that the internet sees: the interface's public one."""
        for seen in traced.sightings:
            if seen.direction == "egress":
                return public_address(self.world_at(packet.at).topology, seen.interface_id, packet.src) or packet.src
        return packet.src


def _fragments(packet: Packet, found: Trace) -> Iterator[int]:
    """The sizes of the IP packets that carry a datagram: whole, or in pieces of the path's MTU.

    Every piece but the last carries a multiple of eight bytes. IPv6 needs a header of eight bytes more for it.
    """
    path = next((seen.traffic_path for seen in found.sightings if seen.direction == "egress"), None)
    mtu = INTERNET_MTU if path in (2, 8) or packet.source_interface is None else VPC_MTU
    if packet.size <= mtu:
        yield packet.size
        return
    ipv6 = ":" in packet.src
    left, header = packet.size - (40 if ipv6 else 20), 48 if ipv6 else 20
    piece = (mtu - header) // 8 * 8
    while left > 0:
        yield header + min(left, piece)
        left -= piece


def _nearness(found: Trace, path: int | None) -> tuple[float, int]:
    seen = {sighting.interface_id for sighting in found.sightings}
    if path in (2, 8) or len(seen) < 2:
        return _DELAY_INTERNET, INTERNET_MSS
    if path == 4:
        return _DELAY_PEERING, VPC_MSS
    return (_DELAY_IN_VPC if len(found.hops) > 5 else _DELAY_IN_SUBNET), VPC_MSS
