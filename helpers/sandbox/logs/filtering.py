"""FilterLogEvents: events of many streams in one order of time, matched against a filter pattern."""

import heapq
from collections.abc import Iterator
from itertools import islice
from typing import NamedTuple

from helpers.sandbox.calls import Account, Call, Params, replaces
from helpers.sandbox.logs.names import (
    group_asked,
    invalid,
    let_expire,
    make_token,
    missing_stream,
    read_token,
    require_standard,
)
from helpers.sandbox.logs.patterns import FilterPattern, PatternError
from helpers.sandbox.logs.reads import PAGE_BYTES, PAGE_EVENTS
from helpers.sandbox.logs.state import LogGroup
from helpers.sandbox.streams import OVERHEAD_BYTES, StreamEvents, utf8_length

SCAN_EVENTS = 100_000
"""One call looks at no more events than this; AWS documents that pages may be short or empty, not the number."""
_DESCENDING_FROM_MS = 1_704_067_200_000


class Found(NamedTuple):
    timestamp: int
    sequence: int
    at: int
    name: str
    events: StreamEvents


class Place(NamedTuple):
    """Where a page begins: strictly after this event in the direction of the search."""

    timestamp: int
    sequence: int


@replaces("logs", "FilterLogEvents")
def filter_log_events(call: Call, account: Account) -> Params:
    """One page of matching events, all streams interleaved; without a nextToken in the reply it was the last."""
    params = call.params
    group = group_asked(call, account)
    require_standard(group, "FilterLogEvents")
    pattern = compiled(params.get("filterPattern", ""))
    forwards, place = _start(params)
    let_expire(account, call.region, group)
    streams = account.events.streams(call.region, group.name)
    chosen = {name: streams[name] for name in _names(params, group) if name in streams}
    candidates = _merged(chosen, params, forwards, place)
    page, token = _page(candidates, pattern, params.get("limit", PAGE_EVENTS), forwards)
    return {
        "events": [_reply(found) for found in page],
        "searchedLogStreams": [],
        **({"nextToken": token} if token else {}),
    }


def compiled(text: str) -> FilterPattern:
    """The pattern, or InvalidParameterException saying where it is wrong."""
    try:
        return FilterPattern.parse(text)
    except PatternError as error:
        raise invalid(f"Invalid filter pattern: {error}") from None


def event_id(timestamp: int, sequence: int) -> str:
    """56 digits, unique in the account, growing with time."""
    return f"3{timestamp:014d}{sequence:041d}"


def _names(params: Params, group: LogGroup) -> list[str]:
    names, prefix = params.get("logStreamNames"), params.get("logStreamNamePrefix")
    if names and prefix:
        raise invalid("Specify either logStreamNames or logStreamNamePrefix, but not both.")
    if not names:
        return [name for name in group.streams if name.startswith(prefix or "")]
    if any(name not in group.streams for name in names):
        raise missing_stream()
    return list(dict.fromkeys(names))


def _start(params: Params) -> tuple[bool, Place | None]:
    if "nextToken" in params:
        parts = read_token(params["nextToken"]).split(".")
        if len(parts) != 3 or parts[0] not in "fb" or not all(part.isdecimal() for part in parts[1:]):
            raise invalid("The specified nextToken is invalid.")
        return parts[0] == "f", Place(int(parts[1]), int(parts[2]))
    forwards = bool(params.get("startFromHead", True))
    if not forwards and params.get("startTime", 0) < _DESCENDING_FROM_MS:
        raise invalid("startFromHead=false needs a startTime on or after Jan 1, 2024 00:00:00 UTC.")
    return forwards, None


def _merged(streams: dict[str, StreamEvents], params: Params, forwards: bool, place: Place | None) -> Iterator[Found]:
    """All events of the time range after ``place``, in order. Unlike GetLogEvents', this endTime is inclusive."""
    walks = []
    for name, stream in streams.items():
        events = stream.settle()
        low = events.index(params["startTime"]) if "startTime" in params else 0
        high = events.index(params["endTime"] + 1) if "endTime" in params else len(events)
        if place is not None and forwards:
            low = max(low, events.index(place.timestamp, place.sequence + 1))
        elif place is not None:
            high = min(high, events.index(place.timestamp, place.sequence))
        walks.append(_walk(name, events, range(low, high) if forwards else range(high - 1, low - 1, -1)))
    if len(walks) == 1:
        return walks[0]
    return heapq.merge(*walks, key=lambda found: found[:2], reverse=not forwards)


def _walk(name: str, events: StreamEvents, indexes: range) -> Iterator[Found]:
    for i in indexes:
        yield Found(events.timestamps[i], events.sequences[i], i, name, events)


def _page(
    candidates: Iterator[Found], pattern: FilterPattern, limit: int, forwards: bool
) -> tuple[list[Found], str | None]:
    page: list[Found] = []
    size, last = 0, None
    for found in islice(candidates, SCAN_EVENTS):
        message = found.events.messages[found.at]
        if pattern.matches(message):
            size += utf8_length(message) + OVERHEAD_BYTES
            if page and size > PAGE_BYTES:
                return page, _token(last, forwards)
            page.append(found)
        last = found
        if len(page) == limit:
            break
    more = next(candidates, None) is not None
    return page, _token(last, forwards) if more else None


def _token(last: Found | None, forwards: bool) -> str | None:
    return make_token(f"{'f' if forwards else 'b'}.{last.timestamp}.{last.sequence}") if last else None


def _reply(found: Found) -> Params:
    return {
        "logStreamName": found.name,
        "timestamp": found.timestamp,
        "message": found.events.messages[found.at],
        "ingestionTime": found.events.ingestions[found.at],
        "eventId": event_id(found.timestamp, found.sequence),
    }
