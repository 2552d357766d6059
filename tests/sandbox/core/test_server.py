"""The process and its home: checkpoints when something happened, files for the owner only, malformed calls."""

import json
import os
import stat
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from helpers.lab import sandbox_process
from helpers.sandbox.process.server import CHECKPOINT_EVERY
from tests.sandbox.core.test_http_door import raw
from tests.support import network
from tests.support.box import Box


def test_a_checkpoint_is_made_once_for_so_many_calls(tmp_path: Path) -> None:
    box = Box(tmp_path)
    for number in range(CHECKPOINT_EVERY + 5):
        box("logs").create_log_group(logGroupName=f"/group/{number}")
    checkpoint = tmp_path / "checkpoint.pickle"
    deadline = time.monotonic() + 10
    while not checkpoint.exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    first = checkpoint.stat().st_mtime_ns
    time.sleep(1)
    assert checkpoint.stat().st_mtime_ns == first
    box("logs").create_log_group(logGroupName="/group/last")
    box.stop()
    assert checkpoint.stat().st_mtime_ns != first


def test_a_sandbox_leaves_nothing_in_the_machine_s_temporary_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It ends at once, without what Python does on its way out."""
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setenv("TMPDIR", str(temporary))
    box = Box(tmp_path / "home")
    deadline = time.monotonic() + 30
    while not any(temporary.iterdir()) and time.monotonic() < deadline:  # the query engine is being loaded
        time.sleep(0.05)
    assert any(temporary.iterdir())
    box.stop()
    deadline = time.monotonic() + 10
    while any(temporary.iterdir()) and time.monotonic() < deadline:  # its home is free a moment before it has ended
        time.sleep(0.05)
    assert not [*temporary.iterdir()]


@pytest.mark.skipif(os.name != "posix", reason="not on this machine: permissions are a matter of POSIX")
def test_what_the_sandbox_writes_is_its_owner_s_and_a_folder_keeps_its_permissions(tmp_path: Path) -> None:
    home = tmp_path / "mine"
    home.mkdir(mode=0o755)
    box = Box(home)
    box("iam").create_user(UserName="anna")
    box("iam").create_access_key(UserName="anna")
    box.stop()
    assert stat.S_IMODE(home.stat().st_mode) == 0o755
    written = list(home.rglob("*"))
    assert len(written) >= 5
    assert [path.name for path in written if path.stat().st_mode & 0o077] == []


def signed(box: Box, target: str, body: bytes) -> AWSRequest:
    headers = {"X-Amz-Target": target, "Content-Type": "application/x-amz-json-1.1"}
    request = AWSRequest("POST", box.info.endpoint + "/", data=body, headers=headers)
    SigV4Auth(Credentials(box.info.access_key_id, box.info.secret_access_key), "logs", "us-east-1").add_auth(request)
    return request


@pytest.mark.parametrize(
    "changed", [{"X-Amz-Target": "Logs_20140328.DeleteLogGroup"}, {"X-Amz-Extra": "1"}, {"X-Amz-Content-Sha256": "0"}]
)
def test_headers_that_count_must_be_signed(box: Box, changed: dict[str, str]) -> None:
    headers = dict(signed(box, "Logs_20140328.DescribeLogGroups", b"{}").headers.items())
    assert raw(box, "POST", body=b"{}", **headers)[0] == 200
    status, text = raw(box, "POST", body=b"{}", **{**headers, **changed})
    assert status == 403
    assert "InvalidSignatureException" in text


@pytest.mark.parametrize(
    ("action", "body"),
    [
        ("DescribeLogGroups", b"[]"),
        ("DescribeLogGroups", b"{"),
        ("DescribeLogGroups", b'{"limit": 1.5}'),
        ("DescribeLogGroups", b'{"limit": 99999999999999999999999}'),
        ("DescribeLogGroups", b'{"limit": {}}'),
        ("DescribeLogGroups", b'{"logGroupNamePrefix": 5}'),
        ("DescribeLogGroups", b"[" * 5000),
        ("PutLogEvents", b'{"logGroupName": "a", "logStreamName": "b", "logEvents": {"timestamp": 1}}'),
        ("NoSuchAction", b"{}"),
        ("", b"{}"),
    ],
)
def test_a_malformed_call_is_a_400(box: Box, action: str, body: bytes) -> None:
    headers = signed(box, f"Logs_20140328.{action}", body).headers
    status, text = raw(box, "POST", body=body, **dict(headers.items()))
    assert status == 400, text
    assert json.loads(text)["__type"] in ("SerializationException", "UnsupportedOperation", "InvalidParameterException")


def test_the_clock_answers_while_a_long_call_is_at_work(box: Box) -> None:
    """Who asks whether the sandbox lives must not take a busy one for a dead one."""
    network.enable(box, network.build(box))
    long_call = threading.Thread(target=box.advance, args=(2 * 86400,))
    long_call.start()
    slowest = 0.0
    while long_call.is_alive():
        begun = time.monotonic()
        assert sandbox_process.find(box.home) is not None
        slowest = max(slowest, time.monotonic() - begun)
        time.sleep(0.1)
    assert slowest < 3


def test_a_start_waits_for_no_engine() -> None:
    """What only queries need is loaded by the first of them: a start is what a learner and a test wait for most."""
    heavy = ("duckdb", "sqlglot", "numpy", "pandas", "matplotlib")
    loaded = f"import sys; print([m for m in {heavy} if m in sys.modules])"
    program = f"from helpers.sandbox import __main__, behaviours; behaviours.load(); {loaded}"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
