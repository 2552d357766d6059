"""Flow logs in Amazon S3: what CreateFlowLogs asks of the bucket, and the files.

Source: "Publish flow logs to Amazon S3" and "Flow log files" (Amazon VPC User Guide). A file has what ended in its five
minutes. AWS begins another at 75 MB; the sandbox's are far smaller.
"""

import gzip
import json
import re
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from helpers.access import Decision, MalformedPolicy, Policy, Request, bucket_statements, can_deliver_to_bucket
from helpers.flowlogs import FlowRecord, LogFormat
from helpers.sandbox.calls import Account, Call, ServiceError, guards
from helpers.sandbox.flow_logs.state import BucketFolder, FlowLog, FlowLogs
from helpers.sandbox.iam import authorization
from helpers.sandbox.moto_adapter import at_time

FILE_SECONDS = 300
"""So much time goes into one file."""
_LARGEST_POLICY = 20 * 1024
_BUCKET_ARN = re.compile(r"arn:aws:s3:::(?P<bucket>[a-z0-9][a-z0-9.-]{1,61}[a-z0-9])(?:/(?P<folder>.*))?")
_BUCKET_NAME = re.compile(r"(?!xn--|sthree-)(?!.*\.\.)(?!\d+\.\d+\.\d+\.\d+$)[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
_TYPES = {"int32": "INTEGER", "int64": "BIGINT"}
Options = dict[str, Any]


@guards("s3", "CreateBucket")
def bucket_has_a_right_name(call: Call, account: Account) -> None:
    """moto takes capital letters and underscores ("Bucket naming rules", Amazon S3 User Guide)."""
    if not _BUCKET_NAME.fullmatch(call.params["Bucket"]):
        raise ServiceError("InvalidBucketName", "The specified bucket is not valid.")


@guards("s3", "PutBucketPolicy")
def policy_can_be_read(call: Call, account: Account) -> None:
    """moto keeps any text for a policy."""
    try:
        Policy.parse(call.params.get("Policy", ""))
    except MalformedPolicy as problem:
        raise ServiceError(
            "MalformedPolicy", f"Policies must be valid JSON and have all that a policy needs: {problem}"
        ) from None


@guards("ec2", "DeleteFlowLogs")
def may_end_delivery(call: Call, account: Account) -> None:
    """For flow logs to S3 a caller needs one permission more ("Publish flow logs to Amazon S3")."""
    logs = account.state(FlowLogs, call.region).logs
    to_s3 = any(logs[asked].place for asked in call.params["FlowLogIds"] if asked in logs)
    if to_s3 and (refusal := _refusal(call, account, "logs:DeleteLogDelivery", "*")) is not None:
        raise authorization.refused("ec2", *refusal)


def _refusal(call: Call, account: Account, action: str, resource: str) -> tuple[Decision, str] | None:
    """The decision that keeps the caller from an action, and the kind of policy behind it; ``None`` where it may."""
    who = authorization.standing(account, call.caller)
    context = {**authorization.request_context(account, call.caller), **dict(who.context)}
    return authorization.decide(who, Request(who.principal, action, resource, context))


@guards("s3", "ListObjectsV2")
def page_can_be_given(call: Call, account: Account) -> None:
    """moto fails on a token that it did not give, and on a page of fewer than no keys."""
    token = call.params.get("ContinuationToken")
    if token is not None and not account.moto.gave_page(token):
        raise ServiceError("InvalidArgument", "The continuation token provided is incorrect")
    if call.params.get("MaxKeys", 0) < 0:
        raise ServiceError("InvalidArgument", "Argument maxKeys must be an integer between 0 and 2147483647")


# --- what CreateFlowLogs asks ------------------------------------------------------------------------------------


class RefusedDestination(ServiceError):
    """CreateFlowLogs lists it in ``Unsuccessful`` for each resource, also where there is only one (recorded)."""

    def __init__(self, message: str) -> None:
        super().__init__("400", message)


def ordered(call: Call, account: Account) -> BucketFolder:
    """Where a call wants its files. Raises :class:`ServiceError` where the call does not fit, or the bucket."""
    params = call.params
    if params.get("DeliverLogsPermissionArn"):
        raise _invalid("DeliverLogsPermissionArn is not applicable for s3 delivery")
    if params.get("LogGroupName"):
        raise _invalid("LogGroupName is not applicable for s3 delivery")
    match = _BUCKET_ARN.fullmatch(params.get("LogDestination", ""))
    if match is None:
        raise _invalid(f"Invalid LogDestination {params.get('LogDestination', '')}: it must be the ARN of a bucket.")
    folder = (match["folder"] or "").strip("/")
    if "AWSLogs" in folder.split("/"):
        raise _invalid(f"LogDestination {params['LogDestination']}: AWSLogs is a reserved term.")
    asked: Options = params.get("DestinationOptions", {})
    place = BucketFolder(
        bucket=match["bucket"],
        folder=f"{folder}/" if folder else "",
        parquet=asked.get("FileFormat", "plain-text") == "parquet",
        hive=asked.get("HiveCompatiblePartitions", False),
        hourly=asked.get("PerHourPartition", False),
    )
    _wanted_policy(call, account, place)
    return place


def attach_policy(call: Call, account: Account, place: BucketFolder) -> None:
    """Add to the bucket's policy what delivery needs, where it lacks that: AWS does so for a caller who may."""
    if wanted := _wanted_policy(call, account, place):
        account.moto.put_bucket_policy(place.bucket, wanted)


def _wanted_policy(call: Call, account: Account, place: BucketFolder) -> str:
    """The policy that the bucket must get, "" where its own is enough. Raises :class:`ServiceError`."""
    bucket = account.moto.bucket(place.bucket)
    if bucket is None:
        raise RefusedDestination(f"LogDestination: {place.bucket} does not exist")
    if _decide(account, call.region, place, bucket.policy):
        return ""
    denied = RefusedDestination(
        f"Access Denied for LogDestination: {place.bucket}. Please check LogDestination permission."
    )
    for action in ("s3:GetBucketPolicy", "s3:PutBucketPolicy"):
        if _refusal(call, account, action, f"arn:aws:s3:::{place.bucket}") is not None:
            raise denied
    policy = json.loads(bucket.policy or '{"Version": "2012-10-17", "Statement": []}')
    held = policy["Statement"] if isinstance(policy["Statement"], list) else [policy["Statement"]]
    added = bucket_statements(place.bucket, _root(account, place), account.account_id, call.region)
    taken = {each.get("Sid") for each in held}
    for statement in added:
        sids = (f"{statement['Sid']}{number or ''}" for number in count())
        statement["Sid"] = next(sid for sid in sids if sid not in taken)
    policy["Statement"] = [*held, *added]
    wanted = json.dumps(policy)
    if not _decide(account, call.region, place, wanted):
        raise denied
    if len(wanted) > _LARGEST_POLICY:
        raise ServiceError(
            "LogDestinationPermissionIssueException",
            f"The policy of bucket {place.bucket} would pass its limit of 20 KB.",
        )
    return wanted


def decide(account: Account, region: str, place: BucketFolder) -> Decision | None:
    """Whether the bucket's policy lets delivery write, as it is now; ``None``: the bucket is gone."""
    bucket = account.moto.bucket(place.bucket)
    return None if bucket is None else _decide(account, region, place, bucket.policy)


def _decide(account: Account, region: str, place: BucketFolder, policy: str) -> Decision:
    parsed = authorization.parse(policy, "the bucket policy") if policy else None
    return can_deliver_to_bucket(parsed, place.bucket, _root(account, place), account.account_id, region)


def _invalid(message: str) -> ServiceError:
    return ServiceError("InvalidParameter", message)


# --- files -------------------------------------------------------------------------------------------------------


def _root(account: Account, place: BucketFolder) -> str:
    owner = f"aws-account-id={account.account_id}" if place.hive else account.account_id
    return f"{place.folder}AWSLogs/{owner}/"


def _key(account: Account, region: str, flow_log: FlowLog, place: BucketFolder, slot: int, content: bytes) -> str:
    began, service = datetime.fromtimestamp(slot, UTC), "vpcflowlogs"
    layout = f"{service}/{region}/%Y/%m/%d/"
    if place.hive:
        layout = f"aws-service={service}/aws-region={region}/year=%Y/month=%m/day=%d/"
    layout += ("hour=%H/" if place.hive else "%H/") if place.hourly else ""
    name = f"{account.account_id}_{service}_{region}_{flow_log.flow_log_id}_%Y%m%dT%H%MZ_{zlib.crc32(content):08x}"
    return _root(account, place) + began.strftime(f"{layout}{name}.log.{'parquet' if place.parquet else 'gz'}")


def write(account: Account, region: str, flow_log: FlowLog, place: BucketFolder, ready: Sequence[FlowRecord]) -> None:
    """Put the records into files, one for each five minutes in which some of them ended."""
    slots: dict[int, list[FlowRecord]] = {}
    for record in sorted(ready, key=lambda record: (record.start, record.end)):
        slots.setdefault(int(record.end or 0) // FILE_SECONDS * FILE_SECONDS, []).append(record)
    form = flow_log.format
    for slot, records in sorted(slots.items()):
        lines = [form.render(replace(record, version=form.version)) for record in records]
        content = _parquet(form, lines) if place.parquet else _text(form, lines)
        with at_time(account.now()):
            account.moto.put_object(place.bucket, _key(account, region, flow_log, place, slot, content), content)


def _text(form: LogFormat, lines: Sequence[str]) -> bytes:
    return gzip.compress("\n".join((" ".join(form.names), *lines, "")).encode(), mtime=0)


def _parquet(form: LogFormat, lines: Sequence[str]) -> bytes:
    """The columns with the types that "Flow log records" (Amazon VPC User Guide) lists; "-" is null."""
    import duckdb  # here: the sandbox should not wait for it when it starts

    with TemporaryDirectory() as folder, duckdb.connect(config={"threads": 1}) as engine:
        rows = [line.split(" ") for line in lines]
        engine.execute("CREATE TABLE lines AS SELECT unnest(?::VARCHAR[][]) AS parts", [rows])
        path = Path(folder) / "file.parquet"
        engine.execute(
            f"COPY (SELECT {', '.join(_columns(form))} FROM lines) TO '{path}' (FORMAT parquet, COMPRESSION gzip)"
        )
        return path.read_bytes()


def _columns(form: LogFormat) -> Iterator[str]:
    for place, field in enumerate(form.fields, 1):
        name = field.name.replace("-", "_")
        yield f"""CAST(nullif(parts[{place}], '-') AS {_TYPES.get(field.type, "VARCHAR")}) AS "{name}\""""
