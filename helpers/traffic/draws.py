"""Numbers that look random and are the same every time: drawn from a hash (blake2b)."""

from dataclasses import dataclass, field
from hashlib import blake2b

EPHEMERAL_FIRST, EPHEMERAL_LAST = 32768, 60999
"""Linux's default `net.ipv4.ip_local_port_range`."""
_SLOT = 60


def fraction(*parts: object) -> float:
    """A number in [0, 1) that depends on the parts alone.

    >>> fraction("a", 1) == fraction("a", 1), fraction("a", 1) == fraction("a", 2)
    (True, False)
    """
    text = "\x1f".join(map(str, parts)).encode()
    return int.from_bytes(blake2b(text, digest_size=7).digest(), "big") / (1 << 56)


@dataclass(slots=True)
class Draws:
    """The draws of one process: ports that do not repeat, and jitter. `used` are the ports already taken."""

    key: str
    used: set[int] = field(default_factory=set)

    def port(self, *conversation: object, at: float) -> int:
        """An ephemeral port for a conversation that begins at a time: by key, conversation and minute."""
        span = EPHEMERAL_LAST - EPHEMERAL_FIRST + 1
        if len(self.used) >= span:
            self.used.clear()
        offset = int(fraction(self.key, "port", *conversation, int(at // _SLOT)) * span)
        while EPHEMERAL_FIRST + offset in self.used:
            offset = (offset + 1) % span
        port = EPHEMERAL_FIRST + offset
        self.used.add(port)
        return port

    def jitter(self, *what: object) -> float:
        """A number in [0, 1) for this process."""
        return fraction(self.key, *what)
