"""Play a scenario over its network: each conversation is traced, and what the interfaces see becomes records."""

import math
from bisect import bisect_right
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from operator import itemgetter
from typing import Any

from helpers.flowlogs import FlowRecord
from helpers.flowlogs.recorded_day import DayEvent
from helpers.network import Connections, Packet, Topology, Trace, trace
from helpers.traffic.capture import Capture, Count, FlowKey, Flows, close, record_flags
from helpers.traffic.scenarios.conversations import PlannedConversation, conversations
from helpers.traffic.scenarios.scenario import Scenario, TrafficRow
from helpers.traffic.windows import DEFAULT_INTERVAL, Window, window_at
from helpers.traffic.wire import ACK, FIN, ICMP, INTERNET_MSS, RST, SYN, TCP, VPC_MSS

SLOT = 20.0
"""Seconds after which a conversation is traced again: a rule that changes meanwhile is seen."""
_SYN_SIZE, _HEADER, _RST_SIZE, _ECHO = 60, 52, 40, 84
_RAW_SYN = (40, 44, 52, 60)  # a scanner writes its own options
_TRIES = 4  # the SYN of a client that gives up after ten seconds
_CUT_TRIES = 5


@dataclass(frozen=True)
class Recording:
    """The records of a scenario, and beside them ``labels``: to which row and part each belongs."""

    records: tuple[FlowRecord, ...]
    labels: tuple[tuple[str, int], ...]
    truth: tuple[DayEvent, ...]


def record(
    scenario: Scenario, seed: int, start: int, hours: float = 24.0, rows: Sequence[TrafficRow] | None = None
) -> Recording:
    """The records of a scenario's first ``hours``, whose day begins at ``start`` (epoch seconds, midnight UTC).

    ``rows``: other rows than the scenario's own. The records are in the order of their windows' ends.
    """
    said = [each for each in conversations(scenario, seed, rows) if each.at < hours * 3600]
    player = _Player(scenario, start)
    for each in said:
        player.play(each)
    until = start + hours * 3600
    records, _ = close(Capture.counted(player.flows), scenario.timeline[0][1], math.inf)
    records = tuple(each for each in records if start <= (each.start or 0) < until)
    labels = tuple(player.labels[_identity(each)] for each in records)
    return Recording(records, labels, _truths(said, start))


def _identity(one: FlowRecord) -> tuple[Any, ...]:
    return (one.interface_id, one.start, one.srcaddr, one.dstaddr, one.srcport, one.dstport, one.protocol)


def _truths(said: Iterable[PlannedConversation], start: int) -> tuple[DayEvent, ...]:
    parts: dict[tuple[str, int], list[PlannedConversation]] = {}
    for each in said:
        if each.row.kind:
            parts.setdefault((each.row.id, each.part), []).append(each)
    return tuple(_truth(part, start) for _, part in sorted(parts.items(), key=itemgetter(0)))


def _truth(said: Sequence[PlannedConversation], start: int) -> DayEvent:
    row = said[0].row
    sources, targets = (sorted({getattr(each, end) for each in said}) for end in ("source", "target"))
    source = sources[0] if len(sources) == 1 else "*"
    return DayEvent(
        id=f"{row.id}-{said[0].part + 1}",
        kind=row.kind,
        benign=row.benign,
        source=f"{source.rpartition('.')[0]}.0/24" if row.network_of_source else source,
        target=targets[0] if len(targets) == 1 else f"*:{said[0].port}",
        ports=len({each.port for each in said}),
        conversations=len(said),
        bytes=sum(each.up + each.down for each in said),
        start=start + int(said[0].at),
        end=start + int(max(each.at + each.seconds for each in said)) + 1,
    )


class _Player:
    """Counts what every interface sees of one conversation after the other."""

    def __init__(self, scenario: Scenario, start: float) -> None:
        self.flows: dict[FlowKey, Count] = {}
        self.labels: dict[tuple[Any, ...], tuple[str, int]] = {}
        self._scenario, self._start = scenario, start
        self._moments = [start + hour * 3600 for hour, _ in scenario.timeline]
        self._interfaces = {scenario.addresses[name]: interface for name, interface in scenario.machines.items()}
        self._names = {interface: name for name, interface in scenario.machines.items()}
        self._public = scenario.public

    def _topology(self, at: float) -> Topology:
        return self._scenario.timeline[bisect_right(self._moments, at) - 1][1]

    def window(self, interface: str, at: float) -> Window:
        """The aggregation interval of an interface at a moment."""
        return window_at(interface, at)

    def play(self, said: PlannedConversation) -> None:
        """Trace and count one conversation."""
        way = _Way(self, said, self._start + said.at)
        if said.protocol == TCP:
            way.connect()
        else:
            way.datagram()

    def send(self, packet: Packet, known: Connections) -> tuple[Trace, Connections]:
        """Where a packet gets to in the network of its time."""
        return trace(self._topology(packet.at), packet, known)

    def ends(self, said: PlannedConversation) -> tuple[str | None, str]:
        """The interface that begins, and the address that it writes to: from outside a public one."""
        begins = self._interfaces.get(said.source)
        return begins, said.target if begins else self.seen_outside(said.target)

    def seen_outside(self, address: str) -> str:
        """An address as hosts on the internet see it."""
        return self._public.get(address, address)

    def listens(self, interface: str | None, port: int) -> bool:
        """Whether something answers at a port: at every host outside that a row names."""
        return interface is None or port in self._scenario.listens.get(self._names[interface], ())

    def count(
        self, found: Trace, packet: Packet, said: PlannedConversation, packets: int, size: int, flags: int
    ) -> None:
        """Put packets that fare like this one into the windows of the interfaces that see them."""
        for seen in found.sightings if packets else ():
            window = self.window(seen.interface_id, packet.at)
            key = FlowKey(
                seen.interface_id, window.start, window.end, seen.direction, seen.action, seen.src, seen.dst,
                packet.src_port, packet.dst_port, packet.protocol, seen.pkt_src, seen.pkt_dst, seen.traffic_path,
                seen.reject_reason,
            )  # fmt: skip
            before = self.flows.get(key)
            if before is None:
                label = (said.row.id, said.part)
                self.flows[key] = Count(packets, size, flags)
                identity = (
                    seen.interface_id, window.start, seen.src, seen.dst, packet.src_port, packet.dst_port,
                    packet.protocol,
                )  # fmt: skip
                self.labels.setdefault(identity, label)
            else:
                self.flows[key] = Count(before.packets + packets, before.bytes + size, before.tcp_flags | flags)


class _LivePlayer(_Player):
    """The same in a network as it is now, and for one flow log: its interfaces, with the seconds of their windows."""

    def __init__(
        self,
        scenario: Scenario,
        network: Topology,
        open_ports: Mapping[str, Collection[int]],
        lengths: Mapping[str, int],
    ) -> None:
        super().__init__(scenario, 0.0)
        interfaces = [network.interface(one) for one in open_ports]
        self._interfaces = {one.primary: one.id for one in interfaces}
        self._public = {inside: outside for one in interfaces for inside, outside in one.public}
        self._network, self._open_ports, self._lengths = network, open_ports, lengths

    def _topology(self, at: float) -> Topology:
        return self._network

    def window(self, interface: str, at: float) -> Window:
        return window_at(interface, at, self._lengths.get(interface, DEFAULT_INTERVAL))

    def listens(self, interface: str | None, port: int) -> bool:
        return interface is None or port in self._open_ports.get(interface, ())


def flows_of(
    scenario: Scenario,
    said: PlannedConversation,
    network: Topology,
    open_ports: Mapping[str, Collection[int]],
    lengths: Mapping[str, int],
) -> Flows:
    """What a flow log sees of one conversation at ``said.at`` (epoch seconds), all of it at that moment.

    ``open_ports`` are those on which the running machines listen, ``lengths`` the seconds of windows, both by
    interface.
    """
    player = _LivePlayer(scenario, network, open_ports, lengths)
    player.play(replace(said, seconds=min(said.seconds, SLOT)))
    return {key: count for key, count in player.flows.items() if key.interface_id in lengths}


class _Way:
    """One conversation on its way through the network."""

    def __init__(self, player: _Player, said: PlannedConversation, at: float) -> None:
        self.player, self.said, self.began = player, said, at
        self.interface, self.address = player.ends(said)
        self.answers_from: str | None = None
        self.known = Connections()

    # --- packets ------------------------------------------------------------------------------------------------

    def _request(self, at: float, flags: int, size: int) -> tuple[Trace, Packet]:
        said = self.said
        packet = Packet(
            said.source, self.address, said.protocol, said.local_port, said.port, flags, size=size, at=at,
            icmp_type=8 if said.protocol == ICMP else None, icmp_id=1, source_interface=self.interface,
        )  # fmt: skip
        found, self.known = self.player.send(packet, self.known)
        return found, packet

    def _answer(self, at: float, flags: int, size: int) -> tuple[Trace, Packet]:
        said, inside = self.said, self.answers_from
        peer = said.source if inside else self.player.seen_outside(said.source)
        packet = Packet(
            said.target, peer, said.protocol, said.port, said.local_port, flags, size=size, at=at,
            icmp_type=0 if said.protocol == ICMP else None, icmp_id=1, source_interface=inside,
        )  # fmt: skip
        found, self.known = self.player.send(packet, self.known)
        return found, packet

    def _count(self, sent: tuple[Trace, Packet], packets: int, size: int, flags: int) -> None:
        self.player.count(*sent, self.said, packets, size, flags)

    # --- conversations ------------------------------------------------------------------------------------------

    def datagram(self) -> None:
        """UDP or a ping: one packet, as often as it is tried, and what comes back."""
        said = self.said
        size = _ECHO if said.protocol == ICMP else 28 + max(20, said.up)
        tries = 1 + int(said.seconds)
        sent = self._request(self.began, 0, size)
        self._count(sent, tries, tries * size, 0)
        if sent[0].outcome != "delivered":
            return
        self.answers_from = sent[0].destination_interface
        if said.protocol == ICMP or self.answers_from is None:
            back = self._answer(self.began, 0, size)
            self._count(back, tries, tries * (size if said.protocol == ICMP else 28 + said.down), 0)

    def connect(self) -> None:
        """TCP: the handshake, the data slot by slot, the end."""
        said = self.said
        is_scanner = bool(said.row.pattern == "noise" or said.row.varied)
        size = _RAW_SYN[(said.local_port * 7919 >> 4) % 4] if is_scanner else _SYN_SIZE
        sent = self._request(self.began, SYN, size)
        if sent[0].outcome != "delivered":
            tries = 1 + int(said.seconds) if is_scanner else _TRIES
            self._count(sent, tries, tries * size, record_flags(SYN))
            return
        self.answers_from = sent[0].destination_interface
        is_open = self.player.listens(self.answers_from, said.port)
        flags, answer = (SYN | ACK, _SYN_SIZE) if is_open else (RST | ACK, _RST_SIZE)
        back = self._answer(self.began, flags, answer)
        if not is_open or back[0].outcome != "delivered" or not (said.up or said.down):
            ends = is_open and back[0].outcome == "delivered"  # a scanner ends what it has opened
            self._count(sent, 1 + ends, size + ends * _RST_SIZE, record_flags(SYN) | (RST if ends else 0))
            self._count(back, 1, answer, record_flags(flags))
            return
        self._talk(sent, back)

    def _talk(self, sent: tuple[Trace, Packet], back: tuple[Trace, Packet]) -> None:
        said = self.said
        slots = max(1, math.ceil(said.seconds / SLOT))
        mss = said.row.chunk or (VPC_MSS if self.interface and self.answers_from else INTERNET_MSS)
        up, down = math.ceil(said.up / mss), math.ceil(said.down / mss) + bool(said.down)
        packets = (4 + up + _acks(down), 3 + down + _acks(up))
        sizes = (_SYN_SIZE - _HEADER + packets[0] * _HEADER + said.up, 8 + packets[1] * _HEADER + said.down)
        for slot in range(slots):
            at = self.began + slot * SLOT
            if slot:
                sent = self._request(at, ACK, _HEADER)
                if sent[0].outcome != "delivered":
                    self._count(sent, _CUT_TRIES, _CUT_TRIES * _HEADER, 0)
                    return
                back = self._answer(at, ACK, _HEADER)
            begins, ends = slot == 0, slot == slots - 1
            for each, total, size, first in (
                (sent, packets[0], sizes[0], SYN),
                (back, packets[1], sizes[1], SYN | ACK),
            ):
                flags = (record_flags(first) if begins else 0) | (FIN if ends else 0)
                self._count(each, _part(total, slot, slots), _part(size, slot, slots), flags)


def _acks(segments: int) -> int:
    """How many ACKs so many segments bring about: receivers acknowledge more rarely as a stream speeds up."""
    return math.ceil(min(segments, 10) / 4) + max(0, segments - 10) // 9


def _part(total: int, slot: int, slots: int) -> int:
    return total * (slot + 1) // slots - total * slot // slots
