"""``lab.reading()``: what the checks need, by clients that can only read; and what could not be read is told.

Stock moto plays the account.
"""

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore import xform_name
from botocore.awsrequest import AWSResponse
from botocore.exceptions import ParamValidationError
from moto import mock_aws

from helpers.access import ALWAYS_ALLOWED, iam_action
from helpers.lab import LabError
from helpers.lab.account_reading import read_account
from helpers.lab.read_only import READS, NotReadingError, guard, read_only
from tests.support.stock_moto import leave_out_what_no_test_asks_for

POLICY = Path(__file__).resolve().parents[2] / "docs" / "health-policy.json"
ACCOUNT = "123456789012"
GROUP = "/vpc/flow"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/flow"


class _Ok:
    status_code = 200


class _Denied:
    status_code = 403


class Account:
    """An account that notes what is asked, and answers some operations as told."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str]] = []
        self.answers: dict[str, Any] = {}
        self.clients: dict[str, Any] = {}

    def client(self, service: str, region: str = "us-east-1") -> Any:
        client = self.clients[service] = boto3.client(service, region_name=region)
        client.meta.events.register("before-call", self._note)
        return client

    def _note(self, model: Any, params: Any, **_: Any) -> Any:
        self.asked.append((model.service_model.service_name, model.name))
        answer = self.answers.get(model.name)
        return answer(params) if callable(answer) else answer

    def deny(self, operation: str, code: str = "AccessDenied") -> None:
        self.answers[operation] = (_Denied(), {"Error": {"Code": code, "Message": "no"}})

    def now(self) -> datetime:
        return datetime.now(UTC)

    def read(self, most_events: int = 1000) -> dict[str, Any]:
        return read_account(self, "us-east-1", 60, most_events)  # type: ignore[arg-type]


@pytest.fixture
def account(monkeypatch: pytest.MonkeyPatch) -> Iterator[Account]:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    leave_out_what_no_test_asks_for(monkeypatch)
    with mock_aws():
        account = Account()
        page = {"queryDefinitions": [{"name": "a"}], "nextToken": "t"}

        def saved(params: Any) -> Any:
            return _Ok(), {"queryDefinitions": [{"name": "b"}]} if "nextToken" in params["body"].decode() else page

        account.answers["DescribeQueryDefinitions"] = saved
        yield account


def build(streams: int = 2, alarms: int = 1) -> None:
    """A VPC with a flow log, its group, role and policies, a prefix list in a rule, and more streams than a page."""
    ec2, logs, iam = (boto3.client(name, region_name="us-east-1") for name in ("ec2", "logs", "iam"))
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    allow = {"Effect": "Allow", "Action": "logs:PutLogEvents", "Resource": "*"}
    trust = {"Effect": "Allow", "Principal": {"Service": "vpc-flow-logs.amazonaws.com"}, "Action": "sts:AssumeRole"}
    document = json.dumps({"Version": "2012-10-17", "Statement": allow})
    limit = iam.create_policy(PolicyName="limit", PolicyDocument=document)["Policy"]["Arn"]
    trusted = json.dumps({"Version": "2012-10-17", "Statement": trust})
    iam.create_role(RoleName="flow", AssumeRolePolicyDocument=trusted, PermissionsBoundary=limit)
    iam.put_role_policy(RoleName="flow", PolicyName="inline", PolicyDocument=document)
    arn = iam.create_policy(PolicyName="attached", PolicyDocument=document)["Policy"]["Arn"]
    iam.attach_role_policy(RoleName="flow", PolicyArn=arn)
    logs.create_log_group(logGroupName=GROUP, tags={"ManagedBy": "stack"})
    logs.create_log_group(logGroupName=f"{GROUP}-other")
    for number in range(streams):
        logs.create_log_stream(logGroupName=GROUP, logStreamName=f"eni-{number}-all")
    now = int(datetime.now(UTC).timestamp() * 1000)
    for minutes in (5, 25, 300):
        event = {"timestamp": now - minutes * 60_000, "message": f"{minutes} minutes old"}
        logs.put_log_events(logGroupName=GROUP, logStreamName="eni-1-all", logEvents=[event])
    for resource, name in ((vpc, GROUP), (ec2.describe_subnets()["Subnets"][0]["SubnetId"], "/not/there")):
        ec2.create_flow_logs(
            ResourceIds=[resource],
            ResourceType="VPC" if resource == vpc else "Subnet",
            TrafficType="ALL",
            LogGroupName=name,
            DeliverLogsPermissionArn=ROLE if resource == vpc else f"{ROLE}-gone",
        )
    made = {"metricNamespace": "N", "metricName": "m", "metricValue": "1"}
    logs.put_metric_filter(logGroupName=GROUP, filterName="f", filterPattern="REJECT", metricTransformations=[made])
    cloudwatch = boto3.client("cloudwatch", region_name="us-east-1")
    settings = {"EvaluationPeriods": 1, "ComparisonOperator": "LessThanThreshold", "Threshold": 1.0}
    metric = {"Namespace": "N", "MetricName": "m", "Period": 60, "Statistic": "Sum"}
    for number in range(alarms):
        cloudwatch.put_metric_alarm(AlarmName=f"a{number:03}", **metric, **settings)
    entry = [{"Cidr": "10.9.0.0/16"}]
    listed = ec2.create_managed_prefix_list(PrefixListName="a", AddressFamily="IPv4", MaxEntries=2, Entries=entry)
    group = ec2.create_security_group(GroupName="a", Description="a", VpcId=vpc)["GroupId"]
    prefix_list = [{"PrefixListId": listed["PrefixList"]["PrefixListId"]}]
    rule = {"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "PrefixListIds": prefix_list}
    ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[rule])


def test_a_reading_holds_what_the_checks_need_over_all_pages(account: Account) -> None:
    build(streams=60, alarms=110)
    reading = account.read()
    assert json.loads(json.dumps(reading)) == reading and reading["unread"] == {}
    assert (reading["account"], reading["region"]) == (ACCOUNT, "us-east-1")
    assert [group["tags"] for group in reading["log_groups"]] == [{"ManagedBy": "stack"}]
    assert len(reading["log_streams"][GROUP]) == 60
    assert [line for _, _, line in reading["events"][GROUP]["lines"]] == ["25 minutes old", "5 minutes old"]
    assert (
        set(reading["roles"][ROLE]["policies"]) == {"inline", "attached"} and reading["roles"][f"{ROLE}-gone"] is None
    )
    assert reading["roles"][ROLE]["boundary"]["Statement"]["Action"] == "logs:PutLogEvents"
    assert [query["name"] for query in reading["saved_queries"]] == ["a", "b"]
    assert len(reading["alarms"]) == 110
    assert [entry["filterName"] for entry in reading["metric_filters"]] == ["f"]
    assert reading["network"]["ManagedPrefixLists"][0]["Entries"][0]["Cidr"] == "10.9.0.0/16"


def test_a_role_of_the_same_name_with_another_path_is_not_the_flow_logs_own(account: Account) -> None:
    build()
    trusted = json.dumps({"Version": "2012-10-17", "Statement": []})
    boto3.client("iam", region_name="us-east-1").create_role(
        RoleName="flow-gone", Path="/new/", AssumeRolePolicyDocument=trusted
    )
    assert account.read()["roles"][f"{ROLE}-gone"] is None


def test_the_calls_are_those_of_the_list_and_of_the_least_policy(account: Account) -> None:
    build()
    account.read()
    listed = {(service, operation) for service, operations in READS.items() for operation in operations}
    assert set(account.asked) == listed
    [statement] = json.loads(POLICY.read_text())["Statement"]
    needed = {iam_action(service, operation) for service, operation in listed} - ALWAYS_ALLOWED
    assert statement["Effect"] == "Allow" and sorted(needed) == statement["Action"]


def test_of_many_events_the_newest_are_kept(account: Account) -> None:
    build()
    events = account.read(most_events=1)["events"][GROUP]
    assert [line for _, _, line in events["lines"]] == ["5 minutes old"]
    assert 9 * 60 < datetime.now(UTC).timestamp() - datetime.fromisoformat(events["since"]).timestamp() < 12 * 60


@pytest.mark.parametrize(
    ("operation", "kind"),
    [
        ("DescribeVpcs", "Vpcs"),
        ("DescribeInstances", "Instances"),
        ("DescribeFlowLogs", "FlowLogs"),
        ("DescribeLogGroups", "logGroups"),
        ("DescribeLogStreams", "logStreams"),
        ("FilterLogEvents", "events"),
        ("ListTagsForResource", "tags"),
        ("GetRolePolicy", "roles"),
        ("DescribeQueryDefinitions", "queryDefinitions"),
        ("DescribeAlarms", "alarms"),
        ("DescribeMetricFilters", "metricFilters"),
    ],
)
def test_what_is_denied_is_noted_and_the_rest_is_read(account: Account, operation: str, kind: str) -> None:
    build()
    account.deny(operation)
    reading = account.read()
    assert reading["unread"] == {kind: "AccessDenied"}
    assert reading["network"]["Subnets"]


def test_no_identity_is_one_sentence(account: Account) -> None:
    account.deny("GetCallerIdentity", "ExpiredToken")
    with pytest.raises(LabError, match=r"\(ExpiredToken\)\. Sign in"):
        account.read()


def test_a_throttled_call_is_made_again(account: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("time.sleep", lambda seconds: None)
    throttled: list[str] = []

    class Body:
        def stream(self) -> Iterator[bytes]:
            yield b"<Response><Errors><Error><Code>RequestLimitExceeded</Code></Error></Errors></Response>"

    def once(request: Any, **_: Any) -> AWSResponse | None:
        throttled.append(request.url)
        return AWSResponse(request.url, 503, {}, Body()) if len(throttled) == 1 else None

    ordinary = account.client

    def client(service: str, region: str = "us-east-1") -> Any:
        made = ordinary(service, region)
        made.meta.events.register_first("before-send.ec2.DescribeVpcs", once)
        return made

    monkeypatch.setattr(account, "client", client)
    assert account.read()["unread"] == {} and len(throttled) == 2


@pytest.mark.parametrize("service", ["cloudwatch", "ec2", "logs", "iam", "sts"])
def test_of_all_operations_only_the_listed_ones_pass(account: Account, service: str) -> None:
    client = read_only(boto3.client(service, region_name="us-east-1"))
    client.meta.events.register_last("before-call", lambda **_: (_Ok(), {}))
    passed = set()
    for operation in client.meta.service_model.operation_names:
        try:
            getattr(client, xform_name(operation))()
        except NotReadingError as refused:
            assert operation in str(refused)
        except ParamValidationError:
            passed.add(operation)
        else:
            passed.add(operation)
    assert passed == READS[service]


def test_no_other_way_to_call_leads_past_the_list(account: Account) -> None:
    client = read_only(boto3.client("ec2", region_name="us-east-1"))
    sent: list[str] = []
    client.meta.events.register("request-created", lambda operation_name, **_: sent.append(operation_name))
    with pytest.raises(NotReadingError):
        list(client.get_paginator("describe_volumes").paginate())
    with pytest.raises(NotReadingError):
        client.get_waiter("volume_available").wait()
    with pytest.raises(NotReadingError):
        client.generate_presigned_url("create_vpc", Params={"CidrBlock": "10.0.0.0/16"})
    session = boto3.Session(region_name="us-east-1")
    guard(session.events)
    with pytest.raises(NotReadingError):
        session.resource("ec2").create_vpc(CidrBlock="10.0.0.0/16")
    with pytest.raises(NotReadingError):
        session.resource("iam").Role("flow").delete()
    assert sent == [] and [vpc.id for vpc in session.resource("ec2").vpcs.all()]


@pytest.mark.parametrize("asked", [{"minutes": float("nan")}, {"minutes": -5}, {"minutes": 1e300}, {"most_events": 0}])
def test_numbers_that_make_no_sense_are_refused_before_anything_is_asked(asked: dict[str, Any]) -> None:
    account = Account()
    [(name, value)] = asked.items()
    with pytest.raises(LabError, match=rf"^{name} is a .*, not {re.escape(str(value))}\.$"):
        read_account(account, "us-east-1", **{"minutes": 60, "most_events": 10} | asked)  # type: ignore[arg-type]
    assert account.asked == []
