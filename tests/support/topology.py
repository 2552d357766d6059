"""The course's network as describe calls show it, without an account: for pictures and explanations."""

from datetime import datetime
from typing import Any

from helpers.network import Topology

SSH = {"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "IpRanges": [{"CidrIp": "10.1.0.0/16"}]}
EVERYTHING = {"IpProtocol": "-1", "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}
CIDRS = {"a": "10.1.0.0/16", "b": "10.2.0.0/16"}
NAMES = {
    "vpc-a": "demo-vpc-a", "vpc-b": "demo-vpc-b", "i-client": "demo-client-a", "i-db": "demo-db-b",
    "subnet-a": "demo-public-a", "subnet-b": "demo-private-b", "pcx-ab": "demo-a-b", "igw-a": "demo-igw-a",
    "acl-b": "demo-acl-private-b",
}  # fmt: skip


def pages(*, ssh: bool = True, peering: str = "active", gateway: bool = True) -> dict[str, list[dict[str, Any]]]:
    """Two peered VPCs with one subnet and one machine each; ``ssh`` allows it into the second one."""
    state = "active" if peering == "active" else "blackhole"
    across = {"VpcPeeringConnectionId": "pcx-ab", "State": state}
    to_a, to_b = ({"DestinationCidrBlock": cidr, **across} for cidr in (CIDRS["a"], CIDRS["b"]))
    everywhere = {"DestinationCidrBlock": "0.0.0.0/0", "GatewayId": "igw-a", "State": "active"}
    attached = {"InternetGatewayId": "igw-a", "Attachments": [{"VpcId": "vpc-a", "State": "available"}]}
    connection = {
        "VpcPeeringConnectionId": "pcx-ab",
        "RequesterVpcInfo": {"VpcId": "vpc-a"},
        "AccepterVpcInfo": {"VpcId": "vpc-b"},
        "Status": {"Code": peering},
    }
    return {
        "Vpcs": [{"VpcId": f"vpc-{side}", "CidrBlock": cidr} for side, cidr in CIDRS.items()],
        "Subnets": [
            {"SubnetId": "subnet-a", "VpcId": "vpc-a", "CidrBlock": "10.1.0.0/24"},
            {"SubnetId": "subnet-b", "VpcId": "vpc-b", "CidrBlock": "10.2.1.0/24"},
        ],
        "RouteTables": [_table("a", [to_b, everywhere] if gateway else [to_b]), _table("b", [to_a])],
        "InternetGateways": [attached] if gateway else [],
        "VpcPeeringConnections": [connection],
        "SecurityGroups": [_group("a", []), _group("b", [SSH] if ssh else [])],
        "NetworkAcls": [_acl("a", default=True), _acl("b", default=False)],
        "NetworkInterfaces": [
            _interface("a", "client", "10.1.0.10", "203.0.113.20"),
            _interface("b", "db", "10.2.1.10"),
        ],
        "Instances": [_instance("i-client"), _instance("i-db")],
    }


def topology(at: datetime | None = None, **changes: Any) -> Topology:
    return Topology.from_describe(at, **pages(**changes))


def _instance(name: str) -> dict[str, Any]:
    return {"InstanceId": name, "State": {"Name": "running"}, "InstanceType": "t3.micro"}


def _table(side: str, routes: list[dict[str, Any]]) -> dict[str, Any]:
    local = {"DestinationCidrBlock": CIDRS[side], "GatewayId": "local", "State": "active"}
    link = {"SubnetId": f"subnet-{side}", "Main": False}
    return {"RouteTableId": f"rtb-{side}", "VpcId": f"vpc-{side}", "Routes": [local, *routes], "Associations": [link]}


def _group(side: str, inbound: list[dict[str, Any]]) -> dict[str, Any]:
    ways = {"IpPermissions": inbound, "IpPermissionsEgress": [EVERYTHING]}
    return {"GroupId": f"sg-{side}", "GroupName": f"demo-sg-{side}", "VpcId": f"vpc-{side}", **ways}


def _acl(side: str, *, default: bool) -> dict[str, Any]:
    def entry(egress: bool, number: int, action: str) -> dict[str, Any]:
        return {
            "Egress": egress, "RuleNumber": number, "RuleAction": action, "Protocol": "-1", "CidrBlock": "0.0.0.0/0",
        }  # fmt: skip

    entries = [entry(way, *rule) for way in (False, True) for rule in ((100, "allow"), (32767, "deny"))]
    links = [{"SubnetId": f"subnet-{side}", "NetworkAclId": f"acl-{side}"}]
    common = {"NetworkAclId": f"acl-{side}", "VpcId": f"vpc-{side}", "IsDefault": default}
    return {**common, "Entries": entries, "Associations": links}


def _interface(side: str, name: str, address: str, public: str = "") -> dict[str, Any]:
    outside = {"Association": {"PublicIp": public}} if public else {}
    return {
        "NetworkInterfaceId": f"eni-{name}",
        "VpcId": f"vpc-{side}",
        "SubnetId": f"subnet-{side}",
        "PrivateIpAddress": address,
        "PrivateIpAddresses": [{"PrivateIpAddress": address, "Primary": True, **outside}],
        "Groups": [{"GroupId": f"sg-{side}"}],
        "Attachment": {"InstanceId": f"i-{name}", "Status": "attached"},
        "InterfaceType": "interface",
        "OwnerId": "123456789012",
    }
