"""docs/claims.md has a row for every sentence of the write-up's chapters, and each row's words stand in the lesson."""

import re
from itertools import pairwise
from pathlib import Path

import pytest

from tests.notebooks.lint import Notebook, without_fences

# How many sentences each paragraph of the write-up's chapters has, in order.
SENTENCES = {
    "Security considerations": (3, 5, 6, 3, 5, 3),
    "Cost analysis": (5, 4, 5, 5, 3, 5, 4),
    "Key takeaways": (3, 4, 4, 5, 5, 4, 4, 4, 6),
}
WORDS = ("Shown", "Corrected", "Weighed", "Stated", NOT_TREATED := "Not treated")
_ROW = re.compile(r"^\| (\d)\.(\d) \| (.+?) \| (.+?) \| (.+?) \|$", re.MULTILINE)
_LINK = re.compile(r"\]\(([^)#]+)(?:#([^)]+))?\)")
# A place in a row: a link to a heading, and words that stand under it.
_PLACE = re.compile(r"\[\d\d\]\(\.\./notebooks/([^)#]+)#([^)]+)\) \*(.+?)\*(?=, \[|$)")
_HEADING = re.compile(r"^(#+) +(.+?) *$", re.MULTILINE)


def chapters(root: Path) -> dict[str, str]:
    text = (root / "docs" / "claims.md").read_text(encoding="utf-8")
    return dict(part.split("\n", 1) for part in text.split("\n## ")[1:])


def test_every_sentence_has_its_row(root: Path) -> None:
    found = chapters(root)
    for chapter, counts in SENTENCES.items():
        rows = [(int(row[0]), int(row[1])) for row in _ROW.findall(found[chapter])]
        assert rows == [(paragraph, number + 1) for paragraph, count in enumerate(counts, 1) for number in range(count)]
        assert all(first < second for first, second in pairwise(rows))


def test_every_row_says_what_became_of_it(root: Path) -> None:
    for text in chapters(root).values():
        for row in _ROW.findall(text):
            assert row[3].startswith(WORDS), row
            assert row[3].startswith(NOT_TREATED) == (row[4] == "-"), row


def test_every_row_names_words_that_stand_under_its_heading(root: Path) -> None:
    for text in chapters(root).values():
        for row in _ROW.findall(text):
            places = _PLACE.findall(row[4])
            assert len(places) == len(_LINK.findall(row[4])), f"a heading and words for each link: {row}"
            for name, anchor, words in places:
                section = section_of(Notebook.read(root / "notebooks" / name), anchor)
                assert words in section, f"{row[0]}.{row[1]}: no {words!r} in {name} under {anchor}"


def section_of(notebook: Notebook, anchor: str) -> str:
    """The prose from a heading to the next one of its level or a higher one, on one line; empty without the heading."""
    text = "\n\n".join(without_fences(cell.text) for cell in notebook.prose)
    section, depth = "", 0
    for heading in _HEADING.finditer(text):
        if not depth and re.sub(r"[`*_]", "", heading[2]).replace(" ", "-") == anchor:
            depth, begin = len(heading[1]), heading.start()
            section = text[begin:]
        elif depth and len(heading[1]) <= depth:
            section = text[begin : heading.start()]
            break
    return " ".join(section.split())


@pytest.mark.parametrize(
    ("anchor", "within", "outside"),
    [("One", "first", "second"), ("Two", "second", "first"), ("Two", "deeper", "last"), ("None", "", "first")],
)
def test_a_section_ends_at_the_next_heading_of_its_level(anchor: str, within: str, outside: str) -> None:
    cells = [{"cell_type": "markdown", "source": "# T\n\n## One\nfirst"}, {"cell_type": "code", "source": "second"}]
    cells.append({"cell_type": "markdown", "source": "## Two\nsecond\n\n### Deep\ndeeper\n\n## Three\nlast"})
    section = section_of(Notebook(Path("42.ipynb"), {"cells": cells}), anchor)
    assert within in section
    assert outside not in section


def test_every_word_for_what_became_of_it_is_explained(root: Path) -> None:
    legend = (root / "docs" / "claims.md").read_text(encoding="utf-8").split("\n## ")[0]
    assert [word for word in WORDS if f"*{word}*:" not in legend] == []


def test_every_link_leads_somewhere(root: Path) -> None:
    for text in chapters(root).values():
        for target, _ in _LINK.findall(text):
            assert (root / "docs" / target).resolve().exists(), target
