"""Random rule sets for a small network, and probes through it: plain values that JSON can hold.

Four hosts: two in one subnet, one in another subnet of the same VPC, one in a peered VPC.

    A (10.1.0.0/16)                           B (10.2.0.0/16)
      subnet a: a1 10.1.1.10, a2 10.1.1.11      subnet b: b1 10.2.1.10
      subnet c: c1 10.1.2.10
"""

import random
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any, TypeVar

HOSTS = {"a1": "10.1.1.10", "a2": "10.1.1.11", "c1": "10.1.2.10", "b1": "10.2.1.10"}
SUBNET_OF = {"a1": "a", "a2": "a", "c1": "c", "b1": "b"}
SUBNETS = {"a": "10.1.1.0/24", "c": "10.1.2.0/24", "b": "10.2.1.0/24"}
VPC_OF = {"a": "a", "c": "a", "b": "b"}
GROUPS = {"sg-a0": "a", "sg-a1": "a", "sg-b0": "b", "sg-b1": "b"}
PREFIX_LIST = "pl-0"
PREFIX_LIST_CIDRS = ("10.1.1.10/31", "10.2.1.8/29")
LISTENING, CLOSED, ECHO = (22, 80, 443), (81, 8080), (53, 5000)
TYPES = {"ping": 8, "timestamp": 13}
ANSWER_OF = {8: 0, 13: 14}
EVERYWHERE = "0.0.0.0/0"
HALF_OF_EVERYWHERE = "0.0.0.0/1"
_CIDRS = (
    *(EVERYWHERE, "10.0.0.0/8", "10.1.0.0/16", "10.2.0.0/16", "10.1.1.0/24", "10.1.2.0/24", "10.2.1.0/24"),
    *("10.1.1.10/32", "10.1.1.11/32", "10.1.1.8/31", "10.1.1.10/31", "10.1.0.0/22", "10.1.2.8/30", "10.2.1.10/32"),
)
_RANGES = ((0, 65535), (22, 22), (22, 80), (23, 79), (80, 443), (81, 8080), (53, 53), (1024, 65535), (5000, 8080))
_REPLIES = ((0, 65535), (1024, 65535), (32768, 60999), (45000, 65535), (0, 1023))
_ICMP = ((-1, -1), (8, -1), (8, 0), (0, -1), (0, 0), (8, 1), (13, -1), (14, 0))


@dataclass(frozen=True)
class Rule:
    """A group's rule: protocol (``-1``, ``tcp``, ``udp``, ``icmp``), ports or ICMP type and code, and with whom."""

    protocol: str
    first: int
    last: int
    source: str


@dataclass(frozen=True)
class Entry:
    """An ACL's entry; a list of them is in no order, their numbers are."""

    number: int
    allow: bool
    protocol: str
    first: int
    last: int
    cidr: str


@dataclass(frozen=True)
class Probe:
    """One thing to try: `kind` is tcp, udp, ping or timestamp. Ports and ICMP identifiers are unlike all others."""

    source: str
    target: str
    kind: str
    port: int
    local: int


@dataclass(frozen=True)
class Case:
    """One rule set with its probes. Keys of groups: ``sg-a0 in``; of ACLs: ``a in`` (subnet and direction).

    ``later`` is the same case with the rules that hold from some moment on. Before it the requests are sent, and
    answered, but for those by UDP: their answers wait for it. After it come these answers, and a second request with
    its answer for each probe that has a ``second``.
    """

    seed: int
    groups: dict[str, list[Rule]]
    members: dict[str, list[str]]
    acls: dict[str, list[Entry]]
    probes: list[Probe] = field(default_factory=list)
    later: "Case | None" = None

    def to_json(self) -> dict[str, Any]:
        """Short rows instead of objects."""
        row = {
            "seed": self.seed,
            "groups": {name: [list(asdict(one).values()) for one in rules] for name, rules in self.groups.items()},
            "members": self.members,
            "acls": {name: [list(asdict(one).values()) for one in entries] for name, entries in self.acls.items()},
            "probes": [list(asdict(one).values()) for one in self.probes],
        }
        if self.later is not None:
            rules = self.later.to_json()
            row["later"] = {name: rules[name] for name in ("groups", "acls")}
        return row

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> "Case":
        return cls(
            data["seed"],
            {name: [Rule(*one) for one in rules] for name, rules in data["groups"].items()},
            data["members"],
            {name: [Entry(*one) for one in entries] for name, entries in data["acls"].items()},
            [Probe(*one) for one in data["probes"]],
            cls.from_json(data | data["later"] | {"later": None}) if data.get("later") else None,
        )


def has_second(probe: Probe, request: str, answer: str | None) -> bool:
    """Whether a probe sends again after the rules have changed, given where its request and its answer stopped.

    Left out is a second packet of a connection that an interface knows, but never saw answered: for the kernel it is
    new, and AWS says only that what is tracked is not asked again. So is what never became a TCP connection.
    """
    if probe.kind == "tcp":
        return (request, answer) == ("delivered", "delivered") and probe.port in LISTENING
    return request == "group egress" or answer == "delivered"


def cases(count: int, seed: int, probes: int = 16, changing: int = 0) -> Iterator[Case]:
    """That many rule sets, and then some whose rules change between packets. Local ports and identifiers go up from
    case to case, so that no case meets the connections of another."""
    local = 32768
    for number in range(count + changing):
        draw = random.Random(f"{seed} {number}")
        made = []
        for _ in range(probes):
            local = local + 1 if local < 60999 else 32768
            made.append(_probe(draw, local))
        case = Case(
            number,
            {f"{name} {way}": _rules(draw) for name in GROUPS for way in ("in", "out")},
            {host: _membership(draw, VPC_OF[SUBNET_OF[host]]) for host in HOSTS},
            {f"{subnet} {way}": _entries(draw, way) for subnet in SUBNETS for way in ("in", "out")},
            made,
        )
        yield case if number < count else _with_a_change(draw, case)


def _with_a_change(draw: random.Random, case: Case) -> Case:
    """The case with other rules from some moment on.

    Groups say 0.0.0.0/1 where they said 0.0.0.0/0, before and after: AWS does not track flows that groups allow from
    and to everywhere and cuts them with their rule, the kernel tracks all flows.
    """
    groups = {name: [_tracked(rule) for rule in rules] for name, rules in case.groups.items()}
    later = replace(
        case,
        groups={name: _changed(draw, rules, _tracked(_rule(draw))) for name, rules in groups.items()},
        acls={name: _changed(draw, entries, _early(draw, entries)) for name, entries in case.acls.items()},
    )
    return replace(case, groups=groups, later=later)


_Line = TypeVar("_Line", Rule, Entry)


def _tracked(rule: Rule) -> Rule:
    return replace(rule, source=HALF_OF_EVERYWHERE) if rule.source == EVERYWHERE else rule


def _early(draw: random.Random, entries: list[Entry]) -> Entry:
    """An entry that mostly comes before all others."""
    return _entry(draw, draw.choice(sorted({*range(1, 100)} - {entry.number for entry in entries})))


def _changed(draw: random.Random, lines: list[_Line], new: _Line) -> list[_Line]:
    """A list as it was, or with a line less, a line more, or another line in the place of one."""
    what = draw.choice(("nothing", "removed", "added", "replaced"))
    kept = list(lines)
    if what in ("removed", "replaced") and kept:
        kept.pop(draw.randrange(len(kept)))
    if what in ("added", "replaced"):
        kept.append(new)
    return kept


def _probe(draw: random.Random, local: int) -> Probe:
    source, target = draw.sample(sorted(HOSTS), 2)
    kind = draw.choice(("tcp", "tcp", "tcp", "udp", "udp", "ping", "timestamp"))
    ports: Sequence[int] = {"tcp": LISTENING + CLOSED, "udp": ECHO}.get(kind, (0,))
    return Probe(source, target, kind, draw.choice(ports), local)


def _membership(draw: random.Random, vpc: str) -> list[str]:
    own = [name for name, home in GROUPS.items() if home == vpc]
    return sorted(draw.sample(own, draw.choice((1, 1, 2))))


def _bounds(draw: random.Random, protocol: str, ranges: Sequence[tuple[int, int]]) -> tuple[int, int]:
    if protocol == "-1":
        return -1, -1
    return draw.choice(_ICMP if protocol == "icmp" else ranges)


def _rules(draw: random.Random) -> list[Rule]:
    """Up to four rules; every third list also allows a whole protocol, so that much gets through."""
    rules = []
    for _ in range(draw.choice((0, 1, 2, 3, 4))):
        rules.append(_rule(draw))
    if draw.random() < 0.7:
        rules.append(Rule("-1", -1, -1, draw.choice((EVERYWHERE, EVERYWHERE, "10.0.0.0/8", "10.1.0.0/16"))))
    return rules


def _rule(draw: random.Random) -> Rule:
    protocol = draw.choice(("tcp", "tcp", "udp", "icmp", "-1"))
    source = draw.choice((draw.choice(_CIDRS), draw.choice(_CIDRS), draw.choice(sorted(GROUPS)), PREFIX_LIST))
    return Rule(protocol, *_bounds(draw, protocol, _RANGES), source)


def _entries(draw: random.Random, way: str) -> list[Entry]:
    """Up to five entries with numbers of their own, and mostly one of a high number that allows all."""
    numbers = draw.sample(range(1, 32767), 5)
    entries = []
    for number in numbers[: draw.choice((0, 1, 2, 3, 5))]:
        entries.append(_entry(draw, number))
    if draw.random() < 0.75:
        entries.append(Entry(32766, True, "-1", -1, -1, EVERYWHERE))
    draw.shuffle(entries)
    return entries


def _entry(draw: random.Random, number: int) -> Entry:
    protocol = draw.choice(("tcp", "tcp", "udp", "icmp", "-1"))
    bounds = _bounds(draw, protocol, _RANGES + _REPLIES)
    return Entry(number, draw.random() < 0.55, protocol, *bounds, draw.choice(_CIDRS))
