"""Append-only segment files: records that are either whole or known not to be.

A folder holds ``events-000001.seg``, ``events-000002.seg``, ... Each record is a frame: 16 bytes of header (magic,
length of the payload, CRC-32 of the payload, CRC-32 of the header) and the payload. The header has a check of its
own, so a damaged length in the middle of a file is not mistaken for the torn end that a kill leaves behind.
"""

import os
import struct
import zlib
from collections.abc import Iterable, Iterator
from io import FileIO
from pathlib import Path
from typing import BinaryIO

from helpers.sandbox.store.files import CannotWrite, StoreError, append_whole

_HEADER = struct.Struct("<4sIII")
_MAGIC = b"FLE1"
SEGMENT_BYTES = 64 * 1024 * 1024


class StoreDamaged(StoreError):
    """The segments are not what was written. They are left as they are."""

    def __init__(self, path: Path, offset: int, why: str) -> None:
        super().__init__(f"The sandbox's event store is damaged at byte {offset} of {path} ({why}).")
        self.path = path
        self.offset = offset


class Segments:
    """The files of one store, written at the end and read from the start.

    ``torn`` is where reading found a torn last record (file, offset in bytes): :meth:`cut` drops it. Writes go
    through to the operating system before :meth:`append` returns: they survive the death of this process.
    """

    def __init__(self, folder: Path, segment_bytes: int = SEGMENT_BYTES) -> None:
        self.folder = folder
        self.torn: tuple[Path, int] | None = None
        self._segment_bytes = segment_bytes
        self._writer: FileIO | None = None
        self._size = 0
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StoreError(
                f"The sandbox cannot write in {folder}: {error.strerror}. Choose another --home."
            ) from error

    def paths(self) -> list[Path]:
        return sorted(self.folder.glob("events-*.seg"))

    def load(self) -> Iterator[tuple[Path, int, bytes]]:
        """Every whole record as (file, offset in bytes, payload). Raises :class:`StoreDamaged`."""
        paths = self.paths()
        for path in paths:
            yield from self._read(path, last=path == paths[-1])

    def append(self, payload: bytes) -> None:
        """Write one record. A write that fails half-way is taken back. Raises ``CannotWrite``."""
        frame = _frame(payload)
        try:
            append_whole(self._open(), frame)
        except OSError as error:
            raise CannotWrite(self.folder, error) from error
        self._size += len(frame)

    def cut(self, path: Path, offset: int) -> None:
        """Drop everything from ``offset`` of ``path`` on, in later files too."""
        self.close()
        for later in [p for p in self.paths() if p > path]:
            later.unlink()
        os.truncate(path, offset)

    def replace_all(self, payloads: Iterable[bytes]) -> None:
        """Put new records in the place of all old ones. A kill in the middle leaves the old or both, never neither.

        The first payload must tell :meth:`load`'s caller to forget everything before it.
        """
        self.close()
        old = self.paths()
        draft = self.folder / "compacting.tmp"
        try:
            with draft.open("wb") as file:
                for payload in payloads:
                    file.write(_frame(payload))
                file.flush()
                os.fsync(file.fileno())
            draft.replace(self._path(_number(old[-1]) + 1 if old else 1))
            for path in reversed(old):  # what a kill leaves of them still has no gap
                path.unlink()
        except OSError as error:
            raise CannotWrite(self.folder, error) from error

    def close(self) -> None:
        if self._writer is not None:
            self._writer.close()
            self._writer = None

    def _path(self, number: int) -> Path:
        return self.folder / f"events-{number:06d}.seg"

    def _open(self) -> FileIO:
        if self._writer is not None and self._size < self._segment_bytes:
            return self._writer
        self.close()
        paths = self.paths()
        if paths and paths[-1].stat().st_size < self._segment_bytes:
            path = paths[-1]
        else:
            path = self._path(_number(paths[-1]) + 1 if paths else 1)
        self._writer = FileIO(path, "ab")
        self._size = path.stat().st_size
        return self._writer

    def _read(self, path: Path, last: bool) -> Iterator[tuple[Path, int, bytes]]:
        if not path.is_file():
            raise StoreDamaged(path, 0, "not a file")
        size, offset = path.stat().st_size, 0
        with path.open("rb") as file:
            while offset < size:
                payload = self._payload(file.read(_HEADER.size), file, path, offset, size, last)
                if payload is None:
                    if not last:
                        raise StoreDamaged(path, offset, "not a whole record")
                    self.torn = (path, offset)
                    return
                yield path, offset, payload
                offset += _HEADER.size + len(payload)

    def _payload(self, head: bytes, file: BinaryIO, path: Path, offset: int, size: int, last: bool) -> bytes | None:
        """The payload of the frame whose header was just read; None for a torn end."""
        rest = size - offset
        if len(head) < _HEADER.size:
            return None
        magic, length, check, head_check = _HEADER.unpack(head)
        if magic != _MAGIC or zlib.crc32(head[:12]) != head_check:
            if last and not any(head) and not any(file.read()):
                return None  # a power cut may leave zeros at the end
            raise StoreDamaged(path, offset, "not the header of a record")
        if rest < _HEADER.size + length:
            return None
        payload = file.read(length)
        is_whole = zlib.crc32(payload) == check
        if not is_whole and rest > _HEADER.size + length:
            raise StoreDamaged(path, offset, "checksum differs")
        return payload if is_whole else None


def _frame(payload: bytes) -> bytes:
    head = _MAGIC + struct.pack("<II", len(payload), zlib.crc32(payload))
    return head + struct.pack("<I", zlib.crc32(head)) + payload


def _number(path: Path) -> int:
    return int(path.stem.removeprefix("events-"))
