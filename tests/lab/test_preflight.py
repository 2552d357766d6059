"""``preflight``: each line where all is well and where it is not, by stock moto and by the sandbox."""

import json
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from helpers.__main__ import main
from helpers.lab import Lab, LabError, open_lab
from helpers.lab.connection import issued_keys
from helpers.lab.readiness import Preflight, learner_policy, preflight
from helpers.lab.teardown import other_regions
from tests.lab.conftest import ACCOUNT
from tests.support.stock_moto import Http

ANSWERED = "IAM computed that the policies of the caller allow what docs/learner-policy.json lists."
REMOVES = "python -m helpers teardown --prefix demo --region eu-west-1 --mode aws --confirm-account ID"


@pytest.fixture
def aws(account: None, ready_machines: None) -> Lab:
    return open_lab(mode="aws", confirm_account=ACCOUNT)


def answering(lab: Lab, service: str, operation: str, reply: Any) -> None:
    """Have a call of the lab answered so: by a reply, or by the error that ``reply`` is."""

    def answer(**_: Any) -> Any:
        if isinstance(reply, Exception):
            raise reply
        return Http, {"ResponseMetadata": {}, **reply}

    lab.client(service).meta.events.register_first(f"before-call.{service}.{operation}", answer)


def error(code: str, operation: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": "injected"}}, operation)


def said(found: Preflight, what: str) -> tuple[str, str]:
    """The worst level of what was looked at, and its sentences."""
    lines = [line for line in found.lines if line.what == what]
    levels = ("ok", "warn", "stop")
    return max((line.level for line in lines), key=levels.index), " ".join(line.sentence for line in lines)


def test_a_good_account_is_ok_and_the_cost_is_said_before_anything_is_made(aws: Lab) -> None:
    answering(aws, "service-quotas", "GetServiceQuota", {"Quota": {"Value": 64.0}})
    found = preflight(aws)
    assert {line.level for line in found.lines} == {"ok"} and not found.stops, str(found)
    assert "VPCs: 1 of 64 used, 2 more needed." in str(found)
    assert "about $0.06 an hour" in found.cost and ACCOUNT not in str(found)
    assert len(aws.client("ec2").describe_vpcs()["Vpcs"]) == 1 and not aws.client("iam").list_roles()["Roles"]


@pytest.mark.parametrize(
    ("service", "operation", "reply", "what", "level", "words"),
    [
        ("sts", "GetCallerIdentity", {"Arn": f"arn:aws:iam::{ACCOUNT}:root"}, "identity", "warn", "root user"),
        ("iam", "ListAccountAliases", {"AccountAliases": ["shop-prod"]}, "account name", "stop", "for production"),
        ("iam", "ListAccountAliases", {"AccountAliases": ["products"]}, "account name", "warn", "take another"),
        ("iam", "ListAccountAliases", {"AccountAliases": ["training"]}, "account name", "ok", "training"),
        ("iam", "ListAccountAliases", error("AccessDenied", "x"), "account name", "warn", "(AccessDenied)"),
        ("ec2", "RunInstances", error("UnauthorizedOperation", "x"), "permissions", "stop", "ec2:RunInstances"),
        ("ec2", "RunInstances", error("VPCIdNotSpecified", "x"), "permissions", "warn", "RunInstances (VPCIdNotSpec"),
        (
            "ec2",
            "CreateInternetGateway",
            {},
            "permissions",
            "warn",
            "Gateway (no answer to a dry run)",
        ),
        ("iam", "SimulatePrincipalPolicy", error("AccessDenied", "x"), "permissions", "warn", "only dry runs"),
        (
            *("iam", "SimulatePrincipalPolicy"),
            {"EvaluationResults": [{"EvalActionName": "iam:CreateRole", "EvalDecision": "implicitDeny"}]},
            *("permissions", "stop", "Not allowed: iam:CreateRole"),
        ),
        ("service-quotas", "GetServiceQuota", {"Quota": {"Value": 2.0}}, "quotas", "stop", "VPCs: 1 of 2 used"),
        ("service-quotas", "GetServiceQuota", error("AccessDenied", "x"), "quotas", "warn", "AWS's default"),
        ("ssm", "DescribeInstanceInformation", error("AccessDenied", "x"), "SSM", "warn", "(AccessDenied)"),
    ],
)
def test_what_is_wrong_is_told_with_what_puts_it_right(
    aws: Lab, service: str, operation: str, reply: Any, what: str, level: str, words: str
) -> None:
    answering(aws, service, operation, reply)
    worst, sentences = said(preflight(aws), what)
    assert (worst, words in sentences) == (level, True), sentences


@pytest.mark.parametrize(("seconds", "level"), [(0, "ok"), (90, "warn"), (-400, "stop")])
def test_the_clock_is_compared_with_aws_s(aws: Lab, seconds: int, level: str) -> None:
    date = format_datetime(datetime.now(UTC) + timedelta(seconds=seconds), usegmt=True)
    reply = {"Arn": f"arn:aws:iam::{ACCOUNT}:user/ann", "ResponseMetadata": {"HTTPHeaders": {"date": date}}}
    answering(aws, "sts", "GetCallerIdentity", reply)
    assert said(preflight(aws), "clock")[0] == level


def test_a_region_that_is_not_enabled_stops(aws: Lab) -> None:
    elsewhere = open_lab(mode="aws", region="me-south-1", confirm_account=ACCOUNT)
    off = {"Regions": [{"RegionName": "me-south-1", "OptInStatus": "not-opted-in"}]}
    client = elsewhere.client("ec2", region="us-east-1")
    client.meta.events.register("before-call.ec2.DescribeRegions", lambda **_: (Http, off))
    level, sentence = said(preflight(elsewhere), "Region")
    assert level == "stop" and sentence.startswith("me-south-1 is not enabled here. Enable it")


def test_a_lab_elsewhere_is_named_with_the_command_that_removes_it(aws: Lab) -> None:
    other = open_lab(mode="aws", region="eu-west-1", confirm_account=ACCOUNT)
    other._looked = True  # what is tested is the other Region
    other.client("ec2").create_vpc(CidrBlock="10.1.0.0/16", TagSpecifications=other.tag_spec("vpc", "vpc-a"))
    level, sentence = said(preflight(aws), "leftovers")
    assert level == "warn" and f"`{REMOVES}`" in sentence
    assert [*other_regions.living(open_lab(mode="aws", prefix="demo2", confirm_account=ACCOUNT), "eu-west-1")] == []


def test_the_first_creating_call_is_refused_where_a_line_says_stop(aws: Lab) -> None:
    answering(aws, "iam", "ListAccountAliases", {"AccountAliases": ["prod"]})
    for _ in range(2):
        with pytest.raises(LabError, match=r"Nothing was made(.|\n)*account name: .*production"):
            aws.client("iam").create_role(RoleName="demo-instance", AssumeRolePolicyDocument="{}")
    assert not aws.client("iam").list_roles()["Roles"]


def test_it_comes_once_before_a_lab_and_not_again_while_the_lab_is_there(aws: Lab) -> None:
    tags = aws.tag_spec("vpc", "vpc-a")
    assert {tag["Key"] for tag in tags[0]["Tags"]} == {"Project", "Lab", "Name", "ExpiresAt"}
    with pytest.warns(UserWarning, match=r"Before anything is made(.|\n)*an hour") as warned:
        aws.client("ec2").create_vpc(CidrBlock="10.1.0.0/16", TagSpecifications=tags)
        aws.client("ec2").create_vpc(CidrBlock="10.2.0.0/16", TagSpecifications=aws.tag_spec("vpc", "vpc-b"))
        again = open_lab(mode="aws", confirm_account=ACCOUNT)
        again.client("ec2").create_internet_gateway(TagSpecifications=again.tag_spec("internet-gateway", "igw-a"))
    assert len(warned) == 1
    assert again.find("vpc", "vpc-a")


@pytest.mark.parametrize(("prefix", "region"), [("demo", "us-east-1"), ("ann", "eu-west-1")])
def test_a_role_with_exactly_the_policy_and_only_its_region_is_ok(
    lab: Lab, monkeypatch: pytest.MonkeyPatch, prefix: str, region: str
) -> None:
    """What an organization often adds: nothing but IAM outside the Region of the course."""
    monkeypatch.setattr(other_regions, "_enabled", lambda lab: [region])
    iam, sts = lab.client("iam"), lab.client("sts")
    elsewhere = {"StringNotEquals": {"aws:RequestedRegion": region}}
    outside = {"Effect": "Deny", "NotAction": ["iam:*", "ec2:Describe*"], "Resource": "*", "Condition": elsewhere}
    document = learner_policy(prefix, ACCOUNT)
    document["Statement"].append(outside)
    for statement in document["Statement"]:
        statement["Resource"] = [each.replace(":*:", f":{region}:", 1) for each in statement["Resource"]]
    trust = {"Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}, "Action": "sts:AssumeRole"}
    written = json.dumps({"Version": "2012-10-17", "Statement": [trust]})
    role = iam.create_role(RoleName=f"learners-{prefix}", Path="/course/", AssumeRolePolicyDocument=written)["Role"]
    arn = iam.create_policy(PolicyName=f"of-{prefix}", PolicyDocument=json.dumps(document))["Policy"]["Arn"]
    iam.attach_role_policy(RoleName=role["RoleName"], PolicyArn=arn)
    issued = sts.assume_role(RoleArn=role["Arn"], RoleSessionName="ann")["Credentials"]
    learner = open_lab(region=region, prefix=prefix)
    ordinary = learner._access.client
    learner._access.client = lambda service, keys=None, region=None: ordinary(service, issued_keys(issued), region)
    assert said(preflight(learner), "permissions") == ("ok", ANSWERED)
    iam.detach_role_policy(RoleName=role["RoleName"], PolicyArn=arn)
    assert said(preflight(learner), "permissions")[0] != "ok"


def test_the_policy_is_written_for_a_lab_and_an_account() -> None:
    text = str(learner_policy("ann", "210987654321", "aws-cn"))
    assert "arn:aws-cn:iam::210987654321:role/ann-*" in text and "log-group:/ann/*" in text
    assert "demo" not in text and ACCOUNT not in text and "arn:aws:" not in text


def test_in_the_sandbox_the_command_says_that_all_can_begin(lab: Lab, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["preflight", "--prefix", "test"]) == 0
    shown = capsys.readouterr().out
    assert "ok    permissions:" in shown and "Nothing of a lab test is there in any Region." in shown
    assert "cost:" in shown and {tag["Key"] for tag in lab.tag_list("x")} == {"Project", "Lab", "Name"}
    assert main(["preflight", "--policy"]) == 0
    assert json.loads(capsys.readouterr().out) == learner_policy("demo", ACCOUNT)


@pytest.mark.parametrize("partition", ["aws", "aws-cn", "aws-us-gov"])
def test_the_policy_for_machines_is_json_alone_and_of_the_caller_s_partition(
    aws: Lab, partition: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    who = {"Account": ACCOUNT, "Arn": f"arn:{partition}:iam::{ACCOUNT}:user/ann"}
    answering(aws, "sts", "GetCallerIdentity", who)
    monkeypatch.setattr("helpers.lab.open_lab", lambda *_: aws)
    words = ["preflight", "--policy", "--mode", "aws", "--confirm-account", ACCOUNT, "--json"]
    assert main(words) == 0
    policy = json.loads(capsys.readouterr().out)
    arns = {arn for statement in policy["Statement"] for arn in statement["Resource"] if arn != "*"}
    assert {arn.split(":")[1] for arn in arns} == {partition}
    assert main([*words, str(tmp_path / "policy.json")]) == 0
    assert json.loads((tmp_path / "policy.json").read_text()) == json.loads(capsys.readouterr().out) == policy
