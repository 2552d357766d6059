"""IPv6 by commands: packets with their larger headers, ICMPv6, records of type IPv6, and a host without any."""

import pytest

from helpers.traffic import Host
from tests.traffic.lab import A_OTHER, A_PUBLIC, B_PUBLIC, Lab, rule

ENDS = {"a-public": "2001:db8:1234:a100::10", "a-other": "2001:db8:1234:a100::11"}
THERE = ENDS["a-public"]


def lab(*opened: dict[str, object]) -> Lab:
    """Two neighbours with IPv6 addresses; the public one lets in what is opened, and answers."""
    made = Lab()
    for key in ("Vpcs", "Subnets"):
        made.pages[key][0]["Ipv6CidrBlockAssociationSet"] = [
            {"Ipv6CidrBlock": "2001:db8:1234:a100::/64", "Ipv6CidrBlockState": {"State": "associated"}}
        ]
    for name, address in ENDS.items():
        made.find("NetworkInterfaces", f"eni-{name}")["Ipv6Addresses"] = [{"Ipv6Address": address}]
        made.egress(name, {"IpProtocol": "-1", "Ipv6Ranges": [{"CidrIpv6": "::/0"}]})
        old = made.hosts[f"i-{name}"]
        made.hosts[f"i-{name}"] = Host(
            old.instance_id, old.interface_id, old.address, old.programs, old.listeners, ipv6=address
        )
    made.ingress("a-public", *opened)
    return made


def six(protocol: str, first: int = -1, last: int | None = None) -> dict[str, object]:
    made: dict[str, object] = {"IpProtocol": protocol, "Ipv6Ranges": [{"CidrIpv6": "2001:db8:1234:a100::/64"}]}
    if protocol != "-1":
        made |= {"FromPort": first, "ToPort": first if last is None else last}
    return made


def test_ssh_by_a_command_gives_aws_ipv6_example() -> None:
    """Version 2, ACCEPT of SSH over IPv6 ("Flow log record examples"): seen at the server, one line each way."""
    made = lab(six("tcp", 22))
    run = made.run(f"ssh -o StrictHostKeyChecking=no {THERE}", on=made.hosts["i-a-other"])
    assert run.exit_code == 255 and "Permission denied (publickey)" in run.stderr
    records = [one for one in made.records() if one.interface_id == "eni-a-public"]
    assert [(one.type, one.srcaddr, one.dstaddr, one.protocol, one.action, one.tcp_flags) for one in records] == [
        ("IPv6", ENDS["a-other"], THERE, 6, "ACCEPT", 3),
        ("IPv6", THERE, ENDS["a-other"], 6, "ACCEPT", 19),
    ]
    assert records[0].dstport == 22 and min(sent.packet.size for sent in run.packets) == 72


def test_ping_is_icmpv6_of_104_bytes_and_its_rule_is_icmpv6s() -> None:
    made = lab(six("icmpv6", 128, -1))
    run = made.run(f"ping -c 2 {THERE}", on=made.hosts["i-a-other"])
    assert run.exit_code == 0
    assert run.stdout.splitlines()[0] == f"PING {THERE}({THERE}) 56 data bytes"
    assert [(sent.packet.protocol, sent.packet.icmp_type, sent.packet.size) for sent in run.packets] == [
        (58, 128, 104),
        (58, 129, 104),
    ] * 2
    assert {(one.protocol, one.srcport, one.dstport, one.type) for one in made.records()} == {(58, 0, 0, "IPv6")}
    shut = lab(rule("icmp", -1, -1))
    assert shut.run(f"ping6 -c 1 {THERE}", on=shut.hosts["i-a-other"]).exit_code == 1
    assert [one.action for one in shut.records() if one.interface_id == "eni-a-public"] == ["REJECT"]


CONNECTED = f"Ncat: Connected to {THERE}:80.\nNcat: 0 bytes sent, 0 bytes received in 0.00 seconds.\n"


def test_curl_and_nc_talk_to_it() -> None:
    made = lab(six("tcp", 80))
    made.run("python3 -m http.server 80 &", on=made.hosts["i-a-public"])
    made.install("a-other", "ncat")
    made.hosts["i-a-other"] = Host(
        "i-a-other", "eni-a-other", A_OTHER, made.hosts["i-a-other"].programs, ipv6=ENDS["a-other"]
    )
    run = made.run(f"curl -s -o /dev/null -w '%{{http_code}}' http://[{THERE}]/", on=made.hosts["i-a-other"])
    assert (run.exit_code, run.stdout) == (0, "200")
    run = made.run(f"nc -6 -zv {THERE} 80", on=made.hosts["i-a-other"])
    assert (run.exit_code, run.stderr) == (0, f"Ncat: Version 7.93 ( https://nmap.org/ncat )\n{CONNECTED}")
    run = made.run(f"nc -zv -w 1 {THERE} 81", on=made.hosts["i-a-other"])
    assert (run.exit_code, run.stderr.splitlines()[-1]) == (1, "Ncat: TIMEOUT.")


@pytest.mark.parametrize(
    ("line", "text", "code"),
    [
        (f"ping -c 1 {THERE}", "ping: connect: Network is unreachable\n", 2),
        (f"curl -sS http://[{THERE}]/", f"Failed to connect to {THERE} port 80 after ", 7),
        (f"ssh {THERE}", f"ssh: connect to host {THERE} port 22: Network is unreachable\n", 255),
        (f"nc -zv {THERE} 22", "Ncat: Network is unreachable.\n", 1),
        (f"ping -6 -c 1 {B_PUBLIC}", f"ping: {B_PUBLIC}: Address family for hostname not supported\n", 2),
    ],
)
def test_a_host_without_ipv6_sends_nothing(line: str, text: str, code: int) -> None:
    made = Lab()
    made.install("a-public", "ncat")
    run = made.run(line)
    assert run.exit_code == code and text in run.stderr and not run.packets


def test_its_own_address_and_the_loopback_never_reach_the_wire() -> None:
    made = lab()
    run = made.run(f"ping -c 1 {THERE}; ping -c 1 ::1; hostname -I", on=made.hosts["i-a-public"])
    assert run.exit_code == 0 and not run.packets
    assert run.stdout.splitlines()[-1] == f"{A_PUBLIC} {THERE} "
