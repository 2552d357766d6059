"""``sandbox``: what it refuses, and what it says of what it does not do."""

import json
import os
import subprocess
import sys
import time
from datetime import datetime
from pathlib import Path

import pytest

from helpers.__main__ import main
from helpers.lab import sandbox_process
from helpers.sandbox.process.home import Home


def said(words: list[str], capsys: pytest.CaptureFixture[str]) -> tuple[int, str, str]:
    try:
        code = main(["sandbox", *words])
    except SystemExit as ended:
        code = int(str(ended.code))
    heard = capsys.readouterr()
    return code, heard.out, heard.err


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["start", "--home", ""], "an empty name is no folder"),
        (["reset", "--home", " "], "an empty name is no folder"),
        (["start", "--idle", "0"], "stops at once"),
        (["start", "--start-at", "1900-01-01"], "not between 2000 and 2099"),
        (["start", "--seed", "x"], "invalid int value"),
        (["clock", "--until", "9999-12-31"], "not between 2000 and 2099"),
        (["clock", "--until", "tomorrow"], "is no time"),
        (["start", "--start-at", "Now"], "is no time"),
        (["env", "--shell", "csh"], "invalid choice"),
        (["clock", "--advance", "-5m"], "expected one argument"),
        (["clock", "--advance", "20000d"], "longer than ten years"),
        (["clock", "--advance", "1m", "--until", "2026-02-01"], "not allowed with"),
    ],
)
def test_what_makes_no_sense_is_refused_in_one_line(
    words: list[str], sentence: str, capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("FLOWLOGS_HOME", str(tmp_path / "home"))
    code, out, err = said(words, capsys)
    assert (code, out, len(err.splitlines())) == (2, "", 1)
    assert sentence in err
    assert not list(tmp_path.iterdir())


def test_a_running_sandbox_says_what_it_does_not_do(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    where = ["--home", str(tmp_path)]
    try:
        assert json.loads(said(["status", *where, "--json"], capsys)[1]) == {"running": False, "home": str(tmp_path)}
        code, out, err = said(["start", *where, "--start-at", "2026-02-02T08:00:00Z", "--seed", "7"], capsys)
        assert (code, err, json.loads(out)["now"]) == (0, "", "2026-02-02T08:00:00+00:00")
        code, status, _ = said(["status", *where, "--json"], capsys)
        assert (code, json.loads(status)) == (0, {"running": True, **json.loads(out)})
        assert said(["clock", *where, "--until", "2098-01-01"], capsys)[0] == 2
        assert said(["clock", *where, "--advance", "10m"], capsys)[1].strip() == "2026-02-02T08:10:00+00:00"
        assert "count for a new account only" in said(["start", *where, "--seed", "8"], capsys)[2]
        sandbox_process.stop(tmp_path)
        code, out, err = said(["start", *where, "--start-at", "2030-01-01"], capsys)
        assert (code, json.loads(out)["now"]) == (0, "2026-02-02T08:10:00+00:00")
        assert "count for a new account only" in err
    finally:
        sandbox_process.stop(tmp_path)


def test_an_account_that_begins_now_keeps_its_beginning(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    where = ["--home", str(tmp_path)]
    try:
        before = int(time.time())
        now = json.loads(said(["start", *where, "--start-at", "now"], capsys)[1])["now"]
        assert before <= datetime.fromisoformat(now).timestamp() <= time.time()
        later = said(["clock", *where, "--advance", "1m"], capsys)[1].strip()
        begun = Home(tmp_path).beginning()
        assert begun is not None and begun.start_at == datetime.fromisoformat(now).timestamp()
        sandbox_process.stop(tmp_path)
        code, out, err = said(["start", *where, "--start-at", "now"], capsys)
        assert (code, json.loads(out)["now"]) == (0, later)
        assert "count for a new account only" in err
    finally:
        sandbox_process.stop(tmp_path)


RUNNING = sandbox_process.SandboxInfo(
    "http://127.0.0.1:8123", "AKIDOWNER", "its $ecret'", "eu-west-1", "home", 1, "now"
)


def printed_env(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], shell: str = "sh") -> str:
    """What ``sandbox env`` prints while ``RUNNING`` runs."""
    monkeypatch.setattr(sandbox_process, "find", lambda home: RUNNING)
    code, out, err = said(["env", "--shell", shell], capsys)
    assert (code, err) == (0, "")
    return out


def test_env_leaves_a_client_nothing_but_this_sandbox(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Where a profile, a session token, another endpoint and a proxy would each lead it elsewhere."""
    theirs = {
        "AWS_PROFILE": "work",
        "AWS_SESSION_TOKEN": "theirs",
        "AWS_ENDPOINT_URL_EC2": "http://198.51.100.1",
        "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "true",
        "AWS_PAGER": "less",
        "HTTP_PROXY": "http://198.51.100.2:3128",
        "no_proxy": "localhost",
    }
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    for name, value in theirs.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("NO_PROXY", raising=False)
    script = printed_env(monkeypatch, capsys) + "env -0"
    got = subprocess.run(["sh", "-c", script], capture_output=True, text=True, check=True).stdout
    left = dict(line.split("=", 1) for line in got.split("\0") if line)
    assert {name: value for name, value in left.items() if name.startswith("AWS_")} == {
        "AWS_ENDPOINT_URL": RUNNING.endpoint,
        "AWS_ACCESS_KEY_ID": RUNNING.access_key_id,
        "AWS_SECRET_ACCESS_KEY": RUNNING.secret_access_key,
        "AWS_DEFAULT_REGION": RUNNING.region,
        "AWS_REGION": RUNNING.region,
        "AWS_PAGER": "less",
    }
    assert (left["NO_PROXY"], left["no_proxy"]) == ("127.0.0.1", "127.0.0.1,localhost")


def test_env_writes_powershell_where_that_is_asked_for(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = printed_env(monkeypatch, capsys, "powershell").splitlines()
    assert "$env:AWS_SECRET_ACCESS_KEY = 'its $ecret'''" in lines
    assert "$env:AWS_SESSION_TOKEN = $null" in lines
    assert all(line.startswith("$env:AWS_") for line in lines if "PROXY" not in line)


def test_env_says_that_nothing_runs_and_sets_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = said(["env", "--home", str(tmp_path)], capsys)
    assert (code, out) == (3, "")
    assert err.strip().endswith("start it with `python -m helpers sandbox start`.")


@pytest.fixture
def progress(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The learner's progress beside the account that has begun in ``FLOWLOGS_HOME``."""
    monkeypatch.setenv("FLOWLOGS_HOME", str(tmp_path))
    (tmp_path / "progress.json").write_text('{"exercises": {}}')
    return tmp_path / "progress.json"


@pytest.mark.parametrize(
    ("words", "at_a_terminal", "answer", "asked", "stays"),
    [
        (["reset"], True, "y", True, False),
        (["reset"], True, "", True, True),
        (["reset", "--yes"], True, "", False, False),
        (["reset", "--yes"], False, "", False, False),
        (["reset"], False, "", False, True),
    ],
)
def test_reset_asks_about_the_progress_at_a_terminal_and_keeps_it_in_a_script(
    words: list[str],
    at_a_terminal: bool,
    answer: str,
    asked: bool,
    stays: bool,
    progress: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    questions: list[str] = []
    monkeypatch.setattr("builtins.input", lambda question: questions.append(question) or answer)
    for stream in (sys.stdin, sys.stdout):
        monkeypatch.setattr(stream, "isatty", lambda: at_a_terminal)
    code, out, err = said(words, capsys)
    assert (code, err, len(questions), progress.exists()) == (0, "", asked, stays)
    kept = [path.name for path in progress.parent.glob("progress.*.json")]
    assert len(kept) == (not stays)
    assert ("python -m helpers sandbox reset --yes" in out) == stays


def test_reset_of_another_home_leaves_the_progress_alone(
    progress: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert said(["reset", "--yes", "--home", str(tmp_path / "other")], capsys)[0] == 0
    assert progress.exists()
