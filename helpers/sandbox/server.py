"""The server process: one home, one account, one loopback port."""

import contextlib
import logging
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

from filelock import FileLock, Timeout
from werkzeug.serving import BaseWSGIServer, WSGIRequestHandler, make_server

from helpers.sandbox import behaviours, checkpoint, logs
from helpers.sandbox.account import SandboxAccount
from helpers.sandbox.eventstore import EventStore
from helpers.sandbox.files import StoreError
from helpers.sandbox.front import Front
from helpers.sandbox.home import Home, HomeUnusable, Identity, Running
from helpers.sandbox.journal import Journal, JournalDamaged
from helpers.sandbox.moto_adapter import Moto

CHECKPOINT_EVERY = 400
DEFAULT_IDLE_SECONDS = 4 * 3600.0
_log = logging.getLogger("sandbox")


class HomeBusy(HomeUnusable):
    """Another process serves this home."""


def open_account(home: Home, identity: Identity, moto: Moto | None = None) -> SandboxAccount:
    """The account of a home as it was when its last process ended, however it ended.

    Raises :class:`JournalDamaged`, ``StoreError`` or :class:`HomeUnusable`.
    """
    behaviours.load()
    journal = Journal(home.journal)
    found = checkpoint.load(home.checkpoint)
    entries = list(journal.load(after=found["position"] if found else 0))
    if found and journal.torn and found["position"] == len(journal) + 1:
        # The torn line was whole when the checkpoint was made. The journal is the truth, also where it is shorter.
        home.checkpoint.unlink()
        found, journal = None, Journal(home.journal)
        entries = list(journal.load())
    if found and found["position"] > len(journal):
        raise HomeUnusable(
            f"{home.journal} is shorter than the checkpoint beside it: part of it was lost. "
            f"`python -m helpers sandbox reset` starts afresh and keeps the old files."
        )
    if journal.torn:
        _log.warning("The journal's last line was torn by a crash and is dropped: its call counts as never made.")
    events = EventStore(home.events, last_position=len(journal) - 1)
    for note in events.notes:
        _log.warning("%s", note)
    account = SandboxAccount(identity.start_at, identity.seed, journal, events, moto or Moto())
    account.role_delay = identity.role_delay
    account.moto.preload(identity.region)
    if found:
        checkpoint.restore(account, found)
    position = len(journal) - len(entries)
    for entry in entries:
        account.replay(entry, position)
        position += 1
    return account


class _Handler(WSGIRequestHandler):
    """Sends an answer in one piece.

    Head and body sent one after the other would let a kill fall between them, and botocore takes an answer that
    has lost its body for an empty one.
    """

    protocol_version = "HTTP/1.1"
    timeout = 600
    wbufsize = 4 * 1024 * 1024

    def log_request(self, *args: Any) -> None:
        """Calls are in the journal."""


class Server:
    """A running sandbox. ``serve`` returns when it was stopped, by a signal or by being idle."""

    def __init__(self, home: Home, identity: Identity, idle_seconds: float = DEFAULT_IDLE_SECONDS) -> None:
        self.home = home
        self.idle_seconds = idle_seconds
        self.account = open_account(home, identity)
        self.front = Front(self.account, identity.access_key_id, identity.secret_access_key)
        self.http = _listen(identity.port, self.front)
        self.identity = replace(identity, port=self.http.port)
        self.pid = os.getpid()
        self._stopping = threading.Event()
        self._saved_at = self.account.position

    def serve(self, ready: Callable[[], None] = lambda: None) -> None:
        self.home.save_identity(self.identity)
        self.home.save_running(Running(self.pid, self.http.port))
        thread = threading.Thread(target=self.http.serve_forever, kwargs={"poll_interval": 0.1}, daemon=True)
        thread.start()
        ready()
        threading.Thread(target=logs.warm, daemon=True).start()
        try:
            while not (self._stopping.wait(0.25) or self._idle() or self.account.failure):
                self._save(every=CHECKPOINT_EVERY)
        finally:
            self.http.shutdown()
            # Never released: a call that still waits is not applied here; its retry finds the next process.
            self.account.lock.acquire()
            self._save(every=1)
            self.account.journal.close()
            self.account.events.close()
            self.home.save_running(None)

    def stop(self, *_: Any) -> None:
        self._stopping.set()

    def _idle(self) -> bool:
        return time.monotonic() - self.front.last_call > self.idle_seconds

    def _save(self, every: int) -> None:
        """Make a checkpoint when so many entries have come since the last; it is a shortcut only, so it may fail."""
        if self.account.failure or self.account.position - self._saved_at < every:
            return
        try:
            self._saved_at = checkpoint.save(self.account, self.home.checkpoint)
        except Exception:
            _log.exception("No checkpoint could be saved; the journal has everything, the next start takes longer.")
            self._saved_at = self.account.position


def _listen(port: int, front: Front) -> BaseWSGIServer:
    """Listen on the old port if it is free, on any other otherwise; on the loopback address only."""
    if port and not _is_free(port):
        _log.warning("Port %s is taken by another program; the sandbox moves to a new one.", port)
        port = 0
    server = make_server("127.0.0.1", port, front, threaded=True, request_handler=_Handler)  # type: ignore[arg-type]
    server.daemon_threads = True  # type: ignore[attr-defined]
    return server


def _is_free(port: int) -> bool:
    """Whether we could listen there; a port that a killed predecessor left in TIME_WAIT counts as free."""
    with socket.socket() as probe:
        if os.name == "posix":
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


@contextlib.contextmanager
def held(home: Home) -> Iterator[None]:
    """Keep every other server away from this home; the lock dies with the process."""
    lock = FileLock(home.lock)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        running = home.running()
        where = f" (process {running.pid}, {running.endpoint})" if running else ""
        raise HomeBusy(
            f"Another sandbox serves {home.folder}{where}. Use that one, stop it with "
            f"`python -m helpers sandbox stop`, or choose another --home."
        ) from None
    try:
        yield
    finally:
        lock.release()


def run(home: Home, identity: Identity, idle_seconds: float, ready: Callable[[Server], None]) -> None:
    """Serve a home in this process until stopped. Raises what :func:`open_account` raises, and HomeBusy."""
    os.umask(0o077)  # secret keys are in the journal
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(message)s")
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    with held(home):
        server = Server(home, identity, idle_seconds)
        signal.signal(signal.SIGTERM, server.stop)
        signal.signal(signal.SIGINT, server.stop)
        server.serve(lambda: ready(server))


FAILURES = (HomeUnusable, JournalDamaged, StoreError)
"""What may keep a sandbox from starting; each text says what to do."""
