"""A real sandbox process for a test, with plain boto3 clients that revive it when it was killed."""

import os
import signal
from datetime import timedelta
from pathlib import Path
from typing import Any

from helpers.lab import sandbox_process
from helpers.lab.connection import SandboxConnection

MADE: list["Box"] = []
"""Every sandbox of this test process, so that none outlives it, whatever failed."""


class Box:
    """One home, one process, and its owner's clients."""

    def __init__(self, home: Path, **start: Any) -> None:
        self.home = home
        MADE.append(self)
        self.info = sandbox_process.start(home, **start)
        self._access = SandboxConnection("us-east-1", home)
        self._clients: dict[str, Any] = {}

    def __call__(self, service: str) -> Any:
        if service not in self._clients:
            self._clients[service] = self._access.client(service)
        return self._clients[service]

    def advance(self, seconds: float) -> str:
        """Move the clock forward; the new time in ISO form. Survives a kill in the middle: it names the moment."""
        moment = self._access.now() + timedelta(seconds=seconds)
        self._access.sleep_until(moment)
        return moment.isoformat()

    def kill(self) -> None:
        """End the process as a crash would."""
        running = sandbox_process.find(self.home)
        assert running is not None
        os.kill(running.pid, signal.SIGKILL)

    def stop(self) -> None:
        sandbox_process.stop(self.home)
