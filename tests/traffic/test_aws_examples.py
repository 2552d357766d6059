"""The record examples that AWS publishes (VPC User Guide, "Flow log record examples"), from a topology and
traffic.

Compared field by field; addresses, ids and times are the lab's own. Not here: NAT and transit gateways, which
the network room does not know.
"""

from dataclasses import replace

from helpers.flowlogs import DEFAULT_FORMAT, FlowRecord, LogFormat
from helpers.traffic import (
    INTERNET,
    PACKAGE_MIRROR,
    Capture,
    Exchange,
    Host,
    Internet,
    Listener,
    OutsideHost,
    Talk,
    Window,
    World,
    close,
    converse,
    nodata,
    observe,
    window_at,
)
from tests.traffic.lab import A_OTHER, A_PUBLIC, HOME, PUBLIC_OF_A, PUBLIC_OF_B, T0, Lab, outside_host, rule

FLAGS = LogFormat.parse(
    "${version} ${type} ${dstport} ${protocol} ${bytes} ${packets} ${action} ${tcp-flags} ${log-status}"
)
ENI = "eni-a-public"


def lines(records: list[FlowRecord], form: LogFormat, interface: str = ENI) -> list[str]:
    """The lines of one interface's records, in order."""
    return [render(record, form) for record in records if record.interface_id == interface]


def render(record: FlowRecord, form: LogFormat) -> str:
    """A line as a flow log with this format delivers it: the format decides the version."""
    return form.render(replace(record, version=form.version))


def test_accepted_ssh_and_rejected_rdp() -> None:
    lab = Lab().ingress("a-public", rule("tcp", 22))
    talk = Talk(22, tuple(Exchange(up=size) for size in [*[200] * 15, 100, 100, 1]), closes="nobody")
    source, world = lab.hosts["i-a-other"], World(lab.topology, lab.connections, lab.hosts)
    ssh = converse(source, A_PUBLIC, talk, world, T0, "ssh")
    rdp = converse(source, A_PUBLIC, Talk(3389, patience=2), world, T0, "rdp")
    records, _ = close(observe(Capture(), [*ssh.packets, *rdp.packets], {}), lab.topology, T0 + 999)
    window = window_at(ENI, T0)
    place = f"123456789012 {ENI} {A_OTHER} {A_PUBLIC}"
    ingress = [record for record in records if record.flow_direction == "ingress"]
    assert lines(ingress, DEFAULT_FORMAT) == [
        f"2 {place} {ssh.local_port} 22 6 20 4249 {window.start} {window.end} ACCEPT OK",
        f"2 {place} {rdp.local_port} 3389 6 2 120 {window.start} {window.end} REJECT OK",
    ]


def test_nodata() -> None:
    topology, window = Lab().topology, Window(1431280876, 1431280934)
    assert lines(nodata([ENI], window, topology), DEFAULT_FORMAT) == [
        f"2 123456789012 {ENI} - - - - - - - 1431280876 1431280934 - NODATA",
    ]


def test_ping_from_home_that_the_acl_lets_in_but_not_out() -> None:
    lab = Lab().ingress("a-public", rule("icmp")).egress("a-public").deny("a1", egress=True)
    assert lab.run(f"ping -c 4 {PUBLIC_OF_A}", on=outside_host(HOME)).exit_code == 1
    window = window_at(ENI, T0)
    assert lines(lab.records(), DEFAULT_FORMAT) == [
        f"2 123456789012 {ENI} {HOME} {A_PUBLIC} 0 0 1 4 336 {window.start} {window.end} ACCEPT OK",
        f"2 123456789012 {ENI} {A_PUBLIC} {HOME} 0 0 1 4 336 {window.start} {window.end} REJECT OK",
    ]


def test_the_same_ping_with_the_acl_open_and_with_the_group_closed() -> None:
    lab = Lab().ingress("a-public", rule("icmp")).egress("a-public")
    lab.run(f"ping -c 4 {PUBLIC_OF_A}", on=outside_host(HOME))
    assert [record.action for record in lab.records()] == ["ACCEPT", "ACCEPT"]
    lab = Lab().ingress("a-public", rule("tcp", 22))
    lab.run(f"ping -c 4 {PUBLIC_OF_A}", on=outside_host(HOME))
    assert [record.action for record in lab.records()] == ["REJECT"]


def test_ipv6_ssh() -> None:
    lab = Lab()
    v6 = {"a-public": "2001:db8:1234:a100::10", "a-other": "2001:db8:1234:a100::11"}
    for name, address in v6.items():
        lab.find("NetworkInterfaces", f"eni-{name}")["Ipv6Addresses"] = [{"Ipv6Address": address}]
        everyone = rule("-1") | {"Ipv6Ranges": [{"CidrIpv6": "::/0"}]}
        lab.ingress(name, everyone).egress(name, everyone)
    for key in ("Vpcs", "Subnets"):
        lab.pages[key][0]["Ipv6CidrBlockAssociationSet"] = [
            {"Ipv6CidrBlock": "2001:db8:1234:a100::/64", "Ipv6CidrBlockState": {"State": "associated"}}
        ]
    source = Host("i-a-other", "eni-a-other", v6["a-other"])
    talk = Talk(22, (Exchange(up=100),) * 49 + (Exchange(up=30), Exchange(up=15), Exchange(up=14)), "nobody")
    did = converse(source, v6["a-public"], talk, World(lab.topology, lab.connections, lab.hosts), T0, "k")
    records, _ = close(observe(Capture(), did.packets, {}), lab.topology, T0 + 999)
    record = next(r for r in records if r.interface_id == ENI and r.flow_direction == "ingress")
    assert (record.type, record.protocol, record.dstport, record.action) == ("IPv6", 6, 22, "ACCEPT")
    assert (record.packets, record.bytes) == (54, 8855)


def test_tcp_flag_sequence() -> None:
    """Two connections of an iperf3 client: packets, bytes and flags of the first window as published."""
    lab = Lab()
    lab.install("a-public", "ncat").run("nc -lk 5001 &")
    world = World(lab.topology, lab.connections, lab.hosts)
    at = float(window_at(ENI, T0).end + 2)
    control = (Exchange(37, 1), Exchange(107, 1), Exchange(down=1), Exchange(down=1))
    first = converse(outside_host(HOME), PUBLIC_OF_A, Talk(5001, control, "nobody"), world, at, "control")
    data = (Exchange(37), Exchange(67 * 1448))
    second = converse(outside_host(HOME), PUBLIC_OF_A, Talk(5001, data, "nobody"), world, at + 1, "data")
    records, _ = close(observe(Capture(), [*first.packets, *second.packets], {}), lab.topology, at + 999)
    shown = [(r.dstport, render(r, FLAGS)) for r in sorted(records, key=lambda r: (r.dstport != 5001, r.bytes or 0))]
    assert shown == [
        (5001, "3 IPv4 5001 6 568 8 ACCEPT 2 OK"),
        (5001, "3 IPv4 5001 6 100701 70 ACCEPT 2 OK"),
        (first.local_port, f"3 IPv4 {first.local_port} 6 376 7 ACCEPT 18 OK"),
        (second.local_port, f"3 IPv4 {second.local_port} 6 632 12 ACCEPT 18 OK"),
    ]


def test_tcp_flags_over_two_windows_and_within_one() -> None:
    lab = Lab()
    lab.install("a-public", "ncat").run("nc -lk 5001 &")
    world = World(lab.topology, lab.connections, lab.hosts)
    window = window_at(ENI, T0)
    long = Talk(5001, (Exchange(100, 1), Exchange(100, 1, wait=60)), "client")
    did = converse(outside_host(HOME), PUBLIC_OF_A, long, world, window.start + 30.0, "long")
    records, _ = close(observe(Capture(), did.packets, {}), lab.topology, T0 + 999)
    assert [(r.flow_direction, r.start - window.start, r.tcp_flags) for r in records] == [
        ("ingress", 0, 2),
        ("egress", 0, 18),
        ("ingress", 60, 1),
        ("egress", 60, 1),
    ]
    exchanges = (Exchange(60, 20, prompt=True), *[Exchange(60, 40)] * 5, Exchange(down=11))
    short = converse(outside_host(HOME), PUBLIC_OF_A, Talk(5001, exchanges), world, float(window.start), "short")
    records, _ = close(observe(Capture(), short.packets, {}), lab.topology, T0 + 999)
    assert [(r.packets, r.tcp_flags) for r in records] == [(17, 3), (14, 19)]


def test_packages_and_public_addresses_of_instances_are_amazons() -> None:
    """The package mirror is S3, another instance's public address EC2, and everybody else's is nobody's."""
    lab = Lab().ingress("b-public", rule("icmp"))
    lab.run(f"curl -s -m 3 -o /dev/null http://{PACKAGE_MIRROR}/; ping -c 1 {PUBLIC_OF_B}; ping -c 1 example.com")
    out = [one for one in lab.records() if one.interface_id == ENI and one.flow_direction == "egress"]
    assert {(one.pkt_dstaddr, one.pkt_src_aws_service, one.pkt_dst_aws_service) for one in out} == {
        ("192.0.2.10", None, "S3"),
        (PUBLIC_OF_B, None, "EC2"),
        ("192.0.2.80", None, None),
    }


def test_web_download_over_the_internet_gateway() -> None:
    """The S3 example: `curl` gets 14,044 bytes in one write; the server closes first."""
    lab = Lab()
    page = 14_308 - 100
    web = (Listener("tcp", 80, "http", size=page),)
    store = OutsideHost("192.0.2.179", ("bucket.example.net",), web, aws_service="S3")
    lab.internet = Internet((*INTERNET.hosts, store))
    talk = Talk(80, (Exchange(up=99, down=14_308),), closes="server")
    world = World(lab.topology, lab.connections, lab.hosts, lab.internet)
    did = converse(lab.hosts["i-a-public"], "192.0.2.179", talk, world, T0, "s3")
    records, _ = close(observe(Capture(), did.packets, {}), lab.topology, T0 + 999, internet=lab.internet)
    fields = (
        "version srcaddr dstaddr srcport dstport protocol start end type packets bytes account-id vpc-id subnet-id "
        "instance-id interface-id region az-id sublocation-type sublocation-id action tcp-flags pkt-srcaddr "
        "pkt-dstaddr pkt-src-aws-service pkt-dst-aws-service traffic-path flow-direction log-status"
    )
    form = LogFormat.parse(" ".join(f"${{{name}}}" for name in fields.split()))
    assert (len(form), form.version) == (29, 5)
    window, port = window_at(ENI, T0), did.local_port
    span = f"{window.start} {window.end}"
    place = f"123456789012 vpc-a subnet-a1 i-a-public {ENI} us-east-1 use1-az1 - - ACCEPT"
    assert sorted(lines(list(records), form)) == [
        f"5 10.1.1.10 192.0.2.179 {port} 80 6 {span} IPv4 7 471 {place} 3 10.1.1.10 192.0.2.179 - S3 8 egress OK",
        f"5 192.0.2.179 10.1.1.10 80 {port} 6 {span} IPv4 14 15044 {place} 19 192.0.2.179 10.1.1.10 S3 - - ingress OK",
    ]
    assert lab.run("curl -s -o /dev/null -w '%{size_download}' bucket.example.net").stdout == str(page)
