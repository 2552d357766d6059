"""JupyterLab as a learner opens it, in a headless browser."""

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from helpers.commands import jupyterlab, places
from helpers.lab import process

TOKEN = "only-for-this-test"
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-background-networking", "--disable-sync"]
SECONDS = 120


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    """Chromium under Playwright; skipped with the reason where either is missing."""
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if chromium is None:
        pytest.skip("not on this machine: a Chromium (Debian: apt-get install chromium)")
    try:
        from playwright.sync_api import sync_playwright
    except ModuleNotFoundError:
        pytest.skip("not on this machine: playwright (make test-all installs it)")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def lab_server(tmp_path: Path) -> Iterator[str]:
    """``make lab``'s own command on fresh copies of the notebooks; the address up to the notebook's name."""
    mine = tmp_path / "my"
    shutil.copytree(places.NOTEBOOKS, mine)
    port = _free_port()
    ours = jupyterlab.lab_command(places.MY / "00_start_here.ipynb", no_browser=True, port=port)
    command = [word for word in ours if "root_dir" not in word]
    command += [f"--ServerApp.root_dir={tmp_path}", f"--IdentityProvider.token={TOKEN}", "--expose-app-in-browser"]
    folders = ("JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR", "JUPYTERLAB_SETTINGS_DIR", "IPYTHONDIR")
    environment = {**os.environ, "FLOWLOGS_HOME": str(tmp_path / "home")}
    environment |= {name: str(tmp_path / "jupyter" / name) for name in folders}
    log = (tmp_path / "lab.log").open("w")
    with log, subprocess.Popen(command, cwd=tmp_path, env=environment, stdout=log, stderr=log) as server:
        try:
            _wait_for(port, server, tmp_path / "lab.log")
            yield f"http://127.0.0.1:{port}/lab/tree/my/"
        finally:
            server.terminate()
            server.wait(timeout=30)
            process.stop(tmp_path / "home")


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
