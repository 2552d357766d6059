"""The front application: every HTTP request to the sandbox comes through here.

It refuses what is not meant for it (a Host that is not loopback, an unknown key, a wrong signature), reads service and
action, and hands the call to the account. Reading and advancing the clock are the only calls outside AWS's API.
"""

import time
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any

import orjson
from botocore.exceptions import UnknownServiceError

from helpers.sandbox import auth, wire
from helpers.sandbox.account import Reply, Request, SandboxAccount, error_reply
from helpers.sandbox.calls import Caller, ServiceError
from helpers.sandbox.files import CannotWrite
from helpers.sandbox.identities import Identities, owner

CLOCK_PATH = "/_sandbox/clock"
LONGEST_MOVE_SECONDS = 10 * 366 * 86400.0
END_OF_TIME = 4102444800.0
"""2100-01-01: there is no way back, so a slip in a year must not cost the account."""
CLOCK_SERVICE = "sandbox"
MAX_BODY_BYTES = 8 * 1024 * 1024
_LOOPBACK = {"127.0.0.1", "localhost", "[::1]"}
Environ = Mapping[str, Any]


class _Headers(dict[str, str]):
    """Request headers by any spelling of their name."""

    def __init__(self, environ: Environ) -> None:
        super().__init__()
        for key, value in environ.items():
            if key.startswith("HTTP_"):
                self[key[5:].replace("_", "-").lower()] = value
        for key in ("CONTENT_TYPE", "CONTENT_LENGTH"):
            if environ.get(key):
                self[key.replace("_", "-").lower()] = environ[key]

    def get(self, name: str, default: Any = None) -> Any:
        return super().get(name.lower(), default)


class Front:
    """A WSGI application around one account."""

    def __init__(self, account: SandboxAccount, access_key_id: str, secret_access_key: str) -> None:
        self.account = account
        self.last_call = time.monotonic()
        self._owner = owner(access_key_id)
        self._secret = secret_access_key

    def __call__(self, environ: Environ, start_response: Callable[..., Any]) -> Iterable[bytes]:
        self.last_call = time.monotonic()
        reply = self._answer(environ)
        headers = [("Content-Type", reply.content_type), ("Content-Length", str(len(reply.body)))]
        start_response(f"{reply.status} {HTTPStatus(reply.status).phrase}", headers)
        return [reply.body]

    def _answer(self, environ: Environ) -> Reply:
        headers = _Headers(environ)
        host = headers.get("host", "")
        if host.rpartition(":")[0] not in _LOOPBACK and host not in _LOOPBACK:
            return _plain(403, "The sandbox answers on the loopback address only.")
        body = _body(environ, headers)
        if body is None:
            return _plain(413, f"A request may have at most {MAX_BODY_BYTES} bytes.")
        claim = auth.read_claim(headers)
        if claim is None:
            return _plain(403, "MissingAuthenticationToken: sign the request with a key that the sandbox accepts.")
        is_clock = environ["PATH_INFO"] == CLOCK_PATH
        try:
            if not is_clock and wire.protocol(claim.service) not in ("json", "query", "ec2"):
                raise ServiceError("UnsupportedOperation", f"The sandbox does not simulate {claim.service}.")
            caller = self._caller(claim, environ, headers, body)
            if is_clock:
                return self._clock(environ["REQUEST_METHOD"], caller, body)
            return self._call(claim, headers, body, caller)
        except (UnknownServiceError, ServiceError) as error:
            return _refusal(claim.service, error)
        except CannotWrite as problem:
            return _refusal(claim.service, ServiceError("InternalFailure", str(problem), 500))

    def _caller(self, claim: auth.Claim, environ: Environ, headers: _Headers, body: bytes) -> Caller:
        query = environ.get("QUERY_STRING", "")
        url = f"http://{headers.get('host')}{environ['PATH_INFO']}" + (f"?{query}" if query else "")
        method = environ["REQUEST_METHOD"]
        if claim.access_key_id == self._owner.access_key_id:
            auth.prove(claim, method, url, headers, body, self._secret, None)
            return self._owner
        with self.account.lock:
            key = self.account.state(Identities, "aws").keys.get(claim.access_key_id)
            now = self.account.now()
        if key is None or not key.active:
            raise auth.unknown_key(claim.service)
        auth.prove(claim, method, url, headers, body, key.secret_access_key, key.session_token)
        if key.expires_at is not None and key.expires_at <= now:
            raise auth.expired(claim.service)
        return key.caller()

    def _call(self, claim: auth.Claim, headers: _Headers, body: bytes, caller: Caller) -> Reply:
        request = Request(
            service=claim.service,
            region=claim.region,
            action=wire.read_action(claim.service, headers, body),
            target=headers.get("X-Amz-Target", ""),
            body=body,
            caller=caller,
            invocation=headers.get("amz-sdk-invocation-id"),
        )
        return self.account.handle(request)

    def _clock(self, method: str, caller: Caller, body: bytes) -> Reply:
        if not caller.owner:
            return _plain(403, "Only the owner's key reads and moves the clock.")
        try:
            to = _target(orjson.loads(body), self.account.now()) if method == "POST" else None
        except (ValueError, TypeError, KeyError, OverflowError):
            return _plain(400, 'Send {"advance_seconds": n} or {"until": "2026-01-05T09:00:00Z"}.')
        if to is not None:
            if to < self.account.now():
                return _plain(400, "The clock only moves forward.")
            if to > min(self.account.now() + LONGEST_MOVE_SECONDS, END_OF_TIME):
                return _plain(400, "The clock moves ten years at most, and not past 2100: was that year meant?")
            self.account.advance(to)
        # Without the lock: who asks whether the sandbox lives gets an answer during the longest call, too.
        now, due = self.account.now(), self.account.clock.next_due()
        document = {"now": iso(now), "next_event": None if due is None else iso(max(due, now))}
        return Reply(200, "application/json", orjson.dumps(document))


def iso(epoch_seconds: float) -> str:
    """``2026-01-05T09:00:00+00:00``, with microseconds where there are any."""
    return datetime.fromtimestamp(epoch_seconds, UTC).isoformat()


def _target(document: Any, now: float) -> float:
    if "until" in document:
        moment = datetime.fromisoformat(document["until"])
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    to = now + float(document["advance_seconds"])
    datetime.fromtimestamp(to, UTC)
    return to


def _body(environ: Environ, headers: _Headers) -> bytes | None:
    try:
        length = int(headers.get("content-length", "0"))
    except ValueError:
        length = 0
    if length > MAX_BODY_BYTES:
        return None
    return environ["wsgi.input"].read(length) if length > 0 else b""


def _refusal(service: str, error: Exception) -> Reply:
    if isinstance(error, ServiceError):
        try:
            return error_reply(service, error)
        except (UnknownServiceError, KeyError):
            return _plain(error.status, f"{error.code}: {error.message}")
    return _plain(400, f"UnsupportedOperation: the sandbox does not simulate {service}.")


def _plain(status: int, text: str) -> Reply:
    return Reply(status, "text/plain; charset=utf-8", text.encode())
