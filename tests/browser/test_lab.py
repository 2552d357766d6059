"""The first notebook in JupyterLab: opened, and run from top to bottom."""

from pathlib import Path
from typing import Any

import pytest

from tests.browser.conftest import TOKEN

pytestmark = pytest.mark.long

_READY = """async () => {
  const panel = window.jupyterapp.shell.currentWidget;
  await panel.context.ready;
  await panel.sessionContext.ready;
  await panel.sessionContext.session.kernel.info;
}"""
_RUN = "async () => { await window.jupyterapp.commands.execute('notebook:run-all-cells'); }"
_CELLS = """() => {
  const cells = window.jupyterapp.shell.currentWidget.content.model.cells;
  return Array.from({length: cells.length}, (_, i) => cells.get(i).toJSON());
}"""
_MILLISECONDS = 180_000


def opened(browser: Any, address: str, notebook: str) -> Any:
    """A page with the notebook open and its kernel ready."""
    page = browser.new_page(viewport={"width": 1300, "height": 2400})
    page.set_default_timeout(_MILLISECONDS)
    page.goto(f"{address}{notebook}?token={TOKEN}&reset")
    page.wait_for_function("window.jupyterapp?.shell?.currentWidget?.context !== undefined")
    page.evaluate(_READY)
    return page


def test_the_first_notebook_runs_and_shows_what_it_says(browser: Any, lab_server: str, tmp_path: Path) -> None:
    page = opened(browser, lab_server, "00_start_here.ipynb")
    problems: list[str] = []
    page.on("pageerror", lambda problem: problems.append(str(problem)))
    page.evaluate(_RUN)
    cells = page.evaluate(_CELLS)
    code = [cell for cell in cells if cell["cell_type"] == "code"]
    assert [cell["id"] for cell in code if cell["execution_count"] is None] == []
    errors = [output for cell in code for output in cell["outputs"] if output["output_type"] == "error"]
    assert errors == []
    assert problems == []
    page.evaluate("async () => { await window.jupyterapp.commands.execute('application:toggle-left-area'); }")
    text = page.inner_text(".jp-Notebook")
    assert "Your network refused somebody" in text
    assert page.locator("text=Would you like to get notified").count() == 0, "the news question covers the page"
    page.screenshot(path=str(tmp_path / "00.png"))
    assert (tmp_path / "00.png").stat().st_size > 50_000
