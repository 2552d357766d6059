"""A network as one frozen value, with the time it was read."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from functools import cached_property
from typing import Any, Self, TypeVar

from helpers.network import describe
from helpers.network.addresses import parse_address
from helpers.network.model import (
    Instance,
    Interface,
    InternetGateway,
    NetworkAcl,
    Peering,
    PrefixList,
    RouteTable,
    SecurityGroup,
    Subnet,
    Vpc,
)

T = TypeVar("T")
_PAGES = (
    *("Vpcs", "Subnets", "RouteTables", "InternetGateways", "VpcPeeringConnections", "SecurityGroups"),
    *("NetworkAcls", "NetworkInterfaces", "Instances", "ManagedPrefixLists", "SecurityGroupRules"),
)


@dataclass(frozen=True)
class Topology:
    """Everything that decides about packets, as read at one time. Picklable; equal content is equal.

    What is worked out from it (numbers, sorted rules) is kept beside it and left behind when it is pickled.
    """

    read_at: datetime | None = None
    vpcs: tuple[Vpc, ...] = ()
    subnets: tuple[Subnet, ...] = ()
    route_tables: tuple[RouteTable, ...] = ()
    gateways: tuple[InternetGateway, ...] = ()
    peerings: tuple[Peering, ...] = ()
    groups: tuple[SecurityGroup, ...] = ()
    acls: tuple[NetworkAcl, ...] = ()
    interfaces: tuple[Interface, ...] = ()
    instances: tuple[Instance, ...] = ()
    prefix_lists: tuple[PrefixList, ...] = ()

    @classmethod
    def from_describe(cls, read_at: datetime | None = None, **pages: Sequence[describe.Page]) -> Self:
        """Build a topology from EC2's own replies, one keyword per reply key.

        ``Instances`` are flattened out of the reservations, ``ManagedPrefixLists`` have their entries under
        ``Entries``, and ``SecurityGroupRules`` are needed for rule ids only: see ``read_pages``. Each is a list of
        dicts as boto3 returns them; what is left out counts as empty. Raises ``TopologyError`` naming the item that
        cannot be read, or a keyword that is no reply key.
        """
        if unknown := sorted(set(pages) - set(_PAGES)):
            raise describe.TopologyError(f"{unknown[0]} is not a reply key; known are {', '.join(_PAGES)}")
        get = {key: list(pages.get(key) or ()) for key in _PAGES}
        read = describe.read_all
        lists = read("ManagedPrefixLists", get["ManagedPrefixLists"], "PrefixListId", describe.read_prefix_list)
        by_id = {prefix_list.id: prefix_list for prefix_list in lists}
        rule_ids = describe.index_rule_ids(get["SecurityGroupRules"])
        public = describe.index_public_addresses(get["Instances"])
        return cls(
            read_at,
            read("Vpcs", get["Vpcs"], "VpcId", describe.read_vpc),
            read("Subnets", get["Subnets"], "SubnetId", describe.read_subnet),
            read(
                "RouteTables",
                get["RouteTables"],
                "RouteTableId",
                lambda item: describe.read_route_table(item, by_id),
            ),
            read("InternetGateways", get["InternetGateways"], "InternetGatewayId", describe.read_gateway),
            read(
                "VpcPeeringConnections",
                [peering for peering in get["VpcPeeringConnections"] if _whole(peering)],
                "VpcPeeringConnectionId",
                describe.read_peering,
            ),
            read(
                "SecurityGroups",
                get["SecurityGroups"],
                "GroupId",
                lambda item: describe.read_group(item, by_id, rule_ids),
            ),
            read("NetworkAcls", get["NetworkAcls"], "NetworkAclId", describe.read_acl),
            read(
                "NetworkInterfaces",
                get["NetworkInterfaces"],
                "NetworkInterfaceId",
                lambda item: describe.read_interface(item, public),
            ),
            read("Instances", get["Instances"], "InstanceId", describe.read_instance),
            lists,
        )

    def __getstate__(self) -> dict[str, Any]:
        return {item.name: getattr(self, item.name) for item in fields(self)}

    @cached_property
    def _by_id(self) -> dict[str, Any]:
        everything = (
            *(self.vpcs, self.subnets, self.route_tables, self.gateways, self.peerings, self.groups),
            *(self.acls, self.interfaces, self.instances, self.prefix_lists),
        )
        return {item.id: item for part in everything for item in part}

    def vpc(self, vpc_id: str) -> Vpc:
        """The VPC with this id. Raises KeyError, like the other look-ups by id."""
        return self._get(vpc_id, Vpc)

    def subnet(self, subnet_id: str) -> Subnet:
        """The subnet with this id."""
        return self._get(subnet_id, Subnet)

    def interface(self, interface_id: str) -> Interface:
        """The interface with this id."""
        return self._get(interface_id, Interface)

    def instance(self, instance_id: str) -> Instance:
        """The instance with this id."""
        return self._get(instance_id, Instance)

    def group(self, group_id: str) -> SecurityGroup:
        """The security group with this id."""
        return self._get(group_id, SecurityGroup)

    def knows(self, resource_id: str) -> bool:
        """Whether anything has this id."""
        return resource_id in self._by_id

    def _get(self, key: str, kind: type[T]) -> T:
        resource = self._by_id.get(key)
        if not isinstance(resource, kind):
            raise KeyError(f"no {kind.__name__} {key} in this topology")
        return resource

    @cached_property
    def _interfaces_by_address(self) -> dict[int, tuple[Interface, ...]]:
        interfaces: dict[int, tuple[Interface, ...]] = {}
        for interface in self.interfaces:
            for address in {*interface.addresses, *(outside for _, outside in interface.public)}:
                number = parse_address(address)
                interfaces[number] = (*interfaces.get(number, ()), interface)
        return interfaces

    def interfaces_with(self, address: str) -> tuple[Interface, ...]:
        """The interfaces that hold an address, private, IPv6 or public. Raises ``AddressError``."""
        return self._interfaces_by_address.get(parse_address(address), ())

    def route_table_of(self, subnet_id: str) -> RouteTable | None:
        """The table in force for a subnet: its own if associated, else the VPC's main one."""
        vpc_id = self.subnet(subnet_id).vpc_id
        own = (table for table in self.route_tables if subnet_id in table.subnet_ids)
        main = (table for table in self.route_tables if table.main and table.vpc_id == vpc_id)
        return next(own, None) or next(main, None)

    def acl_of(self, subnet_id: str) -> NetworkAcl | None:
        """The network ACL in force for a subnet: its own if associated, else the VPC's default one."""
        vpc_id = self.subnet(subnet_id).vpc_id
        own = (acl for acl in self.acls if subnet_id in acl.subnet_ids)
        default = (acl for acl in self.acls if acl.default and acl.vpc_id == vpc_id)
        return next(own, None) or next(default, None)

    def is_nitro(self, interface_id: str) -> bool:
        """Whether the interface's instance is built on Nitro: windows of at most 60 s, paths 7 and 8."""
        instance = self._by_id.get(self.interface(interface_id).instance_id or "")
        return instance.nitro if isinstance(instance, Instance) else True

    def is_up(self, interface_id: str) -> bool:
        """Whether the interface is attached, and to a running instance if its instance is known."""
        interface = self.interface(interface_id)
        instance = self._by_id.get(interface.instance_id or "")
        return interface.attached and (not isinstance(instance, Instance) or instance.running)


def _whole(peering: describe.Page) -> bool:
    """A rejected or expired request may come without its VPCs; nothing can use it."""
    return all((peering.get(key) or {}).get("VpcId") for key in ("RequesterVpcInfo", "AccepterVpcInfo"))
