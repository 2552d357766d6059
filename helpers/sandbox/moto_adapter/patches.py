"""What goes wrong inside moto, fixed there: part of the adapter, see :mod:`helpers.sandbox.moto_adapter`."""

import sys
from collections.abc import Iterator
from functools import cache
from itertools import islice
from typing import Any

from botocore.loaders import create_loader
from moto import settings
from moto.ec2 import exceptions
from moto.ec2.exceptions import EC2ClientError
from moto.ec2.models import (
    availability_zones_and_regions,
    elastic_ip_addresses,
    elastic_network_interfaces,
    route_tables,
    security_groups,
    subnets,
    vpcs,
)
from moto.ec2.responses import EC2Response
from moto.ec2.utils import EC2_PREFIX_TO_RESOURCE
from moto.moto_api._internal import mock_random

_create_vpc: Any = vpcs.VPCBackend.create_vpc
_delete_vpc: Any = vpcs.VPCBackend.delete_vpc
_create_default_vpc: Any = vpcs.VPCBackend.create_default_vpc
_asked: Any = EC2Response._get_param


def apply() -> None:
    """Put the fixed parts in place. Safe to call again."""
    # Set here as well, for a process that imported moto before the environment was set.
    options: Any = settings
    options.ENABLE_AMI_VALIDATION = options.EC2_ENABLE_INSTANCE_TYPE_VALIDATION = True
    options.S3_IGNORE_SUBDOMAIN_BUCKETNAME = True
    interfaces: Any = elastic_network_interfaces
    addresses: Any = elastic_ip_addresses
    interfaces.random_public_ip = addresses.random_ip = _documentation_address
    interfaces.NetworkInterface.group_set = property(_groups)
    tables: Any = route_tables
    tables.Route.state = property(_route_state)
    tables.RouteTable.propagating_vgws = ()
    networks: Any = subnets
    networks.Subnet.get_available_subnet_ip = _next_address
    blocks = networks.Subnet.ipv6_cidr_block_association_set
    networks.Subnet.ipv6_cidr_block_association_set = property(lambda subnet: _states_as_words(blocks.fget(subnet)))
    _complete_zones_and_rules()
    # DescribeTags and its filter resource-type speak of these as EC2 does.
    EC2_PREFIX_TO_RESOURCE.update(fl="vpc-flow-log", eipalloc="elastic-ip", pl="prefix-list")
    errors: Any = exceptions
    errors.InvalidVPCIdError.__init__ = _unknown_vpc
    responses: Any = EC2Response
    responses._get_param = _asked_in_one_page
    backend: Any = vpcs.VPCBackend
    backend.create_vpc = _vpc_with_talking_members
    backend.delete_vpc = _vpc_deleted_alone
    backend.create_default_vpc = _default_vpc_with_a_way_out


def _complete_zones_and_rules() -> None:
    """Members that AWS's replies have and moto's lack (recorded in the public tests of localstack/localstack)."""
    zones: Any = availability_zones_and_regions.Zone
    zones.opt_in_status = "opt-in-not-required"
    zones.group_name = property(lambda zone: f"{zone.region_name}-zg-1")
    zones.group_long_name = property(lambda zone: f"{_names_of_regions().get(zone.region_name, zone.region_name)} 1")
    zones.network_border_group = property(lambda zone: zone.region_name)
    rules: Any = security_groups.SecurityGroupRule
    rules.group_owner_id = property(lambda rule: rule.owner_id)
    rules.security_group_rule_arn = property(
        lambda rule: f"arn:aws:ec2:{rule.ec2_backend.region_name}:{rule.owner_id}:security-group-rule/{rule.id}"
    )


@cache
def _names_of_regions() -> dict[str, str]:
    """``us-east-1`` is "US East (N. Virginia)"; from botocore's list of endpoints."""
    partitions = create_loader().load_data("endpoints")["partitions"]
    return {name: region["description"] for partition in partitions for name, region in partition["regions"].items()}


def _asked_in_one_page(response: Any, name: str, if_none: Any = None) -> Any:
    """moto gives a few lists in pages of its own, also where nobody asks for pages.

    And it has no answer to a new tag that is only a key, whose value is empty.
    """
    if name in ("MaxResults", "MaxItems"):
        return sys.maxsize
    if name == "Tags" and response._get_action() == "CreateTags":
        return [{"Value": "", **tag} for tag in _asked(response, name, [])]
    return None if name == "NextToken" else _asked(response, name, if_none)


def _documentation_address() -> str:
    """Public addresses come from the networks that are reserved for documentation (RFC 5737)."""
    network = mock_random.choice(["198.51.100", "203.0.113"])
    return f"{network}.{mock_random.randint(20, 250)}"


def _states_as_words(associations: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """moto wraps the state of a subnet's IPv6 block twice, so that its text is a Python dict's."""
    for association in associations:
        state = association["ipv6CidrBlockState"]["state"]
        association["ipv6CidrBlockState"] = {"state": state["State"] if isinstance(state, dict) else state}
    return associations


def _unknown_vpc(error: Any, vpc_id: Any) -> None:
    """moto prints the set of unknown ids as Python does."""
    ids = ", ".join(sorted(vpc_id)) if isinstance(vpc_id, set) else vpc_id
    EC2ClientError.__init__(error, "InvalidVpcID.NotFound", f"The vpc ID '{ids}' does not exist")


def _vpc_with_talking_members(backend: Any, *args: Any, **kwargs: Any) -> Any:
    """A VPC's default group lets its own members in, as AWS makes it; moto's lets in nothing."""
    vpc = _create_vpc(backend, *args, **kwargs)
    _give_default_options(backend, vpc)
    group_id = backend.get_security_group_from_name("default", vpc_id=vpc.id).id
    members = [{"GroupId": group_id}]
    backend.authorize_security_group_ingress(group_id, "-1", None, None, [], source_groups=members, vpc_id=vpc.id)
    return vpc


def _give_default_options(backend: Any, vpc: Any) -> None:
    """Each VPC has its Region's default set of DHCP options; its id is drawn aside, too."""
    if not backend.dhcp_options_sets:
        draws = mock_random.getstate()
        region = backend.region_name
        name = "ec2.internal" if region == "us-east-1" else f"{region}.compute.internal"
        backend.create_dhcp_options(domain_name_servers=["AmazonProvidedDNS"], domain_name=[name])
        mock_random.setstate(draws)
    vpc.dhcp_options = next(iter(backend.dhcp_options_sets.values()))
    vpc.dhcp_options.vpc = vpc


def _vpc_deleted_alone(backend: Any, vpc_id: str) -> Any:
    """moto deletes a VPC's set of DHCP options with it."""
    backend.get_vpc(vpc_id).dhcp_options = None
    return _delete_vpc(backend, vpc_id)


def _default_vpc_with_a_way_out(backend: Any) -> Any:
    """A default VPC has an internet gateway and a route to it, as AWS makes it; moto's has neither.

    The gateway's id is drawn aside, so that no id drawn after it is another than without it.
    """
    vpc = _create_default_vpc(backend)
    draws = mock_random.getstate()
    gateway_id = backend.create_internet_gateway().id
    mock_random.setstate(draws)
    backend.attach_internet_gateway(gateway_id, vpc.id)
    main = next(table for table in backend.route_tables.values() if table.vpc_id == vpc.id)
    backend.create_route(main.id, "0.0.0.0/0", gateway_id=gateway_id)
    return vpc


def _groups(interface: Any) -> list[Any]:
    """An interface's own security groups, in order.

    moto joins them with the instance's in a set: a group taken off the interface stays, and the order changes from one
    process to the next.
    """
    return list(interface._group_set)


def _route_state(route: Any) -> str:
    """``blackhole`` where what a route points to is gone or out of service; moto calls every route active."""
    if route.vpc_pcx is not None:
        reachable = route.vpc_pcx._status.code in ("active", "provisioning")
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
    return [str(assigned["PrivateIpAddress"]) for assigned in interface.private_ip_addresses]


def _next_address(subnet: Any, instance: Any) -> str:
    """moto takes freed addresses in an order that changes from one process to the next."""
    address = next(free_addresses(subnet), None)
    if address is None:
        raise EC2ClientError(
            "InsufficientFreeAddressesInSubnet",
            f"There are not enough free addresses in subnet '{subnet.id}' to satisfy the requested number of "
            "instances.",
        )
    subnet._subnet_ips[address] = instance
    subnet._unused_ips.discard(address)
    return address
