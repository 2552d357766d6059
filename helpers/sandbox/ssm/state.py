"""What the sandbox keeps of Run Command in a region."""

import math
from dataclasses import dataclass, field

from helpers.sandbox.calls import Params


@dataclass
class Invocation:
    """A command on one instance. ``script_key`` is set once the agent has taken it. Times are virtual epoch seconds."""

    instance_id: str
    script_key: str | None = None
    next_at: float = math.inf
    delivery_timed_out_at: float | None = None
    cancelled_at: float | None = None


@dataclass
class Command:
    """One SendCommand. ``requested_at`` is in virtual epoch seconds; both timeouts are in seconds."""

    command_id: str
    commands: tuple[str, ...]
    requested_at: float
    timeout: int
    execution_timeout: int
    params: Params
    invocations: dict[str, Invocation] = field(default_factory=dict)


@dataclass
class Commands:
    """A region's commands by id, in the order they were sent."""

    commands: dict[str, Command] = field(default_factory=dict)
