"""What the pictures of a network show: its parts in the order in which they are drawn, and what they are called."""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from helpers.network import Interface, Peering, Route, Subnet, Topology, Vpc

if TYPE_CHECKING:
    import pandas as pd

_ID = re.compile(r"[a-z]+-[0-9a-z-]*[0-9a-z]")


@dataclass(frozen=True, slots=True)
class Names:
    """What to call a resource: its name where it has one, else its id."""

    names: Mapping[str, str]

    def of(self, resource_id: str) -> str:
        return self.names.get(resource_id, resource_id)

    def both(self, resource_id: str) -> str:
        name = self.names.get(resource_id)
        return f"{name} ({resource_id})" if name else resource_id

    def within(self, text: str) -> str:
        """The text with names in the place of the ids that it mentions."""
        return _ID.sub(lambda match: self.of(match[0]), text)


def names_with(table: "pd.DataFrame", names: Mapping[str, str] | None) -> Names:
    """These names, and those of a table's column ``instance``: of the instance whose interface wrote a row."""
    told: dict[str, str] = {}
    if "instance" in table.columns:
        pairs = table[["interface_id", "instance"]].dropna().drop_duplicates()
        told = {str(key): str(name) for key, name in pairs.itertuples(index=False) if name not in ("", "nan")}
    return Names({**told, **(names or {})})


def vpcs_in_order(topology: Topology, vpcs: Collection[str] | None) -> list[Vpc]:
    """The VPCs with these ids, all when None, by their first address. Raises ``KeyError`` for an unknown one."""
    wanted = [topology.vpc(vpc_id) for vpc_id in (vpcs if vpcs is not None else [vpc.id for vpc in topology.vpcs])]
    return sorted(wanted, key=lambda vpc: (vpc.cidrs[0].first if vpc.cidrs else 0, vpc.id))


def subnets_of(topology: Topology, vpc: Vpc) -> list[Subnet]:
    mine = [subnet for subnet in topology.subnets if subnet.vpc_id == vpc.id]
    return sorted(mine, key=lambda subnet: (subnet.cidrs[0].first if subnet.cidrs else 0, subnet.id))


def interfaces_of(topology: Topology, subnet: Subnet) -> list[Interface]:
    mine = [interface for interface in topology.interfaces if interface.subnet_id == subnet.id]
    return sorted(
        mine,
        key=lambda interface: (
            tuple(int(part) for part in interface.private[0].split(".")) if interface.private else (),
            interface.id,
        ),
    )


def routes_of(topology: Topology, subnet: Subnet) -> list[Route]:
    table = topology.route_table_of(subnet.id)
    kinds = ("local", "peering", "internet gateway", "other")
    return sorted(table.routes, key=lambda route: (kinds.index(route.kind), route.destination)) if table else []


def is_public(topology: Topology, subnet: Subnet) -> bool:
    return any(route.kind == "internet gateway" and route.state == "active" for route in routes_of(topology, subnet))


def gateways_of(topology: Topology, vpc: Vpc) -> list[str]:
    return sorted(gateway.id for gateway in topology.gateways if gateway.vpc_id == vpc.id)


def peerings_between(topology: Topology, vpcs: list[Vpc]) -> list[Peering]:
    ids = {vpc.id for vpc in vpcs}
    between = [peering for peering in topology.peerings if {peering.requester_vpc_id, peering.accepter_vpc_id} <= ids]
    return sorted(
        (peering for peering in between if peering.status not in ("deleted", "failed", "rejected", "expired")),
        key=lambda peering: peering.id,
    )


def instance_of(topology: Topology, interface: Interface, names: Names) -> tuple[str, str]:
    """Name and state of what an interface belongs to."""
    if interface.instance_id is None:
        return names.of(interface.id), "no instance"
    state = topology.instance(interface.instance_id).state if topology.knows(interface.instance_id) else "not read"
    return names.of(interface.instance_id), state


def interface_name(interface: Interface, names: Names) -> str:
    """What to call an interface: its own name, else its instance's, else its id."""
    name = names.of(interface.id)
    return names.of(interface.instance_id) if name == interface.id and interface.instance_id else name


def groups_of(topology: Topology, interface: Interface, names: Names) -> list[str]:
    """What to call an interface's groups: by these names, else by the groups' own, else by their ids."""
    own = {group: topology.group(group).name if topology.knows(group) else group for group in interface.group_ids}
    return [names.names.get(group, name) for group, name in own.items()] or ["none"]


def target_of(route: Route, names: Names) -> str:
    return "local" if route.kind == "local" else names.of(route.target)


def acl_of(topology: Topology, subnet: Subnet, names: Names) -> str:
    acl = topology.acl_of(subnet.id)
    if acl is None:
        return "not read"
    return f"{names.of(acl.id)}, the VPC's default" if acl.default else f"{names.of(acl.id)}, its own"


def cidrs_of(of: Vpc | Subnet) -> str:
    return ", ".join(str(cidr) for cidr in of.cidrs)
