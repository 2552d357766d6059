"""``mode="aws"``: the ordinary credential chain, an account that is confirmed, and the notebooks' own cells.

Stock moto plays the account: whatever runs here calls nothing that only the sandbox has.
"""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from helpers.lab import LabError, open_lab
from tests.lab.conftest import ACCOUNT

NOTEBOOKS = Path(__file__).resolve().parents[2] / "notebooks"


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


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (123456789012, "put it in quotes"),
        (12345678901.0, "put it in quotes"),
        ("123456789012 ", "take away blanks"),
        (" 123456789012\n", "take away blanks"),
        ("1234-5678-9012", "hyphens"),
    ],
)
def test_what_is_no_account_id_is_told_what_is_wrong_with_it(given: Any, said: str) -> None:
    with pytest.raises(LabError, match=said) as caught:
        open_lab(mode="aws", confirm_account=given)
    assert "confirm_account" in str(caught.value) and ACCOUNT not in str(caught.value)


@pytest.mark.parametrize("variable", ["AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_EC2"])
def test_another_endpoint_is_named_and_costs_nothing(monkeypatch: pytest.MonkeyPatch, variable: str) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    monkeypatch.setenv(variable, "http://localhost:4566")
    answer = {"Account": ACCOUNT, "Arn": f"arn:aws:iam::{ACCOUNT}:root"}
    monkeypatch.setattr("botocore.client.BaseClient._make_api_call", lambda *_: answer)
    with pytest.raises(LabError, match="at http://localhost:4566, which is not AWS, in account"):
        open_lab(mode="aws")
    for text in (repr(lab := open_lab(mode="aws", confirm_account=ACCOUNT)), lab._repr_html_()):
        assert "Not AWS" in text and "http://localhost:4566" in text and "costs money" not in text


def test_the_banner_warns_and_masks(account: None) -> None:
    lab = open_lab(mode="aws", confirm_account=ACCOUNT)
    for text in (repr(lab), lab._repr_html_()):
        assert "Real AWS account" in text
        assert "costs money" in text
        assert ACCOUNT not in text


def test_time_is_the_clock_on_the_wall(account: None) -> None:
    assert abs(open_lab(mode="aws", confirm_account=ACCOUNT).now() - datetime.now(UTC)) < timedelta(seconds=5)


def test_a_client_of_issued_credentials_calls_as_their_role(account: None, ready_machines: None) -> None:
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


def test_the_notebooks_that_build_and_clean_up_run_in_an_account(account: None, ready_machines: None) -> None:
    lab = open_lab(mode="aws", confirm_account=ACCOUNT)
    for number in ("01", "02", "03", "04"):
        run_cells(number, {"lab": lab}, {"parameters", "setup", "build"})
    assert "Real AWS account" in repr(lab)
    assert lab.find("vpc", "vpc-a") and lab.find("vpc-flow-log", "flow-log-a") and lab.find("instance", "client-a")
    run_cells("99", {}, {"parameters", "", "setup", "build"})
    assert not lab.teardown.verify()
    assert lab.find("vpc", "vpc-a") is None
