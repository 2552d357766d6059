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

from helpers.sandbox.store.files import JournalShorter, StoreError, put_aside
from helpers.sandbox.store.segment_files import SEGMENT_BYTES, Segments, StoreDamaged
from helpers.sandbox.store.stream_events import StreamEvents

__all__ = ["EventStore", "StoreDamaged", "StoreError", "StreamEvents"]

Turn = tuple[int, int]
"""The journal position of the call that wrote, and which of its writes it was: both from 0."""
NO_TURN: Turn = (-1, -1)
COMPACT_EVENTS = 100_000
"""A start with more deleted events than this, and than living ones, rewrites the segments."""


class _Group:
    __slots__ = ("removals", "streams")

    def __init__(self) -> None:
        self.streams: dict[str, StreamEvents] = {}
        self.removals = 0


class EventStore:
    """All log events of an account, by region, log group and log stream.

    ``EventStore(folder, last_position=n)`` loads what is there; the writes of the call after ``n`` (the journal's last
    position) are dropped, and ``notes`` says so in sentences. ``at_least`` is the :attr:`last_turn` that the
    store is known to have had. Raises :class:`StoreDamaged` naming file and offset, :class:`JournalShorter`, and
    :class:`StoreError` when the folder cannot be written; the files are then as they were.
    """

    def __init__(
        self,
        folder: Path,
        last_position: int | None = None,
        at_least: Turn = NO_TURN,
        segment_bytes: int = SEGMENT_BYTES,
    ) -> None:
        self.folder = folder
        self.notes: list[str] = []
        self.damage = ""
        self._segments = Segments(folder, segment_bytes)
        self._turn = NO_TURN
        self._load(last_position, at_least)

    @classmethod
    def in_place_of_damaged(cls, folder: Path, problem: StoreDamaged) -> "EventStore":
        """An empty store, for a replay of the whole journal to fill. The damaged segments are put aside."""
        aside = [put_aside(path).name for path in Segments(folder).paths()]
        store = cls(folder)
        store.damage = str(problem) + (f" The damaged files are kept as {', '.join(aside)}." if aside else "")
        return store

    @property
    def last_turn(self) -> Turn:
        """The last write that is on disk."""
        return max(self._turn, self._held)

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
        """Changes whenever events leave the group: a copy of them must then be made anew."""
        entry = self._groups.get((region, group))
        return entry.removals if entry else 0

    # --- loading ---------------------------------------------------------------------------------------------

    def _load(self, last_position: int | None, at_least: Turn) -> None:
        self._groups: dict[tuple[str, str], _Group] = {}
        self._next_sequence = 1
        self._held = NO_TURN
        unfinished: tuple[Path, int] | None = None
        path, offset = self.folder, 0
        applied = 0
        for path, offset, payload in self._segments.load():
            record = orjson.loads(payload)
            applied += len(record.get("m", ()))
            if record["k"] == "block":
                self._apply_block(record)
                continue
            turn = (record["p"], record["o"])
            ahead = 0 if last_position is None else turn[0] - last_position
            if ahead > 1 or (ahead == 1 and record["k"] == "base"):
                raise JournalShorter(self.folder)
            if record["k"] == "base":
                self._apply_base(record)
            elif ahead == 1:
                unfinished = unfinished or (path, offset)
            elif turn <= self._held or record.get("q", self._next_sequence) != self._next_sequence:
                raise StoreDamaged(path, offset, "records missing or out of order")
            else:
                self._apply(record)
                self._held = turn
        if self._held < at_least:
            raise StoreDamaged(path, offset, "the records after it are missing")
        self._drop_end(unfinished)
        if last_position is not None:
            live = sum(len(events) for group in self._groups.values() for events in group.streams.values())
            if applied - live > max(live, COMPACT_EVENTS):
                self._segments.replace_all(self._compacted())

    def _drop_end(self, unfinished: tuple[Path, int] | None) -> None:
        """Cut off what a kill left of its call: whole records that the journal does not know, and a torn one."""
        if unfinished is not None:
            self.notes.append("The events of a call that the journal does not know were dropped.")
        if self._segments.torn is not None:
            self.notes.append(f"The last record of {self._segments.torn[0]} was cut off by a kill: dropped.")
        if (end := unfinished or self._segments.torn) is not None:
            self._segments.cut(*end)

    def _apply(self, record: dict[str, Any]) -> None:
        key = (record["r"], record["g"])
        if record["k"] == "put":
            stream = self._groups.setdefault(key, _Group()).streams.setdefault(record["s"], StreamEvents())
            stream.append(record["t"], record["m"], record["i"], record["q"])
            self._next_sequence = record["q"] + len(record["m"])
        elif record["k"] == "expire":
            self.trim(*key, record["t"])
        elif "s" not in record:
            # keep the counter: a group of the same name must not look unchanged to the keeper of a copy
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

    def _apply_base(self, record: dict[str, Any]) -> None:
        self._groups.clear()
        self._held = (record["p"], record["o"])
        self._next_sequence = record["q"]

    def _apply_block(self, record: dict[str, Any]) -> None:
        group = self._groups.setdefault((record["r"], record["g"]), _Group())
        group.streams.setdefault(record["s"], StreamEvents()).restore(record)
