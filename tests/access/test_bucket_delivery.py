"""What flow-log delivery to a bucket asks of the bucket's policy."""

from typing import Any

import pytest

from helpers.access import Policy, bucket_statements, can_deliver_to_bucket

ACCOUNT, REGION, BUCKET = "123456789012", "us-east-1", "demo-archive"
FOLDER = f"flow/AWSLogs/{ACCOUNT}/"


def decided(statements: list[dict[str, Any]], folder: str = FOLDER, region: str = REGION) -> bool:
    policy = Policy.parse({"Version": "2012-10-17", "Statement": statements}, "bucket")
    return can_deliver_to_bucket(policy, BUCKET, folder, ACCOUNT, region).allowed


def aws_s() -> list[dict[str, Any]]:
    return [dict(statement) for statement in bucket_statements(BUCKET, FOLDER, ACCOUNT, REGION)]


def test_aws_s_two_statements_are_enough_and_both_are_needed() -> None:
    assert decided(aws_s())
    assert not decided(aws_s()[:1]) and not decided(aws_s()[1:])
    assert not can_deliver_to_bucket(None, BUCKET, FOLDER, ACCOUNT, REGION)


@pytest.mark.parametrize("action", ["s3:GetBucketAcl", ["s3:GetBucketAcl", "s3:ListBucket"], "s3:Get*"])
def test_each_version_of_aws_s_page_grants_it(action: Any) -> None:
    assert decided([aws_s()[0], {**aws_s()[1], "Action": action}])


def test_without_conditions_it_is_granted_and_a_deny_takes_it_back() -> None:
    bare = [{name: part for name, part in each.items() if name != "Condition"} for each in aws_s()]
    assert decided(bare)
    deny = {"Effect": "Deny", "Principal": "*", "Action": "s3:PutObject", "Resource": f"arn:aws:s3:::{BUCKET}/*"}
    assert not decided([*bare, deny])


@pytest.mark.parametrize(
    "change",
    [
        {"Principal": {"Service": "vpc-flow-logs.amazonaws.com"}},
        {"Resource": f"arn:aws:s3:::{BUCKET}/AWSLogs/{ACCOUNT}/*"},
        {"Condition": {"StringEquals": {"aws:SourceAccount": "210987654321"}}},
        {"Condition": {"StringEquals": {"s3:x-amz-acl": "private"}}},
        {"Action": "s3:GetObject"},
    ],
)
def test_what_is_wrong_in_the_writing_statement_refuses(change: dict[str, Any]) -> None:
    assert not decided([{**aws_s()[0], **change}, aws_s()[1]])


def test_another_folder_or_region_is_not_granted() -> None:
    assert not decided(aws_s(), folder=f"flow/AWSLogs/aws-account-id={ACCOUNT}/")
    assert not decided(aws_s(), region="eu-west-1")
