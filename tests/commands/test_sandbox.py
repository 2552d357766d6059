"""``sandbox``: what it refuses, and what it says of what it does not do."""

import json
from pathlib import Path

import pytest

from helpers.__main__ import main
from helpers.lab import process


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
        code, out, err = said(["start", *where, "--start-at", "2026-02-02T08:00:00Z", "--seed", "7"], capsys)
        assert (code, err, json.loads(out)["now"]) == (0, "", "2026-02-02T08:00:00+00:00")
        assert said(["clock", *where, "--until", "2098-01-01"], capsys)[0] == 2
        assert said(["clock", *where, "--advance", "10m"], capsys)[1].strip() == "2026-02-02T08:10:00+00:00"
        assert "count for a new account only" in said(["start", *where, "--seed", "8"], capsys)[2]
        process.stop(tmp_path)
        code, out, err = said(["start", *where, "--start-at", "2030-01-01"], capsys)
        assert (code, json.loads(out)["now"]) == (0, "2026-02-02T08:10:00+00:00")
        assert "count for a new account only" in err
    finally:
        process.stop(tmp_path)
