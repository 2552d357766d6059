"""The checks of notebook 12: a bucket's policy, a partition that was forgotten, and a query that reads little."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from itertools import product
from typing import Any

from botocore.exceptions import ClientError

from helpers.access import Decision, MalformedPolicy, Policy, Request, can_deliver_to_bucket, evaluate
from helpers.lessons.account_view import AccountView, CheckEnded, CheckResult, done, not_attempted, not_yet

TABLE = "vpc_flow_logs"
_QUERY_SECONDS = 300
_ON_BUCKET = ("s3:GetBucketAcl", "s3:PutBucketPolicy")
_ON_OBJECTS = ("s3:PutObject", "s3:GetObject", "s3:DeleteObject", "s3:PutObjectAcl")
_HARMLESS = ("s3:GetBucketAcl", "s3:PutObject", "s3:GetObject")  # AWS's own pages had s3:Get*, too
_KEYS = ("year", "month", "day", "hour")
_QUOTED = ", ".join(f'"{key}"' for key in _KEYS)
_HOUR = re.compile("/".join(f"{key}=([^/]+)" for key in _KEYS))
_SELECT = re.compile(r"(?:[\s(]|--[^\n]*\n|/\*.*?\*/)*(?:SELECT|WITH)\b", re.IGNORECASE | re.DOTALL)
_CUT = 600  # seconds: whether a file holds what ended before or after its time is assumed (flow-log-files)
Hour = tuple[str, ...]
Row = dict[str, str | None]


class _Archive:
    """The bucket and the Athena database of a lab, as the lesson names them."""

    def __init__(self, account: AccountView) -> None:
        self._account = account
        self.owner = str(account.client("sts").get_caller_identity()["Account"])
        self.bucket = f"{account.lab.prefix}-flow-archive-{self.owner}"
        self.arn = f"arn:aws:s3:::{self.bucket}"
        self.folder = f"AWSLogs/aws-account-id={self.owner}/"
        self._database = f"{account.lab.prefix}_archive".replace("-", "_")

    def policy(self) -> str:
        """The bucket's policy, "" where it has none."""
        try:
            return str(self._account.client("s3").get_bucket_policy(Bucket=self.bucket)["Policy"])
        except ClientError as error:
            self._ended_by(error)
            return ""

    def folders(self) -> set[str]:
        """The folder of every hour with files."""
        try:
            pages = self._account.client("s3").get_paginator("list_objects_v2")
            found = pages.paginate(Bucket=self.bucket, Prefix=self.folder).search("Contents[].Key")
            return {key[: match.end()] for key in found if key and (match := _HOUR.search(key))}
        except ClientError as error:
            self._ended_by(error)
            return set()

    def _ended_by(self, error: ClientError) -> None:
        if error.response["Error"]["Code"] == "NoSuchBucket":
            raise CheckEnded(not_attempted("missing", kind="bucket", name=self.bucket)) from error
        if error.response["Error"]["Code"] != "NoSuchBucketPolicy":
            raise error

    def ask(self, sql: str) -> tuple[list[Row], int]:
        """The rows of a SELECT and the bytes that it scanned. Ends the check as :meth:`run` does."""
        (heading, *rows), scanned = self.run(sql)
        return [dict(zip(map(str, heading), row, strict=True)) for row in rows], scanned

    def run(self, sql: str) -> tuple[list[list[str | None]], int]:
        """The lines of an answer and the bytes scanned. Ends the check where Athena refuses the SQL or it fails."""
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
        return rows, told["Statistics"].get("DataScannedInBytes", 0)


def check_12_1(account: AccountView) -> CheckResult:
    """Log delivery may write into its folder, for this account alone, and nobody may do anything else."""
    archive, region = _Archive(account), account.lab.region
    if not (text := archive.policy()):
        return not_attempted()
    try:
        policy = Policy.parse(text, "the bucket policy")
    except MalformedPolicy as problem:
        return not_yet("unreadable", problem=problem)

    def delivers(folder: str) -> Decision:
        return can_deliver_to_bucket(policy, archive.bucket, folder, archive.owner, region)

    if not (decision := delivers(archive.folder)):
        if decision.request.action == "s3:GetBucketAcl":
            return not_yet("no-acl")
        return not_yet("plain-folder" if delivers(f"AWSLogs/{archive.owner}/") else "no-write", folder=archive.folder)
    service = decision.request.principal
    allows = [statement for statement in policy.statements if statement.effect == "Allow"]
    if any(set(statement.principals or ()) != {("Service", service.arn)} for statement in allows):
        return not_yet("anybody", service=service)
    for source, action, place in _allowed(policy, archive, text, decision.request):
        if source != archive.owner:
            return not_yet("any-account", action=action)
        if action in _ON_OBJECTS and not place.startswith(f"{archive.arn}/{archive.folder}"):
            return not_yet("wide-folder", action=action, folder=archive.folder)
        if action not in _HARMLESS:
            return not_yet("more-actions", action=action)
    return done()


def _allowed(policy: Policy, archive: _Archive, text: str, ours: Request) -> Iterator[tuple[str, str, str]]:
    """What log delivery may do, for other accounts and then for ours: source, action and object.

    Asked are accounts that are nearly ours, all that the policy names, and some; and a place in each of its resources.
    """
    owner, named = archive.owner, [place for statement in policy.statements for place in statement.resources or ()]
    others = {f"{owner[:-1]}{9 - int(owner[-1])}", f"{9 - int(owner[0])}{owner[1:]}"}
    others |= {*(digit * 12 for digit in "0123456789"), *re.findall(r"\d{12}", text)} - {owner}
    for source in (*sorted(others), owner):
        folders = (archive.folder, f"AWSLogs/aws-account-id={source}/", f"AWSLogs/{source}/", "athena-results/", "")
        places = {f"{archive.arn}/{folder}x" for folder in folders}
        places |= {place.replace("?", "x").replace("*", "/x") for place in named if place.startswith(f"{archive.arn}/")}
        context = {key: str(value).replace(owner, source) for key, value in ours.context.items()}
        context |= {"aws:SecureTransport": "true"}
        for action, place in (*product(_ON_BUCKET, [archive.arn]), *product(_ON_OBJECTS, sorted(places))):
            if evaluate(Request(ours.principal, action, place, context), (), policy):
                yield source, action, place


def check_12_2(account: AccountView) -> CheckResult:
    """Each hour in the bucket is a partition of the table, once, and holds the records of that hour."""
    archive = _Archive(account)
    folders = archive.folders()
    there: set[Hour] = {hour for folder in folders for hour in _HOUR.findall(folder)}
    rows, _ = archive.ask(f'SELECT {_QUOTED}, min("end") AS a, max("end") AS z FROM {TABLE} GROUP BY {_QUOTED}')
    for row in rows:
        first, last = int(row["a"] or 0), int(row["z"] or 0)
        for end, near in ((first, first + _CUT), (last, last - _CUT)):
            if _hour_of(row) not in (_hour_at(end), _hour_at(near)):
                return not_yet("other-files", hour=row["hour"], held=_hour_at(end)[-1])
    for line in archive.run(f"SHOW PARTITIONS {TABLE}")[0]:
        path = str(line[0])
        if there & {*_HOUR.findall(path)} and not any(folder.endswith(path) for folder in folders):
            where = _equal(part.partition("=")[::2] for part in path.split("/"))
            if archive.ask(f"SELECT count(*) AS records FROM {TABLE} WHERE {where}")[0][0]["records"] != "0":
                return not_yet("twice", partition=path)
    if missing := sorted(there - {_hour_of(row) for row in rows}):
        return not_attempted("forgotten", hours=", ".join(hour[-1] for hour in missing))
    return done() if rows else not_attempted()


def _hour_of(row: Row) -> Hour:
    return tuple(str(row[key]) for key in _KEYS)


def _hour_at(moment: int) -> Hour:
    return tuple(datetime.fromtimestamp(moment, UTC).strftime("%Y %m %d %H").split())


def _equal(values: Iterable[tuple[str, str]]) -> str:
    return " AND ".join(f"\"{name}\" = '{value}'" for name, value in values)


def check_12_3(account: AccountView) -> CheckResult:
    """The rejected packets of the last hour, by a query that reads no other hour and no other column."""
    sql = account.answer
    if not isinstance(sql, str):
        return not_yet("query-type", kind=type(sql).__name__)
    if not _SELECT.match(sql):
        return not_yet("no-select")
    archive = _Archive(account)
    rejected = f"sum(packets) AS packets FROM {TABLE} WHERE action = 'REJECT'"
    every, _ = archive.ask(f"SELECT {_QUOTED}, srcaddr, {rejected} GROUP BY {_QUOTED}, srcaddr")
    if not every:
        return not_yet("none-rejected")
    last = max(map(_hour_of, every))
    only = _equal(zip(_KEYS, last, strict=True))
    # A file may come at any time, and Athena may pass over what it knows not to match: least before, and most after.
    before, least = archive.ask(f"SELECT srcaddr, {rejected} AND {only} GROUP BY srcaddr")
    rows, scanned = archive.ask(sql)
    after, most = archive.ask(
        f"SELECT srcaddr, action, sum(packets) AS packets FROM {TABLE} WHERE {only} GROUP BY 1, 2"
    )
    right = [row for row in after if row["action"] == "REJECT"]
    if not (_same(rows, before) or _same(rows, right)):
        wider = (every, [row for row in every if row["hour"] == last[-1]])
        if any(_same(rows, hours) for hours in wider):
            return not_yet("more-hours", scanned=f"{scanned:,}", least=f"{least:,}")
        return not_yet("other-rows", rows=len(rows), right=len(right), hour=" ".join(last))
    if scanned < least:
        return not_yet("too-few", scanned=f"{scanned:,}", least=f"{least:,}", hour=" ".join(last))
    return done() if scanned <= most else not_yet("too-many", scanned=f"{scanned:,}", least=f"{least:,}")


def _same(rows: list[Row], right: list[Row]) -> bool:
    """Whether the rows hold each source with the sum of its packets, whatever their columns are called, and no more."""
    sums: Counter[str] = Counter()
    for row in right:
        sums[str(row["srcaddr"])] += int(row["packets"] or 0)
    wanted = [{source, str(packets)} for source, packets in sums.items()]
    return len(rows) == len(wanted) and all(any(pair <= {*row.values()} for row in rows) for pair in wanted)
