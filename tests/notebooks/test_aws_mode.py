"""The same build cells through the code path of a real account, against stock moto: built, then found."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from moto import mock_aws

from helpers.figures import network_figure
from helpers.lab import Lab, LabError, open_lab
from helpers.lessons import write_up
from helpers.lessons.progress import ProgressFile
from tests.support.stock_moto import allow_everything

ACCOUNT = "123456789012"


@pytest.fixture
def account(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """An account with AWS's own policies, reached by the ordinary chain of credentials."""
    monkeypatch.setenv("FLOWLOGS_HOME", str(tmp_path))
    for name in ("AWS_PROFILE", "AWS_ENDPOINT_URL", "AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.delenv(name, raising=False)
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    allow_everything(monkeypatch)
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


def test_the_report_of_a_real_account_says_so_and_shows_no_id(lab: Lab, tmp_path: Path) -> None:
    notes = ProgressFile(tmp_path / "progress.json")
    assert write_up(lab, network_figure, notes).claims == ()
    lab.catch_up("05")
    report = write_up(lab, network_figure, notes)
    assert report.markdown.startswith(
        "# VPC monitoring with flow logs: lab demo (Real AWS account)\n\n**REAL AWS ACCOUNT"
    )
    assert "Real AWS account, lab demo</text>" in report.html
    assert "The lab has 2 VPCs and 4 instances." in report.markdown
    assert " cost $0.06 per hour" in report.html
    assert "records" not in " ".join(claim.text for claim in report.claims), "moto delivers none"
    assert ACCOUNT not in report.markdown + report.html
