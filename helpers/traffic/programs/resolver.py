"""Names to addresses, as the VPC's own resolver answers them. These queries are never in a flow log."""

from ipaddress import IPv6Address

from helpers.traffic.machine import Machine
from helpers.traffic.shell.syntax import NotSimulatedError
from helpers.traffic.topology_facts import (
    amazon_dns,
    facts_of,
    find_interface,
    is_address,
    is_ipv6_address,
    private_name,
)

_NO_NAMES = (".example", ".test", ".invalid", ".localhost", ".internal", ".local", ".compute-1.amazonaws.com")
"""Ends of names that the real internet does not hold (RFC 6761), or that are computed here."""


def vpc_of(machine: Machine) -> str | None:
    """The VPC the machine is in; None for a computer outside."""
    interface = find_interface(machine.world.topology, machine.host.interface_id)
    return interface.vpc_id if interface is not None else None


def full_name(machine: Machine) -> str:
    """The host name that EC2 gives an instance by default: from its private address and Region."""
    region = facts_of(machine.world.topology, machine.host.interface_id).region or "us-east-1"
    domain = "ec2.internal" if region == "us-east-1" else f"{region}.compute.internal"
    return f"ip-{machine.host.address.replace('.', '-')}.{domain}"


def resolve(machine: Machine, name: str) -> str | None:
    """The IPv4 address of a name (or of an address of either family: itself), or None."""
    if is_address(name):
        return name
    if is_ipv6_address(name):
        return str(IPv6Address(name))
    if name.rstrip(".") in ("localhost", "localhost.localdomain"):
        return "127.0.0.1"
    return look_up(machine, name)


def look_up(machine: Machine, name: str) -> str | None:
    """What the resolver answers for a name: instances of the VPC, then the internet."""
    plain = name.rstrip(".").lower()
    address = private_name(machine.world.topology, plain, vpc_of(machine))
    return address if address is not None else outside_address(machine, plain)


def outside_address(machine: Machine, name: str) -> str | None:
    """What a resolver of the internet answers for a name; NotSimulatedError for one that may really exist."""
    plain = name.rstrip(".").lower()
    outside = machine.world.internet.named(plain)
    if outside is None and "." in plain and not plain.endswith((*_NO_NAMES, ".compute.amazonaws.com")):
        known = ", ".join(host.names[0] for host in machine.world.internet.hosts if host.names)
        raise NotSimulatedError(f"{name}: the sandbox's internet does not hold this name; it holds {known}")
    return outside.address if outside is not None else None


def own_resolvers(machine: Machine) -> frozenset[str]:
    """The addresses at which the machine's own VPC answers DNS queries, outside the flow logs."""
    vpc_id = vpc_of(machine)
    return amazon_dns(machine.world.topology, vpc_id) if vpc_id is not None else frozenset()
