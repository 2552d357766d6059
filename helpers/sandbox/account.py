"""One AWS account: applies calls one at a time, keeps its clock, writes its journal.

Everything that changes goes through :meth:`SandboxAccount.change`, :meth:`~SandboxAccount.advance` or a wait, and each
of these is one journal entry. Applying the same entries to a new account gives the same account: that is how a
killed sandbox comes back.
"""

import hashlib
import random
import threading
import traceback
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

import orjson

from helpers.sandbox import checks, wire
from helpers.sandbox.calls import (
    EVENTS,
    FIRST_GUARDS,
    LAST_GUARDS,
    TABLE,
    Behaviour,
    Call,
    Caller,
    Params,
    ServiceError,
)
from helpers.sandbox.clock import Clock
from helpers.sandbox.eventstore import EventStore
from helpers.sandbox.files import CannotWrite
from helpers.sandbox.journal import Entry, Journal
from helpers.sandbox.moto_adapter import ACCOUNT_ID, Moto, at_time

State = TypeVar("State")
_READS = ("Describe", "Get", "List", "Filter", "Simulate", "Search", "Lookup", "Test")
_CHANGES = {"GetSessionToken", "GetFederationToken"}
_RETRIES_KEPT = 2000


@dataclass(frozen=True)
class Request:
    """One call as it came over the wire. ``invocation`` is the SDK's id, the same for every retry."""

    service: str
    region: str
    action: str
    target: str
    body: bytes
    caller: Caller
    invocation: str | None = None

    @property
    def retry_key(self) -> str:
        """The same for a call and its retries; another caller, or another action, never gets their answer."""
        return f"{self.invocation}/{self.caller.access_key_id}/{self.region}/{self.service}.{self.action}"

    def headers(self) -> dict[str, str]:
        if self.target:
            return {"X-Amz-Target": self.target, "Content-Type": "application/x-amz-json-1.1"}
        return {"Content-Type": "application/x-www-form-urlencoded; charset=utf-8"}


@dataclass(frozen=True)
class Reply:
    """What goes back over the wire."""

    status: int
    content_type: str
    body: bytes


def is_read(action: str) -> bool:
    """Whether an action only looks. Reads are neither journaled nor do they take time."""
    return action.startswith(_READS) and action not in _CHANGES


class SandboxAccount:
    """The account behind the server; implements :class:`helpers.sandbox.calls.Account`."""

    account_id = ACCOUNT_ID

    def __init__(self, start_at: float, seed: int, journal: Journal, events: EventStore, moto: Moto) -> None:
        self.clock = Clock(start_at)
        self.seed = seed
        self.role_delay: float = 0.0
        self.journal = journal
        self.events = events
        self.moto = moto
        self.states: dict[tuple[type, str], Any] = {}
        self.made: dict[str, int] = {}
        self.answered: OrderedDict[str, Reply] = OrderedDict()
        self.failure: CannotWrite | None = None
        self.replaying = False
        self._replay_position = 0
        self._network_changes = 0
        self.lock = threading.RLock()
        self._applying = False
        self._guarding = False
        self._event_time: float | None = None
        self._asked = ""
        self._draw_key = ""

    # --- what behaviours see ------------------------------------------------------------------------------------

    @property
    def position(self) -> int:
        return self._replay_position if self.replaying else len(self.journal)

    @property
    def network_version(self) -> int:
        return self._network_changes + self.moto.changes

    def now(self) -> float:
        return self.clock.now() if self._event_time is None else self._event_time

    def schedule(self, at: float, kind: str, **payload: Any) -> None:
        self.clock.schedule(at, kind, payload)

    def wait_for(self, at: float) -> None:
        if at <= self.now():
            return
        if self._applying and not self._guarding:
            self._run_until(at)
            self.clock.wait_to(at)
            return
        # A guard has changed nothing yet: its wait stands by itself, also where the call is then refused.
        if self.replaying:
            return
        self._record({"kind": "wait", "to": at})

    def random(self, *parts: str) -> random.Random:
        digest = hashlib.sha256("\0".join((self._draw_key, *parts)).encode()).digest()
        return random.Random(int.from_bytes(digest[:8]))

    def state(self, kind: type[State], region: str) -> State:
        found = self.states.get((kind, region))
        if found is None:
            found = self.states[(kind, region)] = kind()
        return found  # type: ignore[no-any-return]

    def aws(self, service: str, action: str, region: str, **params: Any) -> Params:
        model = wire.operation(service, action)
        if model is None:
            raise ValueError(f"{service} has no action {action}")
        body, headers = wire.write_request(service, model, params)
        status, reply_headers, content = self._moto(service, region, headers, body)
        return wire.read_reply(service, model, status, reply_headers, content)

    @contextmanager
    def _working(self) -> Iterator[None]:
        """One call at a time; none after a failed write, for then memory is ahead of what is on disk."""
        with self.lock:
            if self.failure is not None:
                raise self.failure
            try:
                yield
            except CannotWrite as problem:
                self.failure = problem
                raise

    # --- entries: what changes the account ----------------------------------------------------------------------

    def handle(self, request: Request) -> Reply:
        """Answer a call. A retry of an answered change gets the recorded answer. Raises ``CannotWrite``."""
        with self._working():
            if is_read(request.action):
                return self._answer(request)[0]
            return self.answered.get(request.retry_key) or self.change(request)

    def change(self, request: Request) -> Reply:
        """Apply a call that may change the account, and write it down before it is answered."""
        reply, reached = self._apply(request)
        if reached:
            entry: Entry = {
                "kind": "call",
                "id": request.invocation,
                "service": request.service,
                "region": request.region,
                "action": request.action,
                "target": request.target,
                "body": request.body.decode("utf-8", "surrogateescape"),
                "caller": vars(request.caller),
                "status": reply.status,
                "type": reply.content_type,
                "reply": reply.body.decode("utf-8", "surrogateescape"),
            }
            self.journal.append(entry)
            self._remember(request, reply)
        return reply

    def advance(self, to: float) -> float:
        """Move the clock forward to ``to`` (epoch seconds) and give the new time. Raises ``CannotWrite``."""
        with self._working():
            if to > self.now():
                self._record({"kind": "advance", "to": to})
            return self.now()

    def replay(self, entry: Entry, position: int) -> None:
        """Apply the journal's entry of this position again, without writing it down."""
        self.replaying = True
        self._replay_position = position
        try:
            if entry["kind"] != "call":
                self._move(entry)
                return
            request = Request(
                entry["service"],
                entry["region"],
                entry["action"],
                entry["target"],
                entry["body"].encode("utf-8", "surrogateescape"),
                Caller(**entry["caller"]),
                entry["id"],
            )
            self._apply(request)
            body = entry["reply"].encode("utf-8", "surrogateescape")
            self._remember(request, Reply(entry["status"], entry["type"], body))
        finally:
            self.replaying = False

    def _remember(self, request: Request, reply: Reply) -> None:
        if request.invocation:
            self.answered[request.retry_key] = reply
            if len(self.answered) > _RETRIES_KEPT:
                self.answered.popitem(last=False)

    def _record(self, entry: Entry) -> None:
        self._move(entry)
        self.journal.append(entry)

    def _move(self, entry: Entry) -> None:
        to = float(entry["to"])
        self._run_until(to)
        if entry["kind"] == "wait":
            self.clock.wait_to(to)
        else:
            self.clock.advance_to(to)

    # --- applying a call ----------------------------------------------------------------------------------------

    def _apply(self, request: Request) -> tuple[Reply, bool]:
        """The reply, and whether the call got so far that it may have changed something."""
        self._applying = True
        try:
            reply, reached = self._answer(request)
            if reached and request.service == "ec2":
                self._network_changes += 1
            if reply.status < 300:
                self.made[self._asked] = self.made.get(self._asked, 0) + 1
                self._run_until(self.clock.after_step())
                self.clock.step()
            return reply, reached
        finally:
            self._applying = False

    def _answer(self, request: Request) -> tuple[Reply, bool]:
        reached = False
        try:
            model = wire.operation(request.service, request.action)
            behaviour = TABLE.get((request.service, request.action), _NONE)
            if model is None or not (behaviour.replacement or self.moto.implements(request.service, request.action)):
                raise unsupported(request.service, request.action)
            if not self.moto.ensure(request.region):
                raise ServiceError("InvalidRegion", f"There is no region {request.region}.")
            params = wire.read_request(request.service, model, request.body)
            checks.check(request.service, model, params)
            call = Call(request.service, request.action, request.region, params, request.caller)
            self._seed(call)
            self._guard(call, behaviour)
            reached = True
            self._seed_moto()
            output = self._perform(call, behaviour, request)
            if isinstance(output, Reply):
                return output, True
            body, content_type = wire.write_reply(request.service, model, output)
            return Reply(200, content_type, body), True
        except ServiceError as error:
            return error_reply(request.service, error), reached
        except CannotWrite:
            raise
        except Exception:
            traceback.print_exc()
            message = f"The sandbox failed on {request.action}; see server.log in its home."
            return error_reply(request.service, ServiceError("InternalFailure", message, 500)), reached

    def _guard(self, call: Call, behaviour: Behaviour) -> None:
        self._guarding = True
        try:
            for guard in (*FIRST_GUARDS, *behaviour.guards, *LAST_GUARDS):
                guard(call, self)
        finally:
            self._guarding = False

    def _perform(self, call: Call, behaviour: Behaviour, request: Request) -> Params | Reply:
        followers = [follower for wanted, follower in behaviour.followers if wanted(call, self)]
        if behaviour.replacement is not None:
            output = behaviour.replacement(call, self)
        else:
            status, headers, body = self._moto(call.service, call.region, request.headers(), request.body)
            if status >= 300 or not followers:
                return Reply(status, headers.get("Content-Type", "text/xml"), body)
            model = wire.operation(call.service, call.action)
            assert model is not None
            output = wire.read_reply(call.service, model, status, headers, body)
        for follower in followers:
            output = follower(call, self, output)
        return output

    def _moto(
        self, service: str, region: str, headers: dict[str, str], body: bytes
    ) -> tuple[int, dict[str, str], bytes]:
        try:
            with at_time(self.now()):
                status, reply_headers, content = self.moto.call(service, region, headers, body)
        except Exception:
            if not is_read(wire.read_action(service, headers, body)):
                raise
            # It knows the action but not what was asked of it, such as a rare filter; nothing was changed.
            traceback.print_exc()
            status = 500
        if status >= 500:
            action = wire.read_action(service, headers, body)
            raise ServiceError("UnsupportedOperation", f"The sandbox does not simulate this form of {action}.")
        return status, reply_headers, content

    def _seed(self, call: Call) -> None:
        """Ids come from what is asked, and from how often exactly this was done before."""
        asked = {name: value for name, value in call.params.items() if name != "ClientToken"}
        content = orjson.dumps(
            [self.seed, call.service, call.region, call.action, asked],
            option=orjson.OPT_SORT_KEYS | orjson.OPT_NON_STR_KEYS,
            default=repr,
        )
        self._asked = hashlib.sha256(content).hexdigest()
        self._draw_key = f"{self._asked}/{self.made.get(self._asked, 0)}"

    def _seed_moto(self) -> None:
        self.moto.seed(int.from_bytes(hashlib.sha256(self._draw_key.encode()).digest()[:8]))

    # --- events -------------------------------------------------------------------------------------------------

    def _run_until(self, until: float) -> None:
        """Run what falls due up to ``until``, each at its own time."""
        outer = self._draw_key
        try:
            while (event := self.clock.pop_due(until)) is not None:
                due, _, kind, payload = event
                self._event_time = max(due, self.now())
                self._draw_key = f"{kind}/{due}/{sorted(payload.items())}"
                self._seed_moto()
                self._run(kind, payload)
        finally:
            self._event_time = None
            self._draw_key = outer

    def _run(self, kind: str, payload: dict[str, Any]) -> None:
        """An event that fails is dropped, here and in every replay: the call that let time pass has done nothing."""
        try:
            EVENTS[kind](self, payload)
        except CannotWrite:
            raise
        except Exception:
            traceback.print_exc()


_NONE = Behaviour()


def unsupported(service: str, action: str) -> ServiceError:
    return ServiceError("UnsupportedOperation", f"The sandbox does not simulate {service} {action or '(no action)'}.")


def error_reply(service: str, error: ServiceError) -> Reply:
    body, content_type = wire.write_error(service, error)
    return Reply(error.status, content_type, body)
