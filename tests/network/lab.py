"""A small lab in the shapes of EC2's replies: two peered VPCs, a client, a server, an internet gateway."""

import copy
from typing import Any

from helpers.network import Topology

OPEN = [{"IpProtocol": "-1", "IpRanges": [{"CidrIp": "0.0.0.0/0"}], "UserIdGroupPairs": []}]
CLIENT, NEIGHBOUR, OTHER_SUBNET, SERVER = "10.1.1.10", "10.1.1.11", "10.1.2.10", "10.2.1.10"
PUBLIC = "198.51.100.10"
INTERNET = "203.0.113.7"


def permission(
    protocol: str = "tcp", first: int | None = None, last: int | None = None, **sources: Any
) -> dict[str, Any]:
    """One IpPermission; sources: cidr=, cidr6=, group=, prefix_list=, description=."""
    text = {"Description": sources["description"]} if "description" in sources else {}
    made: dict[str, Any] = {
        "IpProtocol": protocol,
        "IpRanges": [],
        "Ipv6Ranges": [],
        "UserIdGroupPairs": [],
        "PrefixListIds": [],
    }
    if first is not None:
        made |= {"FromPort": first, "ToPort": first if last is None else last}
    if "cidr" in sources:
        made["IpRanges"].append({"CidrIp": sources["cidr"]} | text)
    if "cidr6" in sources:
        made["Ipv6Ranges"].append({"CidrIpv6": sources["cidr6"]} | text)
    if "group" in sources:
        made["UserIdGroupPairs"].append({"GroupId": sources["group"], "UserId": "123456789012"} | text)
    if "prefix_list" in sources:
        made["PrefixListIds"].append({"PrefixListId": sources["prefix_list"]} | text)
    return made


def acl_entry(
    number: int, egress: bool, action: str, protocol: str = "-1", cidr: str = "0.0.0.0/0", **more: Any
) -> dict[str, Any]:
    """One network ACL entry; more: ports=(first, last), icmp=(type, code)."""
    entry: dict[str, Any] = {
        "RuleNumber": number,
        "Egress": egress,
        "RuleAction": action,
        "Protocol": protocol,
    }
    entry["Ipv6CidrBlock" if ":" in cidr else "CidrBlock"] = cidr
    if "ports" in more:
        entry["PortRange"] = {"From": more["ports"][0], "To": more["ports"][1]}
    if "icmp" in more:
        entry["IcmpTypeCode"] = {"Type": more["icmp"][0], "Code": more["icmp"][1]}
    return entry


def allow_all() -> list[dict[str, Any]]:
    """The entries of AWS's default network ACL."""
    return [acl_entry(100, way, "allow") for way in (False, True)] + [
        acl_entry(32767, way, "deny") for way in (False, True)
    ]


def interface(
    name: str, address: str, subnet: str, vpc: str, group: str, public: str | None = None, **more: Any
) -> dict[str, Any]:
    """One network interface of a running instance."""
    association = {"Association": {"PublicIp": public}} if public else {}
    return {
        "NetworkInterfaceId": f"eni-{name}",
        "VpcId": vpc,
        "SubnetId": subnet,
        "OwnerId": "123456789012",
        "Status": "in-use",
        "PrivateIpAddress": address,
        "PrivateIpAddresses": [{"PrivateIpAddress": address, "Primary": True} | association],
        "Ipv6Addresses": [],
        "Groups": [{"GroupId": group}],
        "Attachment": {"InstanceId": f"i-{name}"},
    } | more


class Lab:
    """The pages of the lab, to be changed before `topology`."""

    def __init__(self) -> None:
        self.pages: dict[str, list[dict[str, Any]]] = {
            "Vpcs": [
                {"VpcId": "vpc-a", "CidrBlock": "10.1.0.0/16"},
                {"VpcId": "vpc-b", "CidrBlock": "10.2.0.0/16"},
            ],
            "Subnets": [
                {
                    "SubnetId": name,
                    "VpcId": vpc,
                    "CidrBlock": cidr,
                    "AvailabilityZone": "us-east-1a",
                    "AvailabilityZoneId": "use1-az1",
                }
                for name, vpc, cidr in (
                    ("subnet-a1", "vpc-a", "10.1.1.0/24"),
                    ("subnet-a2", "vpc-a", "10.1.2.0/24"),
                    ("subnet-b1", "vpc-b", "10.2.1.0/24"),
                )
            ],
            "RouteTables": [
                self._table("rtb-a", "vpc-a", "10.1.0.0/16", ("10.2.0.0/16", "pcx-ab"), ("0.0.0.0/0", "igw-a")),
                self._table("rtb-b", "vpc-b", "10.2.0.0/16", ("10.1.0.0/16", "pcx-ab")),
            ],
            "InternetGateways": [
                {"InternetGatewayId": "igw-a", "Attachments": [{"VpcId": "vpc-a", "State": "available"}]}
            ],
            "VpcPeeringConnections": [
                {
                    "VpcPeeringConnectionId": "pcx-ab",
                    "RequesterVpcInfo": {"VpcId": "vpc-a", "Region": "us-east-1"},
                    "AccepterVpcInfo": {"VpcId": "vpc-b", "Region": "us-east-1"},
                    "Status": {"Code": "active"},
                }
            ],
            "SecurityGroups": [
                {
                    "GroupId": f"sg-{name}",
                    "GroupName": name,
                    "VpcId": vpc,
                    "IpPermissions": [],
                    "IpPermissionsEgress": copy.deepcopy(OPEN),
                }
                for name, vpc in (("client", "vpc-a"), ("server", "vpc-b"))
            ],
            "NetworkAcls": [
                {
                    "NetworkAclId": f"acl-{subnet}",
                    "VpcId": vpc,
                    "IsDefault": False,
                    "Associations": [{"SubnetId": f"subnet-{subnet}"}],
                    "Entries": allow_all(),
                }
                for subnet, vpc in (("a1", "vpc-a"), ("a2", "vpc-a"), ("b1", "vpc-b"))
            ],
            "NetworkInterfaces": [
                interface("client", CLIENT, "subnet-a1", "vpc-a", "sg-client", PUBLIC),
                interface("neighbour", NEIGHBOUR, "subnet-a1", "vpc-a", "sg-client"),
                interface("other", OTHER_SUBNET, "subnet-a2", "vpc-a", "sg-client"),
                interface("server", SERVER, "subnet-b1", "vpc-b", "sg-server"),
            ],
            "Instances": [
                {"InstanceId": f"i-{name}", "InstanceType": "t3.micro", "State": {"Name": "running"}}
                for name in ("client", "neighbour", "other", "server")
            ],
        }

    @staticmethod
    def _table(name: str, vpc: str, local: str, *routes: tuple[str, str]) -> dict[str, Any]:
        listed: list[dict[str, Any]] = [{"DestinationCidrBlock": local, "GatewayId": "local", "State": "active"}]
        for cidr, target in routes:
            key = "VpcPeeringConnectionId" if target.startswith("pcx") else "GatewayId"
            listed.append({"DestinationCidrBlock": cidr, key: target, "State": "active"})
        return {"RouteTableId": name, "VpcId": vpc, "Associations": [{"Main": True}], "Routes": listed}

    def find(self, key: str, name: str) -> dict[str, Any]:
        """The item of a page that has this id."""
        return next(
            item for item in self.pages[key] if name in (value for value in item.values() if isinstance(value, str))
        )

    def ingress(self, group: str, *permissions: dict[str, Any]) -> "Lab":
        """Replace a group's ingress permissions."""
        self.find("SecurityGroups", group)["IpPermissions"] = list(permissions)
        return self

    def egress(self, group: str, *permissions: dict[str, Any]) -> "Lab":
        """Replace a group's egress permissions."""
        self.find("SecurityGroups", group)["IpPermissionsEgress"] = list(permissions)
        return self

    def acl(self, subnet: str, *entries: dict[str, Any]) -> "Lab":
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
        found = self.find("RouteTables", table)
        local = found["Routes"][0]["DestinationCidrBlock"]
        found["Routes"] = self._table(table, found["VpcId"], local, *routes)["Routes"]
        return self

    def topology(self) -> Topology:
        """The topology of the pages."""
        return Topology.from_describe(None, **self.pages)
