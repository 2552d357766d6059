"""The time line of an incident: one row for each event, in order of time; what has no time stays empty."""

import pytest

from helpers.figures import story_figure
from tests.figures.legible import illegible

SINCE, UNTIL = 1_767_225_600.0, 1_767_225_600.0 + 27 * 3600  # midnight to 03:00 of the next day
EVENTS = {"silence": "02:10", "rule opened": "16:30", "login": None}


def test_events_stand_in_order_and_a_gap_comes_last() -> None:
    figure = story_figure(EVENTS, SINCE, UNTIL)
    assert figure.text.splitlines() == ["16:30 rule opened", "02:10 silence", "--:-- login"]
    assert "2 of 3 events" in figure.alt
    assert illegible(figure) == []


def test_another_time_changes_the_order_and_the_picture() -> None:
    changed = story_figure({**EVENTS, "silence": "15:00"}, SINCE, UNTIL)
    assert changed.text.splitlines()[0] == "15:00 silence"
    assert changed.image != story_figure(EVENTS, SINCE, UNTIL).image


@pytest.mark.parametrize(
    "when", ["02:10", "2026-01-02T02:10:00", 1_767_319_800, "1767319800", "02:10 UTC", 1_767_319_800_000]
)
def test_a_time_has_many_forms(when: object) -> None:
    assert story_figure({"silence": when}, SINCE, UNTIL).text == "02:10 silence"


def test_nothing_known_is_a_picture_too_and_another_text_is_refused() -> None:
    assert story_figure({"silence": None}, SINCE, UNTIL).text == "--:-- silence"
    with pytest.raises(ValueError, match="soon"):
        story_figure({"silence": "2 o'clock soon"}, SINCE, UNTIL)


@pytest.mark.parametrize("wrong", ["", "25:99", "at 02:10", "2026-13-01", float("nan"), [2, 10]], ids=repr)
def test_what_is_no_time_is_named_with_its_row(wrong: object) -> None:
    with pytest.raises(ValueError, match=r"silence: .* is no time"):
        story_figure({"silence": wrong}, SINCE, UNTIL)
