"""The whole course, executed: as a newcomer runs it, amid nonsense, twice, disturbed, one notebook alone.

Twice with kernels, unsolved and solved; what asks about the account only is run without.
"""

import json
import os
import random
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nbformat
import pytest
from botocore.client import BaseClient

from helpers.lab import sandbox_process
from helpers.lessons.content import exercises
from tests import simulated_actions
from tests.lab.test_isolation import listening, nonsense
from tests.notebooks.in_process import run_in_process
from tests.notebooks.promises import broken_promises
from tests.support import site
from tests.support.box import Box
from tests.support.cases import sampled
from tests.support.network import everything

NOTEBOOKS = sorted((Path(__file__).resolve().parents[2] / "notebooks").glob("[0-9][0-9]_*.ipynb"))
BUILDING = [path for path in NOTEBOOKS if not path.name.startswith("99")]
LOOKED_THROUGH = (
    "index.html",
    "docs/glossary.html",
    *(f"notebooks/{stem}.html" for stem in ("00_start_here", "09_detect_threats")),
)
PICTURED = ("00_start_here", "01_network", "06_read_raw_streams", "08_group_acl_or_route", "09_detect_threats")
LONG = pytest.mark.long


@dataclass(frozen=True)
class Course:
    """A run of the whole course: the folder of its executed copies, how it ended, and what a proxy heard of it."""

    out: Path
    done: "subprocess.CompletedProcess[str]"
    seen: list[bytes]


def text_of(path: Path) -> str:
    """Everything that a notebook's cells printed and showed."""
    outputs = [output for cell in nbformat.read(path, as_version=4).cells for output in cell.get("outputs", [])]
    return "".join(output.get("text", "") + json.dumps(output.get("data", "")) for output in outputs)


def run(
    *arguments: str, environment: dict[str, str] | None = None, cwd: Path | None = None
) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, env=environment, cwd=cwd, timeout=1800)


@pytest.fixture(scope="module")
def course(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Course]:
    """The course as a newcomer runs it, with everything in the environment that could mislead it."""
    folder = tmp_path_factory.mktemp("course")
    with listening() as (url, seen):
        arguments = ("helpers", "run", "--keep-going", "--out", str(folder / "out"))
        done = run(*arguments, environment=nonsense(url, folder), cwd=folder)
    yield Course(folder / "out", done, seen)


def test_the_course_runs_amid_nonsense(course: Course) -> None:
    """Every notebook passes, no proxy sees a call, and 06 shows the traffic that 05 sent."""
    assert course.done.returncode == 0, course.done.stdout + course.done.stderr
    results = json.loads((course.out / "results.json").read_text())
    assert [entry["status"] for entry in results["notebooks"]] == ["passed"] * len(NOTEBOOKS)
    assert course.seen == []
    assert {check["passed"] for entry in results["notebooks"] for check in entry["checks"]} <= {None}
    assert kept_promises(course.out)
    shown = text_of(course.out / "06_read_raw_streams.ipynb")
    for address in ("10.1.0.10", "10.2.0.10", "10.2.1.10"):
        assert address in shown
    assert "ACCEPT" in shown
    assert "REJECT" in shown
    assert (course.out / "junit.xml").exists()


@pytest.fixture(scope="module")
def built(course: Course, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site, made from the executed course."""
    out = tmp_path_factory.mktemp("site") / "book"
    done = run("helpers", "book", "--course", str(course.out), "--out", str(out))
    assert done.returncode == 0, done.stdout + done.stderr
    assert "passed" not in done.stdout, "the course was run again"
    return out


@LONG
def test_the_site_is_built_without_a_warning_and_every_link_leads_somewhere(built: Path) -> None:
    assert list(site.problems(built)) == []
    shown = (built / "notebooks" / "00_start_here.html").read_text("utf-8")
    assert "10.2.1.10" in shown
    assert "<svg" in shown or "data:image/svg+xml" in shown


@LONG
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_site_can_be_read_by_everybody(browser: Any, built: Path, theme: str) -> None:
    """No page is wider than its window, none has an error in the console, and axe finds nothing serious."""
    from axe_playwright_python.sync_playwright import Axe

    page = browser.new_page(color_scheme=theme)
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda problem: said.append(str(problem)))
    faults = []
    for name in sampled_pages(built):
        page.goto((built / name).as_uri())
        for width in (430, 900, 1400):
            page.set_viewport_size({"width": width, "height": 900})
            if page.evaluate("document.documentElement.scrollWidth") > width:
                faults.append(f"{name} scrolls sideways at {width}")
            page.screenshot(path=str(shots() / f"{Path(name).stem}-{theme}-{width}.png"))
        faults += [f"{name} says in the console: {words}" for words in said]
        if name in LOOKED_THROUGH:
            page.wait_for_timeout(500)  # the theme looks for what scrolls 0.3 s after a change of width
            for fault in Axe().run(page).response["violations"]:
                if fault["impact"] in ("serious", "critical"):
                    faults.append(f"{name}: {fault['id']}: {fault['nodes'][0]['html'][:120]}")
        said.clear()  # what axe itself asks for from a file is refused to it
    page.close()
    assert faults == []


def sampled_pages(built: Path) -> list[str]:
    """The first page, some lessons and some pages beside them."""
    return ["index.html", *(f"notebooks/{stem}.html" for stem in PICTURED), "docs/simulated.html", "docs/glossary.html"]


def shots() -> Path:
    """Where pictures of pages are left for whoever wants to look at them."""
    folder = Path(__file__).resolve().parents[2] / "build" / "screenshots"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def kept_promises(out: Path) -> bool:
    """Whether "you should see" was seen, in every executed notebook."""
    broken = [sentence for path in sorted(out.glob("*.ipynb")) for sentence in broken_promises(path)]
    assert broken == []
    return True


@LONG
def test_the_solved_course_passes_every_check(tmp_path: Path) -> None:
    out = tmp_path / "out"
    done = run("helpers", "run", "--solved", "--keep-going", "--out", str(out), cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    results = json.loads((out / "results.json").read_text())
    checks = {check["id"]: check["passed"] for entry in results["notebooks"] for check in entry["checks"]}
    assert {name: checks.get(name) for name in exercises()} == dict.fromkeys(exercises(), True)
    assert set(checks.values()) <= {True}
    assert kept_promises(out)


@LONG
def test_every_cell_may_be_run_twice(tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each cell is followed by itself, as by a learner who is not sure that it ran.

    What it calls is what ``docs/simulated.md`` says that the lessons and the house use.
    """
    made, send = set[tuple[str, str]](), BaseClient._make_api_call

    def recorded(client: Any, action: str, params: Any) -> Any:
        made.add((client.meta.service_model.service_name, action))
        return send(client, action, params)

    monkeypatch.setattr(BaseClient, "_make_api_call", recorded)
    folder, out = tmp_path / "twice", tmp_path / "out"
    folder.mkdir()
    for path in NOTEBOOKS:
        notebook = nbformat.read(path, as_version=4)
        notebook.cells = [again for cell in notebook.cells for again in _doubled(cell)]
        nbformat.write(notebook, folder / path.name)
    run_in_process(sorted(folder.glob("*.ipynb")), out, home)
    assert kept_promises(out)
    clients = simulated_actions.recorded().keys()
    assert [action for action in made if not set(simulated_actions.users()[action]) - clients] == []


def _doubled(cell: Any) -> list[Any]:
    if cell.cell_type != "code" or "parameters" in cell.metadata.get("tags", ()):
        return [cell]
    again = nbformat.from_dict(cell | {"id": f"{cell.id}-2", "metadata": {}})
    return [cell, again]


def test_the_cells_of_an_alarm_may_be_run_again_while_it_rings_and_after_it_went(tmp_path: Path, home: Path) -> None:
    """Lesson 11: an update stands in the history then, and the alarms on silence are deleted."""
    path = next(path for path in NOTEBOOKS if path.stem.startswith("11"))
    notebook = nbformat.read(path, as_version=4)
    cells = {cell.id: cell for cell in notebook.cells}
    after = {"told": ("alarm", "ring", "told"), "fix-trap": ("rang",)}
    for where, names in after.items():
        at = next(place for place, cell in enumerate(notebook.cells) if cell.id == where)
        again = [nbformat.from_dict(cells[name] | {"id": f"{name}-again", "metadata": {}}) for name in names]
        notebook.cells[at + 1 : at + 1] = again
    nbformat.write(notebook, tmp_path / path.name)
    run_in_process([tmp_path / path.name], tmp_path / "out", home)
    ran = nbformat.read(tmp_path / "out" / path.name, as_version=4)
    said = {cell.id: str(cell.get("outputs")) for cell in ran.cells}
    assert "it was ALARM before" in said["ring-again"] and "15-of-15: no alarm of this name" in said["rang-again"]


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path / "home"
    sandbox_process.stop(tmp_path / "home")


@LONG
def test_the_course_runs_again_on_one_account_in_any_order_and_after_the_cleanup(tmp_path: Path, home: Path) -> None:
    shuffled = random.Random(0).sample(BUILDING, len(BUILDING))
    places = [path.name[:2] for path in shuffled]
    assert places.index("08") < places.index("06"), "the order that once failed"
    turns = {"first": BUILDING, "shuffled": [*shuffled, NOTEBOOKS[-1]], "after the cleanup": NOTEBOOKS}
    for turn, notebooks in turns.items():
        run_in_process(notebooks, tmp_path / turn, home)


@LONG
@pytest.mark.parametrize("notebook", sampled(NOTEBOOKS, 3), ids=lambda path: path.stem)
def test_plain_papermill_runs_a_notebook_alone(tmp_path: Path, home: Path, notebook: Path) -> None:
    """On an empty home, from another folder, with nothing but papermill: catch-up builds what is missing."""
    environment = {**os.environ, "FLOWLOGS_HOME": str(home)}
    done = run("papermill", str(notebook), "out.ipynb", "--no-progress-bar", environment=environment, cwd=tmp_path)
    assert done.returncode == 0, done.stderr[-3000:]
    assert "Unable to parse" not in done.stderr
    (tmp_path / "out.ipynb").rename(tmp_path / notebook.name)
    assert kept_promises(tmp_path)


@LONG
@pytest.mark.parametrize("notebook", sampled(NOTEBOOKS, 4), ids=lambda path: path.stem)
def test_a_notebook_runs_alone_on_an_empty_home(tmp_path: Path, home: Path, notebook: Path) -> None:
    """The same without a kernel."""
    run_in_process([notebook], tmp_path / "out", home)
    assert kept_promises(tmp_path / "out")


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
            if sandbox_process.find(box.home) is not None:
                box.kill()

    thread = threading.Thread(target=killer)
    thread.start()
    try:
        run_in_process(notebooks, folder, box.home)
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
