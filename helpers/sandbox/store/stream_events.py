"""One log stream's events in memory: parallel columns in time order, found by bisection.

Numbers live in ``array('q')`` (8 bytes each), messages in a list: about 190 bytes for a flow-log event.
"""

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

OVERHEAD_BYTES = 26
"""What CloudWatch Logs adds to each event's UTF-8 length when it counts bytes (PutLogEvents)."""


def utf8_length(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode())


def counted_bytes(messages: Sequence[str]) -> int:
    """The bytes that CloudWatch Logs counts for these messages: UTF-8 length plus 26 for each."""
    return utf8_length("".join(messages)) + OVERHEAD_BYTES * len(messages)


class StreamEvents:
    """Events ordered by (timestamp, sequence). Read the columns only after :meth:`settle`.

    ``timestamps`` and ``ingestions`` are epoch milliseconds; ``sequences`` are the store's running numbers.
    ``stored_bytes``, ``first_timestamp``, ``last_timestamp`` and ``last_ingestion`` are kept, not computed.
    """

    __slots__ = (
        "_sorted",
        "appended_in_order",
        "first_timestamp",
        "ingestions",
        "last_ingestion",
        "last_timestamp",
        "messages",
        "sequences",
        "stored_bytes",
        "timestamps",
    )

    def __init__(self) -> None:
        self.timestamps: array[int] = array("q")
        self.ingestions: array[int] = array("q")
        self.sequences: array[int] = array("q")
        self.messages: list[str] = []
        self.stored_bytes = 0
        self.first_timestamp: int | None = None
        self.last_timestamp: int | None = None
        self.last_ingestion: int | None = None
        self.appended_in_order = True
        self._sorted = 0

    def __len__(self) -> int:
        return len(self.messages)

    def append(self, timestamps: Sequence[int], messages: Sequence[str], ingestion: int, first_sequence: int) -> None:
        """Add a batch. Out-of-order events are accepted; the next reader pays for sorting them in."""
        if not messages:
            return
        # equal timestamps keep the order of arrival, so only a step back in time needs sorting
        behind = self._sorted == len(self) and (not self.messages or timestamps[0] >= self.timestamps[-1])
        in_order = behind and _ascending(timestamps)
        self.timestamps.extend(timestamps)
        self.ingestions.extend([ingestion] * len(messages))
        self.sequences.extend(range(first_sequence, first_sequence + len(messages)))
        self.messages.extend(messages)
        if in_order:
            self._sorted = len(self)
        self.stored_bytes += counted_bytes(messages)
        least, most = min(timestamps), max(timestamps)
        self.first_timestamp = least if self.first_timestamp is None else min(self.first_timestamp, least)
        self.last_timestamp = most if self.last_timestamp is None else max(self.last_timestamp, most)
        self.last_ingestion = ingestion

    def blocks(self, size: int = 50_000) -> Iterator[dict[str, Any]]:
        """All columns in pieces, for :meth:`restore`; at least one piece, for the bounds of an emptied stream."""
        self.settle()
        bounds = {"f": self.first_timestamp, "l": self.last_timestamp, "z": self.last_ingestion}
        for at in range(0, len(self) or 1, size):
            columns = (self.timestamps, self.ingestions, self.sequences)
            t, i, q = (column[at : at + size].tolist() for column in columns)
            yield {"t": t, "i": i, "q": q, "m": self.messages[at : at + size], **bounds}

    def restore(self, block: Mapping[str, Any]) -> None:
        """Add a piece that :meth:`blocks` gave."""
        self.timestamps.extend(block["t"])
        self.ingestions.extend(block["i"])
        self.sequences.extend(block["q"])
        self.messages.extend(block["m"])
        self.stored_bytes += counted_bytes(block["m"])
        self.first_timestamp, self.last_timestamp, self.last_ingestion = block["f"], block["l"], block["z"]
        self.appended_in_order = self.appended_in_order and _ascending(self.sequences)
        self._sorted = len(self)

    def settle(self) -> "StreamEvents":
        """Sort what arrived out of order. Costs nothing when nothing did."""
        done, total = self._sorted, len(self)
        if done == total:
            return self
        self.appended_in_order = False
        start = bisect_right(self.timestamps, min(self.timestamps[done:]), 0, done)
        order = sorted(range(start, total), key=self.timestamps.__getitem__)
        for column in (self.timestamps, self.ingestions, self.sequences):
            column[start:] = array("q", [column[i] for i in order])
        self.messages[start:] = [self.messages[i] for i in order]
        self._sorted = total
        return self

    def index(self, timestamp: int, sequence: int = 0) -> int:
        """Where the first event at or after (timestamp, sequence) is. Call :meth:`settle` first."""
        low = bisect_left(self.timestamps, timestamp)
        if not sequence or low == len(self) or self.timestamps[low] != timestamp:
            return low
        high = bisect_right(self.timestamps, timestamp, low)
        return bisect_left(self.sequences, sequence, low, high)

    def find(self, sequence: int) -> int | None:
        """The index of the event with this sequence number."""
        try:
            return self.sequences.index(sequence)
        except ValueError:
            return None

    def since(self, sequence: int) -> list[int]:
        """The indexes of all events numbered ``sequence`` or later."""
        if self.appended_in_order:
            return list(range(bisect_left(self.sequences, sequence), len(self)))
        return [i for i, number in enumerate(self.sequences) if number >= sequence]

    def drop_before(self, timestamp: int) -> int:
        """Forget the events older than ``timestamp``; says how many. ``last_...`` stay as they were."""
        if self.first_timestamp is None or self.first_timestamp >= timestamp:
            return 0
        gone = self.settle().index(timestamp)
        if gone == 0:
            return 0
        self.stored_bytes -= counted_bytes(self.messages[:gone])
        for column in (self.timestamps, self.ingestions, self.sequences):
            del column[:gone]
        del self.messages[:gone]
        self._sorted = len(self)
        if self.messages:
            self.first_timestamp = self.timestamps[0]
        return gone


def _ascending(timestamps: Sequence[int]) -> bool:
    return all(map(int.__le__, timestamps, timestamps[1:])) if len(timestamps) > 1 else True
