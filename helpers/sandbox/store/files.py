"""Files that survive: a kill or a full disk leaves the old or the new, and a damaged line is known as such."""

import os
import zlib
from io import FileIO
from pathlib import Path


class StoreError(Exception):
    """What the sandbox keeps could not be read or written; the sentence says what to do."""


class CannotWrite(StoreError):
    """The disk took no more. Memory is ahead of it by then: the account must not go on."""

    def __init__(self, path: Path, problem: OSError) -> None:
        super().__init__(
            f"The sandbox cannot write {path} ({problem.strerror}). Nothing that was answered is lost: "
            f"make room on the disk and go on."
        )


class JournalShorter(StoreError):
    """Something in a home knows of calls that its journal does not hold, which no kill can bring about."""

    def __init__(self, witness: Path) -> None:
        super().__init__(
            f"{witness} knows of calls that the journal beside it does not hold: part of the journal was lost. Nothing "
            f"was changed. Put the whole journal back; or `python -m helpers sandbox reset` starts afresh and keeps "
            f"the old files."
        )


def with_checksum(text: bytes) -> bytes:
    """``text`` as a line: eight hexadecimal digits (the CRC-32 of the text), a blank, the text, a newline."""
    return b"%08x %s\n" % (zlib.crc32(text), text)


def checked(line: bytes) -> bytes | None:
    """The text of a line as :func:`with_checksum` made it; ``None`` for any other line."""
    text = line[9:-1]
    return text if line == with_checksum(text) else None


def put_aside(path: Path) -> Path:
    """Rename a damaged file or folder to ``<name>.damaged-<number>`` and give its new path. Raises ``OSError``."""
    number = 1
    while (aside := path.with_name(f"{path.name}.damaged-{number}")).exists():
        number += 1
    return path.rename(aside)


def append_whole(file: FileIO, data: bytes) -> None:
    """Append all of ``data`` or nothing. Raises ``OSError``."""
    start = file.seek(0, os.SEEK_END)
    rest = memoryview(data)
    try:
        while rest:
            rest = rest[file.write(rest) or 0 :]
    except OSError:
        os.truncate(file.fileno(), start)
        raise


def replace_whole(path: Path, *parts: bytes) -> None:
    """Put a new file in the place of the old one in one step, readable by its owner only. Raises ``OSError``."""
    draft = path.with_suffix(".tmp")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.writelines(parts)
    draft.replace(path)
