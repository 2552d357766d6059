"""What the lab's resources are called and how they are found again: by tag, never by memory."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

PROJECT = "vpc-flow-logs-workbook"
Client = Any


@dataclass(frozen=True)
class Kind:
    """How EC2 lists one kind of resource.

    ``method`` is the client's describe call, ``page`` the list in its reply, ``key`` the id in an item.
    """

    method: str
    page: str
    key: str
    gone: Callable[[Mapping[str, Any]], bool] = lambda item: False


def _terminated(item: Mapping[str, Any]) -> bool:
    return item["State"]["Name"] in ("terminated", "shutting-down")


def _unpeered(item: Mapping[str, Any]) -> bool:
    return item["Status"]["Code"] not in ("active", "provisioning", "pending-acceptance", "initiating-request")


KINDS: Mapping[str, Kind] = {
    "vpc": Kind("describe_vpcs", "Vpcs", "VpcId"),
    "subnet": Kind("describe_subnets", "Subnets", "SubnetId"),
    "internet-gateway": Kind("describe_internet_gateways", "InternetGateways", "InternetGatewayId"),
    "route-table": Kind("describe_route_tables", "RouteTables", "RouteTableId"),
    "vpc-peering-connection": Kind(
        "describe_vpc_peering_connections", "VpcPeeringConnections", "VpcPeeringConnectionId", _unpeered
    ),
    "security-group": Kind("describe_security_groups", "SecurityGroups", "GroupId"),
    "network-acl": Kind("describe_network_acls", "NetworkAcls", "NetworkAclId"),
    "network-interface": Kind("describe_network_interfaces", "NetworkInterfaces", "NetworkInterfaceId"),
    "instance": Kind("describe_instances", "Reservations", "InstanceId", _terminated),
    "vpc-flow-log": Kind("describe_flow_logs", "FlowLogs", "FlowLogId"),
}


def tags(prefix: str, name: str) -> list[dict[str, str]]:
    """The three tags that every resource of a lab carries."""
    return [
        {"Key": "Project", "Value": PROJECT},
        {"Key": "Lab", "Value": prefix},
        {"Key": "Name", "Value": f"{prefix}-{name}"},
    ]


def described(ec2: Client, kind: str, filters: Iterable[tuple[str, str]]) -> list[dict[str, Any]]:
    """All live resources of a kind that match all filters, over all pages."""
    how = KINDS[kind]
    wanted = [{"Name": name, "Values": [value]} for name, value in filters]
    argument = "Filter" if kind == "vpc-flow-log" else "Filters"
    items: list[dict[str, Any]] = []
    for page in ec2.get_paginator(how.method).paginate(**{argument: wanted}):
        if kind == "instance":
            items += [instance for entry in page[how.page] for instance in entry["Instances"]]
        else:
            items += page[how.page]
    return [item for item in items if not how.gone(item)]
