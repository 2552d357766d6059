"""The person's own AWS set-up is neither read nor harmed, and no proxy ever sees a call."""

import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from helpers.lab import sandbox_process

SCRIPT = """
from helpers.lab import open_lab
lab = open_lab(prefix="alone")
print(lab.client("sts").get_caller_identity()["Arn"])
print(lab.client("ec2").describe_vpcs()["Vpcs"][0]["VpcId"])
print(lab.client("logs").describe_log_groups()["logGroups"], lab.client("ssm").list_commands()["Commands"], lab.now())
"""


@contextmanager
def listening() -> Iterator[tuple[str, list[bytes]]]:
    """A proxy that notes whoever talks to it: its address and what it heard."""
    seen: list[bytes] = []
    server = socket.create_server(("127.0.0.1", 0))

    def listen() -> None:
        while True:
            try:
                connection, _ = server.accept()
            except OSError:
                return
            seen.append(connection.recv(1000))
            connection.close()

    threading.Thread(target=listen, daemon=True).start()
    yield f"http://127.0.0.1:{server.getsockname()[1]}", seen
    server.close()


@pytest.fixture
def proxy() -> Iterator[tuple[str, list[bytes]]]:
    with listening() as heard:
        yield heard


def nonsense(proxy_url: str, folder: Path) -> dict[str, str]:
    """Settings that would break or redirect every ordinary boto3 session."""
    (folder / "config").write_text("[profile broken\nregion == =")
    return {
        **os.environ,
        "AWS_PROFILE": "does-not-exist",
        "AWS_CONFIG_FILE": str(folder / "config"),
        "AWS_SHARED_CREDENTIALS_FILE": str(folder / "config"),
        "AWS_ENDPOINT_URL": proxy_url,
        "AWS_CA_BUNDLE": "/does/not/exist.pem",
        "AWS_ACCESS_KEY_ID": "nonsense",
        "AWS_SECRET_ACCESS_KEY": "nonsense",
        "AWS_SESSION_TOKEN": "nonsense",
        "AWS_DEFAULT_REGION": "moon-north-1",
        "AWS_REGION": "moon-north-1",
        "HTTP_PROXY": proxy_url,
        "HTTPS_PROXY": proxy_url,
        "http_proxy": proxy_url,
        "https_proxy": proxy_url,
        "ALL_PROXY": proxy_url,
        "NO_PROXY": "",
        "no_proxy": "",
    }


def test_nonsense_all_around_changes_nothing(tmp_path: Path, proxy: tuple[str, list[bytes]]) -> None:
    url, seen = proxy
    environment = nonsense(url, tmp_path) | {"FLOWLOGS_HOME": str(tmp_path / "home")}
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT], env=environment, capture_output=True, text=True, check=False, timeout=120
    )
    sandbox_process.stop(tmp_path / "home")
    assert done.returncode == 0, done.stderr
    assert "user/learner" in done.stdout
    assert seen == []
