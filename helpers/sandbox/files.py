"""Writing files so that a kill or a full disk leaves the old or the new, and only their owner reads them."""

import os
from io import FileIO
from pathlib import Path


class StoreError(Exception):
    """What the sandbox keeps could not be read or written; the sentence says what to do."""


class CannotWrite(StoreError):
    """The disk took no more. Whoever meant to write has changed memory already: it must not go on."""

    def __init__(self, path: Path, problem: OSError) -> None:
        super().__init__(
            f"The sandbox cannot write {path} ({problem.strerror}). Nothing that was answered is lost: "
            f"make room on the disk and go on."
        )


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
