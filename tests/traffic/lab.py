"""The course's network in the shapes of EC2's replies, hosts on it, and a runner that steps scripts to
their end.
"""

import copy
from dataclasses import dataclass, field
from typing import Any

from helpers.flowlogs import FlowRecord
from helpers.network import Connections, Topology
from helpers.traffic import (
    INTERNET,
    Capture,
    Effect,
    Host,
    Internet,
    Sent,
    World,
    apply_effects,
    close,
    observe,
    start,
    step,
    window_lengths,
)

ACCOUNT = "123456789012"
T0 = 1_700_000_000.0
A_PUBLIC, A_PRIVATE, A_OTHER = "10.1.1.10", "10.1.2.10", "10.1.1.11"
B_PUBLIC, B_PRIVATE = "10.2.1.10", "10.2.2.10"
PUBLIC_OF_A, PUBLIC_OF_B, HOME = "198.51.100.11", "198.51.100.12", "203.0.113.12"
EVERYWHERE = "0.0.0.0/0"

_PLACES = {
    "a-public": (A_PUBLIC, "a1", "a", PUBLIC_OF_A),
    "a-other": (A_OTHER, "a1", "a", None),
    "a-private": (A_PRIVATE, "a2", "a", None),
    "b-public": (B_PUBLIC, "b1", "b", PUBLIC_OF_B),
    "b-private": (B_PRIVATE, "b2", "b", None),
}


def rule(protocol: str, first: int = -1, last: int | None = None, cidr: str = EVERYWHERE) -> dict[str, Any]:
    """One IpPermission."""
    made: dict[str, Any] = {"IpProtocol": protocol, "IpRanges": [{"CidrIp": cidr}], "UserIdGroupPairs": []}
    if protocol != "-1":
        made |= {"FromPort": first, "ToPort": first if last is None else last}
    return made


def entry(number: int, egress: bool, action: str, protocol: str = "-1", **more: Any) -> dict[str, Any]:
    """One network ACL entry; more: PortRange, CidrBlock."""
    return {
        "RuleNumber": number,
        "Egress": egress,
        "RuleAction": action,
        "Protocol": protocol,
        "CidrBlock": EVERYWHERE,
    } | more


def pages(instance_type: str = "t3.micro") -> dict[str, list[dict[str, Any]]]:
    """Two peered VPCs, a public and a private subnet each, an open network ACL each, instances that may all
    talk.
    """
    routes = {
        "a1": (("10.2.0.0/16", "pcx-ab"), (EVERYWHERE, "igw-a")),
        "a2": (("10.2.0.0/16", "pcx-ab"),),
        "b1": (("10.1.0.0/16", "pcx-ab"), (EVERYWHERE, "igw-b")),
        "b2": (("10.1.0.0/16", "pcx-ab"),),
    }
    block = {"a": "10.1", "b": "10.2"}
    subnets = [(name, name[0], f"{block[name[0]]}.{name[1]}.0/24") for name in routes]
    ends = [entry(32767, way, "deny") for way in (False, True)]
    return {
        "Vpcs": [{"VpcId": f"vpc-{v}", "CidrBlock": f"{block[v]}.0.0/16"} for v in "ab"],
        "Subnets": [
            {
                "SubnetId": f"subnet-{name}",
                "VpcId": f"vpc-{vpc}",
                "CidrBlock": cidr,
                "AvailabilityZone": "us-east-1a",
                "AvailabilityZoneId": "use1-az1",
                "OwnerId": ACCOUNT,
            }
            for name, vpc, cidr in subnets
        ],
        "RouteTables": [_table(name, f"{block[name[0]]}.0.0/16", routes[name]) for name in routes],
        "InternetGateways": [
            {"InternetGatewayId": f"igw-{v}", "Attachments": [{"VpcId": f"vpc-{v}", "State": "available"}]}
            for v in "ab"
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
                "VpcId": f"vpc-{place[2]}",
                "IpPermissions": [rule("-1")],
                "IpPermissionsEgress": [rule("-1")],
            }
            for name, place in _PLACES.items()
        ],
        "NetworkAcls": [
            {
                "NetworkAclId": f"acl-{name}",
                "VpcId": f"vpc-{vpc}",
                "IsDefault": False,
                "Associations": [{"SubnetId": f"subnet-{name}"}],
                "Entries": [entry(100, False, "allow"), entry(100, True, "allow"), *copy.deepcopy(ends)],
            }
            for name, vpc, _ in subnets
        ],
        "NetworkInterfaces": [_interface(name, *place) for name, place in _PLACES.items()],
        "Instances": [
            {"InstanceId": f"i-{name}", "InstanceType": instance_type, "State": {"Name": "running"}} for name in _PLACES
        ],
    }


def _table(name: str, local: str, routes: tuple[tuple[str, str], ...]) -> dict[str, Any]:
    listed: list[dict[str, Any]] = [{"DestinationCidrBlock": local, "GatewayId": "local", "State": "active"}]
    for cidr, target in routes:
        key = "VpcPeeringConnectionId" if target.startswith("pcx") else "GatewayId"
        listed.append({"DestinationCidrBlock": cidr, key: target, "State": "active"})
    return {
        "RouteTableId": f"rtb-{name}",
        "VpcId": f"vpc-{name[0]}",
        "Associations": [{"Main": False, "SubnetId": f"subnet-{name}"}],
        "Routes": listed,
    }


def _interface(name: str, address: str, subnet: str, vpc: str, public: str | None) -> dict[str, Any]:
    association = {"Association": {"PublicIp": public}} if public else {}
    return {
        "NetworkInterfaceId": f"eni-{name}",
        "VpcId": f"vpc-{vpc}",
        "SubnetId": f"subnet-{subnet}",
        "OwnerId": ACCOUNT,
        "Status": "in-use",
        "PrivateIpAddress": address,
        "PrivateIpAddresses": [{"PrivateIpAddress": address, "Primary": True} | association],
        "Ipv6Addresses": [],
        "Groups": [{"GroupId": f"sg-{name}"}],
        "Attachment": {"InstanceId": f"i-{name}"},
    }


@dataclass
class Run:
    """What a script did, all steps together."""

    stdout: str = ""
    stderr: str = ""
    exit_code: int | None = None
    began: float = 0.0
    ended: float = 0.0
    steps: int = 0
    packets: list[Sent] = field(default_factory=list)
    effects: list[Effect] = field(default_factory=list)


class Lab:
    """The network (change `pages`, then use), its hosts, connections and capture; `run` keeps them up to
    date.
    """

    def __init__(self, instance_type: str = "t3.micro", interval: int = 60) -> None:
        self.pages = pages(instance_type)
        self.hosts = {f"i-{name}": Host(f"i-{name}", f"eni-{name}", place[0]) for name, place in _PLACES.items()}
        self.connections = Connections()
        self.capture = Capture()
        self.internet: Internet = INTERNET
        self.interval = interval
        self.now = T0
        self.runs = 0

    @property
    def topology(self) -> Topology:
        """The topology of the pages as they are."""
        return Topology.from_describe(None, **self.pages)

    def find(self, key: str, name: str) -> dict[str, Any]:
        """The item of a page with this id."""
        return next(item for item in self.pages[key] if name in item.values())

    def ingress(self, group: str, *rules: dict[str, Any]) -> "Lab":
        """Replace a group's ingress rules."""
        self.find("SecurityGroups", f"sg-{group}")["IpPermissions"] = list(rules)
        return self

    def egress(self, group: str, *rules: dict[str, Any]) -> "Lab":
        """Replace a group's egress rules."""
        self.find("SecurityGroups", f"sg-{group}")["IpPermissionsEgress"] = list(rules)
        return self

    def deny(self, subnet: str, egress: bool, protocol: str = "-1", **more: Any) -> "Lab":
        """Put a deny entry in front of a subnet's ACL."""
        self.find("NetworkAcls", f"acl-{subnet}")["Entries"].insert(0, entry(50, egress, "deny", protocol, **more))
        return self

    def install(self, name: str, *programs: str) -> "Lab":
        """Put programs on an instance."""
        host = self.hosts[f"i-{name}"]
        self.hosts[f"i-{name}"] = Host(
            host.instance_id,
            host.interface_id,
            host.address,
            host.programs | set(programs),
            host.listeners,
        )
        return self

    def run(self, text: str, on: str | Host = "a-public", key: str = "", most: int = 1000) -> Run:
        """Run a script to its end (or to a program that never ends), applying effects and capturing."""
        host = self.hosts[f"i-{on}"] if isinstance(on, str) else on
        topology = self.topology
        self.runs += 1
        process = start(text, host, self.now, key or f"run {self.runs}")
        run = Run(began=self.now, ended=self.now)
        intervals = window_lengths(topology, self.interval)
        for _ in range(most):
            did = step(process, World(topology, self.connections, self.hosts, self.internet))
            run.steps += 1
            run.stdout += did.stdout
            run.stderr += did.stderr
            run.packets += did.packets
            run.effects += did.effects
            run.ended = did.ends_at
            self.connections = did.connections
            self.hosts = apply_effects(self.hosts, did.effects)
            self.capture = observe(self.capture, did.packets, intervals)
            process = did.process
            if did.done or did.ends_at == float("inf"):
                run.exit_code = did.exit_code
                break
        if run.ended != float("inf"):
            self.now = run.ended + 1
        return run

    def records(self) -> list[FlowRecord]:
        """Close everything and return the records."""
        found, self.capture = close(self.capture, self.topology, self.now + 10_000)
        return list(found)
