"""What the lab's resources are called and how they are found again: by tag, never by memory."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

PROJECT = "vpc-flow-logs-workbook"
Client = Any
Filter = dict[str, Any]


@dataclass(frozen=True)
class ResourceKind:
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


KINDS: Mapping[str, ResourceKind] = {
    "vpc": ResourceKind("describe_vpcs", "Vpcs", "VpcId"),
    "subnet": ResourceKind("describe_subnets", "Subnets", "SubnetId"),
    "internet-gateway": ResourceKind("describe_internet_gateways", "InternetGateways", "InternetGatewayId"),
    "route-table": ResourceKind("describe_route_tables", "RouteTables", "RouteTableId"),
    "vpc-peering-connection": ResourceKind(
        "describe_vpc_peering_connections", "VpcPeeringConnections", "VpcPeeringConnectionId", _unpeered
    ),
    "security-group": ResourceKind("describe_security_groups", "SecurityGroups", "GroupId"),
    "network-acl": ResourceKind("describe_network_acls", "NetworkAcls", "NetworkAclId"),
    "network-interface": ResourceKind("describe_network_interfaces", "NetworkInterfaces", "NetworkInterfaceId"),
    "instance": ResourceKind("describe_instances", "Reservations", "InstanceId", _terminated),
    "vpc-flow-log": ResourceKind("describe_flow_logs", "FlowLogs", "FlowLogId"),
    "elastic-ip": ResourceKind("describe_addresses", "Addresses", "AllocationId"),
}


def tags(prefix: str, name: str) -> list[dict[str, str]]:
    """The three tags that every resource of a lab carries."""
    return [
        {"Key": "Project", "Value": PROJECT},
        {"Key": "Lab", "Value": prefix},
        {"Key": "Name", "Value": f"{prefix}-{name}"},
    ]


def tag_filters(prefix: str, name: str = "") -> list[Filter]:
    """EC2's filters for what carries a lab's tags: ``Project`` and ``Lab``, and with ``name`` all three.

    ``Lab`` alone is not enough: in a shared account it is a common tag, and "demo" a common value.
    """
    wanted = tags(prefix, name)[: 3 if name else 2]
    return [{"Name": f"tag:{tag['Key']}", "Values": [tag["Value"]]} for tag in wanted]


def tag_values(item: Mapping[str, Any]) -> dict[str, str]:
    """``{key: value}`` of EC2's and IAM's list of tags, which network interfaces call ``TagSet``."""
    return {tag["Key"]: tag["Value"] for tag in item.get("Tags") or item.get("TagSet") or []}


def is_tagged(tags: Mapping[str, str], prefix: str) -> bool:
    """Whether these are the tags of the lab ``prefix``: both values equal, not merely alike."""
    return tags.get("Project") == PROJECT and tags.get("Lab") == prefix


def paged(client: Client, call: str, part: str, **arguments: Any) -> list[Any]:
    """What a paged call has under the name ``part``, over all pages."""
    return [item for page in client.get_paginator(call).paginate(**arguments) for item in page[part]]


def described(ec2: Client, kind: str, filters: list[Filter], *, ended: bool = False) -> list[dict[str, Any]]:
    """All resources of a kind that match all filters, over all pages; with ``ended``, those that are ending too."""
    how = KINDS[kind]
    asked = {"Filter" if kind == "vpc-flow-log" else "Filters": filters}
    # DescribeAddresses answers in one page.
    if ec2.can_paginate(how.method):
        items = paged(ec2, how.method, how.page, **asked)
    else:
        items = getattr(ec2, how.method)(**asked)[how.page]
    if kind == "instance":
        items = [instance for entry in items for instance in entry["Instances"]]
    # A server that takes no notice of a filter must not make a neighbour's resource the lab's own.
    tags = {each["Name"][4:]: each["Values"] for each in filters if each["Name"].startswith("tag:")}
    return [item for item in items if (ended or not how.gone(item)) and _has(item, tags)]


def _has(item: Mapping[str, Any], tags: Mapping[str, Any]) -> bool:
    carried = tag_values(item)
    return all(carried.get(key) in values for key, values in tags.items())
