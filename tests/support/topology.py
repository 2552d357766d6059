"""The course's network as describe calls show it, without an account: for pictures and explanations."""

from datetime import datetime
from typing import Any

from helpers.network import Topology
from tests.support.two_vpcs import BLOCKS, EVERYWHERE, Machine, Pages, permission, security_group, two_vpcs

NAMES = {
    "vpc-a": "demo-vpc-a", "vpc-b": "demo-vpc-b", "i-client": "demo-client-a", "i-db": "demo-db-b",
    "subnet-a": "demo-public-a", "subnet-b": "demo-private-b", "pcx-ab": "demo-a-b", "igw-a": "demo-igw-a",
    "acl-b": "demo-acl-private-b",
}  # fmt: skip


def pages(*, ssh: bool = True, peering: str = "active", gateway: bool = True) -> Pages:
    """Two peered VPCs with one subnet and one machine each; ``ssh`` allows it into the second one."""
    inbound = {"a": [], "b": [permission("tcp", 22, cidr=BLOCKS["a"])] if ssh else []}
    out = [(EVERYWHERE, "igw-a")] if gateway else []
    made = two_vpcs(
        {"a": ("a", "10.1.0.0/24"), "b": ("b", "10.2.1.0/24")},
        {"a": [(BLOCKS["b"], "pcx-ab"), *out], "b": [(BLOCKS["a"], "pcx-ab")]},
        [security_group(f"sg-{vpc}", vpc, rules, name=f"demo-sg-{vpc}") for vpc, rules in inbound.items()],
        {"client": Machine("10.1.0.10", "a", ("sg-a",), "203.0.113.20"), "db": Machine("10.2.1.10", "b", ("sg-b",))},
        gateways="a" if gateway else "",
    )
    made["NetworkAcls"][0]["IsDefault"] = True
    made["VpcPeeringConnections"][0]["Status"]["Code"] = peering
    if peering != "active":
        for route in (route for table in made["RouteTables"] for route in table["Routes"]):
            route["State"] = "blackhole" if "VpcPeeringConnectionId" in route else "active"
    return made


def topology(at: datetime | None = None, **changes: Any) -> Topology:
    return Topology.from_describe(at, **pages(**changes))
