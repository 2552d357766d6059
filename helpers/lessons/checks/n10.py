"""Notebook 10: lengths, a plan, two retentions and a cheaper query, each compared with the account or the estimate."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from helpers.lessons.account_view import (
    AccountView,
    CheckEnded,
    CheckResult,
    done,
    listed,
    not_attempted,
    not_yet,
)
from helpers.pricing import COMPRESSION, EVENT_OVERHEAD, Estimate

VERDICTS = ("ACCEPT", "REJECT")
START, ACTION, BYTES = 10, 12, 9
TEAM_GB, TEAM_SCANNED_GB, BUDGET = 720, 7_200, 200
NEEDED_DAYS, ALLOWED_DAYS, AUDIT_DAYS = 80, 90, 365
AUDIT_GROUP = "formats/audit"
ADDRESSES = ("srcaddr", "dstaddr", "pkt-srcaddr", "pkt-dstaddr")
AUDITED = ("start", "interface-id", "dstport", "action")
CLOSE = 0.02
MINUTE, HOURS = 60, 24
AS_MILLISECONDS = 10**11
SHOWN_ROWS = 4
Row = Mapping[str, str]


def check_10_1(account: AccountView) -> CheckResult:
    """A query whose rows hold, for each verdict, the length of its records."""
    before = _queryable(account)
    rows = account.query(account.answer)
    after = _queryable(account)
    found = {row["action"]: row for row in rows if row.get("action") in VERDICTS}
    recorded = {fields[ACTION] for fields in before} & set(VERDICTS)
    if not found:
        return not_yet("no-action", rows=len(rows))
    if missing := recorded - found.keys():
        return not_yet("one-side", seen=listed(found), missing=listed(missing))
    for action in sorted(recorded):
        values = _values(found[action])
        low, high = _weight(before, action), _weight(after, action)
        if not any(low <= value <= high for value in values):
            return _misread(after, action, values)
    return done()


def check_10_2(account: AccountView) -> CheckResult:
    """An estimate within the budget that gives up nothing that the team needs."""
    plan = account.answer
    if not isinstance(plan, Estimate):
        return not_yet("shape", given=type(plan).__name__)
    quantity = {line.meter.usage: float(line.quantity) for line in plan.lines}
    if "S3-Egress-Bytes" in quantity:
        return not_yet("s3")
    ingested = quantity.get("VendedLog-Bytes", 0) + quantity.get("VendedLogIA-Bytes", 0)
    if ingested < TEAM_GB * (1 - CLOSE):
        return not_yet("fewer", ingested=ingested)
    if quantity.get("TimedStorage-ByteHrs", 0) < TEAM_GB * float(COMPRESSION) * (1 - CLOSE):
        return not_yet("past")
    scanned = quantity.get("DataScanned-Bytes", 0)
    if scanned < TEAM_SCANNED_GB / HOURS * (1 - CLOSE):
        return not_yet("queries", scanned=scanned)
    return done() if plan.full_total <= BUDGET else not_yet("over", total=plan.full_total)


def check_10_3(account: AccountView) -> CheckResult:
    """Addresses for 90 days, and what the auditor asks for, without addresses, for a year."""
    name, audit_name = account.log_group, f"/{account.lab.prefix}/{AUDIT_GROUP}"
    days, audit = account.group().get("retentionInDays"), account.groups(audit_name).get(audit_name)
    if days is None:
        return not_yet("never", group=name) if audit else not_attempted()
    if days < NEEDED_DAYS or days > ALLOWED_DAYS:
        return not_yet("too-short" if days < NEEDED_DAYS else "too-long", group=name, days=days)
    if audit is None:
        return not_yet("no-audit", group=name, audit=audit_name)
    kept = audit.get("retentionInDays", math.inf)
    if kept < AUDIT_DAYS:
        return not_yet("audit-short", audit=audit_name, days=kept)
    if kept == math.inf:
        return not_yet("never", group=audit_name)
    if missing := account.tags_amiss(account.group_tags(audit)):
        return not_yet("tags", audit=audit_name, missing=listed(missing))
    return _auditor_s_flow_logs(account, audit_name)


def check_10_4(account: AccountView) -> CheckResult:
    """The rows of the group's first minute with a verdict, for the bytes of that minute."""
    start, end, text = _arguments(account.answer)
    starts = [int(fields[START]) for fields in _queryable(account) if fields[ACTION] in VERDICTS]
    if not starts:
        return not_yet("missing", kind="record with a verdict in the group", name=account.log_group)
    first = min(starts)
    reference = account.run_query("stats count(*) as records by action", first, first + MINUTE - 1)
    mine = account.run_query(text, start, end)
    if end == first + MINUTE and start <= first:
        return not_yet("one-second")
    if _rows(mine) != _rows(reference):
        return not_yet("other-answer", seen=_shown(mine), wanted=_shown(reference))
    scanned, enough = mine["statistics"]["bytesScanned"], reference["statistics"]["bytesScanned"]
    if scanned > enough * (1 + CLOSE):
        return not_yet("scans-more", scanned=scanned, enough=enough)
    return done()


def _queryable(account: AccountView) -> list[list[str]]:
    """The fields of the records that a query can find: those whose window began after their group was made."""
    made = account.group()["creationTime"] / 1000
    records = (line.split() for line in account.lines())
    return [fields for fields in records if int(fields[START]) >= made]


# --- 10.1 and 10.3 ----------------------------------------------------------------------------------------------


def _weight(records: Sequence[Sequence[str]], action: str) -> int:
    """The bytes of a verdict's records: their fields and the blanks between them."""
    return sum(len(" ".join(fields)) for fields in records if fields[ACTION] == action)


def _values(row: Row) -> list[float]:
    found = []
    for name, value in row.items():
        try:
            found += [float(value)] if name != "action" else []
        except ValueError:
            continue
    return found


def _misread(records: Sequence[Sequence[str]], action: str, values: Sequence[float]) -> CheckResult:
    """What else the numbers are: the packets' bytes, the records, the mean, or the lines with their overhead."""
    ours = [fields for fields in records if fields[ACTION] == action]
    traffic, weight = sum(int(fields[BYTES]) for fields in ours), _weight(records, action)
    others = {"traffic": traffic, "counts": len(ours), "mean": weight / len(ours)}
    for key, other in (others | {"overhead": weight + EVENT_OVERHEAD * len(ours)}).items():
        if any(math.isclose(value, other, rel_tol=CLOSE) for value in values):
            return not_yet(key)
    return not_yet("off", action=action, seen=", ".join(f"{value:g}" for value in values) or "no number")


def _auditor_s_flow_logs(account: AccountView, group: str) -> CheckResult:
    """Whether a flow log writes into the auditor's group, and each one what it should."""
    where = [{"Name": "log-group-name", "Values": [group]}]
    flow_logs = account.client("ec2").describe_flow_logs(Filters=where)["FlowLogs"]
    if not flow_logs:
        return not_yet("no-writer", audit=group)
    for flow_log in flow_logs:
        fields = [field.strip("${}") for field in flow_log["LogFormat"].split()]
        if addresses := set(ADDRESSES).intersection(fields):
            return not_yet("addresses", flow_log=flow_log["FlowLogId"], fields=listed(addresses))
        if lacking := set(AUDITED).difference(fields):
            return not_yet("too-little", flow_log=flow_log["FlowLogId"], fields=listed(lacking))
    return done()


# --- 10.4 -------------------------------------------------------------------------------------------------------


def _arguments(answer: Any) -> tuple[int, int, str]:
    """Start, end and text of the learner's query; ends the check with what is wrong with them."""
    if not isinstance(answer, Mapping):
        raise CheckEnded(not_yet("shape", problem=f"yours is of type {type(answer).__name__}"))
    for name in ("startTime", "endTime", "queryString"):
        if answer.get(name) in (None, ...):
            raise CheckEnded(not_yet("shape", problem=f"`{name}` is missing"))
    if not isinstance(answer["queryString"], str):
        raise CheckEnded(not_yet("shape", problem="`queryString` is no text"))
    start, end = answer["startTime"], answer["endTime"]
    for name, moment in (("startTime", start), ("endTime", end)):
        if isinstance(moment, bool) or not isinstance(moment, int):  # boto3 takes nothing else
            raise CheckEnded(not_yet("shape", problem=f"`{name}` is no whole number"))
    if start > AS_MILLISECONDS:
        raise CheckEnded(not_yet("milliseconds"))
    if end < start:
        raise CheckEnded(not_yet("backwards"))
    return start, end, answer["queryString"]


def _rows(reply: Mapping[str, Any]) -> set[frozenset[str]]:
    """The values of each row, whatever the columns are called."""
    return {frozenset(p["value"] for p in row if p["field"] != "@ptr") for row in reply["results"]}


def _shown(reply: Mapping[str, Any]) -> str:
    """The first rows of a reply, their values joined, in their order."""
    rows = [", ".join(pair["value"] for pair in row if pair["field"] != "@ptr") for row in reply["results"]]
    return "; ".join(rows[:SHOWN_ROWS] + ["..."] * (len(rows) > SHOWN_ROWS)) or "no row"
