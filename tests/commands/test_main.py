"""The command line as a whole: what it offers, where it sends, and its exit codes."""

import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

from helpers.__main__ import main


def test_help_lists_the_subcommands(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--help"])
    assert ended.value.code == 0
    text = capsys.readouterr().out
    assert all(f"  {name}" in text for name in ("run", "lab", "fresh", "doctor", "sandbox", "teardown"))


@pytest.mark.parametrize("words", [[], ["dance"], ["run", "--nonsense"], ["run", "-p", "region"], ["fresh"]])
def test_used_wrongly_is_2_and_one_line(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(words)
    assert ended.value.code == 2
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_another_rooms_subcommand_gets_its_own_words(monkeypatch: pytest.MonkeyPatch) -> None:
    room = ModuleType("helpers.lab.teardown")
    heard: list[list[str]] = []

    def their_main(argv: list[str]) -> int:
        heard.append(argv)
        return 3

    room.main = their_main  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "helpers.lab.teardown", room)
    assert main(["teardown", "--prefix", "demo", "--help"]) == 3
    assert heard == [["--prefix", "demo", "--help"]]


@pytest.mark.parametrize(
    ("missing", "sentence"),
    [("nbformat", "nbformat is not installed in this Python"), ("helpers.commands.run", "no helpers.commands.run")],
)
def test_what_is_missing_is_one_sentence(
    missing: str, sentence: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for module in ("helpers.commands.fresh", "helpers.commands.run"):
        monkeypatch.delitem(sys.modules, module, raising=False)
    monkeypatch.setitem(sys.modules, missing, None)
    assert main(["fresh", "00"]) == 3
    said = capsys.readouterr().err
    assert sentence in said
    assert len(said.splitlines()) == 1


def test_it_starts_from_anywhere(tmp_path: Path, root: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", "import sys; sys.path.insert(0, sys.argv[1]);"
         "from helpers.__main__ import main; sys.exit(main(['run', '42']))", str(root)],
        cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode in (2, 3)
    assert len(done.stderr.splitlines()) == 1
    assert "Traceback" not in done.stderr
