"""The checks of notebook 07: the learner's query is run, and its rows are held against the records themselves.

Columns may be called anything and rows may come in any order: a row is found by the values that it must hold.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from botocore.exceptions import ClientError

from helpers.lessons.scene import Judgement, Scene, Stop, done, not_yet

CLIENT = "10.1.0.10"
SERVICE_PORTS = 1024
MINUTES = 5
CUSTOM = "custom-format"
Row = Mapping[str, str]
Key = tuple[str, ...]


def check_07_1(scene: Scene) -> Judgement:
    """Rejected records for each door, which is an address and a port."""
    rows = scene.query(scene.answer)
    records = scene.records()
    shut = records[records.action == "REJECT"]
    wanted = Counter((str(to), str(port)) for to, port in zip(shut.dstaddr, shut.dstport, strict=True))
    everything = records[records.action.notna()]
    known = {
        "accepts": Counter((str(to), str(at)) for to, at in zip(everything.dstaddr, everything.dstport, strict=True)),
        "no-port": Counter((str(to),) for to in shut.dstaddr),
        "no-address": Counter((str(port),) for port in shut.dstport),
    }
    return _counted(rows, wanted, known)


def check_07_2(scene: Scene) -> Judgement:
    """Bytes that client-a and web-b sent each other, counted at one end."""
    rows = scene.query(scene.answer)
    records = scene.records()
    fine = records[(records.action == "ACCEPT") & records.srcaddr.isin([CLIENT, "10.2.0.10"])]
    fine = fine[fine.dstaddr.isin([CLIENT, "10.2.0.10"])]
    keys = ["srcaddr", "dstaddr"]
    by_machine = {name: part.groupby(keys).bytes.sum() for name, part in fine.groupby("machine")}
    for sums in by_machine.values():
        if _matches(rows, {_key(pair): int(total) for pair, total in sums.items()}):
            return done()
    senders = fine[((fine.srcaddr == CLIENT) & (fine.machine == "client-a"))]
    senders = {(CLIENT, "10.2.0.10"): int(senders.bytes.sum())}
    back = fine[(fine.srcaddr == "10.2.0.10") & (fine.machine == "web-b")]
    if _matches(rows, senders | {("10.2.0.10", CLIENT): int(back.bytes.sum())}):
        return done()
    doubled = {_key(pair): int(total) for pair, total in fine.groupby(keys).bytes.sum().items()}
    return _first(rows, {"doubled": doubled}, wanted=2)


def check_07_3(scene: Scene) -> Judgement:
    """Accepted requests by service port: what was asked for, not what the answers went to."""
    rows = scene.query(scene.answer)
    records = scene.records()
    fine = records[(records.action == "ACCEPT") & records.protocol.isin([6, 17])]
    asked = fine[(fine.dstport < SERVICE_PORTS)]
    wanted = {(str(port),): int(total) for port, total in asked.groupby("dstport").bytes.sum().items()}
    if _matches(rows, wanted):
        return done()
    everything = {(str(port),): int(total) for port, total in fine.groupby("dstport").bytes.sum().items()}
    with_zero = records[(records.action == "ACCEPT") & (records.dstport < SERVICE_PORTS)]
    pings = {(str(port),): int(total) for port, total in with_zero.groupby("dstport").bytes.sum().items()}
    counts = {(str(port),): int(total) for port, total in asked.groupby("dstport").bytes.count().items()}
    return _first(rows, {"answers": everything, "pings": pings, "counted": counts}, wanted=len(wanted))


def check_07_4(scene: Scene) -> Judgement:
    """Accepted bytes per five minutes."""
    rows = scene.query(scene.answer)
    records = scene.records()
    fine = records[records.action == "ACCEPT"]

    def per(minutes: int, table: Any = fine) -> dict[Key, int]:
        sums = table.groupby(table.start // (60 * minutes)).bytes.sum()
        return {(_clock(int(at) * 60 * minutes),): int(total) for at, total in sums.items()}

    if _matches(rows, per(MINUTES)):
        return done()
    with_all = per(MINUTES, records[records.action.notna()])
    # 300s is not five minutes: Insights caps the number of a unit, seconds at 60
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
    records = scene.records()
    asked = scene.query('filter action = "REJECT" | stats count(*) as records', since=start, until=end)
    got = int(float(asked[0].get("records", "0"))) if asked else 0
    there = records[records.action == "REJECT"]
    if got == len(there[there.start <= end]) and end >= int(there.start.max()):
        return done()
    return not_yet("narrow", got=got, span=end - start)


def _counted(rows: Sequence[Row], wanted: Mapping[Key, int], known: Mapping[str, Mapping[Key, int]]) -> Judgement:
    return done() if _matches(rows, wanted) else _first(rows, known, wanted=len(wanted))


def _first(rows: Sequence[Row], known: Mapping[str, Mapping[Key, int]], *, wanted: int) -> Judgement:
    """The message of the first known mistake that these rows are, else what was found."""
    if not rows:
        return not_yet("empty")
    for key, table in known.items():
        if _matches(rows, table):
            return not_yet(key)
    return not_yet("rows", count=len(rows), wanted=wanted, shown=_shown(rows))


def _matches(rows: Sequence[Row], wanted: Mapping[Key, float]) -> bool:
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


def _key(pair: Iterable[Any]) -> Key:
    return tuple(str(part) for part in pair)


def _clock(seconds: int) -> str:
    from datetime import UTC, datetime

    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M:%S}.000"


def _shown(rows: Sequence[Row]) -> str:
    return "; ".join(f"{name} = {value}" for name, value in list(rows[0].items())[:6])[:200]


def _custom(scene: Scene) -> list[dict[str, str]]:
    """The learner's query over the group with the custom format."""
    name = f"/{scene.lab.prefix}/{CUSTOM}"
    found = scene.client("logs").describe_log_groups(logGroupNamePrefix=name)["logGroups"]
    if not any(group["logGroupName"] == name for group in found):
        raise Stop(not_yet("missing", kind="log group", name=name))
    return Scene(scene.lab, scene.answer).over(name, scene.answer)


__all__ = ["Callable", "ClientError"]
