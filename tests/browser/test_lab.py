"""The first three notebooks in JupyterLab, cell by cell as a learner runs them, in both themes and two widths."""

from collections.abc import Iterator
from typing import Any

import pytest

from helpers._data import CHECKOUT
from helpers.commands import jupyterlab
from helpers.commands.exercise_cells import cell_id
from helpers.lessons.content import exercises
from tests.browser.conftest import TOKEN, LabServer

pytestmark = pytest.mark.long

SCREENSHOTS = CHECKOUT / "build" / "screenshots"
NOTEBOOKS = ("00_start_here", "01_network", "02_cloudwatch_setup")
_READY = """async () => {
  const panel = window.jupyterapp.shell.currentWidget;
  await panel.context.ready;
  await panel.sessionContext.ready;
  await panel.sessionContext.session.kernel.info;
}"""
_IDS = """() => Array.from(window.jupyterapp.shell.currentWidget.content.model.cells)
  .filter(cell => cell.type === 'code').map(cell => cell.id)"""
_RUN = """async ([id, source]) => {
  const notebook = window.jupyterapp.shell.currentWidget.content;
  const cells = Array.from(notebook.model.cells);
  notebook.deselectAll();
  notebook.activeCellIndex = cells.findIndex(cell => cell.id === id);
  if (source !== null) notebook.activeCell.model.sharedModel.setSource(source);
  await window.jupyterapp.commands.execute('notebook:run-cell');
  return notebook.activeCell.model.toJSON();
}"""
_SHOW = """async ([theme, id]) => {
  await window.jupyterapp.commands.execute('apputils:change-theme', {theme});
  const notebook = window.jupyterapp.shell.currentWidget.content;
  const place = Array.from(notebook.model.cells).findIndex(cell => cell.id === id);
  await notebook.scrollToItem(place, 'start');
}"""
_RESTART = "async () => { await window.jupyterapp.shell.currentWidget.sessionContext.restartKernel(); }"
_CLOSE = """async () => {
  const panel = window.jupyterapp.shell.currentWidget;
  await panel.context.save();
  await panel.sessionContext.shutdown();
}"""
_LISTED = "async () => (await window.jupyterapp.serviceManager.contents.get('my')).content.map(file => file.name)"
_MILLISECONDS = 180_000


class Notebook:
    """A page with one notebook open and its kernel ready; ``problems`` are what its console says is wrong."""

    def __init__(self, browser: Any, server: LabServer, name: str) -> None:
        self.problems: list[str] = []
        self.page = browser.new_page(viewport={"width": 1400, "height": 1000})
        self.page.set_default_timeout(_MILLISECONDS)
        self.page.on("pageerror", lambda problem: self.problems.append(str(problem)))
        self.page.on("console", self._note)
        self.page.goto(f"{server.address}{name}.ipynb?token={TOKEN}&reset")
        self.page.wait_for_function("window.jupyterapp?.shell?.currentWidget?.context !== undefined")
        self.page.evaluate(_READY)

    def _note(self, message: Any) -> None:
        if message.type == "error":
            self.problems.append(message.text)

    def run(self, id_: str, source: str | None = None) -> str:
        """Run one cell, with another source where one is given; its outputs as one text."""
        cell = self.page.evaluate(_RUN, [id_, source])
        assert cell["execution_count"], f"{id_} was not run"
        return "\n".join(_text(output) for output in cell["outputs"])

    def close(self) -> None:
        self.page.evaluate(_CLOSE)
        self.page.close()


def _text(output: Any) -> str:
    """What an output says; a picture counts with its HTML."""
    if output["output_type"] == "error":
        return f"ERROR {output['ename']}: {output['evalue']}"
    data = output.get("data", {"text/plain": output.get("text", "")})
    return "".join("".join(data.get(kind, "")) for kind in ("text/html", "text/markdown", "text/plain"))


@pytest.fixture
def notebook(browser: Any, lab_server: LabServer, request: pytest.FixtureRequest) -> Iterator[Notebook]:
    opened = Notebook(browser, lab_server, request.param)
    yield opened
    opened.close()


def solve(notebook: Notebook, id_: str) -> None:
    """One exercise as it goes: nothing done, a hint, a wrong answer where values are asked for, and the solution."""
    exercise = exercises()[id_]
    attempt, check = cell_id("try", id_), cell_id("check", id_)
    notebook.run(attempt)
    assert "✓ Done" not in notebook.run(check)
    assert exercise.hints[0][:20] in notebook.run(check, f'hint("{id_}")')
    if wrong := sorted({*exercise.words} - {*exercise.accepted}):
        notebook.run(attempt, f"{exercise.variable} = {wrong[-1]!r}")
        assert "◐ Not yet" in notebook.run(check, f'check("{id_}")')
    assert "ERROR" not in notebook.run(attempt, exercise.solution)
    assert f"✓ Done: {id_}" in notebook.run(check, f'check("{id_}")')


@pytest.mark.parametrize("notebook", NOTEBOOKS, indirect=True)
def test_a_learner_runs_each_cell_and_solves_each_exercise(
    notebook: Notebook, request: pytest.FixtureRequest, lab_server: LabServer
) -> None:
    name = request.node.callspec.params["notebook"]
    pictures = []
    for id_ in notebook.page.evaluate(_IDS):
        if id_.startswith("check-"):
            solve(notebook, id_.removeprefix("check-").replace("-", "."))
        elif not id_.startswith("try-"):
            said = notebook.run(id_)
            assert "ERROR" not in said, (id_, said)
            pictures += [id_] if "<svg" in said or "<figure" in said else []
    assert pictures, "no cell shows a picture"
    if name == NOTEBOOKS[0]:
        # by interface: what began before its log group was created is in no query's range
        magic = "%%insights --group /demo/vpc-flow-logs --since 24h\nstats count(*) as n by interfaceId"
        assert "ERROR" not in notebook.run("own-words-record", "%load_ext helpers.magics")
        assert "eni-" in notebook.run("own-words-question", magic)
    look(notebook, name, pictures[0])
    assert notebook.page.locator("text=Would you like to get notified").count() == 0, "a question covers the page"
    assert notebook.problems == []
    if name == NOTEBOOKS[-1]:
        after_a_restart(notebook)
        beside_the_notebooks(notebook, lab_server)


def look(notebook: Notebook, name: str, picture: str) -> None:
    """Screenshots of a picture in both themes and two widths; it is there, and the page does not move sideways."""
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    for theme in ("Light", "Dark"):
        for width in (1400, 900):
            notebook.page.set_viewport_size({"width": width, "height": 1000})
            notebook.page.evaluate(_SHOW, [f"JupyterLab {theme}", picture])
            shown = notebook.page.locator(".jp-OutputArea-output figure").first
            shown.wait_for(state="visible")
            shown.scroll_into_view_if_needed()
            box = shown.bounding_box()
            assert box["width"] > 300 and box["x"] + box["width"] <= width
            assert notebook.page.evaluate("document.documentElement.scrollWidth") <= width
            notebook.page.screenshot(path=str(SCREENSHOTS / f"{name[:2]}-{theme.lower()}-{width}.png"))
    notebook.page.evaluate(_SHOW, ["JupyterLab Light", picture])


def after_a_restart(notebook: Notebook) -> None:
    """A new kernel knows no name: below the error, the notebook says what to do; nothing about a typing error."""
    notebook.page.evaluate(_RESTART)
    said = notebook.run("streams-now")
    assert said.startswith("ERROR NameError: name 'logs' is not defined\n`logs` comes from a cell above")
    assert notebook.run("streams-now", "log_grup") == "ERROR NameError: name 'log_grup' is not defined"


def beside_the_notebooks(notebook: Notebook, server: LabServer) -> None:
    """The file browser leaves out the course's own files, and a second ``make lab`` finds this server."""
    for name in ("progress.json", "progress.lock", "own_words.json"):
        (server.folder / "my" / name).touch()
    listed = notebook.page.evaluate(_LISTED)
    assert "00_start_here.ipynb" in listed
    assert not [name for name in listed if not name.endswith(".ipynb")]
    first = server.folder / "my" / "02_cloudwatch_setup.ipynb"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(jupyterlab, "CHECKOUT", server.folder)
        patch.setattr(jupyterlab, "jupyter_runtime_dir", lambda: str(server.folder / "jupyter" / "JUPYTER_RUNTIME_DIR"))
        assert jupyterlab.running(first) == f"{server.address}{first.name}?token={TOKEN}"
