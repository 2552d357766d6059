"""The shipped notebooks are lessons, and for each rule there is a notebook that breaks it."""

from pathlib import Path
from typing import Any

import pytest

from helpers.lessons.content import lessons
from tests.notebooks import anatomy
from tests.notebooks.classroom import notebook_of
from tests.notebooks.lint import Notebook


@pytest.mark.parametrize("number", list(lessons()))
def test_a_shipped_notebook_is_a_lesson(number: str) -> None:
    assert anatomy.problems(Notebook.read(notebook_of(number))) == []


@pytest.mark.parametrize("number", sorted(lessons()))
def test_a_promise_is_kept_by_more_than_digits_somewhere(number: str) -> None:
    promises = lessons()[number].promises.values()
    assert not [words for promise in promises for words, shown in promise if shown.isdigit()]


def made(*cells: tuple[str, str] | tuple[str, str, str]) -> Notebook:
    """A notebook 42 of cells: a kind (prose or code), a source and perhaps a tag."""
    raw = [
        {
            "cell_type": "code" if kind == "code" else "markdown",
            "id": f"cell-{place}",
            "metadata": {"tags": list(tags)},
            "source": source.splitlines(keepends=True),
        }
        for place, (kind, source, *tags) in enumerate(cells)
    ]
    return Notebook(Path("42_made.ipynb"), {"cells": raw})


CODE: Any = "code"


@pytest.mark.parametrize(
    ("rule", "notebook", "words"),
    [
        (anatomy.parts, made(("prose", "# Why?")), "its box has no row **Time**"),
        (anatomy.parts, made(("prose", "# Why?")), "lacks a prediction"),
        (anatomy.parts, made(("prose", "# Why?")), "does not say how to stop"),
        (anatomy.leads_on, made(("prose", "**Next:** [on](10_estimate_costs.ipynb)")), "link to 00_start_here.ipynb"),
        (anatomy.broken_and_fixed, made((CODE, "x = 1", "break")), "tag a cell 'fix'"),
        (anatomy.broken_and_fixed, made((CODE, "x = 1")), "looks at the account"),
        (anatomy.exercises_stand, made(("prose", "### Exercise 42.1: Do")), "shows the exercises ['42.1']"),
        (anatomy.promises_stand, made(("prose", "You should see 4.")), "list it under [see] as cell-0"),
        (anatomy.measure, made((CODE, "a = 1\n" * 5)), "5 lines in the middle"),
        (anatomy.measure, made((CODE, "a = 1\n" * 13)), "one code cell in ten has 13"),
        (anatomy.headings, made(("prose", "# A\n\n### B")), "level 3 follows one of level 1"),
        (anatomy.rebinding, made((CODE, "found = 1"), (CODE, "found, other = 2, 3")), "binds found again"),
        (anatomy.rebinding, made((CODE, "def look(): ..."), (CODE, "look = 1")), "binds look again"),
        (anatomy.api_names, made(("prose", "Call `GetLogEvent`.")), "names GetLogEvent"),
        (anatomy.api_names, made(("prose", "Call `create_flow_log`.")), "names create_flow_log"),
        (anatomy.alternatives, made(("prose", "![](picture.png)")), "a picture without words"),
        (anatomy.alternatives, made((CODE, "table.plot()")), "draws, and no show"),
    ],
)
def test_a_breach_is_said(rule: Any, notebook: Notebook, words: str) -> None:
    assert any(words in sentence for sentence in rule(notebook)), list(rule(notebook))


def test_what_is_allowed_is_not_said() -> None:
    loops = made((CODE, "for one in (): pass"), (CODE, "for one in (): pass\ntable['a'] = 1"), (CODE, "table = {}"))
    assert list(anatomy.rebinding(loops)) == []
    assert list(anatomy.api_names(made(("prose", "`GetLogEvents`, `ec2.create_flow_logs(...)`, `get_waiter`")))) == []
