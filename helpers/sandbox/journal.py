"""The journal: what was asked and what was answered, in order, written before the answer leaves.

One line per entry: eight hexadecimal digits (CRC-32 of what follows), a blank, the entry as JSON. A last line without
its newline was torn by a kill and is dropped, for the client never got that answer. Damage anywhere else is reported
with its line and nothing is touched.
"""

import os
import zlib
from collections.abc import Iterator
from io import FileIO
from pathlib import Path
from typing import Any

import orjson

from helpers.sandbox.files import CannotWrite, append_whole

Entry = dict[str, Any]


class JournalDamaged(Exception):
    """A line of the journal is not what was written. The file is left as it is."""

    def __init__(self, path: Path, line: int) -> None:
        super().__init__(
            f"The sandbox's journal is damaged at line {line} of {path}. Nothing was changed. "
            f"Start afresh with `python -m helpers sandbox reset`, which keeps this file beside the new one."
        )
        self.path = path
        self.line = line


class Journal:
    """An append-only file of entries; ``len(journal)`` is the position that the next entry will get."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.torn = False
        self._torn_at: int | None = None
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
        good = 0
        with self.path.open("rb") as lines:
            for number, line in enumerate(lines, 1):
                if not line.endswith(b"\n"):
                    self.torn = True
                    break
                if not _is_whole(line):
                    raise JournalDamaged(self.path, number)
                good += len(line)
                self._count = number
                if number > after:
                    yield orjson.loads(line[9:])
        if self.torn:
            self._torn_at = good

    def append(self, entry: Entry) -> None:
        """Write one entry through to the operating system: it survives the death of this process.

        Raises :class:`CannotWrite`; the file then ends with the entry before.
        """
        text = orjson.dumps(entry)
        try:
            if self._torn_at is not None:
                os.truncate(self.path, self._torn_at)
                self._torn_at = None
            if self._writer is None:
                self._writer = FileIO(self.path, "ab")
            append_whole(self._writer, b"%08x %s\n" % (zlib.crc32(text), text))
        except OSError as problem:
            raise CannotWrite(self.path, problem) from problem
        self._count += 1

    def close(self) -> None:
        if self._writer is not None:
            self._writer.close()
            self._writer = None


def _is_whole(line: bytes) -> bool:
    try:
        return int(line[:8], 16) == zlib.crc32(line[9:-1]) and line[8:9] == b" "
    except ValueError:
        return False
