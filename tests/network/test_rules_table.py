"""Every row of the ACCEPT/REJECT table: what the records at client and server show (reference: section 2)."""

import pytest

from helpers.network import Connections, Packet, Topology, Trace
from tests.network.lab import CLIENT, INTERNET, SERVER, Lab
from tests.support.senders import make_packet, trace
from tests.support.two_vpcs import acl_entry, permission

WEB = permission("tcp", 80, cidr="10.1.0.0/16", description="web")
SYN, SYN_ACK, ACK, FIN_ACK, RST_ACK = 2, 18, 16, 17, 20


def talk(topology: Topology, *packets: Packet) -> tuple[list[Trace], Connections]:
    """Send packets one after the other."""
    connections, traces = Connections(), []
    for packet in packets:
        result, connections = trace(topology, packet, connections)
        traces.append(result)
    return traces, connections


def seen(traces: list[Trace], interface: str) -> list[tuple[str, str]]:
    """What one interface's records show, in order of first sight."""
    sightings = [one for result in traces for one in result.sightings if one.interface_id == interface]
    return list(dict.fromkeys((one.direction, one.action) for one in sightings))


def tcp(flags: int, back: bool = False) -> Packet:
    if back:
        return make_packet(SERVER, CLIENT, 6, 80, 40000, flags)
    return make_packet(CLIENT, SERVER, 6, 40000, 80, flags)


def exchange(topology: Topology, *packets: Packet) -> tuple[list[tuple[str, str]], list[tuple[str, str]]]:
    """A host answers only what it received: send each packet while the one before was delivered."""
    connections, traces = Connections(), []
    for packet in packets:
        result, connections = trace(topology, packet, connections)
        traces.append(result)
        if result.outcome != "delivered":
            break
    return seen(traces, "eni-client"), seen(traces, "eni-server")


OUT_OK, IN_OK = ("egress", "ACCEPT"), ("ingress", "ACCEPT")
OUT_NO, IN_NO = ("egress", "REJECT"), ("ingress", "REJECT")
HANDSHAKE = (tcp(SYN), tcp(SYN_ACK, back=True), tcp(ACK))

ROWS = {
    "1 allowed everywhere": (lambda lab: lab, [OUT_OK, IN_OK], [IN_OK, OUT_OK]),
    "2 server group denies": (lambda lab: lab.ingress("sg-server"), [OUT_OK], [IN_NO]),
    "3 ACL into server denies": (lambda lab: lab.deny("b1", egress=False), [OUT_OK], [IN_NO]),
    "4 ACL out of server denies": (lambda lab: lab.deny("b1", egress=True), [OUT_OK], [IN_OK, OUT_NO]),
    "5 server group has no egress rule": (
        lambda lab: lab.egress("sg-server"),
        [OUT_OK, IN_OK],
        [IN_OK, OUT_OK],
    ),
    "6 client group denies egress": (lambda lab: lab.egress("sg-client"), [OUT_NO], []),
    "7 ACL out of client denies": (lambda lab: lab.deny("a1", egress=True), [OUT_NO], []),
    "8 ACL into client denies the reply": (
        lambda lab: lab.deny("a1", egress=False),
        [OUT_OK, IN_NO],
        [IN_OK, OUT_OK],
    ),
    "10 no route there": (lambda lab: lab.routes("rtb-a"), [], []),
    "10 no route back": (lambda lab: lab.routes("rtb-b"), [OUT_OK], [IN_OK, OUT_OK]),
}


@pytest.mark.parametrize("row", ROWS)
def test_row(row: str) -> None:
    change, client, server = ROWS[row]
    lab = change(Lab().ingress("sg-server", WEB) if not row.startswith("2") else Lab())
    assert exchange(lab.topology(), *HANDSHAKE) == (client, server)


def test_row_2_retries_are_each_one_more_rejected_packet() -> None:
    traces, _ = talk(Lab().topology(), tcp(SYN), tcp(SYN), tcp(SYN))
    assert [len(one.sightings) for one in traces] == [2, 2, 2]
    assert seen(traces, "eni-server") == [IN_NO] and seen(traces, "eni-client") == [OUT_OK]


def test_row_9_a_refusal_is_accepted_both_ways() -> None:
    topology = Lab().ingress("sg-server", WEB).topology()
    assert exchange(topology, tcp(SYN), tcp(RST_ACK, back=True)) == ([OUT_OK, IN_OK], [IN_OK, OUT_OK])


def test_row_11_a_path_that_cannot_carry_it_leaves_no_record() -> None:
    topology = Lab().routes("rtb-a", ("0.0.0.0/0", "pcx-ab")).topology()
    (result,), _ = talk(topology, make_packet(CLIENT, INTERNET, 6, 40000, 443, SYN))
    assert result.outcome == "lost" and result.sightings == ()
    assert "not transitive" in str(result)


def test_row_12_ping() -> None:
    topology = Lab().ingress("sg-server", permission("icmp", 8, -1, cidr="10.1.0.0/16")).topology()
    request = make_packet(CLIENT, SERVER, 1, icmp_type=8, icmp_code=0, size=84, icmp_id=7)
    reply = make_packet(SERVER, CLIENT, 1, icmp_type=0, icmp_code=0, size=84, icmp_id=7)
    assert exchange(topology, request, reply) == ([OUT_OK, IN_OK], [IN_OK, OUT_OK])


@pytest.mark.parametrize(
    "packet",
    [
        make_packet(CLIENT, "10.1.0.2", 17, 40000, 53),
        make_packet(CLIENT, "169.254.169.253", 17, 40000, 53),
        make_packet(CLIENT, "169.254.169.254", 6, 40000, 80, SYN),
        make_packet(CLIENT, "169.254.169.123", 17, 40000, 123),
        make_packet(CLIENT, "169.254.169.250", 6, 40000, 1688, SYN),
        make_packet(CLIENT, "10.1.1.1", 17, 68, 67),
        make_packet("10.1.0.2", CLIENT, 17, 53, 40000),
    ],
)
def test_row_13_services_of_every_vpc_are_neither_filtered_nor_logged(packet: Packet) -> None:
    lab = Lab().egress("sg-client").deny("a1", egress=True).deny("a1", egress=False)
    (result,), connections = talk(lab.topology(), packet)
    assert result.outcome == "delivered" and result.sightings == () and len(connections) == 0


def test_row_14_a_late_packet_after_the_close_is_rejected() -> None:
    lab = Lab().ingress("sg-server", WEB)
    close = (tcp(FIN_ACK), tcp(FIN_ACK, back=True), tcp(ACK))
    traces, _ = talk(lab.topology(), *HANDSHAKE, *close, tcp(ACK, back=True))
    assert [one.outcome for one in traces[:-1]] == ["delivered"] * 6
    late = traces[-1]
    assert late.outcome == "rejected" and late.deciding and "closed before" in late.deciding.text
    assert [(one.interface_id, one.direction, one.action) for one in late.sightings] == [
        ("eni-server", "egress", "REJECT")
    ]


def test_row_14_seen_at_the_client_when_the_server_does_not_track() -> None:
    lab = Lab().ingress("sg-server", permission("tcp", 80, cidr="0.0.0.0/0"))
    close = (tcp(FIN_ACK), tcp(FIN_ACK, back=True), tcp(ACK))
    traces, _ = talk(lab.topology(), *HANDSHAKE, *close, tcp(ACK, back=True))
    assert [(one.direction, one.action) for one in traces[-1].sightings] == [OUT_OK, IN_NO]


def test_replies_need_the_ephemeral_ports_of_an_acl() -> None:
    def outcome(first: int) -> tuple[list[tuple[str, str]], list[tuple[str, str]]]:
        lab = Lab().ingress("sg-server", WEB)
        reply = acl_entry(100, True, "allow", "6", ports=(first, 65535))
        lab.acl("b1", acl_entry(100, False, "allow", "6", ports=(80, 80)), reply)
        return exchange(lab.topology(), *HANDSHAKE)

    assert outcome(32768) == ([OUT_OK, IN_OK], [IN_OK, OUT_OK])
    assert outcome(50000) == ([OUT_OK], [IN_OK, OUT_NO])


def test_every_rejection_names_its_rule() -> None:
    lab = Lab().ingress("sg-server", WEB).deny("b1", egress=False, cidr="10.1.1.10/32", protocol="6")
    (result,), _ = talk(lab.topology(), tcp(SYN))
    assert result.deciding and result.deciding.decider == "acl-b1"
    assert "rule 50: deny tcp all ports from 10.1.1.10/32" in result.deciding.text
    (result,), _ = talk(Lab().ingress("sg-server", WEB).topology(), tcp(SYN))
    assert 'security group sg-server (server): tcp 80 from 10.1.0.0/16 "web"' in str(result)
