"""PutLogEvents: the limits of a batch, and which events of it are too old, too new or expired.

Source: the documentation of PutLogEvents in botocore's model.
"""

from bisect import bisect_left
from collections.abc import Sequence

from helpers.sandbox.calls import Account, Call, Params, replaces
from helpers.sandbox.logs.names import DAY_MS, group_named, horizon_ms, invalid, missing_stream, now_ms
from helpers.sandbox.logs.streams import store_events, upload_token
from helpers.sandbox.store.stream_events import counted_bytes

MOST_BYTES = 1_048_576
MOST_EVENTS = 10_000
SPAN_MS = DAY_MS
OLDEST_MS = 14 * DAY_MS
NEWEST_MS = 2 * 3_600_000


@replaces("logs", "PutLogEvents")
def put_log_events(call: Call, account: Account) -> Params:
    """Store a batch; events that are too old, too new or expired are left out and reported."""
    params = call.params
    group = group_named(call, account, params["logGroupName"])
    stream = params["logStreamName"]
    if stream not in group.streams:
        raise missing_stream()
    timestamps = [event["timestamp"] for event in params["logEvents"]]
    messages = [_clean(event["message"]) for event in params["logEvents"]]
    _check_batch(timestamps, messages)
    now = now_ms(account)
    old = bisect_left(timestamps, now - OLDEST_MS)
    kept = bisect_left(timestamps, max(now - OLDEST_MS, horizon_ms(account, group)))
    new = bisect_left(timestamps, now + NEWEST_MS + 1)
    if new - kept > 1 and timestamps[new - 1] - timestamps[kept] > SPAN_MS:
        raise invalid("The batch of log events in a single PutLogEvents request cannot span more than 24 hours.")
    events = list(zip(timestamps[kept:new], messages[kept:new], strict=True))
    store_events(account, call.region, group, stream, events)
    reply: Params = {"nextSequenceToken": upload_token(account, call.region, group.name, stream)}
    rejected = _rejected(old, kept, new, len(timestamps))
    if rejected:
        reply["rejectedLogEventsInfo"] = rejected
    if "entity" in params:
        # the events are accepted, the entity is not: the sandbox simulates no entities
        reply["rejectedEntityInfo"] = {"errorType": "UnsupportedLogGroupType"}
    return reply


def _clean(message: str) -> str:
    """Half a surrogate pair is no text: it becomes a replacement character, so that it can be stored."""
    if message.isascii():
        return message
    return message.encode("utf-8", "surrogatepass").decode("utf-8", "replace")


def _check_batch(timestamps: Sequence[int], messages: Sequence[str]) -> None:
    if len(messages) > MOST_EVENTS:
        raise invalid(f"A batch can hold at most {MOST_EVENTS} log events, not {len(messages)}.")
    size = counted_bytes(messages)
    if size > MOST_BYTES:
        raise invalid(
            f"Upload too large: {size} bytes exceeds limit of {MOST_BYTES} (the UTF-8 length of each message plus 26)."
        )
    if any(map(int.__gt__, timestamps, timestamps[1:])):
        raise invalid("Log events in a single PutLogEvents request must be in chronological order.")


def _rejected(old: int, kept: int, new: int, total: int) -> Params:
    """``RejectedLogEventsInfo``: both end indexes are exclusive, the start index is inclusive."""
    info: Params = {}
    if old:
        info["tooOldLogEventEndIndex"] = old
    if kept > old:
        info["expiredLogEventEndIndex"] = kept
    if new < total:
        info["tooNewLogEventStartIndex"] = new
    return info
