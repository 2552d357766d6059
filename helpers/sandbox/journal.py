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
        self._count = 0
        self._writer: FileIO | None = None

    def __len__(self) -> int:
        return self._count

    def load(self, after: int = 0) -> Iterator[Entry]:
        """Check every line; yield the entries from position ``after`` on. Cuts a torn last line off.

        Raises :class:`JournalDamaged`.
        """
        entries = []
        good = 0
        data = self.path.read_bytes() if self.path.exists() else b""
        for number, line in enumerate(data.splitlines(keepends=True), 1):
            if not line.endswith(b"\n"):
                self.torn = True
                break
            if not _is_whole(line):
                raise JournalDamaged(self.path, number)
            if number > after:
                entries.append(orjson.loads(line[9:]))
            good += len(line)
            self._count = number
        if self.torn:
            os.truncate(self.path, good)
        yield from entries

    def append(self, entry: Entry) -> None:
        """Write one entry through to the operating system: it survives the death of this process."""
        if self._writer is None:
            self._writer = FileIO(self.path, "ab")
        text = orjson.dumps(entry)
        self._writer.write(b"%08x %s\n" % (zlib.crc32(text), text))
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
