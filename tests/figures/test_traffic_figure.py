"""The map with its traffic: a record is changed, and its lines and its words change with it."""

import pytest

from helpers.figures import Figure, traffic_figure
from helpers.flowlogs import read_table
from helpers.network import Topology
from tests.figures.legible import illegible, shapes, words
from tests.support.topology import NAMES, pages, topology

CLIENT, DB, OUTSIDE = "10.1.0.10", "10.2.1.10", "198.51.100.7"


def record(interface: str, ends: tuple[str, str], size: int = 1000, action: str = "ACCEPT", port: int = 40000) -> str:
    return f"2 1 {interface} {ends[0]} {ends[1]} {port} 22 6 5 {size} 1767603600 1767603660 {action} OK"


BOTH = [record("eni-client", (CLIENT, DB)), record("eni-db", (CLIENT, DB))]


def figure(*lines: str, of: Topology | None = None) -> Figure:
    return traffic_figure(of or topology(), read_table(list(lines)), NAMES)


def edges(picture: Figure, *, dashed: bool) -> list[dict[str, str]]:
    return [
        attributes
        for kind, attributes in shapes(picture)
        if kind == "polyline" and ("stroke-dasharray" in attributes) == dashed
    ]


def test_packets_that_both_ends_wrote_about_count_once() -> None:
    picture = figure(*BOTH)
    assert "1.0 kB" in words(picture)
    assert picture.text == "demo-client-a and demo-db-b: 1000 bytes (1000 there, 0 back)"
    assert len(edges(picture, dashed=False)) == 1
    assert edges(picture, dashed=True) == []


def test_both_directions_are_one_line() -> None:
    picture = figure(*BOTH, record("eni-db", (DB, CLIENT), 24000))
    assert len(edges(picture, dashed=False)) == 1
    assert "25.0 kB" in words(picture)
    assert "25000 bytes (1000 there, 24000 back)" in picture.text


def test_more_bytes_are_a_thicker_line() -> None:
    out = CLIENT, OUTSIDE
    widths = []
    for size in (100, 900):
        picture = figure(*BOTH, record("eni-client", out, size))
        widths.append(sorted(float(edge["stroke-width"]) for edge in edges(picture, dashed=False)))
    assert widths[0][1] == widths[1][1]  # the line of the most bytes
    assert widths[0][0] < widths[1][0] < widths[1][1]


def test_rejected_packets_are_dashed_and_did_not_arrive() -> None:
    picture = figure(BOTH[0], record("eni-db", (CLIENT, DB), action="REJECT"))
    assert edges(picture, dashed=False) == []
    assert len(edges(picture, dashed=True)) == 1
    assert "✗ 5 packets" in words(picture)
    assert picture.text == "demo-client-a to demo-db-b: 5 packets rejected, written by demo-db-b"
    assert "0 B arrived and 5 packets were rejected" in picture.alt


def test_a_target_that_wrote_nothing_is_taken_to_have_got_what_left() -> None:
    assert figure(BOTH[0]).text == figure(*BOTH).text


def test_another_conversation_is_counted_by_itself() -> None:
    lost = record("eni-db", (CLIENT, DB), action="REJECT", port=40001)
    sent = record("eni-client", (CLIENT, DB), port=40001)
    assert "1000 bytes" in figure(*BOTH, sent, lost).text


def test_the_internet_is_one_end_with_its_addresses() -> None:
    lines = [record("eni-client", (f"198.51.100.{last}", CLIENT), action="REJECT") for last in (7, 8)]
    picture = figure(*lines)
    assert {"the internet", "2 addresses", "✗ 10 packets"} <= set(words(picture))
    assert "the internet: 198.51.100.7, 198.51.100.8" in picture.text
    assert "the internet" not in words(figure(*BOTH))


def test_an_address_of_a_subnet_without_an_interface_has_its_place_there() -> None:
    """Of a terminated instance, for example: its records are still there."""
    gone = "10.1.0.77"
    picture = figure(record("eni-gone", (gone, DB)), record("eni-gone", (DB, gone), action="REJECT"))
    assert {gone, "no network interface now"} <= set(words(picture))
    assert not {"outside these VPCs", "the internet"} & set(words(picture))
    assert f"no network interface now, in subnet demo-public-a: {gone}" in picture.text
    assert f"{gone} (no network interface now): 5 packets rejected, written by eni-gone" in picture.text
    assert illegible(picture) == []
    two = figure(record("eni-db", ("10.1.0.77", DB)), record("eni-db", ("10.1.0.9", DB)))
    assert "2 addresses" in words(two)
    assert "10.1.0.9, 10.1.0.77" in two.text


def test_an_address_outside_of_every_subnet_is_outside() -> None:
    assert "outside these VPCs: 10.1.77.1" in figure(record("eni-db", ("10.1.77.1", DB))).text


def test_within_a_vpc_the_line_goes_around() -> None:
    content = pages()
    for item in content["NetworkInterfaces"]:
        if item["NetworkInterfaceId"] == "eni-db":
            item |= {"SubnetId": "subnet-a", "VpcId": "vpc-a"}
    (edge,) = edges(figure(*BOTH, of=Topology.from_describe(None, **content)), dashed=False)
    assert len(edge["points"].split()) == 4


def test_no_traffic_is_said() -> None:
    picture = figure("2 1 eni-db - - - - - - - 1767603600 1767603660 - NODATA")
    assert picture.text == "No traffic."
    assert picture.alt == "0 B arrived and 0 packets were rejected."


def test_only_the_vpcs_asked_for_are_drawn() -> None:
    picture = traffic_figure(topology(), read_table(BOTH), NAMES, vpcs=["vpc-a"])
    assert "demo-db-b" not in words(picture)
    assert f"outside these VPCs: {DB}" in picture.text
    with pytest.raises(KeyError, match="vpc-none"):
        traffic_figure(topology(), read_table(BOTH), vpcs=["vpc-none"])


def test_the_tables_own_names_are_used() -> None:
    table = read_table(BOTH)
    named = table.assign(instance=table.interface_id.map({"eni-client": "client-a", "eni-db": "db-b"}))
    assert {"client-a", "db-b"} <= set(words(traffic_figure(topology(), named)))


def test_it_reads_well() -> None:
    many = [record("eni-client", (CLIENT, OUTSIDE), 10**place, port=40000 + place) for place in range(9)]
    many += [record("eni-client", (OUTSIDE, CLIENT), action="REJECT"), record("eni-db", (CLIENT, DB), action="REJECT")]
    for picture in (figure(*BOTH), figure(*many), traffic_figure(Topology(), read_table(BOTH))):
        assert illegible(picture) == []
    assert "111.1 MB" in words(figure(*many))
