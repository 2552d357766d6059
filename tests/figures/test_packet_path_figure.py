"""The picture of a packet's path: a rule is changed, and its shapes and its words change with it."""

import re
import xml.etree.ElementTree as ElementTree
from typing import Any

import pytest

from helpers.figures import Figure, packet_path_figure
from helpers.network import Packet, PacketError, Topology
from tests.figures.legible import illegible, shapes, words
from tests.support.topology import NAMES, pages
from tests.support.two_vpcs import Pages

SSH = Packet("10.1.0.10", "10.2.1.10", 6, 40000, 22, tcp_flags=2, source_interface="eni-client")
STATIONS = 6
LONGEST_WORD = 15  # characters of a bold word that a card is wide enough for


def figure(content: Pages | None = None, packet: Packet = SSH) -> Figure:
    return packet_path_figure(Topology.from_describe(None, **(content or pages())), packet, NAMES)


def deny(content: Pages, acl: str, *, egress: bool, ports: tuple[int, int]) -> Pages:
    entry: dict[str, Any] = {
        "RuleNumber": 50, "Protocol": "6", "RuleAction": "deny", "Egress": egress, "CidrBlock": "0.0.0.0/0",
        "PortRange": {"From": ports[0], "To": ports[1]},
    }  # fmt: skip
    next(item for item in content["NetworkAcls"] if item["NetworkAclId"] == acl)["Entries"].append(entry)
    return content


def stations(picture: Figure, way: str) -> list[str]:
    """The lines of one way in the text."""
    lines = picture.text.split(f"The way {way}: ")[1].splitlines()
    return [line.strip() for line in lines if line.strip()[0].isdigit()][:STATIONS]


def dashed_boxes(picture: Figure) -> list[str]:
    return [kind for kind, attributes in shapes(picture) if kind == "rect" and "stroke-dasharray" in attributes]


def test_all_stations_pass_and_the_group_evaluates_no_rule_for_an_answer() -> None:
    picture = figure()
    assert [line[3] for line in stations(picture, "there")] == ["✓"] * STATIONS
    assert [line[3] for line in stations(picture, "back")] == ["↩", "✓", "✓", "✓", "✓", "↩"]
    assert stations(picture, "there")[5] == (
        "6. ✓ security group, inbound demo-sg-b (sg-b): allowed - tcp 22 from 10.1.0.0/16"
    )
    assert "that the inbound rule let in: tcp 22 from 10.1.0.0/16" in stations(picture, "back")[0]
    assert "stateless: the answer is evaluated, too; rule 100: allow" in stations(picture, "back")[1]
    assert words(picture).count("✓ allowed") == 6
    assert words(picture).count("↩ not evaluated") == 2
    for line in [*stations(picture, "there"), *stations(picture, "back")]:
        word = re.findall(r": ([a-z ]+?)(?: - |$)", line)[0]
        assert len(word) <= LONGEST_WORD, word  # it is not broken into lines, and has to stay inside its card
    assert len(dashed_boxes(picture)) == 2


def test_a_rule_taken_from_the_group_stops_the_packet_at_the_last_station() -> None:
    picture = figure(pages(ssh=False))
    assert picture.alt.endswith(
        "rejected at step 6 of 6 (security group, inbound, demo-sg-b): no inbound rule allows tcp 22 from 10.1.0.10."
    )
    assert [line[3] for line in stations(picture, "there")] == ["✓"] * 5 + ["✗"]
    assert "✗ rejected" in words(picture)
    assert "No way back: nothing arrived at i-db, so nothing answers." not in picture.text
    assert "No way back: nothing arrived at demo-db-b, so nothing answers." in words(picture)
    assert words(picture).count("a flow log here records REJECT") == 1


def test_an_acl_entry_for_the_answer_stops_the_way_back_alone() -> None:
    picture = figure(deny(pages(), "acl-a", egress=False, ports=(1024, 65535)))
    assert [line[3] for line in stations(picture, "there")] == ["✓"] * STATIONS
    assert [line[3] for line in stations(picture, "back")] == ["↩", "✓", "✓", "✓", "✗", "·"]
    assert "rule 50: deny tcp 1024-65535 from 0.0.0.0/0" in picture.alt
    assert words(picture).count("· not reached") == 1


def test_an_acl_entry_on_the_way_out_leaves_four_stations_unreached() -> None:
    picture = figure(deny(pages(), "acl-a", egress=True, ports=(22, 22)))
    assert [line[3] for line in stations(picture, "there")] == ["✓", "✗", "·", "·", "·", "·"]
    assert words(picture).count("· not reached") == 4
    assert len(dashed_boxes(picture)) == 5  # and the way back
    assert "a flow log here records nothing" in words(picture)


def test_a_peering_that_is_gone_loses_the_packet_at_the_route() -> None:
    picture = figure(pages(peering="deleted"))
    assert [line[3] for line in stations(picture, "there")] == ["✓", "✓", "✗", "·", "·", "·"]
    assert "✗ lost" in words(picture)
    assert "10.2.0.0/16 -> demo-a-b (blackhole): the route is a blackhole" in picture.text
    assert {"a flow log here records nothing (assumed)", "a flow log here records nothing"} <= set(words(picture))


def test_a_route_taken_on_the_other_side_loses_the_answer() -> None:
    content = pages()
    table = content["RouteTables"][1]
    table["Routes"] = [route for route in table["Routes"] if "VpcPeeringConnectionId" not in route]
    picture = figure(content)
    assert [line[3] for line in stations(picture, "back")] == ["↩", "✓", "✗", "·", "·", "·"]
    assert "no route for 10.1.0.10" in picture.alt


def test_an_instance_that_is_stopped_is_told() -> None:
    content = pages()
    content["Instances"][1]["State"] = {"Name": "stopped"}
    picture = figure(content)
    assert picture.alt.endswith("lost: its instance is not running.")
    assert [line[3] for line in stations(picture, "there")] == ["✓", "✓", "✓", "✓", "·", "·"]


def test_to_the_internet_and_back_by_the_public_address() -> None:
    packet = Packet("10.1.0.10", "198.51.100.7", 6, 40000, 443, tcp_flags=2, source_interface="eni-client")
    picture = figure(packet=packet)
    assert [line[3] for line in stations(picture, "there")] == ["✓", "✓", "✓", "✓", "-", "-"]
    assert "The way back: tcp 198.51.100.7:443 -> 203.0.113.20:40000" in picture.text
    assert "4. internet gateway" in words(picture)
    assert figure(pages(gateway=False), packet).alt.endswith("no route for 198.51.100.7.")


def test_within_a_subnet_no_acl_is_asked() -> None:
    content = pages()
    for item in content["NetworkInterfaces"]:
        if item["NetworkInterfaceId"] == "eni-db":
            item |= {"SubnetId": "subnet-a", "VpcId": "vpc-a", "PrivateIpAddress": "10.1.0.11"}
            item.pop("PrivateIpAddresses", None)
    packet = Packet("10.1.0.10", "10.1.0.11", 6, 40000, 22, tcp_flags=2, source_interface="eni-client")
    picture = figure(content, packet)
    assert [line[3] for line in stations(picture, "there")] == ["✓", "-", "✓", "-", "-", "✓"]
    assert "2. - network ACL, outbound: not on the path - the packet stays in its subnet" in stations(picture, "there")


@pytest.mark.parametrize(
    ("changes", "answers"),
    [({"tcp_flags": 16}, False), ({"protocol": 17, "tcp_flags": 0}, True), ({"protocol": 1, "icmp_type": 3}, False)],
)
def test_what_asks_for_no_answer_has_no_way_back(changes: dict[str, int], answers: bool) -> None:
    content = pages()
    content["SecurityGroups"][1]["IpPermissions"] = [{"IpProtocol": "-1", "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}]
    fields = {"protocol": 6, "src_port": 40000, "dst_port": 22, **changes}
    packet = Packet("10.1.0.10", "10.2.1.10", **fields, source_interface="eni-client")
    assert ("The way back" in figure(content, packet).text) == answers
    assert ("No way back: this packet asks for no answer." in figure(content, packet).text) != answers


def test_a_packet_that_cannot_be_is_refused() -> None:
    with pytest.raises(PacketError):
        figure(packet=Packet("10.1.0.10", "::1", 6, source_interface="eni-client"))


@pytest.mark.parametrize("content", [pages(), pages(ssh=False), pages(peering="deleted")])
def test_it_reads_well(content: Pages) -> None:
    long = {key: f"{value}-with-a-very-long-name" for key, value in NAMES.items()}
    for picture in (
        figure(content), packet_path_figure(Topology.from_describe(None, **content), SSH, long),
    ):  # fmt: skip
        assert illegible(picture) == []
        assert ElementTree.fromstring(picture.image).findtext("{http://www.w3.org/2000/svg}desc") == picture.alt
