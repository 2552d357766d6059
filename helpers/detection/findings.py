"""What a detection reports."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

_UNITS: Mapping[str, str] = MappingProxyType(
    {
        **dict.fromkeys(("port-scan", "vertical-scan", "slow-scan"), "ports"),
        **dict.fromkeys(("brute-force", "login-attempts", "login-after-attempts", "beaconing"), "connections"),
        "horizontal-scan": "hosts",
        "exfiltration": "bytes",
        "lateral-movement": "sessions",
    }
)


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that a rule found: its ``code``, and the evidence.

    ``source`` and ``target`` are addresses; ``*:445`` is port 445 of many, and a source may be a network. ``port`` is
    the one port that the rule looked at, if any. ``count`` is what it counted at its busiest; ``start`` and ``end``
    (epoch seconds) enclose the records that it looked at there.
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
        at = f" at port {self.port}" if self.port is not None else ""
        return f"{self.code}: {self.source} -> {self.target}, {what}{at}"
