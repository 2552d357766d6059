"""JupyterLab as a learner opens it, in a headless browser."""

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from helpers._data import MY, NOTEBOOKS
from helpers.commands import jupyterlab
from helpers.lab import sandbox_process

TOKEN = "only-for-this-test"
SECONDS = 120


@dataclass(frozen=True)
class LabServer:
    """A JupyterLab as ``make lab`` starts it: its address up to a notebook's name, and the folder that it serves."""

    address: str
    folder: Path


@pytest.fixture(scope="session")
def lab_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LabServer]:
    """``make lab``'s own command on fresh copies of the notebooks."""
    tmp_path = tmp_path_factory.mktemp("lab")
    mine = tmp_path / "my"
    shutil.copytree(NOTEBOOKS, mine)
    port = _free_port()
    ours = jupyterlab.lab_command(MY / "00_start_here.ipynb", no_browser=True, port=port)
    command = [word for word in ours if "root_dir" not in word]
    command += [f"--ServerApp.root_dir={tmp_path}", f"--IdentityProvider.token={TOKEN}", "--expose-app-in-browser"]
    folders = ("JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR", "JUPYTERLAB_SETTINGS_DIR", "IPYTHONDIR")
    environment = {**os.environ, "FLOWLOGS_HOME": str(tmp_path / "home"), "PYTHONSTARTUP": str(jupyterlab.STARTUP)}
    environment |= {name: str(tmp_path / "jupyter" / name) for name in folders}
    log = (tmp_path / "lab.log").open("w")
    with log, subprocess.Popen(command, cwd=tmp_path, env=environment, stdout=log, stderr=log) as server:
        try:
            _wait_for(port, server, tmp_path / "lab.log")
            yield LabServer(f"http://127.0.0.1:{port}/lab/tree/my/", tmp_path)
        finally:
            server.terminate()
            server.wait(timeout=30)
            sandbox_process.stop(tmp_path / "home")


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


def _wait_for(port: int, server: "subprocess.Popen[bytes]", log: Path) -> None:
    deadline = time.monotonic() + SECONDS
    while time.monotonic() < deadline and server.poll() is None:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)
    raise AssertionError(f"JupyterLab does not listen: {log.read_text()[-2000:]}")
