"""Every file of a home damaged in every way: nothing acknowledged is lost, or the start refuses and touches nothing.

The one exception is the journal's last line: torn, it cannot be told from what a kill leaves, and the start says so.
"""

import gc
import logging
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import orjson
import pytest

from helpers.commands import ExitCode
from helpers.lab import sandbox_process
from helpers.sandbox import __main__ as program
from helpers.sandbox.account import checkpoint
from helpers.sandbox.moto_adapter import Moto
from helpers.sandbox.process import server
from helpers.sandbox.process.home import Home
from helpers.sandbox.process.server import FAILURES
from helpers.sandbox.store import files
from tests.support.box import Box
from tests.support.served import Sandbox

SENT = 1767603660000
"""When the events happened, in epoch milliseconds: a query sees none from before its log group was made."""
LONG = pytest.mark.long


def flipped(data: bytes, at: int) -> bytes:
    return data[:at] + bytes([data[at] ^ 4]) + data[at + 1 :]


DAMAGES: dict[str, Callable[[bytes], bytes] | None] = {
    "deleted": None,
    "emptied": lambda data: b"",
    "halved": lambda data: data[: len(data) // 2],
    "cut by a byte": lambda data: data[:-1],
    "flipped at the start": lambda data: flipped(data, 3),
    "flipped in the middle": lambda data: flipped(data, len(data) // 2),
    "flipped at the end": lambda data: flipped(data, len(data) - 1),
    "zeroed": lambda data: bytes(len(data)),
    "with garbage behind": lambda data: data + b"\xffgarbage" * 5,
    "with zeros behind": lambda data: data + bytes(40),
    "a folder": None,
}
FILES = ("journal.jsonl", "checkpoint.pickle", "events/events-000001.seg", "events/results/*.json")
EVERY_DAY = {
    ("stopped", "events/events-000001.seg", "deleted"),
    ("stopped", "events/events-000001.seg", "cut by a byte"),
    ("stopped", "events/events-000001.seg", "flipped in the middle"),
    ("crashed", "events/events-000001.seg", "zeroed"),
    ("crashed", "events/events-000001.seg", "with zeros behind"),
    ("crashed", "journal.jsonl", "halved"),
    ("crashed", "journal.jsonl", "cut by a byte"),
    ("stopped", "journal.jsonl", "deleted"),
    ("stopped", "checkpoint.pickle", "flipped in the middle"),
    ("stopped", "events/results/*.json", "flipped in the middle"),
    ("stopped", "events/results/*.json", "a folder"),
}
CASES = [
    pytest.param(*case, marks=() if case in EVERY_DAY else LONG)
    for case in ((how, name, damage) for how in ("crashed", "stopped") for name in FILES for damage in DAMAGES)
]


def do(path: Path, damage: str) -> None:
    change = DAMAGES[damage]
    if change is not None:
        path.write_bytes(change(path.read_bytes()))
        return
    path.unlink()
    if damage == "a folder":
        path.mkdir()


def picture(sandbox: Sandbox) -> dict[str, Any]:
    """What was acknowledged: the network, the events with their ids, the rows of each query."""
    ec2, logs = sandbox.client("ec2"), sandbox.client("logs")
    seen: dict[str, Any] = {"vpcs": sorted(vpc["VpcId"] for vpc in ec2.describe_vpcs()["Vpcs"])}
    seen["groups"] = [group["logGroupName"] for group in logs.describe_log_groups()["logGroups"]]
    seen["events"] = logs.filter_log_events(logGroupName="g")["events"] if "g" in seen["groups"] else []
    seen["results"] = []
    for query in logs.describe_queries()["queries"]:
        reply = logs.get_query_results(queryId=query["queryId"])
        seen["results"].append((query["queryId"], reply["status"], reply["results"], reply["statistics"]))
    return seen


def history(sandbox: Sandbox) -> None:
    """Calls of each kind, with a checkpoint in the middle; the last call stores events."""
    ec2, logs = sandbox.client("ec2"), sandbox.client("logs")
    ec2.create_vpc(CidrBlock="10.1.0.0/16")
    logs.create_log_group(logGroupName="g")
    for number in range(4):
        stream = f"s{number}"
        logs.create_log_stream(logGroupName="g", logStreamName=stream)
        events = [{"timestamp": SENT + i, "message": f"{stream} event {i}"} for i in range(10)]
        logs.put_log_events(logGroupName="g", logStreamName=stream, logEvents=events)
        if number == 1:
            checkpoint.save(sandbox.account, Home(sandbox.folder).checkpoint)
    sandbox.advance(300)  # a query sees what arrived some time ago
    query = {"logGroupName": "g", "startTime": SENT // 1000, "endTime": SENT // 1000 + 60}
    query_id = logs.start_query(queryString="fields @message | sort @message desc | limit 5", **query)["queryId"]
    while logs.get_query_results(queryId=query_id)["status"] != "Complete":
        pass
    ec2.create_vpc(CidrBlock="10.2.0.0/16")
    logs.put_log_events(logGroupName="g", logStreamName="s0", logEvents=[{"timestamp": SENT + 99, "message": "last"}])


@pytest.fixture(scope="module")
def homes(tmp_path_factory: pytest.TempPathFactory, moto: Moto) -> tuple[Path, dict[str, Any]]:
    """A folder with the home ``crashed`` and the same home ``stopped``, and the picture of both."""
    folder = tmp_path_factory.mktemp("homes")
    sandbox = Sandbox(folder / "crashed", moto)
    history(sandbox)
    acknowledged = picture(sandbox)
    assert len(acknowledged["events"]) == 41 and len(acknowledged["results"][0][2]) == 5
    shutil.copytree(folder / "crashed", folder / "stopped")
    checkpoint.save(sandbox.account, folder / "stopped" / "checkpoint.pickle")
    sandbox.close()
    return folder, acknowledged


def tree(folder: Path) -> dict[str, bytes | None]:
    return {str(path.relative_to(folder)): None if path.is_dir() else path.read_bytes() for path in folder.rglob("*")}


@pytest.fixture
def started(moto: Moto) -> Iterator[Callable[[Path], Sandbox]]:
    """Start a home in this process; whatever was started is closed in the end."""
    made = []

    def start(folder: Path) -> Sandbox:
        made.append(Sandbox(folder, moto))
        return made[-1]

    yield start
    for sandbox in made:
        sandbox.close()


@pytest.mark.parametrize(("how", "name", "damage"), CASES)
def test_nothing_acknowledged_is_lost_or_the_start_refuses_and_touches_nothing(
    homes: tuple[Path, dict[str, Any]],
    started: Callable[[Path], Sandbox],
    caplog: pytest.LogCaptureFixture,
    tmp_path: Path,
    how: str,
    name: str,
    damage: str,
) -> None:
    folder, acknowledged = homes
    home = tmp_path / "home"
    shutil.copytree(folder / how, home)
    (damaged,) = home.glob(name)
    do(damaged, damage)
    before = tree(home)
    try:
        with caplog.at_level(logging.WARNING):
            sandbox = started(home)
    except (*FAILURES, OSError):
        assert name == "journal.jsonl"
        assert tree(home) == before
        return
    seen = picture(sandbox)
    if name == "journal.jsonl" and "torn by a crash" in caplog.text and seen != acknowledged:
        assert damage in ("cut by a byte", "flipped at the end")
        seen["events"].append(acknowledged["events"][-1])
    assert seen == acknowledged
    is_end_of_store = damage == "with zeros behind" and "events-" in name
    assert ("by a kill" in caplog.text) == is_end_of_store
    caplog.clear()
    sandbox.client("ec2").create_vpc(CidrBlock="10.3.0.0/16")
    now = picture(sandbox)
    with caplog.at_level(logging.WARNING):
        sandbox.reopen()
    assert picture(sandbox) == now
    assert not caplog.messages  # the damage is repaired for good


IDENTITY_CASES = [
    pytest.param(damage, marks=() if damage == "a folder" else LONG)
    for damage in DAMAGES
    if damage not in ("deleted", "with zeros behind")
]


@pytest.mark.parametrize("damage", IDENTITY_CASES)
def test_a_damaged_identity_costs_the_key_only(tmp_path: Path, damage: str) -> None:
    box = Box(tmp_path)
    vpc = box("ec2").create_vpc(CidrBlock="10.1.0.0/16")["Vpc"]["VpcId"]
    box.stop()
    do(tmp_path / "identity.json", damage)
    box = Box(tmp_path)
    assert vpc in [vpc["VpcId"] for vpc in box("ec2").describe_vpcs()["Vpcs"]]
    box.stop()


def test_damaged_segments_are_kept_and_the_start_says_what_it_did(
    homes: tuple[Path, dict[str, Any]],
    started: Callable[[Path], Sandbox],
    caplog: pytest.LogCaptureFixture,
    tmp_path: Path,
) -> None:
    home = tmp_path / "home"
    shutil.copytree(homes[0] / "stopped", home)
    segment = home / "events" / "events-000001.seg"
    do(segment, "cut by a byte")
    damaged = segment.read_bytes()
    with caplog.at_level(logging.WARNING):
        started(home)
    assert (home / "events" / "events-000001.seg.damaged-1").read_bytes() == damaged
    (remark,) = caplog.messages
    assert remark.startswith("The sandbox's event store is damaged at byte ")
    assert "kept as events-000001.seg.damaged-1. 41 events were written again from the journal." in remark


def test_an_end_that_the_store_lost_without_a_checkpoint_is_no_kill(
    homes: tuple[Path, dict[str, Any]],
    started: Callable[[Path], Sandbox],
    caplog: pytest.LogCaptureFixture,
    tmp_path: Path,
) -> None:
    home = tmp_path / "home"
    shutil.copytree(homes[0] / "crashed", home)
    (home / "checkpoint.pickle").unlink()
    do(home / "events" / "events-000001.seg", "halved")
    with caplog.at_level(logging.WARNING):
        sandbox = started(home)
    (remark,) = caplog.messages
    assert remark.startswith("The event store had lost its end. ")
    assert picture(sandbox) == homes[1]


def test_a_shortened_journal_without_a_checkpoint_is_refused_and_can_be_put_back(
    homes: tuple[Path, dict[str, Any]], started: Callable[[Path], Sandbox], tmp_path: Path
) -> None:
    home = tmp_path / "home"
    shutil.copytree(homes[0] / "crashed", home)
    (home / "checkpoint.pickle").unlink()
    whole = (home / "journal.jsonl").read_bytes()
    do(home / "journal.jsonl", "halved")
    before = tree(home)
    with pytest.raises(
        files.JournalShorter, match=r"part of the journal was lost\. Nothing was changed\. Put the whole"
    ):
        started(home)
    assert tree(home) == before
    (home / "journal.jsonl").write_bytes(whole)
    assert picture(started(home)) == homes[1]


def test_a_result_without_its_checksum_is_not_believed_but_computed_again(
    homes: tuple[Path, dict[str, Any]], started: Callable[[Path], Sandbox], tmp_path: Path
) -> None:
    home = tmp_path / "home"
    shutil.copytree(homes[0] / "stopped", home)
    (path,) = home.glob("events/results/*.json")
    text = files.checked(path.read_bytes())
    assert text is not None
    result = orjson.loads(text)
    result["rows"][0][0][1] = "as somebody wrote it"
    path.write_bytes(orjson.dumps(result))
    (_, _, rows, _), *_ = picture(started(home))["results"]
    assert rows[0][0]["value"] != "as somebody wrote it"


def test_a_query_whose_result_the_disk_does_not_take_says_to_make_room(
    fresh_sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, refused: Callable[..., tuple[str, str]]
) -> None:
    logs = fresh_sandbox.client("logs")
    logs.create_log_group(logGroupName="g")

    def full(path: Path, *parts: bytes) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(files, "replace_whole", full)
    query = {"logGroupName": "g", "startTime": 0, "endTime": 4_000_000_000, "queryString": "fields @message"}
    query_id = logs.start_query(**query)["queryId"]
    for _ in ("Scheduled", "Running"):
        logs.get_query_results(queryId=query_id)
    code, message = refused(logs.get_query_results, queryId=query_id)
    assert code == "InternalFailure"
    assert "No space left on device" in message and "make room on the disk" in message


@pytest.mark.parametrize("step", ["prepare", "save_identity"])
def test_a_start_on_a_full_disk_says_to_make_room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], step: str
) -> None:
    collecting: list[bool] = []

    def full(*_: object, **__: object) -> None:
        collecting.append(gc.isenabled())
        raise OSError(28, "No space left on device", str(tmp_path / "identity.tmp"))

    if step == "prepare":
        monkeypatch.setattr(Path, "touch", full)
    monkeypatch.setattr(server, "run", full)
    try:
        assert program.main(["--home", str(tmp_path)]) == ExitCode.SETUP
    finally:
        gc.unfreeze()
    assert collecting == [True], "the sandbox serves with a garbage collector"
    sentence = (
        f"The disk that holds {tmp_path} is full. Nothing that was answered is lost: make room on it and start again."
    )
    assert capsys.readouterr().err == sentence + "\n"


def test_a_log_that_took_no_word_on_a_full_disk_is_said_to_be_that(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "server.log").write_bytes(b"of an earlier start")
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: SimpleNamespace(free=0))
    words = sandbox_process._last_words(tmp_path / "server.log", 19)
    assert words == f"The disk that holds {tmp_path} is full: make room on it and start again."
    assert "of an earlier start" in sandbox_process._last_words(tmp_path / "server.log", 0)
