"""The VPC network: build a topology from ``describe_*`` replies, trace a packet, get every verdict with its reason."""

from helpers.network.addresses import AddressError, Cidr
from helpers.network.connections import Connections
from helpers.network.describe import TopologyError
from helpers.network.model import (
    AclEntry,
    GroupRule,
    Instance,
    Interface,
    InternetGateway,
    NetworkAcl,
    Peering,
    PrefixList,
    Route,
    RouteTable,
    SecurityGroup,
    Subnet,
    Vpc,
)
from helpers.network.packet import Hop, Packet, Sighting, Trace
from helpers.network.plan import PacketError
from helpers.network.topology import Topology
from helpers.network.trace import trace

__all__ = [
    "AclEntry",
    "AddressError",
    "Cidr",
    "Connections",
    "GroupRule",
    "Hop",
    "Instance",
    "Interface",
    "InternetGateway",
    "NetworkAcl",
    "Packet",
    "PacketError",
    "Peering",
    "PrefixList",
    "Route",
    "RouteTable",
    "SecurityGroup",
    "Sighting",
    "Subnet",
    "Topology",
    "TopologyError",
    "Trace",
    "Vpc",
    "trace",
]
