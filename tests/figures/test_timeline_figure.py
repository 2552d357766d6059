"""The picture of windows and delivery: a time is changed, and its shapes and its words change with it."""

from datetime import UTC, datetime
from typing import Any

import pytest

from helpers.figures import Figure, timeline_figure
from helpers.flowlogs import RecordError
from tests.figures.legible import illegible, shapes, words

NINE = 1767603600  # 09:00:00 UTC
NAMES = {"eni-client": "demo-client-a", "eni-db": "demo-db-b"}


def event(start: int, delivered: int, interface: str = "eni-client", status: str = "OK") -> dict[str, Any]:
    """A log event: seconds after nine, for its start and its ingestion."""
    flow = "10.1.0.10 10.2.1.10 0 0 1 4 336" if status == "OK" else "- - - - - - -"
    action = "ACCEPT" if status == "OK" else "-"
    message = f"2 123456789012 {interface} {flow} {NINE + start} {NINE + start + 60} {action} {status}"
    return {"message": message, "timestamp": (NINE + start) * 1000, "ingestionTime": (NINE + delivered) * 1000}


def figure(*events: dict[str, Any], now: float = 240, packets: tuple[float, ...] = (30,), **more: Any) -> Figure:
    return timeline_figure(events, NINE + now, [NINE + packet for packet in packets], NAMES, **more)


def arrow(picture: Figure, *, dashed: bool) -> tuple[float, float]:
    """Where the only delivery begins and ends; the dotted line of a packet runs down, not across."""
    pairs = [
        [float(point.partition(",")[0]) for point in attributes["points"].split()]
        for kind, attributes in shapes(picture)
        if kind == "polyline" and ("stroke-dasharray" in attributes) == dashed
    ]
    (found,) = [pair for pair in pairs if pair[0] != pair[1]]
    return found[0], found[1]


def boxes(picture: Figure) -> list[dict[str, str]]:
    return [attributes for kind, attributes in shapes(picture) if kind == "rect"]


def test_what_is_not_delivered_yet_is_dashed_and_told() -> None:
    picture = figure(event(0, 300), event(0, 300))
    assert "the last 5 minutes: 0 records readable, 2 not delivered yet" in words(picture)
    assert "not before 09:05:00" in words(picture)
    assert arrow(picture, dashed=True)
    assert picture.text.splitlines() == [
        "Packets sent: 09:00:30",
        "demo-client-a (eni-client), window 09:00:00 to 09:01:00: 2 records, not readable before 09:05:00, "
        "240 s after the window's end",
        "Now: 09:04:00 UTC. The last 5 minutes begin at 08:59:00: 0 records readable, 2 not delivered yet.",
        "Counted there are records whose start lies in these minutes.",
    ]


def test_later_the_same_records_are_readable_and_later_still_out_of_the_band() -> None:
    events = event(0, 290), event(0, 290)
    readable, passed = figure(*events, now=295), figure(*events, now=301)
    assert "the last 5 minutes: 2 records readable" in words(readable)
    assert "the last 5 minutes: 0 records readable" in words(passed)
    assert "✓ readable 09:04:50" in words(readable)
    assert arrow(readable, dashed=False)
    assert [box["width"] for box in boxes(readable)] != [box["width"] for box in boxes(passed)]


def test_a_later_delivery_is_a_longer_arrow() -> None:
    short, long = (arrow(figure(event(0, seconds), now=300), dashed=False) for seconds in (120, 240))
    assert long[1] - long[0] > 2 * (short[1] - short[0])


def test_a_packet_stands_in_the_window_that_counts_it() -> None:
    picture = figure(event(0, 200), packets=(30, 90))
    dots = [float(attributes["cx"]) for kind, attributes in shapes(picture) if kind == "circle"]
    window = boxes(picture)[-1]
    left, wide = float(window["x"]), float(window["width"])
    assert [left <= dot <= left + wide for dot in dots] == [True, False]
    assert dots[0] == pytest.approx(left + wide / 2, abs=0.2)


def test_windows_without_traffic_are_dashed() -> None:
    picture = figure(event(0, 200), event(10, 200, "eni-db", "NODATA"))
    assert [("stroke-dasharray" in box) for box in boxes(picture)[-2:]] == [False, True]
    assert "NODATA" in words(picture)
    assert "2 records readable, 1 of them NODATA" in picture.alt


def test_without_events_it_says_so() -> None:
    picture = figure()
    assert "no record yet" in words(picture)
    assert picture.alt.endswith("from the last 5 minutes: 0 records readable.")


def test_the_band_may_be_longer() -> None:
    assert "the last 15 minutes: 1 record readable" in words(figure(event(0, 200), now=600, minutes=15))


def test_the_newest_windows_are_drawn_and_the_text_holds_all() -> None:
    picture = figure(*(event(60 * minute, 60 * minute + 100) for minute in range(15)), now=1000)
    assert len(boxes(picture)) == 14  # the ground and the band
    assert "and 3 earlier windows in words" in words(picture)
    assert picture.text.count("window 09:") == 15


def test_moments_may_be_datetimes() -> None:
    now, sent = (datetime.fromtimestamp(NINE + seconds, UTC) for seconds in (240, 30))
    assert timeline_figure([event(0, 200)], now, [sent], NAMES) == figure(event(0, 200))


def test_other_formats_are_read_when_named() -> None:
    line = {**event(0, 200), "message": f"{NINE} {NINE + 60} eni-db"}
    assert "demo-db-b" in words(figure(line, log_format="${start} ${end} ${interface-id}"))
    with pytest.raises(RecordError):
        figure(line)
    with pytest.raises(ValueError, match="needs start and end"):
        figure({**line, "message": "eni-db"}, log_format="${interface-id}")


def test_it_reads_well() -> None:
    many = [event(60 * minute, 60 * minute + 100) for minute in range(15)]
    for picture in (figure(), figure(event(0, 300)), figure(*many, now=1000), figure(event(0, 200), now=7200)):
        assert illegible(picture) == []
