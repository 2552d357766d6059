"""FilterLogEvents: events of many streams in one order of time, matched against a filter pattern."""

from dataclasses import dataclass
from itertools import accumulate
from operator import itemgetter
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
from helpers.sandbox.store.stream_events import OVERHEAD_BYTES, StreamEvents, utf8_length

SCAN_EVENTS = 100_000
"""One call looks at no more events than this; AWS documents that pages may be short or empty, not the number."""
_LAST = 1 << 60
_DESCENDING_FROM_MS = 1_704_067_200_000


class Found(NamedTuple):
    timestamp: int
    sequence: int
    message: str
    ingestion: int
    name: str


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
    spans = [_span(name, chosen[name], params, forwards, place) for name in chosen]
    page, token = _page(spans, pattern, params.get("limit", PAGE_EVENTS), forwards)
    return {
        "events": [_reply(match) for match in page],
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


@dataclass(slots=True)
class ScanRange:
    """What is left to look at in one stream: ``events[low:high]``."""

    name: str
    events: StreamEvents
    low: int
    high: int

    def cut(self, timestamp: int, forwards: bool) -> int:
        """The index that separates what lies up to ``timestamp`` (in the search's direction) from the rest."""
        index = self.events.index(timestamp + 1 if forwards else timestamp)
        return min(max(index, self.low), self.high)

    def take(self, timestamp: int, forwards: bool) -> range:
        """Move past ``timestamp``; the indexes that were passed."""
        cut = self.cut(timestamp, forwards)
        if forwards:
            passed, self.low = range(self.low, cut), cut
        else:
            passed, self.high = range(cut, self.high), cut
        return passed


def _span(name: str, stream: StreamEvents, params: Params, forwards: bool, place: Place | None) -> ScanRange:
    """The stream's events in the time range, after ``place``. Unlike GetLogEvents', this endTime is inclusive."""
    events = stream.settle()
    low = events.index(params["startTime"]) if "startTime" in params else 0
    high = events.index(params["endTime"] + 1) if "endTime" in params else len(events)
    if place is not None and forwards:
        low = max(low, events.index(place.timestamp, place.sequence + 1))
    elif place is not None:
        high = min(high, events.index(place.timestamp, place.sequence))
    return ScanRange(name, events, low, max(low, high))


def _page(spans: list[ScanRange], pattern: FilterPattern, limit: int, forwards: bool) -> tuple[list[Found], str | None]:
    """Look at windows of growing size until the page is full or enough was looked at."""
    page: list[Found] = []
    left, window = SCAN_EVENTS, max(limit, 1000)
    while True:
        spans = [span for span in spans if span.low < span.high]
        if not spans:
            break
        bound = _bound(spans, min(window, left), forwards)
        before = sum(span.high - span.low for span in spans)
        page += _matching(spans, pattern, bound, forwards)
        left -= before - sum(span.high - span.low for span in spans)
        window *= 4
        if left <= 0 or len(page) >= limit:
            break
    kept = _fitting(page, limit)
    if kept < len(page):
        last = page[kept - 1]
        return page[:kept], _token(last.timestamp, last.sequence, forwards)
    if any(span.low < span.high for span in spans):
        return page, _token(bound, _LAST if forwards else 0, forwards)
    return page, None


def _bound(spans: list[ScanRange], count: int, forwards: bool) -> int:
    """The timestamp up to which at least ``count`` events lie, or all of them."""
    low = min(span.events.timestamps[span.low] for span in spans)
    high = max(span.events.timestamps[span.high - 1] for span in spans)

    def passed(timestamp: int) -> int:
        return sum(
            (span.cut(timestamp, True) - span.low) if forwards else (span.high - span.cut(timestamp, False))
            for span in spans
        )

    while low < high:
        middle = (low + high) // 2 if forwards else (low + high + 1) // 2
        if passed(middle) >= count:
            low, high = (low, middle) if forwards else (middle, high)
        else:
            low, high = (middle + 1, high) if forwards else (low, middle - 1)
    return low


def _matching(spans: list[ScanRange], pattern: FilterPattern, bound: int, forwards: bool) -> list[Found]:
    matching = []
    matches = pattern.matches
    for span in spans:
        events = span.events
        messages = events.messages
        matching += [
            Found(events.timestamps[i], events.sequences[i], messages[i], events.ingestions[i], span.name)
            for i in span.take(bound, forwards)
            if matches(messages[i])
        ]
    return sorted(matching, key=itemgetter(0, 1), reverse=not forwards)


def _fitting(page: list[Found], limit: int) -> int:
    """How many of the matches go into one page of at most 1 MB; one always does."""
    sizes = accumulate(utf8_length(match.message) + OVERHEAD_BYTES for match in page[:limit])
    count = sum(total <= PAGE_BYTES for total in sizes)
    return max(count, 1) if page else 0


def _token(timestamp: int, sequence: int, forwards: bool) -> str:
    return make_token(f"{'f' if forwards else 'b'}.{timestamp}.{sequence}")


def _reply(match: Found) -> Params:
    return {
        "logStreamName": match.name,
        "timestamp": match.timestamp,
        "message": match.message,
        "ingestionTime": match.ingestion,
        "eventId": event_id(match.timestamp, match.sequence),
    }
