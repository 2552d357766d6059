"""CONTRIBUTING.md, SECURITY.md and CHANGELOG.md name only what is there, and each recipe says its four things."""

import re
import tomllib

import pytest

from tests.pages import ROOT, code_of, gone

PAGES = ["CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md"]
CONTRIBUTING = (ROOT / "CONTRIBUTING.md").read_text("utf-8")
RECIPES = dict(re.findall(r"^### (.+?)\n\n(.*?)(?=^##|\Z)", CONTRIBUTING, re.MULTILINE | re.DOTALL))
# What has another name now: a change says so.
FORMER = {"docs/coverage.md is not there"}


@pytest.mark.parametrize("page", PAGES)
def test_a_page_names_only_what_is_there(page: str) -> None:
    assert set(gone((ROOT / page).read_text("utf-8"))) <= FORMER


def test_there_are_six_recipes() -> None:
    assert [name.split(maxsplit=1)[1] for name in RECIPES] == [
        *("exercise", "AWS action", "Insights function", "shell program", "notebook", "figure")
    ]


@pytest.mark.parametrize("recipe", RECIPES)
def test_a_recipe_says_its_files_an_example_its_command_and_its_test(recipe: str) -> None:
    text = RECIPES[recipe]
    parts = dict(re.findall(r"^- \*\*(\w+)\*\*: (.*?)(?=^- \*\*|\Z)", text, re.MULTILINE | re.DOTALL))
    assert list(parts) == ["Files", "Copy", "Run", "Done"]
    assert re.search(r"`[\w/]+/[\w.]+`", parts["Copy"])
    assert "`" in parts["Run"]
    assert "`python -m pytest tests/" in parts["Done"].replace("\n  ", " ")


def test_what_a_recipe_says_to_copy_is_in_the_file_that_it_names() -> None:
    for recipe, example, path in [
        ("An exercise", "def check_02_1(", "helpers/lessons/checks/n02.py"),
        ("An AWS action", "def may_create_vpc(", "helpers/sandbox/ec2/networks.py"),
        ("An AWS action", "def create_vpc(", "helpers/sandbox/ec2/networks.py"),
        ("An Insights function", 'NUMBER_FUNCTIONS.sql("sqrt", ', "helpers/insights/sql/functions_number.py"),
        ("An Insights function", "def _round(", "helpers/insights/sql/functions_number.py"),
        ("A shell program", "def whoami(", "helpers/traffic/programs/small.py"),
    ]:
        name = re.sub(r"^def (\w+)\($", r"`\1`", example).removesuffix(" ")
        assert name in RECIPES[recipe], example
        assert path in RECIPES[recipe]
        assert example in (ROOT / path).read_text("utf-8"), example


def test_the_changelog_begins_with_what_is_unreleased_and_then_this_version() -> None:
    versions = re.findall(r"^## \[(.+?)\]", (ROOT / "CHANGELOG.md").read_text("utf-8"), re.MULTILINE)
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    assert versions[:2] == ["Unreleased", project["version"]]


def test_code_is_read_from_blocks_and_from_sentences() -> None:
    text = "Say `make\nsetup`.\n\n```\nmake lab   # opens\n```\n"
    assert list(code_of(text)) == ["make lab", "make setup"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("`make everything`", "no make everything"),
        ("```\nmake everything  # of it\n```", "no make everything"),
        ("`.venv/bin/python -m helpers dance`", "no subcommand dance"),
        ("`python -m tests.nothing`", "no module tests.nothing"),
        ("`helpers/nothing.py`", "helpers/nothing.py is not there"),
        ("`.venv/bin/python -m pytest tests/nothing.py -k x`", "tests/nothing.py is not there"),
        ("[there](docs/nothing.md)", "leads nowhere"),
    ],
)
def test_a_breach_is_seen(text: str, words: str) -> None:
    assert any(words in sentence for sentence in gone(text)), list(gone(text))
