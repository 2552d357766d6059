"""The checks of 03, 04 and 10 on a built lab: other right ways pass, odd accounts and odd answers get a sentence."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from helpers.lab import Lab
from helpers.lessons import content
from helpers.lessons.outcome import CheckReport
from helpers.lessons.progress import ProgressFile
from helpers.lessons.tools import exercises
from helpers.pricing import estimate
from tests.support.homes import served_lab_after
from tests.support.served import ServedHome

GROUP, REJECTS, ANSWER = "/demo/vpc-flow-logs", "/demo/rejects", "/demo/formats/answer"
READ = ["logs:FilterLogEvents", "logs:GetLogEvents", "logs:DescribeLogStreams"]


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Lab, ServedHome]]:
    """The lab as the lessons before 10 leave it, and what serves it."""
    with served_lab_after("09", tmp_path_factory.mktemp("account") / "home") as served:
        yield served


@pytest.fixture
def lab(served: tuple[Lab, ServedHome]) -> Lab:
    return served[0]


@pytest.fixture
def own_lab(served: tuple[Lab, ServedHome]) -> Iterator[Lab]:
    """The same lab, for one test to take apart."""
    lab, home = served
    with home.put_back():
        yield lab


@pytest.fixture
def check(lab: Lab, tmp_path: Path) -> Any:
    """``check("03.4", answer)``: what the learner would be told."""
    return asking(lab, tmp_path / "progress.json")


def asking(lab: Lab, notes: Path) -> Callable[..., CheckReport]:

    def look(exercise: str, answer: Any = None) -> CheckReport:
        variable = content.exercises()[exercise].variable
        return exercises(lab, {variable: answer}, ProgressFile(notes)).check(exercise)  # type: ignore[return-value]

    return look


def role_arn(lab: Lab, name: str = "flow-logs") -> str:
    return str(lab.client("iam").get_role(RoleName=lab.name(name))["Role"]["Arn"])


def group_arn(lab: Lab, name: str = GROUP) -> str:
    found = lab.client("logs").describe_log_groups(logGroupNamePrefix=name)["logGroups"]
    return str(found[0]["arn"]).removesuffix(":*")


def policy(*statements: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", **each} for each in statements]})


# --- 03 ---------------------------------------------------------------------------------------------------------


def test_a_delivery_role_written_another_way_is_right(lab: Lab, check: Any) -> None:
    """A statement for each action, and wildcards in a name, do the same."""
    iam, arn = lab.client("iam"), group_arn(lab)
    streams = ["logs:CreateLogStream", "logs:PutLog*"]
    document = policy(
        {"Action": ["logs:CreateLogGroup", "logs:DescribeLogStreams"], "Resource": [f"{arn}:log-stream:*"]},
        {"Action": streams, "Resource": f"{arn}:*"},
        {"Action": ["logs:DescribeLogGroups", "logs:DescribeQueries"], "Resource": "*"},
    )
    iam.put_role_policy(RoleName=lab.name("flow-logs"), PolicyName=lab.name("flow-logs-write"), PolicyDocument=document)
    assert check("03.1").outcome == "done"


def test_an_auditor_with_a_managed_policy_who_trusts_one_user_is_right(lab: Lab, check: Any) -> None:
    iam, arn = lab.client("iam"), group_arn(lab)
    me = lab.client("sts").get_caller_identity()["Arn"]
    trust = policy({"Principal": {"AWS": me}, "Action": "sts:AssumeRole"})
    assert check("03.3").outcome == "not attempted"
    iam.create_role(RoleName=lab.name("auditor"), AssumeRolePolicyDocument=trust, Tags=lab.tag_list("auditor"))
    assert check("03.3").key == "cannot"
    parts = [{"Action": READ[:1], "Resource": f"{arn}:*"}, {"Action": READ[1:], "Resource": f"{arn}:log-stream:*"}]
    made = iam.create_policy(PolicyName=lab.name("read"), PolicyDocument=policy(*parts), Tags=lab.tag_list("read"))[
        "Policy"
    ]["Arn"]
    iam.attach_role_policy(RoleName=lab.name("auditor"), PolicyArn=made)
    assert check("03.3").outcome == "done"
    iam.update_assume_role_policy(
        RoleName=lab.name("auditor"),
        PolicyDocument=policy({"Principal": {"AWS": "arn:aws:iam::111122223333:root"}, "Action": "sts:AssumeRole"}),
    )
    assert check("03.3").key == "trust-open"


def test_passing_a_role_may_be_said_in_several_ways(lab: Lab, check: Any) -> None:
    role = role_arn(lab)
    to_the_service = {"StringEquals": {"iam:PassedToService": "vpc-flow-logs.amazonaws.com"}}
    for extra in ({}, {"Condition": to_the_service}, {"Sid": "PassIt"}):
        answer = {"Effect": "Allow", "Action": ["iam:PassRole"], "Resource": [role], **extra}
        assert check("03.4", answer).outcome == "done", extra
    assert check("03.4", {"Effect": "Allow", "Action": ..., "Resource": ...}).outcome == "not attempted"


@pytest.mark.parametrize(
    ("answer", "key"),
    [
        ({"Effect": "Allow"}, "shape"),
        ({"Effect": "Allow", "Action": "iam:PassRole", "Resource": ...}, "shape"),
        ([1, 2], "shape"),
        (object(), "shape"),
        ({"Effect": "Allow", "Action": 7, "Resource": 8}, "malformed"),
        ({"Effect": "Allow", "Action": {1, 2}, "Resource": "*"}, "malformed"),
        ({"Effect": "Deny", "Action": "iam:PassRole", "Resource": "*"}, "not-that"),
    ],
)
def test_what_is_no_statement_gets_a_sentence(check: Any, answer: Any, key: str) -> None:
    verdict = check("03.4", answer)
    assert (verdict.outcome, verdict.key, verdict.course_fault) == ("not yet", key, False), verdict


# --- 04 ---------------------------------------------------------------------------------------------------------


def test_a_flow_log_that_names_its_group_by_arn_and_has_a_role_of_its_own_is_right(lab: Lab, check: Any) -> None:
    iam, logs, ec2 = (lab.client(each) for each in ("iam", "logs", "ec2"))
    assert check("04.1").outcome == check("04.2").outcome == "not attempted"
    logs.create_log_group(logGroupName=REJECTS, tags=lab.tag_dict("rejects"))
    logs.put_retention_policy(logGroupName=REJECTS, retentionInDays=7)
    service = {"Principal": {"Service": "vpc-flow-logs.amazonaws.com"}, "Action": "sts:AssumeRole"}
    own = iam.create_role(
        RoleName=lab.name("rejects"), AssumeRolePolicyDocument=policy(service), Tags=lab.tag_list("rejects")
    )["Role"]["Arn"]
    ec2.create_flow_logs(
        ResourceType="Subnet",
        ResourceIds=[lab.find("subnet", "private-b")],
        TrafficType="REJECT",
        LogDestination=group_arn(lab, REJECTS),
        DeliverLogsPermissionArn=own,
        MaxAggregationInterval=60,
        TagSpecifications=lab.tag_spec("vpc-flow-log", "my-own-name"),
    )
    assert check("04.1").outcome == "done"
    assert check("04.2").outcome == "not attempted"
    write = {"Action": ["logs:CreateLogStream", "logs:PutLogEvents"], "Resource": f"{group_arn(lab, REJECTS)}:*"}
    iam.put_role_policy(RoleName=lab.name("rejects"), PolicyName="write", PolicyDocument=policy(write))
    assert check("04.2").key == "not-delivered"
    attempt = {"commands": ["ssh -o ConnectTimeout=5 ec2-user@10.2.1.10"]}
    client = lab.find("instance", "client-a")
    lab.client("ssm").send_command(InstanceIds=[client], DocumentName="AWS-RunShellScript", Parameters=attempt)
    lab.wait_until(lambda: logs.filter_log_events(logGroupName=REJECTS)["events"], 1800, "refusal")
    assert check("04.2").outcome == "done"


@pytest.mark.parametrize(
    ("traffic", "fields", "key"),
    [
        ("ACCEPT", "${dstaddr} ${bytes} ${end} ${interface-id}", "done"),
        ("ACCEPT", "${pkt-srcaddr} ${start} ${traffic-path} ${packets} ${bytes} ${flow-direction}", "done"),
        ("ALL", "${start} ${srcaddr} ${dstaddr} ${bytes} ${action}", "done"),
        ("REJECT", "${start} ${srcaddr} ${dstaddr} ${bytes} ${action}", "rejected-bytes"),
    ],
)
def test_several_formats_answer_the_question(lab: Lab, check: Any, traffic: str, fields: str, key: str) -> None:
    ec2, logs = lab.client("ec2"), lab.client("logs")
    assert check("04.3").outcome == "not attempted"
    logs.create_log_group(logGroupName=ANSWER, tags=lab.tag_dict("answer"))
    logs.put_retention_policy(logGroupName=ANSWER, retentionInDays=30)
    made = ec2.create_flow_logs(
        ResourceType="VPC",
        ResourceIds=[lab.find("vpc", "vpc-b")],
        TrafficType=traffic,
        LogDestination=group_arn(lab, ANSWER),
        LogFormat=fields,
        DeliverLogsPermissionArn=role_arn(lab),
        TagSpecifications=lab.tag_spec("vpc-flow-log", "my-own-name"),
    )
    verdict = check("04.3")
    ec2.delete_flow_logs(FlowLogIds=made["FlowLogIds"])
    logs.delete_log_group(logGroupName=ANSWER)
    assert verdict.key == key, verdict


# --- 10 ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "query",
    [
        "fields strlen(@message) as w | stats sum(w), count(*) by action",
        'filter action in ["ACCEPT", "REJECT"] | stats count(*) as n, sum(strlen(@message)) as w by action, version',
    ],
)
def test_a_group_may_weigh_itself_in_several_ways(check: Any, query: str) -> None:
    verdict = check("10.1", query)
    assert verdict.outcome == "done", verdict


def test_a_plan_may_save_more_than_it_must(check: Any) -> None:
    cheap: Any = {"destination": "infrequent-access", "retention_days": 60}
    assert check("10.2", estimate(720, scanned_gb=1_000, **cheap)).outcome == "done"
    assert check("10.2", estimate(720, scanned_gb=7_200, free_tier=True, **cheap)).key == "over"
    assert check("10.2", True).key == check("10.2", "200").key == "shape"


def test_the_cheaper_query_may_keep_its_filter(lab: Lab, check: Any) -> None:
    pages = lab.client("logs").get_paginator("filter_log_events").paginate(logGroupName=GROUP)
    made = lab.client("logs").describe_log_groups(logGroupNamePrefix=GROUP)["logGroups"][0]["creationTime"]
    told = [event for event in pages.search("events[]") if not event["message"].endswith("NODATA")]
    first = min(event["timestamp"] for event in told if event["timestamp"] >= made) // 1000
    text = f"filter @timestamp >= {first * 1000} | stats count(*) by action"
    assert check("10.4", {"startTime": first, "endTime": first + 59, "queryString": text}).outcome == "done"
    assert check("10.4", {"startTime": "now", "endTime": first, "queryString": text}).key == "shape"
    assert check("10.4", {"startTime": str(first), "endTime": first + 59, "queryString": text}).key == "shape"
    assert check("10.4", {"startTime": first, "endTime": first + 59.0, "queryString": text}).key == "shape"
    assert check("10.4", {"startTime": first, "endTime": first + 59, "queryString": 7}).key == "shape"
    assert check("10.4", {"startTime": first, "endTime": first + 59}).key == "shape"


# --- a lab in pieces --------------------------------------------------------------------------------------------


def test_an_account_in_pieces_gets_sentences_and_no_traceback(own_lab: Lab, tmp_path: Path) -> None:
    lab, check = own_lab, asking(own_lab, tmp_path / "progress.json")
    answers = {"03.4": {"Effect": "Allow", "Action": "a:b", "Resource": "*"}, "10.1": "stats count(*)", "10.2": 1.5}
    answers["10.4"] = {"startTime": 1, "endTime": 2, "queryString": "stats count(*)"}
    iam = lab.client("iam")
    for name in iam.list_role_policies(RoleName=lab.name("flow-logs"))["PolicyNames"]:
        iam.delete_role_policy(RoleName=lab.name("flow-logs"), PolicyName=name)
    iam.delete_role(RoleName=lab.name("flow-logs"))
    lab.client("logs").delete_log_group(logGroupName=GROUP)
    for exercise in ("03.1", "03.3", "03.4", "04.1", "04.2", "04.3", "10.1", "10.2", "10.3", "10.4"):
        verdict = check(exercise, answers.get(exercise))
        assert not verdict.course_fault, verdict
        assert verdict.message
    lab.teardown.run()
    assert not lab.teardown.verify()
    for exercise in ("03.1", "03.3", "04.1", "04.2", "04.3", "10.1", "10.2", "10.3", "10.4"):
        verdict = check(exercise, answers.get(exercise))
        assert not verdict.course_fault and verdict.outcome != "done", verdict
