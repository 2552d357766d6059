"""Roles that are given: used, never made, never changed and never deleted, and a sentence for each wrong setting."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from IPython.core.interactiveshell import InteractiveShell

from helpers.lab import Lab, LabError, open_lab
from helpers.lab.given_roles import VARIABLE, given_roles
from helpers.lab.readiness import learner_policy, preflight
from helpers.lab.teardown import other_regions
from helpers.lessons import exercises
from tests.lab.conftest import ACCOUNT
from tests.support.given_roles import make_given_roles, trust
from tests.support.homes import served_lab_after

ARNS = f"arn:aws:iam::{ACCOUNT}:role/a arn:aws:iam::{ACCOUNT}:role/b"


@pytest.fixture
def lab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Lab]:
    """A lab of an empty account in which two roles are given; they look like the lab's own."""
    monkeypatch.setattr(other_regions, "_enabled", lambda lab: ["us-east-1"])
    with served_lab_after("00", tmp_path / "home") as (owner, _):
        tags = {tag["Key"]: tag["Value"] for tag in owner.tag_list("given")}
        given = make_given_roles(owner, ("demo-delivery", "demo-machines"), **tags)
        monkeypatch.setenv(VARIABLE, " ".join(given.values()))
        yield open_lab()


def lines(lab: Lab) -> list[tuple[str, str]]:
    return [(line.level, line.sentence) for line in preflight(lab).lines if line.what == "roles"]


def test_a_lab_is_built_with_them_and_its_teardown_leaves_them(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    lab.catch_up("05")
    iam, ec2 = lab.client("iam"), lab.client("ec2")
    names = {"demo-delivery", "demo-machines"}
    assert {role["RoleName"] for role in iam.list_roles()["Roles"]} == names
    logs = ec2.describe_flow_logs(Filter=lab.tag_filters())["FlowLogs"]
    assert {log["DeliverLogsPermissionArn"] for log in logs} == {lab.given_roles["flow-logs"]} and len(logs) == 3
    assert all(not outcome.endswith("built") for _, outcome in lab.catch_up("05").outcomes)
    assert lab.teardown.run().ok
    assert not lab.teardown.verify()
    assert {role["RoleName"] for role in iam.list_roles()["Roles"]} == names
    assert [each["InstanceProfileName"] for each in iam.list_instance_profiles()["InstanceProfiles"]] == [
        "demo-machines"
    ]
    monkeypatch.delenv(VARIABLE)
    assert "demo-delivery" in str(open_lab().teardown.plan()), "by their tags they would be the lab's own"


@pytest.mark.parametrize(
    ("call", "arguments"),
    [
        ("create_role", {"RoleName": "x", "AssumeRolePolicyDocument": "{}"}),
        ("create_instance_profile", {"InstanceProfileName": "x"}),
        ("update_assume_role_policy", {"RoleName": "demo-delivery", "PolicyDocument": "{}"}),
        ("delete_role", {"RoleName": "demo-machines"}),
        ("delete_instance_profile", {"InstanceProfileName": "demo-machines"}),
    ],
)
def test_no_call_that_makes_or_changes_them_is_sent(lab: Lab, call: str, arguments: dict[str, Any]) -> None:
    with pytest.raises(LabError, match=r"iam:\w+ was not called: your roles are given \(FLOWLOGS_ROLES\)"):
        getattr(lab.client("iam"), call)(**arguments)
    assert lab.client("iam").get_role(RoleName="demo-delivery") and lab.name("reader") == "demo-reader"


def test_preflight_looks_at_them_and_asks_for_no_role(lab: Lab) -> None:
    assert lines(lab) == [
        ("ok", "The lab uses demo-delivery and demo-machines, and needs no iam:CreateRole (FLOWLOGS_ROLES).")
    ]
    owner = lab._access.client("iam")
    owner.update_assume_role_policy(RoleName="demo-machines", PolicyDocument=trust("lambda.amazonaws.com"))
    owner.delete_role_policy(RoleName="demo-delivery", PolicyName="write")
    stops = [sentence for level, sentence in lines(lab) if level == "stop"]
    assert stops == [
        "The trust policy of the role demo-machines does not let ec2.amazonaws.com assume it here.",
        "The role demo-delivery does not allow logs:CreateLogStream, logs:PutLogEvents on /demo/vpc-flow-logs.",
    ]
    owner.remove_role_from_instance_profile(InstanceProfileName="demo-machines", RoleName="demo-machines")
    owner.delete_instance_profile(InstanceProfileName="demo-machines")
    assert "Instance Profile demo-machines cannot be found. FLOWLOGS_ROLES names it" in lines(lab)[-1][1]


def test_the_policy_for_given_roles_looks_at_them_and_passes_them_alone() -> None:
    arns = ARNS.split()
    document = learner_policy("ann", ACCOUNT, given={"flow-logs": arns[0], "instance": arns[1]})
    statements = {each["Sid"]: each for each in document["Statement"]}
    allowed = {action for each in document["Statement"] for action in each["Action"]}
    writes = ("iam:Create", "iam:Put", "iam:Update", "iam:Attach", "iam:Delete", "iam:Add", "iam:Remove", "iam:Tag")
    assert not [action for action in allowed if action.startswith(writes)] and "AgentsPolicyOnly" not in statements
    assert statements["GiveRolesToTheTwoServices"]["Resource"] == arns == statements["RolesOfTheLab"]["Resource"]
    assert statements["ProfilesOfTheLab"]["Action"] == ["iam:GetInstanceProfile"]


@pytest.mark.parametrize("wrong", ["delivery", ARNS.split()[0], f"{ARNS} {ARNS}", "arn:aws:iam::1:role/a x"])
def test_a_setting_that_names_no_two_roles_is_a_sentence(wrong: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, wrong)
    with pytest.raises(LabError, match="FLOWLOGS_ROLES holds two role ARNs"):
        given_roles(None)  # type: ignore[arg-type]


def test_roles_of_another_account_are_refused_in_an_account(account: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, ARNS.replace(ACCOUNT, "210987654321"))
    with pytest.raises(LabError, match=r"names a role of another account; this account is 1234\*{8}\."):
        open_lab(mode="aws", confirm_account=ACCOUNT)


def test_the_sandbox_takes_no_notice_of_roles_of_an_account(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, ARNS.replace(ACCOUNT, "210987654321"))
    assert open_lab().name("flow-logs") == "demo-flow-logs" and not open_lab().given_roles


def test_cells_about_own_roles_say_that_they_are_left_out(lab: Lab, capsys: pytest.CaptureFixture[str]) -> None:
    InteractiveShell.clear_instance()
    shell = InteractiveShell.instance(user_ns={"iam": None})
    try:
        open_lab()
        open_lab()
        for cell in (
            "iam.update_assume_role_policy(RoleName=role_name, PolicyDocument=json.dumps(trust));",
            "print(1)",
        ):
            assert shell.run_cell(cell).success
    finally:
        InteractiveShell.clear_instance()
    said = "Not run: your roles are given (FLOWLOGS_ROLES), and this cell is about a role that you make or change."
    assert capsys.readouterr().out == f"{said}\n1\n"


def test_checks_of_own_roles_say_that_they_are_not_evaluated(lab: Lab) -> None:
    report = exercises(lab, {}).check("03.1")
    assert report.outcome == "not attempted" and report.data["passed"] is None
    assert report.message.startswith("Not evaluated here: your roles are given (`FLOWLOGS_ROLES`)")
