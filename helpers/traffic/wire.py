"""The wire: one packet after another through `trace`, connections threaded, everything sent kept in order."""

from dataclasses import dataclass

from helpers.network import Connections, Packet, Trace, trace
from helpers.traffic.internet import OutsideHost
from helpers.traffic.model import Host, Sent, World
from helpers.traffic.places import public_address

ICMP, TCP, UDP, ICMP6 = 1, 6, 17, 58
FIN, SYN, RST, PSH, ACK = 1, 2, 4, 8, 16

_DELAY_IN_SUBNET, _DELAY_IN_VPC, _DELAY_PEERING, _DELAY_INTERNET = 0.00012, 0.00022, 0.00031, 0.0085
"""One-way delays in seconds: a fraction of a millisecond inside a Region, some milliseconds to the
internet.
"""
INTERNET_MSS, VPC_MSS = 1448, 8949
"""TCP payload per packet with timestamps: MTU 1500 to the internet, 9001 inside VPCs and across a peering
in the Region.
"""


@dataclass(frozen=True, slots=True)
class Arrival:
    """Where a delivered packet came out: who is there, its own address, and the sender as it sees it."""

    host: Host | OutsideHost | None
    local: str
    peer: str
    delay: float
    mss: int

    @property
    def answers_ping(self) -> bool:
        """Whether an echo request is answered."""
        return self.host.answers_ping if isinstance(self.host, OutsideHost) else self.host is not None


class Wire:
    """Sends packets; `sent` and `connections` are what a step hands back."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.connections: Connections = world.connections
        self.sent: list[Sent] = []

    def send(self, packet: Packet) -> Trace:
        """Trace one packet at its own time and keep it."""
        found, self.connections = trace(self.world.topology, packet, self.connections)
        self.sent.append(Sent(packet.at, packet, found))
        return found

    def arrival(self, packet: Packet, found: Trace) -> Arrival | None:
        """Who received a packet, or None when nobody did."""
        if found.outcome != "delivered":
            return None
        path = next((seen.traffic_path for seen in found.sightings if seen.direction == "egress"), None)
        interface = found.destination_interface
        if interface is None:
            outside = self.world.internet.at(packet.dst)
            return Arrival(outside, packet.dst, self._seen_outside(packet, found), _DELAY_INTERNET, INTERNET_MSS)
        entry = [seen for seen in found.sightings if seen.interface_id == interface and seen.direction == "ingress"]
        local, peer = (entry[-1].pkt_dst, entry[-1].pkt_src) if entry else (packet.dst, packet.src)
        delay, mss = _nearness(found, path)
        return Arrival(self.world.host_on(interface), local, peer, delay, mss)

    def _seen_outside(self, packet: Packet, found: Trace) -> str:
        """The source address that the internet sees: the interface's public one."""
        for seen in found.sightings:
            if seen.direction == "egress":
                return public_address(self.world.topology, seen.interface_id, packet.src) or packet.src
        return packet.src


def _nearness(found: Trace, path: int | None) -> tuple[float, int]:
    seen = {sighting.interface_id for sighting in found.sightings}
    if path in (2, 8) or len(seen) < 2:
        return _DELAY_INTERNET, INTERNET_MSS
    if path == 4:
        return _DELAY_PEERING, VPC_MSS
    return (_DELAY_IN_VPC if len(found.hops) > 5 else _DELAY_IN_SUBNET), VPC_MSS
