"""``fresh`` and ``lab``: the learner's copies, and JupyterLab on them."""

import asyncio
import importlib
import json
import os
import socket
import subprocess
import time
import urllib.error
import urllib.request
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from types import SimpleNamespace

import pytest
from jupyter_server.services.contents.filemanager import FileContentsManager
from jupyter_server.services.kernels.kernelmanager import AsyncMappingKernelManager
from traitlets.config import Application, Config

from helpers.__main__ import main
from helpers._data import MY
from helpers.commands import fresh, jupyterlab
from helpers.lab import LabError, copies, open_lab
from helpers.lab.notebook_file import read_notebook, source_of, write_notebook


def ship(folder: Path, name: str, *sources: str) -> Path:
    """A shipped notebook with these cells, the last of which is an exercise."""
    cells = [{"cell_type": "code", "metadata": {}, "source": source} for source in sources]
    cells[-1]["metadata"] = {"tags": ["exercise"]}
    write_notebook({"metadata": {"workbook": {"needs": []}}, "cells": cells}, folder / f"{name}.ipynb")
    return folder / f"{name}.ipynb"


def change(path: Path, place: int, source: str) -> None:
    """Change one cell of a notebook, as its author or its reader does."""
    document = read_notebook(path)
    document["cells"][place]["source"] = [source]
    write_notebook(document, path)


def sources(path: Path) -> list[str]:
    return [source_of(cell) for cell in read_notebook(path)["cells"]]


@pytest.fixture
def course(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    shipped, mine = tmp_path / "notebooks", tmp_path / "my"
    shipped.mkdir()
    for name in ("00_start_here", "05_five"):
        ship(shipped, name, f"shipped {name}", "answer = None")
    for module in (fresh, jupyterlab, copies):
        monkeypatch.setattr(module, "NOTEBOOKS", shipped)
        monkeypatch.setattr(module, "MY", mine)
    monkeypatch.setattr(jupyterlab, "CHECKOUT", tmp_path)
    return tmp_path


def test_fresh_puts_aside_and_never_overwrites(course: Path) -> None:
    mine = course / "my" / "05_five.ipynb"
    assert main(["fresh", "05"]) == 0
    assert sources(mine) == ["shipped 05_five", "answer = None"]
    for text in ("first try", "second try"):
        mine.write_text(text)
        assert main(["fresh", "5"]) == 0
    assert sources(mine) == ["shipped 05_five", "answer = None"]
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


@pytest.fixture
def started(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """The commands that would have started JupyterLab."""
    commands: list[list[str]] = []
    monkeypatch.setattr(jupyterlab, "jupyter_runtime_dir", lambda: str(tmp_path / "runtime"))

    class Server:
        def __init__(self, words: list[str], **options: object) -> None:
            commands.append(words)

        def __enter__(self) -> "Server":
            return self

        def __exit__(self, *error: object) -> None:
            pass

        def wait(self) -> int:
            return 0

    monkeypatch.setattr(jupyterlab.subprocess, "Popen", Server)
    return commands


def test_lab_copies_what_is_missing_and_opens_the_first(course: Path, started: list[list[str]]) -> None:
    (course / "my").mkdir()
    (course / "my" / "05_five.ipynb").write_text("my work")
    assert main(["lab", "--no-browser"]) == 0
    assert (course / "my" / "05_five.ipynb").read_text() == "my work"
    assert sources(course / "my" / "00_start_here.ipynb") == ["shipped 00_start_here", "answer = None"]
    assert "--LabApp.default_url=/lab/tree/my/00_start_here.ipynb" in started[0]
    assert "--no-browser" in started[0]


def open_exercises(course: Path, monkeypatch: pytest.MonkeyPatch, **done_at: str) -> None:
    """A progress in which these exercises, as ``x05_1="2026-01-05"``, are done."""
    done = {name[1:].replace("_", "."): {"done_at": day} for name, day in done_at.items()}
    entries = {id_: {"outcome": "done", "hints": 0, "solution": False, **day} for id_, day in done.items()}
    monkeypatch.setenv("FLOWLOGS_HOME", str(course))
    (course / "progress.json").write_text(json.dumps({"exercises": entries}))


@pytest.mark.parametrize(
    ("words", "done", "opened"),
    [
        ([], {}, "00_start_here"),
        (["05"], {}, "05_five"),
        (["5"], {"x04_3": "2026-01-05"}, "05_five"),
        ([], {"x04_3": "2026-01-05"}, "05_five"),
        ([], {"x04_3": "2026-01-05", "x99_1": "2026-01-04"}, "05_five"),
        ([], {"x99_1": "2026-01-05", "x99_2": "2026-01-05"}, "00_start_here"),
    ],
)
def test_lab_opens_what_is_asked_for_or_where_the_learner_goes_on(
    words: list[str],
    done: dict[str, str],
    opened: str,
    course: Path,
    started: list[list[str]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    open_exercises(course, monkeypatch, **done)
    assert main(["lab", *words]) == 0
    assert f"--LabApp.default_url=/lab/tree/my/{opened}.ipynb" in started[0]


def test_lab_refuses_a_notebook_that_is_not_there(course: Path, started: list[list[str]]) -> None:
    assert main(["lab", "42"]) == 2
    assert started == []


OLD = "The shipped notebook 05_five has changed since your copy of it was made: `python -m helpers fresh 05` takes"


def test_lab_names_each_copy_whose_notebook_has_changed_since(
    course: Path, started: list[list[str]], capsys: pytest.CaptureFixture[str]
) -> None:
    mine, shipped = course / "my" / "05_five.ipynb", course / "notebooks" / "05_five.ipynb"
    assert main(["lab"]) == 0
    change(mine, 0, "my own change")
    change(mine, 1, "answer = 5")
    assert main(["lab"]) == 0 and "has changed" not in capsys.readouterr().out
    change(shipped, 0, "a newer edition")
    assert main(["lab"]) == 0
    said = capsys.readouterr().out
    assert [line.startswith(OLD) for line in said.splitlines() if "has changed" in line] == [True]
    assert sources(mine) == ["my own change", "answer = 5"]
    assert main(["fresh", "05"]) == 0 and main(["lab"]) == 0
    assert "has changed" not in capsys.readouterr().out


def test_a_copy_without_a_fingerprint_is_old_where_a_cell_that_is_no_exercise_differs(
    course: Path, started: list[list[str]], capsys: pytest.CaptureFixture[str]
) -> None:
    (course / "my").mkdir()
    mine = ship(course / "my", "05_five", "shipped 05_five", "answer = 5")
    assert main(["lab"]) == 0 and "has changed" not in capsys.readouterr().out
    change(mine, 0, "shipped 05_five, the first edition")
    assert main(["lab"]) == 0 and OLD in capsys.readouterr().out


def test_an_old_copy_is_named_where_the_lab_opens_and_where_an_import_fails(
    course: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert main(["fresh", "05"]) == 0
    monkeypatch.setenv("JPY_SESSION_NAME", str(course / "my" / "05_five.ipynb"))
    assert copies.remark_here() == ""
    with pytest.raises(ModuleNotFoundError):
        importlib.import_module("helpers.lessons.desk")
    change(course / "notebooks" / "05_five.ipynb", 0, "a newer edition")
    with pytest.raises(ImportError, match=r"no helpers\.lessons\.desk any more.*fresh 05"):
        importlib.import_module("helpers.lessons.desk")
    with pytest.raises(ImportError, match=r"no helpers\.lessons\.desk any more.*fresh 05"):
        exec("from helpers.lessons import desk")
    (course / "file").touch()
    monkeypatch.setenv("FLOWLOGS_HOME", str(course / "file" / "home"))
    with pytest.warns(UserWarning, match="fresh 05"), pytest.raises(LabError, match="cannot write"):
        open_lab("sandbox", "us-east-1", "demo")
    monkeypatch.setenv("JPY_SESSION_NAME", str(course / "notebooks" / "05_five.ipynb"))
    with pytest.raises(ImportError, match="cannot import name 'desk'"):
        exec("from helpers.lessons import desk")


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


@pytest.fixture
def configured() -> Config:
    """What the options of ``make lab`` set, as its server reads them."""
    app = Application()
    app.parse_command_line([word for word in jupyterlab.lab_command(MY / "00.ipynb")[3:] if "=" in word])
    return app.config


@pytest.mark.parametrize(
    ("idle_seconds", "state", "ends"),
    [(3 * 3600, "idle", True), (3 * 3600, "busy", False), (1800, "idle", False)],
)
def test_a_kernel_that_idles_for_hours_ends_and_a_busy_one_never(
    configured: Config, idle_seconds: int, state: str, ends: bool
) -> None:
    """Also while its notebook is open in a page."""
    manager = AsyncMappingKernelManager(config=configured)
    last = datetime.now(UTC) - timedelta(seconds=idle_seconds)
    spec = SimpleNamespace(metadata={})
    kernel = SimpleNamespace(last_activity=last, execution_state=state, kernel_spec=spec, kernel_name="python3")
    manager._kernels["k"] = kernel
    manager._kernel_connections["k"] = 1
    ended: list[str] = []
    manager.shutdown_kernel = ended.append
    assert manager.cull_interval < 600
    asyncio.run(manager.cull_kernel_if_idle("k"))
    assert ended == ["k"] * ends


def test_the_file_browser_shows_notebooks_and_no_files_of_the_course(configured: Config, tmp_path: Path) -> None:
    names = ["05_five.ipynb", "05_five.2026-01-05.ipynb", "notes.md"]
    ours = ["progress.json", "progress.lock", "progress.2026-01-05.json", "own_words.json", "own_words.lock"]
    for name in [*names, *ours]:
        (tmp_path / name).touch()
    listed = FileContentsManager(config=configured, root_dir=str(tmp_path)).get("", type="directory")["content"]
    assert sorted(entry["name"] for entry in listed) == sorted(names)


class Status(BaseHTTPRequestHandler):
    """A Jupyter server that knows the token ``right``."""

    def do_GET(self) -> None:
        self.send_response(200 if self.path == "/api/status?token=right" else 403)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None: ...


@pytest.mark.parametrize(
    ("notes", "runs"),
    [
        ({}, True),
        ({"token": "of a server that was killed"}, False),
        ({"root_dir": "/somewhere/else"}, False),
        ({"url": "http://127.0.0.1:1/"}, False),
        ({"url": None}, False),
    ],
)
def test_a_second_lab_says_where_the_first_one_is(
    notes: dict[str, str], runs: bool, course: Path, started: list[list[str]], capsys: pytest.CaptureFixture[str]
) -> None:
    with ThreadingHTTPServer(("127.0.0.1", 0), Status) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_address[1]}/"
        (course / "runtime").mkdir()
        written = {"url": url, "token": "right", "root_dir": str(course)} | notes
        (course / "runtime" / "jpserver-1.json").write_text(json.dumps(written))
        (course / "runtime" / "jpserver-2.json").write_text("{")
        assert main(["lab", "05"]) == 0
        server.shutdown()
    assert len(started) == (not runs)
    assert (f"{url}lab/tree/my/05_five.ipynb?token=right" in capsys.readouterr().out) == runs
