"""Notebooks run without a kernel: their cells in this process, one after the other, what they show kept as usual.

A kernel costs some four seconds of processor time a notebook. It is needed where the kernel is what is tested.
"""

import contextlib
import io
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import nbformat
import pytest
from IPython.core.displayhook import CapturingDisplayHook
from IPython.core.displaypub import CapturingDisplayPublisher
from IPython.core.interactiveshell import InteractiveShell
from nbformat import NotebookNode
from nbformat.v4 import new_output
from traitlets.config import Config


def run_in_process(notebooks: Iterable[Path], out: Path, home: Path) -> None:
    """Run notebooks in order on the sandbox of ``home``; their executed copies are in ``out``.

    The working folder is ``out``, as it is for the runner's kernels. A cell that raises fails the test.
    """
    out.mkdir(exist_ok=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(out)
        patch.setenv("FLOWLOGS_HOME", str(home))
        for path in notebooks:
            notebook = nbformat.read(path, as_version=4)
            with _shell() as shell:
                for cell in notebook.cells:
                    if cell.cell_type == "code":
                        _run_cell(shell, cell, path.name)
            nbformat.write(notebook, out / path.name)


@contextlib.contextmanager
def _shell() -> Iterator[InteractiveShell]:
    """A new shell that ``display`` finds, as it would in a kernel."""
    InteractiveShell.clear_instance()
    shell = InteractiveShell.instance(config=Config({"HistoryManager": {"enabled": False}}), user_ns={})
    try:
        yield shell
    finally:
        InteractiveShell.clear_instance()


def _run_cell(shell: InteractiveShell, cell: NotebookNode, name: str) -> None:
    printed, shown = io.StringIO(), list[dict[str, Any]]()
    shell.display_pub = publisher = CapturingDisplayPublisher()
    shell.display_trap.hook = CapturingDisplayHook(shell=shell, outputs=shown)
    with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(printed):
        result = shell.run_cell(cell.source, store_history=True)
    problem = result.error_before_exec or result.error_in_exec
    assert problem is None, f"{name}, cell {cell.id}: {type(problem).__name__}: {problem}"
    cell.execution_count = shell.execution_count - 1
    outputs = [{"data": item["data"], "metadata": item["metadata"] or {}} for item in [*publisher.outputs, *shown]]
    cell.outputs = [new_output("stream", name="stdout", text=printed.getvalue())] if printed.getvalue() else []
    cell.outputs += [new_output("display_data", **_plain(output)) for output in outputs]


def _plain(output: dict[str, Any]) -> dict[str, Any]:
    """Pictures as text, as a notebook's file holds them."""
    data = {kind: _text(value) for kind, value in output["data"].items()}
    return {**output, "data": data}


def _text(value: Any) -> Any:
    return value.hex() if isinstance(value, bytes) else value
