"""The ACCEPT/REJECT table: one command, one change, the records at both interfaces."""

from collections import Counter
from collections.abc import Callable

import pytest

from helpers.traffic import World, start, step
from tests.traffic.lab import A_PUBLIC, B_PUBLIC, T0, Lab, rule

CLIENT, SERVER = "eni-a-public", "eni-b-public"
CONNECT = f"curl -s -m 4 -o /dev/null {B_PUBLIC}"
Row = tuple[str, str, str, int, int]


def records(lab: Lab) -> set[Row]:
    """(interface, direction, action, flags, packets) between A and B, all windows together."""
    rows: Counter[tuple[str, str, str, int]] = Counter()
    for r in lab.records():
        if {r.srcaddr, r.dstaddr} == {A_PUBLIC, B_PUBLIC}:
            rows[str(r.interface_id), str(r.flow_direction), str(r.action), r.tcp_flags or 0] += r.packets or 0
    return {(*row, packets) for row, packets in rows.items()}


def acl_without_replies(lab: Lab) -> object:
    return lab.deny("b1", egress=True, protocol="6", PortRange={"From": 1024, "To": 65535})


def no_route(table: str, destination: str) -> Callable[[Lab], object]:
    def change(lab: Lab) -> object:
        found = lab.find("RouteTables", f"rtb-{table}")
        found["Routes"] = [r for r in found["Routes"] if r["DestinationCidrBlock"] != destination]
        found["Routes"] = [r for r in found["Routes"] if r["DestinationCidrBlock"] != "0.0.0.0/0"]
        return None

    return change


def peering_gone(lab: Lab) -> object:
    lab.pages["VpcPeeringConnections"][0]["Status"]["Code"] = "deleted"
    return None


SYNS = (CLIENT, "egress", "ACCEPT", 2, 3)

TABLE: dict[str, tuple[Callable[[Lab], object], str, set[Row]]] = {
    "2 no group rule at the server": (
        lambda lab: lab.ingress("b-public", rule("tcp", 22)),
        CONNECT,
        {SYNS, (SERVER, "ingress", "REJECT", 2, 3)},
    ),
    "3 ACL denies in at the server": (
        lambda lab: lab.deny("b1", egress=False),
        CONNECT,
        {SYNS, (SERVER, "ingress", "REJECT", 2, 3)},
    ),
    "4 ACL denies the reply out of the server's subnet": (
        acl_without_replies,
        CONNECT,
        {SYNS, (SERVER, "ingress", "ACCEPT", 2, 3), (SERVER, "egress", "REJECT", 18, 6)},
    ),
    "5 no egress rule at the server: its replies pass": (
        lambda lab: lab.egress("b-public"),
        f"ping -c 4 {B_PUBLIC}",
        {
            (CLIENT, "egress", "ACCEPT", 0, 4),
            (CLIENT, "ingress", "ACCEPT", 0, 4),
            (SERVER, "ingress", "ACCEPT", 0, 4),
            (SERVER, "egress", "ACCEPT", 0, 4),
        },
    ),
    "6 no egress rule at the client": (
        lambda lab: lab.egress("a-public", rule("tcp", 22)),
        CONNECT,
        {(CLIENT, "egress", "REJECT", 2, 3)},
    ),
    "7 ACL denies out of the client's subnet": (
        lambda lab: lab.deny("a1", egress=True),
        CONNECT,
        {(CLIENT, "egress", "REJECT", 2, 3)},
    ),
    "8 ACL denies the reply into the client's subnet": (
        lambda lab: lab.deny("a1", egress=False, protocol="6"),
        CONNECT,
        {
            SYNS,
            (CLIENT, "ingress", "REJECT", 18, 6),
            (SERVER, "ingress", "ACCEPT", 2, 3),
            (SERVER, "egress", "ACCEPT", 18, 6),
        },
    ),
    "9 nothing listens": (
        lambda lab: lab.hosts.update(
            {"i-b-public": lab.hosts["i-b-private"].__class__("i-b-public", SERVER, B_PUBLIC)}
        ),
        CONNECT,
        {
            (CLIENT, "egress", "ACCEPT", 2, 1),
            (CLIENT, "ingress", "ACCEPT", 4, 1),
            (SERVER, "ingress", "ACCEPT", 2, 1),
            (SERVER, "egress", "ACCEPT", 4, 1),
        },
    ),
    "10a no route to the server": (no_route("a1", "10.2.0.0/16"), CONNECT, set()),
    "10b no route back": (
        no_route("b1", "10.1.0.0/16"),
        CONNECT,
        {SYNS, (SERVER, "ingress", "ACCEPT", 2, 3), (SERVER, "egress", "ACCEPT", 18, 6)},
    ),
    "peering deleted": (peering_gone, CONNECT, set()),
    "12 ping allowed": (
        lambda lab: None,
        f"ping -c 4 {B_PUBLIC}",
        {
            (CLIENT, "egress", "ACCEPT", 0, 4),
            (CLIENT, "ingress", "ACCEPT", 0, 4),
            (SERVER, "ingress", "ACCEPT", 0, 4),
            (SERVER, "egress", "ACCEPT", 0, 4),
        },
    ),
    "13 metadata, Amazon DNS": (
        lambda lab: None,
        "curl -s http://169.254.169.254/latest/meta-data/; dig example.com; dig @10.1.0.2 example.com",
        set(),
    ),
}


@pytest.mark.parametrize("name", TABLE)
def test_row(name: str) -> None:
    change, command, expected = TABLE[name]
    lab = Lab()
    lab.run("python3 -m http.server 80 &", on="b-public")
    change(lab)
    lab.run(command)
    assert records(lab) == expected


def test_row_1_everything_allowed() -> None:
    lab = Lab()
    lab.run("python3 -m http.server 80 &", on="b-public")
    assert lab.run(CONNECT).exit_code == 0
    rows = records(lab)
    assert {row[:4] for row in rows} == {
        (CLIENT, "egress", "ACCEPT", 3),
        (CLIENT, "ingress", "ACCEPT", 19),
        (SERVER, "ingress", "ACCEPT", 3),
        (SERVER, "egress", "ACCEPT", 19),
    }
    assert {row[4] for row in rows if row[3] == 3} == {6}


def test_rules_that_change_between_two_commands_of_a_script_matter() -> None:
    lab = Lab()
    process = start(f"curl -s -m 2 {B_PUBLIC}; sleep 10; curl -s -m 2 {B_PUBLIC}", lab.hosts["i-a-public"], T0, "k")
    lengths = []
    for _ in range(3):
        did = step(process, World(lab.topology, lab.connections, lab.hosts))
        process, lab.connections = did.process, did.connections
        lengths.append(len(did.packets))
        lab.ingress("b-public")
    assert (lengths, did.exit_code) == ([2, 0, 2], 28)
