"""What the programs print, return and put on the wire."""

import pytest

from helpers.traffic import (
    INTERNET,
    Install,
    Internet,
    Listen,
    Listener,
    OutsideHost,
    Sent,
    StopListening,
)
from tests.traffic.lab import (
    A_OTHER,
    A_PUBLIC,
    B_PRIVATE,
    B_PUBLIC,
    HOME,
    PUBLIC_OF_A,
    PUBLIC_OF_B,
    T0,
    Lab,
    outside_host,
    rule,
)

WEB = "python3 -m http.server 80 > /dev/null 2>&1 &"


def shape(packets: list[Sent]) -> list[tuple[float, str, int, int]]:
    """Time since the first packet, source, flags, size."""
    first = packets[0].at
    return [(round(s.at - first, 2), s.packet.src, s.packet.tcp_flags, s.packet.size) for s in packets]


# --- ping ---


def test_ping_sends_84_bytes_a_second_apart_and_counts_replies() -> None:
    run = Lab().run(f"ping -c 4 {B_PUBLIC}")
    assert run.exit_code == 0
    assert [s.packet.size for s in run.packets] == [84] * 8
    assert [s.packet.icmp_type for s in run.packets] == [8, 0] * 4
    assert [round(s.at - run.packets[0].at) for s in run.packets[::2]] == [0, 1, 2, 3]
    lines = run.stdout.splitlines()
    assert lines[0] == f"PING {B_PUBLIC} ({B_PUBLIC}) 56(84) bytes of data."
    assert lines[1].startswith(f"64 bytes from {B_PUBLIC}: icmp_seq=1 ttl=127 time=0.")
    assert lines[-3] == f"--- {B_PUBLIC} ping statistics ---"
    assert lines[-2].startswith("4 packets transmitted, 4 received, 0% packet loss, time 30")
    assert lines[-1].startswith("rtt min/avg/max/mdev = 0.")


def test_ping_without_answer_waits_and_fails() -> None:
    lab = Lab().ingress("b-public", rule("tcp", 22))
    run = lab.run(f"ping -c 3 -W 2 {B_PUBLIC}")
    assert run.exit_code == 1
    assert len(run.packets) == 3
    assert "3 packets transmitted, 0 received, 100% packet loss, time 2000ms\n\n" in run.stdout
    assert "rtt" not in run.stdout
    assert run.ended - run.began == pytest.approx(4, abs=0.1)
    assert lab.run(f"ping -c 1 {B_PUBLIC}").ended - lab.now == pytest.approx(-1, abs=0.01)
    assert Lab().run("ping -c 1 10.2.1.99").ended - T0 == pytest.approx(10, abs=0.1)


@pytest.mark.parametrize(
    ("line", "sizes", "seconds"),
    [
        (f"ping -c2 -i 0.2 -s 1000 {B_PUBLIC}", [1028] * 4, 0.2),
        (f"ping -q -c 1 {A_PUBLIC}", [], 0),
        (f"ping -w 3 {B_PUBLIC}", [84] * 6, 3),
        ("ping -c 2 -i 0.5 169.254.169.254", [], 10.5),
    ],
)
def test_ping_options(line: str, sizes: list[int], seconds: float) -> None:
    run = Lab().run(line)
    assert [s.packet.size for s in run.packets] == sizes
    assert run.ended - run.began == pytest.approx(seconds, abs=0.1)


@pytest.mark.parametrize(
    ("line", "text", "code"),
    [
        ("ping", "Destination address required", 1),
        ("ping -c 1 nowhere.example", "ping: nowhere.example: Name or service not known", 2),
        ("ping -c x 10.1.1.1", "ping: invalid argument: 'x'", 1),
        ("ping -c 0 10.1.1.1", "out of range", 1),
        ("ping -Z 10.1.1.1", "ping: invalid option -- 'Z'", 2),
        (f"ping {B_PUBLIC}", "give -c", 126),
        (f"ping -M do -c 1 {B_PUBLIC} || echo lost", "ping: the sandbox does not simulate the option -M", 126),
    ],
)
def test_ping_refuses(line: str, text: str, code: int) -> None:
    run = Lab().run(line)
    assert (text in run.stderr, run.exit_code, run.packets) == (True, code, [])


# --- curl ---


def test_curl_gets_a_page_from_http_server() -> None:
    lab = Lab()
    lab.run(f"mkdir -p /srv && cd /srv && echo 'Hello from b' > index.html\n{WEB}", on="b-public")
    run = lab.run(f"curl -s http://{B_PUBLIC}/")
    assert (run.stdout, run.stderr, run.exit_code) == ("Hello from b\n", "", 0)
    request = 52 + len(f"GET / HTTP/1.1\r\nHost: {B_PUBLIC}\r\nUser-Agent: curl/8.5.0\r\nAccept: */*\r\n\r\n")
    sizes = [(s.packet.src, s.packet.tcp_flags, s.packet.size) for s in run.packets]
    assert sizes[:5] == [
        (A_PUBLIC, 2, 60),
        (B_PUBLIC, 18, 60),
        (A_PUBLIC, 16, 52),
        (A_PUBLIC, 24, request),
        (B_PUBLIC, 16, 52),
    ]
    # python's server closes first (HTTP/1.0)
    assert sizes[-3:] == [(B_PUBLIC, 17, 52), (A_PUBLIC, 17, 52), (B_PUBLIC, 16, 52)]


def test_curl_refused_times_out_and_gives_up() -> None:
    lab = Lab()
    refused = lab.run(f"curl -sS http://{B_PUBLIC}/")
    assert refused.exit_code == 7
    assert refused.stderr.startswith(f"curl: (7) Failed to connect to {B_PUBLIC} port 80 after ")
    assert refused.stderr.endswith("ms: Couldn't connect to server\n")
    assert [(s.packet.tcp_flags, s.packet.size) for s in refused.packets] == [(2, 60), (20, 40)]
    lab.ingress("b-public")
    timed = lab.run(f"curl -sS -m 5 http://{B_PUBLIC}/")
    assert (timed.exit_code, timed.stderr[:32]) == (28, "curl: (28) Connection timed out ")
    assert [at for at, *_ in shape(timed.packets)] == [0, 1, 3]
    connecting = lab.run(f"curl -sS --connect-timeout 2 http://{B_PUBLIC}/")
    assert "after 2000 ms: Timeout was reached" in connecting.stderr
    patient = lab.run(f"curl -s http://{B_PUBLIC}/")
    assert [at for at, *_ in shape(patient.packets)] == [0, 1, 3, 7, 15, 31, 63]
    assert patient.ended - patient.began == pytest.approx(127, abs=0.1)
    assert (patient.exit_code, patient.stderr) == (28, "")


def test_curl_writes_out_and_discards() -> None:
    run = Lab().run(
        "curl -s -o /dev/null -w '%{http_code} %{size_download} %{remote_ip}:%{remote_port}\\n' example.com"
    )
    assert run.stdout == "200 1256 192.0.2.80:80\n"


@pytest.mark.parametrize(
    ("line", "text", "code"),
    [
        ("curl -sS http://nowhere.example/", "curl: (6) Could not resolve host: nowhere.example", 6),
        ("curl", "curl: (2) no URL specified", 2),
        ("curl --retry 3 http://a || echo no", "curl: the sandbox does not simulate the option --retry", 126),
        ("curl -m", "curl: option -m: requires parameter", 2),
        ("curl -m soon http://a", "expected a proper numerical parameter", 2),
        ("curl -sS telnet://10.2.1.10/", 'Protocol "telnet" not supported', 1),
        ("curl -sS ftp://10.2.1.10/; echo no", "curl: the sandbox does not simulate ftp", 126),
        ("curl -sS http://10.2.1.10:99999/", "Port number was not a decimal number", 3),
    ],
)
def test_curl_refuses(line: str, text: str, code: int) -> None:
    run = Lab().run(line)
    assert (text in run.stderr, run.exit_code, run.packets) == (True, code, [])


@pytest.mark.parametrize(
    ("url", "text", "code"),
    [
        (f"http://{B_PUBLIC}:22/", "curl: (1) Received HTTP/0.9 when not allowed", 1),
        (f"https://{B_PUBLIC}:80/", "curl: (35)", 35),
        (f"http://{B_PUBLIC}/missing", "", 0),
        (f"-f http://{B_PUBLIC}/missing", "curl: (22) The requested URL returned error: 404", 22),
        (f"-m 3 http://{B_PUBLIC}:5001/", "curl: (28) Operation timed out after 30", 28),
    ],
)
def test_curl_meets_what_is_no_web_page(url: str, text: str, code: int) -> None:
    lab = Lab().install("b-public", "ncat")
    lab.run(f"{WEB}\nnc -lk 5001 &", on="b-public")
    run = lab.run(f"curl -sS -o /dev/null {url}")
    assert (run.stderr.startswith(text), run.exit_code) == (True, code)
    assert run.packets


def test_curl_https_to_the_internet_and_its_own_address() -> None:
    run = Lab().run("curl -s https://checkip.amazonaws.com")
    assert (run.stdout, run.exit_code) == (f"{PUBLIC_OF_A}\n", 0)
    assert sum(s.packet.size for s in run.packets) > 4000
    assert {s.packet.dst for s in run.packets} == {"192.0.2.20", PUBLIC_OF_A}
    private = Lab().run("curl -sS -m 4 https://checkip.amazonaws.com", on="a-private")
    assert private.exit_code == 28


def test_metadata_is_answered_on_the_host() -> None:
    lab = Lab()
    assert lab.run("curl -s -o /dev/null -w '%{http_code}' http://169.254.169.254/latest/meta-data/").stdout == "401"
    run = lab.run(
        "T=$(curl -s -X PUT http://169.254.169.254/latest/api/token "
        "-H 'X-aws-ec2-metadata-token-ttl-seconds: 60')\n"
        'curl -s -H "X-aws-ec2-metadata-token: $T" http://169.254.169.254/latest/meta-data/instance-id'
    )
    assert (run.stdout, run.packets) == ("i-a-public", [])


# --- nc ---


def test_nc_speaks_the_words_of_nmaps_ncat() -> None:
    lab = Lab()
    assert lab.run("dnf install -y nmap-ncat").exit_code == 0
    assert "Ncat: Connected to 10.2.1.10:22." in lab.run("nc -zv 10.2.1.10 22").stderr
    assert lab.run("nc -zv 10.2.1.10 23").stderr.endswith("\nNcat: Connection refused.\n")
    quiet = lab.run("nc -z 10.2.1.10 23")
    assert (quiet.stderr, quiet.exit_code) == ("", 1)
    assert lab.run("nc -z 10.2.1.10 20-25").stderr == 'Ncat: Invalid port number "20-25". QUITTING.\n'
    lab.ingress("b-public")
    run = lab.run("nc -zv -w 2 10.2.1.10 23")
    assert (run.stderr.splitlines()[-1], round(run.ended - run.began)) == ("Ncat: TIMEOUT.", 2)
    patient = lab.run("nc -z 10.2.1.10 23")
    assert round(patient.ended - patient.began) == 10


@pytest.mark.parametrize(
    ("line", "text", "code"),
    [
        ("nc", "Ncat: You must specify a host to connect to. QUITTING.", 2),
        ("nc -zv 10.2.1.10 22 8080", "Ncat: Got more than one port specification: 22 8080. QUITTING.", 2),
        ("nc -z 10.2.1.10 abc", 'Ncat: Invalid port number "abc". QUITTING.', 2),
        ("nc -z 10.2.1.10 70000", 'Ncat: Invalid port number "70000". QUITTING.', 2),
        ("nc -Q -z 10.2.1.10 22", "nc: invalid option -- 'Q'", 2),
        ("nc -z -w never 10.2.1.10 22", 'Ncat: Invalid -w timeout "never"', 2),
        ("nc -zl 22", "Services designed for LISTENING can't be used with -z", 2),
        ("nc -z nowhere.example 22", 'Could not resolve hostname "nowhere.example": Name or service not known', 2),
        ("nc 10.2.1.10 22 || echo closed", "the sandbox simulates TCP with -z only", 126),
        ("nc -e /bin/sh -z 10.2.1.10 22; echo no", "nc: the sandbox does not simulate the option -e", 126),
        ("nc -l 80; echo no", "nc: the sandbox listens only with", 126),
    ],
)
def test_nc_refuses(line: str, text: str, code: int) -> None:
    run = Lab().install("a-public", "ncat").run(line)
    assert (text in run.stderr, run.exit_code, run.packets, run.stdout) == (True, code, [], "")


def test_udp_to_a_closed_port_brings_icmp_port_unreachable() -> None:
    """ncat 7.93: one byte, and two seconds in which an error may come."""
    lab = Lab().install("a-public", "ncat")
    run = lab.run(f"nc -zuv {B_PUBLIC} 5000")
    assert (run.exit_code, run.stderr.splitlines()[1:]) == (
        1,
        [f"Ncat: Connected to {B_PUBLIC}:5000.", "Ncat: Connection refused."],
    )
    assert [(s.packet.protocol, s.packet.icmp_type, s.packet.icmp_code, s.packet.size) for s in run.packets] == [
        (17, None, None, 29),
        (1, 3, 3, 57),
    ]
    lab.deny("b1", egress=True, protocol="1", IcmpTypeCode={"Type": -1, "Code": -1})
    run = lab.run(f"nc -zuv {B_PUBLIC} 5000")
    assert (run.exit_code, len(run.packets)) == (0, 2)
    assert run.stderr.splitlines()[2:] == [
        "Ncat: UDP packet sent successfully",
        "Ncat: 1 bytes sent, 0 bytes received in 2.00 seconds.",
    ]


def test_nc_sends_what_comes_through_a_pipe_in_datagrams() -> None:
    lab = Lab().install("a-public", "ncat").ingress("b-public")
    run = lab.run(f"echo hi | nc -u -w1 {B_PUBLIC} 514; echo $?")
    assert run.stdout == "0\n"
    assert [(s.packet.protocol, s.packet.dst_port, s.packet.size) for s in run.packets] == [(17, 514, 31)]
    record = next(record for record in lab.records() if record.interface_id == "eni-b-public")
    assert (record.protocol, record.dstport, record.action, record.packets) == (17, 514, "REJECT", 1)
    paced = lab.run(f"( echo a; sleep 2; echo bcd ) | nc -u {B_PUBLIC} 514")
    assert [(round(s.at - paced.began), s.packet.size) for s in paced.packets] == [(0, 30), (2, 32)]
    assert lab.run(f"nc -u {B_PUBLIC} 514; echo $?").packets == []
    here = lab.run(f"nc -u {B_PUBLIC} 514 <<< hello")
    assert [s.packet.size for s in here.packets] == [34]


def test_nc_hears_that_nothing_listens_before_its_next_datagram() -> None:
    run = Lab().install("a-public", "ncat").run(f"( echo a; sleep 2; echo b ) | nc -u {B_PUBLIC} 514; echo $?")
    assert (run.stdout, run.stderr) == ("1\n", "Ncat: Connection refused.\n")
    assert [s.packet.protocol for s in run.packets] == [17, 1]


# --- ssh ---


def test_ssh_talks_and_is_denied() -> None:
    run = Lab().run(f"ssh -o StrictHostKeyChecking=no -o ConnectTimeout=5 ec2-user@{B_PUBLIC} uptime")
    assert run.exit_code == 255
    assert run.stderr.splitlines()[-1] == f"ec2-user@{B_PUBLIC}: Permission denied (publickey)."
    flags = [s.packet.tcp_flags for s in run.packets]
    assert (flags[:3], flags[-3:], len(flags) > 20) == ([2, 18, 16], [17, 17, 16], True)
    keyed = Lab().run(f"ssh -i lab.pem -q -o StrictHostKeyChecking=no {B_PUBLIC}; ssh -i lab.pem {B_PUBLIC}")
    assert keyed.stderr.startswith("Warning: Identity file lab.pem not accessible")
    unknown = Lab().run(f"ssh -o BatchMode=yes ec2-user@{B_PUBLIC}")
    assert unknown.stderr == "Host key verification failed.\n"
    assert len(unknown.packets) < len(flags)


def test_ssh_refused_and_timed_out() -> None:
    lab = Lab()
    lab.run("systemctl stop sshd", on="b-public")
    run = lab.run(f"ssh {B_PUBLIC}")
    assert run.stderr == f"ssh: connect to host {B_PUBLIC} port 22: Connection refused\n"
    assert run.exit_code == 255
    run = lab.ingress("b-public").run(f"ssh -o ConnectTimeout=5 {B_PUBLIC}")
    assert run.stderr == f"ssh: connect to host {B_PUBLIC} port 22: Connection timed out\n"
    assert (round(run.ended - run.began), len(run.packets)) == (5, 3)


@pytest.mark.parametrize(
    ("line", "text"),
    [
        ("ssh", "usage: ssh"),
        ("ssh -Z host", "unknown option -- Z"),
        ("ssh -o ProxyJump=b 10.2.1.10", "ssh: the sandbox does not simulate the option -o ProxyJump"),
        ("ssh -p none 10.2.1.10", "Bad port 'none'"),
        ("ssh nowhere.example", "ssh: Could not resolve hostname nowhere.example: Name or service not known"),
    ],
)
def test_ssh_refuses(line: str, text: str) -> None:
    run = Lab().run(line)
    assert (text in run.stderr, run.exit_code, run.packets) == (True, 126 if "sandbox" in text else 255, [])


# --- names, dnf, servers ---


def test_dig_and_names() -> None:
    lab = Lab()
    own = lab.run("dig +short ip-10-1-2-10.ec2.internal; dig +short ip-10-2-1-10.ec2.internal; dig +short example.com")
    assert (own.stdout, own.packets) == ("10.1.2.10\n192.0.2.80\n", [])
    assert lab.run("dig @10.1.0.2 +short example.com").packets == []
    asked = lab.run("dig @192.0.2.53 +short example.com")
    assert asked.packets[0].packet.dst_port == 53
    assert (asked.stdout, len(asked.packets)) == ("192.0.2.80\n", 2)
    lost = lab.run("dig @192.0.2.53 example.com", on="a-private")
    assert (lost.exit_code, round(lost.ended - lost.began)) == (9, 15)
    assert lost.stdout.endswith(";; no servers could be reached\n")
    assert "status: NXDOMAIN" in lab.run("dig nowhere.example").stdout
    assert lab.run("ping -c 1 ip-10-1-2-10.ec2.internal").exit_code == 0
    assert (
        lab.run(f"ping -c 1 ec2-{PUBLIC_OF_A.replace('.', '-')}.compute-1.amazonaws.com", on="a-other")
        .packets[0]
        .packet.dst
        == A_PUBLIC
    )


def test_dnf_needs_a_way_out() -> None:
    lab = Lab()
    run = lab.run("sudo dnf install -y httpd && systemctl enable --now httpd")
    assert run.exit_code == 0
    assert run.effects == [
        Install("i-a-public", "httpd"),
        Listen("i-a-public", Listener("tcp", 80, "http", "/var/www/html")),
    ]
    assert lab.run("dnf install -y httpd").stdout.endswith("Nothing to do.\nComplete!\n")
    assert lab.run("dnf install httpd nginx").exit_code == 1
    private = lab.run("yum install -y httpd", on="a-private")
    assert (private.exit_code, private.effects) == (1, [])
    assert "Error: Failed to download metadata for repo 'amazonlinux'" in private.stderr
    assert "Curl error (28): Timeout was reached" in private.stderr
    assert round(private.ended - private.began) == 120
    unknown = lab.run("dnf install -y tcpdump || echo no such package")
    assert (unknown.exit_code, "no such package" in unknown.stdout) == (126, False)
    assert "dnf: the sandbox's mirror does not carry tcpdump; it carries bind-utils" in unknown.stderr


def test_servers_start_and_stop() -> None:
    lab = Lab()
    web = Listener("tcp", 8080, "http", "/")
    assert lab.run("nohup python3 -m http.server 8080 > /dev/null 2>&1 &").effects == [Listen("i-a-public", web)]
    assert "Address already in use" in lab.run("python3 -m http.server 8080").stderr
    assert lab.run("curl -s -o /dev/null localhost:8080").packets == []
    assert lab.run("curl -s -o /dev/null 10.1.1.10:8080", on="a-other").exit_code == 0
    assert lab.run("pkill -f http.server").effects == [StopListening("i-a-public", web)]
    assert lab.run("pkill -f http.server").exit_code == 1
    assert lab.run("curl -s 10.1.1.10:8080", on="a-other").exit_code == 7
    assert lab.run("systemctl is-active sshd; systemctl is-active nginx").stdout == "active\ninactive\n"
    assert lab.run("python3 script.py || echo no").exit_code == 126


def test_an_outside_computer_reaches_public_instances_only() -> None:
    lab = Lab()
    home = outside_host(HOME)
    assert lab.run(f"ping -c 2 {PUBLIC_OF_B}", on=home).exit_code == 0
    run = lab.run(f"nc -zv -w 3 {PUBLIC_OF_B} 22", on=home)
    assert run.exit_code == 0
    assert lab.run(f"ping -c 1 -W 1 {B_PRIVATE}", on=home).exit_code == 1
    records = lab.records()
    assert {record.interface_id for record in records} == {"eni-b-public"}
    assert {(r.srcaddr, r.dstaddr) for r in records} == {(HOME, B_PUBLIC), (B_PUBLIC, HOME)}


def test_public_address_between_instances_goes_by_the_gateways() -> None:
    lab = Lab()
    run = lab.run(f"ping -c 1 {PUBLIC_OF_B}")
    assert run.exit_code == 0
    records = lab.records()
    sides = {(r.interface_id, r.flow_direction): (r.srcaddr, r.dstaddr, r.traffic_path) for r in records}
    assert sides == {
        ("eni-a-public", "egress"): (A_PUBLIC, PUBLIC_OF_B, 8),
        ("eni-b-public", "ingress"): (PUBLIC_OF_A, B_PUBLIC, None),
        ("eni-b-public", "egress"): (B_PUBLIC, PUBLIC_OF_A, 8),
        ("eni-a-public", "ingress"): (PUBLIC_OF_B, A_PUBLIC, None),
    }


def test_an_unknown_outside_address_is_silent_and_hosts_can_be_added() -> None:
    lab = Lab()
    assert lab.run("ping -c 1 -W 1 203.0.113.200").exit_code == 1
    lab.internet = Internet((*INTERNET.hosts, OutsideHost("203.0.113.200", ("c2.example.net",), ())))
    assert lab.run("ping -c 1 -W 1 c2.example.net").exit_code == 0
    assert lab.run("curl -s c2.example.net").exit_code == 7


def test_neighbours_in_one_subnet() -> None:
    lab = Lab().deny("a1", egress=True).deny("a1", egress=False)
    assert lab.run(f"ping -c 1 {A_OTHER}").exit_code == 0


def test_ping_counts_from_its_first_request_to_what_came_last_and_not_its_wait() -> None:
    """iputils: `time` ends with the last packet; nothing came, so it waits ten seconds more, which do not count."""
    lab = Lab()
    one = lab.run("ping -c 2 10.2.1.99")
    assert "time 1000ms\n\n" in one.stdout and one.ended - one.began == pytest.approx(11, abs=0.1)


@pytest.mark.parametrize("name", ["command", "type", "read", "printf", "trap", "getent", "env", "ssh-keyscan"])
def test_what_a_real_instance_has_is_not_called_missing(name: str) -> None:
    run = Lab().run(f"{name} x")
    assert (run.exit_code, run.stdout) == (126, "")
    assert run.stderr == f"_script.sh: line 1: {name}: the sandbox does not simulate this program\n"


def test_pwd_follows_cd_and_goes_where_it_is_sent() -> None:
    assert Lab().run("pwd; cd /var/www; pwd; pwd > /tmp/x; cat /tmp/x").stdout == "/\n/var/www\n/var/www\n"


def test_dig_says_what_was_asked_of_whom_before_it_gives_up() -> None:
    run = Lab().run(f"dig @{B_PUBLIC} +time=1 +tries=1 example.com")
    assert run.exit_code == 9
    assert run.stdout.splitlines() == [
        f";; communications error to {B_PUBLIC}#53: connection refused",
        "",
        f"; <<>> DiG 9.18.28 <<>> @{B_PUBLIC} +time=1 +tries=1 example.com",
        "; (1 server found)",
        ";; global options: +cmd",
        ";; no servers could be reached",
    ]
    assert "; <<>> DiG" not in Lab().run(f"dig @{B_PUBLIC} +short +time=1 +tries=1 example.com").stdout


def test_a_datagram_larger_than_the_mtu_travels_in_pieces() -> None:
    """9001 bytes inside VPCs, 1500 to the internet; every piece but the last carries a multiple of eight bytes."""
    lab = Lab()
    inside = [sent.packet.size for sent in lab.run(f"ping -c 1 -s 20000 {B_PUBLIC}").packets]
    assert inside == [8996, 8996, 2076] * 2
    outside = [sent.packet.size for sent in lab.run("ping -c 1 -s 4000 192.0.2.53").packets]
    assert outside[:3] == [1500, 1500, 1068]
    assert [sent.packet.size for sent in lab.run(f"ping -c 1 -s 8000 {B_PUBLIC}").packets] == [8028] * 2


def test_a_source_port_that_is_asked_for_is_taken() -> None:
    lab = Lab().install("a-public", "ncat")
    for command in (f"nc -z -w 3 -p 5555 {B_PUBLIC} 22", f"curl -s -m 3 --local-port 5555 http://{B_PUBLIC}:22/"):
        sent = [sent.packet for sent in lab.run(command).packets]
        assert {packet.src_port for packet in sent if packet.src == A_PUBLIC} == {5555}, command
    assert lab.run(f"curl --local-port x http://{B_PUBLIC}/").exit_code == 2


def test_curl_closes_its_side_when_its_time_is_over() -> None:
    lab = Lab().install("b-public", "ncat")
    lab.run("nc -lk 8099", on="b-public")
    sent = [sent.packet for sent in lab.run(f"curl -s -m 3 http://{B_PUBLIC}:8099/").packets]
    assert sum(packet.tcp_flags & 1 for packet in sent if packet.src == A_PUBLIC) == 1


def test_the_kernel_closes_what_a_killed_program_had_open() -> None:
    lab = Lab().install("b-public", "ncat")
    lab.run("nc -lk 8099", on="b-public")
    sent = [sent.packet for sent in lab.run(f"timeout 3 curl -s http://{B_PUBLIC}:8099/").packets]
    assert sum(packet.tcp_flags & 1 for packet in sent if packet.src == A_PUBLIC) == 1
