"""nmap's connect scan: its report as nmap 7.93 prints it, and what it puts on the wire."""

import pytest

from tests.traffic.lab import A_OTHER, B_PUBLIC, Lab, rule


def test_it_is_installed_with_dnf_and_reports_open_closed_and_filtered_ports() -> None:
    lab = Lab().ingress("b-public", rule("tcp", 20, 80))
    assert lab.run("nmap -sT -Pn -p 22 10.2.1.10; echo $?").stdout == "127\n"
    assert lab.run("sudo dnf install -y nmap && nc -zv 10.2.1.10 22").exit_code == 0
    did = lab.run(f"nmap -sT -Pn -n -p 22,80,8080 {B_PUBLIC}")
    lines = did.stdout.splitlines()
    assert lines[0] == "Starting Nmap 7.93 ( https://nmap.org ) at 2023-11-14 22:13 UTC"
    assert lines[1] == f"Nmap scan report for {B_PUBLIC}"
    assert lines[2].startswith("Host is up (0.000") and lines[2].endswith("s latency).")
    assert lines[3:] == [
        "",
        "PORT     STATE    SERVICE",
        "22/tcp   open     ssh",
        "80/tcp   closed   http",
        "8080/tcp filtered http-proxy",
        "",
        "Nmap done: 1 IP address (1 host up) scanned in 2.04 seconds",
    ]
    assert did.exit_code == 0
    flags = {port: [sent.packet.tcp_flags for sent in did.packets if port in _ports(sent)] for port in (22, 80, 8080)}
    assert flags == {22: [2, 18, 16, 20], 80: [2, 20], 8080: [2, 2]}
    records = [record for record in lab.records() if record.interface_id == "eni-b-public"]
    assert {(record.dstport, record.action) for record in records if record.dstaddr == B_PUBLIC} >= {
        (22, "ACCEPT"),
        (80, "ACCEPT"),
        (8080, "REJECT"),
    }


def _ports(sent: object) -> tuple[int, int]:
    packet = sent.packet  # type: ignore[attr-defined]
    return packet.src_port, packet.dst_port


def test_many_ports_of_a_state_are_only_counted() -> None:
    lab = Lab().install("a-public", "nmap")
    few = lab.run(f"nmap -sT -Pn -n -p1-100 {B_PUBLIC}").stdout.splitlines()
    assert few[3:6] == ["Not shown: 99 closed tcp ports (conn-refused)", "PORT   STATE SERVICE", "22/tcp open  ssh"]
    lab.ingress("b-public")
    none = lab.run(f"nmap -sT -Pn -n -p 1-100 {B_PUBLIC}").stdout.splitlines()
    assert none[2:5] == [
        "Host is up.",
        f"All 100 scanned ports on {B_PUBLIC} are in ignored states.",
        "Not shown: 100 filtered tcp ports (no-response)",
    ]


def test_its_output_can_be_piped() -> None:
    lab = Lab().install("a-public", "nmap")
    assert lab.run(f"nmap -Pn -sT -p 20-25 {B_PUBLIC} | grep -c closed; echo $?").stdout == "5\n0\n"


@pytest.mark.parametrize(
    "arguments",
    ["10.2.1.10", "-p 22 10.2.1.10", "-sS -Pn -p 22 10.2.1.10", "-sT -Pn -p ssh 10.2.1.10", "-sU -p 53 10.2.1.10",
     "-sT -Pn -p 22 10.2.1.0/24", "-sT -Pn -sV -p 22 10.2.1.10", "-sT -Pn -p- 10.2.1.10", "-sT -Pn 10.2.1.10",
     f"-sT -Pn -p 22 {A_OTHER}", "-sT -Pn -p 0-70000 10.2.1.10"],
)  # fmt: skip
def test_other_scans_are_refused_before_anything_is_sent(arguments: str) -> None:
    did = Lab().install("a-public", "nmap").run(f"nmap {arguments} || echo closed")
    assert (did.exit_code, did.packets) == (126, []) and "closed" not in did.stdout and "sandbox" in did.stderr
