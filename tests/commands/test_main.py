"""The command line as a whole: what it offers, where it sends, and its exit codes."""

import argparse
import os
import re
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
    assert all(
        f"  {name}" in text for name in ("run", "lab", "fresh", "doctor", "exercises", "query", "sandbox", "teardown")
    )


@pytest.mark.parametrize("words", [[], ["dance"], ["run", "--nonsense"], ["run", "-p", "region"], ["fresh"]])
def test_used_wrongly_is_2_and_one_line(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(words)
    assert ended.value.code == 2
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_a_subcommand_gets_its_own_words(monkeypatch: pytest.MonkeyPatch) -> None:
    module = ModuleType("helpers.commands.teardown")
    heard: list[argparse.Namespace] = []

    def run(arguments: argparse.Namespace) -> int:
        heard.append(arguments)
        return 3

    module.add_arguments = lambda parser: parser.add_argument("--prefix")  # type: ignore[attr-defined]
    module.run = run  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "helpers.commands.teardown", module)
    assert main(["teardown", "--prefix", "demo"]) == 3
    assert heard == [argparse.Namespace(prefix="demo")]


@pytest.mark.parametrize(
    ("missing", "sentence"),
    [("nbformat", "nbformat is not installed in this Python"), ("helpers.commands.run", "no helpers.commands.run")],
)
def test_what_is_missing_is_one_sentence(
    missing: str, sentence: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delitem(sys.modules, "helpers.commands.run", raising=False)
    monkeypatch.setitem(sys.modules, missing, None)
    assert main(["run", "00"]) == 3
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


_SUBCOMMANDS = "run|lab|fresh|query|exercises|doctor|teardown|sandbox|book"
_ACTIONS = "start|env|stop|status|reset|clock"


def spelt_otherwise(text: str) -> list[str]:
    """Commands of the course in code or messages that are not spelt ``python -m helpers SUBCOMMAND``."""
    bare = rf"(?<!-m )\bhelpers (?:{_SUBCOMMANDS})\b|`(?:{_SUBCOMMANDS}) [^`]*`|(?<!helpers )\bsandbox (?:{_ACTIONS})`"
    return re.findall(bare, text)


def test_messages_and_pages_spell_a_command_in_one_way(root: Path) -> None:
    files = [*root.glob("helpers/**/*.py"), *root.glob("data/exercises/*"), *root.glob("docs/*.md")]
    files += [*root.glob("notebooks/*.ipynb"), root / "README.md", root / "CONTRIBUTING.md"]
    found = {path.name: spelt_otherwise(path.read_text("utf-8")) for path in files}
    assert {name: words for name, words in found.items() if words} == {}


@pytest.mark.parametrize("text", ["`sandbox reset` makes one", "say `helpers lab 07`", "with `teardown --prefix a`"])
def test_another_spelling_is_seen(text: str) -> None:
    assert spelt_otherwise(text) != []
    assert spelt_otherwise("`.venv/bin/python -m helpers sandbox reset` and python -m helpers run") == []


def test_no_colour_goes_into_a_pipe(root: Path, tmp_path: Path) -> None:
    """Neither codes of our own, nor argparse's, nor those of a progress line."""
    environment = {**os.environ, "FLOWLOGS_HOME": str(tmp_path)}
    (tmp_path / "log").write_text(
        "2 123456789012 eni-1 10.0.0.1 10.0.0.2 1 22 6 1 40 1700000000 1700000060 ACCEPT OK\n"
    )
    for words in (["run", "--help"], ["sandbox", "status"], ["query", "limit 1", f"{tmp_path}/log"]):
        command = [sys.executable, "-m", "helpers", *words]
        done = subprocess.run(command, cwd=root, env=environment, capture_output=True, timeout=60, check=False)
        assert done.stdout + done.stderr and b"\x1b" not in done.stdout + done.stderr, words
