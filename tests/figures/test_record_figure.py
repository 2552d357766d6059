"""The picture of one record: every value is there, in its group."""

import pytest

from helpers.figures import record_figure
from helpers.flowlogs import RecordError
from tests.figures.legible import illegible, shapes, words

LINE = "2 123456789012 eni-0123456789abcdef0 10.1.0.10 10.2.0.10 40000 22 6 20 4000 1767603600 1767603660 ACCEPT OK"


def test_every_value_and_its_field_are_drawn_in_four_groups() -> None:
    picture = record_figure(LINE)
    assert set(LINE.split()) | {"srcaddr", "log-status"} <= set(words(picture))
    assert sum(kind == "polyline" for kind, _ in shapes(picture)) == 4
    assert picture.text.splitlines()[1].startswith("5-tuple: who sent to whom (fields 4 to 8): srcaddr 10.1.0.10")
    assert illegible(picture) == []


def test_a_line_of_another_format_is_an_error() -> None:
    with pytest.raises(RecordError):
        record_figure("2 123456789012 eni-1")
