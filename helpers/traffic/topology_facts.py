"""What this room needs to know of a topology: addresses, names, windows, and the fields that a record takes from it."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import AddressValueError, IPv4Address, IPv4Network, IPv6Address

from helpers.network import Interface, Topology
from helpers.traffic.internet import Internet

NITRO_WINDOW = 60
"""Seconds: the longest aggregation interval of a Nitro instance's interface, whatever was asked (CreateFlowLogs)."""

_PRIVATE_NAME = re.compile(r"ip-(\d+)-(\d+)-(\d+)-(\d+)(\.ec2\.internal|\.[a-z0-9-]+\.compute\.internal)?")
_PUBLIC_NAME = re.compile(r"ec2-(\d+)-(\d+)-(\d+)-(\d+)\.(compute-1|[a-z0-9-]+\.compute)\.amazonaws\.com")
_LINK_LOCAL = IPv4Network("169.254.0.0/16")
_UNLOGGED_DHCP = frozenset((67, 68))


@dataclass(frozen=True, slots=True)
class Facts:
    """What every record of an interface says about where it is; None is ``-``."""

    account_id: str | None
    vpc_id: str | None
    subnet_id: str | None
    instance_id: str | None
    region: str | None
    az_id: str | None


def facts_of(topology: Topology, interface_id: str) -> Facts:
    """The record fields of an interface; all None when the topology does not know it (it was deleted since)."""
    interface = find_interface(topology, interface_id)
    if interface is None:
        return Facts(None, None, None, None, None, None)
    subnet = topology.subnet(interface.subnet_id)
    account = interface.account_id or subnet.account_id
    return Facts(account, interface.vpc_id, subnet.id, interface.instance_id, subnet.region, subnet.az_id)


def services_of(topology: Topology, internet: Internet) -> dict[str, str]:
    """The subset of AWS's address ranges behind each address that is in one (ip-ranges.json): hosts of the internet
    that say so, and the public IPv4 addresses of instances, which are EC2's.
    """
    own = {public: "EC2" for interface in topology.interfaces for _, public in interface.public}
    return own | {host.address: host.aws_service for host in internet.hosts if host.aws_service}


def find_interface(topology: Topology, interface_id: str) -> Interface | None:
    """The interface with this id, or None."""
    try:
        return topology.interface(interface_id)
    except KeyError:
        return None


def public_address(topology: Topology, interface_id: str, private: str) -> str | None:
    """The public IPv4 address in front of a private one, or None."""
    interface = find_interface(topology, interface_id)
    return dict(interface.public).get(private) if interface is not None else None


def window_lengths(topology: Topology, max_aggregation_interval: int | Mapping[str, int] = 600) -> dict[str, int]:
    """Seconds of a window per interface: at most 60 on Nitro types, ``MaxAggregationInterval`` elsewhere.

    ``max_aggregation_interval`` is 60 or 600 seconds, for all interfaces or per interface id. Raises ValueError for an
    interval that CreateFlowLogs does not know.
    """
    lengths = {}
    for interface in topology.interfaces:
        asked = max_aggregation_interval
        seconds = asked if isinstance(asked, int) else asked.get(interface.id, 600)
        if seconds not in (60, 600):
            raise ValueError(f"MaxAggregationInterval is 60 or 600 seconds, not {seconds}")
        lengths[interface.id] = min(seconds, NITRO_WINDOW) if topology.is_nitro(interface.id) else seconds
    return lengths


# --- addresses that are served on the host itself, and never logged ---------------------------------------------


def amazon_dns(topology: Topology, vpc_id: str) -> frozenset[str]:
    """The addresses of a VPC's resolver: base + 2 of every block of the VPC, and 169.254.169.253."""
    blocks = topology.vpc(vpc_id).cidrs
    return frozenset({"169.254.169.253", *(str(IPv4Network(b.text)[2]) for b in blocks if not b.is_ipv6)})


@lru_cache(maxsize=1 << 16)
def is_link_local(address: str) -> bool:
    """Whether an address is 169.254.x.x: metadata, time sync, resolver, licence activation."""
    return address.startswith("169.254.") and IPv4Address(address) in _LINK_LOCAL


@dataclass(frozen=True, slots=True)
class Unlogged:
    """Recognises what flow logs never show for the interfaces of one subnet (AWS: "Flow log limitations").

    ``services`` are the resolver's addresses and the subnet's reserved router address.
    """

    services: frozenset[str]

    def hides(self, src: str, dst: str, protocol: int, ports: tuple[int, int]) -> bool:
        """Whether a packet between these two ends is left out."""
        if is_link_local(src) or is_link_local(dst) or src in self.services or dst in self.services:
            return True
        return protocol == 17 and set(ports) <= _UNLOGGED_DHCP


def unlogged_for(topology: Topology, interface_id: str) -> Unlogged:
    """What is never logged at an interface: Amazon DNS, link-local services, DHCP, the VPC router."""
    interface = find_interface(topology, interface_id)
    if interface is None:
        return Unlogged(frozenset())
    routers = (str(IPv4Network(c.text)[1]) for c in topology.subnet(interface.subnet_id).cidrs if not c.is_ipv6)
    return Unlogged(amazon_dns(topology, interface.vpc_id) | frozenset(routers))


def is_ipv6_address(text: str) -> bool:
    """Whether text is an IPv6 address without a zone."""
    try:
        IPv6Address(text)
    except (AddressValueError, ValueError):
        return False
    return "%" not in text


# --- names ------------------------------------------------------------------------------------------------------


def is_address(text: str) -> bool:
    """Whether text is an IPv4 address."""
    try:
        IPv4Address(text)
    except (AddressValueError, ValueError):
        return False
    return True


def private_name(topology: Topology, name: str, vpc_id: str | None) -> str | None:
    """The address behind an instance's DNS name as the VPC's resolver tells it, or None.

    Private names (``ip-10-1-0-10.ec2.internal``) resolve inside their own VPC; public ones resolve to the private
    address inside the VPC and to the public one elsewhere.
    """
    match = _PRIVATE_NAME.fullmatch(name)
    if match is not None:
        address = ".".join(match.group(1, 2, 3, 4))
        return address if any(holder.vpc_id == vpc_id for holder in _holders(topology, address)) else None
    match = _PUBLIC_NAME.fullmatch(name)
    if match is None:
        return None
    address = ".".join(match.group(1, 2, 3, 4))
    for holder in _holders(topology, address):
        for private, public in holder.public:
            if public == address:
                return private if holder.vpc_id == vpc_id else public
    return None


def _holders(topology: Topology, address: str) -> Iterable[Interface]:
    return topology.interfaces_with(address) if is_address(address) else ()
