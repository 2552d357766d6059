"""The journal: what was asked and what was answered, in order, written before the answer leaves.

The first line is the :class:`Beginning`, every other line an entry: JSON with a checksum. A last line that is not whole
was torn by a kill and is dropped, for the client never got that answer. Damage anywhere else is reported with its line
and nothing is touched.
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from io import FileIO
from pathlib import Path
from typing import Any

import orjson

from helpers.sandbox.store.files import CannotWrite, append_whole, checked, with_checksum

EDITION = 3
"""Raise it with every change after which the same calls get other answers: other ids, records, refusals or times.

2: packets meet the network of their own time, and start at an interface; flow logs of one group share streams.
3: what nothing computes is refused; answers and refusals are AWS's in many more places.

A home of another edition is refused, not replayed: it would become another account than the one its learner knows.
"""
Entry = dict[str, Any]
_BEGINNING = b'{"edition":'


class JournalDamaged(Exception):
    """A line of the journal is not what was written. The file is left as it is."""

    def __init__(self, path: Path, line: int) -> None:
        super().__init__(
            f"The sandbox's journal is damaged at line {line} of {path}. Nothing was changed. "
            f"Start afresh with `python -m helpers sandbox reset`, which keeps this file beside the new one."
        )
        self.path = path
        self.line = line


@dataclass(frozen=True)
class Beginning:
    """What decides an account's ids and answers besides its calls. ``start_at`` is in epoch seconds.

    ``role_delay`` (in seconds) is the one that it began with: the home's identity holds the one in force.
    """

    edition: int
    seed: int
    start_at: float
    region: str
    role_delay: float


def read_beginning(path: Path) -> dict[str, Any] | None:
    """The fields of the journal's :class:`Beginning`, which another edition may have changed.

    ``None`` where there is no journal, or only a first line that a kill has torn. Before edition 2, journals did not
    say how they began. Raises :class:`JournalDamaged` and ``OSError``.
    """
    try:
        with path.open("rb") as lines:
            line = lines.readline()
    except FileNotFoundError:
        return None
    text = checked(line)
    if text is None and line.endswith(b"\n"):
        raise JournalDamaged(path, 1)
    if text is None:
        return None
    return dict(orjson.loads(text)) if text.startswith(_BEGINNING) else {"edition": 1}


class Journal:
    """An append-only file of entries; ``len(journal)`` is the position that the next entry will get.

    A new file begins with ``beginning``; a file without one keeps going without.
    """

    def __init__(self, path: Path, beginning: Beginning | None = None) -> None:
        self.path = path
        self.torn = False
        self._beginning = beginning
        self._size = 0
        self._ended = True
        self._count = 0
        self._writer: FileIO | None = None

    def __len__(self) -> int:
        return self._count

    def load(self, after: int = 0) -> Iterator[Entry]:
        """Check every line; yield the entries from position ``after`` on.

        A torn last line is left out, and cut off by the next ``append``.

        Raises :class:`JournalDamaged`.
        """
        if not self.path.exists():
            return
        self._size = self._count = 0
        with self.path.open("rb") as lines:
            for number, line in enumerate(lines, 1):
                ended = line.endswith(b"\n")
                text = checked(line if ended else line + b"\n")
                if text is None and ended:
                    raise JournalDamaged(self.path, number)
                if text is None:
                    self.torn = True
                    break
                self._size += len(line)
                self._ended = ended
                if number > 1 or not text.startswith(_BEGINNING):
                    self._count += 1
                    if self._count > after:
                        yield orjson.loads(text)

    def append(self, entry: Entry) -> None:
        """Write one entry through to the operating system: it survives the death of this process.

        Raises :class:`CannotWrite`; the file then ends with the entry before.
        """
        lines = with_checksum(orjson.dumps(entry))
        try:
            if self._writer is None:
                if self.torn:
                    os.truncate(self.path, self._size)
                if not self._ended:
                    lines = b"\n" + lines
                if self._size == 0 and self._beginning:
                    lines = with_checksum(orjson.dumps(self._beginning)) + lines
                self._writer = FileIO(self.path, "ab")
            append_whole(self._writer, lines)
        except OSError as problem:
            raise CannotWrite(self.path, problem) from problem
        self._count += 1

    def close(self) -> None:
        if self._writer is not None:
            self._writer.close()
            self._writer = None
