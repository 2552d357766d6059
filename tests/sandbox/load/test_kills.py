"""Killed fifty times on its way through the course, and started again each time: the course ends as if undisturbed."""

import contextlib
import json
import os
import random
import signal
import threading
from pathlib import Path
from typing import Any

import pytest

from tests.sandbox.load import course
from tests.support.box import Box

SERVICES = ("ec2", "iam", "logs", "ssm")


class Killer:
    """Ends the sandbox with SIGKILL at chosen calls: a moment after the request left, so while it is worked on."""

    def __init__(self, box: Box, moments: dict[int, float]) -> None:
        self.moments = moments
        self.calls = 0
        self.killed: list[int] = []
        self._state = box.home / "server.json"
        for service in SERVICES:
            events = box(service).meta.events
            events.register("before-call", self._count)
            events.register_last("before-send", self._aim)
        self._aimed = False
        self._timers: list[threading.Timer] = []

    def _count(self, **_: Any) -> None:
        self.calls += 1
        self._aimed = False

    def _aim(self, **_: Any) -> None:
        delay = self.moments.get(self.calls)
        if delay is None or self._aimed:
            return
        self._aimed = True
        pid = int(json.loads(self._state.read_bytes())["pid"])
        timer = threading.Timer(delay, self._kill, [pid])
        self._timers.append(timer)
        timer.start()

    def _kill(self, pid: int) -> None:
        if pid not in self.killed:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
                self.killed.append(pid)

    def wait(self) -> None:
        for timer in self._timers:
            timer.join()


def disturbed(home: Path, moments: dict[int, float]) -> tuple[tuple[str, str], Killer]:
    box = Box(home)
    killer = Killer(box, moments)
    try:
        return course.run(box), killer
    finally:
        killer.wait()
        box.stop()


@pytest.mark.long
def test_fifty_kills_change_nothing(tmp_path: Path) -> None:
    undisturbed, counted = disturbed(tmp_path / "undisturbed", {})
    full, empty = undisturbed
    assert '"Tags": [{"Key": "Lab"' in full and "/test/flow-logs" not in empty
    assert counted.calls > 100
    draw = random.Random(5)
    # Many calls take a few milliseconds: most moments lie there, some before the next call or far behind it.
    calls = draw.sample(range(2, counted.calls), 110)  # some hit a sandbox that the one before has ended
    moments = {
        call: draw.choice([draw.uniform(0, 0.005), draw.uniform(0, 0.03), draw.uniform(0, 0.2)]) for call in calls
    }
    ended, killer = disturbed(tmp_path / "disturbed", moments)
    assert len(killer.killed) >= 50
    assert ended[0] == full
    assert ended[1] == empty
