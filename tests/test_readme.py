"""README.md promises nothing that is not there."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from helpers.__main__ import main

ROOT = Path(__file__).resolve().parents[1]
TEXT = (ROOT / "README.md").read_text("utf-8")
MAKEFILE = (ROOT / "Makefile").read_text("utf-8")
ROW = re.compile(r"^\| \[(\w+)\]\(notebooks/(\w+)\.ipynb\) \| (.+\?) \| (\d+) \|$", re.MULTILINE)
NOTEBOOKS = sorted(path.stem for path in (ROOT / "notebooks").glob("*.ipynb"))


def commands() -> Iterator[str]:
    """Every line of a fenced block and every piece of code in a sentence."""
    for block in re.findall(r"^```\n(.*?)^```", TEXT, re.MULTILINE | re.DOTALL):
        yield from (line.partition("#")[0].strip() for line in block.splitlines())
    yield from (piece.replace("\n", " ") for piece in re.findall(r"(?<!`)`([^`]+)`(?!`)", TEXT))


@pytest.mark.skipif(not NOTEBOOKS, reason="there are no notebooks in this checkout yet")
def test_the_table_lists_the_notebooks_that_are_there() -> None:
    rows = ROW.findall(TEXT)
    assert [stem for _, stem, _, _ in rows] == NOTEBOOKS
    assert all(shown == stem for shown, stem, _, _ in rows)


@pytest.mark.skipif(not NOTEBOOKS, reason="there are no notebooks in this checkout yet")
def test_the_table_says_the_minutes_that_the_notebooks_say() -> None:
    for _, stem, _, minutes in ROW.findall(TEXT):
        notebook = (ROOT / "notebooks" / f"{stem}.ipynb").read_text("utf-8")
        assert re.findall(r"\| \*\*Time\*\* \| (\d+) minutes\b", notebook) == [minutes], stem


def test_the_table_is_read_whole() -> None:
    lines = [line for line in TEXT.splitlines() if line.startswith("| [")]
    assert len(ROW.findall(TEXT)) == len(lines) > 0


def test_every_make_target_exists() -> None:
    targets = set(re.findall(r"^([a-z-]+):", MAKEFILE, re.MULTILINE))
    named = {command.split()[1] for command in commands() if re.match(r"make [a-z-]+", command)}
    assert {"lab", "course", "test", "test-all"} <= named <= targets


def test_every_target_is_listed_by_make_help() -> None:
    targets = set(re.findall(r"^([a-z-]+):", MAKEFILE, re.MULTILINE))
    phony = set(re.findall(r"^\.PHONY: (.*)$", MAKEFILE, re.MULTILINE)[0].split())
    helped = set(re.findall(r"^([a-z-]+):.*?## ", MAKEFILE, re.MULTILINE))
    assert targets == phony == helped


def test_every_subcommand_exists(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--help"])
    offered = capsys.readouterr().out
    named = {found[1] for command in commands() if (found := re.search(r"-m helpers (\w+)", command))}
    assert {"run", "lab", "doctor"} <= named
    for name in named:
        assert re.search(rf"^  {name} ", offered, re.MULTILINE), name


def test_every_option_of_run_exists(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["run", "--help"])
    offered = capsys.readouterr().out
    lines = [command for command in commands() if "-m helpers run" in command]
    options = {word for line in lines for word in line.split() if word.startswith("-") and word != "-m"}
    assert options
    assert all(option in offered for option in options)


def test_every_named_file_exists() -> None:
    made_later = {"my/", "my/progress.json", "build/", "build/course/", ".venv", ".sandbox/"}
    links = [link for link in re.findall(r"\]\(([^)#]+)", TEXT) if "://" not in link]
    if not NOTEBOOKS:
        links = [link for link in links if not link.startswith("notebooks/")]
    files = {piece for piece in commands() if re.fullmatch(r"[\w./]+(\.\w+|/)", piece)} - made_later
    files -= {"results.json", "junit.xml"}
    assert {"pyproject.toml", "constraints.txt"} <= files
    assert [name for name in [*links, *files] if not (ROOT / name).exists()] == []
