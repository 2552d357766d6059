"""GetLogEvents: pages of one stream, forwards and backwards, each found by bisection.

A token names an event, not a count, so events that arrive or expire between two calls do not shift the pages:
``f/<timestamp><sequence>/s`` goes on after that event, ``b/.../s`` before it.
"""

import re
from collections.abc import Iterator
from itertools import accumulate

from helpers.sandbox.calls import Account, Call, Params, replaces
from helpers.sandbox.logs.names import events_of, group_asked, invalid, missing_stream, require_standard
from helpers.sandbox.store.stream_events import OVERHEAD_BYTES, StreamEvents, counted_bytes, utf8_length

PAGE_EVENTS = 10_000
PAGE_BYTES = 1_048_576
_TOKEN = re.compile(r"([fb])/(\d{14})(\d{42})/s")
_FAR = 99_999_999_999_999


@replaces("logs", "GetLogEvents")
def get_log_events(call: Call, account: Account) -> Params:
    """One page in time order: up to ``limit`` events and 1 MB. The end is where the token comes back unchanged."""
    params = call.params
    group = group_asked(call, account)
    require_standard(group, "GetLogEvents")
    if params["logStreamName"] not in group.streams:
        raise missing_stream()
    events = events_of(account, call.region, group, params["logStreamName"]) or StreamEvents()
    low, high, forwards = _range(params, events)
    limit = params.get("limit", PAGE_EVENTS)
    if forwards:
        high = fit(events.messages, low, min(high, low + limit), 1)
    else:
        low = fit(events.messages, max(low, high - limit), high, -1)
    return {
        "events": [
            {"timestamp": timestamp, "message": message, "ingestionTime": ingestion}
            for timestamp, message, ingestion in zip(
                events.timestamps[low:high],
                events.messages[low:high],
                events.ingestions[low:high],
                strict=True,
            )
        ],
        **_tokens(params, events, low, high),
    }


def _range(params: Params, events: StreamEvents) -> tuple[int, int, bool]:
    """The slice that the time range and the token leave, and the direction. endTime is exclusive."""
    low = events.index(params["startTime"]) if "startTime" in params else 0
    high = events.index(params["endTime"]) if "endTime" in params else len(events)
    forwards = bool(params.get("startFromHead", False))
    if "nextToken" in params:
        match = _TOKEN.fullmatch(params["nextToken"])
        if match is None:
            raise invalid("The specified nextToken is invalid.")
        timestamp, sequence = int(match[2]), int(match[3])
        forwards = match[1] == "f"
        if forwards:
            low = max(low, events.index(timestamp, sequence + 1))
        else:
            high = min(high, events.index(timestamp, sequence))
    return low, max(low, high), forwards


def _tokens(params: Params, events: StreamEvents, low: int, high: int) -> Params:
    if high > low:
        return {
            "nextForwardToken": token("f", events.timestamps[high - 1], events.sequences[high - 1]),
            "nextBackwardToken": token("b", events.timestamps[low], events.sequences[low]),
        }
    match = _TOKEN.fullmatch(params.get("nextToken", ""))
    if match is None:
        # nothing there yet: go on after what is known, or before what the range starts with
        end = min(params.get("endTime", _FAR), _FAR)
        last = (events.timestamps[-1], events.sequences[-1]) if len(events) else (0, 0)
        forward = last if last[0] < end else (end, 0)
        return {
            "nextForwardToken": token("f", *forward),
            "nextBackwardToken": token("b", params.get("startTime", 0), 0),
        }
    timestamp, sequence = int(match[2]), int(match[3])
    same = params["nextToken"]
    if match[1] == "f":
        return {"nextForwardToken": same, "nextBackwardToken": token("b", timestamp, sequence + 1)}
    return {"nextForwardToken": token("f", timestamp, max(0, sequence - 1)), "nextBackwardToken": same}


def token(direction: str, timestamp: int, sequence: int) -> str:
    """56 digits between two slashes, as AWS's tokens look."""
    return f"{direction}/{timestamp:014d}{sequence:042d}/s"


def fit(messages: list[str], low: int, high: int, direction: int) -> int:
    """How far a page of at most 1 MB reaches in ``messages[low:high]``: its end, or its start going backwards.

    At least one event is in a page.
    """
    part = messages[low:high]
    if counted_bytes(part) <= PAGE_BYTES:
        return high if direction > 0 else low
    sizes = (utf8_length(message) + OVERHEAD_BYTES for message in _directed(part, direction))
    count = max(1, sum(total <= PAGE_BYTES for total in accumulate(sizes)))
    return low + count if direction > 0 else high - count


def _directed(part: list[str], direction: int) -> Iterator[str]:
    return iter(part) if direction > 0 else reversed(part)
