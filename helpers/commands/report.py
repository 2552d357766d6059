"""A run of notebooks as ``results.json``, as ``junit.xml`` and as the closing table."""

import json
import platform
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from helpers.lessons.content import KINDS, exercises
from helpers.runner import CourseResult, NotebookResult, without_ansi


def as_document(result: CourseResult, parameters: Mapping[str, Mapping[str, object]]) -> dict[str, Any]:
    """Everything about the run, for programs."""
    return {
        "status": "passed" if result.passed else "failed",
        "started": datetime.fromtimestamp(result.started, UTC).isoformat(timespec="seconds"),
        "seconds": round(result.seconds, 2),
        "python": platform.python_version(),
        "parameters": {name: dict(values) for name, values in parameters.items() if values},
        "notebooks": [asdict(notebook) for notebook in result.notebooks],
    }


def write_json(result: CourseResult, path: Path, parameters: Mapping[str, Mapping[str, object]]) -> None:
    document = as_document(result, parameters)
    path.write_text(json.dumps(document, indent=2, ensure_ascii=False, default=str) + "\n", encoding="utf-8")


def earlier_seconds(path: Path) -> dict[str, float]:
    """What each notebook took that passed in the run whose ``results.json`` this is; empty where there is none."""
    try:
        notebooks = json.loads(path.read_text(encoding="utf-8"))["notebooks"]
        return {entry["name"]: float(entry["seconds"]) for entry in notebooks if entry["status"] == "passed"}
    except (OSError, ValueError, KeyError, TypeError):
        return {}


def write_junit(result: CourseResult, path: Path) -> None:
    """JUnit XML: a suite per notebook, with a case for the notebook and one for each of its checks."""
    root = ElementTree.Element("testsuites", name="course", time=f"{result.seconds:.2f}")
    totals = {"tests": 0, "failures": 0, "skipped": 0}
    for notebook in result.notebooks:
        suite = _suite(notebook)
        for key in totals:
            totals[key] += int(suite.get(key, "0"))
        root.append(suite)
    for key, value in totals.items():
        root.set(key, str(value))
    ElementTree.indent(root)
    ElementTree.ElementTree(root).write(path, encoding="utf-8", xml_declaration=True)


def _suite(notebook: NotebookResult) -> ElementTree.Element:
    suite = ElementTree.Element("testsuite", name=notebook.name, time=f"{notebook.seconds:.2f}")
    case = ElementTree.SubElement(
        suite, "testcase", classname=notebook.name, name="runs to its end", time=f"{notebook.seconds:.2f}"
    )
    if notebook.status == "not run":
        ElementTree.SubElement(case, "skipped", message=_xml(notebook.problem))
    elif notebook.status == "failed":
        failure = ElementTree.SubElement(case, "failure", message=_xml(notebook.problem))
        failure.text = _xml(notebook.details)
    for check in notebook.checks:
        case = ElementTree.SubElement(suite, "testcase", classname=notebook.name, name=_xml(f"check {check.id}"))
        if check.passed is None:
            ElementTree.SubElement(case, "skipped", message=_xml(check.message or "not attempted"))
        elif not check.passed:
            ElementTree.SubElement(case, "failure", message=_xml(check.message))
    suite.set("tests", str(len(suite)))
    suite.set("failures", str(len(suite.findall("testcase/failure"))))
    suite.set("errors", "0")
    suite.set("skipped", str(len(suite.findall("testcase/skipped"))))
    return suite


def _xml(text: str) -> str:
    plain = without_ansi(text)
    return "".join(c for c in plain if not 0xD800 <= ord(c) <= 0xDFFF and ord(c) not in (0xFFFE, 0xFFFF))


def table(notebooks: Sequence[NotebookResult]) -> str:
    """The closing table: notebook, cells, seconds, status."""
    width = max([len("notebook"), *(len(notebook.name) for notebook in notebooks)])
    lines = [f"{'notebook':<{width}}  cells  seconds  status"]
    lines += [
        f"{notebook.name:<{width}}  {notebook.cells:>5}  {notebook.seconds:>7.1f}  {notebook.status}"
        for notebook in notebooks
    ]
    return "\n".join(lines)


def exercise_table(notebooks: Sequence[NotebookResult]) -> str:
    """How many exercises of each kind were checked, and how many were done."""
    known = exercises()
    lines = [f"{'exercises':<22}  count  done"]
    seen = {check.id: check.passed for notebook in notebooks for check in notebook.checks}
    for kind, words in KINDS.items():
        ids = [id_ for id_ in seen if id_ in known and known[id_].kind == kind]
        lines.append(f"{words:<22}  {len(ids):>5}  {sum(seen[id_] is True for id_ in ids):>4}")
    drills = [passed for id_, passed in seen.items() if id_ not in known]
    if drills:
        lines.append(f"{'read a record':<22}  {len(drills):>5}  {sum(passed is True for passed in drills):>4}")
    return "\n".join(lines)
