"""The core course against as many notebooks that only import the same, in one run: ``python -m benchmarks.course``.

The floor is papermill's own API, a kernel for each notebook, one after another: what no course of so many notebooks can
avoid. Target: at most 1.6 times its time. Processor time is told beside it: other programs disturb it less. Two waits
of a learner are timed, too, without a target: from ``make lab`` to the first green check, and ``catch_up("07")`` in an
empty account.
"""

import ast
import os
import resource
import socket
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from subprocess import DEVNULL, Popen, run
from unittest.mock import patch

import nbformat
import papermill

from helpers._data import CHECKOUT, NOTEBOOKS
from helpers.commands.exercise_cells import solved
from helpers.commands.jupyterlab import lab_command
from helpers.lab import open_lab, sandbox_process
from helpers.lab.notebook_file import read_notebook, source_of
from helpers.lessons.content import exercises
from helpers.runner import run_notebooks

TARGET = 1.6
ROUNDS = 2
NAMES = ("imports only", "course")
CORE = [path for path in sorted(NOTEBOOKS.glob("*.ipynb")) if path.name[:2] in {f"{n:02}" for n in range(11)} | {"99"}]


def imports_of(path: Path) -> str:
    """The import statements of a notebook's cells, each once."""
    cells = [source_of(cell) for cell in read_notebook(path)["cells"] if cell["cell_type"] == "code"]
    trees = [
        ast.parse("\n".join(line for line in cell.splitlines() if line[:1] != "%"))
        for cell in cells
        if cell[:2] != "%%"
    ]
    lines = [ast.unparse(node) for tree in trees for node in tree.body if isinstance(node, ast.Import | ast.ImportFrom)]
    return "\n".join(dict.fromkeys(lines))


def processor_seconds() -> float:
    """What this process and those that it has waited for used so far."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(each.ru_utime + each.ru_stime for each in used)


def floor(folder: Path) -> tuple[float, float]:
    """Seconds that papermill takes for notebooks that only import, and processor-seconds."""
    run(["true"], check=True)  # where Python starts a process it counts those that have ended: an earlier sandbox
    begun, used = time.monotonic(), processor_seconds()
    for path in CORE:
        notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(imports_of(path))])  # type: ignore[no-untyped-call]
        nbformat.write(notebook, folder / path.name)  # type: ignore[no-untyped-call]
        papermill.execute_notebook(
            folder / path.name, folder / f"out-{path.name}", kernel_name="python3", progress_bar=False
        )
    return time.monotonic() - begun, processor_seconds() - used


@contextmanager
def home(folder: Path) -> Iterator[Path]:
    with patch.dict(os.environ, FLOWLOGS_HOME=str(folder)):
        try:
            yield folder
        finally:
            sandbox_process.stop(folder)


def course(folder: Path) -> tuple[float, float]:
    """Seconds of the runner for the core course, from an empty account to an empty one, and processor-seconds."""
    out, used = folder / "out", processor_seconds()
    out.mkdir()
    with home(folder / "home") as account:
        environment = {**os.environ, "FLOWLOGS_HOME": str(account)}
        result = run_notebooks(CORE, out, environment=environment, meanwhile=partial(sandbox_process.start, account))
        sandbox = sandbox_process.find(account)
        assert sandbox and result.passed, [(notebook.name, notebook.problem) for notebook in result.notebooks]
        shown = run(["ps", "-o", "cputimes=", "-p", str(sandbox.pid)], capture_output=True, text=True, check=True)
        spent = processor_seconds() - used + int(shown.stdout)
    return result.seconds, spent


def first_check(folder: Path) -> float:
    """Seconds from ``make lab`` to the first exercise's green check: the page, a kernel, and the cells up to it."""
    document = solved(read_notebook(NOTEBOOKS / "00_start_here.ipynb"), exercises())
    last = next(number for number, cell in enumerate(document["cells"]) if cell["id"].startswith("check-"))
    notebook = nbformat.from_dict({**document, "cells": document["cells"][: last + 1]})  # type: ignore[no-untyped-call]
    nbformat.write(notebook, folder / "00.ipynb")  # type: ignore[no-untyped-call]
    with home(folder / "home"):
        begun, port = time.monotonic(), _free_port()
        run(["make", "--quiet", "setup"], cwd=CHECKOUT, check=True, stdout=DEVNULL)
        command = [*lab_command(NOTEBOOKS / "00_start_here.ipynb", no_browser=True, port=port), "--ServerApp.token="]
        with Popen(command, cwd=folder, stdout=DEVNULL, stderr=DEVNULL) as server:
            try:
                while not _answers(port):
                    assert server.poll() is None, "JupyterLab ended before it answered"
                    time.sleep(0.05)
                papermill.execute_notebook(
                    folder / "00.ipynb", folder / "00-out.ipynb", kernel_name="python3", progress_bar=False
                )
                return time.monotonic() - begun
            finally:
                server.terminate()


def _free_port() -> int:
    """JupyterLab ends where its port is taken, by one that an earlier run has left, for example."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _answers(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/lab", timeout=5) as reply:
            return bool(reply.status == 200)
    except OSError:
        return False


def caught_up(folder: Path) -> float:
    """Seconds of ``catch_up("07")`` in an empty account, the sandbox's start included."""
    with home(folder / "home"):
        begun = time.monotonic()
        open_lab().catch_up("07")
        return time.monotonic() - begun


def main(rounds: int = ROUNDS) -> int:
    """Measure in turn, so that all meet the same machine; 1 where the target is missed."""
    ratios = []
    for number in range(rounds):
        with tempfile.TemporaryDirectory() as first, tempfile.TemporaryDirectory() as second:
            least, whole = floor(Path(first)), course(Path(second))
        ratios.append(whole[0] / least[0])
        told = [
            f"{name} {wall:.1f} s (processor {used:.1f} s)"
            for name, (wall, used) in zip(NAMES, (least, whole), strict=True)
        ]
        print(f"round {number + 1}: {', '.join(told)}, ratio {ratios[-1]:.2f} ({whole[1] / least[1]:.2f})", flush=True)
    for words, measure in (
        ("make lab to the first green check", first_check),
        ('catch_up("07"), empty account', caught_up),
    ):
        with tempfile.TemporaryDirectory() as folder:
            print(f"{words}: {measure(Path(folder)):.1f} s", flush=True)
    best = min(ratios)
    print(f"best ratio {best:.2f}, target {TARGET}")
    return 0 if best <= TARGET else 1


if __name__ == "__main__":
    sys.exit(main(*[int(word) for word in sys.argv[1:]]))
