"""The picture of a conversation: a record is taken away or turned, and its shapes and its words change with it."""

import pytest

from helpers.figures import Figure, conversation_figure
from helpers.flowlogs import read_table
from helpers.lab import LabError
from tests.figures.legible import illegible, shapes, words
from tests.support.topology import NAMES, topology

CLIENT, DB = "10.1.0.10", "10.2.1.10"
THERE = f"{CLIENT} {DB} 40000 22 6"
BACK = f"{DB} {CLIENT} 22 40000 6"


def record(interface: str, flow: str, action: str = "ACCEPT", *, packets: int = 6, start: int = 1767603600) -> str:
    return f"2 123456789012 {interface} {flow} {packets} {packets * 60} {start} {start + 60} {action} OK"


FOUR = [record(interface, flow) for flow in (THERE, BACK) for interface in ("eni-client", "eni-db")]


def figure(lines: list[str]) -> Figure:
    return conversation_figure(topology(), read_table(lines), NAMES)


def dashed(picture: Figure) -> int:
    return sum("stroke-dasharray" in attributes for kind, attributes in shapes(picture) if kind == "polyline")


def test_four_records_are_four_solid_halves() -> None:
    picture = figure(FOUR)
    assert dashed(picture) == 0
    assert words(picture).count("✓ ACCEPT 6 packets, 360 bytes") == 4
    assert words(picture).count("window 09:00:00 to 09:01:00") == 4
    assert "the way there →, port 40000 to 22" in words(picture)
    assert "← the way back, port 22 to 40000" in words(picture)
    assert picture.text.splitlines() == [
        f"tcp {CLIENT}:40000 -> {DB}:22, demo-client-a to demo-db-b: records at 4 of 4 places",
        "  1. there, at demo-client-a (eni-client): ACCEPT, 6 packets, 360 bytes, window 09:00:00 to 09:01:00",
        "  2. there, at demo-db-b (eni-db): ACCEPT, 6 packets, 360 bytes, window 09:00:00 to 09:01:00",
        "  3. back, at demo-db-b (eni-db): ACCEPT, 6 packets, 360 bytes, window 09:00:00 to 09:01:00",
        "  4. back, at demo-client-a (eni-client): ACCEPT, 6 packets, 360 bytes, window 09:00:00 to 09:01:00",
    ]


@pytest.mark.parametrize(
    ("gone", "place"),
    [
        *((0, "there at demo-client-a"), (1, "there at demo-db-b")),
        *((2, "back at demo-client-a"), (3, "back at demo-db-b")),
    ],
)
def test_the_missing_record_is_dashed_and_named(gone: int, place: str) -> None:
    picture = figure(FOUR[:gone] + FOUR[gone + 1 :])
    assert dashed(picture) == 1
    assert words(picture).count("no record") == 1
    assert picture.alt.endswith(f"records at 3 of 4 places; no record: {place}.")


def test_a_rejected_packet_ends_in_a_cross() -> None:
    accepted, rejected = figure(FOUR[:2]), figure([FOUR[0], record("eni-db", THERE, "REJECT", packets=3)])
    assert "✗ REJECT 3 packets, 180 bytes" in words(rejected)
    heads = [sum(kind == "polygon" for kind, _ in shapes(picture)) for picture in (accepted, rejected)]
    assert heads == [2, 1]  # the way there arrives, and the dashed way back
    strokes = [len([1 for kind, _ in shapes(picture) if kind == "polyline"]) for picture in (accepted, rejected)]
    assert strokes == [4, 6]


def test_the_way_there_goes_to_the_lower_port_whoever_wrote_first() -> None:
    assert figure(FOUR[::-1]) == figure(FOUR)
    assert figure(FOUR[2:]).text.splitlines()[0].startswith(f"tcp {CLIENT}:40000 -> {DB}:22")


def test_records_of_several_windows_stand_in_one_place() -> None:
    picture = figure([*FOUR, record("eni-db", THERE, "REJECT", packets=1, start=1767603660)])
    assert "ACCEPT, 6 packets, 360 bytes, window 09:00:00 to 09:01:00; REJECT, 1 packet, 60 bytes" in picture.text
    assert "window 09:01:00 to 09:02:00" in words(picture)


def test_without_ports_the_first_row_is_the_way_there() -> None:
    picture = figure([record("eni-client", f"{CLIENT} {DB} 0 0 1"), record("eni-client", f"{DB} {CLIENT} 0 0 1")])
    assert picture.alt.startswith(f"icmp {CLIENT} -> {DB}, demo-client-a to demo-db-b: records at 2 of 4 places")


def test_an_end_outside_writes_no_record_and_misses_none() -> None:
    picture = figure([record("eni-client", f"{CLIENT} 198.51.100.7 40000 443 6")])
    assert picture.alt.endswith("records at 1 of 2 places; no record: back at demo-client-a.")
    assert words(picture).count("no flow log of yours there") == 2


def test_each_conversation_is_drawn_and_what_is_too_many_is_told() -> None:
    flows = [record("eni-client", f"{CLIENT} {DB} {port} 22 6") for port in range(40000, 40008)]
    picture = figure(flows)
    assert len([1 for word in words(picture) if word.startswith("tcp ")]) == 6
    assert "and 2 more conversations in words." in words(picture)
    assert picture.text.count("tcp ") == 8


def test_rows_without_traffic_are_not_drawn() -> None:
    nothing = "2 123456789012 eni-db - - - - - - - 1767603600 1767603660 - NODATA"
    assert figure([*FOUR, nothing]) == figure(FOUR)
    with pytest.raises(LabError, match="no conversation"):
        figure([nothing])


def test_the_tables_own_names_are_used_and_given_ones_win() -> None:
    table = read_table(FOUR)
    named = table.assign(instance=table.interface_id.map({"eni-client": "client-a", "eni-db": "db-b"}))
    assert "client-a to db-b" in conversation_figure(topology(), named).alt
    assert "demo-client-a to db-b" in conversation_figure(topology(), named, {"eni-client": "demo-client-a"}).alt
    unknown = table.assign(instance="nan")
    assert "i-client to i-db" in conversation_figure(topology(), unknown).alt


def test_it_reads_well() -> None:
    long = {key: f"{value}-with-a-very-long-name-indeed-it-is" for key, value in NAMES.items()}
    for lines in (FOUR, FOUR[:1], [record("eni-client", THERE, "REJECT")]):
        assert illegible(figure(lines)) == []
        assert illegible(conversation_figure(topology(), read_table(lines), long)) == []
