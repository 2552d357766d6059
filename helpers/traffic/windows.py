"""Aggregation windows: where an interface's windows begin and end.

Measured in a public data set: all flows of one interface in one window carry the same ``start``, windows follow each
other without gaps, and interfaces are not aligned with each other or with the minute. So a window's place is drawn from
the interface's id, and ``start`` and ``end`` of a record are the window's.
"""

from dataclasses import dataclass
from functools import lru_cache
from zlib import crc32

DEFAULT_INTERVAL = 60


@dataclass(frozen=True, slots=True, order=True)
class Window:
    """From ``start`` up to, but not including, ``end``; epoch seconds."""

    start: int
    end: int

    def __contains__(self, at: float) -> bool:
        return self.start <= at < self.end


@lru_cache(maxsize=1 << 14)
def offset_of(interface_id: str, interval: int) -> int:
    """By how many seconds an interface's windows are off multiples of the ``interval`` (seconds)."""
    return crc32(interface_id.encode()) % interval


def window_at(interface_id: str, at: float, interval: int = DEFAULT_INTERVAL) -> Window:
    """The window of an interface that holds ``at`` (epoch seconds); ``interval`` is the aggregation interval in
    seconds.

    >>> first = window_at("eni-0123456789abcdef0", 1_700_000_000.5)
    >>> first.end - first.start, 1_700_000_000.5 in first
    (60, True)
    >>> window_at("eni-0123456789abcdef0", first.end).start == first.end
    True
    """
    offset = offset_of(interface_id, interval)
    start = int((at - offset) // interval) * interval + offset
    return Window(start, start + interval)
