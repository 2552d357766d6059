"""A sandbox's home: the folder with its identity, its journal, its events and what is known of its process."""

import errno
import logging
import os
import secrets
from dataclasses import dataclass
from pathlib import Path

import orjson

from helpers.sandbox.account import journal
from helpers.sandbox.account.journal import Beginning
from helpers.sandbox.store import files

START_AT = 1767603600.0
"""Where a sandbox's time begins unless told otherwise: 2026-01-05T09:00:00Z, a Monday."""
SEED = 1
DISK_FULL = {errno.ENOSPC, errno.EDQUOT}
_log = logging.getLogger("sandbox")


class HomeUnusable(Exception):
    """The home cannot be used; the text says what to do."""


@dataclass(frozen=True)
class HomeIdentity:
    """What stays the same over all restarts. ``start_at`` is in epoch seconds; ``port`` 0 means not chosen yet.

    ``role_delay`` is for how many seconds a new role cannot be assumed yet by a service: only where asked for.
    """

    access_key_id: str
    secret_access_key: str
    start_at: float = START_AT
    seed: int = SEED
    port: int = 0
    region: str = "us-east-1"
    role_delay: float = 0.0

    def is_sound(self) -> bool:
        """Whether each value is of its kind: the file may have been edited."""
        texts = (self.access_key_id, self.secret_access_key, self.region)
        numbers = (self.start_at, self.seed, self.port, self.role_delay)
        return (
            all(isinstance(text, str) for text in texts)
            and all(isinstance(number, (int, float)) for number in numbers)
            and isinstance(self.port, int)
            and 0 <= self.port < 65536
        )


@dataclass(frozen=True)
class Running:
    """A server process: where it listens and which process it is."""

    pid: int
    port: int

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.port}"


class Home:
    """Paths and small files of a home, which are for their owner's eyes only (the server's umask sees to that).

    A folder that was there before keeps its permissions: it may be somebody's home or ``/tmp``.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder.expanduser().resolve()
        self.journal = self.folder / "journal.jsonl"
        self.checkpoint = self.folder / "checkpoint.pickle"
        self.events = self.folder / "events"
        self.lock = self.folder / "lock"
        self._identity = self.folder / "identity.json"
        self._running = self.folder / "server.json"

    def prepare(self) -> None:
        """Make the folder; raises :class:`HomeUnusable` where it cannot be written."""
        try:
            self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            probe = self.folder / f".probe-{os.getpid()}"
            probe.touch()
            probe.unlink()
        except OSError as problem:
            if problem.errno in DISK_FULL:
                raise
            raise HomeUnusable(
                f"The sandbox cannot write in {self.folder} ({problem.strerror}). "
                f"Choose another folder with --home or FLOWLOGS_HOME."
            ) from problem

    def remove_drafts(self) -> None:
        """Remove what killed processes were still writing. Only for the process that serves this home."""
        for draft in (*self.folder.glob("*.tmp"), *self.events.rglob("*.tmp")):
            if draft.is_file():
                draft.unlink()

    def beginning(self) -> Beginning | None:
        """How the account began; ``None`` for a new one.

        Raises :class:`HomeUnusable` for an account of another edition.
        """
        fields = journal.read_beginning(self.journal)
        if fields and fields["edition"] != journal.EDITION:
            raise HomeUnusable(
                f"The account in {self.folder} was made by edition {fields['edition']} of the course, and this is "
                f"edition {journal.EDITION}. It is kept as it is: use that edition for it, or start afresh with "
                f"`python -m helpers sandbox reset`, which keeps the old files."
            )
        return Beginning(**fields) if fields else None

    def identity(self) -> HomeIdentity | None:
        """The saved identity. One that is not what the sandbox wrote is put aside, for the account needs only a key."""
        try:
            identity = HomeIdentity(**orjson.loads(self._identity.read_bytes()))
            if identity.is_sound():
                return identity
        except FileNotFoundError:
            return None
        except (ValueError, TypeError, IsADirectoryError):
            pass
        aside = files.put_aside(self._identity)
        _log.warning("%s was damaged and is now %s: the account is kept, its key is new.", self._identity, aside.name)
        return None

    def save_identity(self, identity: HomeIdentity) -> None:
        files.replace_whole(self._identity, orjson.dumps(identity))

    def running(self) -> Running | None:
        """What the state file says: it may be stale, ask the process itself."""
        try:
            return Running(**orjson.loads(self._running.read_bytes()))
        except (OSError, ValueError, TypeError):
            return None

    def save_running(self, running: Running | None) -> None:
        if running is None:
            self._running.unlink(missing_ok=True)
        else:
            files.replace_whole(self._running, orjson.dumps(running))


def new_identity(role_delay: float) -> HomeIdentity:
    """An identity with a random owner's key. ``role_delay`` is in seconds."""
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
    key = "AKIA" + "".join(secrets.choice(alphabet) for _ in range(16))
    return HomeIdentity(key, secrets.token_urlsafe(30), role_delay=role_delay)
