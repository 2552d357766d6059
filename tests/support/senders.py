"""Packets for tests whose networks hold each address once: the sender is whoever holds it.

A lab of two networks with the same addresses names its senders itself.
"""

from dataclasses import replace
from typing import Any

from helpers.network import Connections, Packet, Topology, Trace
from helpers.network import trace as trace_from_sender


def make_packet(*parts: Any, **more: Any) -> Packet:
    """A packet without a sender yet; arguments as of ``Packet``."""
    return Packet(*parts, **{"source_interface": None} | more)


def trace(topology: Topology, packet: Packet, connections: Connections) -> tuple[Trace, Connections]:
    """Trace a packet from the interface that holds its source, or from outside where none does."""
    if packet.source_interface is None:
        holders = topology.interfaces_with(packet.src)
        packet = replace(packet, source_interface=holders[-1].id if holders else None)
    return trace_from_sender(topology, packet, connections)
