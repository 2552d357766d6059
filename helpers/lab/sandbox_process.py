"""The sandbox's process, seen from outside: find it, start it, stop it, ask it for the time.

Nothing here imports the sandbox: it is another program, with a home (a folder), a state file and an HTTP endpoint.
"""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from filelock import FileLock, Timeout
from urllib3 import PoolManager
from urllib3.exceptions import HTTPError

from helpers._data import CHECKOUT

START_TIMEOUT_SECONDS = 60.0
STOP_TIMEOUT_SECONDS = 30.0
_LEAST_FREE_BYTES = 64 * 1024
"""With less room than this a server that cannot start may have been unable to say so in its log."""
# It keeps its connections, and no proxy of the surroundings ever sees a call to the loopback address.
_DIRECT = PoolManager()


class SandboxError(Exception):
    """The sandbox cannot be started or asked; the text says what to do."""


@dataclass(frozen=True)
class SandboxInfo:
    """A running sandbox: where it is, and the owner's key to it."""

    endpoint: str
    access_key_id: str
    secret_access_key: str
    region: str
    home: str
    pid: int
    now: str


def find(home: Path) -> SandboxInfo | None:
    """The sandbox that serves this home now, or ``None``. A stale state file counts as none."""
    identity, running = _read(home / "identity.json"), _read(home / "server.json")
    if not identity or not running:
        return None
    try:
        endpoint = f"http://127.0.0.1:{int(running['port'])}"
        key, secret = identity["access_key_id"], identity["secret_access_key"]
        now = read_clock(endpoint, key, secret, timeout=5)["now"]
        return SandboxInfo(endpoint, key, secret, identity["region"], str(home), int(running["pid"]), now)
    except (KeyError, ValueError, TypeError, OSError, SandboxError):
        return None


def start(
    home: Path,
    start_at: float | None = None,
    seed: int | None = None,
    idle_seconds: float | None = None,
    role_delay: float | None = None,
    say: Callable[[str], None] = lambda remark: None,
) -> SandboxInfo:
    """Find the sandbox of this home or start one, and wait until it answers.

    ``start_at`` (epoch seconds) and ``seed`` count for a home without a history only; ``role_delay`` (seconds in
    which no service can assume a new role) is kept. All count only where it is started. ``say`` gets what the sandbox
    remarks while it starts, such as a torn line that it dropped. Raises :class:`SandboxError`.
    """
    home = home.expanduser().absolute()
    _prepare(home)
    with _starting(home):
        options = {"start-at": start_at, "seed": seed, "idle-seconds": idle_seconds, "role-delay": role_delay}
        return find(home) or _launch(home, options, say)


def has_history(home: Path) -> bool:
    """Whether an account has begun there, so that its beginning and its seed are settled."""
    journal = home / "journal.jsonl"
    return journal.is_file() and journal.stat().st_size > 0


def stop(home: Path) -> bool:
    """Stop the sandbox of this home and wait until it is gone; False where none was running.

    One that is too busy to answer at once is waited for. Raises :class:`SandboxError` where it does not stop.
    """
    deadline = time.monotonic() + STOP_TIMEOUT_SECONDS
    while (running := find(home)) is None:
        if not _is_served(home) or time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    os.kill(running.pid, signal.SIGTERM)
    deadline = time.monotonic() + STOP_TIMEOUT_SECONDS
    while find(home) is not None or not _is_free(home):
        if time.monotonic() > deadline:
            raise SandboxError(f"The sandbox (process {running.pid}) does not stop; end that process yourself.")
        time.sleep(0.02)
    return True


def reset(home: Path) -> Path | None:
    """Stop the sandbox and put its account aside; the next start begins a new one with the same key and port.

    Gives the folder that now holds the old files, ``None`` where there was nothing.
    """
    stop(home)
    names = ("journal.jsonl", "checkpoint.pickle", "events", "readings", "broken", "caught-up", "server.json")
    old = [home / name for name in names]
    old = [path for path in old if path.exists()]
    if (home / "identity.json").exists() and not _is_sound(_read(home / "identity.json")):
        old.append(home / "identity.json")
    if not old:
        return None
    aside = home / datetime.now(UTC).strftime("old-%Y%m%dT%H%M%S%f")
    aside.mkdir()
    for path in old:
        shutil.move(path, aside / path.name)
    return aside


def read_clock(endpoint: str, key: str, secret: str, timeout: float = 600) -> dict[str, Any]:
    """``{"now": iso, "next_event": iso or None}``."""
    return _own_call("GET", "clock", endpoint, key, secret, b"", timeout)


def move_clock(endpoint: str, key: str, secret: str, **to: float | str) -> dict[str, Any]:
    """Advance by ``advance_seconds=n`` or to ``until="2026-01-05T10:00:00Z"``; what the clock then says.

    With ``every=n`` to the next multiple of ``n`` seconds, or to ``end="2026-01-05T10:00:00Z"`` where that comes first.
    Raises ``SandboxError`` where the moment is past.
    """
    return _own_call("POST", "clock", endpoint, key, secret, json.dumps(to).encode(), 600)


def ask(endpoint: str, key: str, secret: str, *, name: str, region: str = "us-east-1", **params: Any) -> dict[str, Any]:
    """What the sandbox answers to a call outside AWS's API, such as ``day``. Raises :class:`SandboxError`."""
    return _own_call("POST", name, endpoint, key, secret, json.dumps(params).encode(), 600, region)


def _own_call(
    method: str,
    name: str,
    endpoint: str,
    key: str,
    secret: str,
    body: bytes,
    timeout: float,
    region: str = "us-east-1",
) -> dict[str, Any]:
    url = f"{endpoint}/_sandbox/{name}"
    signed = AWSRequest(method=method, url=url, data=body, headers={"Content-Type": "application/json"})
    SigV4Auth(Credentials(key, secret), "sandbox", region).add_auth(signed)
    try:
        headers = dict(signed.headers.items())
        reply = _DIRECT.request(method, url, body=body or None, headers=headers, timeout=timeout, retries=False)
    except HTTPError as problem:  # nobody listens, or it ended in the middle of its answer
        raise ConnectionError(str(problem)) from problem
    if reply.status >= 300:
        raise SandboxError(reply.data.decode("utf-8", "replace"))
    document: dict[str, Any] = json.loads(reply.data)
    return document


# --- starting ---------------------------------------------------------------------------------------------------


def _prepare(home: Path) -> None:
    try:
        home.mkdir(parents=True, exist_ok=True, mode=0o700)
        probe = home / f".probe-{os.getpid()}-{threading.get_ident()}"
        probe.touch()
        probe.unlink()
    except OSError as problem:
        raise SandboxError(
            f"The sandbox cannot write in {home} ({problem.strerror}). "
            f"Choose another folder with --home or FLOWLOGS_HOME."
        ) from problem


@contextmanager
def _starting(home: Path) -> Iterator[None]:
    """Two kernels that need the sandbox at the same moment start it once."""
    try:
        with FileLock(home / "starting.lock", timeout=START_TIMEOUT_SECONDS, mode=0o600):
            yield
    except Timeout:
        raise SandboxError(f"Another program has been starting the sandbox of {home} for a minute.") from None


def _launch(home: Path, options: Mapping[str, float | None], say: Callable[[str], None]) -> SandboxInfo:
    command = [sys.executable, "-m", "helpers.sandbox", "--home", str(home)]
    for option, value in options.items():
        command += [f"--{option}", str(value)] if value is not None else []
    descriptor = os.open(home / "server.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    with os.fdopen(descriptor, "ab") as log:
        offset = log.tell()
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=log,
            env=_environment(os.environ),
            cwd=CHECKOUT,
            start_new_session=True,
        )
    assert process.stdout is not None
    with process.stdout as ready:
        line = ready.readline()
    if not line:
        process.wait(timeout=START_TIMEOUT_SECONDS)
        raise SandboxError(_last_words(home / "server.log", offset))
    for remark in (home / "server.log").read_bytes()[offset:].decode("utf-8", "replace").splitlines():
        say(remark)
    return SandboxInfo(**json.loads(line))


def _environment(environ: Mapping[str, str]) -> dict[str, str]:
    """The server's surroundings: nothing of the person's AWS set-up, no proxy."""
    kept = {
        name: value
        for name, value in environ.items()
        if not name.upper().startswith("AWS_") and not name.upper().endswith("_PROXY")
    }
    nothing = {"AWS_CONFIG_FILE": os.devnull, "AWS_SHARED_CREDENTIALS_FILE": os.devnull}
    return kept | nothing | {"AWS_EC2_METADATA_DISABLED": "true"}


def _last_words(log: Path, offset: int) -> str:
    text = log.read_bytes()[offset:].decode("utf-8", "replace").strip()
    if not text and shutil.disk_usage(log.parent).free < _LEAST_FREE_BYTES:
        return f"The disk that holds {log.parent} is full: make room on it and start again."
    last = text.splitlines()[-1] if text else "it said nothing"
    return last if last.endswith(".") and "Error" not in last else f"The sandbox did not start: {last} (see {log})"


def _is_served(home: Path) -> bool:
    """Whether a process holds the home's lock, and its state file says how to reach it."""
    return bool(_read(home / "identity.json") and _read(home / "server.json")) and not _is_free(home)


def _is_free(home: Path) -> bool:
    """Whether no process holds the home's lock any more."""
    lock = FileLock(home / "lock")
    try:
        lock.acquire(timeout=0)
    except Timeout:
        return False
    lock.release()
    return True


def _is_sound(identity: Mapping[str, Any] | None) -> bool:
    """Whether the next account can have this key and port."""
    texts, numbers = ("access_key_id", "secret_access_key", "region"), ("port", "seed", "start_at", "role_delay")
    return (
        identity is not None
        and {"access_key_id", "secret_access_key"} <= set(identity) <= {*texts, *numbers}
        and all(isinstance(identity.get(name, ""), str) for name in texts)
        and all(isinstance(identity.get(name, 0), (int, float)) for name in numbers)
        and identity.get("port", 0) in range(65536)
    )


def _read(path: Path) -> dict[str, Any] | None:
    try:
        document = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return None
    return document if isinstance(document, dict) else None


def listens(endpoint: str) -> bool:
    """Whether anything accepts connections there: a cheap look before every call."""
    host, _, port = endpoint.removeprefix("http://").partition(":")
    try:
        with socket.create_connection((host, int(port)), timeout=5):
            return True
    except OSError:
        return False
