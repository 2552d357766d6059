"""What each kind of drill is about: from a number's own chance to a record, its answer and the likely wrong ones."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime
from random import Random
from typing import Any

from helpers.flowlogs import DEFAULT_FORMAT, FlowRecord, LogFormat

ACCOUNT = "123456789012"
DAY = 1_767_600_000  # a Monday at eight o'clock UTC
SERVICES = {22: "ssh", 80: "http", 443: "https", 3306: "MySQL", 5432: "PostgreSQL"}
PROTOCOLS = {6: "tcp", 17: "udp", 1: "icmp"}
OUTSIDE = ("192.0.2", "198.51.100", "203.0.113")
FLAGS = {2: ("SYN",), 18: ("SYN", "ACK"), 3: ("SYN", "FIN"), 19: ("SYN", "ACK", "FIN"), 1: ("FIN",), 4: ("RST",)}
PATHS = {1: "same vpc", 4: "peering", 8: "internet"}

Answer = str | int | tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Case:
    """The matter of one drill.

    ``answer`` is the right one and ``also`` are other spellings of it; ``traps`` maps a message's key to the wrong
    answers that it is for. ``facts`` fill the gaps in the texts, beside the first record's own fields.
    """

    records: tuple[FlowRecord, ...]
    answer: Answer
    also: tuple[Answer, ...] = ()
    traps: Mapping[str, tuple[Any, ...]] = field(default_factory=dict)
    facts: Mapping[str, Any] = field(default_factory=dict)
    format: LogFormat = DEFAULT_FORMAT

    @property
    def lines(self) -> tuple[str, ...]:
        """The records as they stand in a log."""
        return tuple(self.format.render(record) for record in self.records)

    def words(self) -> dict[str, Any]:
        """What the texts may name in braces."""
        first = self.records[0]
        return {column.name: getattr(first, column.name) for column in fields(first)} | dict(self.facts)


class Draw:
    """One drill's chance: equal numbers draw equal things."""

    def __init__(self, number: int) -> None:
        self._random = Random(f"record drill {number}")

    def among(self, *things: Any) -> Any:
        return self._random.choice(things)

    def number(self, least: int, most: int) -> int:
        return self._random.randint(least, most)

    def inside(self, net: int = 1) -> str:
        return f"10.{net}.{self.number(0, 3)}.{self.number(10, 250)}"

    def outside(self) -> str:
        return f"{self.among(*OUTSIDE)}.{self.number(10, 250)}"

    def interface(self) -> str:
        return f"eni-0{self._random.getrandbits(64):016x}"

    def own_port(self) -> int:
        return self.number(32_768, 60_999)

    def record(self, **given: Any) -> FlowRecord:
        """An accepted https request of some instance; ``given`` fields are as they are."""
        start = DAY + 60 * self.number(0, 600) + self.number(0, 59)
        packets = self.number(5, 40)
        values: dict[str, Any] = {
            "version": 2,
            "account_id": ACCOUNT,
            "interface_id": self.interface(),
            "srcaddr": self.inside(1),
            "dstaddr": self.inside(2),
            "srcport": self.own_port(),
            "dstport": 443,
            "protocol": 6,
            "packets": packets,
            "bytes": packets * self.number(52, 900),
            "start": start,
            "end": start + 60,
            "action": "ACCEPT",
            "log_status": "OK",
        }
        return FlowRecord.of(values | given)


def custom(names: str) -> LogFormat:
    """A format of these fields."""
    return LogFormat(tuple(names.split()))


def sample() -> Case:
    """The line of the report that the course grew from."""
    line = "2 123456789012 eni-abc123 10.0.1.50 10.0.2.100 12345 22 6 25 5000 1640000000 1640000060 ACCEPT OK"
    record = DEFAULT_FORMAT.read(line)
    return Case((record,), str(record.dstaddr), traps={"client": (record.srcaddr,), "port": (22, "ssh")})


def port(draw: Draw) -> Case:
    record = draw.record(dstport=draw.among(*SERVICES))
    return Case((record,), _whole(record.dstport), traps={"own": (record.srcport,), "protocol": (6,)})


def protocol(draw: Draw) -> Case:
    number = draw.among(*PROTOCOLS)
    ports = {"srcport": 0, "dstport": 0} if number == 1 else {"dstport": draw.among(53, 123, 443, 4500)}
    record = draw.record(protocol=number, **ports)
    others = tuple(name for name in PROTOCOLS.values() if name != PROTOCOLS[number])
    traps = {"number": (number,), "other": others}
    return Case((record,), PROTOCOLS[number], traps=traps, facts={"name": PROTOCOLS[number].upper()})


def rejected(draw: Draw) -> Case:
    source = draw.outside()
    size = draw.among(40, 44, 60)
    packets = draw.number(1, 3)
    counted = {"packets": packets, "bytes": packets * size, "action": "REJECT"}
    record = draw.record(srcaddr=source, dstaddr=draw.inside(2), dstport=draw.among(23, 3389, 445), **counted)
    return Case((record,), source, traps={"target": (record.dstaddr,), "interface": (record.interface_id,)})


def ping(draw: Draw) -> Case:
    packets = draw.number(2, 9)
    record = draw.record(protocol=1, srcport=0, dstport=0, packets=packets, bytes=packets * 84)
    traps = {"service": ("ssh", "http", "https", "dns", "tcp", "udp"), "number": (1,)}
    return Case((record,), "ping", also=("icmp", "icmp echo"), traps=traps)


def direction(draw: Draw) -> Case:
    record = draw.record()
    out = draw.among(True, False)
    facts = {"mine": record.srcaddr if out else record.dstaddr, "end": "source" if out else "destination"}
    right, wrong = ("out", "in") if out else ("in", "out")
    other = {"in": ("ingress", "incoming", "inbound"), "out": ("egress", "outgoing", "outbound")}
    return Case((record,), right, also=other[right], traps={"other": (wrong, *other[wrong])}, facts=facts)


def reply(draw: Draw) -> Case:
    service = draw.among(*SERVICES)
    record = draw.record(srcport=service, dstport=draw.own_port())
    facts = {"service": SERVICES[service]}
    return Case((record,), str(record.dstaddr), traps={"answerer": (record.srcaddr,)}, facts=facts)


def size(draw: Draw) -> Case:
    packets, octets = draw.number(3, 30), draw.among(52, 84, 150, 640, 1200)
    record = draw.record(packets=packets, bytes=packets * octets)
    return Case((record,), octets, traps={"all": (record.bytes,), "packets": (packets,)})


def window(draw: Draw) -> Case:
    length = draw.among(60, 59, 58, 600)
    record = draw.record()
    start = _whole(record.start)
    record = draw.record(start=start, end=start + length)
    traps = {"moment": (start, start + length), "minutes": (1,) if length <= 60 else (10,)}
    return Case((record,), length, traps=traps)


def clock(draw: Draw) -> Case:
    record = draw.record()
    begins, ends = (datetime.fromtimestamp(_whole(at), UTC) for at in (record.start, record.end))
    also = (f"{begins:%H:%M:%S}", f"{begins:%H:%M} UTC", f"{begins.hour}:{begins:%M}")
    traps = {"end": (f"{ends:%H:%M}", f"{ends:%H:%M:%S}"), "epoch": (record.start,)}
    return Case((record,), f"{begins:%H:%M}", also=also, traps=traps, facts={"whole": f"{begins:%Y-%m-%d %H:%M:%S}"})


def arrived(draw: Draw) -> Case:
    record = draw.record(packets=draw.number(1, 3), dstport=draw.among(8080, 9000, 5432))
    record = draw.record(**_only(record, "srcaddr", "dstaddr", "dstport", "packets"), bytes=60 * _whole(record.packets))
    return Case((record,), "no", traps={"passed": ("yes",)})


def nodata(draw: Draw) -> Case:
    record = draw.record(**_dashes(), log_status="NODATA")
    return Case((record,), 0, also=("none", "no packets"), traps={"dash": ("-", "nodata", "unknown")})


def skipdata(draw: Draw) -> Case:
    record = draw.record(**_dashes(), log_status="SKIPDATA")
    return Case((record,), "lost", traps={"quiet": ("quiet",), "blocked": ("blocked",)})


def ipv6(draw: Draw) -> Case:
    source = f"2001:db8:{draw.number(1, 9999)}:{draw.number(1, 99)}::{draw.number(1, 250)}"
    record = draw.record(srcaddr=source, dstaddr=f"2001:db8:1234:a100::{draw.number(10, 99)}", dstport=22)
    return Case((record,), "no", traps={"everybody": ("yes",)})


def stateless(draw: Draw) -> Case:
    packets = draw.number(3, 6)
    there = draw.record(protocol=1, srcport=0, dstport=0, packets=packets, bytes=packets * 84)
    back = _only(there, "interface_id", "protocol", "srcport", "dstport", "packets", "bytes", "start", "end")
    answer = draw.record(**back, srcaddr=there.dstaddr, dstaddr=there.srcaddr, action="REJECT")
    also = ("acl", "nacl", "network access control list")
    traps = {"group": ("security group", "sg", "group"), "route": ("route", "route table")}
    return Case((there, answer), "network acl", also=also, traps=traps)


def secondary(draw: Draw) -> Case:
    first = draw.inside(2)
    layout = custom("interface-id srcaddr dstaddr pkt-srcaddr pkt-dstaddr dstport protocol action")
    second = first.rpartition(".")[0] + f".{251 + draw.number(0, 3)}"
    record = draw.record(dstaddr=first, dstport=80)
    record = draw.record(
        **_only(record, "srcaddr", "dstaddr", "dstport"), pkt_srcaddr=record.srcaddr, pkt_dstaddr=second
    )
    return Case((record,), second, traps={"primary": (first,), "sender": (record.srcaddr,)}, format=layout)


def nat(draw: Draw) -> Case:
    gateway, real, out = f"10.1.0.{draw.number(4, 9)}", f"10.1.1.{draw.number(10, 250)}", draw.outside()
    layout = custom("interface-id srcaddr dstaddr pkt-srcaddr pkt-dstaddr srcport dstport protocol bytes action")
    record = draw.record(srcaddr=real, dstaddr=gateway, pkt_srcaddr=real, pkt_dstaddr=out)
    return Case((record,), out, traps={"gateway": (gateway,), "sender": (real,)}, format=layout)


def flags(draw: Draw) -> Case:
    number = draw.among(*FLAGS)
    layout = custom("interface-id srcaddr dstaddr srcport dstport protocol packets action tcp-flags")
    record = draw.record(tcp_flags=number, dstport=draw.among(22, 80, 443))
    right = FLAGS[number]
    wrong = tuple(names for names in FLAGS.values() if names != right)
    facts = {"names": ", ".join(right)}
    return Case((record,), right, traps={"number": (number,), "other": wrong}, facts=facts, format=layout)


def role(draw: Draw) -> Case:
    number = draw.among(2, 3, 18, 19)
    layout = custom("interface-id srcaddr dstaddr srcport dstport protocol action tcp-flags")
    left, right = draw.number(7000, 9999), draw.number(7000, 9999)  # ports that tell nothing
    record = draw.record(srcport=left, dstport=right, tcp_flags=number)
    client, server = str(record.srcaddr), str(record.dstaddr)
    first = client if number in (2, 3) else server
    wrong = server if first == client else client
    facts = {"seen": ", ".join(FLAGS[number])}
    return Case((record,), first, traps={"other": (wrong,)}, facts=facts, format=layout)


def refused(draw: Draw) -> Case:
    layout = custom("interface-id srcaddr dstaddr srcport dstport protocol packets bytes action tcp-flags")
    server_port = draw.among(80, 443, 5432)
    syn = draw.record(dstport=server_port, packets=1, bytes=60, tcp_flags=2)
    reset = draw.record(
        **_only(syn, "interface_id", "start", "end"),
        srcaddr=syn.dstaddr,
        dstaddr=syn.srcaddr,
        srcport=server_port,
        dstport=syn.srcport,
        packets=1,
        bytes=40,
        tcp_flags=4,
    )
    traps = {"filter": ("filter", "firewall", "security group", "acl")}
    return Case((syn, reset), "instance", also=("the instance", "machine", "the machine"), traps=traps, format=layout)


def path(draw: Draw) -> Case:
    number = draw.among(*PATHS)
    layout = custom("interface-id srcaddr dstaddr dstport action flow-direction traffic-path")
    ends = {1: draw.inside(1), 4: draw.inside(2), 8: draw.outside()}
    record = draw.record(dstaddr=ends[number], flow_direction="egress", traffic_path=number)
    wrong = tuple(name for name in PATHS.values() if name != PATHS[number])
    also = {1: ("vpc",), 4: ("peering connection",), 8: ("internet gateway",)}[number]
    facts = {"way": PATHS[number]}
    traps = {"number": (number,), "other": wrong}
    return Case((record,), PATHS[number], also=also, traps=traps, facts=facts, format=layout)


KINDS: dict[str, Callable[[Draw], Case]] = {
    kind.__name__: kind
    for kind in (
        *(port, protocol, rejected, ping, direction),
        *(reply, size, window, clock, arrived),
        *(nodata, skipdata, ipv6, stateless, secondary),
        *(nat, flags, role, refused, path),
    )
}
"""Every kind by its name in ``data/exercises/drills.toml``; drill n is of the n-th kind, round and round."""


def _dashes() -> dict[str, None]:
    names = ("srcaddr", "dstaddr", "srcport", "dstport", "protocol", "packets", "bytes", "action")
    return dict.fromkeys(names)


def _only(record: FlowRecord, *names: str) -> dict[str, Any]:
    return {name: getattr(record, name) for name in names}


def _whole(number: int | None) -> int:
    assert number is not None
    return number
