"""``python -m helpers lab``: JupyterLab on the learner's own copies; asks nothing, fetches nothing."""

import argparse
import os
import subprocess
import sys
from pathlib import Path

from helpers.commands.errors import broken
from helpers.commands.fresh import copy_missing
from helpers.commands.places import MY, NOTEBOOKS, ROOT, shown
from helpers.commands.run import choose

_FIRST = "00_start_here.ipynb"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--no-browser", action="store_true", help="print the address instead of opening it")
    parser.add_argument("--port", type=int, help="the port to listen on (the first free one from 8888)")


def run(arguments: argparse.Namespace) -> int:
    copies = copy_missing(choose([], NOTEBOOKS), MY)
    for copy in copies:
        print(f"{shown(copy)} is new.")
    first = MY / _FIRST
    if not first.exists():
        raise broken(f"{shown(first)} is missing and no notebook of that name is shipped.")
    command = lab_command(first, no_browser=arguments.no_browser, port=arguments.port)
    with subprocess.Popen(command, cwd=ROOT) as server:
        while True:
            try:
                return server.wait()
            except KeyboardInterrupt:
                # The server got the same key press and asks whether to stop: the answer is its business.
                continue


def lab_command(first: Path, *, no_browser: bool = False, port: int | None = None) -> list[str]:
    """The command that opens JupyterLab on one notebook, asking and fetching nothing.

    The news question, the update check and the extension list would each reach for the internet.
    """
    options = [
        f"--ServerApp.root_dir={ROOT}",
        "--ServerApp.ip=127.0.0.1",
        f"--LabApp.default_url=/lab/tree/{first.relative_to(ROOT).as_posix()}",
        f"--LabApp.app_settings_dir={ROOT / 'data' / 'jupyterlab_settings'}",
        "--LabApp.news_url=None",
        "--LabApp.check_for_updates_class=jupyterlab.handlers.announcements.NeverCheckForUpdate",
        "--LabApp.extension_manager=readonly",
    ]
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        # in a container everyone is root, and the server listens on loopback only
        options.append("--allow-root")
    if no_browser:
        options.append("--no-browser")
    if port is not None:
        options += [f"--ServerApp.port={port}", "--ServerApp.port_retries=0"]
    return [sys.executable, "-m", "jupyterlab", *options]
