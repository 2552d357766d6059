"""A region's network as a value, read from the account's own describe calls."""

from collections.abc import Mapping
from typing import Any

from helpers.network import Topology
from helpers.sandbox.calls import Account
from helpers.sandbox.icmp_entries import restore

_PAGES = (
    ("DescribeVpcs", "Vpcs"),
    ("DescribeSubnets", "Subnets"),
    ("DescribeRouteTables", "RouteTables"),
    ("DescribeInternetGateways", "InternetGateways"),
    ("DescribeVpcPeeringConnections", "VpcPeeringConnections"),
    ("DescribeSecurityGroups", "SecurityGroups"),
    ("DescribeSecurityGroupRules", "SecurityGroupRules"),
    ("DescribeNetworkAcls", "NetworkAcls"),
    ("DescribeNetworkInterfaces", "NetworkInterfaces"),
)

_topologies: dict[tuple[int, str], tuple[int, Topology]] = {}
"""The newest reading of each region; a cache, so it is no part of any account's state."""


def topology(account: Account, region: str) -> Topology:
    """The region's network as it is now."""
    key, version = (id(account), region), account.network_version
    known = _topologies.get(key)
    if known is None or known[0] != version:
        known = _topologies[key] = (version, Topology.from_describe(None, **_pages(account, region)))
    return known[1]


def _pages(account: Account, region: str) -> Mapping[str, list[Any]]:
    pages: dict[str, list[Any]] = {key: account.aws("ec2", action, region)[key] for action, key in _PAGES}
    restore(account, region, pages["NetworkAcls"])
    reservations = account.aws("ec2", "DescribeInstances", region)["Reservations"]
    pages["Instances"] = [instance for entry in reservations for instance in entry["Instances"]]
    named = {rule["PrefixListId"] for rule in pages["SecurityGroupRules"] if rule.get("PrefixListId")}
    if named:
        lists = account.aws("ec2", "DescribeManagedPrefixLists", region)["PrefixLists"]
        pages["ManagedPrefixLists"] = [
            item | account.aws("ec2", "GetManagedPrefixListEntries", region, PrefixListId=item["PrefixListId"])
            for item in lists
            if item["PrefixListId"] in named
        ]
    return pages
