"""Which of EC2's describe calls make a topology. The sandbox makes them from inside, the lab by boto3."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from helpers.network.describe import Page

Describe = Callable[..., Iterable[Any]]
"""``describe(action, key, **params)``: everything that the action answers under a reply key, pages joined."""

_KEYS = (
    *("Vpcs", "Subnets", "RouteTables", "InternetGateways", "VpcPeeringConnections", "SecurityGroups"),
    *("SecurityGroupRules", "NetworkAcls", "NetworkInterfaces"),
)


def read_pages(describe: Describe, still: Mapping[str, list[Any]] | None = None) -> dict[str, list[Any]]:
    """A region's network in the plain shapes of EC2's replies: what ``Topology.from_describe`` takes.

    What ``still`` holds is not asked for again.
    """
    pages = dict(still or {})
    pages |= {key: list(describe(f"Describe{key}", key)) for key in _KEYS if key not in pages}
    if "Instances" not in pages:
        reservations = describe("DescribeInstances", "Reservations")
        pages["Instances"] = [instance for reservation in reservations for instance in reservation["Instances"]]
    pages["ManagedPrefixLists"] = list(_prefix_lists(describe, pages))
    return pages


def _prefix_lists(describe: Describe, pages: dict[str, list[Any]]) -> Iterator[Page]:
    """The prefix lists that a security group's rule or a route names, with their entries."""
    routes = (route for table in pages["RouteTables"] for route in table["Routes"])
    named = {rule.get("PrefixListId") for rule in pages["SecurityGroupRules"]}
    named |= {route.get("DestinationPrefixListId") for route in routes}
    if not named - {None}:
        return
    for item in describe("DescribeManagedPrefixLists", "PrefixLists"):
        if (list_id := item["PrefixListId"]) in named:
            yield item | {"Entries": list(describe("GetManagedPrefixListEntries", "Entries", PrefixListId=list_id))}
