"""The whole course, executed: as a newcomer runs it, amid nonsense, twice, disturbed, one notebook alone."""

import json
import os
import random
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbformat
import pytest

from helpers.lab import process
from helpers.lessons.content import exercises
from helpers.runner import run_notebooks
from tests.lab.test_isolation import nonsense, proxy
from tests.notebooks.promises import broken_promises
from tests.support.box import Box
from tests.support.network import everything

NOTEBOOKS = sorted((Path(__file__).resolve().parents[2] / "notebooks").glob("[0-9][0-9]_*.ipynb"))
BUILDING = [path for path in NOTEBOOKS if not path.name.startswith("99")]
LONG = pytest.mark.long

__all__ = ["proxy"]


def text_of(path: Path) -> str:
    """Everything that a notebook's cells printed and showed."""
    outputs = [output for cell in nbformat.read(path, as_version=4).cells for output in cell.get("outputs", [])]
    return "".join(output.get("text", "") + json.dumps(output.get("data", "")) for output in outputs)


def run(
    *arguments: str, environment: dict[str, str] | None = None, cwd: Path | None = None
) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, env=environment, cwd=cwd, timeout=900)


def test_the_course_runs_amid_nonsense(tmp_path: Path, proxy: tuple[str, list[bytes]]) -> None:
    """Every notebook passes, no proxy sees a call, and 06 shows the traffic that 05 sent."""
    url, seen = proxy
    out = tmp_path / "out"
    done = run("helpers", "run", "--keep-going", "--out", str(out), environment=nonsense(url, tmp_path), cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    results = json.loads((out / "results.json").read_text())
    assert [entry["status"] for entry in results["notebooks"]] == ["passed"] * len(NOTEBOOKS)
    assert seen == []
    assert {check["passed"] for entry in results["notebooks"] for check in entry["checks"]} <= {None}
    assert kept_promises(out)
    shown = text_of(out / "06_read_raw_streams.ipynb")
    for address in ("10.1.0.10", "10.2.0.10", "10.2.1.10"):
        assert address in shown
    assert "ACCEPT" in shown
    assert "REJECT" in shown
    assert (out / "junit.xml").exists()


def kept_promises(out: Path) -> bool:
    """Whether "you should see" was seen, in every executed notebook."""
    broken = [sentence for path in sorted(out.glob("*.ipynb")) for sentence in broken_promises(path)]
    assert broken == []
    return True


def test_the_solved_course_passes_every_check(tmp_path: Path) -> None:
    out = tmp_path / "out"
    done = run("helpers", "run", "--solved", "--keep-going", "--out", str(out), cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    results = json.loads((out / "results.json").read_text())
    checks = {check["id"]: check["passed"] for entry in results["notebooks"] for check in entry["checks"]}
    assert {name: checks.get(name) for name in exercises()} == dict.fromkeys(exercises(), True)
    assert set(checks.values()) <= {True}
    assert kept_promises(out)


def test_every_cell_may_be_run_twice(tmp_path: Path, home: Path) -> None:
    """Each cell is followed by itself, as by a learner who is not sure that it ran."""
    folder, out = tmp_path / "twice", tmp_path / "out"
    folder.mkdir()
    out.mkdir()
    for path in NOTEBOOKS:
        notebook = nbformat.read(path, as_version=4)
        notebook.cells = [again for cell in notebook.cells for again in _doubled(cell)]
        nbformat.write(notebook, folder / path.name)
    environment = {**os.environ, "FLOWLOGS_HOME": str(home)}
    result = run_notebooks(sorted(folder.glob("*.ipynb")), out, environment=environment, keep_going=True)
    assert result.passed, [(one.name, one.problem) for one in result.notebooks if one.status != "passed"]
    assert kept_promises(out)


def _doubled(cell: Any) -> list[Any]:
    if cell.cell_type != "code" or "parameters" in cell.metadata.get("tags", ()):
        return [cell]
    again = nbformat.from_dict(cell | {"id": f"{cell.id}-2", "metadata": {}})
    return [cell, again]


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path / "home"
    process.stop(tmp_path / "home")


@LONG
def test_the_course_runs_twice_on_one_account(tmp_path: Path, home: Path) -> None:
    """The second time after the cleanup of the first; then every notebook but the cleanup twice in a row."""
    for turn in ("first", "second"):
        done = run("helpers", "run", "--home", str(home), "--out", str(tmp_path / turn))
        assert done.returncode == 0, done.stdout + done.stderr
    for turn in ("third", "fourth"):
        numbers = [path.name[:2] for path in BUILDING]
        done = run("helpers", "run", *numbers, "--home", str(home), "--out", str(tmp_path / turn))
        assert done.returncode == 0, done.stdout + done.stderr


@LONG
@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)
def test_plain_papermill_runs_a_notebook_alone(tmp_path: Path, home: Path, notebook: Path) -> None:
    """On an empty home, from another folder, with nothing but papermill: catch-up builds what is missing."""
    environment = {**os.environ, "FLOWLOGS_HOME": str(home)}
    done = run("papermill", str(notebook), "out.ipynb", "--no-progress-bar", environment=environment, cwd=tmp_path)
    assert done.returncode == 0, done.stderr[-3000:]
    (tmp_path / "out.ipynb").rename(tmp_path / notebook.name)
    assert kept_promises(tmp_path)


@LONG
def test_disturbed_the_course_gives_the_same_ids_and_records(tmp_path: Path) -> None:
    """A describe after every cell, a failing create in 01, and kills in between change nothing that it makes."""
    calm = outcome(tmp_path / "calm", BUILDING)
    curious = [disturbed(path, tmp_path / "notebooks") for path in BUILDING]
    assert outcome(tmp_path / "curious", curious, kills=5) == calm


def disturbed(path: Path, folder: Path) -> Path:
    """A copy of a notebook that looks around after every cell; 01 also tries what must fail."""
    folder.mkdir(exist_ok=True)
    notebook = nbformat.read(path, as_version=4)
    cells = []
    lab_open = False
    for cell in notebook.cells:
        cells.append(cell)
        lab_open = lab_open or cell.get("id") == "open-lab"
        if cell.cell_type == "code" and lab_open:
            cells.append(nbformat.v4.new_code_cell(_LOOK + (_FAIL if path.name.startswith("01") else "")))
    notebook.cells = cells
    nbformat.write(notebook, folder / path.name)
    return folder / path.name


_LOOK = """
_ec2 = lab.client("ec2")
for _call in ("describe_vpcs", "describe_instances", "describe_security_groups", "describe_flow_logs"):
    getattr(_ec2, _call)()
"""
_FAIL = """
try:
    _ec2.create_vpc(CidrBlock="10.1.0.0/8")
except Exception as _error:
    assert "InvalidVpc" in str(_error) or "InvalidParameterValue" in str(_error)
"""


def outcome(folder: Path, notebooks: list[Path], kills: int = 0) -> dict[str, Any]:
    """Run notebooks in a fresh sandbox; the account and all log events afterwards."""
    folder.mkdir()
    box = Box(folder / "home")
    done = threading.Event()
    moments = random.Random(11)

    def killer() -> None:
        for _ in range(kills):
            if done.wait(moments.uniform(2, 9)):
                return
            if process.find(box.home) is not None:
                box.kill()

    thread = threading.Thread(target=killer)
    thread.start()
    try:
        environment = {**os.environ, "FLOWLOGS_HOME": str(box.home)}
        result = run_notebooks(notebooks, folder, environment=environment)
        assert result.passed, [(one.name, one.problem) for one in result.notebooks if one.status != "passed"]
    finally:
        done.set()
        thread.join()
    found = {"account": everything(box), "events": _events(box)}
    box.stop()
    return found


def _events(box: Box) -> list[Any]:
    logs = box("logs")
    events = []
    for group in logs.describe_log_groups()["logGroups"]:
        for page in logs.get_paginator("filter_log_events").paginate(logGroupName=group["logGroupName"]):
            events += [(event["logStreamName"], event["message"]) for event in page["events"]]
    assert events
    return sorted(events)
