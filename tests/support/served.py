"""A real sandbox for tests: a server on a free port, in a thread of this process, and plain boto3 clients.

moto's state belongs to the process, so there is one account at a time.
"""

import os
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any

import boto3
import botocore.session
from botocore.config import Config
from werkzeug.serving import BaseWSGIServer, make_server

from helpers.sandbox.account import checkpoint
from helpers.sandbox.account.account import SandboxAccount
from helpers.sandbox.moto_adapter import Moto
from helpers.sandbox.process.home import Home, HomeIdentity, Running
from helpers.sandbox.process.http import Front
from helpers.sandbox.process.server import Handler, open_account
from tests.support.replay import compare

OWNER = HomeIdentity("AKIATESTOWNERTESTOWN", "a-secret-that-only-the-tests-know")
REGION = OWNER.region
# Reading EC2's model takes longer than most tests: it is read once.
_LOADER = botocore.session.Session().get_component("data_loader")


class _Handler(Handler):
    def log(self, *args: Any) -> None:
        """Quiet: a program that looks for a port of its own may knock here, and a test reads the log."""


@dataclass
class Sandbox:
    """One account behind a server. ``reopen`` makes the account anew from what is on disk, as a restart would.

    Every call that is replayed must give the status and the ids that were answered.
    """

    folder: Path
    moto: Moto
    identity: HomeIdentity = OWNER
    account: SandboxAccount = field(init=False)
    http: BaseWSGIServer = field(init=False)
    _clients: dict[tuple[str | bool | None, ...], Any] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        self._open()
        self.http = make_server("127.0.0.1", 0, self._serve, threaded=True, request_handler=_Handler)
        self.http.daemon_threads = True  # type: ignore[attr-defined]
        threading.Thread(target=self.http.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    def _serve(self, environ: Any, start_response: Any) -> Any:
        return self._front(environ, start_response)

    def _open(self) -> None:
        home = Home(self.folder)
        home.prepare()
        self.account = open_account(home, self.identity, self.moto, compare)
        self._front = Front(self.account, self.identity.access_key_id, self.identity.secret_access_key)

    def reopen(self, *, from_checkpoint: bool = False) -> None:
        with self.account.lock:
            if from_checkpoint:
                checkpoint.save(self.account, Home(self.folder).checkpoint)
            self._release()
            self._open()

    def replace_folder(self, other: Path) -> None:
        """Go on with the files of another folder, which takes the place of this one."""
        with self.account.lock:
            self._release()
            shutil.rmtree(self.folder)
            other.rename(self.folder)
            self._open()

    def _release(self) -> None:
        self.account.journal.close()
        self.account.events.close()

    def close(self) -> None:
        self.http.shutdown()
        self.http.server_close()
        self._release()

    def client(
        self,
        service: str,
        key: str = OWNER.access_key_id,
        secret: str = OWNER.secret_access_key,
        token: str | None = None,
        region: str = REGION,
        checks: bool = True,
    ) -> Any:
        """A plain boto3 client, as any program would make it; retries off so that errors show at once.

        Without ``checks`` it sends also what boto3 itself refuses, as other clients do.
        """
        known = self._clients.get((service, key, secret, token, region, checks))
        if known is not None:
            return known
        core = botocore.session.Session()
        core.register_component("data_loader", _LOADER)
        session = boto3.session.Session(key, secret, token, region, botocore_session=core)
        config = Config(retries={"total_max_attempts": 1}, proxies={}, parameter_validation=checks)
        made: Any = session.client(service, endpoint_url=f"http://127.0.0.1:{self.http.port}", config=config)  # type: ignore[call-overload]
        self._clients[service, key, secret, token, region, checks] = made
        return made

    def client_of(self, service: str, credentials: dict[str, Any]) -> Any:
        """A client for the ``Credentials`` of STS or the ``AccessKey`` of IAM."""
        return self.client(
            service, credentials["AccessKeyId"], credentials["SecretAccessKey"], credentials.get("SessionToken")
        )

    def advance(self, seconds: float) -> None:
        self.account.advance(self.account.now() + seconds)

    @property
    def now(self) -> float:
        return self.account.now()


class ServedHome:
    """The sandbox of a home in a thread of this process, for what opens a lab; it can be put back to where it was.

    A process takes two seconds of processor time to start, a thread next to none.
    """

    def __init__(self, folder: Path) -> None:
        self._home = Home(folder)
        self._kept = folder.with_name(folder.name + "-kept")
        identity = self._home.identity()
        assert identity is not None, "a copy of a built home has one"
        self._running = Sandbox(folder, the_moto(), identity)
        self._identity = replace(identity, port=self._running.http.port)
        self._announce()

    def _announce(self) -> None:
        """What a kernel finds the sandbox by."""
        self._home.save_identity(self._identity)
        self._home.save_running(Running(os.getpid(), self._identity.port))

    @contextmanager
    def put_back(self) -> Iterator[None]:
        """Whatever happens to the account in this block, afterwards it is as before."""
        with self._running.account.lock:
            checkpoint.save(self._running.account, self._home.checkpoint)
            shutil.copytree(self._home.folder, self._kept)
        try:
            yield
        finally:
            self._running.replace_folder(self._kept)

    def close(self) -> None:
        self._home.save_running(None)
        self._running.close()


@cache
def the_moto() -> Moto:
    """The process's moto: its state is global, so one is enough."""
    return Moto()
