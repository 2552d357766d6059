"""The site is made from what ran: each page at its place, with the files that it links to."""

import json
from pathlib import Path
from typing import Any

import pytest

from helpers._data import NOTEBOOKS
from helpers.commands import book
from helpers.lab.notebook_file import read_notebook, write_notebook
from helpers.lessons.outcome import CHECK_MIME
from tests.support import site

SHIPPED = sorted(NOTEBOOKS.glob("*.ipynb"))[0]


def executed(path: Path, **changes: Any) -> Path:
    """A copy of the first notebook as if it had run."""
    document = read_notebook(SHIPPED)
    for number, cell in enumerate(document["cells"], 1):
        if cell["cell_type"] == "code":
            data = {"text/plain": "Done", CHECK_MIME: {"id": "00.1"}}
            cell |= {
                "execution_count": number,
                "outputs": [{"output_type": "display_data", "data": data, "metadata": {}}],
            }
    injected = {"cell_type": "code", "id": "x", "metadata": {"tags": ["injected-parameters"]}, "source": "mode = 1"}
    document["cells"].insert(1, injected | {"execution_count": 1, "outputs": []})
    write_notebook(document, path)
    return path


def test_a_copy_is_current_while_its_cells_are_those_of_the_notebook(tmp_path: Path) -> None:
    assert book._is_current(SHIPPED, executed(tmp_path / "a.ipynb"))


@pytest.mark.parametrize("change", ["missing", "not json", "another cell", "stopped half way"])
def test_an_old_or_unfinished_copy_is_run_again(tmp_path: Path, change: str) -> None:
    copy = tmp_path / "a.ipynb"
    if change == "not json":
        copy.write_text("{")
    elif change != "missing":
        document = read_notebook(executed(copy))
        last = [cell for cell in document["cells"] if cell["cell_type"] == "code"][-1]
        last |= {"source": "1 + 1"} if change == "another cell" else {"execution_count": None}
        write_notebook(document, copy)
    assert not book._is_current(SHIPPED, copy)


def test_a_page_is_without_what_the_runner_noted(tmp_path: Path) -> None:
    document = book._without_asides(read_notebook(executed(tmp_path / "a.ipynb")))
    text = json.dumps(document)
    assert CHECK_MIME not in text
    assert "injected-parameters" not in text
    assert "Done" in text


def test_a_file_that_a_page_links_to_comes_along(tmp_path: Path) -> None:
    text = "[a](../data/assumptions.toml), [b](glossary.md#x), [c](https://example.com), [d](../README.md#Licence)"
    linked = book._linked(text, "docs/sandbox.md", {"docs/sandbox.md", "docs/glossary.md", "README.md"}, tmp_path)
    assert linked == text.replace("../README.md", "../index.md")
    assert [path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*.*")] == ["data/assumptions.toml"]


def test_a_flowchart_becomes_a_picture_with_its_words(tmp_path: Path) -> None:
    linked = book._linked("```mermaid\nflowchart TD\n  a --> b\n```\n", "docs/x.md", set(), tmp_path)
    assert "<img alt=" in linked
    assert "mermaid" not in linked


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ('<a href="none.html">x</a>', "links to none.html, which is not there"),
        ('<a href="#nowhere">x</a>', "links to #nowhere, which is not there"),
        ('<a href="b.html#c%20d">x</a>', "links to b.html#c%20d"),
        ('<script src="https://example.com/x.js"></script>', "loads https://example.com/x.js from outside"),
        ('<img src="x.png">', "a picture without words"),
    ],
)
def test_a_fault_of_a_site_is_said(tmp_path: Path, body: str, said: str) -> None:
    (tmp_path / "a.html").write_text(body)
    (tmp_path / "b.html").write_text('<p id="other">')
    assert [said in sentence for sentence in site.problems(tmp_path)] == [True]
