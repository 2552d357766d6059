"""What a region's machines remember: hosts that run, commands that have not ended, windows that are open.

A *running step* is one command of a script that has not ended yet, or has left something behind that has not, such as a
job in the background. It is kept as the process before it, its start and the network of its start: what it does is
computed from these and from the worlds that followed, and computed again when the world changes.
"""

import math
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from operator import attrgetter, itemgetter
from typing import Any, TypeVar

from helpers.network import Connections, Instance, Interface, Topology
from helpers.traffic import Capture, Change, Host, Listener, Process, ProcessStep, Wire, World, step

Timed = TypeVar("Timed")


@dataclass
class ScriptRun:
    """A script on a machine: what it has printed, and how it ended. Times are virtual epoch seconds."""

    instance_id: str
    started_at: float
    deadline: float = math.inf
    stdout: str = ""
    stderr: str = ""
    next_at: float = math.inf
    exit_code: int | None = None
    ended_at: float | None = None
    timed_out: bool = False
    step: "RunningStep | None" = None
    opened: list[Listener] = field(default_factory=list)

    @property
    def running(self) -> bool:
        return self.ended_at is None


@dataclass
class RunningStep:
    """A command under way. ``settled_to`` (epoch seconds): what it did until then is final, and counted."""

    script: ScriptRun
    process: Process
    world: World
    settled_to: float = -math.inf
    effect_due: float = math.inf
    over: bool = False
    _result: ProcessStep | None = None

    def result(self, changes: list[Change]) -> ProcessStep:
        """What it does as things stand, given the worlds after its start."""
        if self._result is None:
            self._result = step(self.process, self.world, self._later(changes))
        return self._result

    def _later(self, changes: list[Change]) -> list[Change]:
        """The worlds since its start; one of that very time may have come after it."""
        return changes[bisect_left(changes, self.process.at, key=itemgetter(0)) :]

    def compute_again(self) -> None:
        self._result = None

    def finish(self, changes: list[Change]) -> None:
        """Nothing of it lies ahead: keep how it ended, and no more."""
        nothing: dict[str, Any] = dict.fromkeys(("packets", "output", "errors", "effects"), ())
        self._result = replace(self.result(changes), **nothing, connections=Connections())
        self.world = World(Topology(), Connections())
        self.over = True

    def __getstate__(self) -> dict[str, Any]:
        """A checkpoint holds no result that can be computed again."""
        return vars(self) if self.over else vars(self) | {"_result": None}

    def connections_at(self, now: float, changes: list[Change]) -> Connections:
        """What its packets until now have made of the connections of its start."""
        wire = Wire(self.world, self._later(changes))
        for sent in self.result(changes).packets:
            if sent.at <= now:
                wire.send(sent.packet)
        return wire.connections

    def unsettled(self, things: Sequence[Timed], now: float) -> Sequence[Timed]:
        """Those of a result's packets, lines or effects, in order of time, that become final now."""
        first = bisect_right(things, self.settled_to, key=_AT)
        return things[first : bisect_right(things, now, lo=first, key=_AT)]

    def is_over(self, now: float, changes: list[Change]) -> bool:
        """Whether nothing that it does lies in the future (never, inf, is no time)."""
        result = self.result(changes)
        lasts = [result.ends_at, *(things[-1].at for things in _things(result) if things)]
        return not any(now < at < math.inf for at in lasts)


def _things(result: ProcessStep) -> tuple[Sequence[Any], ...]:
    return result.packets, result.output, result.errors, [effect for effect in result.effects if effect.at < math.inf]


_AT = attrgetter("at")


@dataclass
class Machines:
    """The scripts of a region by key, and the UserData that has still to run at the first boot."""

    scripts: dict[str, ScriptRun] = field(default_factory=dict)
    user_data: dict[str, str] = field(default_factory=dict)


@dataclass
class DataPlane:
    """What moves: tracked connections, running hosts by instance id, running steps, open flow windows.

    ``world`` is the present one, as far as it was needed, and ``changes`` those since the oldest running step began.
    ``captures`` and ``watched`` (interface id -> seconds of a window) are by flow log id. ``interfaces`` and
    ``instances`` remember what had traffic, for windows that close after a termination.
    """

    connections: Connections = field(default_factory=Connections)
    hosts: dict[str, Host] = field(default_factory=dict)
    steps: list[RunningStep] = field(default_factory=list)
    world: World | None = None
    changes: list[Change] = field(default_factory=list)
    captures: dict[str, Capture] = field(default_factory=dict)
    watched: dict[str, dict[str, int]] = field(default_factory=dict)
    interfaces: dict[str, Interface] = field(default_factory=dict)
    instances: dict[str, Instance] = field(default_factory=dict)
    closing_at: float = math.inf
