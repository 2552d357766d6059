"""The checks of notebook 07: the learner's query is run, and its rows are held against the records themselves.

Columns may be called anything and rows may come in any order: a row is found by the values that it must hold.
"""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from helpers.flowlogs import LogFormat, read_table
from helpers.lessons.account_view import AccountView, CheckResult, done, not_yet
from helpers.lessons.the_lab import CLIENT, MACHINES, WEB

TALKERS = [CLIENT, WEB]
SERVICE_PORTS = 1024
MINUTES = 2
VERDICTS = ("REJECT", "ACCEPT")
ATTEMPTS = 3
CUSTOM_GROUP, CUSTOM_FLOW_LOG = "formats/custom", "flow-log-custom"
TCP, BOTH = 6, 2
CONVERSATION = ("srcaddr", "dstaddr", "srcport", "dstport")
_JOINED = re.compile(r"(\d+\.){3}\d+[^\d.]")  # an address and something behind it, as concat makes it
Row = Mapping[str, str]
Key = tuple[str, ...]
Table = Mapping[Key, float]


def check_07_1(account: AccountView) -> CheckResult:
    """Rejected records for each destination, which is an address and a port."""
    rows, records = _asked(account)
    rejects = records[records.action == "REJECT"]
    everything = records[records.action.notna()]
    known = {"accepts": _counted(everything, "dstaddr", "dstport"), "no-port": _counted(rejects, "dstaddr")}
    known["no-address"] = _counted(rejects, "dstport")
    wanted = _counted(rejects, "dstaddr", "dstport")
    return done() if _matches(rows, wanted) else _first(rows, known, wanted=len(wanted))


def check_07_2(account: AccountView) -> CheckResult:
    """Bytes that client-a and web-b sent each other, counted at one end."""
    rows, records = _asked(account)
    fine = records[(records.action == "ACCEPT") & records.srcaddr.isin(TALKERS) & records.dstaddr.isin(TALKERS)]
    views: list[Table] = [_pairs(part) for _, part in fine.groupby("interface_id")]
    own = {MACHINES[address]: address for address in TALKERS}
    views.append(_pairs(fine[fine.srcaddr == fine.instance.map(own)]))  # from each what it sent
    views.append(_pairs(fine[fine.dstaddr == fine.instance.map(own)]))
    if any(len(view) == len(TALKERS) and _matches(rows, view) for view in views):
        return done()
    doubled = _pairs(fine)
    halved = {pair: total / 2 for pair, total in doubled.items()}
    return _first(rows, {"doubled": doubled, "halved": halved}, wanted=len(TALKERS))


def check_07_3(account: AccountView) -> CheckResult:
    """Accepted requests by service port: what was asked for, not what the answers went to."""
    rows, records = _asked(account)
    fine = records[(records.action == "ACCEPT") & records.protocol.isin([6, 17])]
    asked = fine[(fine.dstport < SERVICE_PORTS)]
    wanted: Table = {(str(port),): int(total) for port, total in asked.groupby("dstport").bytes.sum().items()}
    if _matches(rows, wanted):
        return done()
    everything: Table = {(str(port),): int(total) for port, total in fine.groupby("dstport").bytes.sum().items()}
    with_zero = records[(records.action == "ACCEPT") & (records.dstport < SERVICE_PORTS)]
    pings: Table = {(str(port),): int(total) for port, total in with_zero.groupby("dstport").bytes.sum().items()}
    counts: Table = {(str(port),): int(total) for port, total in asked.groupby("dstport").bytes.count().items()}
    return _first(rows, {"answers": everything, "pings": pings, "counted": counts}, wanted=len(wanted))


def check_07_4(account: AccountView) -> CheckResult:
    """Accepted bytes per two minutes."""
    rows, records = _asked(account)
    fine = records[records.action == "ACCEPT"]

    def per(minutes: int, table: Any = fine) -> dict[Key, int]:
        sums = table.groupby(table.start // (60 * minutes)).bytes.sum()
        return {(_clock(int(at) * 60 * minutes),): int(total) for at, total in sums.items()}

    if _matches(rows, per(MINUTES)):
        return done()
    with_all = per(MINUTES, records[records.action.notna()])
    # 120s is not two minutes: Insights caps the number of a unit, seconds at 60
    return _first(rows, {"minutes": per(1), "hours": per(60), "rejects": with_all}, wanted=len(per(MINUTES)))


def check_07_5(account: AccountView) -> CheckResult:
    """The destinations that rejected something, out of the custom format's records."""
    custom = AccountView(account.lab, account.answer)
    custom.log_group = f"/{account.lab.prefix}/{CUSTOM_GROUP}"
    flow_log = account.resource_id("vpc-flow-log", CUSTOM_FLOW_LOG)
    described = account.client("ec2").describe_flow_logs(FlowLogIds=[flow_log])["FlowLogs"][0]
    rows = custom.query(account.answer)
    if not rows:
        return not_yet("empty")
    records = read_table(custom.lines(), format=LogFormat.parse(described["LogFormat"]))
    records = records[records.start * 1000 >= custom.group()["creationTime"]]
    rejects, accepts = (_counted(records[records.action == verdict], "dstaddr", "dstport") for verdict in VERDICTS)
    if any(_is_accepted(row, accepts, rejects) for row in rows):
        return not_yet("accepted")
    if all(any(_holds(row, key) for row in rows) for key in rejects):
        return done()
    own = _counted(records[records.action == "REJECT"], "dstaddr", "srcport")
    return not_yet("own-port" if any(_holds(row, key) for row in rows for key in own) else "fields", shown=_shown(rows))


def check_07_6(account: AccountView) -> CheckResult:
    """A range, in seconds, that holds every record there is."""
    when = account.answer
    if not isinstance(when, Mapping) or not {"startTime", "endTime"} <= when.keys():
        return not_yet("shape")
    start, end = when["startTime"], when["endTime"]
    if any(isinstance(moment, bool) or not isinstance(moment, int) for moment in (start, end)):
        return not_yet("whole", start=repr(start)[:40], end=repr(end)[:40])
    if max(start, end) > 10**11:
        return not_yet("milliseconds", start=start, end=end)
    if start >= end:
        return not_yet("order", start=start, end=end)
    records = _visible(account)
    asked = account.query('filter action = "REJECT" | stats count(*) as records', since=start, until=end)
    got = int(float(asked[0].get("records", "0"))) if asked else 0
    there = records[records.action == "REJECT"]
    if got == len(there[there.start <= end]) and not (there.start > end).any():
        return done()
    return not_yet("narrow", got=got, span=end - start)


def check_07_7(account: AccountView) -> CheckResult:
    """The TCP conversations that one end accepted and the other rejected."""
    rows, records = _asked(account)
    verdicts = records[(records.protocol == TCP) & records.action.notna()]
    both = _verdicts(verdicts, *CONVERSATION)
    wanted = {key: number for key, number in both.items() if number == BOTH}
    if _matches(rows, wanted):
        return done()
    pairs = {key: number for key, number in _verdicts(verdicts, "srcaddr", "dstaddr").items() if number == BOTH}
    return _first(rows, {"all": both, "pairs": pairs}, wanted=len(wanted))


def _asked(account: AccountView) -> tuple[list[dict[str, str]], Any]:
    """The learner's rows, and the records as they were then: both again where some arrived in between."""
    records = _visible(account)
    for _ in range(ATTEMPTS):
        before, rows = len(records), account.query(account.answer)
        records = _visible(account)
        if len(records) == before:
            break
    return rows, records


def _visible(account: AccountView) -> Any:
    """The records that a query finds: no window that began before the group was made."""
    records = account.records()
    return records[records.start * 1000 >= account.group()["creationTime"]]


def _first(rows: Sequence[Row], known: Mapping[str, Table], *, wanted: int) -> CheckResult:
    """The message of the first known mistake that these rows are, else what was found."""
    if not rows:
        return not_yet("empty")
    for key, table in known.items():
        if _matches(rows, table):
            return not_yet(key)
    return not_yet("rows", count=len(rows), wanted=wanted, shown=_shown(rows))


def _matches(rows: Sequence[Row], wanted: Table) -> bool:
    """Whether there is exactly one row for each key, and it holds the number. Columns may be called anything."""
    if len(rows) != len(wanted):
        return False
    return all(any(_holds(row, key, number) for row in rows) for key, number in wanted.items())


def _holds(row: Row, key: Key, number: float | None = None) -> bool:
    left = [part for value in row.values() for part in _parts(value)]
    for part in key:
        same = next((value for value in left if _same(value, part)), None)
        if same is None:
            return False
        left.remove(same)
    return number is None or any(_number(value) == number for value in left)


def _is_accepted(row: Row, accepts: Table, rejects: Table) -> bool:
    """Whether a row is about something that was only accepted. A row of a rejected destination may hold more numbers,
    and one of them may look like a port: the TCP flags 0 of a lookup like the port of a ping.
    """
    rejected = any(_holds(row, key) for key in rejects)
    return not rejected and any(_holds(row, key) for key in accepts.keys() - rejects.keys())


def _parts(value: str) -> list[str]:
    return re.split(r"[^\d.]+", value) if _JOINED.match(value) else [value]


def _same(value: str, part: str) -> bool:
    return value == part or (part.isdigit() and _number(value) == float(part))


def _number(value: str) -> float | None:
    try:
        return float(value)
    except ValueError:
        return None


def _counted(records: Any, *columns: str) -> Table:
    """How many records there are for each combination of values."""
    return dict(Counter(zip(*(records[column].astype(str) for column in columns), strict=True)))


def _verdicts(records: Any, *columns: str) -> Table:
    """How many different verdicts there are for each combination of values."""
    return _counted(records.drop_duplicates([*columns, "action"]), *columns)


def _pairs(records: Any) -> Table:
    """Bytes by source and destination."""
    sums = records.groupby(["srcaddr", "dstaddr"]).bytes.sum()
    return {(str(source), str(to)): int(total) for (source, to), total in sums.items()}


def _clock(seconds: int) -> str:
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M:%S}.000"


def _shown(rows: Sequence[Row]) -> str:
    return "; ".join(f"{name} = {value}" for name, value in list(rows[0].items())[:6])[:200]
