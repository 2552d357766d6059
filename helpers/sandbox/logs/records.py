"""GetLogRecord and GetLogGroupFields: what the fields of events are."""

from collections import Counter, defaultdict
from datetime import UTC, datetime

from helpers.sandbox.calls import Account, Call, Params, ServiceError, replaces
from helpers.sandbox.logs.discovery import SYSTEM_FIELDS, discovered
from helpers.sandbox.logs.names import group_asked, invalid, let_expire, now_ms, state_of
from helpers.sandbox.logs.state import LogGroup
from helpers.sandbox.store.stream_events import StreamEvents

RECENT_MS = 15 * 60_000
AROUND_MS = 8 * 60_000
SAMPLED = 10_000
"""GetLogGroupFields looks at no more of each stream's newest events; AWS does not say how many it looks at."""


@replaces("logs", "GetLogRecord")
def get_log_record(call: Call, account: Account) -> Params:
    """All fields of the event that an @ptr of a query's result points to."""
    from helpers.sandbox.logs.query_execution import read_pointer

    pointer = call.params["logRecordPointer"]
    where = read_pointer(pointer)
    record = where and where[0] == call.region and _find(call, account, where[1])
    if not record:
        raise ServiceError("ResourceNotFoundException", "The specified log record does not exist.")
    group, stream, events, at = record
    message = events.messages[at]
    return {
        "logRecord": {
            **discovered(message, group.flow_logs),
            "@ptr": pointer,
            "@timestamp": _time(events.timestamps[at]),
            "@ingestionTime": _time(events.ingestions[at]),
            "@message": message,
            "@logStream": stream,
            "@log": f"{account.account_id}:{group.name}",
        }
    }


def _find(call: Call, account: Account, sequence: int) -> tuple[LogGroup, str, StreamEvents, int] | None:
    for group in state_of(call, account).groups.values():
        let_expire(account, call.region, group)
        for name, events in account.events.streams(call.region, group.name).items():
            at = events.settle().find(sequence)
            if at is not None:
                return group, name, events, at
    return None


def _time(milliseconds: int) -> str:
    """As Insights prints times: ``YYYY-MM-DD hh:mm:ss.SSS`` in UTC."""
    whole = datetime.fromtimestamp(milliseconds // 1000, UTC)
    return f"{whole:%Y-%m-%d %H:%M:%S}.{milliseconds % 1000:03d}"


@replaces("logs", "GetLogGroupFields")
def get_log_group_fields(call: Call, account: Account) -> Params:
    """Names with the percentage of events that have them, over 15 minutes or 8 minutes around ``time`` (seconds)."""
    group = group_asked(call, account)
    if group.log_class == "DELIVERY":
        raise invalid(f"Log group {group.name} is of class DELIVERY, which has no discovered fields.")
    let_expire(account, call.region, group)
    now = now_ms(account)
    start, end = now - RECENT_MS, now
    if "time" in call.params:
        middle = call.params["time"] * 1000
        start, end = middle - AROUND_MS, middle + AROUND_MS
    counts: dict[str, float] = defaultdict(float)
    total = 0
    for stream in account.events.streams(call.region, group.name).values():
        events = stream.settle()
        low, high = events.index(max(start, group.created_ms)), events.index(end + 1)
        total += max(0, high - low)
        sample = events.messages[max(low, high - SAMPLED) : high]
        sampled = Counter(name for message in sample for name in discovered(message, group.flow_logs))
        for name, count in sampled.items():
            counts[name] += count * (high - low) / len(sample)  # a large stream counts with all its events
    counts.update({name: total for name in SYSTEM_FIELDS if total})
    ordered = sorted(counts.items(), key=lambda entry: (-entry[1], entry[0]))
    return {"logGroupFields": [{"name": name, "percent": int(count * 100 / total)} for name, count in ordered]}
