"""The checks of notebook 07: the learner's query is run, and its rows are held against the records themselves.

Columns may be called anything and rows may come in any order: a row is found by the values that it must hold.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from helpers.lessons.scene import Judgement, Scene, done, not_yet

TALKERS = ["10.1.0.10", "10.2.0.10"]
SERVICE_PORTS = 1024
MINUTES = 2
ATTEMPTS = 3
CUSTOM = "custom-format"
Row = Mapping[str, str]
Key = tuple[str, ...]
Table = dict[Key, int]


def check_07_1(scene: Scene) -> Judgement:
    """Rejected records for each door, which is an address and a port."""
    rows, records = _asked(scene)
    shut = records[records.action == "REJECT"]
    everything = records[records.action.notna()]
    known = {"accepts": _doors(everything, "dstaddr", "dstport"), "no-port": _doors(shut, "dstaddr")}
    known["no-address"] = _doors(shut, "dstport")
    wanted = _doors(shut, "dstaddr", "dstport")
    return done() if _matches(rows, wanted) else _first(rows, known, wanted=len(wanted))


def check_07_2(scene: Scene) -> Judgement:
    """Bytes that client-a and web-b sent each other, counted at one end."""
    rows, records = _asked(scene)
    fine = records[(records.action == "ACCEPT") & records.srcaddr.isin(TALKERS) & records.dstaddr.isin(TALKERS)]
    views: list[Table] = [_pairs(part) for _, part in fine.groupby("interface_id")]
    own = {"client-a": TALKERS[0], "web-b": TALKERS[1]}
    views.append(_pairs(fine[fine.srcaddr == fine.machine.map(own)]))  # from each what it sent
    views.append(_pairs(fine[fine.dstaddr == fine.machine.map(own)]))
    if any(len(view) == len(TALKERS) and _matches(rows, view) for view in views):
        return done()
    return _first(rows, {"doubled": _pairs(fine)}, wanted=len(TALKERS))


def check_07_3(scene: Scene) -> Judgement:
    """Accepted requests by service port: what was asked for, not what the answers went to."""
    rows, records = _asked(scene)
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


def check_07_4(scene: Scene) -> Judgement:
    """Accepted bytes per two minutes."""
    rows, records = _asked(scene)
    fine = records[records.action == "ACCEPT"]

    def per(minutes: int, table: Any = fine) -> dict[Key, int]:
        sums = table.groupby(table.start // (60 * minutes)).bytes.sum()
        return {(_clock(int(at) * 60 * minutes),): int(total) for at, total in sums.items()}

    if _matches(rows, per(MINUTES)):
        return done()
    with_all = per(MINUTES, records[records.action.notna()])
    # 120s is not two minutes: Insights caps the number of a unit, seconds at 60
    return _first(rows, {"minutes": per(1), "hours": per(60), "rejects": with_all}, wanted=len(per(MINUTES)))


def check_07_5(scene: Scene) -> Judgement:
    """The rejected ports of the custom format's records."""
    rows = _custom(scene)
    if not rows:
        return not_yet("empty")
    values = [set(row.values()) for row in rows]
    wanted = {("10.2.0.10", "8080"), ("10.2.1.10", "5432")}
    found = {pair for pair in wanted if any(set(pair) <= each for each in values)}
    if any("22" in each and "10.2.0.10" in each for each in values):
        return not_yet("accepted")
    if any("40113" in each or "40114" in each for each in values) and not found:
        return not_yet("own-port")
    return done() if found == wanted else not_yet("fields", shown=_shown(rows))


def check_07_6(scene: Scene) -> Judgement:
    """A range, in seconds, that holds every record there is."""
    when = scene.answer
    if not isinstance(when, Mapping) or not {"startTime", "endTime"} <= when.keys():
        return not_yet("shape")
    start, end = when["startTime"], when["endTime"]
    if any(isinstance(each, bool) or not isinstance(each, int) for each in (start, end)):
        return not_yet("whole", start=repr(start)[:40], end=repr(end)[:40])
    if max(start, end) > 10**11:
        return not_yet("milliseconds", start=start, end=end)
    if start >= end:
        return not_yet("order", start=start, end=end)
    records = _visible(scene)
    asked = scene.query('filter action = "REJECT" | stats count(*) as records', since=start, until=end)
    got = int(float(asked[0].get("records", "0"))) if asked else 0
    there = records[records.action == "REJECT"]
    if got == len(there[there.start <= end]) and not (there.start > end).any():
        return done()
    return not_yet("narrow", got=got, span=end - start)


def _asked(scene: Scene) -> tuple[list[dict[str, str]], Any]:
    """The learner's rows, and the records as they were then: both anew where some arrived in between."""
    records = _visible(scene)
    for _ in range(ATTEMPTS):
        before, rows = len(records), scene.query(scene.answer)
        records = _visible(scene)
        if len(records) == before:
            break
    return rows, records


def _visible(scene: Scene) -> Any:
    """The records that a query finds: no window that began before the group was made."""
    records = scene.records()
    return records[records.start * 1000 >= scene.group()["creationTime"]]


def _first(rows: Sequence[Row], known: Mapping[str, Table], *, wanted: int) -> Judgement:
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


def _holds(row: Row, key: Key, number: float) -> bool:
    left = list(row.values())
    for part in key:
        same = next((value for value in left if _same(value, part)), None)
        if same is None:
            return False
        left.remove(same)
    return any(_number(value) == number for value in left)


def _same(value: str, part: str) -> bool:
    return value == part or (part.isdigit() and _number(value) == float(part))


def _number(value: str) -> float | None:
    try:
        return float(value)
    except ValueError:
        return None


def _doors(records: Any, *columns: str) -> Table:
    """How many records there are for each combination of values."""
    return dict(Counter(zip(*(records[column].astype(str) for column in columns), strict=True)))


def _pairs(records: Any) -> Table:
    """Bytes by source and destination."""
    sums = records.groupby(["srcaddr", "dstaddr"]).bytes.sum()
    return {(str(source), str(to)): int(total) for (source, to), total in sums.items()}


def _clock(seconds: int) -> str:
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M:%S}.000"


def _shown(rows: Sequence[Row]) -> str:
    return "; ".join(f"{name} = {value}" for name, value in list(rows[0].items())[:6])[:200]


def _custom(scene: Scene) -> list[dict[str, str]]:
    """The learner's query over the group with the custom format."""
    other = Scene(scene.lab)
    other.log_group = f"/{scene.lab.prefix}/{CUSTOM}"
    return other.query(scene.answer)
