"""``fresh`` and ``lab``: the learner's copies, and JupyterLab on them."""

import json
import os
import socket
import subprocess
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from helpers.__main__ import main
from helpers.commands import fresh, jupyterlab


@pytest.fixture
def course(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    shipped, mine = tmp_path / "notebooks", tmp_path / "my"
    shipped.mkdir()
    for name in ("00_start_here", "05_five"):
        (shipped / f"{name}.ipynb").write_text(f"shipped {name}")
    for module in (fresh, jupyterlab):
        monkeypatch.setattr(module, "NOTEBOOKS", shipped)
        monkeypatch.setattr(module, "MY", mine)
    monkeypatch.setattr(jupyterlab, "ROOT", tmp_path)
    return tmp_path


def test_fresh_puts_aside_and_never_overwrites(course: Path) -> None:
    mine = course / "my" / "05_five.ipynb"
    assert main(["fresh", "05"]) == 0
    assert mine.read_text() == "shipped 05_five"
    for text in ("first try", "second try"):
        mine.write_text(text)
        assert main(["fresh", "5"]) == 0
    assert mine.read_text() == "shipped 05_five"
    kept = sorted(path.read_text() for path in mine.parent.iterdir() if path != mine)
    assert kept == ["first try", "second try"]
    assert all(path.suffix == ".ipynb" and ":" not in path.name for path in mine.parent.iterdir())


def test_fresh_of_an_unknown_notebook_is_refused(course: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["fresh", "42"]) == 2
    assert "there are: 00_start_here, 05_five" in capsys.readouterr().err


def test_fresh_where_nothing_can_be_written_is_one_sentence(course: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (course / "my").touch()
    assert main(["fresh", "05"]) == 3
    assert "cannot write to" in capsys.readouterr().err


def test_lab_copies_what_is_missing_and_opens_the_first(course: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (course / "my").mkdir()
    (course / "my" / "05_five.ipynb").write_text("my work")
    started: list[list[str]] = []

    class Server:
        def __init__(self, words: list[str], **options: object) -> None:
            started.append(words)

        def __enter__(self) -> "Server":
            return self

        def __exit__(self, *error: object) -> None:
            pass

        def wait(self) -> int:
            return 0

    monkeypatch.setattr(jupyterlab.subprocess, "Popen", Server)
    assert main(["lab", "--no-browser"]) == 0
    assert (course / "my" / "05_five.ipynb").read_text() == "my work"
    assert (course / "my" / "00_start_here.ipynb").read_text() == "shipped 00_start_here"
    assert "--LabApp.default_url=/lab/tree/my/00_start_here.ipynb" in started[0]
    assert "--no-browser" in started[0]


@pytest.mark.long
def test_jupyterlab_asks_no_question_and_shows_the_first_notebook(tmp_path: Path, root: Path) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    folders = ("JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR", "JUPYTERLAB_SETTINGS_DIR")
    environment = {**os.environ, **{name: str(tmp_path / name) for name in folders}, "JUPYTER_TOKEN": "t"}
    command = jupyterlab.lab_command(root / "my" / "00_start_here.ipynb", no_browser=True, port=port)
    log = (tmp_path / "log").open("w+")
    with log, subprocess.Popen(command, cwd=root, env=environment, stdout=log, stderr=log) as server:
        try:
            plugin = "@jupyterlab/apputils-extension:notification"
            settings = json.loads(fetch(port, f"/lab/api/settings/{plugin}", log.name))
            properties = settings["schema"]["properties"]
            assert properties["fetchNews"]["default"] == "false"
            assert properties["checkForUpdates"]["default"] is False
            page = fetch(port, "/", log.name)
            assert "/lab/tree/my/00_start_here.ipynb" in page
        finally:
            server.terminate()
            server.wait(30)


def fetch(port: int, path: str, log: str) -> str:
    request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", headers={"Authorization": "token t"})
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    for _ in range(300):
        try:
            with opener.open(request, timeout=30) as answer:
                return f"{answer.url}\n{answer.read().decode()}" if path == "/" else str(answer.read().decode())
        except urllib.error.HTTPError as error:
            raise AssertionError(f"{error}\n{Path(log).read_text()[-3000:]}") from error
        except OSError:
            time.sleep(0.1)
    raise AssertionError(Path(log).read_text()[-3000:])
