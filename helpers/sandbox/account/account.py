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
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, TypeVar

import orjson

from helpers.sandbox.account.clock import Clock
from helpers.sandbox.account.journal import Entry, Journal
from helpers.sandbox.account.requests import Reply, WireRequest, error_reply, is_read, moto_reply
from helpers.sandbox.calls import (
    ASKED,
    EVENTS,
    NETWORK_HANDLERS,
    TABLE,
    Behaviour,
    Call,
    Caller,
    Params,
    ServiceError,
    WithoutLock,
    followers_of,
    guards_of,
    unsupported,
)
from helpers.sandbox.moto_adapter import ACCOUNT_ID, Moto, at_time
from helpers.sandbox.protocol import sentences, serialization, validation
from helpers.sandbox.store.event_store import EventStore
from helpers.sandbox.store.files import CannotWrite

State = TypeVar("State")
_RETRIES_KEPT = 2000


Comparison = Callable[[Entry, int, Reply], None]
"""Gets an entry, its position and the reply that applying it again gave; raises where that is another one."""


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
        self.saved_position = 0
        """The position of the last checkpoint: what came after it has to be replayed."""
        self._replay_position = 0
        self.network_actions: list[str] = []
        self._told_of: dict[str, int] = {}
        self.lock = threading.RLock()
        self._applying = False
        self._guarding = False
        self._event_time: float | None = None
        self._asked = ""
        self._draw_key = ""
        self.moving_to = 0.0
        """Until when the events of this step of the clock run."""

    # --- what behaviours see ------------------------------------------------------------------------------------

    @property
    def position(self) -> int:
        return self._replay_position if self.replaying else len(self.journal)

    @property
    def network_version(self) -> int:
        return len(self.network_actions) + self.moto.changes

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
        held = self.states.get((kind, region))
        if held is None:
            held = self.states[(kind, region)] = kind()
        return held  # type: ignore[no-any-return]

    def aws(self, service: str, action: str, region: str, **params: Any) -> Params:
        model = serialization.operation(service, action)
        if model is None:
            raise ValueError(f"{service} has no action {action}")
        body, headers = serialization.write_request(service, model, params)
        status, reply_headers, content = self._moto(service, region, headers, body)
        return serialization.read_reply(service, model, status, reply_headers, content)

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

    def handle(self, request: WireRequest) -> Reply:
        """Answer a call. A retry of an answered change gets the recorded answer. Raises ``CannotWrite``."""
        while True:
            try:
                with self._working():
                    if is_read(request.action):
                        return self._answer(request)[0]
                    return self.answered.get(request.retry_key) or self.change(request)
            except WithoutLock as waiting:
                waiting.work()

    def change(self, request: WireRequest) -> Reply:
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
                "body": request.body.decode(request.charset, "surrogateescape"),
                "caller": vars(request.caller),
                "status": reply.status,
                "type": reply.content_type,
                "reply": reply.body.decode(request.charset, "surrogateescape"),
            } | ({"headers": reply.headers} if request.service == "s3" else {})
            self.journal.append(entry)
            self._remember(request, reply)
        return reply

    def advance(self, to: float) -> float:
        """Move the clock forward to ``to`` (epoch seconds) and give the new time. Raises ``CannotWrite``."""
        with self._working():
            if to > self.now():
                self._record({"kind": "advance", "to": to})
            return self.now()

    def ask(self, name: str, region: str, params: Params) -> Params:
        """Do what the owner asks outside AWS's API. Raises ``ServiceError``, after which nothing has changed, and
        ``CannotWrite``.
        """
        with self._working():
            answer = self._asked_for(name, region, params)
            self.journal.append({"kind": "ask", "name": name, "region": region, "params": params})
            return answer

    def _asked_for(self, name: str, region: str, params: Params) -> Params:
        self._draw_key = f"{name}/{sorted(params.items())}"
        return ASKED[name](self, region, params)

    def replay(self, entry: Entry, position: int, compare: Comparison | None = None) -> None:
        """Apply the journal's entry of this position again, without writing it down."""
        self.replaying = True
        self._replay_position = position
        try:
            if entry["kind"] == "ask":
                self._asked_for(entry["name"], entry["region"], entry["params"])
                return
            if entry["kind"] != "call":
                self._move(entry)
                return
            request = WireRequest(
                entry["service"],
                entry["region"],
                entry["action"],
                entry["target"],
                b"",
                Caller(**entry["caller"]),
                entry["id"],
            )
            request = replace(request, body=entry["body"].encode(request.charset, "surrogateescape"))
            reply, _ = self._apply(request)
            if compare is not None:
                compare(entry, position, reply)
            body = entry["reply"].encode(request.charset, "surrogateescape")
            headers = tuple((name, text) for name, text in entry.get("headers", ()))
            self._remember(request, Reply(entry["status"], entry["type"], body, headers))
        finally:
            self.replaying = False

    def _remember(self, request: WireRequest, reply: Reply) -> None:
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

    def _apply(self, request: WireRequest) -> tuple[Reply, bool]:
        """The reply, and whether the call got so far that it may have changed something."""
        self._applying = True
        try:
            asked = self.moto.asked
            reply, reached = self._answer(request)
            done = reply.status < 300 and request.action != "AssociateRouteTable"  # one may be there already
            if reached and request.service == "ec2" and (done or self.moto.asked != asked):  # or a part is done
                self.network_actions.append(request.action)
            self._tell_of_change(request.region)
            if reply.status < 300:
                self.made[self._asked] = self.made.get(self._asked, 0) + 1
                self._run_until(self.clock.after_step())
                self.clock.step()
            return reply, reached
        finally:
            self._applying = False

    def _answer(self, request: WireRequest) -> tuple[Reply, bool]:
        reached = False
        params: Params = {}
        try:
            model = serialization.operation(request.service, request.action)
            behaviour = TABLE.get((request.service, request.action), _NONE)
            if model is None or not behaviour.simulated:
                raise unsupported(request.service, request.action or "(no action)")
            # A teardown asks every Region for its tags: where nothing was ever made, that must not make a default VPC.
            empty = request.action == "DescribeTags" and self.moto.is_untouched(request.region)
            if not empty and not self.moto.ensure(request.region):
                raise ServiceError("InvalidRegion", f"There is no region {request.region}.")
            params = request.params(model)
            validation.check(request.service, model, params)
            call = Call(request.service, request.action, request.region, params, request.caller)
            self._seed(call)
            self._guard(call, behaviour)
            reached = True
            self._seed_moto()
            output = {"Tags": []} if empty else self._perform(call, behaviour, request)
            if isinstance(output, Reply):
                return output, True
            body, content_type = serialization.write_reply(request.service, model, output, request.protocol)
            return Reply(200, content_type, body), True
        except ServiceError as error:
            worded = sentences.in_aws_words(request.service, request.action, params, error)
            return error_reply(request, worded), reached
        except (CannotWrite, WithoutLock):
            raise
        except Exception:
            traceback.print_exc()
            message = f"The sandbox failed on {request.action}; see server.log in its home."
            return error_reply(request, ServiceError("InternalFailure", message, 500)), reached

    def _guard(self, call: Call, behaviour: Behaviour) -> None:
        self._guarding = True
        try:
            for guard in guards_of(call.service, behaviour):
                guard(call, self)
        finally:
            self._guarding = False

    def _perform(self, call: Call, behaviour: Behaviour, request: WireRequest) -> Params | Reply:
        followers = followers_of(call, self, behaviour)
        if behaviour.replacement is not None:
            output = behaviour.replacement(call, self)
        else:
            status, headers, body = self._moto(
                call.service, call.region, request.headers(), request.body, request.where
            )
            if status < 300 and not followers:
                return moto_reply(request, status, headers, body)
            model = serialization.operation(call.service, call.action)
            assert model is not None
            output = serialization.read_reply(call.service, model, status, headers, body)
        for follower in followers:
            output = follower(call, self, output)
        return output

    def _moto(
        self,
        service: str,
        region: str,
        headers: dict[str, str],
        body: bytes,
        where: tuple[str, str, str] = ("POST", "/", ""),
    ) -> tuple[int, dict[str, str], bytes]:
        try:
            with at_time(self.now()):
                status, reply_headers, content = self.moto.call(service, region, headers, body, where)
        except Exception:
            if not is_read(serialization.read_action(service, headers, body)):
                raise
            # It knows the action but not what was asked of it, such as a rare filter; nothing was changed.
            traceback.print_exc()
            status = 500
        if status >= 500:
            action = serialization.read_action(service, headers, body)
            raise ServiceError("UnsupportedOperation", f"The sandbox does not simulate this form of {action}.")
        return status, reply_headers, content

    def _seed(self, call: Call) -> None:
        """Ids come from what is asked, and from how often exactly this was done before."""
        asked = {name: value for name, value in call.params.items() if name.lower() != "clienttoken"}
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
        outer, self.moving_to = self._draw_key, until
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

    def _tell_of_change(self, region: str) -> None:
        """Let handlers see a region's change. A fault of theirs must not undo a call that moto has applied."""
        if self.network_version == self._told_of.get(region):
            return
        with _going_on():
            for handler in NETWORK_HANDLERS:
                handler(self, region)
        self._told_of[region] = self.network_version

    def _run(self, kind: str, payload: dict[str, Any]) -> None:
        """An event that fails is dropped, here and in every replay: the call that let time pass has done nothing."""
        with _going_on():
            EVENTS[kind](self, payload)
            self._tell_of_change(payload["region"])


@contextmanager
def _going_on() -> Iterator[None]:
    """Print what fails, and go on; a failed write ends the account."""
    try:
        yield
    except CannotWrite:
        raise
    except Exception:
        traceback.print_exc()


_NONE = Behaviour()
