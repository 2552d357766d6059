"""A small lab: two peered VPCs, a client with two neighbours, a server, an internet gateway."""

from typing import Any

from helpers.network import Topology
from tests.support.two_vpcs import EVERYWHERE, Machine, Page, acl_entry, route_table, security_group, two_vpcs

CLIENT, NEIGHBOUR, OTHER_SUBNET, SERVER = "10.1.1.10", "10.1.1.11", "10.1.2.10", "10.2.1.10"
PUBLIC = "198.51.100.10"
INTERNET = "203.0.113.7"


class Lab:
    """The pages of the lab, to be changed before `topology`."""

    def __init__(self) -> None:
        self.pages = two_vpcs(
            {"a1": ("a", "10.1.1.0/24"), "a2": ("a", "10.1.2.0/24"), "b1": ("b", "10.2.1.0/24")},
            {"a": [("10.2.0.0/16", "pcx-ab"), (EVERYWHERE, "igw-a")], "b": [("10.1.0.0/16", "pcx-ab")]},
            [security_group("sg-client", "a", []), security_group("sg-server", "b", [])],
            {
                "client": Machine(CLIENT, "a1", ("sg-client",), PUBLIC),
                "neighbour": Machine(NEIGHBOUR, "a1", ("sg-client",)),
                "other": Machine(OTHER_SUBNET, "a2", ("sg-client",)),
                "server": Machine(SERVER, "b1", ("sg-server",)),
            },
            main=True,
            gateways="a",
        )

    def find(self, key: str, name: str) -> Page:
        """The item of a page that has this id."""
        return next(
            item for item in self.pages[key] if name in (value for value in item.values() if isinstance(value, str))
        )

    def ingress(self, group: str, *permissions: Page) -> "Lab":
        """Replace a group's ingress permissions."""
        self.find("SecurityGroups", group)["IpPermissions"] = list(permissions)
        return self

    def egress(self, group: str, *permissions: Page) -> "Lab":
        """Replace a group's egress permissions."""
        self.find("SecurityGroups", group)["IpPermissionsEgress"] = list(permissions)
        return self

    def acl(self, subnet: str, *entries: Page) -> "Lab":
        """Replace the entries of a subnet's ACL."""
        self.find("NetworkAcls", f"acl-{subnet}")["Entries"] = list(entries)
        return self

    def deny(self, subnet: str, egress: bool, **more: Any) -> "Lab":
        """Put a deny entry in front of a subnet's ACL."""
        entries = self.find("NetworkAcls", f"acl-{subnet}")["Entries"]
        entries.insert(0, acl_entry(50, egress, "deny", **more))
        return self

    def routes(self, table: str, *routes: tuple[str, str]) -> "Lab":
        """Replace a table's routes beside the local one."""
        page = self.find("RouteTables", table)
        local = page["Routes"][0]["DestinationCidrBlock"]
        page["Routes"] = route_table("", "", *routes, local=local)["Routes"]
        return self

    def topology(self) -> Topology:
        """The topology of the pages."""
        return Topology.from_describe(None, **self.pages)
