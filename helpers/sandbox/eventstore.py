"""The durable store of log events: in memory for reading, in append-only segments for surviving.

Every write names the journal position of the call that causes it; several writes of one call are numbered. A write
is on disk before the call's journal entry, so after a kill the store may be one call ahead of the journal: that
half-applied call is dropped at the start, and the client's retry does it again. While the journal is replayed, the
writes that the store already holds are skipped.

>>> import tempfile
>>> folder = Path(tempfile.mkdtemp())
>>> store = EventStore(folder)
>>> store.append(0, "us-east-1", "/vpc/a", "eni-1-all", [(1700000000000, "hello")], ingestion_ms=1700000060000)
1
>>> store.close()
>>> again = EventStore(folder, last_position=0)
>>> again.append(0, "us-east-1", "/vpc/a", "eni-1-all", [(1700000000000, "hello")], ingestion_ms=1700000060000)
0
>>> again.stream("us-east-1", "/vpc/a", "eni-1-all").messages
['hello']
>>> again.stored_bytes("us-east-1", "/vpc/a")
31
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import orjson

from helpers.sandbox.files import StoreError
from helpers.sandbox.segments import SEGMENT_BYTES, Segments, StoreDamaged
from helpers.sandbox.streams import StreamEvents

__all__ = ["EventStore", "StoreDamaged", "StoreError", "StreamEvents"]

Turn = tuple[int, int]
COMPACT_EVENTS = 100_000
"""A start with more deleted events than this, and than living ones, rewrites the segments."""


class _Group:
    __slots__ = ("removals", "streams")

    def __init__(self) -> None:
        self.streams: dict[str, StreamEvents] = {}
        self.removals = 0


class EventStore:
    """All log events of an account, by region, log group and log stream.

    ``EventStore(folder, last_position=n)`` loads what is there; writes of positions after ``n`` (the journal's last)
    are dropped, and ``notes`` says so. Raises :class:`StoreDamaged` naming file and offset, :class:`StoreError`
    when the folder cannot be written.
    """

    def __init__(self, folder: Path, last_position: int | None = None, segment_bytes: int = SEGMENT_BYTES) -> None:
        self.folder = folder
        self._segments = Segments(folder, segment_bytes)
        self._turn: Turn = (-1, -1)
        self._load(last_position)

    @property
    def notes(self) -> list[str]:
        """What was dropped while loading, in sentences."""
        return self._segments.notes

    @property
    def next_sequence(self) -> int:
        """The number that the next event will get."""
        return self._next_sequence

    # --- writing ---------------------------------------------------------------------------------------------

    def append(
        self,
        position: int,
        region: str,
        group: str,
        stream: str,
        events: Sequence[tuple[int, str]],
        ingestion_ms: int,
    ) -> int:
        """Store (timestamp in ms, message) pairs in a stream. Returns how many were stored (0 when held)."""
        if not events:
            return 0
        timestamps, messages = map(list, zip(*events, strict=True))
        stored = self._write(
            position,
            {
                "k": "put",
                "r": region,
                "g": group,
                "s": stream,
                "i": ingestion_ms,
                "q": self._next_sequence,
                "t": timestamps,
                "m": messages,
            },
        )
        return len(events) if stored else 0

    def delete_group(self, position: int, region: str, group: str) -> None:
        """Forget a log group's events for good."""
        self._write(position, {"k": "drop", "r": region, "g": group})

    def delete_stream(self, position: int, region: str, group: str, stream: str) -> None:
        """Forget a log stream's events for good."""
        self._write(position, {"k": "drop", "r": region, "g": group, "s": stream})

    def expire(self, position: int, region: str, group: str, before_ms: int) -> None:
        """Forget a group's events older than ``before_ms`` for good: done when its retention changes."""
        self._write(position, {"k": "expire", "r": region, "g": group, "t": before_ms})

    def trim(self, region: str, group: str, before_ms: int) -> None:
        """Forget older events in memory: what a read does on behalf of the retention in force.

        Nothing is recorded, for the same retention and clock trim the same again after a restart.
        """
        entry = self._groups.get((region, group))
        if entry is not None:
            gone = sum(events.drop_before(before_ms) for events in entry.streams.values())
            entry.removals += gone > 0

    def close(self) -> None:
        self._segments.close()

    def _write(self, position: int, record: dict[str, Any]) -> bool:
        """Write unless held. Each position counts its own writes, so a replayed call finds them again."""
        ordinal = self._turn[1] + 1 if position == self._turn[0] else 0
        self._turn = (position, ordinal)
        if self._turn <= self._held:
            return False
        self._segments.append(orjson.dumps({"p": position, "o": ordinal, **record}))
        self._apply(record)
        return True

    # --- reading ---------------------------------------------------------------------------------------------

    def stream(self, region: str, group: str, stream: str) -> StreamEvents | None:
        """A stream's events in time order, or None when it never had one."""
        entry = self._groups.get((region, group))
        events = entry.streams.get(stream) if entry else None
        return events.settle() if events is not None else None

    def streams(self, region: str, group: str) -> Mapping[str, StreamEvents]:
        """All streams of a group that ever had an event."""
        entry = self._groups.get((region, group))
        return entry.streams if entry else {}

    def groups(self, region: str) -> Iterator[str]:
        """The names of a region's groups that ever had an event."""
        return (name for where, name in list(self._groups) if where == region)

    def stored_bytes(self, region: str, group: str) -> int:
        """UTF-8 bytes plus 26 for each event that has not expired."""
        return sum(events.stored_bytes for events in self.streams(region, group).values())

    def generation(self, region: str, group: str) -> int:
        """Changes whenever events leave the group: whoever keeps a copy of them makes it anew."""
        entry = self._groups.get((region, group))
        return entry.removals if entry else 0

    # --- loading ---------------------------------------------------------------------------------------------

    def _load(self, last_position: int | None) -> None:
        self._groups: dict[tuple[str, str], _Group] = {}
        self._next_sequence = 1
        self._turn = (-1, -1)
        self._held: Turn = (-1, -1)
        unfinished: tuple[Path, int] | None = None
        applied = 0
        for path, offset, payload in self._segments.load():
            record = orjson.loads(payload)
            applied += len(record.get("m", ()))
            if record["k"] in ("base", "block"):
                self._apply_compacted(record)
                continue
            turn = (record["p"], record["o"])
            if turn <= self._held:
                raise StoreDamaged(path, offset, "records out of order")
            if last_position is not None and turn[0] > last_position:
                unfinished = (path, offset)
                break
            self._apply(record)
            self._held = turn
        if unfinished is not None:
            self._segments.cut(*unfinished)
            self.notes.append("The events of a call that the journal does not know were dropped.")
        if last_position is not None:
            live = sum(len(events) for group in self._groups.values() for events in group.streams.values())
            if applied - live > max(live, COMPACT_EVENTS):
                self._segments.replace_all(self._compacted())

    def _apply(self, record: dict[str, Any]) -> None:
        key = (record["r"], record["g"])
        if record["k"] == "put":
            stream = self._groups.setdefault(key, _Group()).streams.setdefault(record["s"], StreamEvents())
            stream.append(record["t"], record["m"], record["i"], record["q"])
            self._next_sequence = record["q"] + len(record["m"])
        elif record["k"] == "expire":
            self.trim(*key, record["t"])
        elif "s" not in record:
            # keep the counter: a group of the same name must not look unchanged to whoever kept a copy
            removals = self.generation(*key)
            self._groups[key] = _Group()
            self._groups[key].removals = removals + 1
        elif key in self._groups and self._groups[key].streams.pop(record["s"], None) is not None:
            self._groups[key].removals += 1

    # --- compaction: restarts must not grow slower with what was deleted long ago -----------------------------

    def _compacted(self) -> Iterator[bytes]:
        """Everything that is alive: a base record that supersedes what was written before, then blocks."""
        position, ordinal = self._held
        yield orjson.dumps({"k": "base", "p": position, "o": ordinal, "q": self._next_sequence})
        for (region, group), entry in self._groups.items():
            for name, events in entry.streams.items():
                for block in events.blocks():
                    yield orjson.dumps({"k": "block", "r": region, "g": group, "s": name, **block})

    def _apply_compacted(self, record: dict[str, Any]) -> None:
        if record["k"] == "base":
            self._groups.clear()
            self._held = (record["p"], record["o"])
            self._next_sequence = record["q"]
            return
        group = self._groups.setdefault((record["r"], record["g"]), _Group())
        group.streams.setdefault(record["s"], StreamEvents()).restore(record)
