"""The VPC network: a topology from ``describe_*`` replies, a packet traced through it, every verdict explained.

>>> from helpers.network import Connections, Packet, Topology, trace
>>> topology = Topology.from_describe(
...     Vpcs=[{"VpcId": "vpc-1", "CidrBlock": "10.1.0.0/16"}],
...     Subnets=[{"SubnetId": "subnet-1", "VpcId": "vpc-1", "CidrBlock": "10.1.1.0/24"}],
...     SecurityGroups=[
...         {
...             "GroupId": "sg-1",
...             "GroupName": "web",
...             "IpPermissions": [],
...             "IpPermissionsEgress": [{"IpProtocol": "-1", "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}],
...         }
...     ],
...     NetworkInterfaces=[
...         {
...             "NetworkInterfaceId": f"eni-{n}",
...             "VpcId": "vpc-1",
...             "SubnetId": "subnet-1",
...             "PrivateIpAddress": f"10.1.1.1{n}",
...             "Groups": [{"GroupId": "sg-1"}],
...         }
...         for n in (1, 2)
...     ],
... )
>>> packet = Packet(
...     "10.1.1.11", "10.1.1.12", protocol=6, src_port=40000, dst_port=80, tcp_flags=2, source_interface="eni-1"
... )
>>> result, connections = trace(topology, packet, Connections())
>>> print(result)
✓ ACCEPT eni-1 egress: security group sg-1 (web): all traffic to 0.0.0.0/0
✓ ACCEPT subnet-1: no route table: 10.1.0.0/16 -> local
✗ REJECT eni-2 ingress: security group sg-1 (web): no ingress rule allows it
rejected by sg-1
>>> [(seen.interface_id, seen.direction, seen.action) for seen in result.sightings]
[('eni-1', 'egress', 'ACCEPT'), ('eni-2', 'ingress', 'REJECT')]
"""

from helpers.network.addresses import AddressError, Cidr
from helpers.network.compiled import acl_allows
from helpers.network.connections import Connections
from helpers.network.describe import TopologyError, read_acl, read_permission, read_rule
from helpers.network.explain import AGREEMENTS, Explanation, explain
from helpers.network.model import (
    AclEntry,
    GroupRule,
    Instance,
    Interface,
    InternetGateway,
    NetworkAcl,
    Peering,
    Route,
    RouteTable,
    Subnet,
    Vpc,
)
from helpers.network.packet import Hop, Packet, Sighting, Trace
from helpers.network.plan import PacketError
from helpers.network.reading import read_pages
from helpers.network.topology import Topology
from helpers.network.trace import trace

__all__ = [
    "AGREEMENTS",
    "AclEntry",
    "AddressError",
    "Cidr",
    "Connections",
    "Explanation",
    "GroupRule",
    "Hop",
    "Instance",
    "Interface",
    "InternetGateway",
    "NetworkAcl",
    "Packet",
    "PacketError",
    "Peering",
    "Route",
    "RouteTable",
    "Sighting",
    "Subnet",
    "Topology",
    "TopologyError",
    "Trace",
    "Vpc",
    "acl_allows",
    "explain",
    "read_acl",
    "read_pages",
    "read_permission",
    "read_rule",
    "trace",
]
