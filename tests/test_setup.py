"""setup_workbook.py: what it makes, what it leaves alone, and its sentences."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import setup_workbook

needs_sh = pytest.mark.skipif(os.name == "nt", reason="not on this machine: a POSIX shell")


@pytest.fixture
def checkout(tmp_path: Path, root: Path) -> Path:
    """A checkout of the size of a thumb, with a uv on PATH that notes what it is asked."""
    folder = tmp_path / "check out"
    (folder / "helpers").mkdir(parents=True)
    (folder / "helpers" / "__init__.py").touch()
    shutil.copy(root / "setup_workbook.py", folder)
    (folder / "pyproject.toml").write_text("[project]\n")
    (folder / "constraints.txt").write_text("boto3==1.44.5\ncolorama==0.4.6 ; sys_platform == 'win32'\n")
    programs = tmp_path / "programs"
    programs.mkdir()
    (programs / "uv").write_text('#!/bin/sh\necho "$@" >> "$UV_NOTES"\nexit "${UV_EXIT:-0}"\n')
    (programs / "uv").chmod(0o755)
    return folder


def call(checkout: Path, *words: str, **more: str) -> subprocess.CompletedProcess[str]:
    notes = checkout.parent / "notes"
    path = f"{checkout.parent / 'programs'}{os.pathsep}{os.environ['PATH']}"
    environment = {**os.environ, "PATH": path, "UV_NOTES": str(notes), **more}
    command = [sys.executable, str(checkout / "setup_workbook.py"), *words]
    return subprocess.run(
        command,
        cwd=checkout.parent,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def asked(checkout: Path) -> list[str]:
    notes = checkout.parent / "notes"
    return notes.read_text().splitlines() if notes.exists() else []


@needs_sh
def test_makes_the_environment_once_and_again_only_when_the_files_change(checkout: Path) -> None:
    first = call(checkout)
    assert first.returncode == 0, first.stderr
    assert len(asked(checkout)) == 1
    assert asked(checkout)[0].endswith("-c constraints.txt -e .")
    assert (checkout / ".venv").is_dir()

    again = call(checkout)
    assert (again.returncode, again.stdout, len(asked(checkout))) == (0, "", 1)

    (checkout / ".venv" / "mine").touch()
    (checkout / "constraints.txt").write_text("boto3==1.44.6\n")
    assert call(checkout).returncode == 0
    assert len(asked(checkout)) == 2
    assert (checkout / ".venv" / "mine").exists(), "a refresh does not start over"


@needs_sh
def test_what_one_target_installed_stays_for_it(checkout: Path) -> None:
    for extras in ("test", "book", "test", "", "book,test"):
        assert call(checkout, "--extras", extras).returncode == 0
    assert [line.rpartition(" ")[2] for line in asked(checkout)] == [".[test]", ".[book,test]"]


@needs_sh
@pytest.mark.parametrize("damage", ["unfinished", "no python", "a file", "a dangling link"])
def test_a_half_made_environment_is_repaired(checkout: Path, damage: str) -> None:
    venv = checkout / ".venv"
    assert call(checkout).returncode == 0
    if damage == "unfinished":
        (venv / "workbook-unfinished").touch()
    elif damage == "no python":
        for name in (venv / "bin").glob("python*"):
            name.unlink()
    else:
        shutil.rmtree(venv)
        if damage == "a file":
            venv.touch()
        else:
            venv.symlink_to(checkout / "nowhere")
    assert call(checkout).returncode == 0
    assert len(asked(checkout)) == 2
    assert call(checkout).stdout == ""


@needs_sh
def test_a_failed_installation_is_said_and_done_again(checkout: Path) -> None:
    failed = call(checkout, UV_EXIT="1")
    assert failed.returncode == 3
    assert "could not be installed" in failed.stderr
    assert "Traceback" not in failed.stderr
    assert call(checkout).returncode == 0
    assert len(asked(checkout)) == 2


def spoil(path: Path, damage: str) -> None:
    if damage == "missing":
        path.unlink()
    elif damage == "a folder":
        path.unlink()
        path.mkdir()
    elif damage == "not text":
        path.write_bytes(b"\xff\xfe\x00boto3")
    elif damage == "empty":
        path.write_text("")
    else:
        path.write_text("boto3==1.44.5\n<<<<<<< HEAD\n")


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        ("missing", "is missing"),
        ("a folder", "cannot be read"),
        ("not text", "is not text"),
        ("empty", "is empty"),
        ("a merge conflict", "line 2, is not a pin"),
    ],
)
def test_unreadable_constraints_are_one_sentence(checkout: Path, damage: str, words: str) -> None:
    spoil(checkout / "constraints.txt", damage)
    done = call(checkout)
    assert done.returncode == 3
    assert words in done.stderr
    assert "constraints.txt" in done.stderr
    assert "git checkout" in done.stderr or "clone" in done.stderr, "it says what to do"
    assert len(done.stderr.splitlines()) == 1
    assert not (checkout / ".venv").exists()


def test_an_unknown_option_is_used_wrongly(checkout: Path) -> None:
    assert call(checkout, "--nonsense").returncode == 2


@needs_sh
@pytest.mark.parametrize(("target", "extras"), [("setup", ""), ("setup EXTRAS=test,ui", "test,ui")])
def test_make_hands_the_extras_over_also_where_there_are_none(
    tmp_path: Path, root: Path, target: str, extras: str
) -> None:
    python = tmp_path / "python"
    python.write_text(f'#!/bin/sh\nexec {sys.executable} -c "import sys; print(sys.argv[1:])" "$@"\n')
    python.chmod(0o755)
    done = subprocess.run(
        ["make", "--no-print-directory", *target.split(), f"PYTHON={python}"],  # it may run below another make
        cwd=root,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == f"{['setup_workbook.py', '--extras', extras]}\n"


def test_an_older_python_finds_a_newer_one_or_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(setup_workbook, "OLDEST", (3, 90))
    monkeypatch.setattr(setup_workbook, "NEWEST_TRIED", 92)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(setup_workbook.SetupError, match=r"needs Python 3\.90 or newer, and this is 3\."):
        setup_workbook.find_python()
    (tmp_path / "python3.91").write_text("#!/bin/sh\necho 3 91\n")
    (tmp_path / "python3.91").chmod(0o755)
    assert setup_workbook.find_python() == ["python3.91"]


@needs_sh
def test_a_python_without_venv_gets_the_debian_sentence() -> None:
    with pytest.raises(setup_workbook.SetupError, match=r"venv or ensurepip is missing.*python3-venv"):
        setup_workbook.check_modules(["false"], with_pip=True)
    setup_workbook.check_modules([sys.executable], with_pip=True)
