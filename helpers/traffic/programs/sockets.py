"""bash's ``/dev/tcp/HOST/PORT`` and ``/dev/udp/HOST/PORT``: a redirection opens a socket."""

from collections.abc import Sequence
from dataclasses import dataclass

from helpers.traffic.machine import Machine
from helpers.traffic.programs.resolver import resolve
from helpers.traffic.shell.syntax import NotSimulatedError
from helpers.traffic.tcp import Connection, connect, datagram, is_own
from helpers.traffic.world import Printed

_PROBLEMS = {
    "refused": "Connection refused",
    "silent": "Connection timed out",
    "unreachable": "Network is unreachable",
}


@dataclass(slots=True)
class Socket:
    """An open socket; ``connection`` is None for UDP."""

    machine: Machine
    address: str
    port: int
    connection: Connection | None
    local_port: int

    def send(self, written: Sequence[Printed]) -> None:
        """Send what a command wrote, each piece at its time, and close."""
        machine, ended = self.machine, self.machine.now
        for at, text in written:
            machine.now = max(at, machine.now) if self.connection is not None else at
            if self.connection is not None:
                self.connection.send(len(text.encode()))
            elif not is_own(machine, self.address):
                datagram(machine, self.address, self.port, self.local_port, len(text.encode()))
        machine.now = max(ended, machine.now)
        if self.connection is not None:
            self.connection.close()


def open_socket(machine: Machine, path: str, line: int) -> Socket | None:
    """The socket of a path; None, with bash's errors, where it cannot be opened."""
    protocol, _, rest = path.removeprefix("/dev/").partition("/")
    name, _, port = rest.partition("/")
    if not port.isdigit() or not 0 < int(port) < 65536:
        raise NotSimulatedError(f"{path}: the sandbox's shell wants a port from 1 to 65535, as a number")
    where = f"{machine.shell_name}: line {line}: "
    address = resolve(machine, name)
    if address is None:
        machine.complain(f"{where}{name}: Name or service not known\n{where}{path}: Invalid argument")
        return None
    if protocol == "udp":
        local_port = machine.draws.port(machine.host.address, address, int(port), "udp")
        return Socket(machine, address, int(port), None, local_port)
    connection = connect(machine, address, int(port))
    if connection.outcome != "open":
        problem = _PROBLEMS[connection.outcome]
        machine.complain(f"{machine.shell_name}: connect: {problem}\n{where}{path}: {problem}")
        return None
    return Socket(machine, address, int(port), connection, connection.local_port)
