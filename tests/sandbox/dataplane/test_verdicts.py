"""The ACCEPT/REJECT table: one change to a built network, one command, the records at both interfaces.

Everything through boto3 against a sandbox process. Where the change is undone, a probe shows that the undoing
worked, so that no test stands on the damage of another. A packet that is late for its connection, the last row of
the table, is what no program of the simulated shell sends: `tests/network/test_rules_table.py` has it.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from datetime import datetime

import pytest

from tests.sandbox.dataplane.conftest import DELIVERED_SECONDS, WINDOW_SECONDS, Lab, Row
from tests.support import network
from tests.support.network import CLIENT_ADDRESS, SERVER_ADDRESS

Change = Callable[[Lab], AbstractContextManager[object]]
PING = f"ping -c 4 {SERVER_ADDRESS}"
CURL = f"curl -s -m 4 -o /dev/null http://{SERVER_ADDRESS}/"
SSH = f"ssh -o ConnectTimeout=4 -o BatchMode=yes ec2-user@{SERVER_ADDRESS}"
NOT_LISTENING = f"curl -s -m 4 http://{SERVER_ADDRESS}:8080/"
EVERYWHERE = "0.0.0.0/0"
FROM_CLIENT = [{"CidrIp": "10.1.0.0/16"}]


def permission(protocol: str, port: int) -> dict[str, object]:
    return {"IpProtocol": protocol, "FromPort": port, "ToPort": port, "IpRanges": FROM_CLIENT}


def without_ingress(protocol: str, port: int) -> Change:
    """The server's group loses the rule for a port."""

    @contextmanager
    def change(lab: Lab) -> Iterator[None]:
        rule = {"GroupId": lab.net.server.group, "IpPermissions": [permission(protocol, port)]}
        lab("ec2").revoke_security_group_ingress(**rule)
        yield
        lab("ec2").authorize_security_group_ingress(**rule)

    return change


def without_egress(side: str) -> Change:
    """A group loses its rule that everything may leave."""

    @contextmanager
    def change(lab: Lab) -> Iterator[None]:
        # the agent of the client still needs its way out to Systems Manager
        agent = {"IpProtocol": "tcp", "FromPort": 443, "ToPort": 443, "IpRanges": [{"CidrIp": EVERYWHERE}]}
        everything = {"IpProtocol": "-1", "IpRanges": [{"CidrIp": EVERYWHERE}]}
        group = getattr(lab.net, side).group
        lab("ec2").authorize_security_group_egress(GroupId=group, IpPermissions=[agent])
        lab("ec2").revoke_security_group_egress(GroupId=group, IpPermissions=[everything])
        yield
        lab("ec2").authorize_security_group_egress(GroupId=group, IpPermissions=[everything])
        lab("ec2").revoke_security_group_egress(GroupId=group, IpPermissions=[agent])

    return change


def acl_entry(
    side: str,
    number: int,
    egress: bool,
    cidr: str,
    protocol: str = "6",
    ports: tuple[int, int] = (0, 65535),
    icmp: int = -1,
) -> Change:
    """A subnet's ACL denies some more, under this number."""

    @contextmanager
    def change(lab: Lab) -> Iterator[None]:
        entry = {"NetworkAclId": getattr(lab.net, side).acl, "RuleNumber": number, "Egress": egress}
        limits = {"PortRange": {"From": ports[0], "To": ports[1]}} if protocol == "6" else {}
        limits |= {"IcmpTypeCode": {"Type": icmp, "Code": -1}} if protocol == "1" else {}
        lab("ec2").create_network_acl_entry(**entry, Protocol=protocol, RuleAction="deny", CidrBlock=cidr, **limits)
        yield
        lab("ec2").delete_network_acl_entry(**entry)

    return change


@contextmanager
def no_ephemeral_ports(lab: Lab) -> Iterator[None]:
    """The server's ACL lets out well-known ports only: nothing that a client listens on for its answer."""
    entry = {"NetworkAclId": lab.net.server.acl, "RuleNumber": 100, "Egress": True, "RuleAction": "allow"}
    entry["CidrBlock"] = EVERYWHERE
    lab("ec2").replace_network_acl_entry(**entry, Protocol="6", PortRange={"From": 0, "To": 1023})
    yield
    lab("ec2").replace_network_acl_entry(**entry, Protocol="-1")


def without_route(side: str, cidr: str) -> Change:
    @contextmanager
    def change(lab: Lab) -> Iterator[None]:
        route = {"RouteTableId": getattr(lab.net, side).table, "DestinationCidrBlock": cidr}
        lab("ec2").delete_route(**route)
        yield
        lab("ec2").create_route(**route, VpcPeeringConnectionId=peering_of(lab))

    return change


def peering_of(lab: Lab) -> str:
    """The peering that is active now."""
    active = [{"Name": "status-code", "Values": ["active"]}]
    found = lab("ec2").describe_vpc_peering_connections(Filters=active)["VpcPeeringConnections"]
    return str(found[0]["VpcPeeringConnectionId"])


@contextmanager
def peering_deleted(lab: Lab) -> Iterator[None]:
    ec2 = lab("ec2")
    ec2.delete_vpc_peering_connection(VpcPeeringConnectionId=peering_of(lab))
    states = {
        route["State"]
        for table in ec2.describe_route_tables(RouteTableIds=[lab.net.client.table])["RouteTables"]
        for route in table["Routes"]
        if "VpcPeeringConnectionId" in route
    }
    assert states == {"blackhole"}
    yield
    made = ec2.create_vpc_peering_connection(VpcId=lab.net.client.vpc, PeerVpcId=lab.net.server.vpc)
    made_id = made["VpcPeeringConnection"]["VpcPeeringConnectionId"]
    ec2.accept_vpc_peering_connection(VpcPeeringConnectionId=made_id)
    for table, cidr in ((lab.net.client.table, "10.2.0.0/16"), (lab.net.server.table, "10.1.0.0/16")):
        ec2.replace_route(RouteTableId=table, DestinationCidrBlock=cidr, VpcPeeringConnectionId=made_id)


@contextmanager
def internet_by_the_peering(lab: Lab) -> Iterator[None]:
    """An internet block is sent into the peering, whose other side has gateways of its own or not: no use."""
    route = {"RouteTableId": lab.net.client.table, "DestinationCidrBlock": "203.0.113.0/24"}
    lab("ec2").create_route(**route, VpcPeeringConnectionId=peering_of(lab))
    yield
    lab("ec2").delete_route(**route)


def nothing(lab: Lab) -> AbstractContextManager[object]:
    return nullcontext()


def pair(end: str, flags_in: int, flags_out: int, packets: tuple[int, int]) -> set[Row]:
    """A healthy conversation at one end: what comes with its flags and packets, what goes with its own."""
    return {
        Row(end, "ingress", "ACCEPT", flags_in, packets[0]),
        Row(end, "egress", "ACCEPT", flags_out, packets[1]),
    }


# Three SYNs in four seconds: at 0, 1 and 3 s. A server that gets no ACK sends its SYN-ACK again: twice as many.
SYNS = Row("client", "egress", "ACCEPT", 2, 3)
SYNS_IN = Row("server", "ingress", "ACCEPT", 2, 3)
SYNS_REFUSED = Row("server", "ingress", "REJECT", 2, 3)
HEALTHY_PING = pair("client", 0, 0, (4, 4)) | pair("server", 0, 0, (4, 4))
REFUSED = pair("client", 4, 2, (1, 1)) | pair("server", 2, 4, (1, 1))

TABLE: dict[str, tuple[Change, str, set[Row], int]] = {
    # name: change, command, records, exit code of the command
    "2 ssh rule removed from the server's group": (without_ingress("tcp", 22), SSH, {SYNS, SYNS_REFUSED}, 255),
    "2 http rule removed from the server's group": (without_ingress("tcp", 80), CURL, {SYNS, SYNS_REFUSED}, 28),
    "2 ping rule removed from the server's group": (
        without_ingress("icmp", -1),
        PING,
        {Row("client", "egress", "ACCEPT", 0, 4), Row("server", "ingress", "REJECT", 0, 4)},
        1,
    ),
    "3 ACL deny with a lower number than the allow": (
        acl_entry("server", 50, False, "10.1.0.0/16", ports=(80, 80)),
        CURL,
        {SYNS, SYNS_REFUSED},
        28,
    ),
    "3 ACL deny of one host only": (
        acl_entry("server", 99, False, f"{CLIENT_ADDRESS}/32"),
        CURL,
        {SYNS, SYNS_REFUSED},
        28,
    ),
    "3 ACL deny of ping": (
        acl_entry("server", 50, False, EVERYWHERE, protocol="1"),
        PING,
        {Row("client", "egress", "ACCEPT", 0, 4), Row("server", "ingress", "REJECT", 0, 4)},
        1,
    ),
    "4 ACL without outbound ephemeral ports": (
        no_ephemeral_ports,
        CURL,
        {SYNS, SYNS_IN, Row("server", "egress", "REJECT", 18, 6)},
        28,
    ),
    "4 ACL denies ping's answer (AWS's example)": (
        acl_entry("server", 50, True, EVERYWHERE, protocol="1"),
        PING,
        {
            Row("client", "egress", "ACCEPT", 0, 4),
            Row("server", "ingress", "ACCEPT", 0, 4),
            Row("server", "egress", "REJECT", 0, 4),
        },
        1,
    ),
    "4 ACL denies echo replies and no other ICMP": (
        acl_entry("server", 50, True, EVERYWHERE, protocol="1", icmp=0),
        PING,
        {
            Row("client", "egress", "ACCEPT", 0, 4),
            Row("server", "ingress", "ACCEPT", 0, 4),
            Row("server", "egress", "REJECT", 0, 4),
        },
        1,
    ),
    "an ACL deny of another ICMP type decides nothing": (
        acl_entry("server", 50, False, EVERYWHERE, protocol="1", icmp=13),
        PING,
        HEALTHY_PING,
        0,
    ),
    "5 no egress rule at the server": (without_egress("server"), PING, HEALTHY_PING, 0),
    "6 the client's egress rule removed": (
        without_egress("client"),
        CURL,
        {Row("client", "egress", "REJECT", 2, 3)},
        28,
    ),
    "7 ACL denies out of the client's subnet": (
        acl_entry("client", 50, True, "10.2.0.0/16"),
        CURL,
        {Row("client", "egress", "REJECT", 2, 3)},
        28,
    ),
    "8 ACL denies the answer into the client's subnet": (
        acl_entry("client", 50, False, "10.2.0.0/16"),
        CURL,
        {SYNS, Row("client", "ingress", "REJECT", 18, 6), SYNS_IN, Row("server", "egress", "ACCEPT", 18, 6)},
        28,
    ),
    "9 no listener": (nothing, NOT_LISTENING, REFUSED, 7),
    "10 forward route removed": (without_route("client", "10.2.0.0/16"), CURL, set(), 28),
    "10 return route removed": (
        without_route("server", "10.1.0.0/16"),
        CURL,
        {SYNS, SYNS_IN, Row("server", "egress", "ACCEPT", 18, 6)},
        28,
    ),
    "10 peering deleted": (peering_deleted, CURL, set(), 28),
    "11 into a path that cannot carry it": (internet_by_the_peering, "curl -s -m 4 203.0.113.7", set(), 28),
    "12 ping allowed": (nothing, PING, HEALTHY_PING, 0),
    "an ACL deny with a higher number than the allow decides nothing": (
        acl_entry("server", 150, False, EVERYWHERE, protocol="-1"),
        PING,
        HEALTHY_PING,
        0,
    ),
}


@pytest.mark.parametrize("name", TABLE)
def test_row(lab: Lab, name: str) -> None:
    change, command, expected, code = TABLE[name]
    with change(lab):
        reply, records = lab.run(command)
        assert (reply["ResponseCode"], lab.rows(records)) == (code, expected)
    if change is not nothing:
        reply, records = lab.run(PING)
        assert lab.rows(records) == HEALTHY_PING, "the change was not undone"


def test_row_1_everything_allowed(lab: Lab) -> None:
    reply, records = lab.run(f"curl -s -m 4 -o /dev/null -w '%{{http_code}}' http://{SERVER_ADDRESS}/")
    assert reply["StandardOutputContent"] == "200"
    rows = {row[:4]: row.packets for row in lab.rows(records)}
    assert set(rows) == {
        ("client", "egress", "ACCEPT", 3),
        ("client", "ingress", "ACCEPT", 19),
        ("server", "ingress", "ACCEPT", 3),
        ("server", "egress", "ACCEPT", 19),
    }
    # both ends counted the same packets
    assert rows["client", "egress", "ACCEPT", 3] == rows["server", "ingress", "ACCEPT", 3] >= 4
    assert rows["client", "ingress", "ACCEPT", 19] == rows["server", "egress", "ACCEPT", 19] >= 4


def test_row_13_what_is_never_logged(lab: Lab) -> None:
    token = "curl -s -m 4 -X PUT http://169.254.169.254/latest/api/token -H 'X-aws-ec2-metadata-token-ttl-seconds: 60'"
    reply, records = lab.run(token, "dig +short example.com", "dig @10.1.0.2 +short example.com")
    assert reply["Status"] == "Success" and len(reply["StandardOutputContent"]) > 20
    assert records == []


def test_ping_as_aws_publishes_it(lab: Lab) -> None:
    """Ports 0 0, protocol 1, 84 bytes a packet and 4 packets, no other field but the way.

    The four may fall into two windows of an interface: they are a second apart, and windows begin at any second.
    """
    _, records = lab.run(PING)
    shown = {
        (one.interface_id, one.flow_direction): (
            *(one.srcaddr, one.dstaddr, one.srcport, one.dstport, one.protocol),
            *(one.pkt_srcaddr, one.pkt_dstaddr, one.traffic_path, one.reject_reason, one.tcp_flags, one.type),
        )
        for one in records
    }
    packets: Counter[tuple[str, str]] = Counter()
    for one in records:
        packets[str(one.interface_id), str(one.flow_direction)] += one.packets or 0
        assert one.bytes == 84 * (one.packets or 0)
    asked = (CLIENT_ADDRESS, SERVER_ADDRESS, 0, 0, 1, CLIENT_ADDRESS, SERVER_ADDRESS)
    answered = (SERVER_ADDRESS, CLIENT_ADDRESS, 0, 0, 1, SERVER_ADDRESS, CLIENT_ADDRESS)
    client, server = lab.net.client.interface, lab.net.server.interface
    assert shown == {
        (client, "egress"): (*asked, 4, None, 0, "IPv4"),
        (server, "ingress"): (*asked, None, None, 0, "IPv4"),
        (server, "egress"): (*answered, 4, None, 0, "IPv4"),
        (client, "ingress"): (*answered, None, None, 0, "IPv4"),
    }
    assert packets == dict.fromkeys(shown, 4)
    places = {(one.interface_id, one.vpc_id, one.subnet_id, one.instance_id, one.account_id) for one in records}
    assert places == {
        (side.interface, side.vpc, side.subnet, side.instance, "123456789012")
        for side in (lab.net.client, lab.net.server)
    }
    for interface in (client, server):
        assert len({(one.start, one.end) for one in records if one.interface_id == interface}) <= 2


def test_an_acl_entry_shows_its_icmp_type_and_code_until_it_is_replaced(lab: Lab) -> None:
    ec2, acl = lab("ec2"), lab.net.server.acl

    def shown() -> object:
        entries = ec2.describe_network_acls(NetworkAclIds=[acl])["NetworkAcls"][0]["Entries"]
        return next((one.get("IcmpTypeCode") for one in entries if one["RuleNumber"] == 70 and one["Egress"]), "gone")

    key = {"NetworkAclId": acl, "RuleNumber": 70, "Egress": True}
    more = {"RuleAction": "deny", "CidrBlock": EVERYWHERE}
    ec2.create_network_acl_entry(**key, **more, Protocol="1", IcmpTypeCode={"Type": 3, "Code": 4})
    assert shown() == {"Type": 3, "Code": 4}
    lab.box.stop()
    lab.box("ec2")  # the next call starts it again
    assert shown() == {"Type": 3, "Code": 4}
    ec2.replace_network_acl_entry(**key, **more, Protocol="1", IcmpTypeCode={"Type": -1, "Code": -1})
    assert shown() == {"Type": -1, "Code": -1}
    ec2.replace_network_acl_entry(**key, **more, Protocol="6", PortRange={"From": 1, "To": 2})
    assert shown() is None
    ec2.delete_network_acl_entry(**key)
    assert shown() == "gone"


def default_lines(lab: Lab, side: network.Side, since: float) -> list[str]:
    """The lines of an interface in the default format, NODATA too, as GetLogEvents gives them."""
    page = lab("logs").get_log_events(
        logGroupName=network.GROUP,
        logStreamName=f"{side.interface}-all",
        startTime=int(since * 1000),
        startFromHead=True,
    )
    return [event["message"] for event in page["events"]]


def test_accepted_ssh_rejected_rdp_and_nodata_as_aws_publishes_them(lab: Lab) -> None:
    """The first examples of "Flow log record examples": fourteen fields, one blank apart, ids and times aside."""
    before = datetime.fromisoformat(lab.box.advance(1)).timestamp()
    _, records = lab.run(SSH, f"curl -s -m 2 {SERVER_ADDRESS}:3389")
    port = {one.dstport: one.srcport for one in records if one.flow_direction == "egress"}
    lab.box.advance(1200)
    eni = lab.net.server.interface
    lines = default_lines(lab, lab.net.server, before)
    place = f"2 123456789012 {eni} {CLIENT_ADDRESS} {SERVER_ADDRESS}"
    rest = r"(\d+) (\d+) (\d{10}) (\d{10})"
    ssh = [found for line in lines if (found := re.fullmatch(f"{place} {port[22]} 22 6 {rest} ACCEPT OK", line))]
    rdp = [found for line in lines if (found := re.fullmatch(f"{place} {port[3389]} 3389 6 {rest} REJECT OK", line))]
    packets, octets, start, end = (int(one) for one in ssh[0].groups())
    assert packets > 4 and octets > 52 * packets and 0 < end - start <= WINDOW_SECONDS
    assert [one.groups()[:2] for one in rdp] == [("2", "120")]
    assert any(re.fullmatch(rf"2 123456789012 {eni} - - - - - - - \d{{10}} \d{{10}} - NODATA", one) for one in lines)


def test_traffic_to_the_internet_takes_path_8_from_the_private_address(lab: Lab) -> None:
    _, records = lab.run("curl -s -m 4 -o /dev/null http://example.com/")
    assert {one.interface_id for one in records} == {lab.net.client.interface}
    out = [one for one in records if one.flow_direction == "egress"]
    back = [one for one in records if one.flow_direction == "ingress"]
    assert {(one.srcaddr, one.traffic_path, one.action) for one in out} == {(CLIENT_ADDRESS, 8, "ACCEPT")}
    assert {(one.dstaddr, one.traffic_path, one.action) for one in back} == {(CLIENT_ADDRESS, None, "ACCEPT")}


def test_the_rules_of_the_moment_decide_and_not_those_of_the_delivery(lab: Lab) -> None:
    """A rule that goes while the records are on their way changes none of them."""
    before = datetime.fromisoformat(lab.box.advance(120)).timestamp()
    network.shell(lab, lab.net.client.instance, CURL)
    with without_ingress("tcp", 80)(lab):
        lab.box.advance(DELIVERED_SECONDS)
        assert [one.action for one in lab.delivered(before - 60)] == ["ACCEPT"] * 4
