"""The checks of notebook 12 judge what a policy allows, what a table holds, and what a query reads."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest

from helpers.lab import Lab
from helpers.lessons.account_view import AccountView, CheckEnded
from helpers.lessons.checks import checks_of
from tests.support.homes import served_lab_after

OWN, OTHER = "123456789012", "111122223333"
BUCKET = f"demo-flow-archive-{OWN}"
ARN = f"arn:aws:s3:::{BUCKET}"
HIVE = f"{ARN}/AWSLogs/aws-account-id={OWN}/*"
SERVICE = {"Service": "delivery.logs.amazonaws.com"}
OURS = {"StringEquals": {"aws:SourceAccount": OWN}}
OUR_SOURCE = {"ArnLike": {"aws:SourceArn": f"arn:aws:logs:us-east-1:{OWN}:*"}}
ANY_SOURCE = {"ArnLike": {"aws:SourceArn": "arn:aws:logs:us-east-1:*:*"}}
OWNED = {"StringEquals": {"s3:x-amz-acl": "bucket-owner-full-control"}}
Case = dict[str, Any]


def allow(action: str | list[str], where: str | list[str], limits: Case | None = OURS, who: Any = SERVICE) -> Case:
    condition = {"Condition": limits} if limits else {}
    return {"Effect": "Allow", "Principal": who, "Action": action, "Resource": where, **condition}


WRITE, LOOK = allow("s3:PutObject", HIVE), allow("s3:GetBucketAcl", ARN)
ENCRYPTED = {"Effect": "Deny", "Principal": "*", "Action": "s3:*", "Resource": f"{ARN}/*"}
ENCRYPTED |= {"Condition": {"Bool": {"aws:SecureTransport": "false"}}}
EVERYBODY: list[Any] = ["*", {"AWS": "*"}]
ROOT, ROLE = {"AWS": f"arn:aws:iam::{OTHER}:root"}, {"AWS": f"arn:aws:iam::{OTHER}:role/reader"}

RIGHT_POLICIES = [
    [WRITE, LOOK],
    [allow(["s3:putobject", "s3:GetBucketAcl"], [ARN, HIVE], OUR_SOURCE)],
    [WRITE, allow(["s3:Get*", "s3:List*"], ARN)],
    [allow("s3:PutObject", HIVE, OURS | OUR_SOURCE), allow("s3:GetBucketAcl", ARN, OUR_SOURCE)],
    [allow("s3:PutObject", HIVE, {"StringEquals": OURS["StringEquals"] | OWNED["StringEquals"]}), LOOK],
    [allow("s3:PutObject", f"{ARN}/AWSLogs/aws-account-id={OWN}*"), LOOK],
    [allow("s3:PutObject", f"{ARN}/AWSLogs/aws-account-id=${{aws:SourceAccount}}/*"), LOOK],
    [WRITE, LOOK, ENCRYPTED],
]  # fmt: skip
WRONG_POLICIES = [
    # others than log delivery
    *((allow("s3:GetObject", f"{ARN}/AWSLogs/*", None, who), "anybody") for who in EVERYBODY),
    (allow("s3:GetObject", HIVE, None, "*"), "anybody"),
    (allow("s3:GetObject", HIVE, {"Bool": {"aws:SecureTransport": "true"}}, "*"), "anybody"),
    *((allow(action, HIVE, None, "*"), "anybody") for action in ("s3:DeleteObject", "s3:PutObjectAcl", "s3:*")),
    *((allow(action, ARN, None, "*"), "anybody") for action in ("s3:PutBucketPolicy", "s3:ListBucket")),
    *((allow("s3:*", [ARN, f"{ARN}/*"], None, who), "anybody") for who in (ROOT, ROLE, {"AWS": OTHER}, {"AWS": OWN})),
    (allow("s3:*", [ARN, f"{ARN}/*"], None, {"Service": "cloudtrail.amazonaws.com"}), "anybody"),
    (allow("s3:PutObject", HIVE, OURS, {"Service": [SERVICE["Service"], "config.amazonaws.com"]}), "anybody"),
    (allow("s3:PutObject", HIVE, OURS, {**SERVICE, **ROLE}), "anybody"),
    # for other accounts
    (allow("s3:PutObject", f"{ARN}/other/*", None), "any-account"),
    (allow("s3:PutObject", f"{ARN}/AWSLogs/aws-account-id=9*", None), "any-account"),
    (allow("s3:PutObject", f"{ARN}/AWSLogs/aws-account-id={OTHER}/*", None), "any-account"),
    (allow("s3:PutObject", f"{ARN}/AWSLogs/{OTHER}/*", None), "any-account"),
    (allow("s3:PutObject", f"{ARN}/a?c/d", None), "any-account"),
    (allow("s3:GetBucketAcl", ARN, None), "any-account"),
    (allow("s3:PutObject", f"{ARN}/other/*", {"Bool": {"aws:SecureTransport": "true"}}), "any-account"),
    *((allow("s3:PutObject", HIVE, limits), "any-account") for limits in (None, OWNED, ANY_SOURCE)),
    (allow("s3:PutObject", HIVE, {"StringEquals": {"aws:SourceAccount": [OWN, OTHER]}}), "any-account"),
    (allow("s3:PutObject", HIVE, {"StringLike": {"aws:SourceAccount": "12345678901?"}}), "any-account"),
    (allow("s3:PutObject", HIVE, {"StringNotEquals": {"aws:SourceAccount": OTHER}}), "any-account"),
    # elsewhere, and more
    (allow("s3:PutObject", f"{ARN}/*"), "wide-folder"),
    (allow("s3:*", [ARN, f"{ARN}/*"]), "more-actions"),
    (allow("s3:PutObject", f"{ARN}/athena-results/*"), "wide-folder"),
    (allow("s3:PutObject", f"{ARN}/other/*"), "wide-folder"),
    (allow("s3:PutObject", f"{ARN}/AWSLogs/aws-account-id={OTHER}/*"), "wide-folder"),
    *((allow(action, HIVE), "more-actions") for action in ("s3:DeleteObject", "s3:PutObject*", "s3:*")),
    (allow("s3:Put*", ARN), "more-actions"),
]  # fmt: skip


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """Three hours of files on two days."""
    folder = tmp_path_factory.mktemp("archive")
    with served_lab_after("00", folder / "home") as (lab, _):
        lab.client("s3").create_bucket(Bucket=BUCKET)
        for hour, rejected in REJECTED_PACKETS.items():
            put_file(lab, folder / "records.parquet", hour, rejected)
        ask(lab, "CREATE DATABASE demo_archive")
        yield lab


def checked(lab: Lab, exercise: str, answer: Any = None) -> str:
    try:
        return checks_of("12")[exercise](AccountView(lab, answer)).key
    except CheckEnded as ended:
        return ended.result.key


def policy_checked(lab: Lab, *statements: Case) -> str:
    s3, document = lab.client("s3"), {"Version": "2012-10-17", "Statement": statements}
    s3.put_bucket_policy(Bucket=BUCKET, Policy=json.dumps(document))
    try:
        return checked(lab, "12.1")
    finally:
        s3.delete_bucket_policy(Bucket=BUCKET)


@pytest.mark.parametrize("statements", RIGHT_POLICIES)
def test_any_policy_that_lets_in_log_delivery_alone_is_right(lab: Lab, statements: list[Case]) -> None:
    assert policy_checked(lab, *statements) == "done"


@pytest.mark.parametrize(("statement", "key"), WRONG_POLICIES)
def test_a_statement_too_many_is_wrong(lab: Lab, statement: Case, key: str) -> None:
    assert policy_checked(lab, WRITE, LOOK, statement) == key


COLUMNS = {"srcaddr": "string", "packets": "bigint", "bytes": "bigint", "end": "bigint"}
COLUMNS |= {"action": "string", "log_status": "string"}
PARTS = ("aws-account-id", "aws-service", "aws-region", "year", "month", "day", "hour")
FIRST, OLD, NEW = (datetime(2026, 1, day, hour, tzinfo=UTC) for day, hour in ((5, 9), (5, 10), (6, 10)))
REJECTED_PACKETS = {FIRST: {"10.1.0.10": 3}, OLD: {"10.1.0.10": 9}, NEW: {"10.1.0.10": 3, "10.9.9.9": 7}}
ROOT_FOLDER = f"AWSLogs/aws-account-id={OWN}/aws-service=vpcflowlogs/aws-region=us-east-1"


def folder(hour: datetime) -> str:
    return f"{ROOT_FOLDER}/{hour:year=%Y/month=%m/day=%d/hour=%H}"


def ask(lab: Lab, *statements: str) -> None:
    athena = lab.client("athena")
    for sql in statements:
        where = {"Database": "demo_archive"}
        output = {"OutputLocation": f"s3://{BUCKET}/athena-results/"}
        started = athena.start_query_execution(
            QueryString=sql, QueryExecutionContext=where, ResultConfiguration=output
        )["QueryExecutionId"]
        states = (athena.get_query_execution(QueryExecutionId=started)["QueryExecution"]["Status"] for _ in range(5))
        told = next(status for status in states if status["State"] not in ("QUEUED", "RUNNING"))
        assert told["State"] == "SUCCEEDED", told


def table(keys: str = ", ".join(f"`{part}` string" for part in PARTS), location: str = "AWSLogs") -> str:
    columns = ", ".join(f"`{name}` {kind}" for name, kind in COLUMNS.items())
    return f"""CREATE EXTERNAL TABLE vpc_flow_logs ({columns}) PARTITIONED BY ({keys}) STORED AS PARQUET
    LOCATION 's3://{BUCKET}/{location}/'"""


def put_file(lab: Lab, path: Path, hour: datetime, rejected: dict[str, int]) -> None:
    """Each record twice: of the hour, and of the minutes before it, as AWS once cut files."""
    lines: list[tuple[Any, ...]] = [(source, packets, packets * 40, "REJECT") for source, packets in rejected.items()]
    lines.append(("10.2.0.10", 100 + hour.hour * hour.day, 4_000, "ACCEPT"))
    ends = [int((hour + timedelta(minutes=minutes)).timestamp()) for minutes in (-4, 8)]
    with duckdb.connect() as engine:
        columns = ", ".join(f'"{name}" {kind}' for name, kind in COLUMNS.items())
        engine.execute(f"CREATE TABLE records ({columns})")
        rows = [(*line[:3], end, line[3], "OK") for line in lines for end in ends]
        engine.executemany("INSERT INTO records VALUES (?, ?, ?, ?, ?, ?)", rows)
        engine.execute(f"COPY records TO '{path}'")
    lab.client("s3").put_object(Bucket=BUCKET, Key=f"{folder(hour)}/a.parquet", Body=path.read_bytes())


def add(hour: datetime, where: str = "", **values: str) -> str:
    """A partition by hand, each with its own values beside those of its hour."""
    parts = dict(part.split("=") for part in folder(hour).split("/") if "=" in part)
    parts |= {name.replace("_", "-"): value for name, value in values.items()}
    named = ", ".join(f"`{name}`='{value}'" for name, value in parts.items())
    return f"ALTER TABLE vpc_flow_logs ADD PARTITION ({named})" + (
        f" LOCATION 's3://{BUCKET}/{where}/'" if where else ""
    )


DROP = "DROP TABLE IF EXISTS vpc_flow_logs"
REPAIR = "MSCK REPAIR TABLE vpc_flow_logs"
SHORT = ", ".join(f"`{part}` string" for part in PARTS[3:])


@pytest.mark.parametrize(
    ("statements", "key"),
    [
        ([REPAIR], "done"),
        ([add(FIRST), add(OLD), add(NEW)], "done"),
        ([add(NEW + timedelta(hours=1)), REPAIR], "done"),  # the next hour, before its files come
        ([add(NEW, aws_region="eu-west-1"), REPAIR], "done"),  # a Region that has no files
        ([DROP, table(SHORT, ROOT_FOLDER), REPAIR], "done"),
        ([add(FIRST), add(OLD)], "forgotten"),
        ([add(NEW)], "forgotten"),
        ([add(NEW, folder(NEW), aws_region="eu-west-1"), REPAIR], "twice"),
        ([add(OLD, folder(OLD), aws_account_id=OTHER), REPAIR], "twice"),
        ([add(NEW, folder(NEW), aws_service="other"), REPAIR], "twice"),
        ([add(OLD, folder(FIRST)), REPAIR], "other-files"),
        ([add(NEW, folder(OLD)), REPAIR], "other-files"),
        ([add(FIRST, folder(FIRST), year="2025"), REPAIR], "other-files"),
        ([add(OLD, folder(OLD).rpartition("/")[0]), REPAIR], "other-files"),
    ],
)
def test_a_table_is_right_that_holds_each_folder_once(lab: Lab, statements: list[str], key: str) -> None:
    ask(lab, DROP, table(), *statements)
    assert checked(lab, "12.2") == key


REJECTED = "sum(packets) AS packets FROM vpc_flow_logs WHERE action = 'REJECT'"
DAY = "year = '2026' AND month = '01' AND day = '06'"
NEWEST = f"FROM vpc_flow_logs WHERE {DAY}"
IN_X = REJECTED.replace("vpc_flow_logs", "x")


@pytest.mark.parametrize(
    ("query", "key"),
    [
        (f"SELECT srcaddr, {REJECTED} AND {DAY} AND hour = '10' GROUP BY srcaddr", "done"),
        (f"SELECT srcaddr, {REJECTED} AND day = '06' AND '10' = hour GROUP BY 1", "done"),
        (f"SELECT srcaddr, {REJECTED} AND day = '06' GROUP BY srcaddr", "done"),
        (f"SELECT srcaddr, {REJECTED} AND concat(day, ' ', hour) = '06 10' GROUP BY srcaddr", "done"),
        (f"SELECT srcaddr, {REJECTED} AND day LIKE '%6' AND hour BETWEEN '10' AND '10' GROUP BY srcaddr;", "done"),
        (f"SELECT srcaddr, {REJECTED} AND CAST(day AS integer) = 6 AND hour >= '10' GROUP BY srcaddr", "done"),
        (f"-- the last\n(SELECT srcaddr, {REJECTED} AND day || hour IN ('0610') GROUP BY srcaddr)", "done"),
        (f"with x AS (SELECT * FROM vpc_flow_logs WHERE {DAY}) SELECT srcaddr, {IN_X} GROUP BY srcaddr", "done"),
        (f"SELECT srcaddr, sum(if(action = 'REJECT', packets)) {NEWEST} GROUP BY 1 HAVING max(action) > 'B'", "done"),
        (f"SELECT srcaddr, {REJECTED} AND hour = '10' GROUP BY srcaddr", "more-hours"),
        (f"SELECT srcaddr, {REJECTED} GROUP BY srcaddr", "more-hours"),
        (f"SELECT srcaddr, {REJECTED} AND hour >= '09' GROUP BY srcaddr", "more-hours"),
        (f"SELECT srcaddr, {REJECTED} AND hour = '09' GROUP BY srcaddr", "other-rows"),
        (f"SELECT srcaddr, {REJECTED} AND day = '05' AND hour = '10' GROUP BY srcaddr", "other-rows"),
        (f"SELECT srcaddr, max(packets) {NEWEST} AND action = 'REJECT' GROUP BY srcaddr", "other-rows"),
        (f"SELECT srcaddr, day, {REJECTED} GROUP BY srcaddr, day HAVING day = '06'", "too-many"),
        (f"SELECT srcaddr, max(log_status), {REJECTED} AND day = '06' GROUP BY srcaddr", "too-many"),
        (f"SELECT srcaddr, {REJECTED} AND day = '06' AND bytes > 0 GROUP BY srcaddr", "too-many"),
        ("SELECT '10.1.0.10', 6 UNION ALL SELECT '10.9.9.9', 14 -- hour = '10'", "too-few"),
        ("SELECT * FROM (VALUES ('10.1.0.10', 6), ('10.9.9.9', 14)) AS t(srcaddr, packets)", "too-few"),
        (f"SELECT srcaddr, if(srcaddr = '10.1.0.10', 6, 14) {NEWEST} AND srcaddr <> '10.2.0.10' GROUP BY 1", "too-few"),
        ("DROP TABLE vpc_flow_logs", "no-select"),
        ("  -- SELECT\nDROP TABLE vpc_flow_logs", "no-select"),
        ("MSCK REPAIR TABLE vpc_flow_logs", "no-select"),
        ("CREATE DATABASE selected", "no-select"),
        ("selected", "no-select"),
        ("SELECT srcaddr FROM", "refused"),
        ("SELECT source FROM vpc_flow_logs", "failed"),
    ],
)  # fmt: skip
def test_a_query_is_right_by_its_rows_and_the_bytes_it_read(lab: Lab, query: str, key: str) -> None:
    ask(lab, DROP, table(), REPAIR)
    assert checked(lab, "12.3", query) == key
    ask(lab, "SELECT count(*) FROM vpc_flow_logs")


def test_without_a_rejected_packet_there_is_no_last_hour(lab: Lab) -> None:
    ask(lab, DROP, table())
    assert checked(lab, "12.3", f"SELECT srcaddr, {REJECTED} GROUP BY srcaddr") == "none-rejected"
