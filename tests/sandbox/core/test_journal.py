"""The journal: whole lines, a torn end that is normal, and damage that is not."""

from pathlib import Path

import pytest

from helpers.sandbox.account.journal import Journal, JournalDamaged
from helpers.sandbox.store.files import CannotWrite


def write(path: Path, count: int) -> None:
    journal = Journal(path)
    for number in range(count):
        journal.append({"kind": "advance", "to": number})
    journal.close()


def test_entries_come_back_in_order(tmp_path: Path) -> None:
    write(tmp_path / "j", 5)
    journal = Journal(tmp_path / "j")
    assert [entry["to"] for entry in journal.load(after=2)] == [2, 3, 4]
    assert len(journal) == 5


def test_a_torn_last_line_is_dropped_and_said(tmp_path: Path) -> None:
    path = tmp_path / "j"
    write(path, 3)
    path.write_bytes(path.read_bytes()[:-4])
    journal = Journal(path)
    assert len(list(journal.load())) == 2
    assert journal.torn
    journal.append({"kind": "advance", "to": 9})
    journal.close()
    again = Journal(path)
    assert [entry["to"] for entry in again.load()] == [0, 1, 9]
    assert not again.torn


@pytest.mark.parametrize("damage", [b"garbage\n", b"\n", b"00000000 {}\n"])
def test_damage_in_the_middle_names_the_line_and_touches_nothing(tmp_path: Path, damage: bytes) -> None:
    path = tmp_path / "j"
    write(path, 4)
    lines = path.read_bytes().splitlines(keepends=True)
    lines[1] = damage
    path.write_bytes(b"".join(lines))
    before = path.read_bytes()
    with pytest.raises(JournalDamaged, match=r"line 2 of .*sandbox reset"):
        list(Journal(path).load(after=3))
    assert path.read_bytes() == before


def test_one_flipped_character_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "j"
    write(path, 4)
    path.write_bytes(path.read_bytes().replace(b'"to":2', b'"to":7'))
    with pytest.raises(JournalDamaged, match="line 3"):
        list(Journal(path).load())


def test_a_carriage_return_in_the_middle_is_damage_and_no_torn_end(tmp_path: Path) -> None:
    path = tmp_path / "j"
    write(path, 4)
    before = path.read_bytes().replace(b'"to":1', b'"to"\r1')
    path.write_bytes(before)
    with pytest.raises(JournalDamaged, match="line 2"):
        list(Journal(path).load())
    assert path.read_bytes() == before


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="not on this machine: there is no /dev/full")
def test_a_full_disk_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "j").symlink_to("/dev/full")
    journal = Journal(tmp_path / "j")
    with pytest.raises(CannotWrite, match="make room"):
        journal.append({"kind": "advance", "to": 1})
    assert len(journal) == 0
