"""The same build cells through the code path of a real account, against stock moto: built, then found."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from moto import mock_aws

from helpers.lab import Lab, LabError, open_lab

ACCOUNT = "123456789012"


@pytest.fixture
def account(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """An account with AWS's own policies, reached by the ordinary chain of credentials."""
    monkeypatch.setenv("FLOWLOGS_HOME", str(tmp_path))
    for name in ("AWS_PROFILE", "AWS_ENDPOINT_URL", "AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.delenv(name, raising=False)
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    with mock_aws(config={"iam": {"load_aws_managed_policies": True}}):
        yield


@pytest.fixture
def lab(account: None, monkeypatch: pytest.MonkeyPatch) -> Lab:
    lab = open_lab(mode="aws", confirm_account=ACCOUNT)

    def agents(**_: Any) -> dict[str, Any]:
        """Moto has no agents: every instance that it shows as running is one that answers."""
        pages = lab.client("ec2").describe_instances()["Reservations"]
        ids = [machine["InstanceId"] for each in pages for machine in each["Instances"]]
        return {"InstanceInformationList": [{"InstanceId": one, "PingStatus": "Online"} for one in ids]}

    monkeypatch.setattr(lab.client("ssm"), "describe_instance_information", agents)
    return lab


def test_the_account_must_be_confirmed_and_is_not_shown(account: None) -> None:
    with pytest.raises(LabError, match="cost money") as refused:
        open_lab(mode="aws", confirm_account="")
    assert ACCOUNT not in str(refused.value)


def test_the_build_cells_build_once_and_are_found_again(lab: Lab) -> None:
    assert [outcome for _, outcome in lab.catch_up("05").outcomes] == ["built"] * 4
    assert [outcome for _, outcome in lab.catch_up("05").outcomes] == ["found"] * 4
    assert ACCOUNT not in repr(lab)
    flow_logs = lab.client("ec2").describe_flow_logs()["FlowLogs"]
    assert {one["ResourceId"] for one in flow_logs} == {lab.find("vpc", "vpc-a"), lab.find("vpc", "vpc-b")}
