"""A saved account, so that a restart need not apply the whole journal again.

A checkpoint is only a shortcut: it is a pickle, so it is used when this very code and this very moto wrote it, and
thrown away otherwise; the journal then gives the same account, only later.
"""

import hashlib
import pickle
import sys
from functools import cache
from pathlib import Path
from typing import Any

from helpers.sandbox import files
from helpers.sandbox.account import SandboxAccount
from helpers.sandbox.moto_adapter import MOTO_VERSION


@cache
def _writer() -> str:
    """Names this code: Python, moto, and every module of ours whose objects may be in the pickle."""
    digest = hashlib.sha256(f"{sys.version} {MOTO_VERSION}".encode())
    for path in sorted(Path(__file__).resolve().parents[1].rglob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()


def save(account: SandboxAccount, path: Path) -> int:
    """Write the account as it stands and give its position; the old checkpoint stays until the new one is whole."""
    with account.lock:
        position = account.position
        saved = pickle.dumps(
            {
                "writer": _writer(),
                "position": position,
                "clock": account.clock,
                "states": account.states,
                "made": account.made,
                "answered": account.answered,
                "moto": account.moto.save(),
            },
            protocol=pickle.HIGHEST_PROTOCOL,
        )
    files.replace_whole(path, hashlib.sha256(saved).digest(), saved)
    return position


def load(path: Path) -> dict[str, Any] | None:
    """What :func:`save` wrote, or ``None`` where there is nothing usable."""
    try:
        content = path.read_bytes()
    except OSError:
        return None
    saved = content[32:]
    if hashlib.sha256(saved).digest() != content[:32]:
        return None
    try:
        found: dict[str, Any] = pickle.loads(saved)
    except Exception:  # whatever an old class layout raises: the journal knows better
        return None
    return found if found.get("writer") == _writer() else None


def restore(account: SandboxAccount, found: dict[str, Any]) -> None:
    """Put a loaded checkpoint into a new account."""
    account.clock = found["clock"]
    account.states = found["states"]
    account.made = found["made"]
    account.answered = found["answered"]
    account.moto.restore(found["moto"])
