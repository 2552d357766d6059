"""The recorded day in the sandbox: one entry of the journal, which a replay brings back; for the owner only."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from werkzeug.test import Client

from helpers.flowlogs import DEFAULT_FORMAT
from helpers.flowlogs.recorded_day import recorded_day
from helpers.lab import sandbox_process
from tests.support.served import OWNER, Sandbox, the_moto

DAY = {"group": "/x/day", "tags": {"Lab": "x"}, "ids": {}, "format": str(DEFAULT_FORMAT)}


@pytest.fixture
def sandbox(tmp_path: Path) -> Iterator[Sandbox]:
    made = Sandbox(tmp_path / "home", the_moto())
    yield made
    made.close()


def ask(sandbox: Sandbox, key: str = OWNER.access_key_id, secret: str = OWNER.secret_access_key, **day: Any) -> Any:
    return sandbox_process.ask(f"http://127.0.0.1:{sandbox.http.port}", key, secret, name="day", **{**DAY, **day})


def test_a_replay_brings_the_day_back_and_writes_nothing_twice(sandbox: Sandbox) -> None:
    answer = ask(sandbox)
    assert answer["records"] == recorded_day().records
    assert answer["end"] - answer["start"] == 86400

    def held() -> tuple[Any, ...]:
        group = sandbox.client("logs").describe_log_groups()["logGroups"][0]
        streams = sandbox.client("logs").describe_log_streams(logGroupName=DAY["group"])["logStreams"]
        return group, [(one["logStreamName"], one["firstEventTimestamp"]) for one in streams]

    before = held()
    assert before[0]["creationTime"] == answer["start"] * 1000
    files = sorted((path.name, path.stat().st_size) for path in (sandbox.folder / "events").iterdir())
    sandbox.reopen()
    assert held() == before
    assert sorted((path.name, path.stat().st_size) for path in (sandbox.folder / "events").iterdir()) == files
    sandbox.reopen(from_checkpoint=True)
    assert held() == before


def test_what_cannot_be_loaded_changes_nothing(sandbox: Sandbox) -> None:
    sandbox.client("logs").create_log_group(logGroupName="/x/taken")
    entries = len(sandbox.account.journal)
    for wrong, says in (
        ({"group": "/x/taken"}, "already exists"),
        ({"format": "${srcaddr} ${reject-reason}"}, "reject-reason"),
        ({"format": "text"}, "day"),
        ({"tags": 5}, "day"),
    ):
        with pytest.raises(sandbox_process.SandboxError, match=says):
            ask(sandbox, **wrong)
    assert [group["logGroupName"] for group in sandbox.client("logs").describe_log_groups()["logGroups"]] == [
        "/x/taken"
    ]
    assert len(sandbox.account.journal) == entries


def test_only_the_owner_may_ask(sandbox: Sandbox) -> None:
    iam = sandbox.client("iam")
    iam.create_user(UserName="visitor")
    key = iam.create_access_key(UserName="visitor")["AccessKey"]
    with pytest.raises(sandbox_process.SandboxError, match="Only the owner"):
        ask(sandbox, key["AccessKeyId"], key["SecretAccessKey"])
    unsigned = Client(sandbox._front).post("/_sandbox/day", data=json.dumps(DAY), headers={"Host": "127.0.0.1"})
    assert unsigned.status_code == 403
