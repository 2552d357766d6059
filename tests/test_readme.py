"""README.md promises nothing that is not there."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from helpers.__main__ import main
from tests import pictures
from tests.support.homes import lab_after

ROOT = Path(__file__).resolve().parents[1]
TEXT = (ROOT / "README.md").read_text("utf-8")
MAKEFILE = (ROOT / "Makefile").read_text("utf-8")
ROW = re.compile(r"^\| \[(\w+)\]\(notebooks/(\w+)\.ipynb\) \| (.+\?) \| (\d+) \| ([^|]+) \|$", re.MULTILINE)
MOST_LINES, LINES_TO_PICTURE = 100, 15
# What the first page once said at length.
PAGES = {path.name: path.read_text("utf-8") for path in sorted((ROOT / "docs").glob("*.md"))}
GUIDES = [TEXT, *(PAGES[name] for name in ("install.md", "checks.md", "own-account.md", "sandbox.md"))]
GROUPS = {
    "Core": {*(f"{number:02}" for number in range(11)), "99"},
    "At work": {"11", "12", "13"},
    "Practice": {"14", "15", "16"},
}
NOTEBOOKS = sorted(path.stem for path in (ROOT / "notebooks").glob("*.ipynb"))


def commands() -> Iterator[str]:
    """Every line of a fenced block and every piece of code in a sentence."""
    for text in GUIDES:
        for block in re.findall(r"^```\n(.*?)^```", text, re.MULTILINE | re.DOTALL):
            yield from (line.partition("#")[0].strip() for line in block.splitlines())
        yield from (piece.replace("\n", " ") for piece in re.findall(r"(?<!`)`([^`]+)`(?!`)", text))


def misplaced(readme: str, notebooks: list[str]) -> Iterator[str]:
    """A sentence for each group of notebooks whose table does not list, in order, those that are there."""
    parts = {part.partition("\n")[0]: part for part in re.split(r"^#+ ", readme, flags=re.MULTILINE)}
    for group, numbers in GROUPS.items():
        there = [stem for stem in notebooks if stem[:2] in numbers]
        listed = [(shown, stem) for shown, stem, *_ in ROW.findall(parts.get(group, ""))]
        if listed != [(stem, stem) for stem in there]:
            yield f"README.md needs the heading '### {group}' with a table of {', '.join(there) or 'nothing'}"
        if not there and group in parts:
            yield f"README.md has the heading {group}, and no notebook belongs there"
    yield from (f"{stem} belongs to no group" for stem in notebooks if stem[:2] not in set().union(*GROUPS.values()))


def test_each_notebook_that_is_there_has_its_row_in_its_group() -> None:
    assert list(misplaced(TEXT, NOTEBOOKS)) == []
    assert len(ROW.findall(TEXT)) == len(NOTEBOOKS)


@pytest.mark.parametrize(
    ("notebooks", "words"),
    [
        ([*NOTEBOOKS, "12_new"], "'### At work' with a table of"),
        ([*NOTEBOOKS, "14_new"], "'### Practice' with a table of"),
        (NOTEBOOKS[1:], "'### Core' with a table of 01_network"),
        ([*NOTEBOOKS, "50_new"], "50_new belongs to no group"),
    ],
)
def test_a_notebook_that_the_tables_lack_is_named(notebooks: list[str], words: str) -> None:
    assert any(words in sentence for sentence in misplaced(TEXT, sorted(notebooks)))


def test_the_table_says_the_minutes_and_the_cost_that_the_notebooks_say() -> None:
    for _, stem, _, minutes, cost in ROW.findall(TEXT):
        notebook = (ROOT / "notebooks" / f"{stem}.ipynb").read_text("utf-8")
        assert re.findall(r"\| \*\*Time\*\* \| (\d+) minutes\b", notebook) == [minutes], stem
        [box] = re.findall(r"\*\*Cost with [^|]*\| ([^|]*)\|", notebook)
        told = re.search(r"\d[\d.]* USD per \w+", box)
        assert cost == (told[0] if told else "nothing"), stem


def test_the_first_page_is_short_and_begins_with_a_picture() -> None:
    lines = TEXT.splitlines()
    assert len(lines) <= MOST_LINES
    assert any(line.startswith("![") for line in lines[:LINES_TO_PICTURE])


@pytest.mark.long
def test_the_pictures_are_what_the_course_makes(tmp_path: Path) -> None:
    with lab_after("01", tmp_path / "home") as lab:
        made = pictures.pictures(lab)
    assert {path.name for path in pictures.FOLDER.iterdir()} == set(made)
    for name, drawing in made.items():
        assert (pictures.FOLDER / name).read_text("utf-8") == drawing, f"run {pictures.COMMAND}"


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
    links += [
        f"docs/{link}" for text in PAGES.values() for link in re.findall(r"\]\(([^)#\s]+)", text) if ":" not in link
    ]
    files = {piece for piece in commands() if re.fullmatch(r"[\w./]+(\.\w+|/)", piece)} - made_later
    files -= {"results.json", "junit.xml"}
    assert {"pyproject.toml", "constraints.txt"} <= files
    assert [name for name in [*links, *files] if not (ROOT / name).exists()] == []


def test_the_commands_are_written_in_one_way_that_works_where_the_environment_is_active() -> None:
    others = [
        ROOT / "CONTRIBUTING.md",
        ROOT / "SECURITY.md",
        *ROOT.glob(".github/**/*.yml"),
        *ROOT.glob(".github/*.md"),
    ]
    others = {path.name: path.read_text("utf-8") for path in others}
    for name, page in {"README.md": TEXT, **PAGES, **others}.items():
        assert ".venv/bin/python -m" not in page, name
    for name in ("README.md", "install.md", "CONTRIBUTING.md", "SECURITY.md"):
        page = {"README.md": TEXT, **PAGES, **others}[name]
        assert page.count(". .venv/bin/activate") == 1, name
