"""``docs/learner-policy.json`` is what the core course calls: nothing that it needs is denied, nothing is unused."""

import dataclasses
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore import xform_name
from botocore.client import BaseClient
from botocore.exceptions import ClientError
from botocore.session import Session

from helpers._data import CHECKOUT, NOTEBOOKS
from helpers.access import Policy, Principal, Request, checks_of, evaluate, glob, iam_action, validate_permissions
from helpers.commands.exercise_cells import solved
from helpers.lab import connection, open_lab, sandbox_process
from helpers.lab.given_roles import VARIABLE
from helpers.lab.notebook_file import read_notebook, write_notebook
from helpers.lab.readiness import POLICY, learner_policy, preflight
from helpers.lab.resources import PROJECT
from helpers.lessons.content import broken_labs, exercises
from helpers.lessons.outcome import CHECK_MIME
from tests.notebooks.in_process import run_in_process
from tests.support.given_roles import make_given_roles

ACCOUNT = "123456789012"
EC2 = f"arn:aws:ec2:us-east-1:{ACCOUNT}"
CORE = [path for path in sorted(NOTEBOOKS.glob("[0-9][0-9]_*.ipynb")) if path.name[:2] <= "10" or path.name[:2] == "99"]
DOCUMENT = json.loads(POLICY.read_text("utf-8"))
NO_PERMISSION = {"sts:GetCallerIdentity"}
BEYOND_THE_CALLS = {
    "iam:PassRole": "launching with a profile, and CreateFlowLogs, hand a role on",
    "servicequotas:GetServiceQuota": "preflight asks it; the sandbox has no such service and takes AWS's default",
}
"""What the policy allows and no recorded call asks by itself, with the reason."""
GIVEN_AWAY = {"03.1", "03.3", "04.2", "99.1"}
"""The exercises in which a learner makes or changes a role."""
Asked = dict[tuple[str, str], int]


class Learner:
    """A user of the sandbox with the policy and nothing else, in whose name the notebooks call."""

    def __init__(self, home: Path, patch: pytest.MonkeyPatch, document: dict[str, Any] = DOCUMENT) -> None:
        info = sandbox_process.start(home)
        self._owner = connection.isolated_session(info, "us-east-1")
        self._endpoint = info.endpoint
        iam = self._as_owner("iam")
        iam.create_user(UserName="ann")
        policy = iam.create_policy(PolicyName="learner", PolicyDocument=json.dumps(document))["Policy"]["Arn"]
        iam.attach_user_policy(UserName="ann", PolicyArn=policy)
        issued = iam.create_access_key(UserName="ann")["AccessKey"]
        self._key = issued["AccessKeyId"]
        self.asked: Asked = {}
        self.denied: list[str] = []
        keys = {"access_key_id": issued["AccessKeyId"], "secret_access_key": issued["SecretAccessKey"]}
        session = connection.isolated_session
        patch.setattr(
            connection, "isolated_session", lambda info, region: session(dataclasses.replace(info, **keys), region)
        )
        self._send = BaseClient._make_api_call
        patch.setattr(BaseClient, "_make_api_call", lambda client, *call: self._call(client, *call))

    def _as_owner(self, service: str, region: str = "us-east-1") -> Any:
        return self._owner.client(service, region_name=region, endpoint_url=self._endpoint)

    def _call(self, client: Any, operation: str, params: dict[str, Any]) -> Any:
        """A denied call is noted and done by the owner, so that one run shows all of them."""
        if client._request_signer._credentials.access_key != self._key:
            return self._send(client, operation, params)
        service = client.meta.service_model.service_name
        region = client.meta.region_name
        for check in checks_of(service, operation, params, ACCOUNT, region):
            asked = (check.action, check.resource)
            self.asked[asked] = self.asked.get(asked, 0) + 1
        try:
            return self._send(client, operation, params)
        except ClientError as refusal:
            message = refusal.response["Error"].get("Message", "")
            if "not authorized to perform" not in message or params.get("DryRun"):
                raise
            done = self._send(self._as_owner(service, region), operation, params)  # a role's trust may refuse all
            self.denied.append(f"{service}:{operation}: {message}")
            return done


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    home = tmp_path / "home"
    monkeypatch.setenv("FLOWLOGS_HOME", str(home))
    yield home
    sandbox_process.stop(home)


@pytest.mark.long
def test_the_solved_course_needs_all_of_the_policy_and_nothing_else(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    learner = Learner(home, monkeypatch)
    assert not preflight(open_lab()).stops
    folder = tmp_path / "solved"
    folder.mkdir()
    for path in CORE:
        write_notebook(solved(read_notebook(path), exercises()), folder / path.name)
    run_in_process(sorted(folder.glob("*.ipynb")), tmp_path / "out", home)
    faults = [*learner.denied, *unused(learner.asked)]
    assert not faults, "\n".join(faults)


@pytest.mark.long
def test_with_given_roles_the_lessons_run_for_a_caller_who_may_not_make_roles(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = make_given_roles(open_lab())
    monkeypatch.setenv(VARIABLE, " ".join(given.values()))
    learner = Learner(home, monkeypatch, learner_policy("demo", ACCOUNT, given=given))
    assert not preflight(open_lab()).stops
    folder = tmp_path / "solved"
    folder.mkdir()
    possible = {key: each for key, each in exercises().items() if key not in GIVEN_AWAY}
    for path in [path for path in CORE if path.name[:2] in ("01", "03", "04", "05", "08", "99")]:
        write_notebook(solved(read_notebook(path), possible), folder / path.name)
    run_in_process(sorted(folder.glob("*.ipynb")), tmp_path / "out", home)
    assert not learner.denied, "\n".join(learner.denied)
    written = ("iam:Create", "iam:Put", "iam:Update", "iam:Attach", "iam:Add", "iam:Delete", "iam:Detach", "iam:Remove")
    assert [action for action, _ in learner.asked if action.startswith(written)] == []
    told = checks_in(tmp_path / "out")
    not_done = {key: each["message"] for key, each in told.items() if each["outcome"] != "done"}
    assert not_done.keys() == GIVEN_AWAY, not_done
    assert all(said.startswith("Not evaluated here: your roles are given") for said in not_done.values())
    iam = learner._as_owner("iam")
    assert [iam.get_role(RoleName=arn.rpartition("/")[2])["Role"]["Arn"] for arn in given.values()] == [*given.values()]


def checks_in(folder: Path) -> dict[str, dict[str, Any]]:
    """What each check said, as the runner reads it, by its exercise."""
    found = {}
    for path in folder.glob("*.ipynb"):
        for cell in read_notebook(path)["cells"]:
            for output in cell.get("outputs", ()):
                if told := output.get("data", {}).get(CHECK_MIME):
                    found[told["id"]] = told
    return found


def unused(asked: Asked) -> list[str]:
    """What the policy allows and nobody asked for: ``Sid: action``, and ``Sid: resource``."""
    found = []
    for statement in DOCUMENT["Statement"]:
        used = {action: [resource for name, resource in asked if name == action] for action in statement["Action"]}
        found += [
            f"{statement['Sid']}: {action}"
            for action, resources in used.items()
            if action not in BEYOND_THE_CALLS and not any(_within(statement, one) for one in resources)
        ]
        every = [resource for resources in used.values() for resource in resources]
        found += [
            f"{statement['Sid']}: {pattern}"
            for pattern in statement["Resource"]
            if every and not any(glob(pattern, resource) for resource in every)
        ]
    return found


def _within(statement: dict[str, Any], resource: str) -> bool:
    return any(glob(pattern, resource) for pattern in statement["Resource"])


def test_iam_accepts_it_and_it_fits_into_a_managed_policy() -> None:
    validate_permissions(DOCUMENT)
    assert len("".join(POLICY.read_text("utf-8").split())) <= 6144  # IAM User Guide, "IAM and AWS STS quotas"


@pytest.mark.parametrize(
    ("action", "resource", "context", "allowed"),
    [
        ("iam:PutRolePolicy", f"arn:aws:iam::{ACCOUNT}:role/demo-reader", {}, True),
        ("iam:PutRolePolicy", f"arn:aws:iam::{ACCOUNT}:role/admin", {}, False),
        ("iam:CreateUser", f"arn:aws:iam::{ACCOUNT}:user/demo-x", {}, False),
        (
            *("iam:AttachRolePolicy", f"arn:aws:iam::{ACCOUNT}:role/demo-instance"),
            *({"iam:PolicyARN": "arn:aws:iam::aws:policy/AdministratorAccess"}, False),
        ),
        (
            *("iam:PassRole", f"arn:aws:iam::{ACCOUNT}:role/demo-instance"),
            *({"iam:PassedToService": "lambda.amazonaws.com"}, False),
        ),
        (
            *("ec2:TerminateInstances", f"{EC2}:instance/i-0123456789abcdef0"),
            *({"aws:ResourceTag/Project": "payroll"}, False),
        ),
        (
            *("ec2:TerminateInstances", f"{EC2}:instance/i-0123456789abcdef0"),
            *({"aws:ResourceTag/Project": PROJECT, "aws:ResourceTag/Lab": "demo"}, True),
        ),
        (
            *("ec2:TerminateInstances", f"{EC2}:instance/i-0123456789abcdef0"),
            *({"aws:ResourceTag/Project": PROJECT, "aws:ResourceTag/Lab": "bob"}, False),
        ),
        ("ec2:DeleteSecurityGroup", f"{EC2}:security-group/sg-1", {"aws:ResourceTag/Project": PROJECT}, True),  # 99.2
        ("ec2:RevokeSecurityGroupIngress", f"{EC2}:security-group/sg-1", {"aws:ResourceTag/Project": PROJECT}, False),
        ("ec2:CreateTags", f"{EC2}:instance/i-0123456789abcdef0", {}, False),
        ("ec2:CreateTags", f"{EC2}:instance/*", {"ec2:CreateAction": "RunInstances"}, True),
        ("ec2:CreateTags", f"{EC2}:volume/*", {"ec2:CreateAction": "CreateVolume"}, False),
        *(
            (
                *(action, f"{EC2}:{resource}-0123456789abcdef0"),
                *(
                    {"aws:ResourceTag/Project": project, "aws:ResourceTag/Lab": lab},
                    (project, lab) == (PROJECT, "demo"),
                ),
            )
            for action, resource in (
                ("ec2:AuthorizeSecurityGroupEgress", "security-group/sg"),
                ("ec2:AuthorizeSecurityGroupIngress", "security-group/sg"),
                ("ec2:CreateNetworkAclEntry", "network-acl/acl"),
                ("ec2:CreateRoute", "route-table/rtb"),
                ("ec2:DeleteSecurityGroup", "security-group/sg"),
                ("ec2:ReplaceNetworkAclAssociation", "subnet/subnet"),  # AWS asks for the ACL and for the subnet
                ("ec2:RevokeSecurityGroupEgress", "security-group/sg"),
                ("ec2:RevokeSecurityGroupIngress", "security-group/sg"),
            )
            for project, lab in ((PROJECT, "demo"), (PROJECT, "bob"), ("payroll", "demo"))
        ),
        ("ec2:ReplaceNetworkAclAssociation", f"{EC2}:network-acl/acl-0123456789abcdef0", {}, True),  # a VPC's default
        ("iam:GetRole", f"arn:aws:iam::{ACCOUNT}:role/learners", {}, True),
        ("iam:UpdateAssumeRolePolicy", f"arn:aws:iam::{ACCOUNT}:role/learners", {}, False),
        ("logs:DeleteLogGroup", f"arn:aws:logs:us-east-1:{ACCOUNT}:log-group:/payroll/x:log-stream:", {}, False),
        ("logs:DeleteLogGroup", f"arn:aws:logs:us-east-1:{ACCOUNT}:log-group:/demo/x:log-stream:", {}, True),
    ],
)
def test_it_ends_where_the_lab_ends(action: str, resource: str, context: dict[str, str], allowed: bool) -> None:
    ann = Principal.user("ann", ACCOUNT)
    policy = Policy.parse(DOCUMENT, "learner")
    assert bool(evaluate(Request(ann, action, resource, context), [policy])) == allowed


def test_the_page_names_what_the_broken_labs_need_beside_the_policy() -> None:
    """The calls that break, repair, test and put back, by their names in boto3."""
    labs = [f"{lab.solution} {lab.fault}" for lab in broken_labs().values()]
    code = "".join([*labs, (CHECKOUT / "helpers" / "lessons" / "restore.py").read_text("utf-8")])
    written = set(re.findall(r"\b[a-z]+(?:_[a-z]+)+\b", code))
    called = {
        iam_action(service, operation)
        for service in ("ec2", "iam", "logs")
        for operation in Session().get_service_model(service).operation_names
        if xform_name(operation) in written
    }
    allowed = {action for statement in DOCUMENT["Statement"] for action in statement["Action"]}
    page = (CHECKOUT / "docs" / "own-account.md").read_text("utf-8")
    assert {action for action in called - allowed if f"`{action}`" not in page} == set()
    assert "ec2:ReplaceRoute" in called - allowed


# What a lesson beyond the core needs: its services, the sources that call them for it, and what no call shows.
BEYOND = {
    "11": (
        ("cloudwatch", "logs", "sns"),
        ["lessons/checks/n11.py", "figures/alarm_figure.py", "figures/dashboard_figure.py"],
        {"cloudwatch:TagResource", "sns:TagResource"},  # what PutMetricAlarm and CreateTopic with Tags ask
    ),
    "12": (
        ("athena", "s3"),
        ["lessons/checks/n12.py"],
        {
            *("logs:CreateLogDelivery", "logs:DeleteLogDelivery"),  # what a flow log to S3 asks
            *("s3:PutObject", "s3:GetBucketLocation"),  # what Athena does in the caller's name, as in Glue
            *(f"glue:{verb}{what}" for verb in ("Create", "Delete", "Get") for what in ("Database", "Table")),
            *("glue:BatchCreatePartition", "glue:GetPartitions"),
        },
    ),
}


@pytest.mark.parametrize("number", BEYOND)
def test_the_page_names_what_a_later_lesson_needs_beside_the_policy(number: str) -> None:
    """All calls of the lesson, its solutions, checks and figures, and of the teardown, by their names in boto3."""
    services, sources, unseen = BEYOND[number]
    [path] = NOTEBOOKS.glob(f"{number}_*.ipynb")
    lesson = solved(read_notebook(path), exercises())
    code = [str(cell["source"]) for cell in lesson["cells"] if cell["cell_type"] == "code"]
    sources = [*sources, "lab/teardown/read_monitoring.py", "lab/teardown/executor.py"]
    code += [(CHECKOUT / "helpers" / path).read_text("utf-8") for path in sources]
    written = {
        name for pair in re.findall(r"\.([a-z_0-9]+)\(|\"([a-z_0-9]+)\"", "\n".join(code)) for name in pair if name
    }
    called = {
        iam_action(service, operation)
        for service in services
        for operation in Session().get_service_model(service).operation_names
        if xform_name(operation) in written
    }
    allowed = {action for statement in DOCUMENT["Statement"] for action in statement["Action"]}
    page = (CHECKOUT / "docs" / "own-account.md").read_text("utf-8")
    section = page.partition(f"\nLesson {number}, and the teardown")[2].partition("\nLesson ")[0]
    rows = re.findall(r"^\| `(?:arn:[^`]+|\*)` \| (.+) \|$", section, re.MULTILINE)
    assert {action for row in rows for action in re.findall(r"`(\w+:\w+)`", row)} == (called - allowed) | unseen
