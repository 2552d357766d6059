"""``python -m helpers lab``: JupyterLab on the learner's own copies; asks nothing, fetches nothing."""

import argparse
import json
import os
import subprocess
import sys
import urllib.request
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import quote

from jupyter_client.connect import jupyter_runtime_dir  # type: ignore[attr-defined]

from helpers._data import CHECKOUT, MY, NOTEBOOKS
from helpers.commands.command_line import choose, shown
from helpers.commands.errors import ExitCode
from helpers.commands.fresh import copy_missing
from helpers.lab.copies import remark_on

IDLE_SECONDS = 2 * 3600
"""A kernel that ran nothing for so long ends, also while its notebook is open: each keeps 170 to 330 MB."""
HIDDEN = ("progress.*", "own_words.*", "*.lock", "__pycache__", "*.pyc", "*~")
"""What the file browser leaves out: files of the course that a click would only confuse."""
STARTUP = Path(__file__).with_name("kernel_startup.py")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "notebook", nargs="?", metavar="NN", help="the notebook to open (that of the next open exercise)"
    )
    parser.add_argument("--no-browser", action="store_true", help="print the address instead of opening it")
    parser.add_argument("--port", type=int, help="the port to listen on (the first free one from 8888)")


def run(arguments: argparse.Namespace) -> int:
    course = choose([], NOTEBOOKS)
    for shipped in course:
        if remark := remark_on(MY / shipped.name, shipped):
            print(remark)
    for copy in copy_missing(course, MY):
        print(f"{shown(copy)} is new.")
    first = MY / (choose([arguments.notebook], NOTEBOOKS)[0] if arguments.notebook else _next(course)).name
    if address := running(first):
        print(f"JupyterLab runs already, and a second one would write over its files. It is here:\n{address}")
        return ExitCode.DONE
    command = lab_command(first, no_browser=arguments.no_browser, port=arguments.port)
    with subprocess.Popen(command, cwd=CHECKOUT, env={"PYTHONSTARTUP": str(STARTUP), **os.environ}) as server:
        while True:
            try:
                return server.wait()
            except KeyboardInterrupt:
                # The server got the same key press and asks whether to stop: the answer is its business.
                continue


def _next(course: Sequence[Path]) -> Path:
    """The notebook of the next open exercise; the first one where nothing is open."""
    from helpers.lessons.content import exercises
    from helpers.lessons.progress import ProgressFile, next_exercise

    exercise = next_exercise(list(exercises().values()), ProgressFile().entries())
    return next((path for path in course if exercise and path.stem.startswith(exercise.notebook)), course[0])


def running(first: Path) -> str:
    """The address of ``first`` in a server that serves this checkout already; empty where there is none.

    A server's notes outlive it when it is killed, so each is asked whether it is still the one of the notes.
    """
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    for notes in Path(jupyter_runtime_dir()).glob("jpserver-*.json"):
        try:
            server = json.loads(notes.read_text(encoding="utf-8"))
            if Path(server["root_dir"]) == CHECKOUT:
                url, token = server["url"], quote(server["token"])
                opener.open(f"{url}api/status?token={token}", timeout=5).close()
                return f"{url}lab/tree/{first.relative_to(CHECKOUT).as_posix()}?token={token}"
        except (OSError, ValueError, KeyError, TypeError):
            continue
    return ""


def lab_command(first: Path, *, no_browser: bool = False, port: int | None = None) -> list[str]:
    """The command that opens JupyterLab on one notebook, asking and fetching nothing.

    The news question, the update check and the extension list would each reach for the internet.
    """
    options = [
        f"--ServerApp.root_dir={CHECKOUT}",
        "--ServerApp.ip=127.0.0.1",
        f"--LabApp.default_url=/lab/tree/{first.relative_to(CHECKOUT).as_posix()}",
        f"--LabApp.app_settings_dir={CHECKOUT / 'data' / 'jupyterlab_settings'}",
        "--LabApp.news_url=None",
        "--LabApp.check_for_updates_class=jupyterlab.handlers.announcements.NeverCheckForUpdate",
        "--LabApp.extension_manager=readonly",
        *(f"--ContentsManager.hide_globs={pattern}" for pattern in HIDDEN),
        f"--MappingKernelManager.cull_idle_timeout={IDLE_SECONDS}",
        "--MappingKernelManager.cull_connected=True",
        "--MappingKernelManager.cull_busy=False",
    ]
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        # in a container everyone is root, and the server listens on loopback only
        options.append("--allow-root")
    if no_browser:
        options.append("--no-browser")
    if port is not None:
        options += [f"--ServerApp.port={port}", "--ServerApp.port_retries=0"]
    return [sys.executable, "-m", "jupyterlab", *options]
