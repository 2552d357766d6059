"""Capture: what each interface saw, counted per direction, 5-tuple and action, window by window.

A ``Capture`` is a value: ``observe`` gives a new one and leaves the old one as it was. Observations are appended to a
list that successive captures share, as long as each continues the newest one; a branch copies. So observing costs the
same however much was captured before, and windows are only counted when they close.
"""

import math
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from helpers.flowlogs import FlowRecord
from helpers.network import Sighting, Topology
from helpers.traffic.internet import INTERNET, Internet
from helpers.traffic.topology_facts import Facts, Unlogged, facts_of, services_of, unlogged_for
from helpers.traffic.windows import DEFAULT_INTERVAL, Window, window_at
from helpers.traffic.world import Sent

_FIN, _SYN, _RST, _ACK, _SYN_ACK = 1, 2, 4, 16, 18
_TCP, _ICMP, _ICMP6 = 6, 1, 58
_FOLD_AT = 8192


class FlowKey(NamedTuple):
    """What makes two packets one flow, on one interface in one window (``start`` and ``end`` in epoch seconds)."""

    interface_id: str
    start: int
    end: int
    direction: str
    action: str
    src: str
    dst: str
    src_port: int
    dst_port: int
    protocol: int
    pkt_src: str
    pkt_dst: str
    traffic_path: int | None
    reject_reason: str | None


class Count(NamedTuple):
    """What was counted of a flow: packets, bytes, OR-ed tcp-flags."""

    packets: int
    bytes: int
    tcp_flags: int


Flows = dict[FlowKey, Count]
_NOTHING = Count(0, 0, 0)
_Chunk = tuple[tuple[Sent, ...], Mapping[str, int]]
_Spans = dict[str, tuple[int, int]]


def record_flags(tcp_flags: int) -> int:
    """What one packet adds to ``tcp-flags``: FIN 1, SYN 2, RST 4, SYN-ACK 18; ACK and PSH alone add nothing (AWS).

    >>> [record_flags(flags) for flags in (2, 18, 16, 24, 17, 20)]
    [2, 18, 0, 0, 1, 4]
    """
    flags = tcp_flags & (_FIN | _RST)
    if tcp_flags & _SYN:
        flags |= _SYN_ACK if tcp_flags & _ACK else _SYN
    return flags


class Capture:
    """Open windows. Immutable: the functions of this module return new ones. Picklable."""

    __slots__ = ("_folded", "_length", "_log", "_next", "_spans", "_waiting")

    def __init__(self) -> None:
        self._folded: Flows = {}
        self._log: list[_Chunk] = []
        self._length = 0
        self._waiting = 0
        self._next = math.inf
        self._spans: _Spans = {}

    @classmethod
    def _of(cls, folded: Flows, next_close: float) -> "Capture":
        capture = cls()
        capture._folded, capture._next = folded, next_close
        return capture

    @classmethod
    def counted(cls, flows: Flows) -> "Capture":
        """A capture of flows that were counted elsewhere."""
        return cls._of(dict(flows), min((key.end for key in flows), default=math.inf))

    def with_flows(self, flows: Flows) -> "Capture":
        """This capture and flows that were counted elsewhere."""
        merged = self.flows()
        for key, count in flows.items():
            before = merged.get(key, _NOTHING)
            sums = (count.packets + before.packets, count.bytes + before.bytes)
            merged[key] = Count(*sums, count.tcp_flags | before.tcp_flags)
        return self.counted(merged)

    def __reduce__(self) -> tuple[object, ...]:
        return (_restored, (self.flows(), self._next))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Capture) and self.flows() == other.flows()

    __hash__ = None  # type: ignore[assignment]

    def __len__(self) -> int:
        """How many flows are in open windows."""
        return len(self.flows())

    @property
    def next_close(self) -> float | None:
        """When the earliest open window ends; None when none is open."""
        return None if math.isinf(self._next) else self._next

    def flows(self) -> Flows:
        """The flows of all open windows, in the order they were first seen."""
        if not self._length:
            return dict(self._folded)
        return _fold(self._folded, self._log[: self._length])

    def with_packets(self, packets: tuple[Sent, ...], intervals: Mapping[str, int]) -> "Capture":
        """This capture and some more packets, with the window length of each interface."""
        new = Capture()
        # the last known window of an interface: a memory of a pure function, so successors may share it
        new._spans = spans = self._spans
        new._folded, new._waiting = self._folded, self._waiting + len(packets)
        new._log = log = self._log if len(self._log) == self._length else self._log[: self._length]
        kept = log[-1][1] if log and log[-1][1] == intervals else dict(intervals)
        log.append((packets, kept))
        new._length = len(log)
        new._next = min(self._next, _first_end(packets, kept, spans))
        if new._waiting > max(_FOLD_AT, len(new._folded)):
            new._folded, new._log, new._length, new._waiting = _fold(new._folded, log), [], 0, 0
        return new


def _restored(folded: Flows, next_close: float) -> Capture:
    return Capture._of(folded, next_close)


def _first_end(packets: Iterable[Sent], intervals: Mapping[str, int], spans: _Spans) -> float:
    """The earliest end of the windows that these packets, in order of time, fall into."""
    first = math.inf
    seen: set[str] = set()
    for sent in packets:
        for sighting in sent.trace.sightings:
            interface = sighting.interface_id
            if interface not in seen:
                seen.add(interface)
                first = min(first, _span(interface, sent.at, intervals, spans)[1])
    return first


def _span(interface_id: str, at: float, intervals: Mapping[str, int], spans: _Spans) -> tuple[int, int]:
    """The window of an interface at a moment: from memory when it is the same as before."""
    interval = intervals.get(interface_id, DEFAULT_INTERVAL)
    span = spans.get(interface_id)
    if span is None or not span[0] <= at < span[1] or span[1] - span[0] != interval:
        window = window_at(interface_id, at, interval)
        span = spans[interface_id] = (window.start, window.end)
    return span


class _Cell:
    """Where a trace's packets are counted at one interface, as long as they fall into one window."""

    __slots__ = ("bytes", "end", "flags", "packets", "start")

    def __init__(self, start: int, end: int) -> None:
        self.start, self.end = start, end
        self.packets = self.bytes = self.flags = 0


def _fold(folded: Flows, log: Iterable[_Chunk]) -> Flows:
    """The flows after some more packets.

    Packets that fare alike share one trace, so most of them find their cells under its identity (the log keeps it
    alive) and the key of their flow need not be made again.
    """
    places: dict[tuple[int, int, int], list[_Cell]] = {}
    counts: dict[FlowKey, _Cell] = {}
    spans: _Spans = {}
    for packets, intervals in log:
        for sent in packets:
            packet, at = sent.packet, sent.at
            sightings = sent.trace.sightings
            if not sightings:
                continue
            place = (id(sent.trace), packet.src_port, packet.dst_port)
            cells = places.get(place)
            if cells is None:
                cells = places[place] = [_Cell(0, 0)] * len(sightings)
            flags = record_flags(packet.tcp_flags) if packet.protocol == _TCP else 0
            for index, cell in enumerate(cells):
                if not cell.start <= at < cell.end:
                    span = _span(sightings[index].interface_id, at, intervals, spans)
                    key = _key(sent, sightings[index], span)
                    cell = cells[index] = counts.setdefault(key, _Cell(*span))
                cell.packets += 1
                cell.bytes += packet.size
                cell.flags |= flags
    return _merged(folded, counts)


def _merged(folded: Flows, counts: Mapping[FlowKey, _Cell]) -> Flows:
    flows = dict(folded)
    for key, cell in counts.items():
        before = flows.get(key, _NOTHING)
        flows[key] = Count(cell.packets + before.packets, cell.bytes + before.bytes, cell.flags | before.tcp_flags)
    return flows


def _key(sent: Sent, sighting: Sighting, span: tuple[int, int]) -> FlowKey:
    packet = sent.packet
    return FlowKey(
        sighting.interface_id,
        *span,
        sighting.direction,
        sighting.action,
        sighting.src,
        sighting.dst,
        packet.src_port,
        packet.dst_port,
        packet.protocol,
        sighting.pkt_src,
        sighting.pkt_dst,
        sighting.traffic_path,
        sighting.reject_reason,
    )


def _at(sent: Sent) -> float:
    return sent.at


def observe(capture: Capture, sent: Sent | Iterable[Sent], intervals: Mapping[str, int]) -> Capture:
    """Count one packet, or many, at every interface that saw it.

    ``intervals`` are window lengths in seconds per interface id (see ``window_lengths``); 60 where it says nothing.
    """
    packets = (sent,) if isinstance(sent, Sent) else tuple(sorted(sent, key=_at))
    return capture.with_packets(packets, intervals) if packets else capture


def next_close(capture: Capture) -> float | None:
    """When the earliest open window ends, epoch seconds; None when none is open."""
    return capture.next_close


def close(
    capture: Capture,
    topology: Topology,
    until: float,
    internet: Internet = INTERNET,
) -> tuple[tuple[FlowRecord, ...], Capture]:
    """Close every window that ends at or before ``until`` (epoch seconds).

    Returns the records, ordered by window end, interface and first packet, and the capture of the windows still open.
    ``topology`` gives the records their account, VPC, subnet, instance and zone; it should still know the interfaces of
    the closing windows (fields of an unknown one are None). ``internet`` says which addresses outside belong to a
    service of AWS (``pkt-src-aws-service``).
    """
    closing: list[tuple[FlowKey, Count]] = []
    open_flows: Flows = {}
    for key, count in capture.flows().items():
        if key.end <= until:
            closing.append((key, count))
        else:
            open_flows[key] = count
    closing.sort(key=lambda item: (item[0].end, item[0].interface_id))
    places: dict[str, tuple[Facts, Unlogged]] = {}
    services = services_of(topology, internet)
    records: list[FlowRecord] = []
    for key, count in closing:
        if key.interface_id not in places:
            places[key.interface_id] = (
                facts_of(topology, key.interface_id),
                unlogged_for(topology, key.interface_id),
            )
        facts, unlogged = places[key.interface_id]
        if not unlogged.hides(key.pkt_src, key.pkt_dst, key.protocol, (key.src_port, key.dst_port)):
            records.append(_record(key, count, facts, services))
    earliest = min((key.end for key in open_flows), default=math.inf)
    return tuple(records), Capture._of(open_flows, earliest)


def _record(key: FlowKey, count: Count, facts: Facts, services: Mapping[str, str]) -> FlowRecord:
    icmp = key.protocol in (_ICMP, _ICMP6)
    return FlowRecord(
        account_id=facts.account_id,
        interface_id=key.interface_id,
        srcaddr=key.src,
        dstaddr=key.dst,
        srcport=0 if icmp else key.src_port,
        dstport=0 if icmp else key.dst_port,
        protocol=key.protocol,
        packets=count.packets,
        bytes=count.bytes,
        start=key.start,
        end=key.end,
        action=key.action,
        log_status="OK",
        vpc_id=facts.vpc_id,
        subnet_id=facts.subnet_id,
        instance_id=facts.instance_id,
        tcp_flags=count.tcp_flags,
        type="IPv6" if ":" in key.src else "IPv4",
        pkt_srcaddr=key.pkt_src,
        pkt_dstaddr=key.pkt_dst,
        region=facts.region,
        az_id=facts.az_id,
        pkt_src_aws_service=services.get(key.pkt_src),
        pkt_dst_aws_service=services.get(key.pkt_dst),
        flow_direction=key.direction,
        traffic_path=key.traffic_path,
        reject_reason=key.reject_reason,
    )


def nodata(interface_ids: Iterable[str], window: Window, topology: Topology) -> tuple[FlowRecord, ...]:
    """NODATA records: nothing went to or from these interfaces in the window. They have no flow fields."""
    records = []
    for interface_id in interface_ids:
        facts = facts_of(topology, interface_id)
        records.append(
            FlowRecord(
                account_id=facts.account_id,
                interface_id=interface_id,
                start=window.start,
                end=window.end,
                log_status="NODATA",
                vpc_id=facts.vpc_id,
                subnet_id=facts.subnet_id,
                instance_id=facts.instance_id,
                region=facts.region,
                az_id=facts.az_id,
            )
        )
    return tuple(records)
