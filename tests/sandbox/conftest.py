"""A real sandbox for tests: a server on a free port, in a thread of this process, and plain boto3 clients.

moto's state belongs to the process, so there is one account at a time: each module gets a fresh one.
"""

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import boto3
import botocore.session
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError
from werkzeug.serving import BaseWSGIServer, WSGIRequestHandler, make_server

from helpers.sandbox import checkpoint
from helpers.sandbox.account import SandboxAccount
from helpers.sandbox.front import Front
from helpers.sandbox.home import Home, Identity
from helpers.sandbox.moto_adapter import Moto
from helpers.sandbox.server import open_account

OWNER = Identity("AKIATESTOWNERTESTOWN", "a-secret-that-only-the-tests-know")
REGION = OWNER.region
# Reading EC2's model takes longer than most tests: it is read once.
_LOADER = botocore.session.Session().get_component("data_loader")


class _Handler(WSGIRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_request(self, *args: Any) -> None:
        """Quiet."""


@dataclass
class Sandbox:
    """One account behind a server. ``reopen`` makes the account anew from what is on disk, as a restart would."""

    folder: Path
    moto: Moto
    account: SandboxAccount = field(init=False)
    http: BaseWSGIServer = field(init=False)
    _clients: dict[tuple[str | None, ...], Any] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        self._open()
        self.http = make_server("127.0.0.1", 0, self._serve, threaded=True, request_handler=_Handler)
        self.http.daemon_threads = True  # type: ignore[attr-defined]
        threading.Thread(target=self.http.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    def _serve(self, environ: Any, start_response: Any) -> Any:
        return self._front(environ, start_response)

    def _open(self) -> None:
        self.moto.reset()
        home = Home(self.folder)
        home.prepare()
        self.account = open_account(home, OWNER, self.moto)
        self._front = Front(self.account, OWNER.access_key_id, OWNER.secret_access_key)

    def reopen(self, *, from_checkpoint: bool = False) -> None:
        with self.account.lock:
            if from_checkpoint:
                checkpoint.save(self.account, Home(self.folder).checkpoint)
            self._release()
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
    ) -> Any:
        """A plain boto3 client, as any program would make it; retries off so that errors show at once."""
        known = self._clients.get((service, key, secret, token, region))
        if known is not None:
            return known
        core = botocore.session.Session()
        core.register_component("data_loader", _LOADER)
        session = boto3.session.Session(key, secret, token, region, botocore_session=core)
        config = Config(retries={"total_max_attempts": 1}, proxies={})
        made: Any = session.client(service, endpoint_url=f"http://127.0.0.1:{self.http.port}", config=config)  # type: ignore[call-overload]
        self._clients[service, key, secret, token, region] = made
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


@pytest.fixture(scope="session")
def moto() -> Moto:
    return Moto()


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory, moto: Moto) -> Iterator[Sandbox]:
    """A fresh account for this module's tests."""
    running = Sandbox(tmp_path_factory.mktemp("home"), moto)
    yield running
    running.close()


@pytest.fixture
def fresh_sandbox(tmp_path: Path, moto: Moto) -> Iterator[Sandbox]:
    """A fresh account for one test; do not mix with ``sandbox`` in one module."""
    running = Sandbox(tmp_path, moto)
    yield running
    running.close()


@pytest.fixture(scope="module")
def ec2(sandbox: Sandbox) -> Any:
    return sandbox.client("ec2")


@pytest.fixture(scope="module")
def iam(sandbox: Sandbox) -> Any:
    return sandbox.client("iam")


@pytest.fixture
def refused() -> Callable[..., tuple[str, str]]:
    """Make a call that must fail: ``code, message = refused(ec2.create_vpc, CidrBlock="x")``."""

    def call(action: Callable[..., Any], **params: Any) -> tuple[str, str]:
        with pytest.raises(ClientError) as caught:
            action(**params)
        error = caught.value.response["Error"]
        return error["Code"], error["Message"]

    return call
