"""Amazon S3 as far as the course goes: each call over HTTP, what is refused, and what a restart keeps."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from botocore import xform_name

from helpers.sandbox.calls import TABLE
from tests.support.served import Sandbox

Refused = Callable[..., tuple[str, str]]

BUCKET = "demo-archive-123456789012"
KEY = "AWSLogs/aws-account-id=1/a b+c.gz"
EVERY_BYTE = bytes(range(256))
TAGS = [{"Key": "Lab", "Value": "demo"}]
POLICY = {
    "Version": "2012-10-17",
    "Statement": [
        {"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": f"arn:aws:s3:::{BUCKET}/*"}
    ],
}


@pytest.fixture(scope="module")
def s3(sandbox: Sandbox) -> Any:
    client = sandbox.client("s3")
    client.create_bucket(Bucket=BUCKET)
    client.put_object(Bucket=BUCKET, Key=KEY, Body=EVERY_BYTE)
    client.put_bucket_tagging(Bucket=BUCKET, Tagging={"TagSet": TAGS})
    client.put_bucket_policy(Bucket=BUCKET, Policy=json.dumps(POLICY))
    return client


def seen(s3: Any) -> dict[str, Any]:
    """What every read of the bucket tells."""
    head = s3.head_object(Bucket=BUCKET, Key=KEY)
    (listed,) = s3.list_objects_v2(Bucket=BUCKET, Prefix="AWSLogs/")["Contents"]
    return {
        "bytes": s3.get_object(Bucket=BUCKET, Key=KEY)["Body"].read(),
        "head": (head["ContentLength"], head["ETag"], head["LastModified"]),
        "listed": (listed["Size"], listed["ETag"], listed["LastModified"], listed["Key"]),
        "buckets": [bucket["Name"] for bucket in s3.list_buckets()["Buckets"]],
        "Region": s3.get_bucket_location(Bucket=BUCKET)["LocationConstraint"],
        "tags": s3.get_bucket_tagging(Bucket=BUCKET)["TagSet"],
        "policy": json.loads(s3.get_bucket_policy(Bucket=BUCKET)["Policy"]),
        "there": s3.head_bucket(Bucket=BUCKET)["ResponseMetadata"]["HTTPStatusCode"],
    }


def test_what_was_put_is_read_again_and_survives_a_restart(sandbox: Sandbox, s3: Any) -> None:
    before = seen(s3)
    assert before["bytes"] == EVERY_BYTE
    assert before["listed"] == (*before["head"], KEY) and before["head"][0] == 256
    assert (before["buckets"], before["Region"], before["tags"], before["policy"]) == ([BUCKET], None, TAGS, POLICY)
    assert s3.get_object(Bucket=BUCKET, Key=KEY, Range="bytes=1-3")["Body"].read() == b"\1\2\3"
    for from_checkpoint in (False, True):
        sandbox.reopen(from_checkpoint=from_checkpoint)
        assert seen(s3) == before


def test_names_are_taken_after_a_restart_too(sandbox: Sandbox, s3: Any, refused: Refused) -> None:
    sandbox.reopen(from_checkpoint=True)
    west = sandbox.client("s3", region="eu-west-1")
    asked = {"Bucket": BUCKET, "CreateBucketConfiguration": {"LocationConstraint": "eu-west-1"}}
    assert refused(west.create_bucket, **asked)[0] == "BucketAlreadyOwnedByYou"


@pytest.mark.parametrize("name", ["Demo", "demo_logs", "de", "192.0.2.1", "demo..logs", "-demo"])
def test_a_wrong_name_is_refused(s3: Any, refused: Refused, name: str) -> None:
    assert refused(s3.create_bucket, Bucket=name)[0] == "InvalidBucketName"


@pytest.mark.parametrize("policy", ["no JSON", "{}", json.dumps({**POLICY, "Statement": []})])
def test_a_policy_that_is_none_is_refused(s3: Any, refused: Refused, policy: str) -> None:
    assert refused(s3.put_bucket_policy, Bucket=BUCKET, Policy=policy)[0] == "MalformedPolicy"
    assert json.loads(s3.get_bucket_policy(Bucket=BUCKET)["Policy"]) == POLICY


def test_lists_come_in_pages_and_a_token_that_nobody_gave_is_refused(s3: Any, refused: Refused) -> None:
    s3.create_bucket(Bucket="demo-pages")
    for name in "abc":
        s3.put_object(Bucket="demo-pages", Key=name, Body=b"")
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket="demo-pages", PaginationConfig={"PageSize": 2})
    assert [[item["Key"] for item in page["Contents"]] for page in pages] == [["a", "b"], ["c"]]
    for wrong in ({"ContinuationToken": "zz"}, {"MaxKeys": -1}):
        assert refused(s3.list_objects_v2, Bucket="demo-pages", **wrong)[0] == "InvalidArgument"
    s3.delete_objects(Bucket="demo-pages", Delete={"Objects": [{"Key": name} for name in "abc"]})
    s3.delete_bucket(Bucket="demo-pages")


def test_what_is_not_there_and_what_is_not_empty(s3: Any, refused: Refused) -> None:
    assert refused(s3.get_object, Bucket=BUCKET, Key="no")[0] == "NoSuchKey"
    assert refused(s3.head_object, Bucket=BUCKET, Key="no")[0] == "404"
    assert refused(s3.head_bucket, Bucket="demo-none")[0] == "404"
    assert refused(s3.list_objects_v2, Bucket="demo-none")[0] == "NoSuchBucket"
    assert refused(s3.delete_bucket, Bucket=BUCKET)[0] == "BucketNotEmpty"


@pytest.mark.parametrize(
    ("call", "more"),
    [
        ("get_bucket_acl", {}),
        ("put_bucket_versioning", {"VersioningConfiguration": {"Status": "Enabled"}}),
        ("create_multipart_upload", {"Key": "a"}),
        ("upload_part", {"Key": "a", "PartNumber": 1, "UploadId": "u"}),
        ("copy_object", {"Key": "a", "CopySource": f"{BUCKET}/b"}),
        ("get_object_tagging", {"Key": "a"}),
        ("list_objects", {}),
    ],
)
def test_what_the_course_does_not_need_is_refused_by_name(s3: Any, refused: Refused, call: str, more: Any) -> None:
    sentence = f"The sandbox does not simulate s3 {call.title().replace('_', '')}."
    assert refused(getattr(s3, call), Bucket=BUCKET, **more) == ("UnsupportedOperation", sentence)


def test_a_retried_put_is_answered_from_the_journal(sandbox: Sandbox, s3: Any) -> None:
    """With its headers, in which S3 tells the ETag."""
    fixed: Any = {"amz-sdk-invocation-id": "00000000-0000-0000-0000-000000000001"}

    def again(request: Any, **_: Any) -> None:
        request.headers.update(fixed)

    s3.meta.events.register("before-send.s3.PutObject", again)
    first = s3.put_object(Bucket=BUCKET, Key="once", Body=b"x")
    position = sandbox.account.position
    sandbox.reopen()
    second = s3.put_object(Bucket=BUCKET, Key="once", Body=b"x")
    s3.meta.events.unregister("before-send.s3.PutObject", again)
    assert (second["ETag"], sandbox.account.position) == (first["ETag"], position)
    s3.delete_object(Bucket=BUCKET, Key="once")


def test_an_issued_identity_needs_its_policies(sandbox: Sandbox, s3: Any, iam: Any, refused: Refused) -> None:
    iam.create_user(UserName="reader")
    allowed = {"Effect": "Allow", "Action": "s3:GetObject", "Resource": f"arn:aws:s3:::{BUCKET}/AWSLogs/*"}
    document = {"Version": "2012-10-17", "Statement": allowed}
    iam.put_user_policy(UserName="reader", PolicyName="read", PolicyDocument=json.dumps(document))
    reader = sandbox.client_of("s3", iam.create_access_key(UserName="reader")["AccessKey"])
    assert reader.get_object(Bucket=BUCKET, Key=KEY)["Body"].read() == EVERY_BYTE
    code, message = refused(reader.delete_objects, Bucket=BUCKET, Delete={"Objects": [{"Key": KEY}]})
    assert (code, f"s3:DeleteObject on resource: arn:aws:s3:::{BUCKET}/{KEY}" in message) == ("AccessDenied", True)
    assert refused(sandbox.client("s3", key="AKIAUNKNOWN").list_buckets)[0] == "InvalidAccessKeyId"


def test_all_goes_in_the_end(s3: Any, refused: Refused) -> None:
    gone = {"Bucket": "demo-gone"}
    s3.create_bucket(**gone)
    s3.put_object(**gone, Key=KEY, Body=b"")
    s3.put_bucket_tagging(**gone, Tagging={"TagSet": TAGS})
    s3.delete_bucket_tagging(**gone)
    assert refused(s3.get_bucket_tagging, **gone)[0] == "NoSuchTagSet"
    s3.delete_bucket_policy(**gone)
    assert refused(s3.get_bucket_policy, **gone)[0] == "NoSuchBucketPolicy"
    assert [item["Key"] for item in s3.delete_objects(**gone, Delete={"Objects": [{"Key": KEY}]})["Deleted"]] == [KEY]
    s3.delete_bucket(**gone)
    assert refused(s3.head_bucket, **gone)[0] == "404"


def test_this_module_makes_each_call_that_is_left_to_moto() -> None:
    text = Path(__file__).read_text("utf-8")
    actions = [xform_name(action) for service, action in TABLE if service == "s3"]
    assert len(actions) > 10
    assert [action for action in actions if f".{action}(" not in text and f".{action}," not in text] == []
