"""The six stations of a packet's way, and what each of them says: the content of the picture of its path."""

from dataclasses import dataclass, replace
from typing import Literal

from helpers.figures.network_parts import Names, interface_name
from helpers.network import Connections, GroupRule, Hop, Interface, Packet, Route, Topology, Trace, trace

State = Literal["passed", "stopped", "reply", "not asked", "not reached"]
TITLES = (
    *("security group, outbound", "network ACL, outbound", "route table"),
    *("peering", "network ACL, inbound", "security group, inbound"),
)
OUTSIDE = "outside your VPCs"
MARKS: dict[State, str] = {"passed": "✓", "stopped": "✗", "reply": "↩", "not asked": "-", "not reached": "·"}
_PASSED = ("allowed", "allowed", "route found", "active", "allowed", "allowed")
_SYN, _ACK, _SYN_ACK = 2, 16, 18
_ECHO = {8: 0, 13: 14, 15: 16, 17: 18, 128: 129}


@dataclass(frozen=True, slots=True)
class Station:
    """One station: what it is, who decides there, what it says (``state`` and ``word``) and by which rule."""

    title: str
    state: State
    word: str
    rule: str = ""
    decider: str = ""
    decider_id: str = ""

    def __str__(self) -> str:
        both = f" ({self.decider_id})" if self.decider_id not in ("", self.decider) else ""
        by = f" {self.decider}{both}" if self.decider else ""
        return f"{MARKS[self.state]} {self.title}{by}: {self.word}{f' - {self.rule}' if self.rule else ''}"


@dataclass(frozen=True, slots=True)
class End:
    """One end of a way: what is there, in which subnet, and the action that its flow log counts."""

    name: str
    address: str
    place: str
    record: str

    def __str__(self) -> str:
        return f"{self.name} {self.address}, {self.place}; {self.record}"


@dataclass(frozen=True, slots=True)
class Leg:
    """One packet's way from end to end: six stations in its order, and how it ended."""

    packet: str
    source: End
    target: End
    stations: tuple[Station, ...]
    outcome: str
    delivered: bool


def legs(topology: Topology, packet: Packet, names: Names) -> tuple[Leg, Leg | None, str]:
    """The way there, the way back, and why there is no way back where there is none."""
    there, remembered = trace(topology, packet, Connections())
    first = _leg(topology, packet, there, names)
    if there.outcome != "delivered":
        return first, None, f"No way back: nothing arrived at {first.target.name}, so nothing answers."
    answer = _answer(topology, packet, there)
    if answer is None:
        return first, None, "No way back: this packet asks for no answer."
    back, _ = trace(topology, answer, remembered)
    second = _leg(topology, answer, back, names, back_to=first)
    return first, second, ""


def _answer(topology: Topology, packet: Packet, there: Trace) -> Packet | None:
    """The packet that answers: a TCP handshake's second, an echo reply, a datagram from the port that was asked."""
    if packet.protocol == 6 and packet.tcp_flags & (_SYN | _ACK) != _SYN:
        return None
    if packet.protocol in (1, 58) and packet.icmp_type not in _ECHO:
        return None
    target = there.destination_interface
    source, back_to = packet.dst, packet.src
    if target is not None:
        public = topology.interface(target).public
        source = next((inside for inside, outside in public if outside == packet.dst), packet.dst)
    if packet.source_interface and any(hop.kind == "gateway" for hop in there.hops):
        back_to = dict(topology.interface(packet.source_interface).public).get(packet.src, packet.src)
    return replace(
        packet, src=source, dst=back_to, src_port=packet.dst_port, dst_port=packet.src_port, source_interface=target,
        tcp_flags=_SYN_ACK if packet.protocol == 6 else 0, icmp_type=_ECHO.get(packet.icmp_type or 0)
        if packet.icmp_type is not None else None,
    )  # fmt: skip


def _leg(topology: Topology, packet: Packet, way: Trace, names: Names, back_to: Leg | None = None) -> Leg:
    source = (
        topology.interface(packet.source_interface)
        if packet.source_interface and topology.knows(packet.source_interface)
        else None
    )
    held = (topology.interface(way.destination_interface),) if way.destination_interface else ()
    target = next(iter(held or topology.interfaces_with(packet.dst)), None)
    ends = (
        _end(topology, source, packet.src, way, names, "egress"),
        _end(topology, target, packet.dst, way, names, "ingress"),
    )
    stations = tuple(_stations(topology, packet, way, names, back_to is not None, source is None, target is None))
    return Leg(str(packet), *ends, stations, _outcome(way, stations, ends[1], names), way.outcome == "delivered")


def _end(
    topology: Topology, interface: Interface | None, address: str, way: Trace, names: Names, direction: str
) -> End:
    if interface is None:
        return End("the internet", address, OUTSIDE, "no flow log of yours there")
    seen = [s.action for s in way.sightings if (s.interface_id, s.direction) == (interface.id, direction)]
    nothing = "nothing" if direction == "ingress" else "nothing (assumed)"  # `no-way-on`: AWS does not document it
    place = f"{names.of(interface.subnet_id)} in {names.of(interface.vpc_id)}"
    return End(
        interface_name(interface, names), address, place, f"a flow log here records {seen[0] if seen else nothing}"
    )


def _stations(
    topology: Topology, packet: Packet, way: Trace, names: Names, is_answer: bool, from_outside: bool, to_outside: bool
) -> list[Station]:
    at: dict[int, Hop] = {}
    for hop in way.hops:
        place = _place(hop)
        if place is not None:
            at.setdefault(place, hop)
    deciding = way.deciding
    last = 5 if deciding is None else _place(deciding)
    if last is None:  # an end that is not there or not running: what comes before it was passed
        last = max(at, default=-1)
    stations = []
    for place, title in enumerate(TITLES):
        found = at.get(place)
        if place == 3:
            title = _link_title(at, names)
        if found is not None:
            stations.append(_asked(topology, packet, found, place, title, names, is_answer))
        elif place > last:
            stations.append(Station(title, "not reached", "not reached"))
        else:
            why = _why_not(place, at, from_outside, to_outside)
            stations.append(Station(title, "not asked", "not on the path", why))
    return stations


def _place(hop: Hop) -> int | None:
    if hop.kind in ("group", "acl"):
        out, into = (0, 5) if hop.kind == "group" else (1, 4)
        return out if hop.direction == "egress" else into
    return {"route": 2, "peering": 3, "gateway": 3}.get(hop.kind)


def _link_title(at: dict[int, Hop], names: Names) -> str:
    route = at[2].rule if 2 in at else None
    if (3 in at and at[3].kind == "gateway") or (isinstance(route, Route) and route.kind == "internet gateway"):
        return "internet gateway"
    return "peering"


def _asked(
    topology: Topology, packet: Packet, hop: Hop, place: int, title: str, names: Names, is_answer: bool
) -> Station:
    decider = ", ".join(_called(topology, part, names) for part in hop.decider.split(", "))
    decider_id = hop.decider if topology.knows(hop.decider) else ""
    if isinstance(hop.rule, GroupRule) and hop.rule.egress != (hop.direction == "egress"):
        way = "outbound" if hop.rule.egress else "inbound"
        rule = f"stateful: this answers the connection that the {way} rule let in: {hop.rule}"
        if hop.rule.egress:
            rule = rule.replace("let in", "let out")
        return Station(title, "reply", "not evaluated", rule, decider, decider_id)
    state: State = "passed" if hop.verdict == "accept" else "stopped"
    word = _PASSED[place] if state == "passed" else "rejected" if hop.verdict == "reject" else "lost"
    rule = names.within(_reason(topology, packet, hop))
    if is_answer and hop.kind == "acl":
        rule = f"stateless: the answer is evaluated, too; {rule}"
    return Station(title, state, word, rule, decider, decider_id)


def _reason(topology: Topology, packet: Packet, hop: Hop) -> str:
    if hop.kind == "group" and hop.rule is None and "no " in hop.text:
        way = "outbound" if hop.direction == "egress" else "inbound"
        rest = hop.text[hop.text.index("no ") :]
        return rest.replace(f"no {hop.direction} rule allows it", f"no {way} rule allows {_wanted(packet, way)}")
    if hop.verdict == "lost" and isinstance(hop.rule, Route):
        return f"{hop.rule}: {hop.text.removeprefix(f'{hop.decider}: {hop.rule}: ')}"
    if hop.kind == "route" and hop.rule is None:
        return hop.text.removeprefix(f"{hop.decider} has ")
    if hop.kind == "peering":
        return hop.text.rpartition(": ")[2].partition("; it ")[2] or hop.text.rpartition(": ")[2]
    if hop.kind == "gateway":
        return hop.text.rpartition(": ")[2]
    return str(hop.rule) if hop.rule else hop.text


def _wanted(packet: Packet, way: str) -> str:
    text = str(packet).partition(" ")[0]
    port = f" {packet.dst_port}" if packet.protocol in (6, 17) else ""
    return f"{text}{port} {'to' if way == 'outbound' else 'from'} {packet.dst if way == 'outbound' else packet.src}"


def _called(topology: Topology, decider: str, names: Names) -> str:
    name = names.of(decider)
    if name == decider and decider.startswith("sg-") and topology.knows(decider):
        return topology.group(decider).name or decider
    if name == decider and any(acl.id == decider and acl.default for acl in topology.acls):
        return "the VPC's default"
    return "" if name in ("?", "internet", "destination") else name


def _why_not(place: int, at: dict[int, Hop], from_outside: bool, to_outside: bool) -> str:
    if (from_outside and place < 3) or (to_outside and place > 3):
        return OUTSIDE
    if not at:
        return "such traffic meets no rule"
    if place == 3:
        return "a local route: both ends are in one VPC"
    return "the packet stays in its subnet" if place in (1, 4) else ""


def _outcome(way: Trace, stations: tuple[Station, ...], target: End, names: Names) -> str:
    if way.outcome == "delivered":
        return f"delivered to {target.name}"
    stop = next((station for station in stations if station.state == "stopped"), None)
    if stop is None:
        text = way.deciding.text if way.deciding else ""
        return f"{way.outcome}: {names.within(text)}"
    number = stations.index(stop) + 1
    by = f", {stop.decider}" if stop.decider else ""
    return f"{stop.word} at step {number} of 6 ({stop.title}{by}): {stop.rule}"
