import pickle

import pytest

from helpers.sandbox.calls import ServiceError
from helpers.sandbox.logs.groups import RETENTION_DAYS
from tests.sandbox.logs.conftest import START, FakeAccount, put

ARN = "arn:aws:logs:us-east-1:123456789012:log-group:/vpc/a"


def error(account: FakeAccount, action: str, **params: object) -> ServiceError:
    with pytest.raises(ServiceError) as caught:
        account.call(action, **params)
    return caught.value


def test_a_group_is_described_as_it_was_made(account: FakeAccount) -> None:
    account.call("CreateLogGroup", logGroupName="/vpc/a", tags={"Lab": "demo"}, logGroupClass="INFREQUENT_ACCESS")
    assert account.call("DescribeLogGroups")["logGroups"] == [
        {
            "logGroupName": "/vpc/a",
            "creationTime": START * 1000,
            "metricFilterCount": 0,
            "arn": f"{ARN}:*",
            "logGroupArn": ARN,
            "storedBytes": 0,
            "logGroupClass": "INFREQUENT_ACCESS",
            "deletionProtectionEnabled": False,
            "bearerTokenAuthenticationEnabled": False,
        }
    ]
    assert account.call("ListTagsForResource", resourceArn=ARN) == {"tags": {"Lab": "demo"}}


def test_names_classes_and_keys_that_are_refused(account: FakeAccount) -> None:
    assert error(account, "CreateLogGroup", logGroupName="aws/x").code == "InvalidParameterException"
    assert (
        "CreateLogGroup with kmsKeyId"
        in error(account, "CreateLogGroup", logGroupName="x", kmsKeyId="arn:aws:kms:x").message
    )
    assert "ESSENTIALS" in error(account, "CreateLogGroup", logGroupName="x", logGroupClass="ESSENTIALS").message
    account.call("CreateLogGroup", logGroupName="x")
    assert error(account, "CreateLogGroup", logGroupName="x").code == "ResourceAlreadyExistsException"
    assert account.call("CreateLogGroup", "eu-west-1", logGroupName="x") == {}


def test_groups_are_paged_in_ascii_order_and_found_by_prefix_pattern_class_and_name(account: FakeAccount) -> None:
    for name in ("b/2", "B/1", "a/DataLogs", "b/1"):
        account.call("CreateLogGroup", logGroupName=name)
    account.call("CreateLogGroup", logGroupName="c", logGroupClass="INFREQUENT_ACCESS")

    def names(**params: object) -> list[str]:
        return [entry["logGroupName"] for entry in account.call("DescribeLogGroups", **params)["logGroups"]]

    assert names() == ["B/1", "a/DataLogs", "b/1", "b/2", "c"]
    assert names(logGroupNamePrefix="b/") == ["b/1", "b/2"]
    assert names(logGroupNamePattern="Data") == ["a/DataLogs"]
    assert names(logGroupNamePattern="data") == []
    assert names(logGroupClass="ESSENTIALS") == ["c"]
    assert names(logGroupIdentifiers=["b/2", "B/1"]) == ["B/1", "b/2"]
    assert len(names(includeLinkedAccounts=True)) == 5
    assert names(includeLinkedAccounts=True, accountIdentifiers=["111122223333"]) == []
    assert set(account.call("DescribeLogGroups", logGroupNamePattern="c")["logGroups"][0]) == {
        "arn",
        "creationTime",
        "logGroupArn",
        "logGroupClass",
        "logGroupName",
        "metricFilterCount",
    }  # as recorded in AWS
    first = account.call("DescribeLogGroups", limit=2)
    account.call("DeleteLogGroup", logGroupName="a/DataLogs")  # pages do not shift
    assert names(nextToken=first["nextToken"]) == ["b/1", "b/2", "c"]
    assert error(account, "DescribeLogGroups", nextToken="?").code == "InvalidParameterException"
    both = error(account, "DescribeLogGroups", logGroupNamePrefix="a", logGroupNamePattern="b")
    assert both.code == "InvalidParameterException"


def test_deletion_protection_blocks_deletion_until_it_is_switched_off(group: FakeAccount) -> None:
    group.call("PutLogGroupDeletionProtection", logGroupIdentifier=ARN, deletionProtectionEnabled=True)
    assert error(group, "DeleteLogGroup", logGroupName="/vpc/a").code == "ValidationException"
    gone = error(group, "DeleteLogStream", logGroupName="/vpc/a", logStreamName="eni-1-all")
    assert gone.code == "ValidationException"
    group.call("PutLogGroupDeletionProtection", logGroupIdentifier="/vpc/a", deletionProtectionEnabled=False)
    assert group.call("DeleteLogGroup", logGroupName="/vpc/a") == {}
    assert error(group, "DeleteLogGroup", logGroupName="/vpc/a").code == "ResourceNotFoundException"


def test_only_the_documented_retentions_are_taken(group: FakeAccount) -> None:
    assert len(RETENTION_DAYS) == 22
    for days in (0, 2, 15, 99999):
        refused = error(group, "PutRetentionPolicy", logGroupName="/vpc/a", retentionInDays=days)
        assert refused.code == "InvalidParameterException"
    group.call("PutRetentionPolicy", logGroupName="/vpc/a", retentionInDays=7)
    assert group.call("DescribeLogGroups")["logGroups"][0]["retentionInDays"] == 7
    group.call("DeleteRetentionPolicy", logGroupName="/vpc/a")
    assert "retentionInDays" not in group.call("DescribeLogGroups")["logGroups"][0]


def test_expired_events_leave_reads_and_stored_bytes(group: FakeAccount) -> None:
    put(group, (-1000, "old"), (0, "new"))
    group.call("PutRetentionPolicy", logGroupName="/vpc/a", retentionInDays=1)
    assert group.call("DescribeLogGroups")["logGroups"][0]["storedBytes"] == 2 * (3 + 26)
    group.advance(86_400 - 2.5)
    events = group.call("GetLogEvents", logGroupName="/vpc/a", logStreamName="eni-1-all")["events"]
    assert [event["message"] for event in events] == ["new"]
    assert group.call("DescribeLogGroups")["logGroups"][0]["storedBytes"] == 29
    group.advance(10)
    assert group.call("FilterLogEvents", logGroupName="/vpc/a")["events"] == []
    assert group.call("DescribeLogGroups")["logGroups"][0]["storedBytes"] == 0


def test_a_longer_retention_does_not_bring_expired_events_back_nor_lose_later_ones(group: FakeAccount) -> None:
    put(group, (0, "first"))
    group.call("PutRetentionPolicy", logGroupName="/vpc/a", retentionInDays=1)
    group.advance(2 * 86_400)
    group.call("PutRetentionPolicy", logGroupName="/vpc/a", retentionInDays=30)
    put(group, (-5 * 86_400_000, "late arrival"))

    def messages(account: FakeAccount) -> list[str]:
        events = account.call("GetLogEvents", logGroupName="/vpc/a", logStreamName="eni-1-all")["events"]
        return [event["message"] for event in events]

    assert messages(group) == ["late arrival"]
    assert messages(group.restarted()) == ["late arrival"]


def test_tags_old_and_new_actions_agree(group: FakeAccount) -> None:
    group.call("TagResource", resourceArn=ARN, tags={"Name": "a", "Lab": "x"})
    group.call("TagLogGroup", logGroupName="/vpc/a", tags={"Lab": "y"})
    assert group.call("ListTagsLogGroup", logGroupName="/vpc/a")["tags"] == {"Name": "a", "Lab": "y"}
    group.call("UntagResource", resourceArn=ARN, tagKeys=["Name", "unknown"])
    group.call("UntagLogGroup", logGroupName="/vpc/a", tags=["Lab"])
    assert group.call("ListTagsForResource", resourceArn=ARN)["tags"] == {}
    for tags in ({"aws:x": "1"}, {"a?": "1"}, {"a": "x" * 257}):
        assert error(group, "TagResource", resourceArn=ARN, tags=tags).code == "InvalidParameterException"
    many = {f"k{i}": "" for i in range(50)}
    group.call("TagResource", resourceArn=ARN, tags=many)
    assert error(group, "TagResource", resourceArn=ARN, tags={"more": ""}).code == "TooManyTagsException"
    elsewhere = ARN.replace("us-east-1", "eu-west-1")
    assert error(group, "TagResource", resourceArn=elsewhere, tags={}).code == "ResourceNotFoundException"
    assert error(group, "TagResource", resourceArn="x", tags={}).code == "InvalidParameterException"


def test_infrequent_access_and_delivery_forbid_what_aws_says(account: FakeAccount) -> None:
    account.call("CreateLogGroup", logGroupName="ia", logGroupClass="INFREQUENT_ACCESS")
    account.call("CreateLogStream", logGroupName="ia", logStreamName="s")
    put(account, (0, "x"), stream="s", group="ia")
    read = error(account, "GetLogEvents", logGroupName="ia", logStreamName="s")
    assert read.code == "InvalidParameterException" and "INFREQUENT_ACCESS" in read.message
    assert error(account, "FilterLogEvents", logGroupName="ia").code == "InvalidParameterException"
    metric = {"metricName": "m", "metricNamespace": "n", "metricValue": "1"}
    params = {"filterName": "f", "filterPattern": "", "metricTransformations": [metric]}
    assert error(account, "PutMetricFilter", logGroupName="ia", **params).code == "InvalidOperationException"
    account.call("CreateLogGroup", logGroupName="d", logGroupClass="DELIVERY")
    assert account.call("DescribeLogGroups", logGroupClass="DELIVERY")["logGroups"][0]["retentionInDays"] == 1
    fixed = error(account, "PutRetentionPolicy", logGroupName="d", retentionInDays=7)
    assert fixed.code == "InvalidParameterException"


def test_the_state_is_picklable_and_holds_no_event(group: FakeAccount) -> None:
    put(group, (0, "a message that only the store holds"))
    assert b"only the store" not in pickle.dumps(group.states)


def test_identifier_and_name_exclude_each_other(group: FakeAccount) -> None:
    assert error(group, "DescribeLogStreams").code == "InvalidParameterException"
    both = error(group, "DescribeLogStreams", logGroupName="/vpc/a", logGroupIdentifier=ARN)
    assert both.code == "InvalidParameterException"
    assert group.call("DescribeLogStreams", logGroupIdentifier=ARN)["logStreams"][0]["logStreamName"] == "eni-1-all"


def test_groups_are_listed_by_pattern_class_and_tag(account: FakeAccount) -> None:
    account.call("CreateLogGroup", logGroupName="vpc/a", tags={"Lab": "x"})
    account.call("CreateLogGroup", logGroupName="my/vpc", tags={"Lab": "y"})
    account.call("CreateLogGroup", logGroupName="other", logGroupClass="INFREQUENT_ACCESS")

    def names(**params: object) -> list[str]:
        return [entry["logGroupName"] for entry in account.call("ListLogGroups", **params)["logGroups"]]

    assert names() == ["my/vpc", "other", "vpc/a"]
    assert names(logGroupNamePattern="^vpc") == ["vpc/a"]
    assert names(logGroupNamePattern="vpc|^oth") == ["my/vpc", "other", "vpc/a"]
    assert names(logGroupClass="INFREQUENT_ACCESS") == ["other"]
    assert names(logGroupTags=[{"key": "Lab", "values": ["y", "z"]}]) == ["my/vpc"]
    assert names(logGroupTags=[{"key": "Lab"}]) == ["my/vpc", "vpc/a"]
    assert names(logGroupTags=[{"key": "Lab", "values": ["Y*"]}]) == ["my/vpc"]
    assert names(logGroupTags=[{"key": "Lab", "values": ["Y"]}]) == []
    assert names(logGroupTags=[{"key": "Lab", "values": ["!y"]}]) == ["vpc/a"]
    assert names(logGroupTags=[{"key": "lab", "values": ["!y"]}]) == []
    first = account.call("ListLogGroups", limit=2)
    assert names(nextToken=first["nextToken"]) == ["vpc/a"]
    assert "does not simulate" in error(account, "ListLogGroups", fieldIndexNames=["a"]).message


def test_a_stream_has_no_upload_token_before_its_first_event(group: FakeAccount) -> None:
    def members() -> set[str]:
        return set(group.call("DescribeLogStreams", logGroupName="/vpc/a")["logStreams"][0])

    assert members() == {"arn", "creationTime", "logStreamName", "storedBytes"}
    put(group, (0, "x"))
    assert members() - {"arn", "creationTime", "logStreamName", "storedBytes"} == {
        *("uploadSequenceToken", "firstEventTimestamp", "lastEventTimestamp", "lastIngestionTime")
    }
