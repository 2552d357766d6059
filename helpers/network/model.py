"""The parts of a VPC network as frozen values, named as AWS names them."""

import re
from dataclasses import dataclass, field
from typing import Literal

from helpers.network.addresses import Cidr

TargetKind = Literal["local", "internet gateway", "peering", "other"]

PROTOCOLS = {1: "icmp", 6: "tcp", 17: "udp", 58: "icmpv6"}
_REGION = re.compile(r"[a-z]{2}(?:-[a-z]+)+-\d+")
_PRE_NITRO = frozenset(
    (
        *("t1", "t2", "m1", "m2", "m3", "m4", "c1", "c3", "c4", "cc1", "cc2", "cg1", "cr1", "r3", "r4", "x1"),
        *("x1e", "i2", "i3", "d2", "h1", "hi1", "hs1", "f1", "g2", "g3", "g3s", "p2", "p3"),
    )
)


@dataclass(frozen=True, slots=True)
class Vpc:
    """A VPC with every associated block, the primary one first."""

    id: str
    cidrs: tuple[Cidr, ...]


@dataclass(frozen=True, slots=True)
class Subnet:
    """A subnet; ``az_id`` as in a record (``use1-az1``), ``zone`` as in calls (``us-east-1a``)."""

    id: str
    vpc_id: str
    cidrs: tuple[Cidr, ...]
    zone: str | None = None
    az_id: str | None = None
    account_id: str | None = None

    @property
    def region(self) -> str | None:
        """The Region, from the zone's name: ``us-west-2`` of ``us-west-2a`` and of Local Zone ``us-west-2-lax-1a``."""
        match = _REGION.match(self.zone or "")
        return match[0] if match else None


@dataclass(frozen=True, slots=True)
class PrefixList:
    """A managed prefix list. ``cidrs`` is None when its entries were not read."""

    id: str
    name: str
    cidrs: tuple[Cidr, ...] | None


@dataclass(frozen=True, slots=True)
class Route:
    """One route: where to (``destination`` as written: a block or a prefix list), by what, in which state."""

    table_id: str
    destination: str
    cidrs: tuple[Cidr, ...]
    target: str
    kind: TargetKind
    state: str = "active"

    def __str__(self) -> str:
        blackhole = " (blackhole)" if self.state == "blackhole" else ""
        return f"{self.destination} -> {self.target}{blackhole}"


@dataclass(frozen=True, slots=True)
class RouteTable:
    """A route table: the VPC's main one, or explicitly associated with ``subnet_ids``, or both."""

    id: str
    vpc_id: str
    main: bool
    subnet_ids: tuple[str, ...]
    routes: tuple[Route, ...]


@dataclass(frozen=True, slots=True)
class InternetGateway:
    """An internet gateway and the VPC it is attached to, if any."""

    id: str
    vpc_id: str | None


@dataclass(frozen=True, slots=True)
class Peering:
    """A VPC peering connection; only ``status == "active"`` carries packets."""

    id: str
    requester_vpc_id: str
    accepter_vpc_id: str
    status: str
    requester_region: str | None = None
    accepter_region: str | None = None

    @property
    def active(self) -> bool:
        """Whether it carries packets."""
        return self.status == "active"

    @property
    def within_region(self) -> bool:
        """Whether both VPCs are in one Region: only then may groups refer to each other."""
        return self.requester_region == self.accepter_region

    def other(self, vpc_id: str) -> str | None:
        """The VPC on the other side, or None if this VPC is on neither."""
        if vpc_id == self.requester_vpc_id:
            return self.accepter_vpc_id
        return self.requester_vpc_id if vpc_id == self.accepter_vpc_id else None


@dataclass(frozen=True, slots=True)
class GroupRule:
    """One allow rule of a security group, with one source (or destination).

    ``protocol`` None means all. ``from_port``..``to_port`` are ports, for ICMP type and code; -1 means all. ``source``
    is as written: a block, a group id or a prefix list id. ``id`` is known when ``SecurityGroupRules`` were read too.
    """

    group_id: str
    group_name: str
    egress: bool
    protocol: int | None
    from_port: int
    to_port: int
    source: str
    cidrs: tuple[Cidr, ...] = ()
    peer_group: str | None = None
    description: str = ""
    id: str | None = None

    @property
    def ports(self) -> str:
        """Protocol and ports in words: ``tcp 443``."""
        return describe_ports(self.protocol, self.from_port, self.to_port)

    @property
    def words(self) -> str:
        """What it allows, in words: ``tcp 443 from 10.1.0.0/16``. Two rules of a group with the same words are one."""
        return f"{self.ports} {'to' if self.egress else 'from'} {self.source}"

    def __str__(self) -> str:
        return f'{self.words} "{self.description}"' if self.description else self.words


@dataclass(frozen=True, slots=True)
class SecurityGroup:
    """A security group: allow rules only, each way."""

    id: str
    name: str
    vpc_id: str
    ingress: tuple[GroupRule, ...]
    egress: tuple[GroupRule, ...]


@dataclass(frozen=True, slots=True)
class AclEntry:
    """One numbered entry of a network ACL. Number 32767 is the final ``*``; ports as in ``GroupRule``."""

    acl_id: str
    number: int
    egress: bool
    allow: bool
    protocol: int | None
    cidr: Cidr | None
    from_port: int
    to_port: int

    @property
    def label(self) -> str:
        """The number as the console shows it."""
        return "*" if self.number >= 32767 else str(self.number)

    def __str__(self) -> str:
        verb = "allow" if self.allow else "deny"
        ports = describe_ports(self.protocol, self.from_port, self.to_port)
        where = f" {'to' if self.egress else 'from'} {self.cidr}" if self.cidr else ""
        return f"rule {self.label}: {verb} {ports}{where}"


@dataclass(frozen=True, slots=True)
class NetworkAcl:
    """A network ACL: entries of both directions in the order of their numbers."""

    id: str
    vpc_id: str
    default: bool
    subnet_ids: tuple[str, ...]
    entries: tuple[AclEntry, ...]


@dataclass(frozen=True, slots=True)
class Instance:
    """An instance: its state name and type."""

    id: str
    state: str
    type: str | None = None

    @property
    def running(self) -> bool:
        """Whether it sends and receives."""
        return self.state == "running"

    @property
    def nitro(self) -> bool:
        """Whether the type is built on Nitro (families before it are listed; AWS instance type pages)."""
        return not self.type or self.type.partition(".")[0] not in _PRE_NITRO


@dataclass(frozen=True, slots=True)
class Interface:
    """A network interface. ``private`` holds every private IPv4 address, the primary one first; ``public`` pairs a
    private address with the public one in front of it.
    """

    id: str
    vpc_id: str
    subnet_id: str
    private: tuple[str, ...]
    public: tuple[tuple[str, str], ...] = ()
    ipv6: tuple[str, ...] = ()
    group_ids: tuple[str, ...] = ()
    instance_id: str | None = None
    account_id: str | None = None
    type: str = "interface"
    attached: bool = field(default=True)

    @property
    def primary(self) -> str:
        """The address that records show for the interface's IPv4 traffic."""
        return self.private[0] if self.private else self.ipv6[0]

    @property
    def addresses(self) -> tuple[str, ...]:
        """Every address the interface itself holds (its public IPv4 addresses are the gateway's)."""
        return self.private + self.ipv6


def describe_ports(protocol: int | None, first: int, last: int) -> str:
    """Words for a protocol and its ports: ``tcp 443``, ``icmp type 8``, ``all traffic``."""
    if protocol is None:
        return "all traffic"
    name = PROTOCOLS.get(protocol, f"protocol {protocol}")
    if protocol in (1, 58):
        kind = "" if first == -1 else f" type {first}"
        return name + kind + ("" if first == -1 or last == -1 else f" code {last}")
    if protocol not in (6, 17):
        return name
    if first == -1 or (first, last) == (0, 65535):
        return f"{name} all ports"
    return f"{name} {first}" if first == last else f"{name} {first}-{last}"
