"""A sandbox's home: the folder with its identity, its journal, its events and what is known of its process."""

import os
import secrets
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import orjson

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


@dataclass(frozen=True)
class Running:
    """A server process: where it listens and which process it is."""

    pid: int
    port: int

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.port}"


class Home:
    """Paths and small files of a home. The folder is for its owner's eyes only."""

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
            self.folder.mkdir(parents=True, exist_ok=True)
            os.chmod(self.folder, 0o700)  # noqa: PTH101 (a mounted folder may refuse; then we say so)
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
            return Identity(**document)
        except TypeError as problem:
            raise HomeUnusable(f"{self._identity} is not an identity of this sandbox: {problem}.") from problem

    def save_identity(self, identity: Identity) -> None:
        _write(self._identity, asdict(identity))

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
            _write(self._running, asdict(running))


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


def _write(path: Path, document: dict[str, Any]) -> None:
    """Replace the file in one step, readable by its owner only."""
    draft = path.with_suffix(".tmp")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(orjson.dumps(document))
    draft.replace(path)
