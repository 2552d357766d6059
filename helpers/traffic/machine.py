"""One command's run: its clock, its output, the wire in front of it. Lives only inside one ``step``."""

import math
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from helpers.network import Packet
from helpers.traffic.draws import Draws
from helpers.traffic.internet import Listener
from helpers.traffic.shell.syntax import FILE_NAME, NotSimulatedError
from helpers.traffic.wire import Wire
from helpers.traffic.world import Effect, Host, Listen, Printed, StopListening, World, apply_effects

_IMAGE_FOLDERS = frozenset(
    ("bin", "boot", "dev", "etc", "lib", "lib64", "opt", "proc", "run", "sbin", "sys", "usr", "var")
)
"""Where an image has files of its own, which are not simulated."""


class Killed(Exception):
    """The program was still running at its deadline."""


class Closable(Protocol):
    """An open connection: the kernel closes it for a program that ends."""

    def close(self) -> None: ...


class Usage(Exception):
    """The program refuses its arguments."""

    def __init__(self, text: str, exit_code: int) -> None:
        super().__init__(text)
        self.text = text
        self.exit_code = exit_code


@dataclass(frozen=True, slots=True)
class Input:
    """A program's standard input: what comes, when, and when it ends (epoch seconds; inf: never).

    The default is ``/dev/null``, which Run Command gives a script; ``is_file`` that it is a file, whose size is known.
    ``readable`` is False for a socket.
    """

    written: tuple[Printed, ...] = ()
    ends_at: float = 0.0
    is_file: bool = False
    readable: bool = True

    def lines(self) -> list[Printed]:
        """In lines, each with the time at which it is there as a whole."""
        if not self.readable:
            raise NotSimulatedError("the sandbox does not simulate reading from /dev/tcp and /dev/udp")
        lines: list[Printed] = []
        partial = ""
        for at, text in self.written:
            *whole, partial = (partial + text).split("\n")
            lines += [Printed(at, f"{line}\n") for line in whole]
        return [*lines, Printed(self.ends_at, partial)] if partial else lines


@dataclass(slots=True)
class Machine:
    """What a program can touch: its host, the wire, a clock that only it moves, its streams, effects.

    ``now`` and ``deadline`` are in epoch seconds. ``exported`` are the variables that its shell hands on, and
    ``shell_name`` is how that shell calls itself in errors, ``line`` where it is.
    """

    host: Host
    wire: Wire
    draws: Draws
    now: float
    cwd: str = "/"
    deadline: float = math.inf
    stdout: list[Printed] = field(default_factory=list)
    stderr: list[Printed] = field(default_factory=list)
    effects: list[Effect] = field(default_factory=list)
    sockets: list["Closable"] = field(default_factory=list)
    stdin: Input = Input()
    exported: tuple[tuple[str, str], ...] = ()
    shell_name: str = FILE_NAME
    line: int = 1
    first_host: Host = field(init=False)

    def __post_init__(self) -> None:
        self.first_host = self.host

    @property
    def world(self) -> World:
        """What the program finds now."""
        return self.wire.world_at(self.now)

    def packet(self, target: str, protocol: int, *ports_and_flags: int, **more: Any) -> Packet:
        """A packet from this machine's own interface; arguments as of :class:`helpers.network.Packet`."""
        source = self.host.source_for(target)
        interface = self.host.interface_id or None
        return Packet(source, target, protocol, *ports_and_flags, **more, source_interface=interface)

    def say(self, text: str) -> None:
        """One line to standard output."""
        self.write(text + "\n")

    def write(self, text: str) -> None:
        """Text to standard output."""
        self.stdout.append(Printed(self.now, text))

    def complain(self, text: str) -> None:
        """One line to standard error."""
        self.write_error(text + "\n")

    def write_error(self, text: str) -> None:
        """Text to standard error."""
        self.stderr.append(Printed(self.now, text))

    def read_file(self, name: str) -> str | None:
        """A file that commands wrote, or None; raises NotSimulatedError for one that the image itself may have."""
        path = absolute(name, self.cwd)
        text = self.host.read(path)
        if text is None and path.split("/")[1] in _IMAGE_FOLDERS:
            raise NotSimulatedError(f"{name}: the sandbox does not simulate the image's own files")
        return text

    def look_around(self) -> None:
        """See the host as it is now: of what this run has caused, what lies behind."""
        behind = sorted((effect for effect in self.effects if effect.at <= self.now), key=lambda effect: effect.at)
        self.host = apply_effects({self.host.instance_id: self.first_host}, behind)[self.host.instance_id]

    def mark(self) -> tuple[Any, ...]:
        """Where this run has got to, for ``go_back``."""
        lengths = [len(made) for made in (self.stdout, self.stderr, self.effects, self.wire.sent)]
        return self.now, self.cwd, self.sockets[:], self.wire.connections, self.wire.last_met, lengths

    def go_back(self, mark: tuple[Any, ...]) -> None:
        """Undo what was done since a mark."""
        self.now, self.cwd, self.sockets, self.wire.connections, self.wire.last_met, lengths = mark
        everything: tuple[list[Any], ...] = (self.stdout, self.stderr, self.effects, self.wire.sent)
        for made, length in zip(everything, lengths, strict=True):
            del made[length:]
        self.look_around()

    def close_sockets(self) -> None:
        """The kernel closes what a killed program had open."""
        at = self.now
        for connection in self.sockets[:]:
            connection.close()
        self.now = at

    def until(self, at: float) -> None:
        """Wait until ``at`` (epoch seconds), never back in time.

        Raises Killed where the program's deadline comes first.
        """
        if at > self.deadline:
            self.now = self.deadline
            raise Killed
        self.now = max(self.now, at)

    def sleep(self, seconds: float) -> None:
        """Wait some seconds."""
        self.until(self.now + seconds)

    def serve(self, listener: Listener) -> None:
        """Listen until the program is killed. Raises :class:`Killed` at its deadline."""
        self.cause(Listen(self.host.instance_id, listener, in_script=True))
        try:
            self.until(math.inf)
        except Killed:
            self.cause(StopListening(self.host.instance_id, listener))
            raise

    def cause(self, effect: Effect) -> None:
        """Note an effect, and see it at once in this run."""
        self.effects.append(replace(effect, at=self.now))
        self.host = apply_effects({self.host.instance_id: self.host}, [effect]).get(self.host.instance_id, self.host)


def absolute(path: str, cwd: str) -> str:
    """A path from the root: relative ones start at ``cwd``; "." and ".." are resolved.

    >>> absolute("../html/./index.html", "/var/www/cgi")
    '/var/www/html/index.html'
    """
    kept: list[str] = []
    for piece in (path if path.startswith("/") else f"{cwd}/{path}").split("/"):
        if piece == "..":
            del kept[-1:]
        elif piece not in ("", "."):
            kept.append(piece)
    return "/" + "/".join(kept)
