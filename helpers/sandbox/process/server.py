"""The server process: one home, one account, one loopback port."""

import contextlib
import logging
import os
import re
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from http import HTTPStatus
from io import BytesIO
from typing import Any

from filelock import FileLock, Timeout
from werkzeug.serving import BaseWSGIServer, WSGIRequestHandler, make_server

from helpers.sandbox import behaviours, logs
from helpers.sandbox.account import checkpoint
from helpers.sandbox.account.account import Comparison, SandboxAccount
from helpers.sandbox.account.journal import EDITION, Beginning, Journal, JournalDamaged
from helpers.sandbox.iam.issued_keys import owner
from helpers.sandbox.moto_adapter import Moto, at_time
from helpers.sandbox.process.home import Home, HomeIdentity, HomeUnusable, Running
from helpers.sandbox.process.http import Front
from helpers.sandbox.store.event_store import NO_TURN, EventStore, StoreDamaged
from helpers.sandbox.store.files import JournalShorter, StoreError

CHECKPOINT_EVERY = 400
"""So many new entries in the journal make a checkpoint, ..."""
REPLAYED = 50
"""... and so many that a start had to replay make one right after it."""
DEFAULT_IDLE_SECONDS = 4 * 3600.0
KEPT_CONNECTIONS = 100
"""With more threads than this, one for a connection, an answered connection is closed."""
_METHODS = ("GET", "POST", "PUT", "DELETE")
_LENGTH = re.compile("[0-9]{1,7}")
_log = logging.getLogger("sandbox")


class HomeBusy(HomeUnusable):
    """Another process serves this home."""


def open_account(
    home: Home, identity: HomeIdentity, moto: Moto | None = None, compare: Comparison | None = None
) -> SandboxAccount:
    """The account of a home as it was when its last process ended, however it ended.

    ``compare`` is called for every call that is replayed. Raises :class:`JournalDamaged`, ``StoreError`` or
    :class:`HomeUnusable`.
    """
    behaviours.load()
    origin = home.beginning() or Beginning(
        EDITION, identity.seed, identity.start_at, identity.region, identity.role_delay
    )
    journal = Journal(home.journal, origin)
    saved = checkpoint.load(home.checkpoint)
    entries = list(journal.load(after=saved["position"] if saved else 0))
    events, is_usable = _open_events(home, journal, saved)
    if saved and not is_usable:
        home.checkpoint.unlink()
        saved, entries = None, list(journal.load())
    if journal.torn:
        _log.warning("The journal's last line was torn by a crash and is dropped: its call counts as never made.")
    account = SandboxAccount(origin.start_at, origin.seed, journal, events, moto or Moto())
    account.role_delay = identity.role_delay
    account.moto.reset()  # its state belongs to the process, which may have held another account
    account.moto.preload(origin.region)
    who = owner(identity.access_key_id)
    with at_time(origin.start_at):
        account.moto.add_owner(who.arn, who.user_id, who.access_key_id)
    if saved:
        checkpoint.restore(account, saved)
    kept = events.next_sequence
    for position, entry in enumerate(entries, len(journal) - len(entries)):
        account.replay(entry, position, compare)
    if events.damage or events.next_sequence > kept:
        why, count = events.damage or "The event store had lost its end.", events.next_sequence - kept
        _log.warning("%s %d events were written again from the journal.", why, count)
    else:
        for note in events.notes:
            _log.warning("%s", note)
    return account


def _open_events(home: Home, journal: Journal, saved: dict[str, Any] | None) -> tuple[EventStore, bool]:
    """The event store, and whether the checkpoint can be used. Raises ``StoreError``."""
    position, turn = (saved["position"], saved["turn"]) if saved else (0, NO_TURN)
    if position > len(journal) + journal.torn:
        raise JournalShorter(home.checkpoint)
    # A torn line may have been whole when the checkpoint was made. The journal is the truth, also where it is shorter.
    is_usable = position <= len(journal)
    try:
        return EventStore(home.events, len(journal) - 1, turn if is_usable else NO_TURN), is_usable
    except StoreDamaged as problem:
        return EventStore.in_place_of_damaged(home.events, problem), False


class Handler(WSGIRequestHandler):
    """Sends an answer in one piece, and keeps the connection for the next request.

    Head and body sent one after the other would let a kill fall between them, and botocore takes an answer that
    has lost its body for an empty one.
    """

    protocol_version = "HTTP/1.1"
    timeout = 60
    wbufsize = 4 * 1024 * 1024
    disable_nagle_algorithm = True

    def run_wsgi(self) -> None:
        """Keep the connection where the request's end is certain; otherwise let werkzeug answer, which closes it."""
        lengths = self.headers.get_all("Content-Length", ["0"])
        is_certain = len(lengths) == 1 and _LENGTH.fullmatch(lengths[0]) and "Transfer-Encoding" not in self.headers
        is_plain = self.request_version == self.protocol_version and self.command in _METHODS
        if not (is_certain and is_plain) or threading.active_count() > KEPT_CONNECTIONS:
            super().run_wsgi()
            return
        self.wfile.flush()  # what answers "Expect: 100-continue", and the client waits for
        environ = self.make_environ() | {"wsgi.input": BytesIO(self.rfile.read(int(lengths[0])))}
        answer: list[Any] = []
        try:
            body = b"".join(self.server.app(environ, lambda *parts: answer.extend(parts)))  # type: ignore[arg-type]
        except Exception:
            _log.exception("A request could not be answered.")
            self.send_error(HTTPStatus.INTERNAL_SERVER_ERROR)
            return
        status, _, phrase = answer[0].partition(" ")
        self.send_response(int(status), phrase)
        for header in answer[1]:
            self.send_header(*header)
        self.end_headers()
        self.wfile.write(body)
        self.wfile.flush()

    def log_request(self, *args: Any) -> None:
        """Calls are in the journal."""

    def log_error(self, *args: Any) -> None:
        """A kept connection that ended, or that nobody used for a minute, is no error."""


class Server:
    """A running sandbox. ``serve`` returns when it was stopped, by a signal or by being idle."""

    def __init__(self, home: Home, identity: HomeIdentity, idle_seconds: float = DEFAULT_IDLE_SECONDS) -> None:
        self.home = home
        self.idle_seconds = idle_seconds
        self.account = open_account(home, identity)
        self.front = Front(self.account, identity.access_key_id, identity.secret_access_key)
        self.http = _listen(identity.port, self.front)
        self.identity = replace(identity, port=self.http.port)
        self.pid = os.getpid()
        self._stopping = threading.Event()

    def serve(self, ready: Callable[[], None] = lambda: None) -> None:
        self.home.save_identity(self.identity)
        self.home.save_running(Running(self.pid, self.http.port))
        thread = threading.Thread(target=self.http.serve_forever, kwargs={"poll_interval": 0.1}, daemon=True)
        thread.start()
        ready()
        threading.Thread(target=logs.warm, daemon=True).start()
        every = REPLAYED
        try:
            while not (self._stopping.wait(0.25) or self._idle() or self.account.failure):
                self._save(every)
                every = CHECKPOINT_EVERY
        finally:
            self.http.shutdown()
            # Never released: a call that still waits is not applied here; its retry finds the next process.
            self.account.lock.acquire()
            logs.stop_queries(self.account.events)
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
        if self.account.failure or self.account.position - self.account.saved_position < every:
            return
        try:
            checkpoint.save(self.account, self.home.checkpoint)
        except Exception:
            _log.exception("No checkpoint could be saved; the journal has everything, the next start takes longer.")
            self.account.saved_position = self.account.position


def _listen(port: int, front: Front) -> BaseWSGIServer:
    """Listen on the old port if it is free, on any other otherwise; on the loopback address only."""
    if port and not _is_free(port):
        _log.warning("Port %s is taken by another program; the sandbox moves to a new one.", port)
        port = 0
    server = make_server("127.0.0.1", port, front, threaded=True, request_handler=Handler)  # type: ignore[arg-type]
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


def run(home: Home, identity: Callable[[], HomeIdentity], idle_seconds: float, ready: Callable[[Server], None]) -> None:
    """Serve a home in this process until stopped. Raises what :func:`open_account` raises, and HomeBusy.

    ``identity`` is called once no other server can be using the home.
    """
    os.umask(0o077)  # secret keys are in the journal
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(message)s")
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    with held(home):
        server = Server(home, identity(), idle_seconds)
        home.remove_drafts()
        signal.signal(signal.SIGTERM, server.stop)
        signal.signal(signal.SIGINT, server.stop)
        server.serve(lambda: ready(server))
        logs.remove_temporary_folder()


FAILURES = (HomeUnusable, JournalDamaged, StoreError)
"""What may keep a sandbox from starting; each text says what to do."""
