"""Notebook 10: weights, a factor, a retention and a cheaper query, each compared with the account's own records."""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from helpers.lessons.scene import Judgement, Scene, Stop, as_number, done, listed, not_attempted, not_yet

VERDICTS = ("ACCEPT", "REJECT")
START, ACTION, BYTES = 10, 12, 9
NEEDED_DAYS, BEST_DAYS = 80, 90
CLOSE = 0.02
MINUTE, DOUBLE = 60, 2
AS_MILLISECONDS = 10**11
Row = Mapping[str, str]


def check_10_1(scene: Scene) -> Judgement:
    """A query whose rows hold, for each verdict, the weight of its records."""
    before = _queryable(scene)
    rows = scene.query(scene.answer)
    after = _queryable(scene)
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


def check_10_2(scene: Scene) -> Judgement:
    """ALL over ACCEPT, in bytes, with or without the lines that have no verdict."""
    answer = as_number(scene.answer)
    return not_yet("shape", given=type(scene.answer).__name__) if answer is None else _factor(scene, answer)


def check_10_3(scene: Scene) -> Judgement:
    """The shortest retention that covers what is needed."""
    days = scene.group().get("retentionInDays")
    if days is None:
        return not_attempted()
    if days < NEEDED_DAYS:
        return not_yet("too-short", days=days)
    return done() if days <= BEST_DAYS else not_yet("too-long", days=days)


def check_10_4(scene: Scene) -> Judgement:
    """The rows of the group's first minute, for the bytes of that minute."""
    start, end, text = _arguments(scene.answer)
    starts = [int(fields[START]) for fields in _queryable(scene)]
    if not starts:
        return not_yet("missing", kind="record in the group", name=scene.log_group)
    first = min(starts)
    reference = scene.run_query("stats count(*) as records by action", first, first + MINUTE - 1)
    mine = scene.run_query(text, start, end)
    if _rows(mine) != _rows(reference):
        return not_yet("other-answer", seen=f"{len(mine['results'])} row(s), {sorted(map(sorted, _rows(mine)))}")
    scanned, enough = mine["statistics"]["bytesScanned"], reference["statistics"]["bytesScanned"]
    if scanned > enough * (1 + CLOSE):
        return not_yet("scans-more", scanned=scanned, enough=enough)
    return done()


def _queryable(scene: Scene) -> list[list[str]]:
    """The fields of the records that a query can find: those whose window began after their group was made."""
    made = scene.group()["creationTime"] / 1000
    records = (line.split() for line in scene.lines())
    return [fields for fields in records if int(fields[START]) >= made]


# --- 10.1 and 10.2 ----------------------------------------------------------------------------------------------


def _weight(records: Sequence[Sequence[str]], action: str) -> int:
    """What the records of a verdict weigh: their fields and the blanks between them."""
    return sum(len(" ".join(fields)) for fields in records if fields[ACTION] == action)


def _values(row: Row) -> list[float]:
    found = []
    for name, value in row.items():
        try:
            found += [float(value)] if name != "action" else []
        except ValueError:
            continue
    return found


def _misread(records: Sequence[Sequence[str]], action: str, values: Sequence[float]) -> Judgement:
    """What else the numbers are: the packets' bytes, the records, or the mean."""
    ours = [fields for fields in records if fields[ACTION] == action]
    traffic, weight = sum(int(fields[BYTES]) for fields in ours), _weight(records, action)
    for key, other in (("traffic", traffic), ("counts", len(ours)), ("mean", weight / len(ours))):
        if any(math.isclose(value, other, rel_tol=CLOSE) for value in values):
            return not_yet(key)
    return not_yet("off", action=action, seen=", ".join(f"{value:g}" for value in values) or "no number")


def _factor(scene: Scene, answer: float) -> Judgement:
    records = [line.split() for line in scene.lines()]
    weights = Counter({action: _weight(records, action) for action in (*VERDICTS, "-")})
    accepted, rejected, silent = (weights[each] for each in (*VERDICTS, "-"))
    if not accepted:
        return not_yet("missing", kind="accepted record in the group", name=scene.log_group)
    right = [(accepted + rejected) / accepted, (accepted + rejected + silent) / (accepted + silent)]
    if any(math.isclose(answer, each, rel_tol=CLOSE) for each in right):
        return done()
    share = rejected / (accepted + rejected)
    if math.isclose(answer, share, rel_tol=3 * CLOSE):
        return not_yet("share", answer=answer)
    if math.isclose(answer, DOUBLE):
        return not_yet("doubles")
    return not_yet("less" if answer < 1 else "off", answer=answer)


# --- 10.4 -------------------------------------------------------------------------------------------------------


def _arguments(answer: Any) -> tuple[int, int, str]:
    """Start, end and text of the learner's query; ends the check with what is wrong with them."""
    if not isinstance(answer, Mapping):
        raise Stop(not_yet("shape", problem=f"yours is of type {type(answer).__name__}"))
    for name in ("startTime", "endTime", "queryString"):
        if answer.get(name) in (None, ...):
            raise Stop(not_yet("shape", problem=f"`{name}` is missing"))
    if not isinstance(answer["queryString"], str):
        raise Stop(not_yet("shape", problem="`queryString` is no text"))
    start, end = answer["startTime"], answer["endTime"]
    for name, moment in (("startTime", start), ("endTime", end)):
        if isinstance(moment, bool) or not isinstance(moment, int):  # boto3 takes nothing else
            raise Stop(not_yet("shape", problem=f"`{name}` is no whole number"))
    if start > AS_MILLISECONDS:
        raise Stop(not_yet("milliseconds"))
    if end < start:
        raise Stop(not_yet("backwards"))
    return start, end, answer["queryString"]


def _rows(reply: Mapping[str, Any]) -> set[frozenset[str]]:
    """The values of each row, whatever the columns are called."""
    return {frozenset(p["value"] for p in row if p["field"] != "@ptr") for row in reply["results"]}
