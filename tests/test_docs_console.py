"""docs/console.md has a section for each lesson, and each step in it names AWS's page."""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
TEXT = (ROOT / "docs" / "console.md").read_text("utf-8")
LESSONS = [path.name[:2] for path in sorted((ROOT / "notebooks").glob("[0-9][0-9]_*.ipynb"))]
HEAD = ["Step", "Where in the AWS console", "AWS's page"]
# A title, and in brackets the guide or the site that it belongs to.
_PAGE = re.compile(r"[A-Z].+ \((?:[\w ]+ Guide|aws\.amazon\.com)\)")


def sections() -> dict[str, list[list[str]]]:
    """The rows of each lesson's table, its head and its line of dashes first."""
    found = {}
    for part in TEXT.split("\n## ")[1:]:
        title, _, body = part.partition("\n")
        rows = [line for line in body.splitlines() if line.startswith("|")]
        found[title[:2]] = [[cell.strip() for cell in row.strip("|").split("|")] for row in rows]
    return found


def test_every_lesson_has_its_section() -> None:
    assert list(sections()) == LESSONS


def test_it_says_first_that_nothing_was_tried_and_when_it_was_looked_up() -> None:
    opening = TEXT.partition("\n## ")[0]
    assert "**Documented, not tried here.**" in opening
    assert re.search(r"looked up in 20\d\d-\d\d\.", opening)


def test_every_row_has_a_place_and_the_title_of_a_page() -> None:
    for lesson, (head, _, *rows) in sections().items():
        assert head == HEAD, lesson
        assert len(rows) >= 2, lesson
        for row in rows:
            assert len(row) == 3, row
            assert all(row), row
            assert _PAGE.fullmatch(row[2]), row


def test_the_first_page_links_to_it() -> None:
    assert "(docs/console.md)" in (ROOT / "README.md").read_text("utf-8")
