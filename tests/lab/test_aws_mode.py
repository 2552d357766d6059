"""``mode="aws"``: the ordinary credential chain, an account that is confirmed, and the notebooks' own cells.

Stock moto plays the account: whatever runs here calls nothing that only the sandbox has.
"""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto import mock_aws

from helpers.lab import LabError, access, open_lab

ACCOUNT = "123456789012"
NOTEBOOKS = Path(__file__).resolve().parents[2] / "notebooks"


@pytest.fixture
def account(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """An account behind the ordinary chain, where waiting takes no time."""
    monkeypatch.setenv("FLOWLOGS_HOME", str(tmp_path))
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    waited = [timedelta()]
    monkeypatch.setattr(access.AwsAccess, "now", lambda self: datetime.now(UTC) + waited[0])

    def sleep_until(self: access.AwsAccess, moment: datetime) -> None:
        waited[0] += max(moment - self.now(), timedelta())

    monkeypatch.setattr(access.AwsAccess, "sleep_until", sleep_until)
    with mock_aws(config={"iam": {"load_aws_managed_policies": True}}):
        yield


def test_no_credentials_is_one_sentence(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, str(tmp_path / "none"))
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    with pytest.raises(LabError, match="Sign in as you do for the AWS CLI"):
        open_lab(mode="aws")


@pytest.mark.parametrize("confirmed", [None, "", "210987654321", "1234"])
def test_an_account_that_is_not_confirmed_is_refused(account: None, confirmed: str | None) -> None:
    with pytest.raises(LabError, match="confirm_account") as caught:
        open_lab(mode="aws", confirm_account=confirmed)
    assert ACCOUNT not in str(caught.value)
    assert "1234********" in str(caught.value)


def test_the_banner_warns_and_masks(account: None) -> None:
    lab = open_lab(mode="aws", confirm_account=ACCOUNT)
    for text in (repr(lab), lab._repr_html_()):
        assert "Real AWS account" in text
        assert "costs money" in text
        assert ACCOUNT not in text


def test_time_is_the_clock_on_the_wall(account: None) -> None:
    assert abs(open_lab(mode="aws", confirm_account=ACCOUNT).now() - datetime.now(UTC)) < timedelta(seconds=5)


def test_a_client_of_issued_credentials_calls_as_their_role(account: None) -> None:
    lab = open_lab(mode="aws", confirm_account=ACCOUNT)
    trust = {"Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}, "Action": "sts:AssumeRole"}
    document = json.dumps({"Version": "2012-10-17", "Statement": trust})
    role = lab.client("iam").create_role(RoleName="asker", AssumeRolePolicyDocument=document)["Role"]["Arn"]
    issued = lab.client("sts").assume_role(RoleArn=role, RoleSessionName="me")["Credentials"]
    who = lab.client("sts", credentials=issued).get_caller_identity()["Arn"]
    assert who.endswith("assumed-role/asker/me")
    assert lab.client("sts").get_caller_identity()["Arn"] != who


def run_cells(name: str, namespace: dict[str, Any], tags: set[str]) -> None:
    """Run a notebook's cells of these tags (and its untagged ones where "" is among them) as they stand."""
    path = next(NOTEBOOKS.glob(f"{name}_*.ipynb"))
    for cell in json.loads(path.read_text())["cells"]:
        own = set(cell["metadata"].get("tags", ())) or {""}
        if cell["cell_type"] == "code" and own & tags:
            exec(compile("".join(cell["source"]), f"{path.name}[{cell['id']}]", "exec"), namespace)
            if "parameters" in own:
                namespace |= {"mode": "aws", "confirm_account": ACCOUNT, "watch_minutes": 0}


class _Http:
    status_code = 200


@pytest.fixture
def ready_machines(monkeypatch: pytest.MonkeyPatch) -> None:
    """What stock moto lacks: agents that report to Systems Manager; and its instances run at once."""
    monkeypatch.setattr("botocore.waiter.time.sleep", lambda _: None)
    ordinary = access.AwsAccess.client

    def client(self: access.AwsAccess, service: str) -> Any:
        made = ordinary(self, service)
        if service == "ssm":
            made.meta.events.register("before-call.ssm.DescribeInstanceInformation", answer)
        return made

    def answer(**_: Any) -> Any:
        reservations = boto3.client("ec2", region_name="us-east-1").describe_instances()["Reservations"]
        ids = [one["InstanceId"] for entry in reservations for one in entry["Instances"]]
        return _Http, {"InstanceInformationList": [{"InstanceId": each, "PingStatus": "Online"} for each in ids]}

    monkeypatch.setattr(access.AwsAccess, "client", client)


def test_the_notebooks_that_build_and_clean_up_run_in_an_account(account: None, ready_machines: None) -> None:
    lab = open_lab(mode="aws", confirm_account=ACCOUNT)
    for number in ("01", "02", "03", "04"):
        run_cells(number, {"lab": lab}, {"parameters", "setup", "build"})
    assert "Real AWS account" in repr(lab)
    assert lab.find("vpc", "vpc-a") and lab.find("vpc-flow-log", "flow-log-a") and lab.find("instance", "client-a")
    run_cells("99", {}, {"parameters", "", "setup", "build"})
    assert not lab.teardown.verify()
    assert lab.find("vpc", "vpc-a") is None
