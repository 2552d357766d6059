"""Two peered VPCs in the shapes of EC2's replies, with the subnets, machines and rules that a test puts into them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Page = dict[str, Any]
Pages = dict[str, list[Page]]
ACCOUNT = "123456789012"
EVERYWHERE = "0.0.0.0/0"
BLOCKS = {"a": "10.1.0.0/16", "b": "10.2.0.0/16"}


@dataclass(frozen=True)
class Machine:
    """Where one instance stands. ``groups`` are the ids of its security groups, ``public`` its public address."""

    address: str
    subnet: str
    groups: tuple[str, ...]
    public: str | None = None


def two_vpcs(
    subnets: Mapping[str, tuple[str, str]],
    routes: Mapping[str, Sequence[tuple[str, str]]],
    groups: Sequence[Page],
    machines: Mapping[str, Machine],
    *,
    main: bool = False,
    gateways: str = "",
    instance_type: str = "t3.micro",
) -> Pages:
    """VPC A and VPC B, peered, each with an internet gateway where ``gateways`` names it (``"ab"``).

    ``subnets``: name -> VPC and block. ``routes``: the name of a subnet, or with ``main`` of a VPC, whose main table it
    is, -> destination and target of each route beside the local one. Every subnet has an ACL of its own that allows
    everything.
    """
    vpc_of = {name: vpc for name, (vpc, _) in subnets.items()}
    return {
        "Vpcs": [{"VpcId": f"vpc-{vpc}", "CidrBlock": block} for vpc, block in BLOCKS.items()],
        "Subnets": [
            {
                "SubnetId": f"subnet-{name}",
                "VpcId": f"vpc-{vpc}",
                "CidrBlock": block,
                "AvailabilityZone": "us-east-1a",
                "AvailabilityZoneId": "use1-az1",
                "OwnerId": ACCOUNT,
            }
            for name, (vpc, block) in subnets.items()
        ],
        "RouteTables": [
            route_table(table, table, *listed) if main else route_table(table, vpc_of[table], *listed, subnet=table)
            for table, listed in routes.items()
        ],
        "InternetGateways": [
            {"InternetGatewayId": f"igw-{vpc}", "Attachments": [{"VpcId": f"vpc-{vpc}", "State": "available"}]}
            for vpc in gateways
        ],
        "VpcPeeringConnections": [
            {
                "VpcPeeringConnectionId": "pcx-ab",
                "RequesterVpcInfo": {"VpcId": "vpc-a", "Region": "us-east-1"},
                "AccepterVpcInfo": {"VpcId": "vpc-b", "Region": "us-east-1"},
                "Status": {"Code": "active"},
            }
        ],
        "SecurityGroups": list(groups),
        "NetworkAcls": [
            {
                "NetworkAclId": f"acl-{name}",
                "VpcId": f"vpc-{vpc}",
                "IsDefault": False,
                "Associations": [{"SubnetId": f"subnet-{name}"}],
                "Entries": allow_all(),
            }
            for name, (vpc, _) in subnets.items()
        ],
        "NetworkInterfaces": [
            interface(name, machine, f"vpc-{vpc_of[machine.subnet]}") for name, machine in machines.items()
        ],
        "Instances": [
            {"InstanceId": f"i-{name}", "InstanceType": instance_type, "State": {"Name": "running"}}
            for name in machines
        ],
    }


def route_table(name: str, vpc: str, *routes: tuple[str, str], subnet: str = "", local: str = "") -> Page:
    """A subnet's own table, or else the main one of a VPC: its local route and these, by destination and target."""
    listed: list[Page] = [{"DestinationCidrBlock": local or BLOCKS[vpc], "GatewayId": "local", "State": "active"}]
    for destination, target in routes:
        key = "VpcPeeringConnectionId" if target.startswith("pcx") else "GatewayId"
        listed.append({"DestinationCidrBlock": destination, key: target, "State": "active"})
    link = {"Main": False, "SubnetId": f"subnet-{subnet}"} if subnet else {"Main": True}
    return {"RouteTableId": f"rtb-{name}", "VpcId": f"vpc-{vpc}", "Associations": [link], "Routes": listed}


def security_group(
    group_id: str, vpc: str, inbound: Sequence[Page], outbound: Sequence[Page] | None = None, name: str = ""
) -> Page:
    """A group of these permissions; without ``outbound`` everything may leave."""
    return {
        "GroupId": group_id,
        "GroupName": name or group_id.removeprefix("sg-"),
        "VpcId": f"vpc-{vpc}",
        "IpPermissions": list(inbound),
        "IpPermissionsEgress": [permission("-1", cidr=EVERYWHERE)] if outbound is None else list(outbound),
    }


def permission(protocol: str = "tcp", first: int | None = None, last: int | None = None, **sources: Any) -> Page:
    """One IpPermission; sources: cidr=, cidr6=, group=, prefix_list=, description=."""
    text = {"Description": sources["description"]} if "description" in sources else {}
    made: Page = {"IpProtocol": protocol, "IpRanges": [], "Ipv6Ranges": [], "UserIdGroupPairs": [], "PrefixListIds": []}
    if first is not None:
        made |= {"FromPort": first, "ToPort": first if last is None else last}
    if "cidr" in sources:
        made["IpRanges"].append({"CidrIp": sources["cidr"]} | text)
    if "cidr6" in sources:
        made["Ipv6Ranges"].append({"CidrIpv6": sources["cidr6"]} | text)
    if "group" in sources:
        made["UserIdGroupPairs"].append({"GroupId": sources["group"], "UserId": ACCOUNT} | text)
    if "prefix_list" in sources:
        made["PrefixListIds"].append({"PrefixListId": sources["prefix_list"]} | text)
    return made


def acl_entry(
    number: int, egress: bool, action: str, protocol: str = "-1", cidr: str = EVERYWHERE, **more: Any
) -> Page:
    """One network ACL entry; more: ports=(first, last), icmp=(type, code)."""
    entry: Page = {"RuleNumber": number, "Egress": egress, "RuleAction": action, "Protocol": protocol}
    entry["Ipv6CidrBlock" if ":" in cidr else "CidrBlock"] = cidr
    if "ports" in more:
        entry["PortRange"] = {"From": more["ports"][0], "To": more["ports"][1]}
    if "icmp" in more:
        entry["IcmpTypeCode"] = {"Type": more["icmp"][0], "Code": more["icmp"][1]}
    return entry


def allow_all() -> list[Page]:
    """The entries of AWS's default network ACL."""
    numbers = ((100, "allow"), (32767, "deny"))
    return [acl_entry(number, egress, action) for number, action in numbers for egress in (False, True)]


def interface(name: str, machine: Machine, vpc_id: str) -> Page:
    """The network interface of a running instance."""
    association = {"Association": {"PublicIp": machine.public}} if machine.public else {}
    return {
        "NetworkInterfaceId": f"eni-{name}",
        "VpcId": vpc_id,
        "SubnetId": f"subnet-{machine.subnet}",
        "OwnerId": ACCOUNT,
        "InterfaceType": "interface",
        "Status": "in-use",
        "PrivateIpAddress": machine.address,
        "PrivateIpAddresses": [{"PrivateIpAddress": machine.address, "Primary": True} | association],
        "Ipv6Addresses": [],
        "Groups": [{"GroupId": group_id} for group_id in machine.groups],
        "Attachment": {"InstanceId": f"i-{name}"},
    }
