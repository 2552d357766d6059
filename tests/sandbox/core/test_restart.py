"""Killed at any moment and started again: the same account, nothing lost, nothing twice."""

import json
import random
import shutil
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from helpers.lab import sandbox_process
from tests.support import network
from tests.support.box import Box


def course(box: Box) -> network.Network:
    """A small course: a network, flow logs, traffic, delivery."""
    built = network.build(box)
    network.enable(box, built)
    network.shell(box, built.client.instance, f"ping -c 3 {network.SERVER_ADDRESS}", "sleep 90")
    network.shell(box, built.client.instance, f"curl -sS -m 5 http://{network.SERVER_ADDRESS}/")
    box.advance(900)
    return built


def outcome(box: Box, built: network.Network) -> str:
    """What the course leaves: the account and the records."""
    found = {side: network.records(box, getattr(built, side).interface) for side in ("client", "server")}
    assert found["client"] and found["server"]
    return network.everything(box) + json.dumps(found)


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> str:
    box = Box(tmp_path_factory.mktemp("undisturbed"))
    try:
        return outcome(box, course(box))
    finally:
        box.stop()


def test_a_stopped_sandbox_comes_back_on_its_old_port(tmp_path: Path) -> None:
    box = Box(tmp_path)
    vpc = box("ec2").create_vpc(CidrBlock="10.9.0.0/16")["Vpc"]["VpcId"]
    before, endpoint = network.everything(box), box.info.endpoint
    box.stop()
    again = Box(tmp_path)
    assert again.info.endpoint == endpoint
    assert again.info.access_key_id == box.info.access_key_id
    assert network.everything(again) == before
    assert vpc in before
    again.stop()


def test_without_its_checkpoint_the_journal_alone_gives_the_same_account(tmp_path: Path, undisturbed: str) -> None:
    box = Box(tmp_path)
    built = course(box)
    box.stop()
    assert (tmp_path / "checkpoint.pickle").exists()
    (tmp_path / "checkpoint.pickle").unlink()
    assert outcome(box, built) == undisturbed
    box.stop()


def test_killed_again_and_again_the_course_ends_the_same(tmp_path: Path, undisturbed: str) -> None:
    """Clients retry as boto3 does; every retry of an answered call gets the recorded answer."""
    box = Box(tmp_path)
    done = threading.Event()
    kills = 0

    def killer() -> None:
        nonlocal kills
        moments = random.Random(7)
        sizes: list[int] = []
        while kills < 8 and not done.wait(moments.uniform(0.02, 0.6)):
            # A client gives up after five attempts: no call may be hit that often, however slow the machine.
            journal = tmp_path / "journal.jsonl"
            size = journal.stat().st_size if journal.exists() else 0
            if sizes[-2:] != [size] * 2 and sandbox_process.find(tmp_path) is not None:
                box.kill()
                sizes.append(size)
                kills += 1

    thread = threading.Thread(target=killer)
    thread.start()
    try:
        built = course(box)
    finally:
        done.set()
        thread.join()
    assert kills >= 3
    assert outcome(box, built) == undisturbed
    box.stop()


def test_looking_and_failing_in_between_changes_nothing(tmp_path: Path, undisturbed: str) -> None:
    """A describe after every call and a create that fails: the same ids, the same records."""
    box = Box(tmp_path)

    def curious(service: str) -> Any:
        client = box(service)
        if not getattr(client, "_watched", False):
            client._watched = True
            client.meta.events.register("after-call", lambda model, **_: look(model.name))
        return client

    looking = False

    def look(operation: str) -> None:
        nonlocal looking
        if looking or operation.startswith(("Describe", "Get", "List")):
            return
        looking = True
        box("ec2").describe_vpcs()
        box("ec2").describe_instances()
        with pytest.raises(Exception, match=r"InvalidVpc\.Range|InvalidParameterValue"):
            box("ec2").create_vpc(CidrBlock="10.1.0.0/8")
        looking = False

    box_like = type("Curious", (), {"__call__": lambda self, service: curious(service), "advance": box.advance})()
    built = course(box_like)
    assert outcome(box, built) == undisturbed
    box.stop()


def test_a_retried_create_is_answered_from_the_journal(tmp_path: Path) -> None:
    """The answer was lost on its way: the retry, also after a kill, makes no second VPC."""
    box = Box(tmp_path)
    ec2 = box("ec2")
    invocations = []
    ec2.meta.events.register(
        "before-send.ec2.CreateVpc", lambda request, **_: invocations.append(request.headers["amz-sdk-invocation-id"])
    )
    first = ec2.create_vpc(CidrBlock="10.8.0.0/16")["Vpc"]["VpcId"]
    invocation = invocations[0] if isinstance(invocations[0], str) else invocations[0].decode()
    assert first in _send_again(box, invocation, "10.8.0.0/16")
    box.kill()
    time.sleep(0.2)
    box.info = sandbox_process.start(tmp_path)
    assert first in _send_again(box, invocation, "10.8.0.0/16")
    assert len(ec2.describe_vpcs(Filters=[{"Name": "cidr", "Values": ["10.8.0.0/16"]}])["Vpcs"]) == 1
    box.stop()


def _send_again(box: Box, invocation: str, cidr: str) -> str:
    """The same CreateVpc as a retry sends it: signed anew, with the invocation id of the first try."""
    import urllib.request

    from botocore.auth import SigV4Auth
    from botocore.awsrequest import AWSRequest
    from botocore.credentials import Credentials

    body = f"Action=CreateVpc&Version=2016-11-15&CidrBlock={cidr}".encode()
    headers = {"amz-sdk-invocation-id": invocation, "Content-Type": "application/x-www-form-urlencoded"}
    request = AWSRequest("POST", box.info.endpoint + "/", data=body, headers=headers)
    SigV4Auth(Credentials(box.info.access_key_id, box.info.secret_access_key), "ec2", "us-east-1").add_auth(request)
    sent = urllib.request.Request(request.url, data=body, headers=dict(request.headers.items()), method="POST")
    with urllib.request.urlopen(sent, timeout=20) as reply:
        return str(reply.read().decode())


def test_events_of_a_call_that_was_never_journaled_are_dropped(tmp_path: Path) -> None:
    box = Box(tmp_path)
    logs = box("logs")
    logs.create_log_group(logGroupName="g")
    logs.create_log_stream(logGroupName="g", logStreamName="s")
    now = 1767603600000
    logs.put_log_events(logGroupName="g", logStreamName="s", logEvents=[{"timestamp": now, "message": "one"}])
    logs.put_log_events(logGroupName="g", logStreamName="s", logEvents=[{"timestamp": now, "message": "two"}])
    box.kill()
    time.sleep(0.2)
    journal = tmp_path / "journal.jsonl"
    lines = journal.read_bytes().splitlines(keepends=True)
    journal.write_bytes(b"".join(lines[:-1]) + lines[-1][:10])  # killed between the events and the journal's line
    events = logs.get_log_events(logGroupName="g", logStreamName="s", startFromHead=True)["events"]
    assert [event["message"] for event in events] == ["one"]
    assert "torn" in (tmp_path / "server.log").read_text()
    box.stop()


def test_a_line_torn_after_its_checkpoint_is_dropped_and_said(tmp_path: Path) -> None:
    """The disk lost the end of the journal but not the checkpoint: the journal is the truth."""
    box = Box(tmp_path)
    first = box("ec2").create_vpc(CidrBlock="10.1.0.0/16")["Vpc"]["VpcId"]
    box("ec2").create_vpc(CidrBlock="10.2.0.0/16")
    box.stop()
    assert (tmp_path / "checkpoint.pickle").exists()
    journal = tmp_path / "journal.jsonl"
    torn = journal.read_bytes()[:-20]
    journal.write_bytes(torn)
    for _ in range(2):  # the second time a kill came before anything was written
        said: list[str] = []
        box.info = sandbox_process.start(tmp_path, say=said.append)
        (remark,) = said
        assert "last line was torn" in remark
        assert journal.read_bytes() == torn
        box.kill()
        time.sleep(0.2)
    box.info = sandbox_process.start(tmp_path)
    blocks = [vpc["VpcId"] for vpc in box("ec2").describe_vpcs()["Vpcs"] if not vpc["IsDefault"]]
    assert blocks == [first]
    third = box("ec2").create_vpc(CidrBlock="10.3.0.0/16")["Vpc"]["VpcId"]
    box.kill()
    time.sleep(0.2)
    said = []
    box.info = sandbox_process.start(tmp_path, say=said.append)
    assert not said
    assert {vpc["VpcId"] for vpc in box("ec2").describe_vpcs()["Vpcs"] if not vpc["IsDefault"]} == {first, third}
    box.stop()


def test_a_journal_that_cannot_be_read_is_one_sentence(tmp_path: Path) -> None:
    Box(tmp_path).stop()
    (tmp_path / "journal.jsonl").unlink(missing_ok=True)
    (tmp_path / "checkpoint.pickle").unlink(missing_ok=True)
    (tmp_path / "journal.jsonl").mkdir()
    with pytest.raises(sandbox_process.SandboxError, match=r"^The sandbox cannot use .*journal.jsonl .*sandbox reset"):
        sandbox_process.start(tmp_path)
    assert sandbox_process.reset(tmp_path) is not None
    Box(tmp_path).stop()


@pytest.mark.parametrize(
    "identity",
    [
        "{",
        "[]",
        '{"access_key_id": "A"}',
        '{"access_key_id": "A", "secret_access_key": 5}',
        '{"access_key_id": "A", "secret_access_key": "b", "port": "x"}',
        '{"access_key_id": "A", "secret_access_key": "b", "port": 70000}',
        '{"access_key_id": "A", "secret_access_key": "b", "colour": "red"}',
    ],
)
def test_an_edited_identity_is_put_aside_and_said_and_the_account_gets_a_new_key(tmp_path: Path, identity: str) -> None:
    (tmp_path / "identity.json").write_text(identity)
    said: list[str] = []
    box = Box(tmp_path, say=said.append)
    (remark,) = said
    assert "identity.json was damaged and is now identity.json.damaged-1: the account is kept" in remark
    assert (tmp_path / "identity.json.damaged-1").read_text() == identity
    assert box("ec2").describe_vpcs()["Vpcs"]
    box.stop()


def test_the_log_has_no_noise_of_a_library_at_the_end(tmp_path: Path) -> None:
    box = Box(tmp_path)
    box("logs").create_log_group(logGroupName="g")
    query = {"logGroupName": "g", "startTime": 0, "endTime": 4_000_000_000, "queryString": "fields @message"}
    box("logs").start_query(**query)
    box.stop()
    assert (tmp_path / "server.log").read_text() == ""


def test_a_damaged_journal_refuses_to_start_and_is_kept(tmp_path: Path) -> None:
    box = Box(tmp_path)
    for number in range(3):
        box("ec2").create_vpc(CidrBlock=f"10.{number}.0.0/16")
    box.stop()
    journal = tmp_path / "journal.jsonl"
    damaged = journal.read_bytes().replace(b"10.1.0.0", b"10.7.0.0")
    journal.write_bytes(damaged)
    with pytest.raises(sandbox_process.SandboxError, match=r"damaged at line 3 .*sandbox reset"):  # the first: edition
        sandbox_process.start(tmp_path)
    assert journal.read_bytes() == damaged
    aside = sandbox_process.reset(tmp_path)
    assert aside is not None
    assert (aside / "journal.jsonl").read_bytes() == damaged
    fresh = Box(tmp_path)
    assert fresh.info.access_key_id == box.info.access_key_id
    fresh.stop()


def test_a_stale_state_file_is_no_hindrance(tmp_path: Path) -> None:
    box = Box(tmp_path)
    stale = (tmp_path / "server.json").read_bytes()
    box.stop()
    (tmp_path / "server.json").write_bytes(stale)
    assert sandbox_process.find(tmp_path) is None
    Box(tmp_path).stop()
    (tmp_path / "server.json").write_bytes(b"nonsense")
    Box(tmp_path).stop()


def test_a_second_server_on_the_same_home_is_refused(tmp_path: Path) -> None:
    import subprocess
    import sys

    box = Box(tmp_path)
    command = [sys.executable, "-m", "helpers.sandbox", "--home", str(tmp_path)]
    second = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert second.returncode == 3
    assert second.stderr.count("\n") == 1
    assert "Another sandbox serves" in second.stderr
    assert box("ec2").describe_vpcs()["Vpcs"]
    box.stop()


def test_an_idle_sandbox_stops_and_the_next_call_brings_it_back(tmp_path: Path) -> None:
    box = Box(tmp_path, idle_seconds=3.0)
    vpc = box("ec2").create_vpc(CidrBlock="10.9.0.0/16")["Vpc"]["VpcId"]
    deadline = time.monotonic() + 20
    while sandbox_process.listens(box.info.endpoint) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not sandbox_process.listens(box.info.endpoint)
    assert box("ec2").describe_vpcs(VpcIds=[vpc])["Vpcs"]
    box.stop()


def test_the_home_is_its_owner_s_only(tmp_path: Path) -> None:
    box = Box(tmp_path / "home")
    box.stop()
    assert (tmp_path / "home").stat().st_mode & 0o077 == 0
    assert (tmp_path / "home" / "identity.json").stat().st_mode & 0o077 == 0
    shutil.rmtree(tmp_path / "home")
