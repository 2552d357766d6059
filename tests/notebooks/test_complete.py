"""What a complete notebook touches beside itself: the list of CONTRIBUTING.md, "A notebook", one rule for each item.

Each rule takes a notebook and yields sentences for its author; for each there is a notebook that breaks it.
"""

import ast
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from helpers.access import required_permissions
from helpers.lessons.checks import checks_of
from helpers.lessons.content import Exercise, lessons
from tests.notebooks.anatomy import lesson_of, number
from tests.notebooks.lint import Notebook
from tests.notebooks.test_anatomy import made
from tests.test_readme import ROW

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text("utf-8")
SHIPPED = [Notebook.read(path) for path in sorted((ROOT / "notebooks").glob("*.ipynb"))]
TEARDOWN = "\n".join(path.read_text("utf-8") for path in (ROOT / "helpers" / "lab" / "teardown").glob("*.py"))
# What goes by another call than delete_...; None: it goes with what it is in.
UNDONE_BY: dict[str, str | None] = {
    "run_instances": "terminate_instances",
    "create_log_stream": None,
    "create_network_acl_entry": None,
    "create_tags": None,
}
HOURS = (
    "no",
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
    "thirteen",
    "fourteen",
)


def content(notebook: Notebook) -> Iterator[str]:
    if not (ROOT / "data" / "exercises" / f"{notebook.path.stem}.toml").exists():
        yield f"has no content: write data/exercises/{notebook.path.stem}.toml"


def checks(notebook: Notebook) -> Iterator[str]:
    yield from _checks(number(notebook), lesson_of(notebook).exercises)


def _checks(notebook: str, exercises: tuple[Exercise, ...]) -> Iterator[str]:
    known = checks_of(notebook)
    for exercise in exercises:
        if not exercise.accepted and exercise.id not in known:
            function = f"check_{exercise.id.replace('.', '_')}"
            yield f"exercise {exercise.id} accepts no list of values: write {function} in checks/n{notebook}.py"


def readme_row(notebook: Notebook) -> Iterator[str]:
    minutes = re.findall(r"\| \*\*Time\*\* \| (\d+) minutes\b", "\n".join(cell.text for cell in notebook.prose))
    rows = [row[3] for row in ROW.findall(README) if row[1] == notebook.path.stem]
    if rows != minutes[:1]:
        yield f"README.md has rows of {rows} minutes for it, and its box says {minutes}"


def links(notebook: Notebook) -> Iterator[str]:
    ways = [re.search(r"\*\*Next:\*\*.*?\]\((\w+\.ipynb)", "\n".join(c.text for c in n.prose), re.S) for n in SHIPPED]
    if notebook.path.name not in {way[1] for way in ways if way}:
        yield "no notebook leads to it: put its link behind **Next:** in the one before it"


def policy(notebook: Notebook) -> Iterator[str]:
    for service in sorted(_services(notebook) - required_permissions._RESOURCES.keys()):
        yield f"calls {service}, and helpers/access/required_permissions.py knows no resources of it"


def teardown(notebook: Notebook) -> Iterator[str]:
    for method in sorted(_methods(notebook)):
        if method.startswith("create_") or method in UNDONE_BY:
            undone_by = UNDONE_BY.get(method, method.replace("create_", "delete_", 1))
            if undone_by is not None and f".{undone_by}" not in TEARDOWN:
                yield f"calls {method}, and no module of helpers/lab/teardown calls {undone_by}"


def _calls(notebook: Notebook) -> Iterator[ast.Call]:
    for cell in notebook.code:
        yield from (node for node in ast.walk(cell.tree()) if isinstance(node, ast.Call))


def _services(notebook: Notebook) -> set[str]:
    clients = [call for call in _calls(notebook) if ast.unparse(call.func) == "lab.client" and call.args]
    return {call.args[0].value for call in clients if isinstance(call.args[0], ast.Constant)}


def _methods(notebook: Notebook) -> set[str]:
    return {call.func.attr for call in _calls(notebook) if isinstance(call.func, ast.Attribute)}


RULES = [content, checks, readme_row, links, policy, teardown]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_each_shipped_notebook_is_complete(rule: Callable[[Notebook], Iterator[str]]) -> None:
    assert {notebook.path.name: found for notebook in SHIPPED if (found := list(rule(notebook)))} == {}


def test_each_content_file_has_its_notebook() -> None:
    assert set(lessons()) == {number(notebook) for notebook in SHIPPED}


def test_the_hours_of_the_readme_are_the_sum_of_its_minutes() -> None:
    minutes = sum(int(row[3]) for row in ROW.findall(README))
    assert f"Together they take about {HOURS[round(minutes / 60)]} hours" in README


@pytest.mark.parametrize(
    ("rule", "notebook", "words"),
    [
        (content, made(("prose", "# A")), "write data/exercises/42_made.toml"),
        (readme_row, made(("prose", "| **Time** | 20 minutes |")), "its box says ['20']"),
        (links, made(("prose", "# A")), "no notebook leads to it"),
        (policy, made(("code", 'queues = lab.client("sqs")')), "calls sqs"),
        (teardown, made(("code", 'ec2.create_nat_gateway(SubnetId="x")')), "calls delete_nat_gateway"),
    ],
)
def test_a_breach_is_said(rule: Callable[[Notebook], Iterator[str]], notebook: Notebook, words: str) -> None:
    assert any(words in sentence for sentence in rule(notebook)), list(rule(notebook))


def test_an_exercise_without_a_check_is_said() -> None:
    [first, *_] = lessons()["02"].exercises
    assert list(_checks("02", (first,))) == []
    assert ["write check_02_1" in sentence for sentence in _checks("42", (first,))] == [True]


def test_the_list_of_contributing_has_an_item_for_each_rule() -> None:
    recipe = (ROOT / "CONTRIBUTING.md").read_text("utf-8").partition("### A notebook")[2].partition("\n###")[0]
    items = {item.lower().replace(" ", "_") for item in re.findall(r"^  - \*\*(.+?)\*\*:", recipe, re.MULTILINE)}
    assert items == {rule.__name__ for rule in RULES} | {"notebook", "counts"}
