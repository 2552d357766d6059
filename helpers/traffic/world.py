"""The values this room works on: hosts, what listens on them, what a step returns.

All are frozen and picklable. Times are epoch seconds (float), sizes are IP lengths in bytes.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from operator import attrgetter
from typing import Literal, NamedTuple

from helpers.network import Connections, Packet, Topology, Trace
from helpers.traffic.image import AL2023, programs_of
from helpers.traffic.internet import INTERNET, Internet, Listener

SSHD = Listener("tcp", 22, "ssh")
"""What an Amazon Linux instance listens on from its first boot."""


@dataclass(frozen=True, slots=True)
class Host:
    """One machine: an instance, or a computer outside (then ``interface_id`` is "").

    ``address`` is what its own ``ip addr`` shows: the private IPv4 address, never the public one. ``ipv6`` is its first
    IPv6 address, "" when it has none. ``files`` are (path, text) pairs written by commands: a web server's pages.
    """

    instance_id: str
    interface_id: str
    address: str
    programs: frozenset[str] = programs_of(AL2023)
    listeners: frozenset[Listener] = frozenset({SSHD})
    image: str = AL2023
    files: tuple[tuple[str, str], ...] = ()
    ipv6: str = ""

    def source_for(self, target: str) -> str:
        """The address from which it talks to a target: of the target's family, "" when it has none."""
        return self.address if ":" not in target or ":" in self.address else self.ipv6

    def listening(self, protocol: str, port: int) -> Listener | None:
        """The listener of a protocol ("tcp", "udp") and port, or None: the port is closed."""
        for listener in self.listeners:
            if listener.port == port and listener.protocol == protocol:
                return listener
        return None

    def read(self, path: str) -> str | None:
        """A file's text, or None when no command wrote it."""
        return dict(self.files).get(path)


@dataclass(frozen=True, slots=True)
class World:
    """What a command finds: the network, its tracked connections, the hosts by instance id, the internet."""

    topology: Topology
    connections: Connections
    hosts: Mapping[str, Host] = field(default_factory=dict)
    internet: Internet = INTERNET

    def host_on(self, interface_id: str) -> Host | None:
        """The running host behind an interface, its first or a further one; None when nothing runs there.

        Amazon Linux answers from whichever of its interfaces was asked.
        """
        try:
            return self.hosts.get(self.topology.interface(interface_id).instance_id or "")
        except KeyError:
            return None


@dataclass(frozen=True, slots=True)
class Sent:
    """One packet put on the wire at ``at`` (epoch seconds), and what became of it."""

    at: float
    packet: Packet
    trace: Trace


Change = tuple[float, World]
"""A world, and the time (epoch seconds) after which it holds."""


class Printed(NamedTuple):
    """What a program wrote to one of its streams, and when (epoch seconds)."""

    at: float
    text: str


def text_of(printed: Iterable[Printed]) -> str:
    """What a stream shows, in the order of time."""
    return "".join(line.text for line in sorted(printed, key=attrgetter("at")))


@dataclass(frozen=True, slots=True)
class Listen:
    """A program began to listen, at a time (epoch seconds) that every effect has.

    ``in_script``: the program is part of the script that started it, and ends with it; a service of systemd is not.
    """

    instance_id: str
    listener: Listener
    at: float = field(default=0.0, compare=False)
    in_script: bool = field(default=False, compare=False)


@dataclass(frozen=True, slots=True)
class StopListening:
    """A program stopped listening."""

    instance_id: str
    listener: Listener
    at: float = field(default=0.0, compare=False)


@dataclass(frozen=True, slots=True)
class Install:
    """A program came onto the instance's disk."""

    instance_id: str
    program: str
    at: float = field(default=0.0, compare=False)


@dataclass(frozen=True, slots=True)
class WriteFile:
    """A command wrote ``text`` to ``path``: replacing it, or after what was there."""

    instance_id: str
    path: str
    text: str
    append: bool = False
    at: float = field(default=0.0, compare=False)


Effect = Listen | StopListening | Install | WriteFile
Protocol = Literal["tcp", "udp"]


def apply_effects(hosts: Mapping[str, Host], effects: Iterable[Effect]) -> dict[str, Host]:
    """The hosts after a step's effects. Effects on hosts that are not in ``hosts`` (gone, or outside) fall away.

    >>> web = Host("i-1", "eni-1", "10.1.0.10")
    >>> after = apply_effects({"i-1": web}, [Listen("i-1", Listener("tcp", 80, "http"))])
    >>> sorted(listener.port for listener in after["i-1"].listeners)
    [22, 80]
    """
    after = dict(hosts)
    for effect in effects:
        host = after.get(effect.instance_id)
        if host is not None:
            after[effect.instance_id] = _apply(host, effect)
    return after


def _apply(host: Host, effect: Effect) -> Host:
    match effect:
        case Listen(_, listener):
            return replace(host, listeners=host.listeners | {listener})
        case StopListening(_, listener):
            return replace(host, listeners=host.listeners - {listener})
        case Install(_, program):
            return replace(host, programs=host.programs | {program})
        case WriteFile(_, path, text, append, _):
            files = dict(host.files)
            files[path] = files.get(path, "") + text if append else text
            return replace(host, files=tuple(sorted(files.items())))
