"""The sandbox's time: a virtual clock and the queue of what is due.

Time moves in three ways. *Work*: a call that changes the account takes one fixed step. *Waiting*: a read of something
in progress moves to that thing's next event. *Advancing*: an explicit request.

Waiting covers work done meanwhile. If an instance needs 20 seconds to start, the tags set during these seconds cost
nothing extra, whether they were set before or after somebody first looked at the instance. So a curious reader does
not shift the times of everything that follows, and equal work gives equal times.
"""

import heapq
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

STEP_SECONDS = 1.0

Event = tuple[float, int, str, dict[str, Any]]


@dataclass
class Clock:
    """Virtual time in epoch seconds, and due events in order of time, then of scheduling."""

    worked_to: float
    waited_to: float = 0.0
    queue: list[Event] = field(default_factory=list)
    scheduled: int = 0

    def now(self) -> float:
        return max(self.worked_to, self.waited_to)

    def after_step(self) -> float:
        """The time after one more step of work."""
        return max(self.worked_to + STEP_SECONDS, self.waited_to)

    def step(self) -> None:
        self.worked_to += STEP_SECONDS

    def wait_to(self, at: float) -> None:
        self.waited_to = max(self.waited_to, at)

    def advance_to(self, at: float) -> None:
        """Work goes on from ``at``: an explicit advance is never covered by later work."""
        self.worked_to = max(self.now(), at)

    def schedule(self, at: float, kind: str, payload: Mapping[str, Any]) -> None:
        self.scheduled += 1
        heapq.heappush(self.queue, (at, self.scheduled, kind, dict(payload)))

    def next_due(self) -> float | None:
        first = self.queue[:1]  # one step: another thread may be at work
        return first[0][0] if first else None

    def pop_due(self, until: float) -> Event | None:
        """The earliest event due at or before ``until``, taken out of the queue."""
        if self.queue and self.queue[0][0] <= until:
            return heapq.heappop(self.queue)
        return None
