"""A packet, what an interface's flow log counts of it, and the hops of its way."""

from dataclasses import dataclass, field
from html import escape
from typing import Literal

from helpers.network.model import PROTOCOLS, AclEntry, GroupRule, Route

Direction = Literal["ingress", "egress"]
Verdict = Literal["accept", "reject", "lost"]
Action = Literal["ACCEPT", "REJECT"]
Outcome = Literal["delivered", "rejected", "lost"]
HopKind = Literal["interface", "group", "acl", "route", "peering", "gateway", "internet", "service"]

FIN, SYN, RST, ACK = 1, 2, 4, 16
SYMBOLS: dict[Verdict, str] = {"accept": "✓", "reject": "✗", "lost": "⌀"}
_VERDICTS: dict[Outcome, Verdict] = {"delivered": "accept", "rejected": "reject", "lost": "lost"}
_COLOURS: dict[Verdict, str] = {"accept": "success", "reject": "error", "lost": "warn"}


@dataclass(frozen=True, slots=True)
class Packet:
    """One packet as its sender makes it.

    Addresses are text; ``protocol`` is the IANA number; ``tcp_flags`` as in the TCP header (FIN 1, SYN 2,
    RST 4, ACK 16); ``size`` in bytes with the IP header; ``at`` in epoch seconds. ``icmp_type`` None is
    some ICMP message that only rules for every type match. ``icmp_id`` is the identifier of an echo:
    requests that share it are one conversation; without it each request is looked at as new.
    ``source_interface`` is the network interface that sends it, None for a sender outside the VPCs: an address
    alone names nobody, for two VPCs may hold the same one.
    """

    src: str
    dst: str
    protocol: int
    src_port: int = 0
    dst_port: int = 0
    tcp_flags: int = 0
    icmp_type: int | None = None
    icmp_code: int | None = None
    size: int = 40
    at: float = 0.0
    icmp_id: int | None = None
    source_interface: str | None = field(kw_only=True)

    def __str__(self) -> str:
        name = PROTOCOLS.get(self.protocol, f"protocol {self.protocol}")
        if self.protocol in (6, 17):
            return f"{name} {self.src}:{self.src_port} -> {self.dst}:{self.dst_port}"
        kind = "" if self.icmp_type is None else f" type {self.icmp_type}"
        return f"{name}{kind} {self.src} -> {self.dst}"


@dataclass(frozen=True, slots=True)
class Sighting:
    """What one interface's flow log counts of a packet.

    ``src`` and ``dst`` are as the record shows them, ``pkt_src`` and ``pkt_dst`` as in the packet.
    """

    interface_id: str
    direction: Direction
    action: Action
    src: str
    dst: str
    pkt_src: str
    pkt_dst: str
    traffic_path: int | None = None
    reject_reason: str | None = None


@dataclass(frozen=True, slots=True)
class Hop:
    """One step of a packet's way, and what decided there.

    ``place`` is where (an interface, subnet or VPC id), ``decider`` the id of what decided (a security group, network
    ACL, route table, peering or gateway), ``rule`` the very rule if there is one, ``text`` the reason in words,
    ``considered`` the rules that were looked at when none allowed the packet.
    """

    kind: HopKind
    verdict: Verdict
    place: str
    decider: str
    text: str
    direction: Direction | None = None
    rule: AclEntry | GroupRule | Route | None = None
    considered: tuple[AclEntry | GroupRule | Route, ...] = ()

    def __str__(self) -> str:
        way = f" {self.direction}" if self.direction else ""
        return f"{SYMBOLS[self.verdict]} {self.verdict.upper():6} {self.place}{way}: {self.text}"

    def to_html(self) -> str:
        """One line of HTML, with the rules that were considered folded under it."""
        way = f" {self.direction}" if self.direction else ""
        line = (
            f'<span style="color:var(--jp-{_COLOURS[self.verdict]}-color0,inherit);font-weight:600">'
            f"{SYMBOLS[self.verdict]} {self.verdict.upper()}</span> "
            f"<code>{escape(self.place)}</code>{way}: {escape(self.text)}"
        )
        if not self.considered:
            return f"<div>{line}</div>"
        rules = "".join(f"<li>{escape(str(rule))}</li>" for rule in self.considered)
        return f"<details><summary>{line}</summary><ul>{rules}</ul></details>"


@dataclass(frozen=True, slots=True, repr=False)
class Trace:
    """One packet's way through the network.

    ``outcome`` is ``delivered`` (``destination_interface`` says where; None is the internet or a service of AWS),
    ``rejected`` (a group or ACL) or ``lost`` (routing). ``deciding`` is the hop that stopped the packet, None if it was
    delivered. ``sightings`` is what each interface's flow log must count.
    """

    outcome: Outcome
    hops: tuple[Hop, ...]
    deciding: Hop | None
    sightings: tuple[Sighting, ...]
    destination_interface: str | None = None

    def __str__(self) -> str:
        return "\n".join([*map(str, self.hops), self.summary])

    __repr__ = __str__

    @property
    def summary(self) -> str:
        """The outcome in one line."""
        if self.outcome == "delivered":
            return f"delivered to {self.destination_interface or 'its destination outside the VPCs'}"
        return f"{self.outcome} by {self.deciding.decider}" if self.deciding else self.outcome

    def _repr_html_(self) -> str:
        symbol = SYMBOLS[_VERDICTS[self.outcome]]
        hops = "".join(hop.to_html() for hop in self.hops)
        return (
            '<details open style="color:var(--jp-ui-font-color1,inherit)">'
            f"<summary>{symbol} {escape(self.summary)}</summary>"
            '<div style="border-left:2px solid var(--jp-border-color1,currentColor);padding-left:.8em">'
            f"{hops}</div></details>"
        )
