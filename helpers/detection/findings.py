"""What a detection reports."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

_UNITS: Mapping[str, str] = MappingProxyType(
    {"port-scan": "ports", "host-sweep": "hosts", "brute-force": "connections"}
)


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that a rule found: its ``code``, and the evidence.

    ``source`` and ``target`` are addresses; a sweep has no single target, so that is empty, and ``port`` is the one
    that it tried everywhere. ``count`` is what the rule counted at its busiest; ``start`` and ``end`` (epoch seconds)
    enclose the records that it looked at there.
    """

    code: str
    source: str
    target: str
    count: int
    start: int
    end: int
    port: int | None = None

    @property
    def pair(self) -> tuple[str, str]:
        """Who, and at whom."""
        return self.source, self.target

    def __str__(self) -> str:
        what = f"{self.count} {_UNITS.get(self.code, 'records')}"
        where = self.target or "many"
        at = f" at port {self.port}" if self.port is not None else ""
        return f"{self.code}: {self.source} -> {where}, {what}{at}"
