"""Numbers that look random and are the same every time: drawn from a hash (blake2b)."""

from dataclasses import dataclass
from hashlib import blake2b

EPHEMERAL_FIRST, EPHEMERAL_LAST = 32768, 60999
"""Linux's default ``net.ipv4.ip_local_port_range``."""


def fraction(*parts: object) -> float:
    """A number in [0, 1) that depends on the parts alone.

    >>> fraction("a", 1) == fraction("a", 1), fraction("a", 1) == fraction("a", 2)
    (True, False)
    """
    text = "\x1f".join(map(str, parts)).encode()
    return int.from_bytes(blake2b(text, digest_size=7).digest(), "big") / (1 << 56)


@dataclass(slots=True)
class Draws:
    """The draws of one process: ephemeral ports, identifiers, jitter.

    ``began`` is the second in which the process began; ``count`` how many conversations it has started.
    """

    key: str
    began: int
    count: int = 0

    def port(self, *conversation: object) -> int:
        """A local port for a new conversation.

        As in Linux, the place in the range depends on the conversation's far end and a counter that only grows, so two
        conversations with the same far end never share a port (until the whole range of 28,232 was used).
        """
        span = EPHEMERAL_LAST - EPHEMERAL_FIRST + 1
        place = int(fraction(self.key, self.began, "port", *conversation) * span)
        self.count += 1
        return EPHEMERAL_FIRST + (place + self.count) % span

    def part(self, *what: object) -> "Draws":
        """Draws of its own for a part of this process."""
        return Draws("\x1f".join(map(str, (self.key, self.count, *what))), self.began)

    def identifier(self) -> int:
        """The identifier of a new ICMP echo conversation."""
        self.count += 1
        return (int(fraction(self.key, self.began, "echo") * 65536) + self.count) % 65536

    def jitter(self, *what: object) -> float:
        """A number in [0, 1) for this process."""
        return fraction(self.key, self.began, *what)
