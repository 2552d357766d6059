"""The words of the course are introduced where ``data/glossary.toml`` says, and private words are gone."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from helpers.lessons.content import lessons
from tests import glossary
from tests.glossary import ROOT, Term
from tests.notebooks.lint import without_fences
from tests.notebooks.prose import texts_of

NOTEBOOKS = sorted((ROOT / "notebooks").glob("[0-9][0-9]_*.ipynb"))
TOLD = [
    *(ROOT / "README.md", ROOT / "data" / "exercises" / "common.toml", ROOT / "data" / "exercises" / "drills.toml"),
    *sorted((ROOT / "helpers" / "figures").glob("*.py")),
    *sorted((ROOT / "helpers" / "lessons").glob("*.py")),
    *sorted((ROOT / "helpers" / "lessons" / "drills").glob("*.py")),
]


def cells(number: str, *kinds: str) -> str:
    [path] = [path for path in NOTEBOOKS if path.name[:2] == number]
    document = json.loads(path.read_text("utf-8"))["cells"]
    return "\n\n".join("".join(cell["source"]) for cell in document if cell["cell_type"] in kinds)


def prose(number: str) -> str:
    """What a lesson says in words: no code, no links' targets, and not that the sandbox assumes."""
    text = re.sub(r"`[^`]+`", "", without_fences(cells(number, "markdown"))).replace("the sandbox assumes", "")
    return re.sub(r"\]\([^)]*\)", "]", text)


def test_the_page_is_made_from_the_data() -> None:
    assert glossary.PAGE.read_text("utf-8") == glossary.page(), f"run {glossary.COMMAND}"


def test_a_meaning_is_one_sentence() -> None:
    assert [term.name for term in glossary.terms() if not re.fullmatch(r"[A-Z][^.]+\.", term.meaning)] == []


@pytest.mark.parametrize("term", glossary.terms(), ids=lambda term: term.name)
def test_a_term_is_introduced_where_the_glossary_says(term: Term) -> None:
    assert term.introduced.search(prose(term.first)), f"write *{term.name}* in italics in {term.first}"
    earlier = [path.name[:2] for path in NOTEBOOKS if path.name[:2] < term.first]
    assert [number for number in earlier if term.used.search(prose(number))] == []


def private(text: str, table: str = "private") -> Iterator[str]:
    for pattern, instead in glossary.private_words(table).items():
        yield from (f"{found[0]!r}: write {instead}" for found in pattern.finditer(text))


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.name[:2])
def test_no_lesson_has_a_private_word(path: Path) -> None:
    number = path.name[:2]
    [content] = (ROOT / "data" / "exercises").glob(f"{number}_*.toml")
    checks = ROOT / "helpers" / "lessons" / "checks" / f"n{number}.py"
    texts = [cells(number, "markdown", "code"), content.read_text("utf-8")]
    texts += [checks.read_text("utf-8")] if checks.exists() else []
    assert [word for text in texts for word in private(text)] == []
    told = "\n".join(texts_of(exercise) for exercise in lessons()[number].exercises)
    assert list(private(prose(number) + re.sub(r"`[^`]+`", "", told), "private_prose")) == []


@pytest.mark.parametrize("path", TOLD, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_no_message_has_a_private_word(path: Path) -> None:
    assert list(private(path.read_text("utf-8"))) == []


@pytest.mark.parametrize(
    "text",
    ["You knock at a door.", "It mends the rule.", "records kept for ever", "an innocent twin", "rows.machine.mode()"],
)
def test_a_private_word_is_found(text: str) -> None:
    assert list(private(text))


def test_an_instance_is_no_machine_and_your_computer_may_be_one() -> None:
    assert list(private("the machine that was entered", "private_prose"))
    assert not list(private("the sandbox on your machine", "private_prose"))
