"""The picture of windows: a row for each network interface, and no box that begins before the flow log."""

from datetime import UTC, datetime

import pytest

from helpers.figures import windows_figure
from tests.figures.legible import illegible, shapes, words

NINE = 1767603600  # 09:00:00 UTC
CREATED, BEGUN, ENDED = (datetime.fromtimestamp(NINE + seconds, UTC) for seconds in (120, 180, 330))
NAMES = {"eni-3": "t3.micro", "eni-2": "t2.micro"}


def event(interface: str, start: int, end: int, packets: int) -> dict[str, str]:
    flow = f"10.1.0.10 10.1.1.4 0 0 1 {packets} 336 {NINE + start} {NINE + end}"
    return {"message": f"2 123456789012 {interface} {flow} ACCEPT OK"}


def test_one_row_for_each_interface_cut_at_the_creation() -> None:
    events = [event("eni-2", 0, 600, 150), event("eni-3", 170, 230, 50), event("eni-3", 230, 290, 60)]
    picture = windows_figure(events, NAMES, sent=(BEGUN, ENDED), since=CREATED)
    assert picture.text.splitlines() == [
        "t2.micro: 09:02:00 to 09:10:00 (480 s) 150 packets",
        "t3.micro: 09:02:50 to 09:03:50 (60 s) 50 packets, 09:03:50 to 09:04:50 (60 s) 60 packets",
    ]
    assert words(picture)[0] == "packets sent from 09:03:00 to 09:05:30 UTC"
    slow, fast, after = [float(attributes["width"]) for kind, attributes in shapes(picture) if kind == "rect"][2:]
    assert slow == pytest.approx(8 * fast, rel=0.02) and fast == pytest.approx(after, rel=0.02)
    assert illegible(picture) == []


def test_without_events_there_is_nothing_to_draw() -> None:
    with pytest.raises(ValueError, match="no window to draw"):
        windows_figure([], NAMES, sent=(BEGUN, ENDED), since=CREATED)
