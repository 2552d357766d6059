"""Checkpoints: made after a replay, and read only where nobody else can have written them."""

import hashlib
import logging
import os
import pickle
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from helpers.sandbox.account import checkpoint
from helpers.sandbox.account.account import SandboxAccount
from helpers.sandbox.process.server import REPLAYED
from tests.sandbox.core.test_account import create_vpc
from tests.support.box import Box

POSIX = pytest.mark.skipif(os.name != "posix", reason="not on this machine: permissions are a matter of POSIX")


def test_a_home_that_was_replayed_has_a_checkpoint_after_its_clean_stop_and_no_drafts(tmp_path: Path) -> None:
    box = Box(tmp_path)
    for number in range(3):
        box("ec2").create_vpc(CidrBlock=f"10.{number}.0.0/16")
    box.kill()
    time.sleep(0.2)
    (tmp_path / "events" / "results").mkdir()
    drafts = [tmp_path / name for name in ("checkpoint.tmp", "identity.tmp", "events/results/1.tmp")]
    for draft in drafts:
        draft.write_bytes(b"half")
    box = Box(tmp_path)
    assert len(box("ec2").describe_vpcs()["Vpcs"]) == 4
    assert [draft for draft in drafts if draft.exists()] == []
    assert not (tmp_path / "checkpoint.pickle").exists()
    box.stop()
    written = (tmp_path / "checkpoint.pickle").stat().st_mtime_ns
    Box(tmp_path).stop()
    assert (tmp_path / "checkpoint.pickle").stat().st_mtime_ns == written  # nothing new: nothing to write


def test_a_long_replay_makes_a_checkpoint_while_the_sandbox_runs(tmp_path: Path) -> None:
    box = Box(tmp_path)
    for number in range(REPLAYED):
        box("logs").create_log_group(logGroupName=f"/group/{number}")
    box.kill()
    time.sleep(0.2)
    box = Box(tmp_path)
    deadline = time.monotonic() + 30
    while not (tmp_path / "checkpoint.pickle").exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert (tmp_path / "checkpoint.pickle").exists()
    box.kill()
    time.sleep(0.2)
    box = Box(tmp_path)
    assert len(box("logs").describe_log_groups(limit=50)["logGroups"]) == REPLAYED
    box.stop()


class _Code:
    """What unpickles to a call: here the making of a folder."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> Any:
        return Path.mkdir, (self.mark,)


def forged(mark: Path) -> bytes:
    """A file that holds together and whose pickle runs code."""
    saved = checkpoint._writer() + pickle.dumps(_Code(mark))
    return hashlib.sha256(saved).digest() + saved


@pytest.fixture
def attacked(tmp_path: Path) -> tuple[Path, Path]:
    """A forged checkpoint of one's own in a folder of one's own, and the folder that its code makes."""
    home = tmp_path / "home"
    home.mkdir(mode=0o700)
    path, mark = home / "checkpoint.pickle", tmp_path / "mark"
    path.write_bytes(forged(mark))
    path.chmod(0o600)
    return path, mark


@POSIX
def test_the_forged_checkpoint_would_run_its_code(attacked: tuple[Path, Path]) -> None:
    path, mark = attacked
    checkpoint.load(path)
    assert mark.exists()


@POSIX
@pytest.mark.parametrize("mode", [0o777, 0o770, 0o702])
def test_nothing_is_unpickled_from_a_folder_that_others_can_write(
    attacked: tuple[Path, Path], mode: int, caplog: pytest.LogCaptureFixture
) -> None:
    path, mark = attacked
    path.parent.chmod(mode)
    with caplog.at_level(logging.WARNING):
        assert checkpoint.load(path) is None
    assert not mark.exists()
    (remark,) = caplog.messages
    assert "is not used, for other users can write it" in remark


@POSIX
@pytest.mark.parametrize("mode", [0o660, 0o602, 0o666])
def test_nothing_is_unpickled_from_a_file_that_others_can_write(attacked: tuple[Path, Path], mode: int) -> None:
    path, mark = attacked
    path.chmod(mode)
    assert checkpoint.load(path) is None
    assert not mark.exists()


@POSIX
@pytest.mark.parametrize("link", [False, True])
def test_nothing_is_unpickled_from_another_user_s_file(
    attacked: tuple[Path, Path], link: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, mark = attacked
    if link:
        path = path.rename(path.parent.parent / "elsewhere.pickle")
        (path.parent / "home" / "checkpoint.pickle").symlink_to(path)
        path = path.parent / "home" / "checkpoint.pickle"
    status = os.fstat

    def foreign(descriptor: int) -> Any:
        mine = status(descriptor)
        return SimpleNamespace(st_uid=mine.st_uid + 1, st_mode=mine.st_mode)

    with monkeypatch.context() as patch:
        patch.setattr(os, "fstat", foreign)
        assert checkpoint.load(path) is None
    with monkeypatch.context() as patch:
        patch.setattr(os, "getuid", lambda: path.stat().st_uid + 1)  # another user's folder, too
        assert checkpoint.load(path) is None
    assert not mark.exists()


def test_what_other_code_wrote_is_not_unpickled(attacked: tuple[Path, Path]) -> None:
    path, mark = attacked
    saved = b"w" * 32 + pickle.dumps(_Code(mark))
    path.write_bytes(hashlib.sha256(saved).digest() + saved)
    assert checkpoint.load(path) is None
    path.write_bytes(bytes(32) + forged(mark)[32:])
    assert checkpoint.load(path) is None
    assert not mark.exists()


def test_a_checkpoint_that_is_no_dict_is_ignored(tmp_path: Path, opened: Callable[[], SandboxAccount]) -> None:
    account = opened()
    account.handle(create_vpc("10.1.0.0/16"))
    account.journal.close()
    account.events.close()
    path = tmp_path / "checkpoint.pickle"
    for content in ([1, 2], None, "text"):
        saved = checkpoint._writer() + pickle.dumps(content)
        path.write_bytes(hashlib.sha256(saved).digest() + saved)
        path.chmod(0o600)
        again = opened()
        assert len(again.journal) == 1
        assert again.saved_position == 0
        again.events.close()
