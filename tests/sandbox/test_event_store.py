import random
import re
import subprocess
import sys
from array import array
from pathlib import Path

import pytest

from helpers.sandbox.store.event_store import EventStore, StoreDamaged, StoreError
from helpers.sandbox.store.files import JournalShorter
from helpers.sandbox.store.stream_events import StreamEvents

WHERE = ("us-east-1", "/vpc/a")


def write(store: EventStore, position: int, *events: tuple[int, str], stream: str = "s", at: int = 1000) -> int:
    return store.append(position, *WHERE, stream, list(events), at)


def messages(store: EventStore, stream: str = "s") -> list[str]:
    found = store.stream(*WHERE, stream)
    return found.messages if found is not None else []


def reopened(store: EventStore, last: int | None = None) -> EventStore:
    store.close()
    return EventStore(store.folder, last)


@pytest.fixture
def store(tmp_path: Path) -> EventStore:
    return EventStore(tmp_path / "events")


def test_what_was_written_is_there_after_a_restart(store: EventStore) -> None:
    write(store, 0, (5, "a"), (6, "ü€"))
    write(store, 1, (1, "earlier"), stream="t")
    store.append(1, "eu-west-1", "/vpc/a", "s", [(9, "elsewhere")], 1000)
    again = reopened(store, last=1)
    assert messages(again) == ["a", "ü€"]
    assert messages(again, "t") == ["earlier"]
    assert again.stored_bytes(*WHERE) == 1 + 5 + 7 + 3 * 26
    assert again.next_sequence == 5
    assert again.notes == []


def test_replay_skips_what_is_held_by_position_and_ordinal(store: EventStore) -> None:
    assert write(store, 0, (1, "a")) == 1
    assert write(store, 0, (2, "b")) == 1
    assert write(store, 3, (3, "c")) == 1
    again = reopened(store, last=3)
    assert [write(again, 0, (1, "a")), write(again, 0, (2, "b")), write(again, 3, (3, "c"))] == [0, 0, 0]
    assert write(again, 3, (4, "of the same call")) == 1
    assert write(again, 4, (5, "d")) == 1
    assert messages(reopened(again, last=4)) == ["a", "b", "c", "of the same call", "d"]


def test_a_half_applied_call_is_dropped_and_its_position_used_again(store: EventStore) -> None:
    write(store, 0, (1, "kept"))
    write(store, 1, (2, "half"))
    write(store, 1, (3, "applied"))
    again = reopened(store, last=0)
    assert messages(again) == ["kept"]
    assert len(again.notes) == 1
    write(again, 1, (4, "retried"))
    assert messages(reopened(again, last=1)) == ["kept", "retried"]


def test_an_empty_journal_drops_everything(store: EventStore) -> None:
    write(store, 0, (1, "never answered"))
    assert messages(reopened(store, last=-1)) == []


def test_a_torn_last_record_is_dropped_at_every_byte(store: EventStore) -> None:
    write(store, 0, (1, "kept"))
    [path] = store.folder.iterdir()
    whole = path.stat().st_size
    write(store, 1, (2, "torn"))
    store.close()
    data = path.read_bytes()
    for size in range(whole + 1, len(data)):
        path.write_bytes(data[:size])
        again = EventStore(store.folder, last_position=1)
        assert messages(again) == ["kept"] and "cut off" in again.notes[0]
        assert write(again, 1, (2, "again")) == 1
        again.close()
    path.write_bytes(data[:whole] + bytes(40))  # a power cut leaves zeros
    assert messages(EventStore(store.folder, 1)) == ["kept"]


def test_damage_elsewhere_names_file_and_offset_and_changes_nothing(store: EventStore) -> None:
    for position in range(3):
        write(store, position, (position, f"message {position}"))
    store.close()
    [path] = store.folder.iterdir()
    data = path.read_bytes()
    second = data.index(b"FLE1", 1)
    for at in range(second, data.index(b"FLE1", second + 1)):
        damaged = bytearray(data)
        damaged[at] ^= 0x55
        path.write_bytes(damaged)
        with pytest.raises(StoreDamaged, match=re.escape(f"byte {second} of {path}")) as caught:
            EventStore(store.folder, 2)
        assert (caught.value.path, caught.value.offset) == (path, second)
        assert path.read_bytes() == damaged


def test_segments_are_rotated_and_a_torn_end_counts_in_the_last_one_only(tmp_path: Path) -> None:
    store = EventStore(tmp_path, segment_bytes=200)
    for number in range(10):
        write(store, min(number, 5), (number, "x" * 50))  # the last call writes five times
    paths = sorted(tmp_path.iterdir())
    assert len(paths) > 3
    assert len(messages(reopened(store, 5))) == 10
    assert messages(EventStore(tmp_path, 4)) == ["x" * 50] * 5  # later files are dropped with their call
    assert len(list(tmp_path.iterdir())) < len(paths)
    first = paths[0]
    first.write_bytes(first.read_bytes()[:-3])
    with pytest.raises(StoreDamaged):
        EventStore(tmp_path)


def test_a_store_that_is_two_calls_ahead_of_the_journal_is_refused_and_nothing_is_touched(store: EventStore) -> None:
    for position in range(4):
        write(store, position, (position, "x"))
    store.close()
    [path] = store.folder.iterdir()
    path.write_bytes(before := path.read_bytes()[:-1])
    with pytest.raises(JournalShorter, match=r"part of the journal was lost. Nothing was changed.*sandbox reset"):
        EventStore(store.folder, 0)
    assert path.read_bytes() == before
    assert messages(EventStore(store.folder, 1)) == ["x", "x"]


def test_a_store_that_has_lost_its_end_or_its_middle_is_damaged(tmp_path: Path) -> None:
    store = EventStore(tmp_path, segment_bytes=200)
    for position in range(6):
        write(store, position, (position, "x" * 100))
    assert store.last_turn == (5, 0)
    store.close()
    paths = sorted(tmp_path.iterdir())
    with pytest.raises(StoreDamaged, match="the records after it are missing"):
        EventStore(tmp_path, 9, at_least=(6, 0))
    assert EventStore(tmp_path, 9, at_least=(5, 0)).last_turn == (5, 0)
    for lost in (paths[0], paths[1]):
        content = lost.read_bytes()
        lost.write_bytes(b"")
        with pytest.raises(StoreDamaged, match="records missing"):
            EventStore(tmp_path, 9)
        lost.unlink()
        with pytest.raises(StoreDamaged, match="records missing"):
            EventStore(tmp_path, 9)
        lost.mkdir()
        with pytest.raises(StoreDamaged, match="not a file"):
            EventStore(tmp_path, 9)
        lost.rmdir()
        lost.write_bytes(content)
    assert len(messages(EventStore(tmp_path, 9))) == 6


def test_deletion_survives_and_a_group_of_the_same_name_starts_empty(store: EventStore) -> None:
    write(store, 0, (1, "a"))
    write(store, 0, (1, "b"), stream="t")
    before = store.generation(*WHERE)
    store.delete_stream(1, *WHERE, "t")
    assert store.generation(*WHERE) != before
    store.delete_group(2, *WHERE)
    write(store, 3, (1, "c"))
    again = reopened(store, 3)
    assert messages(again) == ["c"] and messages(again, "t") == []
    again.delete_group(2, *WHERE)  # replayed: the store is past it
    assert messages(again) == ["c"]


def test_expiry_is_durable_and_trimming_is_not(store: EventStore) -> None:
    write(store, 0, (1, "a"), (5, "b"), (9, "c"))
    store.trim(*WHERE, 6)
    assert messages(store) == ["c"] and store.stored_bytes(*WHERE) == 27
    again = reopened(store, 0)
    assert messages(again) == ["a", "b", "c"]
    again.expire(1, *WHERE, 5)
    assert messages(reopened(again, 1)) == ["b", "c"]


def test_an_unusable_folder_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="--home"):
        EventStore(tmp_path / "file" / "events")


def test_events_out_of_order_are_read_in_order_of_time_then_arrival() -> None:
    draw = random.Random(7)
    events, expected, sequence = StreamEvents(), [], 1
    for _ in range(60):
        batch = [draw.randrange(50) for _ in range(draw.randrange(1, 6))]
        events.append(batch, [f"{sequence + i}" for i in range(len(batch))], 0, sequence)
        expected += [(timestamp, sequence + i) for i, timestamp in enumerate(batch)]
        sequence += len(batch)
        if draw.random() < 0.4:
            settled = events.settle()
            assert list(zip(settled.timestamps, settled.sequences, strict=True)) == sorted(expected)
            assert settled.messages == [str(number) for _, number in sorted(expected)]
    events.settle()
    assert (events.first_timestamp, events.last_timestamp) == (min(expected)[0], max(expected)[0])
    for timestamp, number in expected:
        assert events.index(timestamp, number) == sorted(expected).index((timestamp, number))
        assert events.index(timestamp) == sum(other < timestamp for other, _ in expected)
    assert {events.sequences[i] for i in events.since(40)} == set(range(40, sequence))


def test_bounds_and_bytes_are_kept_right_through_everything(store: EventStore) -> None:
    draw = random.Random(3)
    for position in range(40):
        write(store, position, *[(draw.randrange(1000), "é" * draw.randrange(1, 9)) for _ in range(5)])
        store.trim(*WHERE, draw.randrange(position * 10 + 1))
        found = store.stream(*WHERE, "s")
        assert found is not None
        assert found.stored_bytes == sum(len(message.encode()) + 26 for message in found.messages)
        if found.messages:
            assert found.first_timestamp == found.timestamps[0]


def test_a_start_rewrites_what_is_mostly_deleted(store: EventStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("helpers.sandbox.store.event_store.COMPACT_EVENTS", 10)
    write(store, 0, (9, "b"), (9, "c"), (3, "a"))
    write(store, 1, *[(i, "x" * 100) for i in range(20)], stream="gone")
    write(store, 2, (1, "expired"), stream="emptied")
    store.delete_stream(3, *WHERE, "gone")
    store.expire(3, *WHERE, 2)
    size, number = sum(path.stat().st_size for path in store.folder.iterdir()), store.next_sequence
    again = reopened(store, 3)
    assert sum(path.stat().st_size for path in store.folder.iterdir()) < size / 3
    for compacted in (again, reopened(again, 3)):
        assert messages(compacted) == ["a", "b", "c"] and messages(compacted, "gone") == []
        assert compacted.next_sequence == number and compacted.stored_bytes(*WHERE) == 3 * 27
        emptied = compacted.stream(*WHERE, "emptied")
        assert emptied is not None and emptied.last_timestamp == 1
    again = reopened(again, 3)
    assert write(again, 1, (1, "replayed")) == 0  # held, though its record is gone
    assert write(again, 4, (5, "new")) == 1
    assert messages(reopened(again, 4)) == ["a", "new", "b", "c"]


def test_a_kill_between_the_steps_of_rewriting_loses_nothing(
    store: EventStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("helpers.sandbox.store.event_store.COMPACT_EVENTS", 1)
    write(store, 0, (1, "a"))
    write(store, 1, *[(i, "x") for i in range(5)], stream="gone")
    store.delete_stream(2, *WHERE, "gone")

    def killed(path: Path, *args: object, **kwargs: object) -> None:
        raise KeyboardInterrupt

    for step in ("replace", "unlink"):  # before the new file has its name; before the old ones are gone
        with monkeypatch.context() as patch:
            patch.setattr(Path, step, killed)
            with pytest.raises(KeyboardInterrupt):
                reopened(store, 2)
        assert (store.folder / "events-000001.seg").exists()
    again = EventStore(store.folder, 2)
    assert messages(again) == ["a"] and messages(again, "gone") == []
    write(again, 3, (2, "b"))
    assert messages(reopened(again, 3)) == ["a", "b"]


_WRITER = """
import sys
from pathlib import Path
from helpers.sandbox.store.event_store import EventStore
store = EventStore(Path(sys.argv[1]), segment_bytes=20_000)
for position in range(10**9):
    store.append(position, "us-east-1", "/vpc/a", "s", [(position, "x" * (position % 900))], 0)
    print(position, flush=True)
"""


def test_a_process_killed_while_writing_has_lost_nothing_it_had_acknowledged(tmp_path: Path) -> None:
    writer = subprocess.Popen(
        [sys.executable, "-c", _WRITER, str(tmp_path)],
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).resolve().parents[2],
    )
    assert writer.stdout is not None
    acknowledged = [int(next(writer.stdout)) for _ in range(500)]
    writer.kill()
    acknowledged += [int(line) for line in writer.stdout if line.endswith("\n")]
    writer.wait()
    store = EventStore(tmp_path)
    found = store.stream(*WHERE, "s")
    assert found is not None
    assert list(found.timestamps) == list(range(len(found)))
    assert len(found) >= acknowledged[-1] + 1
    assert found.messages == ["x" * (position % 900) for position in range(len(found))]


def test_an_event_in_memory_is_small() -> None:
    line = "2 123456789012 eni-0a1b2c3d4e5f60718 10.1.1.10 10.2.1.10 51000 {} 6 10 2000 1700000000 1700000060 ACCEPT OK"
    events = StreamEvents()
    count = 2000
    events.append([1_700_000_000_000 + i for i in range(count)], [line.format(i) for i in range(count)], 1, 1)
    columns: list[array[int]] = [events.timestamps, events.ingestions, events.sequences]
    size = sum(map(sys.getsizeof, [*columns, events.messages, *events.messages]))
    assert size / count < 0.65 * 376
