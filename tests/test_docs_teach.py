"""docs/teach.md: tracks whose minutes add up, and nothing named that is not there."""

import re
from collections.abc import Iterator

import pytest

from helpers.lessons.content import broken_labs, exercises
from tests.glossary import private_words
from tests.pages import ROOT, gone

PAGE = (ROOT / "docs" / "teach.md").read_text("utf-8")
README = (ROOT / "README.md").read_text("utf-8")
_TRACK = re.compile(r"^### (\d+) minutes.*?\n\n(.*?)\n\n", re.MULTILINE | re.DOTALL)
_ROW = re.compile(r"^\| (\d+) \| (\d+) \| (.+?) \|", re.MULTILINE)


def late(page: str) -> Iterator[str]:
    """A sentence for each row of a track that does not begin when the one before ends, and each track with gaps."""
    for whole, rows in _TRACK.findall(page):
        at = 0
        for begins, minutes, what in _ROW.findall(rows):
            if int(begins) != at:
                yield f"{whole} minutes: {what} begins at {begins} and not at {at}"
            at = int(begins) + int(minutes)
        if at != int(whole):
            yield f"{whole} minutes: the last row ends at {at}"


def missing(page: str) -> Iterator[str]:
    """A sentence for each exercise, lab, link or command that the page names and the course lacks."""
    named = set(re.findall(r"\b(\d\d\.\d{1,2})\b", page))
    yield from (f"there is no {name}" for name in sorted(named - exercises().keys() - broken_labs().keys()))
    yield from gone(re.sub(r"\]\((?!\.\./)", "](docs/", page).replace("](../", "]("))


def test_a_track_has_a_row_for_each_minute() -> None:
    assert [whole for whole, _ in _TRACK.findall(PAGE)] == ["90", "180", "360"]
    assert list(late(PAGE)) == []


def test_the_page_names_only_what_is_there() -> None:
    assert list(missing(PAGE)) == []


def test_the_page_has_the_words_of_the_course() -> None:
    prose = re.sub(r"`[^`]+`", "", PAGE)
    assert [match[0] for each in private_words("private") for match in each.finditer(prose)] == []


def test_a_track_leaves_the_minutes_of_the_labs() -> None:
    for number, saved in re.findall(r"leave out (14\.\d\d): it saves (\d+) minutes", PAGE):
        assert broken_labs()[number].fault["minutes"] == int(saved)
    for minutes, labs in re.findall(r"^\| \d+ \| (\d+) \|.*?: labs ([\d., ]+)", PAGE, re.MULTILINE):
        assert sum(broken_labs()[number].fault["minutes"] for number in labs.strip(" ,.").split(", ")) <= int(minutes)


def test_the_price_of_a_seat_is_the_first_pages() -> None:
    (price,) = set(re.findall(r"costs (\d+\.\d+) USD per hour", PAGE))
    assert f"| {price} USD per hour |" in README


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("| 8 | 10 |", "| 9 | 10 |", "begins at 9 and not at 8"),
        ("| 82 | 8 |", "| 82 | 9 |", "ends at 91"),
        ("| 50 | 5 | Pause", "| 50 | 6 | Pause", "begins at 55 and not at 56"),
    ],
)
def test_minutes_that_do_not_add_up_are_seen(old: str, new: str, words: str) -> None:
    assert old in PAGE
    assert any(words in sentence for sentence in late(PAGE.replace(old, new, 1)))


@pytest.mark.parametrize(
    ("old", "new"),
    [("06.2", "06.9"), ("14.05", "14.55"), ("helpers status", "helpers statos"), ("own-account.md", "no-account.md")],
)
def test_what_is_not_there_is_seen(old: str, new: str) -> None:
    assert old in PAGE
    assert list(missing(PAGE.replace(old, new)))
