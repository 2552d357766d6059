"""The heat map of ports shows a scan as a full row, and every verdict in shape, sign and number."""

import pytest

from helpers.figures import Figure, ports_figure
from helpers.flowlogs import read_table
from tests.figures.legible import illegible, shapes, words

CLIENT, WEB, DATA = "10.1.0.10", "10.2.0.10", "10.2.1.10"


def line(source: str, destination: str, port: int, action: str = "ACCEPT", protocol: int = 6, own: int = 40000) -> str:
    ports = f"{own} {port}" if protocol in (6, 17) else "0 0"
    return f"2 123456789012 eni-1 {source} {destination} {ports} {protocol} 4 336 100 160 {action} OK"


WEB_LINES = [line(f"10.1.0.{host}", WEB, 80) for host in (10, 11, 12)]
SCAN_LINES = [line("198.51.100.9", WEB, port, "REJECT") for port in range(1, 101) if port != 80]


def drawing(*lines: str, **names: str) -> Figure:
    return ports_figure(read_table(lines), {CLIENT: names.get("client", CLIENT)})


def cells(figure: Figure) -> list[str]:
    """The grounds of the cells that are not empty; the three of the legend are not counted."""
    boxes = [shape for kind, shape in shapes(figure) if kind == "rect" and shape.get("stroke") == "#555555"]
    return [box["fill"] for box in boxes[:-3]]


def test_a_web_server_is_one_column_and_a_scan_a_full_row() -> None:
    figure = drawing(*WEB_LINES, *SCAN_LINES)
    columns = len([shape for kind, shape in shapes(figure) if kind == "rect" and shape.get("rx") == "2"]) - 3
    assert "80" in words(figure)
    assert columns % 4 == 0
    assert len(cells(figure)) == columns // 4 - 1 + 3, "all columns but 80 in the scanner's row, and one cell a client"
    assert figure.alt.startswith("4 pairs of source and destination. The fullest row is 198.51.100.9 → 10.2.0.10: 99")
    assert illegible(figure) == []


def test_one_record_changes_cell_sign_and_words() -> None:
    before, after = drawing(line(CLIENT, WEB, 80)), drawing(line(CLIENT, WEB, 80, "REJECT"))
    assert ("✓ 1" in words(before), "✗ 1" in words(after)) == (True, True)
    assert cells(before) != cells(after)
    assert before.text == "10.1.0.10 → 10.2.0.10: accepted on tcp 80 (1 record)"
    assert after.text == "10.1.0.10 → 10.2.0.10: rejected on tcp 80 (1 record)"
    both = drawing(line(CLIENT, WEB, 80), line(CLIENT, WEB, 80, "REJECT"))
    assert {"✓ 1", "✗ 1"} <= set(words(both))
    assert len({*cells(before), *cells(after), *cells(both)}) == 3
    assert both.text.endswith("accepted and rejected on tcp 80 (2 records)")


def test_more_records_are_a_stronger_colour() -> None:
    grounds = [cells(drawing(*[line(CLIENT, WEB, 80)] * count))[0] for count in (1, 3, 10, 100)]
    assert len(set(grounds)) == 4
    assert illegible(drawing(*[line(CLIENT, WEB, 80)] * 100)) == []
    assert illegible(drawing(*[line(CLIENT, WEB, 80, "REJECT")] * 1234)) == []


def test_records_without_a_verdict_have_no_cell() -> None:
    nodata = "2 123456789012 eni-1 - - - - - - - 100 160 - NODATA"
    assert drawing(line(CLIENT, WEB, 80), nodata) == drawing(line(CLIENT, WEB, 80))


def test_answers_have_no_cell_and_a_row_of_their_own() -> None:
    answers = [line(WEB, CLIENT, 40000 + number, own=80) for number in range(25)]
    ssh = [line(WEB, CLIENT, 50000, own=22)] * 2
    figure = drawing(line(CLIENT, WEB, 80), *answers, *ssh, client="client-a")
    assert cells(figure) == cells(drawing(line(CLIENT, WEB, 80)))
    assert {"26 ports", "25 from port 80, 1 from port 22"} <= set(words(figure))
    assert figure.text.splitlines()[1] == "answers, 10.2.0.10 → client-a: 26 ports: 25 from port 80, 1 from port 22"
    assert illegible(figure) == []


def test_protocols_have_columns_of_their_own() -> None:
    figure = drawing(line(CLIENT, DATA, 53), line(CLIENT, DATA, 53, protocol=17), line(CLIENT, DATA, 0, protocol=1))
    assert [text for text in words(figure) if text in ("53", "tcp", "udp", "ICMP")] == [
        "53",
        "tcp",
        "53",
        "udp",
        "ICMP",
    ]
    assert figure.text.endswith("accepted on icmp; tcp 53; udp 53 (3 records)")


def test_names_stand_for_addresses() -> None:
    figure = drawing(line(CLIENT, WEB, 80), client="demo-client-a")
    assert ("demo-client-a" in words(figure), f"→ {WEB}" in words(figure)) == (True, True)


def test_many_pairs_are_counted_and_all_are_in_the_text() -> None:
    figure = drawing(*[line(f"198.51.100.{host}", WEB, 22, "REJECT") for host in range(1, 21)])
    assert "and 8 more pairs, each with fewer ports" not in words(figure)
    assert "and 8 more pairs" in words(figure)
    assert len(figure.text.splitlines()) == 20


@pytest.mark.parametrize("lines", [[], WEB_LINES, SCAN_LINES, [line("2001:db8::1:2:3:4", "2001:db8::5:6:7:8", 443)]])
def test_it_is_legible(lines: list[str]) -> None:
    assert illegible(drawing(*lines)) == []


def test_no_requests_and_no_columns() -> None:
    assert drawing().alt == "No requests in these records."
    with pytest.raises(ValueError, match=r"missing: .*dstport"):
        ports_figure(read_table([line(CLIENT, WEB, 80)]).drop(columns="dstport"))
