"""Where a command's streams go: files, other streams, here-strings, ``/dev/tcp`` and ``/dev/udp``."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from operator import attrgetter

from helpers.traffic.machine import Input, Machine, absolute
from helpers.traffic.programs.sockets import Socket, open_socket
from helpers.traffic.shell.syntax import NotSimulatedError, Redirect
from helpers.traffic.world import Printed, WriteFile, text_of

_DEV_NULL = "/dev/null"
_DEVICES = {"/dev/stdout": "&1", "/dev/stderr": "&2"}


@contextmanager
def redirected(targets: Sequence[tuple[Redirect, str]], line: int, machine: Machine) -> Iterator[bool]:
    """Whether every redirection, with its name or text, could be opened; they hold until the end of the block.

    What was written goes to files and sockets then, each piece of text as of its time.
    """
    before = machine.stdout, machine.stderr, machine.stdin
    files: list[tuple[str, list[Printed]]] = []
    sockets: list[tuple[Socket, list[Printed]]] = []

    def out(target: str, append: bool) -> list[Printed]:
        """Where text for a target is gathered."""
        written: list[Printed] = []
        if target in ("&1", "&2"):
            return machine.stdout if target == "&1" else machine.stderr
        if target.startswith("/dev/") and target != _DEV_NULL:
            raise NotSimulatedError(f"{target}: the sandbox does not simulate this device")
        if target != _DEV_NULL:
            path = absolute(target, machine.cwd)
            machine.cause(WriteFile(machine.host.instance_id, path, "", append))
            files.append((path, written))
        return written

    def opened(redirect: Redirect, target: str) -> bool:
        if not redirect.here and target.startswith(("/dev/tcp/", "/dev/udp/")):
            far_end = open_socket(machine, target, line)
            if far_end is None:
                return False
            streams: tuple[Input, list[Printed]] = Input(readable=False), []
            sockets.append((far_end, streams[1]))
        elif redirect.source == 0:
            text = target + "\n" if redirect.here else "" if target == _DEV_NULL else machine.read_file(target)
            if text is None:
                machine.complain(f"{machine.shell_name}: line {line}: {target}: No such file or directory")
                return False
            streams = Input((Printed(machine.now, text),), machine.now, is_file=not redirect.here), []
        else:
            streams = machine.stdin, out(_DEVICES.get(target, target), redirect.append)
        machine.stdin = streams[0] if redirect.source == 0 else machine.stdin
        machine.stdout = streams[1] if redirect.source == 1 else machine.stdout
        machine.stderr = streams[1] if redirect.source == 2 else machine.stderr
        return True

    try:
        yield all(opened(redirect, target) for redirect, target in targets)
        for far_end, written in sockets:
            far_end.send(sorted(written, key=attrgetter("at")))
    finally:
        machine.stdout, machine.stderr, machine.stdin = before
        for path, written in files:
            machine.cause(WriteFile(machine.host.instance_id, path, text_of(written), append=True))
