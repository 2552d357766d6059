"""A client that is not ours: the printed endpoint and key are all it knows."""

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config

from tests.support import network

RECORD_FIELDS = 14


def command_line(*words: str) -> str:
    """What one of our commands prints."""
    command = [sys.executable, "-m", "helpers", "sandbox", *words]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=180).stdout


@pytest.fixture
def printed(tmp_path: Path) -> Iterator[dict[str, Any]]:
    """What `sandbox start` prints."""
    yield json.loads(command_line("start", "--home", str(tmp_path)))
    command_line("stop", "--home", str(tmp_path))


def test_a_plain_boto3_program_sees_the_records_of_its_traffic(printed: dict[str, Any], tmp_path: Path) -> None:
    session = boto3.session.Session(
        printed["access_key_id"], printed["secret_access_key"], region_name=printed["region"]
    )
    # no proxies: what the surroundings say must not lead the test astray
    made: dict[str, Any] = {
        name: session.client(name, endpoint_url=printed["endpoint"], config=Config(proxies={}))
        for name in ("ec2", "iam", "logs", "ssm")
    }
    ssm, logs = made["ssm"], made["logs"]
    began = time.monotonic()
    net = network.build(made.__getitem__)  # run_instances and the waiter instance_running, twice
    network.enable(made.__getitem__, net)
    sent = ssm.send_command(
        InstanceIds=[net.client.instance],
        DocumentName="AWS-RunShellScript",
        Parameters={"commands": [f"curl -s -m 4 http://{network.SERVER_ADDRESS}/", "sleep 100", "echo done"]},
    )["Command"]
    where = {"CommandId": sent["CommandId"], "InstanceId": net.client.instance}
    ssm.get_waiter("command_executed").wait(**where)
    assert ssm.get_command_invocation(**where)["StandardOutputContent"].endswith("done\n")

    before = network.records(made.__getitem__, net.client.interface)
    now = command_line("clock", "--advance", "15m", "--home", str(tmp_path)).strip()
    assert now > printed["now"]
    for side, peer in ((net.client, network.SERVER_ADDRESS), (net.server, network.CLIENT_ADDRESS)):
        streams = logs.describe_log_streams(logGroupName=network.GROUP, logStreamNamePrefix=side.interface)[
            "logStreams"
        ]
        events = logs.get_log_events(
            logGroupName=network.GROUP, logStreamName=streams[0]["logStreamName"], startFromHead=True
        )["events"]
        lines = [event["message"].split() for event in events]
        assert all(len(line) == RECORD_FIELDS for line in lines)
        assert {line[12] for line in lines if peer in line} == {"ACCEPT"}
    assert not before
    assert time.monotonic() - began < 200, "of real time; the virtual one moved by a quarter of an hour"


def test_an_unsigned_or_wrongly_signed_call_is_refused(printed: dict[str, Any]) -> None:
    session = boto3.session.Session(printed["access_key_id"], "not the secret", region_name=printed["region"])
    client: Any = session.client("ec2", endpoint_url=printed["endpoint"], config=Config(proxies={}))
    with pytest.raises(client.exceptions.ClientError) as caught:
        client.describe_vpcs()
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] in (401, 403)
