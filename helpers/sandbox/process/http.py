"""The front application: every HTTP request to the sandbox comes through here.

It refuses what is not meant for it (a Host that is not loopback, an unknown key, a wrong signature), reads service and
action, and hands the call to the account. Outside AWS's API are only reading and advancing the clock, what modules
answer to the owner (:func:`helpers.sandbox.calls.asks`), and several describe calls in one.
"""

import math
import time
import zlib
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from functools import cache
from http import HTTPStatus
from typing import Any

import orjson

from helpers.network import read_pages
from helpers.sandbox.account.account import SandboxAccount
from helpers.sandbox.account.requests import Reply, WireRequest
from helpers.sandbox.calls import ASKED, TABLE, Caller, Params, ServiceError, unsupported
from helpers.sandbox.ec2.topologies import still_so
from helpers.sandbox.iam.issued_keys import Identities, owner
from helpers.sandbox.protocol import dialects, serialization, signatures
from helpers.sandbox.protocol.rest_xml import RestRequest
from helpers.sandbox.store.files import CannotWrite

OWN_PATHS = "/_sandbox/"
LONGEST_MOVE_SECONDS = 10 * 366 * 86400.0
END_OF_TIME = 4102444800.0
"""2100-01-01: there is no way back, so a slip in a year must not cost the account."""
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
        self._network_read: tuple[str, int, int, Params] = ("", 0, -1, {})
        """The last reading of a network, after its Region and how many actions and which version there were before."""

    def __call__(self, environ: Environ, start_response: Callable[..., Any]) -> Iterable[bytes]:
        self.last_call = time.monotonic()
        reply = self._answer(environ)
        headers = [("Content-Type", reply.content_type), *reply.headers]
        if not any(name == "content-length" for name, _ in reply.headers):
            headers.append(("Content-Length", str(len(reply.body))))
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
        claim = signatures.read_claim(headers)
        own = _own_call(environ["PATH_INFO"])
        dialect, action = dialects.spoken(claim.service if claim else "", headers, environ["PATH_INFO"], body)
        try:
            if claim is None:
                raise _unsigned(action, dialect, bool(own))
            service = _simulated_services().get(claim.service, "")
            if service and not action and environ["PATH_INFO"] == "/":
                dialect = serialization.dialect_of(service, serialization.protocol(service))
            if not own and not service:
                raise unsupported(claim.service, action)
            if service and dialect.partition("-")[0] not in serialization.protocols(service):
                raise unsupported(service, f"{action} in {dialect}".strip())
            caller = self._caller(claim, environ, headers, body)
            if own == "clock":
                return self._clock(environ["REQUEST_METHOD"], caller, body)
            if own:
                return self._ask(own, claim.region, caller, body)
            target, invocation = headers.get("X-Amz-Target", ""), headers.get("amz-sdk-invocation-id")
            content = _inflated(headers, body)
            if service == "s3":
                rest = RestRequest.of(environ["REQUEST_METHOD"], environ["REQUEST_URI"], headers)
                action, target, content = rest.action(service), rest.written(), body
            request = WireRequest(service, claim.region, action, target, content, caller, invocation)
            return self.account.handle(request)
        except ServiceError as error:
            return _refusal(dialect, error)
        except CannotWrite as problem:
            return _refusal(dialect, ServiceError("InternalFailure", str(problem), 500))

    def _caller(self, claim: signatures.Claim, environ: Environ, headers: _Headers, body: bytes) -> Caller:
        query = environ.get("QUERY_STRING", "")
        # S3 signs a key's percent signs, which the path that WSGI gives has lost.
        path = environ["REQUEST_URI"].partition("?")[0] if claim.service == "s3" else environ["PATH_INFO"]
        url = f"http://{headers.get('host')}{path}" + (f"?{query}" if query else "")
        method = environ["REQUEST_METHOD"]
        if claim.access_key_id == self._owner.access_key_id:
            signatures.prove(claim, method, url, headers, body, self._secret, None)
            return self._owner
        with self.account.lock:
            key = self.account.state(Identities, "aws").keys.get(claim.access_key_id)
            now = self.account.now()
        if key is None or not key.active:
            raise signatures.unknown_key(claim.service)
        signatures.prove(claim, method, url, headers, body, key.secret_access_key, key.session_token)
        if key.expires_at is not None and key.expires_at <= now:
            raise signatures.expired(claim.service)
        return key.caller(headers.get("User-Agent", ""))

    def _clock(self, method: str, caller: Caller, body: bytes) -> Reply:
        if not caller.owner:
            return _plain(403, "Only the owner's key reads and moves the clock.")
        try:
            to = _target(orjson.loads(body), self.account.now()) if method == "POST" else None
        except (ValueError, TypeError, KeyError, OverflowError):
            return _plain(400, _CLOCK_FORMS)
        if to is not None:
            if to < self.account.now() - _MICROSECOND:
                return _plain(400, "The clock only moves forward.")
            if to > min(self.account.now() + LONGEST_MOVE_SECONDS, END_OF_TIME):
                return _plain(400, "The clock moves ten years at most, and not past 2100: was that year meant?")
            self.account.advance(max(to, self.account.now()))
        # Without the lock: who asks whether the sandbox lives gets an answer during the longest call, too.
        now, due = self.account.now(), self.account.clock.next_due()
        document = {"now": iso(now), "next_event": None if due is None else iso(max(due, now))}
        return Reply(200, "application/json", orjson.dumps(document))

    def _network(self, region: str, caller: Caller) -> Params:
        """What EC2's describe calls show of a Region's network, each answered as if it had come alone.

        Whatever changes the network gives it another version, so at the same one the last reading still holds.
        """

        def describe(action: str, key: str, **params: Any) -> Iterable[Any]:
            model = serialization.operation("ec2", action)
            assert model is not None
            asked, _ = serialization.write_request("ec2", model, params)
            reply = self.account.handle(WireRequest("ec2", region, action, "", asked, caller))
            shown: list[Any] = serialization.read_reply("ec2", model, reply.status, {}, reply.body)[key]
            return shown

        with self.account.lock:
            of, actions, version, pages = self._network_read
            if (of, version) != (region, self.account.network_version):
                still = still_so(self.account, actions, version, pages) if of == region else {}
                actions, version = len(self.account.network_actions), self.account.network_version
                self._network_read = (region, actions, version, read_pages(describe, still))
            return self._network_read[3]

    def _ask(self, name: str, region: str, caller: Caller, body: bytes) -> Reply:
        if not caller.owner:
            return _plain(403, "Only the owner's key may ask for this.")
        try:
            params = orjson.loads(body)
            answer = self._network(region, caller) if name == "network" else self.account.ask(name, region, params)
        except ServiceError as error:
            return _plain(error.status, f"{error.code}: {error.message}")
        except (ValueError, TypeError, KeyError) as error:
            return _plain(400, f"{name}: {error}")
        return Reply(200, "application/json", orjson.dumps(answer))


_CLOCK_FORMS = (
    'Send {"advance_seconds": n}, {"until": "2026-01-05T09:00:00Z"}, or {"every": n, "end": "2026-01-05T09:00:00Z"} '
    "with an end that is to come."
)
_MICROSECOND = 1e-6  # moments are told to one, so who asks for the present may name one that has just gone


def iso(epoch_seconds: float) -> str:
    """``2026-01-05T09:00:00+00:00``, with microseconds where there are any."""
    return datetime.fromtimestamp(epoch_seconds, UTC).isoformat()


def _own_call(path: str) -> str:
    """The name of a call outside AWS's API, "" for every other path."""
    name = path.removeprefix(OWN_PATHS)
    return name if path.startswith(OWN_PATHS) and (name in ("clock", "network") or name in ASKED) else ""


def _moment(text: str) -> float:
    moment = datetime.fromisoformat(text)
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def _target(document: Any, now: float) -> float:
    if "every" in document:
        every, end = float(document["every"]), _moment(document["end"])
        if not (0 < every < math.inf and end > now):
            raise ValueError(document)
        return min((now // every + 1) * every, end)
    if "until" in document:
        return _moment(document["until"])
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


def _inflated(headers: _Headers, body: bytes) -> bytes:
    """The body without the compression that boto3 gives a large PutMetricData; one that is too large stays as it is."""
    if headers.get("content-encoding", "") != "gzip":
        return body
    inflater = zlib.decompressobj(wbits=31)
    try:
        content = inflater.decompress(body, MAX_BODY_BYTES)
    except zlib.error:
        return body
    return content if inflater.eof else body


def _unsigned(action: str, dialect: str, is_own: bool) -> ServiceError:
    """Signing would help only where the sandbox simulates what was asked for, in the language of the request."""
    spoken = {dialect.partition("-")[0], *(["ec2"] if dialect == "query" else [])}
    asked = (service for service, simulated in TABLE if action == simulated)
    if is_own or any(spoken & serialization.protocols(service) for service in asked):
        sentence = "Request is missing Authentication Token: sign the request with a key that the sandbox accepts."
        return ServiceError("MissingAuthenticationToken", sentence, 403)
    return unsupported(action or "unsigned requests")


@cache
def _simulated_services() -> dict[str, str]:
    """The services of the table by the name that requests are signed with (``tagging``, for example)."""
    return {serialization.service_model(service).signing_name: service for service, _ in TABLE}


def _refusal(dialect: str, error: ServiceError) -> Reply:
    """With the header in which JSON over REST names the code: a reply to HEAD, or to who knows, has nothing else."""
    body, content_type = dialects.write_error(dialect, error)
    headers = (("x-amzn-errortype", error.code), *([("smithy-protocol", "rpc-v2-cbor")] if dialect == "cbor" else ()))
    return Reply(error.status, content_type, body, headers)


def _plain(status: int, text: str) -> Reply:
    return Reply(status, "text/plain; charset=utf-8", text.encode())
