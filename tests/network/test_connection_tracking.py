"""Every sentence of "Security group connection tracking" (Amazon EC2 User Guide) as a change between two packets.

A row gives the network before and after the change, and what becomes of the packets on both sides of it. Sentences
about parts that are not simulated have no row: automatically tracked connections (load balancers, NAT and transit
gateways, endpoints) and throttling.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import pytest

from helpers.network import Connections, Packet
from tests.network.lab import CLIENT, SERVER, Lab
from tests.support.senders import make_packet, trace
from tests.support.two_vpcs import EVERYWHERE, Page, acl_entry, permission

SYN, SYN_ACK, ACK = 2, 18, 16
EVERYWHERE6 = "::/0"
CLIENT6, SERVER6 = "2001:db8:a:1::10", "2001:db8:b:1::10"
RESOLVER = "10.1.0.2"
DAYS = 86_400.0
PASSES = "delivered"
INTO, OUT_OF = "rejected at server ingress", "rejected at server egress"

SSH_HOST = permission("tcp", 22, cidr=f"{CLIENT}/32")
SSH_ALL = permission("tcp", 22, cidr=EVERYWHERE)
SSH_OTHERS = permission("tcp", 22, cidr="10.9.0.0/16")
SSH_NEIGHBOURS = permission("tcp", 22, cidr="10.1.0.0/16")
HTTP, HTTP6 = permission("tcp", 80, cidr=EVERYWHERE), permission("tcp", 80, cidr6=EVERYWHERE6)
ICMP = permission("icmp", -1, -1, cidr=EVERYWHERE)
ALL, ALL6 = permission("-1", cidr=EVERYWHERE), permission("-1", cidr6=EVERYWHERE6)
DNS_HOST, DNS_ALL = permission("udp", 53, cidr=f"{CLIENT}/32"), permission("udp", 53, cidr=EVERYWHERE)
GRE = permission("47", cidr="10.0.0.0/8")

Change = Callable[[Lab], Lab]


def server(inbound: Sequence[Page], outbound: Sequence[Page] = (ALL, ALL6)) -> Change:
    """The server's group with these rules."""
    return lambda lab: lab.ingress("sg-server", *inbound).egress("sg-server", *outbound)


def client(inbound: Sequence[Page], outbound: Sequence[Page]) -> Change:
    """The client's group with these rules; the server's lets everything in and out."""
    return lambda lab: server([ALL])(lab).ingress("sg-client", *inbound).egress("sg-client", *outbound)


def denied(subnet: str, egress: bool, rules: Change) -> Change:
    """The same groups behind an ACL that blocks one direction."""
    return lambda lab: rules(lab).deny(subnet, egress=egress)


EXAMPLE = server([SSH_HOST, HTTP, HTTP6, ICMP])
SHUT = server([])


def ask(port: int, flags: int = SYN, at: float = 0.0, *, ipv6: bool = False) -> Packet:
    """A TCP packet of the client."""
    source, destination = (CLIENT6, SERVER6) if ipv6 else (CLIENT, SERVER)
    return make_packet(source, destination, 6, 40000, port, flags, at=at)


def answer(port: int, flags: int = SYN_ACK, at: float = 0.0, *, ipv6: bool = False) -> Packet:
    """A TCP packet of the server."""
    source, destination = (SERVER6, CLIENT6) if ipv6 else (SERVER, CLIENT)
    return make_packet(source, destination, 6, port, 40000, flags, at=at)


def handshake(port: int, *, ipv6: bool = False) -> list[tuple[Packet, str]]:
    packets = ask(port, ipv6=ipv6), answer(port, ipv6=ipv6), ask(port, ACK, ipv6=ipv6)
    return [(packet, PASSES) for packet in packets]


def data(port: int, asked: str, answered: str = "", at: float = 1.0, *, ipv6: bool = False) -> list[tuple[Packet, str]]:
    """A packet of the client on an open connection and the server's reply, which is left out where none can come."""
    reply = [(answer(port, ACK, at, ipv6=ipv6), answered)] if answered else []
    return [(ask(port, ACK, at, ipv6=ipv6), asked), *reply]


def datagrams(*times: float, ends: str = PASSES) -> list[tuple[Packet, str]]:
    """UDP to and fro between client and server; the last one fares as given."""
    sides = [(CLIENT, SERVER, 40000, 53), (SERVER, CLIENT, 53, 40000)]
    packets = [make_packet(a, b, 17, c, d, at=at) for at, (a, b, c, d) in zip(times, sides * 3, strict=False)]
    return [*((packet, PASSES) for packet in packets[:-1]), (packets[-1], ends)]


def ping(at: float, asked: str, answered: str = "", number: int = 1) -> list[tuple[Packet, str]]:
    """An echo request and its reply."""
    request = make_packet(CLIENT, SERVER, 1, icmp_type=8, icmp_code=0, icmp_id=number, at=at)
    reply = make_packet(SERVER, CLIENT, 1, icmp_type=0, icmp_code=0, icmp_id=number, at=at)
    return [(request, asked), *([(reply, answered)] if answered else [])]


def other(at: float, ends: str, *, back: bool = False) -> list[tuple[Packet, str]]:
    """A packet of a protocol without ports (GRE)."""
    pair = (SERVER, CLIENT) if back else (CLIENT, SERVER)
    return [(make_packet(*pair, 47, at=at), ends)]


@dataclass(frozen=True)
class Row:
    """Packets with what becomes of each, in the network before and after a change."""

    before: Change
    packets_before: Sequence[tuple[Packet, str]]
    after: Change
    packets_after: Sequence[tuple[Packet, str]]


ROWS = {
    # --- statefulness
    "responses to inbound traffic flow out regardless of outbound rules": Row(
        server([SSH_HOST], []), handshake(22), server([SSH_HOST], []), data(22, PASSES, PASSES)
    ),
    "responses to outbound traffic flow in regardless of inbound rules": Row(
        client([], [ALL]), handshake(22), client([], [ALL]), data(22, PASSES, PASSES)
    ),
    "a response to ICMP leaves though outbound rules restrict ICMP": Row(
        server([ICMP], []), ping(0, PASSES, PASSES), server([ICMP], []), ping(1, PASSES, PASSES)
    ),
    "what answers no request is not response traffic": Row(
        server([ICMP], []), [], server([ICMP], []), [(ping(0, "", OUT_OF)[1][0], OUT_OF)]
    ),
    # --- other protocols
    "other protocols are tracked by address and number for 600 seconds": Row(
        server([GRE], []), other(0, PASSES), SHUT, other(599, PASSES, back=True)
    ),
    "after 600 seconds the same type of traffic is no longer response traffic": Row(
        server([GRE], []), other(0, PASSES), server([], []), other(601, OUT_OF, back=True)
    ),
    "the same type of traffic from outside is accepted after the instance's own": Row(
        server([], [ALL]), other(0, PASSES, back=True), server([], []), other(599, PASSES)
    ),
    "and not 601 seconds later": Row(server([], [ALL]), other(0, PASSES, back=True), server([], []), other(601, INTO)),
    # --- a changed rule
    "a tracked connection is not interrupted when its rule is removed": Row(
        EXAMPLE, handshake(22), SHUT, [*data(22, PASSES, PASSES), (ask(22, SYN, 2), INTO)]
    ),
    "a tracked connection is not interrupted when all rules are removed": Row(
        EXAMPLE, handshake(22), server([], []), data(22, PASSES, PASSES)
    ),
    "a narrower rule that no longer names the client leaves its tracked connection": Row(
        server([SSH_HOST]), handshake(22), server([SSH_OTHERS]), [*data(22, PASSES, PASSES), (ask(22, SYN, 2), INTO)]
    ),
    "packets are allowed until the connection times out": Row(
        EXAMPLE, handshake(22), SHUT, data(22, PASSES, PASSES, at=5 * DAYS - 1)
    ),
    "a timed-out connection meets the rules": Row(EXAMPLE, handshake(22), SHUT, data(22, INTO, at=5 * DAYS + 1)),
    "every packet puts the time-out off": Row(
        EXAMPLE, handshake(22), SHUT, [*data(22, PASSES, PASSES, at=4 * DAYS), *data(22, PASSES, PASSES, at=8 * DAYS)]
    ),
    "a tracked UDP flow is not interrupted when its rule is removed": Row(
        server([DNS_HOST]), datagrams(0, 0), server([], []), datagrams(1, 2)
    ),
    # --- network ACLs
    **{
        f"an ACL that blocks {where} breaks {kind} connections": Row(
            EXAMPLE, handshake(port), denied(subnet, egress, EXAMPLE), data(port, asked, answered)
        )
        for kind, port in (("tracked", 22), ("untracked", 80))
        for where, subnet, egress, asked, answered in (
            ("the way in", "b1", False, INTO, ""),
            ("the way out", "b1", True, PASSES, OUT_OF),
            ("the way out at the other end", "a1", True, "rejected at client egress", ""),
            ("the way in at the other end", "a1", False, PASSES, "rejected at client ingress"),
        )
    },
    "an ACL breaks ICMP": Row(EXAMPLE, ping(0, PASSES, PASSES), denied("b1", True, EXAMPLE), ping(1, PASSES, OUT_OF)),
    "an ACL does not allow response traffic by itself": Row(
        EXAMPLE,
        handshake(22),
        lambda lab: EXAMPLE(lab).acl("b1", acl_entry(100, False, "allow")),
        data(22, PASSES, OUT_OF),
    ),
    "a connection goes on when the ACL lets it pass again": Row(
        denied("b1", True, EXAMPLE),
        [(ask(22), PASSES), (answer(22), OUT_OF)],
        EXAMPLE,
        [(answer(22, SYN_ACK, 1), PASSES), *data(22, PASSES, PASSES)],
    ),
    # --- untracked connections
    "an untracked flow is interrupted when its rule is removed": Row(
        server([SSH_ALL]), handshake(22), SHUT, data(22, INTO)
    ),
    "an untracked flow is interrupted when its rule no longer permits it": Row(
        server([SSH_ALL]), handshake(22), server([SSH_OTHERS]), data(22, INTO)
    ),
    "an untracked flow goes on when its rule is modified and still permits it": Row(
        server([SSH_ALL]), handshake(22), server([SSH_NEIGHBOURS]), data(22, PASSES, PASSES)
    ),
    "an untracked UDP flow is interrupted when its rule is removed": Row(
        server([DNS_ALL]), datagrams(0, 0), SHUT, datagrams(1, ends=INTO)
    ),
    "an untracked response is allowed by the rule that permits it, not by tracking": Row(
        server([SSH_ALL]), handshake(22), server([SSH_ALL], []), [(answer(22, ACK, 1), OUT_OF)]
    ),
    "an untracked response passes though the rule of its request is gone": Row(
        server([SSH_ALL]), handshake(22), SHUT, [(answer(22, ACK, 1), PASSES)]
    ),
    "an untracked flow of the sender is interrupted when its outbound rule is removed": Row(
        client([ALL], [ALL]), handshake(22), client([ALL], []), data(22, "rejected at client egress")
    ),
    "a flow is tracked where the other direction is not open to all addresses": Row(
        server([SSH_ALL], [permission("-1", cidr="10.0.0.0/8")]), handshake(22), SHUT, data(22, PASSES, PASSES)
    ),
    "a flow is tracked where the other direction is not open on all ports": Row(
        server([SSH_ALL], [permission("tcp", 1, 65535, cidr=EVERYWHERE)]), handshake(22), SHUT, data(22, PASSES, PASSES)
    ),
    "a flow is tracked where the other direction is open for another protocol": Row(
        server([SSH_ALL], [permission("udp", 0, 65535, cidr=EVERYWHERE)]), handshake(22), SHUT, data(22, PASSES, PASSES)
    ),
    "a flow is untracked where the other direction is open on ports 0 to 65535": Row(
        server([SSH_ALL], [permission("tcp", 0, 65535, cidr=EVERYWHERE)]), handshake(22), SHUT, data(22, INTO)
    ),
    # --- the example
    "SSH is tracked, because its rule is for one host": Row(
        EXAMPLE, handshake(22), server([HTTP, HTTP6, ICMP]), data(22, PASSES, PASSES)
    ),
    "HTTP is not tracked, because both directions allow all addresses": Row(
        EXAMPLE, handshake(80), server([SSH_HOST, HTTP6, ICMP]), data(80, INTO)
    ),
    "HTTP over IPv6 is not tracked either": Row(
        EXAMPLE, handshake(80, ipv6=True), server([SSH_HOST, HTTP, ICMP]), data(80, INTO, ipv6=True)
    ),
    "ICMP is always tracked": Row(
        EXAMPLE, ping(0, PASSES, PASSES), server([SSH_HOST, HTTP, HTTP6], []), ping(1, PASSES, PASSES)
    ),
    "another ping is another connection": Row(EXAMPLE, ping(0, PASSES, PASSES), SHUT, ping(1, INTO, number=2)),
    "without the outbound rule for IPv4 HTTP is tracked": Row(
        server([SSH_HOST, HTTP, HTTP6, ICMP], [ALL6]), handshake(80), server([], []), data(80, PASSES, PASSES)
    ),
    "without the outbound rule for IPv4 HTTP over IPv6 stays untracked": Row(
        server([HTTP, HTTP6], [ALL6]), handshake(80, ipv6=True), server([], [ALL6]), data(80, INTO, ipv6=True)
    ),
    "without the outbound rule for IPv6 HTTP over IPv6 is tracked": Row(
        server([HTTP, HTTP6], [ALL]), handshake(80, ipv6=True), server([], []), data(80, PASSES, PASSES, ipv6=True)
    ),
    "without the outbound rule for IPv6 HTTP over IPv4 stays untracked": Row(
        server([HTTP, HTTP6], [ALL]), handshake(80), server([], [ALL]), data(80, INTO)
    ),
    # --- time-outs
    "UDP in a single direction is remembered for 30 seconds": Row(
        server([DNS_HOST], []), datagrams(0), server([], []), datagrams(0, 29)[1:]
    ),
    "UDP in a single direction is forgotten after 30 seconds": Row(
        server([DNS_HOST], []), datagrams(0), server([], []), datagrams(0, 31, ends=OUT_OF)[1:]
    ),
    "one request and its response are remembered for 30 seconds": Row(
        server([DNS_HOST]), datagrams(0, 0), server([], []), datagrams(29)
    ),
    "one request and its response are forgotten after 30 seconds": Row(
        server([DNS_HOST]), datagrams(0, 0), server([], []), datagrams(31, ends=INTO)
    ),
    "a stream of more than one request and response is remembered for 180 seconds": Row(
        server([DNS_HOST]), datagrams(0, 0, 1, 1), server([], []), datagrams(180)
    ),
    "a stream of more than one request and response is forgotten after 180 seconds": Row(
        server([DNS_HOST]), datagrams(0, 0, 1, 1), server([], []), datagrams(182, ends=INTO)
    ),
}


def dual_stack() -> Lab:
    """The lab with IPv6 beside IPv4: a block for each VPC and subnet, routes through the peering, an address each.

    Everything may leave the client, and GRE may enter it.
    """
    lab = Lab().ingress("sg-client", GRE).egress("sg-client", ALL, ALL6)
    for vpc, other_vpc, subnet, machine, address in (
        ("a", "b", "a1", "client", CLIENT6),
        ("b", "a", "b1", "server", SERVER6),
    ):
        block = {"Ipv6CidrBlockState": {"State": "associated"}}
        lab.find("Vpcs", f"vpc-{vpc}")["Ipv6CidrBlockAssociationSet"] = [
            {"Ipv6CidrBlock": f"2001:db8:{vpc}::/56", **block}
        ]
        lab.find("Subnets", f"subnet-{subnet}")["Ipv6CidrBlockAssociationSet"] = [
            {"Ipv6CidrBlock": f"2001:db8:{vpc}:1::/64", **block}
        ]
        lab.find("NetworkInterfaces", f"eni-{machine}")["Ipv6Addresses"] = [{"Ipv6Address": address}]
        there = {"DestinationIpv6CidrBlock": f"2001:db8:{other_vpc}::/56", "VpcPeeringConnectionId": "pcx-ab"}
        lab.find("RouteTables", f"rtb-{vpc}")["Routes"].append({**there, "State": "active"})
        entries = [acl_entry(101, egress, "allow", cidr=EVERYWHERE6) for egress in (False, True)]
        lab.find("NetworkAcls", f"acl-{subnet}")["Entries"] += entries
    return lab


def fates(changes: Sequence[tuple[Change, Sequence[tuple[Packet, str]]]]) -> list[str]:
    """What becomes of packets, sent one after the other through networks that follow each other."""
    known, outcomes = Connections(), []
    for change, packets in changes:
        topology = change(dual_stack()).topology()
        for packet, _ in packets:
            result, known = trace(topology, packet, known)
            refused = [seen for seen in result.sightings if seen.action == "REJECT"]
            where = [f" at {seen.interface_id.removeprefix('eni-')} {seen.direction}" for seen in refused]
            outcomes.append("".join([result.outcome, *where]))
    return outcomes


@pytest.mark.parametrize("sentence", ROWS)
def test_a_change_does_to_a_connection_what_the_user_guide_says(sentence: str) -> None:
    row = ROWS[sentence]
    expected = [fate for _, fate in (*row.packets_before, *row.packets_after)]
    assert fates([(row.before, row.packets_before), (row.after, row.packets_after)]) == expected


@pytest.mark.parametrize("rules", [client([], []), client([ALL], [ALL])])
def test_security_groups_have_no_effect_on_dns_traffic_to_the_resolver(rules: Change) -> None:
    """... and there is no record of it."""
    question = make_packet(CLIENT, RESOLVER, 17, 40000, 53)
    result, known = trace(denied("a1", True, rules)(dual_stack()).topology(), question, Connections())
    assert (result.outcome, result.sightings, len(known)) == (PASSES, (), 0)
