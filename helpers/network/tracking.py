"""What a security group does with a packet, given what its interface remembers.

Facts: "Security group connection tracking", Amazon EC2 User Guide. Times and details that it leaves open are listed in
``data/assumptions.toml``.
"""

from helpers.network.compiled import TCP, UDP, Port, View
from helpers.network.connections import Connections, Key, TrackedConnection
from helpers.network.packet import ACK, FIN, RST, SYN, Direction, Hop, Packet

REPLIED, STREAM, FIN_BEGINNER, FIN_OTHER, FIRST_FIN_BEGINNER, CLOSED = 1, 2, 4, 8, 16, 32
_BOTH_FINS = FIN_BEGINNER | FIN_OTHER

TCP_ESTABLISHED_SECONDS = 432_000.0
TCP_OPENING_SECONDS = 120.0
TCP_CLOSED_SECONDS = 600.0
UDP_SECONDS = 30.0
UDP_STREAM_SECONDS = 180.0
ICMP_SECONDS = 30.0
OTHER_SECONDS = 600.0
_NEGLIGIBLE = 1e-4  # of its time: a connection's expiry is not put off by less, most packets then change nothing

_REQUESTS = {0: 8, 14: 13, 16: 15, 18: 17, 129: 128}
"""Answering ICMP type -> the type it answers."""
_ASKING = frozenset(_REQUESTS.values())
_ERRORS = {1: frozenset({3, 4, 5, 11, 12}), 58: frozenset({1, 2, 3, 4})}

Match = tuple[Hop, bool]
"""The rule's hop, and whether the flow needs no tracking."""


def match_groups(view: View, port: Port, direction: Direction, protocol: int, remote: int, chosen: int) -> Match | None:
    """The rule that allows a new packet, or None."""
    members = view.visible_groups(port.vpc_id).get(remote, frozenset())
    for first, last, low, high, group, hop, everyone in port.group_tests(direction, protocol):
        if low <= chosen <= high and (first <= remote <= last if group is None else group in members):
            other: Direction = "ingress" if direction == "egress" else "egress"
            untracked = everyone and protocol in (TCP, UDP) and port.is_open(other, protocol, remote >= 1 << 128)
            return hop, untracked
    return None


def connection_key(packet: Packet, port: Port, direction: Direction, local: int, remote: int) -> Key:
    """The key under which an interface remembers a packet's connection."""
    egress = direction == "egress"
    protocol = packet.protocol
    if protocol in (TCP, UDP):
        mine, theirs = (packet.src_port, packet.dst_port) if egress else (packet.dst_port, packet.src_port)
        return port.id, protocol, local, mine, remote, theirs
    if protocol in (1, 58) and packet.icmp_type is not None:
        asked = _REQUESTS.get(packet.icmp_type)
        by_egress = egress if asked is None else not egress
        return (
            port.id,
            protocol,
            local,
            (packet.icmp_type if asked is None else asked, by_egress),
            remote,
            packet.icmp_id,
        )
    return port.id, protocol, local, 0, remote, 0


def admit(
    view: View,
    port: Port,
    direction: Direction,
    key: Key,
    match: Match | None,
    packet: Packet,
    known: Connections,
) -> tuple[bool, Hop, TrackedConnection | None, bool]:
    """Ask an interface's groups: (passes, the hop, what to remember, whether it answers a conversation)."""
    entry = known.get(key)
    at = packet.at
    if entry is not None and entry.expires <= at:
        entry = None
    egress = direction == "egress"
    protocol = packet.protocol
    if protocol == TCP:
        flags = packet.tcp_flags
        if flags & (SYN | ACK | RST) == SYN:
            return _ask_rules(port, direction, match, packet, None)
        if entry is not None and entry.stage & CLOSED:
            if entry.tracked:
                text = f"the connection was closed before; it had been opened by {entry.opened.text}"
                return (
                    False,
                    Hop("group", "reject", port.id, entry.opened.decider, text, direction),
                    None,
                    False,
                )
            entry = None
    elif protocol in _ERRORS and packet.icmp_type is not None:
        if packet.icmp_type in _ERRORS[protocol]:
            return _ask_about_error(view, port, direction, key, match, packet, known)
        if packet.icmp_id is None and packet.icmp_type in _ASKING:
            return _ask_rules(port, direction, match, packet, None)
    if entry is None or not entry.tracked:
        return _ask_rules(port, direction, match, packet, entry)
    stage, lasts = _next(protocol, entry, egress, packet.tcp_flags)
    answers = entry.begun_by_egress != egress
    hop = _known_hop(view, port, direction, entry, answers)
    expires = at + lasts
    if stage == entry.stage and expires - entry.expires < lasts * _NEGLIGIBLE:
        return True, hop, None, answers
    return True, hop, TrackedConnection(True, entry.begun_by_egress, expires, stage, entry.opened), answers


def _ask_rules(
    port: Port, direction: Direction, match: Match | None, packet: Packet, entry: TrackedConnection | None
) -> tuple[bool, Hop, TrackedConnection | None, bool]:
    egress = direction == "egress"
    answers = entry is not None and entry.begun_by_egress != egress
    if match is None:
        return False, port.refusal(direction), None, answers
    hop, untracked = match
    if answers and entry is not None:
        stage, lasts = _next(packet.protocol, entry, egress, packet.tcp_flags)
        return True, hop, TrackedConnection(False, entry.begun_by_egress, packet.at + lasts, stage, entry.opened), True
    fresh = TrackedConnection(not untracked, egress, 0.0, entry.stage if entry else 0, hop)
    stage, lasts = _next(packet.protocol, fresh, egress, packet.tcp_flags)
    return True, hop, TrackedConnection(not untracked, egress, packet.at + lasts, stage, hop), False


def _ask_about_error(
    view: View,
    port: Port,
    direction: Direction,
    key: Key,
    match: Match | None,
    packet: Packet,
    known: Connections,
) -> tuple[bool, Hop, TrackedConnection | None, bool]:
    """An ICMP error passes if it is about a connection between the two addresses, else rules are asked."""

    def about(other: Key, entry: TrackedConnection) -> bool:
        same = other[0] == key[0] and other[2] == key[2] and other[4] == key[4]
        return same and entry.tracked and entry.expires > packet.at and not entry.stage & CLOSED

    related = next(known.where(about), None)
    if related is None:
        return _ask_rules(port, direction, match, packet, None)
    entry = related[1]
    text = f"an error about a tracked connection, opened by {entry.opened.text}"
    hop = Hop("group", "accept", port.id, entry.opened.decider, text, direction, entry.opened.rule)
    return True, hop, None, entry.begun_by_egress != (direction == "egress")


def _known_hop(view: View, port: Port, direction: Direction, entry: TrackedConnection, answers: bool) -> Hop:
    """The hop of a packet of a tracked connection, made once per opening rule."""
    cached = view.replies.get((port.id, direction, id(entry.opened)))
    if cached is not None:
        return cached[1]
    what = "a reply: groups let it pass whatever their rules say" if answers else "part of a tracked connection"
    text = f"{what}; opened by {entry.opened.text}"
    hop = Hop("group", "accept", port.id, entry.opened.decider, text, direction, entry.opened.rule)
    view.replies[port.id, direction, id(entry.opened)] = (entry.opened, hop)
    return hop


def _next(protocol: int, entry: TrackedConnection, egress: bool, flags: int) -> tuple[int, float]:
    """The stage after a packet, and how long the connection is then remembered without another."""
    stage = entry.stage
    beginner = entry.begun_by_egress == egress
    if protocol == TCP:
        stage = _next_tcp(stage, beginner, flags)
        if stage & CLOSED:
            return stage, TCP_CLOSED_SECONDS
        return stage, TCP_ESTABLISHED_SECONDS if stage & REPLIED else TCP_OPENING_SECONDS
    if not beginner:
        stage |= REPLIED
    elif stage & REPLIED:
        stage |= STREAM
    if protocol == UDP:
        return stage, UDP_STREAM_SECONDS if stage & STREAM else UDP_SECONDS
    return stage, ICMP_SECONDS if protocol in (1, 58) else OTHER_SECONDS


def _next_tcp(stage: int, beginner: bool, flags: int) -> int:
    if flags & RST:
        return stage | CLOSED
    if stage & _BOTH_FINS == _BOTH_FINS and beginner == bool(stage & FIRST_FIN_BEGINNER):
        return stage | CLOSED  # the last ACK, by who sent the first FIN
    if not beginner:
        stage |= REPLIED
    if flags & FIN:
        if beginner and not stage & _BOTH_FINS:
            stage |= FIRST_FIN_BEGINNER
        stage |= FIN_BEGINNER if beginner else FIN_OTHER
    return stage
