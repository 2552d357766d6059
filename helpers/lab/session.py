"""What the lab's own workers ask of the session they are given: clients, time and names, and nothing else."""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Protocol, TypeVar

Awaited = TypeVar("Awaited")


class Session(Protocol):
    """The part of :class:`helpers.lab.Lab` that catch-up, snapshots and the teardown use."""

    prefix: str
    region: str

    @property
    def given_roles(self) -> Mapping[str, str]:
        """The ARNs of roles that the lab uses and does not own, by the names that it has for them."""

    def client(self, service: str, *, region: str | None = None) -> Any:
        """A boto3 client, of the lab's own Region where none is named."""

    def now(self) -> datetime:
        """The account's time, in UTC."""

    def wait_until(self, condition: Callable[[], Awaited], timeout: float | timedelta, what: str) -> Awaited:
        """Call ``condition`` until it gives something true, for at most ``timeout`` (seconds of the account's time)."""

    def teardown_command(self, region: str = "") -> str:
        """The shell's command that removes the lab, of the lab's own Region where none is named."""

    def notes(self, topic: str) -> Path:
        """The file in which a lesson keeps what it has to know of this lab later."""

    def name(self, short: str) -> str:
        """The full name of one of the lab's resources."""
