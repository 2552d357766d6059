"""What goes wrong inside moto, mended there: part of the adapter, see :mod:`helpers.sandbox.moto_adapter`."""

from collections.abc import Iterator
from itertools import islice
from typing import Any

from moto import settings
from moto.ec2 import exceptions
from moto.ec2.exceptions import EC2ClientError
from moto.ec2.models import elastic_ip_addresses, elastic_network_interfaces, route_tables, subnets, vpcs
from moto.ec2.utils import EC2_PREFIX_TO_RESOURCE
from moto.moto_api._internal import mock_random

_IN_SERVICE = ("pending", "running")
_create_vpc: Any = vpcs.VPCBackend.create_vpc


def apply() -> None:
    """Put the mended parts in place. Safe to call again."""
    # Set here as well, for a process that imported moto before the environment was set.
    options: Any = settings
    options.ENABLE_AMI_VALIDATION = options.EC2_ENABLE_INSTANCE_TYPE_VALIDATION = True
    interfaces: Any = elastic_network_interfaces
    addresses: Any = elastic_ip_addresses
    interfaces.random_public_ip = addresses.random_ip = _documentation_address
    interfaces.NetworkInterface.group_set = property(_groups)
    tables: Any = route_tables
    tables.Route.state = property(_route_state)
    networks: Any = subnets
    networks.Subnet.get_available_subnet_ip = _next_address
    blocks = networks.Subnet.ipv6_cidr_block_association_set
    networks.Subnet.ipv6_cidr_block_association_set = property(lambda subnet: _states_as_words(blocks.fget(subnet)))
    # DescribeTags and its filter resource-type speak of a flow log as EC2 does.
    EC2_PREFIX_TO_RESOURCE["fl"] = "vpc-flow-log"
    errors: Any = exceptions
    errors.InvalidVPCIdError.__init__ = _unknown_vpc
    backend: Any = vpcs.VPCBackend
    backend.create_vpc = _vpc_with_talking_members


def _documentation_address() -> str:
    """Public addresses come from the networks that are reserved for documentation (RFC 5737)."""
    network = mock_random.choice(["198.51.100", "203.0.113"])
    return f"{network}.{mock_random.randint(20, 250)}"


def _states_as_words(associations: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """moto wraps the state of a subnet's IPv6 block twice, so that its text is a Python dict's."""
    for one in associations:
        state = one["ipv6CidrBlockState"]["state"]
        one["ipv6CidrBlockState"] = {"state": state["State"] if isinstance(state, dict) else state}
    return associations


def _unknown_vpc(error: Any, vpc_id: Any) -> None:
    """moto prints the set of unknown ids as Python does."""
    ids = ", ".join(sorted(vpc_id)) if isinstance(vpc_id, set) else vpc_id
    EC2ClientError.__init__(error, "InvalidVpcID.NotFound", f"The vpc ID '{ids}' does not exist")


def _vpc_with_talking_members(backend: Any, *args: Any, **kwargs: Any) -> Any:
    """A VPC's default group lets its own members in, as AWS makes it; moto's lets in nobody."""
    vpc = _create_vpc(backend, *args, **kwargs)
    group_id = backend.get_security_group_from_name("default", vpc_id=vpc.id).id
    members = [{"GroupId": group_id}]
    backend.authorize_security_group_ingress(group_id, "-1", None, None, [], source_groups=members, vpc_id=vpc.id)
    return vpc


def _groups(interface: Any) -> list[Any]:
    """An interface's own security groups, in order.

    moto joins them with the instance's in a set: a group taken off the interface stays, and the order changes from
    one process to the next.
    """
    return list(interface._group_set)


def _route_state(route: Any) -> str:
    """``blackhole`` where what a route points to is gone or out of service; moto calls every route active."""
    backend = route.route_table.ec2_backend
    if route.vpc_pcx is not None:
        reachable = route.vpc_pcx._status.code in ("active", "provisioning")
    elif route.interface is not None:
        holder = route.interface.instance
        reachable = route.interface.id in backend.enis and (holder is None or holder._state.name in _IN_SERVICE)
    elif route.instance is not None:
        reachable = route.instance._state.name in _IN_SERVICE
    elif getattr(route.gateway, "id", "").startswith("igw-"):
        attached = route.gateway.vpc
        reachable = attached is not None and attached.id == route.route_table.vpc_id
    else:
        reachable = True
    return "active" if reachable else "blackhole"


def free_addresses(subnet: Any) -> Iterator[str]:
    """A subnet's addresses that nothing holds, lowest first; AWS keeps the first four and the last of each subnet."""
    held = {address for interface in subnet.ec2_backend.enis.values() for address in addresses_of(interface)}
    for host in islice(subnet.cidr.hosts(), 3, None):
        if str(host) not in held and str(host) not in subnet._subnet_ips:
            yield str(host)


def addresses_of(interface: Any) -> list[str]:
    """An interface's private addresses."""
    return [str(each["PrivateIpAddress"]) for each in interface.private_ip_addresses]


def _next_address(subnet: Any, instance: Any) -> str:
    """moto takes freed addresses in an order that changes from one process to the next."""
    address = next(free_addresses(subnet), None)
    if address is None:
        raise EC2ClientError(
            "InsufficientFreeAddressesInSubnet",
            f"Not enough free addresses in subnet '{subnet.id}' to satisfy the requested number of instances.",
        )
    subnet._subnet_ips[address] = instance
    subnet._unused_ips.discard(address)
    return address
