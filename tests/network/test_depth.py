"""Routes, peerings, gateways, addresses, groups and ACLs in their corners; tracking over time."""

import pickle
from dataclasses import replace
from typing import Any

import pytest

from helpers.network import (
    AddressError,
    Connections,
    Packet,
    PacketError,
    Subnet,
    Topology,
    TopologyError,
    Trace,
)
from helpers.network.packet import FIN
from tests.network.lab import (
    CLIENT,
    INTERNET,
    NEIGHBOUR,
    OTHER_SUBNET,
    PUBLIC,
    SERVER,
    Lab,
)
from tests.support.senders import make_packet, trace
from tests.support.senders import trace_from_sender as real_trace
from tests.support.two_vpcs import Machine, acl_entry, interface, permission, route_table, security_group

WEB = permission("tcp", 80, cidr="10.1.0.0/16")
SYN, SYN_ACK, ACK, RST = 2, 18, 16, 4


def one(lab: Lab | Topology, packet: Packet) -> Trace:
    topology = lab.topology() if isinstance(lab, Lab) else lab
    return trace(topology, packet, Connections())[0]


def tcp(src: str, dst: str, port: int = 80, flags: int = SYN, at: float = 0.0, back: bool = False) -> Packet:
    if back:
        return make_packet(dst, src, 6, port, 40000, flags, at=at)
    return make_packet(src, dst, 6, 40000, port, flags, at=at)


def actions(result: Trace) -> list[tuple[str, str]]:
    return [(seen.interface_id.removeprefix("eni-"), seen.action) for seen in result.sightings]


# --- routes, peerings, gateways


def test_the_longest_prefix_wins_and_a_blackhole_is_a_dead_end() -> None:
    lab = Lab().ingress("sg-server", WEB).routes("rtb-a", ("10.2.0.0/16", "pcx-ab"), ("10.2.1.0/24", "igw-a"))
    assert one(lab, tcp(CLIENT, SERVER)).outcome == "lost"
    lab.routes("rtb-a", ("10.0.0.0/8", "igw-a"), ("10.2.1.0/24", "pcx-ab"))
    assert one(lab, tcp(CLIENT, SERVER)).outcome == "delivered"
    lab.find("RouteTables", "rtb-a")["Routes"][-1]["State"] = "blackhole"
    result = one(lab, tcp(CLIENT, SERVER))
    assert result.outcome == "lost" and result.sightings == () and result.deciding
    assert "10.2.1.0/24 -> pcx-ab (blackhole)" in result.deciding.text


def test_an_explicit_table_stands_before_the_main_one() -> None:
    lab = Lab().ingress("sg-server", WEB)
    lab.pages["RouteTables"].append(
        {
            "RouteTableId": "rtb-own",
            "VpcId": "vpc-a",
            "Associations": [{"Main": False, "SubnetId": "subnet-a1", "AssociationState": {"State": "associated"}}],
            "Routes": [{"DestinationCidrBlock": "10.1.0.0/16", "GatewayId": "local", "State": "active"}],
        }
    )
    assert one(lab, tcp(CLIENT, SERVER)).outcome == "lost"
    assert one(lab, tcp(OTHER_SUBNET, SERVER)).outcome == "delivered"


@pytest.mark.parametrize("status", ["pending-acceptance", "provisioning", "deleted", "expired", "failed"])
def test_only_an_active_peering_carries(status: str) -> None:
    lab = Lab().ingress("sg-server", WEB)
    assert [seen.traffic_path for seen in one(lab, tcp(CLIENT, SERVER)).sightings] == [4, None]
    lab.find("VpcPeeringConnections", "pcx-ab")["Status"]["Code"] = status
    result = one(lab, tcp(CLIENT, SERVER))
    assert result.outcome == "lost" and result.deciding and f"the peering is {status}" in result.deciding.text


def third_vpc(lab: Lab) -> Lab:
    lab.pages["Vpcs"].append({"VpcId": "vpc-c", "CidrBlock": "10.3.0.0/16"})
    lab.pages["Subnets"].append({"SubnetId": "subnet-c1", "VpcId": "vpc-c", "CidrBlock": "10.3.1.0/24"})
    lab.pages["RouteTables"].append(route_table("c", "c", ("10.0.0.0/8", "pcx-bc"), local="10.3.0.0/16"))
    lab.pages["VpcPeeringConnections"].append(
        {
            "VpcPeeringConnectionId": "pcx-bc",
            "RequesterVpcInfo": {"VpcId": "vpc-b", "Region": "us-east-1"},
            "AccepterVpcInfo": {"VpcId": "vpc-c", "Region": "eu-west-1"},
            "Status": {"Code": "active"},
        }
    )
    lab.pages["NetworkInterfaces"].append(interface("third", Machine("10.3.1.10", "c1", ("sg-server",)), "vpc-c"))
    return lab


def test_peering_is_not_transitive() -> None:
    lab = third_vpc(Lab().ingress("sg-server", WEB)).routes("rtb-a", ("10.0.0.0/8", "pcx-ab"))
    lab.routes("rtb-b", ("10.3.0.0/16", "pcx-bc"), ("10.1.0.0/16", "pcx-ab"))
    assert one(lab, tcp(CLIENT, SERVER)).outcome == "delivered"
    result = one(lab, tcp(CLIENT, "10.3.1.10"))
    assert result.outcome == "lost" and "not transitive" in str(result) and result.sightings == ()
    between_regions = one(lab, tcp(SERVER, "10.3.1.10"))
    assert between_regions.sightings[0].traffic_path == 5


def test_the_internet_needs_a_public_address_an_attached_gateway_and_a_route() -> None:
    lab = Lab()
    result = one(lab, tcp(CLIENT, INTERNET, 443))
    assert result.outcome == "delivered" and result.destination_interface is None
    (seen,) = result.sightings
    assert (seen.src, seen.pkt_src, seen.traffic_path) == (CLIENT, CLIENT, 8)
    assert "has no public address" in str(one(lab, tcp(NEIGHBOUR, INTERNET, 443)))
    lab.find("Instances", "i-client")["InstanceType"] = "t2.micro"
    assert one(lab, tcp(CLIENT, INTERNET, 443)).sightings[0].traffic_path == 2
    lab.find("InternetGateways", "igw-a")["Attachments"] = []
    assert "not attached" in str(one(lab, tcp(CLIENT, INTERNET, 443)))
    assert one(lab, tcp(INTERNET, PUBLIC)).outcome == "lost"


def test_from_the_internet_the_record_shows_the_private_address() -> None:
    lab = Lab().ingress("sg-client", permission("tcp", 22, cidr="203.0.113.0/24"))
    topology = lab.topology()
    result, connections = trace(topology, tcp(INTERNET, PUBLIC, 22), Connections())
    assert result.outcome == "delivered" and result.destination_interface == "eni-client"
    (seen,) = result.sightings
    assert (seen.src, seen.dst, seen.pkt_dst, seen.traffic_path) == (INTERNET, CLIENT, CLIENT, None)
    reply, _ = trace(topology, make_packet(CLIENT, INTERNET, 6, 22, 40000, SYN_ACK), connections)
    assert reply.outcome == "delivered" and reply.sightings[0].traffic_path == 8
    assert actions(one(lab, tcp(INTERNET, PUBLIC, 23))) == [("client", "REJECT")]
    assert one(lab, tcp(INTERNET, "198.51.100.99", 22)).outcome == "lost"
    assert one(lab, tcp("10.1.1.99", CLIENT)).outcome == "lost"


def test_over_public_addresses_the_other_side_is_a_stranger() -> None:
    lab = Lab().ingress("sg-client", permission("tcp", 80, group="sg-client"))
    lab.find("NetworkInterfaces", "eni-other")["PrivateIpAddresses"][0]["Association"] = {"PublicIp": "198.51.100.20"}
    assert one(lab, tcp(OTHER_SUBNET, CLIENT)).outcome == "delivered"
    result = one(lab, tcp(OTHER_SUBNET, PUBLIC))
    assert result.outcome == "rejected"
    assert [(seen.src, seen.dst) for seen in result.sightings] == [
        (OTHER_SUBNET, PUBLIC),
        ("198.51.100.20", CLIENT),
    ]


def test_over_public_addresses_even_neighbours_cross_the_subnets_edge() -> None:
    lab = Lab().ingress("sg-client", permission("tcp", 80, cidr="0.0.0.0/0")).deny("a1", egress=False)
    address = lab.find("NetworkInterfaces", "eni-neighbour")["PrivateIpAddresses"][0]
    address["Association"] = {"PublicIp": "198.51.100.20"}
    assert one(lab, tcp(NEIGHBOUR, CLIENT)).outcome == "delivered"
    assert actions(one(lab, tcp(NEIGHBOUR, PUBLIC))) == [("neighbour", "ACCEPT"), ("client", "REJECT")]


def test_a_stopped_instance_neither_sends_nor_sees() -> None:
    lab = Lab().ingress("sg-server", WEB)
    lab.find("Instances", "i-server")["State"]["Name"] = "stopped"
    assert actions(one(lab, tcp(CLIENT, SERVER))) == [("client", "ACCEPT")]
    assert one(lab, tcp(SERVER, CLIENT)).sightings == ()
    assert actions(one(lab, tcp(CLIENT, "10.2.1.99"))) == [("client", "ACCEPT")]


# --- network ACLs


def test_acls_stand_at_the_edge_of_a_subnet_only() -> None:
    lab = Lab().ingress("sg-client", permission("-1", cidr="0.0.0.0/0"))
    lab.deny("a1", egress=True).deny("a1", egress=False)
    inside = one(lab, tcp(CLIENT, NEIGHBOUR))
    assert inside.outcome == "delivered" and inside.sightings[0].traffic_path == 1
    assert not any(hop.kind == "acl" for hop in inside.hops)
    assert actions(one(lab, tcp(CLIENT, OTHER_SUBNET))) == [("client", "REJECT")]
    assert actions(one(lab, tcp(OTHER_SUBNET, CLIENT))) == [("other", "ACCEPT"), ("client", "REJECT")]


def test_the_lowest_number_decides_whatever_the_order_of_the_page() -> None:
    lab = Lab().ingress("sg-server", WEB)
    out = acl_entry(100, True, "allow")
    lab.acl("b1", acl_entry(200, False, "allow"), acl_entry(90, False, "deny", "6", ports=(80, 80)), out)
    result = one(lab, tcp(CLIENT, SERVER))
    assert result.deciding and result.deciding.text == "network ACL acl-b1: rule 90: deny tcp 80 from 0.0.0.0/0"
    lab.acl("b1", acl_entry(90, False, "allow"), acl_entry(95, False, "deny"), out)
    assert one(lab, tcp(CLIENT, SERVER)).outcome == "delivered"


def test_an_acl_without_a_final_entry_denies_all_the_same() -> None:
    result = one(Lab().ingress("sg-server", WEB).acl("b1"), tcp(CLIENT, SERVER))
    assert result.deciding and result.deciding.text == "network ACL acl-b1: rule *: deny all traffic"


def test_icmp_type_and_code_in_acls_and_groups() -> None:
    lab = Lab().ingress(
        "sg-server", permission("icmp", 3, 4, cidr="0.0.0.0/0"), permission("icmp", 8, -1, cidr="0.0.0.0/0")
    )

    def outcome(kind: int, code: int) -> str:
        return one(lab, make_packet(CLIENT, SERVER, 1, icmp_type=kind, icmp_code=code)).outcome

    assert [outcome(8, 0), outcome(3, 4), outcome(3, 3), outcome(13, 0)] == [
        *("delivered", "delivered", "rejected", "rejected")
    ]
    lab.deny("b1", egress=False, protocol="1", icmp=(8, -1))
    assert [outcome(8, 0), outcome(3, 4)] == ["rejected", "delivered"]


# --- security groups


@pytest.mark.parametrize(
    ("rule", "port", "outcome"),
    [
        (permission("tcp", 80, cidr="10.1.1.0/24"), 80, "delivered"),
        (permission("tcp", 80, cidr="10.1.2.0/24"), 80, "rejected"),
        (permission("tcp", 1000, 2000, cidr="10.1.0.0/16"), 1000, "delivered"),
        (permission("tcp", 1000, 2000, cidr="10.1.0.0/16"), 2000, "delivered"),
        (permission("tcp", 1000, 2000, cidr="10.1.0.0/16"), 2001, "rejected"),
        (permission("udp", 80, cidr="10.1.0.0/16"), 80, "rejected"),
        (permission("6", 80, cidr="10.1.0.0/16"), 80, "delivered"),
        (permission("tcp", cidr="10.1.0.0/16"), 5, "delivered"),
        (permission("tcp", -1, -1, cidr="10.1.0.0/16"), 5, "delivered"),
        (permission("-1", cidr="10.1.1.10/32"), 5, "delivered"),
        (permission("tcp", 80, cidr6="::/0"), 80, "rejected"),
        (permission("tcp", 80, group="sg-client"), 80, "delivered"),
        (permission("tcp", 80, group="sg-server"), 80, "rejected"),
        (permission("tcp", 80, prefix_list="pl-1"), 80, "delivered"),
        (permission("tcp", 80, prefix_list="pl-2"), 80, "rejected"),
        (permission("tcp", 80, prefix_list="pl-unread"), 80, "rejected"),
    ],
)
def test_one_rule(rule: dict[str, Any], port: int, outcome: str) -> None:
    lab = Lab().ingress("sg-server", rule)
    lab.pages["ManagedPrefixLists"] = [
        {
            "PrefixListId": "pl-1",
            "PrefixListName": "ours",
            "Entries": [{"Cidr": "192.0.2.0/24"}, {"Cidr": "10.1.0.0/16"}],
        },
        {"PrefixListId": "pl-2", "PrefixListName": "theirs", "Entries": [{"Cidr": "192.0.2.0/24"}]},
        {"PrefixListId": "pl-unread", "PrefixListName": "aws"},
    ]
    assert one(lab, tcp(CLIENT, SERVER, port)).outcome == outcome


def test_a_prefix_list_that_was_not_read_is_named() -> None:
    result = one(Lab().ingress("sg-server", permission("tcp", 80, prefix_list="pl-1")), tcp(CLIENT, SERVER))
    assert "(the entries of pl-1 were not read)" in str(result)


def test_groups_are_a_union() -> None:
    lab = Lab().ingress("sg-server", permission("tcp", 22, cidr="10.1.0.0/16")).ingress("sg-client", WEB)
    lab.find("NetworkInterfaces", "eni-server")["Groups"].append({"GroupId": "sg-client"})
    assert [one(lab, tcp(CLIENT, SERVER, port)).outcome for port in (22, 80, 81)] == [
        "delivered",
        "delivered",
        "rejected",
    ]


def test_a_reference_to_a_peers_group_holds_while_the_peering_is_active_and_in_one_region() -> None:
    lab = Lab().egress("sg-client", permission("tcp", 80, group="sg-server"))
    lab.ingress("sg-server", permission("tcp", 80, group="sg-client"))
    assert one(lab, tcp(CLIENT, SERVER)).outcome == "delivered"
    peering = lab.find("VpcPeeringConnections", "pcx-ab")
    peering["Status"]["Code"] = "deleted"
    assert actions(one(lab, tcp(CLIENT, SERVER))) == [("client", "REJECT")]  # the reference is stale
    peering["Status"]["Code"] = "active"
    peering["AccepterVpcInfo"]["Region"] = "eu-west-1"
    assert actions(one(lab, tcp(CLIENT, SERVER))) == [("client", "REJECT")]


@pytest.mark.parametrize("group", ["sg-client", "sg-twin"])
def test_a_reference_holds_for_each_of_two_peers_with_equal_addresses(group: str) -> None:
    """A third VPC, with the client's addresses and peered with the server's: a rule may refer to either one's group."""
    lab = Lab().ingress("sg-server", permission("tcp", 80, group=group))
    lab.pages["Vpcs"].append(lab.find("Vpcs", "vpc-a") | {"VpcId": "vpc-c"})
    lab.pages["Subnets"].append(lab.find("Subnets", "subnet-a1") | {"SubnetId": "subnet-c1", "VpcId": "vpc-c"})
    lab.pages["RouteTables"].append(route_table("c", "c", ("10.2.0.0/16", "pcx-bc"), local="10.1.0.0/16"))
    lab.pages["SecurityGroups"].append(security_group("sg-twin", "c", []))
    lab.pages["NetworkInterfaces"].append(interface("twin", Machine(CLIENT, "c1", ("sg-twin",)), "vpc-c"))
    ends = {"RequesterVpcInfo": {"VpcId": "vpc-c", "Region": "us-east-1"}, "VpcPeeringConnectionId": "pcx-bc"}
    lab.pages["VpcPeeringConnections"].append(lab.find("VpcPeeringConnections", "pcx-ab") | ends)
    acl = lab.find("NetworkAcls", "acl-a1") | {"NetworkAclId": "acl-c1", "VpcId": "vpc-c"}
    lab.pages["NetworkAcls"].append(acl | {"Associations": [{"SubnetId": "subnet-c1"}]})
    instance = lab.find("Instances", "i-client") | {"InstanceId": "i-twin"}
    lab.pages["Instances"].append(instance)
    sender = f"eni-{group.removeprefix('sg-')}"
    assert one(lab, replace(tcp(CLIENT, SERVER), source_interface=sender)).outcome == "delivered"


def test_rule_ids_are_named_when_they_were_read() -> None:
    lab = Lab().ingress("sg-server", permission("tcp", 80, group="sg-client"))
    lab.pages["SecurityGroupRules"] = [
        {
            "SecurityGroupRuleId": "sgr-1",
            "GroupId": "sg-server",
            "IsEgress": False,
            "IpProtocol": "tcp",
            "FromPort": 80,
            "ToPort": 80,
            "ReferencedGroupInfo": {"GroupId": "sg-client"},
        }
    ]
    assert "sgr-1, tcp 80 from sg-client" in str(one(lab, tcp(CLIENT, SERVER)))


# --- addresses


def test_secondary_addresses_show_as_the_primary_one() -> None:
    lab = Lab().ingress("sg-server", WEB)
    lab.find("NetworkInterfaces", "eni-server")["PrivateIpAddresses"].append(
        {"PrivateIpAddress": "10.2.1.20", "Primary": False}
    )
    topology = lab.topology()
    result, connections = trace(topology, tcp(CLIENT, "10.2.1.20"), Connections())
    client, server = result.sightings
    assert (client.dst, client.pkt_dst) == ("10.2.1.20", "10.2.1.20")
    assert (server.dst, server.pkt_dst) == (SERVER, "10.2.1.20")
    reply, _ = trace(topology, tcp(CLIENT, "10.2.1.20", flags=SYN_ACK, back=True), connections)
    server, client = reply.sightings
    assert (server.src, server.pkt_src) == (SERVER, "10.2.1.20")
    assert (client.src, client.pkt_src) == ("10.2.1.20", "10.2.1.20")


def ipv6(lab: Lab) -> Lab:
    for vpc, subnet, name, prefix in (
        ("vpc-a", "subnet-a1", "client", "1"),
        ("vpc-b", "subnet-b1", "server", "2"),
    ):
        state = {"State": "associated"}
        for key, item, length in (("Vpcs", vpc, 56), ("Subnets", subnet, 64)):
            lab.find(key, item)["Ipv6CidrBlockAssociationSet"] = [
                {"Ipv6CidrBlock": f"2001:db8:{prefix}::/{length}", "Ipv6CidrBlockState": state}
            ]
        lab.find("NetworkInterfaces", f"eni-{name}")["Ipv6Addresses"] = [{"Ipv6Address": f"2001:db8:{prefix}::10"}]
    for table, other in (("rtb-a", "2"), ("rtb-b", "1")):
        route = {"DestinationIpv6CidrBlock": f"2001:db8:{other}::/56", "VpcPeeringConnectionId": "pcx-ab"}
        lab.find("RouteTables", table)["Routes"].append(route)
    lab.egress("sg-client", permission("-1", cidr6="::/0"), permission("-1", cidr="0.0.0.0/0"))
    return lab


def test_ipv6_needs_rules_and_entries_of_its_own() -> None:
    lab = ipv6(Lab().ingress("sg-server", permission("tcp", 80, cidr6="2001:db8:1::/56")))
    packet = tcp("2001:db8:1::10", "2001:db8:2::10")
    assert actions(one(lab, packet)) == [("client", "REJECT")]  # the ACL speaks of IPv4 only
    for subnet in ("a1", "b1"):
        lab.find("NetworkAcls", f"acl-{subnet}")["Entries"] += [
            acl_entry(101, way, "allow", cidr="::/0") for way in (False, True)
        ]
    result = one(lab, packet)
    assert result.outcome == "delivered" and result.sightings[1].dst == "2001:db8:2::10"
    assert one(lab, tcp(CLIENT, SERVER)).outcome == "rejected"
    assert one(lab, tcp("2001:DB8:1:0::10", "2001:db8:2::10")).outcome == "delivered"
    lab.find("RouteTables", "rtb-a")["Routes"].append({"DestinationIpv6CidrBlock": "::/0", "GatewayId": "igw-a"})
    out = one(lab, tcp("2001:db8:1::10", "2001:db8:ffff::1"))
    assert out.outcome == "delivered" and out.sightings[0].traffic_path == 8
    assert one(lab, tcp("2001:db8:ffff::1", "2001:db8:1::10")).outcome == "rejected"


def test_packets_that_cannot_be() -> None:
    topology = Lab().topology()
    with pytest.raises(AddressError, match=r"'10\.1\.1\.300'"):
        one(topology, tcp(CLIENT, "10.1.1.300"))
    with pytest.raises(PacketError, match="one address is IPv4"):
        one(topology, tcp(CLIENT, "2001:db8::1"))


@pytest.mark.parametrize(
    ("sender", "why"),
    [("eni-server", "does not hold 10.1.1.10"), ("eni-gone", "no such interface"), (None, "no interface is named")],
)
def test_what_its_interface_does_not_send_is_lost_and_nobody_counts_it(sender: str | None, why: str) -> None:
    packet = Packet(CLIENT, SERVER, 6, 40000, 80, SYN, source_interface=sender)
    result, _ = real_trace(Lab().topology(), packet, Connections())
    assert (result.outcome, result.sightings) == ("lost", ()) and why in str(result)


def test_two_interfaces_with_one_address() -> None:
    """Each sends in its own VPC, to the neighbours there, whatever another VPC holds."""
    lab = third_vpc(Lab().ingress("sg-server", WEB))
    lab.pages["NetworkInterfaces"].append(interface("double", Machine(CLIENT, "c1", ("sg-client",)), "vpc-c"))
    for sender, target in (("eni-client", NEIGHBOUR), ("eni-client", SERVER), ("eni-double", "10.3.1.10")):
        named = make_packet(CLIENT, target, 6, 40000, 80, SYN, source_interface=sender)
        assert one(lab, named).sightings[0].interface_id == sender


# --- reading


@pytest.mark.parametrize(
    ("pages", "says"),
    [
        ({"Subnet": []}, "Subnet is not a reply key"),
        (
            {"Subnets": [{"SubnetId": "subnet-1", "VpcId": "v", "CidrBlock": "10.0.0.0/33"}]},
            r"Subnets\[0\] \(subnet-1\)",
        ),
        ({"Subnets": [{"SubnetId": "subnet-1", "CidrBlock": "10.0.0.0/24"}]}, "'VpcId' is missing"),
        ({"Vpcs": [{"VpcId": "vpc-1", "CidrBlock": "10.0.0/16"}]}, r"Vpcs\[0\] \(vpc-1\): '10.0.0' is not"),
        (
            {"SecurityGroups": [{"GroupId": "sg-1", "IpPermissions": [{"IpProtocol": "tpc"}]}]},
            r"SecurityGroups\[0\] \(sg-1\): protocol 'tpc'",
        ),
        (
            {"NetworkAcls": [{"NetworkAclId": "acl-1", "VpcId": "v", "Entries": [acl_entry(1, True, "permit")]}]},
            r"NetworkAcls\[0\] \(acl-1\): entry 1: RuleAction is 'permit'",
        ),
        ({"NetworkInterfaces": ["eni-1"]}, r"NetworkInterfaces\[0\] \(\?\)"),
    ],
)
def test_what_cannot_be_read_is_named(pages: dict[str, Any], says: str) -> None:
    with pytest.raises(TopologyError, match=says):
        Topology.from_describe(None, **pages)


def test_a_topology_travels() -> None:
    topology = Lab().ingress("sg-server", WEB).topology()
    result, connections = trace(topology, tcp(CLIENT, SERVER), Connections())
    again, known = pickle.loads(pickle.dumps((topology, connections)))
    assert again == topology and known == connections
    assert trace(again, tcp(CLIENT, SERVER), Connections())[0] == result
    reply = tcp(CLIENT, SERVER, flags=SYN_ACK, back=True)
    assert trace(again, reply, known)[0] == trace(topology, reply, connections)[0]
    assert len(pickle.dumps(topology)) < 20_000


# --- tracking


def send(steps: list[tuple[Lab, Packet]]) -> list[str]:
    connections, outcomes = Connections(), []
    for lab, packet in steps:
        result, connections = trace(lab.topology(), packet, connections)
        outcomes.append(result.outcome)
    return outcomes


def test_a_tracked_connection_survives_the_removal_of_its_rule() -> None:
    open_, shut = Lab().ingress("sg-server", WEB), Lab()
    handshake = [(open_, tcp(CLIENT, SERVER)), (open_, tcp(CLIENT, SERVER, flags=SYN_ACK, back=True))]
    data = [(shut, tcp(CLIENT, SERVER, flags=ACK)), (shut, tcp(CLIENT, SERVER, flags=ACK, back=True))]
    again = [(shut, tcp(CLIENT, SERVER))]
    assert send(handshake + data + again) == ["delivered"] * 4 + ["rejected"]


def test_an_untracked_connection_is_cut_at_once() -> None:
    open_, shut = Lab().ingress("sg-server", permission("tcp", 80, cidr="0.0.0.0/0")), Lab()
    handshake = [(open_, tcp(CLIENT, SERVER)), (open_, tcp(CLIENT, SERVER, flags=SYN_ACK, back=True))]
    assert send([*handshake, (shut, tcp(CLIENT, SERVER, flags=ACK))]) == [
        "delivered",
        "delivered",
        "rejected",
    ]
    narrow = Lab().ingress("sg-server", permission("tcp", 80, cidr="0.0.0.0/0")).egress("sg-server", WEB)
    no_egress = Lab().egress("sg-server")
    handshake = [(narrow, tcp(CLIENT, SERVER)), (narrow, tcp(CLIENT, SERVER, flags=SYN_ACK, back=True))]
    assert send([*handshake, (no_egress, tcp(CLIENT, SERVER, flags=ACK))]) == ["delivered"] * 3  # tracked after all


def test_a_rule_for_one_host_tracks_it_though_everyone_is_allowed() -> None:
    rules = [permission("tcp", 80, cidr="0.0.0.0/0"), permission("tcp", 80, cidr=f"{CLIENT}/32")]
    both, shut = Lab().ingress("sg-server", *rules), Lab()
    assert send([(both, tcp(CLIENT, SERVER)), (shut, tcp(CLIENT, SERVER, flags=ACK))]) == [
        "delivered",
        "delivered",
    ]


@pytest.mark.parametrize(
    ("pause", "packets", "outcome"),
    [(29, 1, "delivered"), (31, 1, "rejected"), (170, 3, "delivered"), (190, 3, "rejected")],
)
def test_udp_is_remembered_for_30_seconds_and_a_stream_for_180(pause: int, packets: int, outcome: str) -> None:
    lab = Lab().ingress("sg-server", permission("udp", 53, cidr="10.1.0.0/16"))
    there, back = make_packet(CLIENT, SERVER, 17, 40000, 53), make_packet(SERVER, CLIENT, 17, 53, 40000)
    steps = [(lab, (there, back)[place % 2]) for place in range(packets)]
    late = make_packet(SERVER, CLIENT, 17, 53, 40000, at=pause)
    assert send([*steps, (lab, late)])[-1] == outcome


def test_icmp_is_always_tracked_and_a_new_ping_is_new() -> None:
    open_, shut = (
        Lab().ingress("sg-server", permission("icmp", -1, -1, cidr="0.0.0.0/0")),
        Lab().egress("sg-server"),
    )

    def ping(identifier: int | None, at: float, back: bool = False) -> Packet:
        src, dst = (SERVER, CLIENT) if back else (CLIENT, SERVER)
        return make_packet(src, dst, 1, icmp_type=0 if back else 8, icmp_code=0, icmp_id=identifier, at=at)

    first = [(open_, ping(1, 0)), (open_, ping(1, 0, back=True))]
    assert send([*first, (shut, ping(1, 1)), (shut, ping(1, 1, back=True))]) == ["delivered"] * 4
    assert send([*first, (shut, ping(2, 1))])[-1] == "rejected"
    assert send([*first, (shut, ping(1, 60))])[-1] == "rejected"
    assert send([(open_, ping(None, 0)), (shut, ping(None, 1, back=True)), (shut, ping(None, 1))]) == [
        *("delivered", "delivered", "rejected")
    ]
    assert send([(shut, ping(1, 0, back=True))]) == ["rejected"]


def test_an_icmp_error_passes_when_it_is_about_a_live_connection() -> None:
    lab = Lab().ingress("sg-server", permission("udp", 33434, cidr="10.1.0.0/16")).egress("sg-server")
    unreachable = make_packet(SERVER, CLIENT, 1, icmp_type=3, icmp_code=3, at=1)
    assert send([(lab, make_packet(CLIENT, SERVER, 17, 40000, 33434)), (lab, unreachable)]) == [
        "delivered",
        "delivered",
    ]
    assert send([(lab, unreachable)]) == ["rejected"]


def test_other_protocols_are_remembered_by_address_for_600_seconds() -> None:
    lab = Lab().ingress("sg-server", permission("47", cidr="10.1.0.0/16"))
    for pause, outcome in ((599, "delivered"), (601, "rejected")):
        steps = [(lab, make_packet(CLIENT, SERVER, 47)), (lab, make_packet(SERVER, CLIENT, 47, at=pause))]
        assert send(steps)[-1] == outcome


def test_a_reset_closes_and_a_new_handshake_opens_again() -> None:
    lab = Lab().ingress("sg-server", WEB)
    steps = [tcp(CLIENT, SERVER), tcp(CLIENT, SERVER, flags=RST | ACK, back=True)]
    steps += [
        tcp(CLIENT, SERVER, flags=ACK),
        tcp(CLIENT, SERVER),
        tcp(CLIENT, SERVER, flags=SYN_ACK, back=True),
    ]
    assert send([(lab, packet) for packet in steps]) == [
        *("delivered", "delivered", "rejected", "delivered", "delivered")
    ]


def test_a_half_closed_connection_still_carries_data() -> None:
    lab = Lab().ingress("sg-server", WEB)
    steps = [
        tcp(CLIENT, SERVER),
        tcp(CLIENT, SERVER, flags=SYN_ACK, back=True),
        tcp(CLIENT, SERVER, flags=FIN | ACK),
    ]
    steps += [tcp(CLIENT, SERVER, flags=ACK, back=True), tcp(CLIENT, SERVER, flags=ACK)] * 3
    closing = [tcp(CLIENT, SERVER, flags=FIN | ACK, back=True), tcp(CLIENT, SERVER, flags=ACK)]
    late = tcp(CLIENT, SERVER, flags=ACK)
    outcomes = send([(lab, packet) for packet in (*steps, *closing, late)])
    assert set(outcomes[:-1]) == {"delivered"} and outcomes[-1] == "rejected"


def test_connections_are_values() -> None:
    topology = Lab().ingress("sg-server", WEB).topology()
    empty = Connections()
    _, after = trace(topology, tcp(CLIENT, SERVER), empty)
    _, same = trace(topology, tcp(CLIENT, SERVER), empty)
    assert len(empty) == 0 and len(after) == 2 and after == same and hash(after) == hash(same)
    many = empty
    for port in range(1024, 3024):
        _, many = trace(topology, make_packet(CLIENT, SERVER, 6, port, 80, SYN, at=float(port)), many)
    assert len(many) == 4000 and len(after) == 2
    assert all(many.get(key) == entry for key, entry in many.items())


def test_a_peering_into_a_vpc_that_was_not_read_carries_the_packet_out_of_sight() -> None:
    """Another account's VPC is in no describe call: what left is an egress ACCEPT all the same."""
    lab = Lab()
    topology = replace(lab.topology(), vpcs=tuple(one for one in lab.topology().vpcs if one.id != "vpc-b"))
    result, _ = trace(topology, make_packet(CLIENT, SERVER, 6, 40000, 80, 2), Connections())
    assert result.outcome == "lost" and "not in this topology" in str(result.deciding)
    assert [(one.direction, one.action, one.traffic_path) for one in result.sightings] == [("egress", "ACCEPT", 4)]


@pytest.mark.parametrize(
    ("zone", "region"),
    [
        ("us-east-1a", "us-east-1"),
        ("us-west-2-lax-1a", "us-west-2"),
        ("us-east-1-wl1-bos-wlz-1", "us-east-1"),
        ("us-gov-west-1b", "us-gov-west-1"),
        (None, None),
    ],
)
def test_the_region_of_a_zone(zone: str | None, region: str | None) -> None:
    assert Subnet("subnet-1", "vpc-1", (), zone).region == region
