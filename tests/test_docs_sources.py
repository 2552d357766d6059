"""Each statement that docs/sources.md quotes stands in its lesson, and each strong word of a lesson has a source."""

import json
import re
import tomllib
from collections.abc import Iterator

import pytest

from helpers._data import data_path
from tests.modules import ROOT
from tests.notebooks.lint import without_fences
from tests.notebooks.prose import sentences

PAGE = (ROOT / "docs" / "sources.md").read_text("utf-8")
KNOWN = {entry["id"] for entry in tomllib.loads(data_path("assumptions.toml").read_text("utf-8"))["assumption"]}
STRONG = re.compile(r"\b(must|always|never(?! expire))\b", re.IGNORECASE)
# Cells whose strong words speak of people and of plans, and not of AWS.
OURS = {"02 audit-why", "03 refused-see", "06 never-why", "10 class-why", "10 copies-why"}
# Cells that sum up, ask or set a task: what they say of AWS stands in another cell.
ASIDE = ("title", "objectives", "task-", "recap", "questions", "troubleshooting")


def cells(number: str) -> list[dict[str, str]]:
    [path] = (ROOT / "notebooks").glob(f"{number}_*.ipynb")
    return [
        {"id": cell["id"], "kind": cell["cell_type"], "text": "".join(cell["source"])}
        for cell in json.loads(path.read_text("utf-8"))["cells"]
    ]


def lesson(number: str) -> str:
    """The lesson's prose on one line, and its exercises' texts."""
    [content] = (ROOT / "data" / "exercises").glob(f"{number}_*.toml")
    prose = [cell["text"] for cell in cells(number) if cell["kind"] == "markdown"]
    return " ".join("\n".join([*prose, content.read_text("utf-8")]).split())


def rows() -> Iterator[tuple[str, str, str]]:
    """Each row as lesson, quoted words and source."""
    for section in re.split(r"^## ", PAGE, flags=re.MULTILINE)[1:]:
        number = section[:2]
        for line in section.splitlines():
            if line.startswith("| ") and not line.startswith(("| Statement", "|---")):
                quoted, _, source = line.strip("| ").rpartition(" | ")
                yield number, quoted, source


ROWS = list(rows())


def test_every_lesson_has_its_section() -> None:
    assert sorted({number for number, _, _ in ROWS}) == sorted(
        path.name[:2] for path in (ROOT / "notebooks").glob("[0-9][0-9]_*.ipynb")
    )


def test_every_statement_stands_in_its_lesson() -> None:
    lessons = {number: lesson(number) for number, _, _ in ROWS}
    assert [(number, quoted) for number, quoted, _ in ROWS if quoted not in lessons[number]] == []


def test_every_source_is_one() -> None:
    """A page's title, a recorded answer, a cell that is there, or an entry of the assumptions."""
    ids = {number: {cell["id"] for cell in cells(number)} for number, _, _ in ROWS}
    wrong = [(number, source) for number, _, source in ROWS for problem in _wrong(source, ids[number])]
    assert wrong == []


def _wrong(source: str, ids: set[str]) -> Iterator[str]:
    if not source.strip():
        yield "no source"
    seen = re.findall(r"seen in the cells? ((?:`[\w-]+`(?:, | and )?)+)", source)
    yield from (name for names in seen for name in re.findall(r"`([\w-]+)`", names) if name not in ids)
    for entry in re.findall(r"assum\w*[^|]*?`([a-z]+(?:-[a-z]+)+)`", source):
        if entry not in KNOWN and entry not in ids:
            yield entry


def unsourced(number: str) -> Iterator[str]:
    """Cells with a strong word about AWS that no row of the lesson's section quotes anything of."""
    quotes = [quoted for row, quoted, _ in ROWS if row == number]
    for cell in cells(number):
        if cell["kind"] != "markdown" or cell["id"].startswith(ASIDE):
            continue
        text = " ".join(cell["text"].split())
        strong = [sentence for sentence in sentences(without_fences(cell["text"])) if STRONG.search(sentence)]
        if strong and f"{number} {cell['id']}" not in OURS and not any(quoted in text for quoted in quotes):
            yield f"{cell['id']}: {strong[0]}"


@pytest.mark.parametrize("number", sorted({number for number, _, _ in ROWS}))
def test_every_strong_word_has_a_source(number: str) -> None:
    assert list(unsourced(number)) == []
