"""A sandbox's home: the folder with its identity, its journal, its events and what is known of its process."""

import os
import secrets
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import orjson

from helpers.sandbox import files

START_AT = 1767603600.0
"""Where a sandbox's time begins unless told otherwise: 2026-01-05T09:00:00Z, a Monday."""
SEED = 1


class HomeUnusable(Exception):
    """The home cannot be used; the text says what to do."""


@dataclass(frozen=True)
class Identity:
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
        self.log = self.folder / "server.log"
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
            raise HomeUnusable(
                f"The sandbox cannot write in {self.folder} ({problem.strerror}). "
                f"Choose another folder with --home or FLOWLOGS_HOME."
            ) from problem

    def identity(self) -> Identity | None:
        """The saved identity; raises :class:`HomeUnusable` where the file cannot be understood."""
        document = _read(self._identity)
        if document is None:
            return None
        try:
            identity = Identity(**document)
        except TypeError:
            identity = None
        if identity is None or not identity.is_sound():
            raise HomeUnusable(
                f"{self._identity} is not what the sandbox wrote. "
                f"`python -m helpers sandbox reset` starts afresh and keeps the old files."
            )
        return identity

    def save_identity(self, identity: Identity) -> None:
        files.replace_whole(self._identity, orjson.dumps(asdict(identity)))

    def running(self) -> Running | None:
        """What the state file says: it may be stale, ask the process itself."""
        try:
            document = _read(self._running)
            return Running(**document) if document else None
        except (HomeUnusable, TypeError):
            return None

    def save_running(self, running: Running | None) -> None:
        if running is None:
            self._running.unlink(missing_ok=True)
        else:
            files.replace_whole(self._running, orjson.dumps(asdict(running)))


def new_identity(start_at: float, seed: int) -> Identity:
    """An identity with a random owner's key."""
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
    key = "AKIA" + "".join(secrets.choice(alphabet) for _ in range(16))
    return Identity(key, secrets.token_urlsafe(30), start_at, seed)


def _read(path: Path) -> dict[str, Any] | None:
    try:
        document = orjson.loads(path.read_bytes())
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as problem:
        raise HomeUnusable(
            f"{path} cannot be read ({problem}). `python -m helpers sandbox reset` starts afresh."
        ) from problem
    if not isinstance(document, dict):
        raise HomeUnusable(f"{path} does not hold a JSON object. `python -m helpers sandbox reset` starts afresh.")
    return document
