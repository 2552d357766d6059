"""The shipped notebooks keep every rule, and every rule would notice."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import papermill
import pytest

from tests.notebooks.lint import RULES, Notebook, problems

NOTEBOOKS = sorted((Path(__file__).resolve().parents[2] / "notebooks").glob("*.ipynb"))

Change = Callable[[dict[str, Any]], object]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_shipped_notebooks_keep_the_rule(rule) -> None:  # type: ignore[no-untyped-def]
    found = {path.name: list(rule(Notebook.read(path))) for path in NOTEBOOKS}
    assert {name: sentences for name, sentences in found.items() if sentences} == {}


def prose(text: str, **more: Any) -> dict[str, Any]:
    return {"cell_type": "markdown", "metadata": {}, "source": text, **more}


def code(text: str, *tags: str) -> dict[str, Any]:
    metadata = {"tags": list(tags)} if tags else {}
    return {"cell_type": "code", "metadata": metadata, "source": text, "outputs": [], "execution_count": None}


def good() -> dict[str, Any]:
    cells = [
        prose("# Which packets came?\n\nA link to [this one](01_good.ipynb#What-you-see)."),
        code('region: str = "us-east-1"  # where the lab is\ncount: int = 4  # pings', "parameters"),
        code("from helpers.lab import open_lab\n\nlab = open_lab(region=region)", "setup"),
        code('ec2 = lab.client("ec2")\nvpc = lab.find("vpc", "vpc-a")', "build"),
        code("%load_ext helpers.magics"),
        code("%%insights rows --since 1h\nfields @timestamp"),
        prose("## What you see"),
        code("display(rows)\nvpc"),
    ]
    for number, cell in enumerate(cells):
        cell["id"] = f"c{number}"
    return {
        "nbformat": 4,
        "nbformat_minor": 5,
        "metadata": {
            "kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"},
            "workbook": {"needs": []},
        },
        "cells": cells,
    }


def written(folder: Path, raw: dict[str, Any], name: str = "01_good.ipynb") -> Notebook:
    path = folder / name
    path.write_text(json.dumps(raw), encoding="utf-8")
    return Notebook.read(path)


def add(cell: dict[str, Any]) -> Change:
    return lambda raw: raw["cells"].append({"id": "added", **cell})


def put(place: int, **values: Any) -> Change:
    return lambda raw: raw["cells"][place].update(values)


def test_a_good_notebook_is_good(tmp_path: Path) -> None:
    assert problems(written(tmp_path, good())) == []


BREACHES: list[tuple[str, str, Change]] = [
    ("file_format", "4, 4", lambda raw: raw.update(nbformat_minor=4)),
    ("file_format", "no proper id", lambda raw: raw["cells"][0].pop("id")),
    ("file_format", "same id", put(1, id="c0")),
    ("kernel", "python3", lambda raw: raw["metadata"]["kernelspec"].update(name="course")),
    ("kernel", "papermill", lambda raw: raw["metadata"].update(papermill={})),
    ("needs", "does not declare", lambda raw: raw["metadata"].pop("workbook")),
    ("needs", "does not declare", lambda raw: raw["metadata"]["workbook"].update(needs="05")),
    ("needs", "none of this number", lambda raw: raw["metadata"]["workbook"].update(needs=["07"])),
    ("needs", "in a circle", lambda raw: raw["metadata"]["workbook"].update(needs=["01"])),
    ("needs", "learner's copy", lambda raw: raw["metadata"]["workbook"].update(cells="0f")),
    ("no_outputs", "outputs", put(3, outputs=[{"output_type": "stream", "name": "stdout", "text": "x"}])),
    ("no_outputs", "count", put(3, execution_count=1)),
    ("tags", "unknown", add(code("x = 1", "raises-exception"))),
    ("tags", "several", add(code("x = 1", "setup", "build"))),
    ("tags", "some tool", put(3, metadata={"papermill": {}})),
    ("parameters", "0 cells", put(1, metadata={})),
    ("parameters", "2 cells", add(code("x: int = 1  # one", "parameters"))),
    ("parameters", "written", put(1, source='region = "us-east-1"  # where')),
    ("parameters", "literal", put(1, source='region: str = "us" + "x"  # where')),
    ("parameters", "comment", put(1, source='region: str = "us-east-1"')),
    ("is_python", "not Python", add(code("x ="))),
    ("cell_length", "21 lines", add(code("\n".join(f"x{n} = {n}" for n in range(21))))),
    ("cell_length", "empty", add(code(" "))),
    ("magics", "shell", add(code("!ls"))),
    ("magics", "shell", add(code("files = !ls"))),
    ("magics", "%load ", add(code("%load solution.py"))),
    ("magics", "%run", add(code("%run other.py"))),
    ("magics", "%store", add(code("%store x"))),
    ("magics", "%bash", add(code("%%bash\nls"))),
    ("calls", "sleeps", add(code("import time\ntime.sleep(3)"))),
    ("calls", "exit", add(code("exit()"))),
    ("calls", "sys.exit", add(code("import sys\nsys.exit(0)"))),
    ("calls", "input", add(code("name = input()"))),
    ("imports", "star", add(code("from helpers.lab import *"))),
    ("imports", "sandbox", add(code("from helpers import sandbox"))),
    ("imports", "moto", add(code("import moto.server"))),
    ("imports", "no such", add(code("from helpers.health import Nothing"))),
    ("imports", "no such", add(code("from helpers.nowhere import examine"))),
    ("literals", "account", add(code('role = "arn:aws:iam::123456789012:role/x"'))),
    ("literals", "region", add(code('zone = "eu-west-1a"'))),
    ("literals", "path", add(code('home = "/home/me/x"'))),
    ("literals", "path", add(code('home = "C:\\\\Users\\\\me"'))),
    ("literals", "image", add(code('image = "ami-0123456789abcdef0"'))),
    ("secrets", "access key", add(prose("AKIAIOSFODNN7EXAMPLE"))),
    ("secrets", "account", add(prose("Account 999988887777."))),
    ("plain_building", "magic", add(code("%load_ext helpers.magics", "build"))),
    ("plain_building", "display", add(code("display(vpc)", "build"))),
    ("plain_building", "catch_up", add(code('lab.catch_up("07")', "setup"))),
    ("names", "uses nothing_yet", add(code("nothing_yet + 1"))),
    ("names", "uses vpc", lambda raw: raw["cells"].insert(3, {"id": "early", **code("print(vpc)")})),
    ("names", "no cell for it", lambda raw: raw["cells"].extend(
        [{"id": "a", **code("helper = 1")}, {"id": "b", **code("other = helper", "build")}])),
    ("title", "begin", lambda raw: raw["cells"].pop(0)),
    ("title", "2 first-level", add(prose("# Again"))),
    ("links", "07_none.ipynb", add(prose("[next](07_none.ipynb)"))),
    ("links", "no such heading", add(prose("[next](01_good.ipynb#Nowhere)"))),
    ("links", "none.svg", add(prose("![a picture](../data/none.svg)"))),
    ("markdown", "alert", add(prose("> [!NOTE]\n> x"))),
    ("markdown", "SVG", add(prose("<svg></svg>"))),
]  # fmt: skip


@pytest.mark.parametrize(
    ("rule", "words", "change"), BREACHES, ids=lambda value: value if isinstance(value, str) else ""
)
def test_a_breach_is_seen_and_named(tmp_path: Path, rule: str, words: str, change: Change) -> None:
    raw = good()
    change(raw)
    notebook = written(tmp_path, raw)
    check = next(one for one in RULES if one.__name__ == rule)
    assert any(words in sentence for sentence in check(notebook)), problems(notebook)


def test_a_bad_file_name_is_seen(tmp_path: Path) -> None:
    assert any("NN_topic" in problem for problem in problems(written(tmp_path, good(), "1 Bad.ipynb")))


def test_every_rule_is_shown_to_notice_something() -> None:
    assert {rule.__name__ for rule in RULES} == {rule for rule, _, _ in BREACHES} | {"file_name"}


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_papermill_reads_every_parameter(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    names = papermill.inspect_notebook(str(path))
    assert {"mode", "region", "prefix", "confirm_account"} <= set(names)
    assert "Unable to parse" not in caplog.text
