"""The checks of notebook 12: a bucket's policy, a partition that was forgotten, and a query that reads little."""

import re
from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from botocore.exceptions import ClientError

from helpers.access import (
    Decision,
    MalformedPolicy,
    Policy,
    Principal,
    Request,
    can_deliver_to_bucket,
    evaluate,
)
from helpers.lessons.account_view import AccountView, CheckEnded, CheckResult, done, not_attempted, not_yet

TABLE = "vpc_flow_logs"
_QUERY_SECONDS = 300
_KEYS = ("year", "month", "day", "hour")
_HOUR_OF_KEY = re.compile("/".join(f"{key}=([^/]+)" for key in _KEYS))
_HOUR_OF_QUERY = re.compile(r"\bhour\b\"?\s*(?:=|IN\s*\()\s*'(\d\d)'|'(\d\d)'\s*=\s*\"?hour\b", re.IGNORECASE)
Hour = tuple[str, ...]


class _Archive:
    """The bucket and the Athena database of a lab, as the lesson names them."""

    def __init__(self, account: AccountView) -> None:
        self._account = account
        self.owner = str(account.client("sts").get_caller_identity()["Account"])
        self.bucket = f"{account.lab.prefix}-flow-archive-{self.owner}"
        self.folder = f"AWSLogs/aws-account-id={self.owner}/"
        self._database = f"{account.lab.prefix}_archive".replace("-", "_")

    def policy(self) -> str:
        """The bucket's policy, "" where it has none."""
        try:
            return str(self._account.client("s3").get_bucket_policy(Bucket=self.bucket)["Policy"])
        except ClientError as error:
            self._ended_by(error)
            return ""

    def hours(self) -> set[Hour]:
        """Year, month, day and hour of every folder with files."""
        try:
            pages = self._account.client("s3").get_paginator("list_objects_v2")
            found = pages.paginate(Bucket=self.bucket, Prefix=self.folder).search("Contents[].Key")
            return {match.groups() for key in found if key and (match := _HOUR_OF_KEY.search(key))}
        except ClientError as error:
            self._ended_by(error)
            return set()

    def _ended_by(self, error: ClientError) -> None:
        if error.response["Error"]["Code"] == "NoSuchBucket":
            raise CheckEnded(not_attempted("missing", kind="bucket", name=self.bucket)) from error
        if error.response["Error"]["Code"] != "NoSuchBucketPolicy":
            raise error

    def ask(self, sql: str) -> tuple[list[dict[str, str | None]], int]:
        """The rows of a SELECT and the bytes that it scanned. Ends the check where Athena refuses it or it fails."""
        athena = self._account.client("athena")
        where = {
            "QueryExecutionContext": {"Database": self._database},
            "ResultConfiguration": {"OutputLocation": f"s3://{self.bucket}/athena-results/"},
        }
        try:
            started = athena.start_query_execution(QueryString=sql, **where)["QueryExecutionId"]
        except ClientError as refused:
            raise CheckEnded(not_yet("refused", answer=refused.response["Error"]["Message"])) from refused

        def ended() -> Mapping[str, Any] | None:
            told: Mapping[str, Any] = athena.get_query_execution(QueryExecutionId=started)["QueryExecution"]
            return told if told["Status"]["State"] not in ("QUEUED", "RUNNING") else None

        told = self._account.lab.wait_until(ended, _QUERY_SECONDS, "end of the query")
        assert told is not None  # wait_until returns what is something
        if told["Status"]["State"] != "SUCCEEDED":
            raise CheckEnded(not_yet("failed", answer=told["Status"].get("StateChangeReason", "no reason")))
        pages = athena.get_paginator("get_query_results").paginate(QueryExecutionId=started)
        rows = [[cell.get("VarCharValue") for cell in row["Data"]] for row in pages.search("ResultSet.Rows[]")]
        return [dict(zip(rows[0], row, strict=True)) for row in rows[1:]], told["Statistics"]["DataScannedInBytes"]


def check_12_1(account: AccountView) -> CheckResult:
    """Log delivery may write into its folder, for this account alone, and nobody else may do anything."""
    archive, region = _Archive(account), account.lab.region
    if not (text := archive.policy()):
        return not_attempted()
    try:
        policy = Policy.parse(text, "the bucket policy")
    except MalformedPolicy as problem:
        return not_yet("unreadable", problem=problem)

    def delivers(folder: str, owner: str = archive.owner) -> Decision:
        return can_deliver_to_bucket(policy, archive.bucket, folder, owner, region)

    if not (decision := delivers(archive.folder)):
        if decision.request.action == "s3:GetBucketAcl":
            return not_yet("no-acl")
        return not_yet("plain-folder" if delivers(f"AWSLogs/{archive.owner}/") else "no-write", folder=archive.folder)
    stranger = archive.owner[::-1]
    if delivers(archive.folder, stranger):
        return not_yet("any-account")
    somebody = Principal.user("somebody", stranger)
    for action, key in (("s3:GetObject", "/x"), ("s3:PutObject", f"/{archive.folder}x"), ("s3:ListBucket", "")):
        if evaluate(Request(somebody, action, f"arn:aws:s3:::{archive.bucket}{key}"), (), policy):
            return not_yet("anybody", action=action)
    return done()


def check_12_2(account: AccountView) -> CheckResult:
    """Each hour in the bucket is a partition of the table, and holds the records of that hour."""
    archive = _Archive(account)
    there = archive.hours()
    keys = ", ".join(f'"{key}"' for key in _KEYS)
    rows, _ = archive.ask(f'SELECT {keys}, min("end") AS first, max("end") AS last FROM {TABLE} GROUP BY {keys}')
    seen = {tuple(str(row[key]) for key in _KEYS): row for row in rows}
    for hour, row in seen.items():
        if any(_hour_of(row[end]) != hour for end in ("first", "last")):
            return not_yet("other-files", hour=hour[-1], held=_hour_of(row["first"])[-1])
    if missing := sorted(there - seen.keys()):
        return not_attempted("forgotten", hours=", ".join(hour[-1] for hour in missing))
    return done() if seen else not_attempted()


def _hour_of(end: str | None) -> Hour:
    return tuple(datetime.fromtimestamp(int(end or 0), UTC).strftime("%Y %m %d %H").split())


def check_12_3(account: AccountView) -> CheckResult:
    """The rows of one hour, by a query that reads no other hour and no other column."""
    sql = account.answer
    if not isinstance(sql, str):
        return not_yet("query-type", kind=type(sql).__name__)
    archive = _Archive(account)
    rows, scanned = archive.ask(sql)
    asked = _HOUR_OF_QUERY.search(sql)
    if asked is None:
        return not_yet("no-hour", scanned=f"{scanned:,}")
    hour = asked[1] or asked[2]
    needed = "SELECT concat(year, month, day) AS date, srcaddr, sum(packets) AS packets"
    where = f"WHERE action = 'REJECT' AND hour = '{hour}'"
    right, least = archive.ask(f"{needed} FROM {TABLE} {where} GROUP BY year, month, day, srcaddr")
    if not right:
        return not_yet("empty-hour", hour=hour)
    last = max(str(row["date"]) for row in right)
    wanted = [_sums(right), _sums([row for row in right if row["date"] == last])]  # of each day, or of the last one
    if not any(_same(rows, sums) for sums in wanted):
        return not_yet("other-rows", rows=len(rows), right=len(wanted[0]))
    return done() if scanned <= least else not_yet("too-many", scanned=f"{scanned:,}", least=f"{least:,}")


def _sums(rows: list[dict[str, str | None]]) -> set[tuple[str, str]]:
    """Each source with the sum of its packets, as texts."""
    sums: Counter[str] = Counter()
    for row in rows:
        sums[str(row["srcaddr"])] += int(row["packets"] or 0)
    return {(source, str(packets)) for source, packets in sums.items()}


def _same(rows: list[dict[str, str | None]], sums: set[tuple[str, str]]) -> bool:
    """Whether the rows hold these pairs, whatever their columns are called, and nothing else."""
    return len(rows) == len(sums) and all(any({*pair} <= {*row.values()} for row in rows) for pair in sums)
