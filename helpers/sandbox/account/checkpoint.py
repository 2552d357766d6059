"""A saved account, so that a restart need not apply the whole journal again.

A checkpoint is only a shortcut: it is a pickle, so it is used when this very code and this very moto wrote it and
nobody else can have, and left alone otherwise; the journal then gives the same account, only later.

The file: 32 bytes SHA-256 of what follows, 32 bytes that name the writer, the pickle.
"""

import hashlib
import logging
import os
import pickle
import sys
from functools import cache
from pathlib import Path
from typing import Any

from helpers.sandbox.account.account import SandboxAccount
from helpers.sandbox.moto_adapter import MOTO_VERSION
from helpers.sandbox.store import files

_log = logging.getLogger("sandbox")


@cache
def _writer() -> bytes:
    """Names this code: Python, moto, and every module of ours whose objects may be in the pickle."""
    digest = hashlib.sha256(f"{sys.version} {MOTO_VERSION}".encode())
    for path in sorted(Path(__file__).resolve().parents[2].rglob("*.py")):
        digest.update(path.read_bytes())
    return digest.digest()


def save(account: SandboxAccount, path: Path) -> None:
    """Write the account as it stands; the old checkpoint stays until the new one is whole. Raises ``OSError``."""
    with account.lock:
        position = account.position
        saved = _writer() + pickle.dumps(
            {
                "position": position,
                "turn": account.events.last_turn,
                "clock": account.clock,
                "states": account.states,
                "made": account.made,
                "answered": account.answered,
                "moto": account.moto.save(),
            },
            protocol=pickle.HIGHEST_PROTOCOL,
        )
    files.replace_whole(path, hashlib.sha256(saved).digest(), saved)
    account.saved_position = position


def load(path: Path) -> dict[str, Any] | None:
    """What :func:`save` wrote, or ``None`` where there is nothing usable."""
    try:
        content = _read_own(path)
    except OSError:
        return None
    if content[:32] != hashlib.sha256(content[32:]).digest() or content[32:64] != _writer():
        return None
    try:
        saved = pickle.loads(content[64:])
    except Exception:  # whatever it raises: the journal knows better
        return None
    return saved if isinstance(saved, dict) else None


def _read_own(path: Path) -> bytes:
    """A file that nobody else can have written: unpickling runs what a pickle says. Raises ``OSError``.

    Windows keeps other users out of a home by access lists that these bits do not show: there nothing is checked.
    """
    with path.open("rb") as file:
        for status in (os.fstat(file.fileno()), path.parent.stat()) if os.name == "posix" else ():
            if status.st_uid != os.getuid() or status.st_mode & 0o022:
                _log.warning("%s is not used, for other users can write it or its folder: this start is slower.", path)
                raise PermissionError(path)
        return file.read()


def restore(account: SandboxAccount, saved: dict[str, Any]) -> None:
    """Put a loaded checkpoint into a new account."""
    account.clock = saved["clock"]
    account.states = saved["states"]
    account.made = saved["made"]
    account.answered = saved["answered"]
    account.moto.restore(saved["moto"])
    account.saved_position = saved["position"]
