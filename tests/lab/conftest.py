from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto import mock_aws

from helpers.lab import Lab, connection, open_lab, sandbox_process
from helpers.lab.teardown import other_regions
from tests.support.stock_moto import Http, allow_everything

ACCOUNT = "123456789012"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The home of a sandbox of this module's own."""
    folder = tmp_path_factory.mktemp("home")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FLOWLOGS_HOME", str(folder))
        yield folder
    sandbox_process.stop(folder)


@pytest.fixture(scope="module")
def lab(home: Path) -> Lab:
    return open_lab(prefix="test")


@pytest.fixture
def account(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """An account behind the ordinary chain, where waiting takes no time, with two Regions."""
    monkeypatch.setenv("FLOWLOGS_HOME", str(tmp_path))
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    waited = [timedelta()]
    monkeypatch.setattr(connection.AwsConnection, "now", lambda self: datetime.now(UTC) + waited[0])

    def sleep_until(self: connection.AwsConnection, moment: datetime) -> None:
        waited[0] += max(moment - self.now(), timedelta())

    monkeypatch.setattr(connection.AwsConnection, "sleep_until", sleep_until)
    monkeypatch.setattr(other_regions, "_enabled", lambda lab: ["eu-west-1", "us-east-1"])
    allow_everything(monkeypatch)
    with mock_aws(config={"iam": {"load_aws_managed_policies": True}}):
        yield


@pytest.fixture
def ready_machines(monkeypatch: pytest.MonkeyPatch) -> None:
    """What stock moto lacks: agents that report to Systems Manager; and its instances run at once."""
    monkeypatch.setattr("botocore.waiter.time.sleep", lambda _: None)
    ordinary = connection.AwsConnection.client

    def client(self: connection.AwsConnection, service: str, *given: Any, **more: Any) -> Any:
        made = ordinary(self, service, *given, **more)
        if service == "ssm":
            made.meta.events.register("before-call.ssm.DescribeInstanceInformation", answer)
        return made

    def answer(**_: Any) -> Any:
        reservations = boto3.client("ec2", region_name="us-east-1").describe_instances()["Reservations"]
        ids = [machine["InstanceId"] for entry in reservations for machine in entry["Instances"]]
        return Http, {"InstanceInformationList": [{"InstanceId": id_, "PingStatus": "Online"} for id_ in ids]}

    monkeypatch.setattr(connection.AwsConnection, "client", client)
