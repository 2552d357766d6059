"""Managed prefix lists in routes and rules: they carry packets, and the sandbox and the lab read the same network."""

import ipaddress
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from helpers.network import Topology
from helpers.sandbox.ec2.topologies import topology
from tests.sandbox.dataplane.conftest import Lab
from tests.sandbox.dataplane.test_verdicts import CURL, FROM_CLIENT, HEALTHY_PING, PING, peering_of
from tests.support.network import read_pages
from tests.support.served import REGION, Sandbox

EVERYONE = [{"CidrIpv6": "::/0"}]


def prefix_list(ec2: Any, name: str, *cidrs: str) -> str:
    """The id of a new list of these blocks."""
    made = ec2.create_managed_prefix_list(
        PrefixListName=name,
        MaxEntries=len(cidrs),
        AddressFamily=f"IPv{ipaddress.ip_network(cidrs[0]).version}",
        Entries=[{"Cidr": cidr} for cidr in cidrs],
    )
    return str(made["PrefixList"]["PrefixListId"])


@contextmanager
def routed_by(lab: Lab, list_id: str) -> Iterator[None]:
    """The client's route to the server's VPC names a prefix list instead of the block."""
    ec2, peering = lab("ec2"), peering_of(lab)
    table = {"RouteTableId": lab.net.client.table}
    ec2.delete_route(**table, DestinationCidrBlock="10.2.0.0/16")
    ec2.create_route(**table, DestinationPrefixListId=list_id, VpcPeeringConnectionId=peering)
    try:
        yield
    finally:
        ec2.delete_route(**table, DestinationPrefixListId=list_id)
        ec2.create_route(**table, DestinationCidrBlock="10.2.0.0/16", VpcPeeringConnectionId=peering)


def test_a_route_to_a_prefix_list_carries_packets(lab: Lab) -> None:
    with routed_by(lab, prefix_list(lab("ec2"), "servers", "10.2.0.0/16")):
        reply, records = lab.run(PING)
    assert (reply["ResponseCode"], lab.rows(records)) == (0, HEALTHY_PING)


def test_a_route_to_a_prefix_list_carries_nothing_to_a_block_that_is_not_in_it(lab: Lab) -> None:
    with routed_by(lab, prefix_list(lab("ec2"), "elsewhere", "10.3.0.0/16")):
        reply, records = lab.run(CURL)
    assert (reply["ResponseCode"], records) == (28, [])


def test_one_prefix_list_may_be_named_by_a_route_and_by_a_rule(lab: Lab) -> None:
    """The list holds both blocks: the client routes by it, and the server's group lets in whom it names."""
    ec2, group = lab("ec2"), lab.net.server.group
    list_id = prefix_list(ec2, "both", "10.1.0.0/16", "10.2.0.0/16")
    ping = {"IpProtocol": "icmp", "FromPort": -1, "ToPort": -1}
    by_block = {"GroupId": group, "IpPermissions": [{**ping, "IpRanges": FROM_CLIENT}]}
    by_list = {"GroupId": group, "IpPermissions": [{**ping, "PrefixListIds": [{"PrefixListId": list_id}]}]}
    ec2.revoke_security_group_ingress(**by_block)
    ec2.authorize_security_group_ingress(**by_list)
    with routed_by(lab, list_id):
        reply, records = lab.run(PING)
    ec2.revoke_security_group_ingress(**by_list)
    ec2.authorize_security_group_ingress(**by_block)
    assert (reply["ResponseCode"], lab.rows(records)) == (0, HEALTHY_PING)


def test_a_route_to_a_prefix_list_of_ipv6_carries_packets(own_lab: Lab) -> None:
    lab = own_lab
    ec2, sides = lab("ec2"), (lab.net.client, lab.net.server)
    blocks, addresses = [], []
    for side in sides:
        ec2.associate_vpc_cidr_block(VpcId=side.vpc, AmazonProvidedIpv6CidrBlock=True)
        vpc = ec2.describe_vpcs(VpcIds=[side.vpc])["Vpcs"][0]
        blocks.append(vpc["Ipv6CidrBlockAssociationSet"][0]["Ipv6CidrBlock"])
        ec2.associate_subnet_cidr_block(SubnetId=side.subnet, Ipv6CidrBlock=blocks[-1].replace("/56", "/64"))
        reply = ec2.assign_ipv6_addresses(NetworkInterfaceId=side.interface, Ipv6AddressCount=1)
        addresses += reply["AssignedIpv6Addresses"]
        permissions = [{"IpProtocol": "-1", "Ipv6Ranges": EVERYONE}]
        ec2.authorize_security_group_ingress(GroupId=side.group, IpPermissions=permissions)
        ec2.authorize_security_group_egress(GroupId=side.group, IpPermissions=permissions)
        for egress in (False, True):
            entry = {"RuleNumber": 101, "Protocol": "-1", "RuleAction": "allow", "Ipv6CidrBlock": "::/0"}
            ec2.create_network_acl_entry(NetworkAclId=side.acl, Egress=egress, **entry)
    for side, block in zip(sides, reversed(blocks), strict=True):
        ec2.create_route(
            RouteTableId=side.table,
            DestinationPrefixListId=prefix_list(ec2, f"six-{side.vpc}", block),
            VpcPeeringConnectionId=peering_of(lab),
        )
    reply, records = lab.run(f"ping -c 4 {addresses[1]}")
    assert (reply["ResponseCode"], lab.rows(records)) == (0, HEALTHY_PING)


# --- both readings of one account ---------------------------------------------------------------------------------

ROUTES: dict[str, dict[str, str]] = {
    "an IPv4 block": {"DestinationCidrBlock": "10.2.0.0/16"},
    "an IPv6 block": {"DestinationIpv6CidrBlock": "2001:db8::/32"},
    "a prefix list": {"DestinationPrefixListId": "{list4}"},
    "a prefix list of IPv6": {"DestinationPrefixListId": "{list6}"},
}
TARGETS = {"an internet gateway": {"GatewayId": "{gateway}"}, "a peering": {"VpcPeeringConnectionId": "{peering}"}}
SOURCES: dict[str, dict[str, Any]] = {
    "an IPv4 block": {"IpRanges": [{"CidrIp": "10.0.0.0/8"}]},
    "an IPv6 block": {"Ipv6Ranges": EVERYONE},
    "a prefix list": {"PrefixListIds": [{"PrefixListId": "{list4}"}]},
    "a security group": {"UserIdGroupPairs": [{"GroupId": "{group}"}]},
}
ENTRIES: dict[str, dict[str, Any]] = {
    "a port": {"Protocol": "6", "PortRange": {"From": 80, "To": 80}, "CidrBlock": "10.0.0.0/8"},
    "a type of ICMP": {"Protocol": "1", "IcmpTypeCode": {"Type": 8, "Code": 0}, "CidrBlock": "10.0.0.0/8"},
    "IPv6": {"Protocol": "-1", "Ipv6CidrBlock": "::/0"},
}


@pytest.fixture
def account(fresh_sandbox: Sandbox) -> tuple[Sandbox, dict[str, str]]:
    """Two peered VPCs, one with a gateway, a table, a group and an ACL, and two prefix lists; the ids by name."""
    ec2 = fresh_sandbox.client("ec2")
    vpc, other = (ec2.create_vpc(CidrBlock=cidr)["Vpc"]["VpcId"] for cidr in ("10.1.0.0/16", "10.2.0.0/16"))
    gateway = ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
    ec2.attach_internet_gateway(InternetGatewayId=gateway, VpcId=vpc)
    peering = ec2.create_vpc_peering_connection(VpcId=vpc, PeerVpcId=other)["VpcPeeringConnection"]
    ec2.accept_vpc_peering_connection(VpcPeeringConnectionId=peering["VpcPeeringConnectionId"])
    return fresh_sandbox, {
        "gateway": gateway,
        "peering": peering["VpcPeeringConnectionId"],
        "table": ec2.create_route_table(VpcId=vpc)["RouteTable"]["RouteTableId"],
        "acl": ec2.create_network_acl(VpcId=vpc)["NetworkAcl"]["NetworkAclId"],
        "group": ec2.create_security_group(GroupName="one", Description="test", VpcId=vpc)["GroupId"],
        "list4": prefix_list(ec2, "four", "10.8.0.0/16", "10.9.0.0/16"),
        "list6": prefix_list(ec2, "six", "2001:db8:8::/48"),
    }


def filled(value: Any, ids: dict[str, str]) -> Any:
    """The value with every ``{name}`` in its texts replaced by that id."""
    if isinstance(value, dict):
        return {key: filled(item, ids) for key, item in value.items()}
    return [filled(item, ids) for item in value] if isinstance(value, list) else str(value).format(**ids)


def test_the_sandbox_and_the_lab_read_the_same_network_after_every_kind_of_route_and_rule(
    account: tuple[Sandbox, dict[str, str]],
) -> None:
    sandbox, ids = account
    ec2 = sandbox.client("ec2")
    seen = []

    def compare(change: str) -> None:
        inside = topology(sandbox.account, REGION)
        assert inside == Topology.from_describe(None, **read_pages(ec2)), change
        assert inside not in seen, f"{change} shows in neither"
        assert all(route.cidrs for table in inside.route_tables for route in table.routes), change
        rules = [rule for group in inside.groups for rule in (*group.ingress, *group.egress)]
        assert all(rule.cidrs or rule.peer_group for rule in rules), change
        seen.append(inside)

    for target, chosen in TARGETS.items():
        for destination, named in ROUTES.items():
            route = {"RouteTableId": ids["table"], **filled(named, ids)}
            ec2.create_route(**route, **filled(chosen, ids))
            compare(f"a route from {destination} to {target}")
            ec2.delete_route(**route)
    for source, named in SOURCES.items():
        permission = {"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, **filled(named, ids)}
        ec2.authorize_security_group_ingress(GroupId=ids["group"], IpPermissions=[permission])
        compare(f"a rule for {source} inwards")
        ec2.authorize_security_group_egress(GroupId=ids["group"], IpPermissions=[permission])
        compare(f"a rule for {source} outwards")
    for number, (kind, entry) in enumerate(ENTRIES.items(), 1):
        for egress in (False, True):
            ec2.create_network_acl_entry(
                NetworkAclId=ids["acl"], RuleNumber=number, RuleAction="deny", Egress=egress, **entry
            )
            compare(f"an ACL entry for {kind}")
