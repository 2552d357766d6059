"""What a behaviour is: the words that every module of the sandbox shares.

A *behaviour* is what the sandbox does for one AWS action. There are three kinds, all in one table:

* ``replaces``: answer the call ourselves;
* ``guards``: look first and raise :class:`ServiceError`, or let the call go on to moto; a guard of the ``state``
  looks at more than the parameters, so a dry run does not come so far;
* ``follows``: correct the reply, or react to it; runs only where the call succeeded.

An action reaches moto only where ``data/simulated_actions.toml`` says why moto's answer is right; every other action
without a replacement is refused.

A handler takes ``(call, account)`` (a *follows* handler also the reply) and returns the reply as a dict in the
shape of botocore's output model.
"""

import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

if TYPE_CHECKING:
    from helpers.sandbox.moto_adapter import Moto

Params = dict[str, Any]
State = TypeVar("State")


@dataclass(frozen=True)
class Caller:
    """Who signed a call. The owner may do everything; every other identity is evaluated by ``access``."""

    access_key_id: str
    arn: str
    user_id: str
    owner: bool = False
    user_agent: str = ""


@dataclass(frozen=True)
class Call:
    """One AWS call, its parameters parsed and checked against botocore's model."""

    service: str
    action: str
    region: str
    params: Params
    caller: Caller


class ServiceError(Exception):
    """An error that AWS would answer; the front renders it in the service's own protocol.

    ``members`` become further members of the error's shape (``queryCompileError``, for example).
    """

    def __init__(self, code: str, message: str, status: int = 400, **members: Any) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.status = status
        self.members = members


def unsupported(service: str, what: str = "") -> ServiceError:
    """The answer to a service, an action, a parameter or a target that nothing here computes."""
    return ServiceError("UnsupportedOperation", f"The sandbox does not simulate {f'{service} {what}'.strip()}.")


class WithoutLock(Exception):
    """Raised by a behaviour that has changed nothing yet: do ``work`` without the account's lock, then call again.

    Never raised during a replay.
    """

    def __init__(self, work: Callable[[], object]) -> None:
        super().__init__()
        self.work = work


class Account(Protocol):
    """What a behaviour may see and do. Every call runs alone, under one lock."""

    @property
    def account_id(self) -> str: ...
    @property
    def position(self) -> int:
        """The journal position of the entry being applied."""

    @property
    def replaying(self) -> bool: ...
    @property
    def events(self) -> Any:
        """The durable store of log events (:class:`helpers.sandbox.store.event_store.EventStore`)."""

    @property
    def moto(self) -> "Moto":
        """What no API sets or tells: states, permissions, leftovers (:mod:`helpers.sandbox.moto_adapter`)."""

    @property
    def network_version(self) -> int:
        """Changes whenever the network may have changed: a reading of it that was kept is then out of date."""

    @property
    def network_actions(self) -> Sequence[str]:
        """The EC2 actions that may have changed the network, oldest first."""

    @property
    def moving_to(self) -> float:
        """To where the clock moves while an event runs."""

    @property
    def role_delay(self) -> float:
        """For how many seconds a new role cannot be assumed by a service yet: 0 unless asked for."""

    def now(self) -> float:
        """The virtual time in epoch seconds."""

    def schedule(self, at: float, kind: str, **payload: Any) -> None:
        """Run the handler of ``kind`` when the clock reaches ``at``."""

    def wait_for(self, at: float) -> None:
        """Move the clock to ``at`` on behalf of a read or a refusal that found something in progress."""

    def random(self, *parts: str) -> random.Random:
        """Draws that depend on the call's content only: the same call draws the same again."""

    def state(self, kind: type[State], region: str) -> State:
        """The one ``kind()`` of a region, made on first use. It must be picklable."""

    def aws(self, service: str, action: str, region: str, **params: Any) -> dict[str, Any]:
        """Call the account from inside, as its owner. Raises :class:`ServiceError`."""


Replacement = Callable[[Call, Account], Params]
Guard = Callable[[Call, Account], None]
Follower = Callable[[Call, Account, Params], Params]
When = Callable[[Call, Account], bool]
EventHandler = Callable[[Account, Mapping[str, Any]], None]
NetworkHandler = Callable[[Account, str], None]
AskedHandler = Callable[[Account, str, Params], Params]
AnyReplacement = TypeVar("AnyReplacement", bound=Replacement)
AnyGuard = TypeVar("AnyGuard", bound=Guard)
AnyFollower = TypeVar("AnyFollower", bound=Follower)
AnyEventHandler = TypeVar("AnyEventHandler", bound=EventHandler)


@dataclass
class Behaviour:
    """Everything the table holds for one action."""

    replacement: Replacement | None = None
    why_moto: str = ""
    """Why moto's answer is right; an action with neither this nor a replacement is refused."""
    guards: list[Guard] = field(default_factory=list)
    state_guards: list[Guard] = field(default_factory=list)
    followers: list[tuple[When, Follower]] = field(default_factory=list)

    @property
    def simulated(self) -> bool:
        return self.replacement is not None or bool(self.why_moto)


TABLE: dict[tuple[str, str], Behaviour] = {}
FIRST_GUARDS: list[tuple[str | None, Guard]] = []
LAST_GUARDS: list[tuple[str | None, Guard]] = []
LAST_FOLLOWERS: list[tuple[str, When, Follower]] = []
EVENTS: dict[str, EventHandler] = {}
NETWORK_HANDLERS: list[NetworkHandler] = []
ASKED: dict[str, AskedHandler] = {}


def behaviour(service: str, action: str) -> Behaviour:
    """The table's entry for an action, made when missing."""
    return TABLE.setdefault((service, action), Behaviour())


def replaces(service: str, *actions: str) -> Callable[[AnyReplacement], AnyReplacement]:
    """Answer these actions with the decorated function."""

    def register(handler: AnyReplacement) -> AnyReplacement:
        for action in actions:
            entry = behaviour(service, action)
            if entry.replacement is not None:
                raise ValueError(f"{service}.{action} already has a replacement")
            entry.replacement = handler
        return handler

    return register


def asks(name: str) -> Callable[[AskedHandler], AskedHandler]:
    """Answer what the owner asks outside AWS's API, at ``/_sandbox/NAME``, with a Region and parameters."""

    def register(handler: AskedHandler) -> AskedHandler:
        ASKED[name] = handler
        return handler

    return register


def guards(service: str, *actions: str, state: bool = False) -> Callable[[AnyGuard], AnyGuard]:
    """Run the decorated function before these actions; it raises to refuse. With ``state``, after a dry run's end."""

    def register(handler: AnyGuard) -> AnyGuard:
        for action in actions:
            entry = behaviour(service, action)
            (entry.state_guards if state else entry.guards).append(handler)
        return handler

    return register


def guards_all(*, service: str | None = None, last: bool = False) -> Callable[[AnyGuard], AnyGuard]:
    """Run the decorated function before every call of a service, or of all: before the action's guards, or last."""

    def register(handler: AnyGuard) -> AnyGuard:
        (LAST_GUARDS if last else FIRST_GUARDS).append((service, handler))
        return handler

    return register


def guards_of(service: str, entry: Behaviour) -> Iterator[Guard]:
    """The guards of one action of a service, in the order in which they run."""
    yield from (guard for only, guard in FIRST_GUARDS if only in (None, service))
    yield from entry.guards
    yield from (guard for only, guard in LAST_GUARDS if only in (None, service))
    yield from entry.state_guards


def follows(service: str, *actions: str, when: When | None = None) -> Callable[[AnyFollower], AnyFollower]:
    """Run the decorated function on moto's reply to these actions; it returns the reply to send.

    Reading and writing a reply costs time: with ``when``, only replies that need it are touched.
    """

    def register(handler: AnyFollower) -> AnyFollower:
        for action in actions:
            behaviour(service, action).followers.append((when or _always, handler))
        return handler

    return register


def follows_all(service: str, *, when: When) -> Callable[[AnyFollower], AnyFollower]:
    """Run the decorated function on replies of every action of a service, after the action's own followers."""

    def register(handler: AnyFollower) -> AnyFollower:
        LAST_FOLLOWERS.append((service, when, handler))
        return handler

    return register


def followers_of(call: Call, account: Account, entry: Behaviour) -> list[Follower]:
    """The followers that a call's reply goes through, in their order."""
    for_all = [(when, follower) for service, when, follower in LAST_FOLLOWERS if service == call.service]
    return [follower for when, follower in (*entry.followers, *for_all) if when(call, account)]


def _always(call: Call, account: Account) -> bool:
    return True


def on_network_change(handler: NetworkHandler) -> NetworkHandler:
    """Run the decorated function whenever a region's network, machines or flow logs may have changed."""
    NETWORK_HANDLERS.append(handler)
    return handler


def on_event(kind: str) -> Callable[[AnyEventHandler], AnyEventHandler]:
    """Run the decorated function when an event of this kind falls due."""

    def register(handler: AnyEventHandler) -> AnyEventHandler:
        if kind in EVENTS:
            raise ValueError(f"event kind {kind!r} already has a handler")
        EVENTS[kind] = handler
        return handler

    return register
