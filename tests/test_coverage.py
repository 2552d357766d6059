"""docs/coverage.md has a row for every sentence of the write-up's chapters, and leads to notebooks that exist."""

import re
from itertools import pairwise
from pathlib import Path

from tests.notebooks.lint import Notebook, anchors

# How many sentences each paragraph of the write-up's chapters has, in order.
SENTENCES = {
    "Security considerations": (3, 5, 6, 3, 5, 3),
    "Cost analysis": (5, 4, 5, 5, 3, 5, 4),
    "Key takeaways": (3, 4, 4, 5, 5, 4, 4, 4, 6),
}
WORDS = ("Shown", "Corrected", "Weighed", "Stated")
_ROW = re.compile(r"^\| (\d)\.(\d) \| (.+?) \| (.+?) \| (.+?) \|$", re.MULTILINE)
_LINK = re.compile(r"\]\(([^)#]+)(?:#([^)]+))?\)")


def chapters(root: Path) -> dict[str, str]:
    text = (root / "docs" / "coverage.md").read_text(encoding="utf-8")
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
            assert _LINK.search(row[4]), row


def test_every_word_for_what_became_of_it_is_explained(root: Path) -> None:
    legend = (root / "docs" / "coverage.md").read_text(encoding="utf-8").split("\n## ")[0]
    assert [word for word in WORDS if f"*{word}*:" not in legend] == []


def test_every_link_leads_somewhere(root: Path) -> None:
    for text in chapters(root).values():
        for target, anchor in _LINK.findall(text):
            path = (root / "docs" / target).resolve()
            assert path.exists(), target
            assert not anchor or anchor in anchors(Notebook.read(path)), f"{target}#{anchor}"
