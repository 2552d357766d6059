"""The guards of conftest.py do guard."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest


def test_a_connection_to_the_outside_is_refused() -> None:
    with socket.socket() as probe, pytest.raises(AssertionError, match=r"203\.0\.113\.5"):
        probe.connect(("203.0.113.5", 80))
    with socket.socket() as probe, pytest.raises(AssertionError):
        probe.connect_ex(("www.example.com", 80))


def test_a_connection_to_this_machine_is_not() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname()):
        pass


@pytest.mark.parametrize(
    ("reason", "exit_code"), [("too lazy", 1), ("not on this machine: a browser", 0)], ids=["lazy", "excused"]
)
def test_must_run_turns_a_skip_into_a_failure(tmp_path: Path, root: Path, reason: str, exit_code: int) -> None:
    (tmp_path / "conftest.py").write_text((root / "tests" / "conftest.py").read_text())
    (tmp_path / "test_it.py").write_text(f"import pytest\ndef test_it():\n    pytest.skip({reason!r})\n")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--must-run", "test_it.py"]
    environment = {**os.environ, "PYTHONPATH": str(root)}
    done = subprocess.run(
        command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == exit_code, done.stdout
    assert (reason in done.stdout) == (exit_code == 1)
