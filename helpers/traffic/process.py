"""A running script: ``start`` it, then ``step`` it, one simple command at a time, each at its own moment."""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from operator import attrgetter

from helpers.network import Connections
from helpers.traffic.draws import Draws
from helpers.traffic.execute import Interpreter
from helpers.traffic.expansion import ExpansionError, Shell
from helpers.traffic.machine import Machine
from helpers.traffic.shell.instructions import Program, compile_statements
from helpers.traffic.shell.parser import parse_readable
from helpers.traffic.shell.syntax import FILE_NAME, NotSimulatedError
from helpers.traffic.wire import Wire
from helpers.traffic.world import Change, Effect, Host, Printed, Sent, World, text_of

_AT = attrgetter("at")
_SHEBANG = re.compile(r"#!\s*(?:/usr)?/bin/(?:env )?(?:ba)?sh(?: -([eux]+))?\s*")


@dataclass(frozen=True, slots=True)
class Process:
    """A script between two of its commands. ``at`` is when the next one begins, in epoch seconds; inf: it never
    will. ``error`` is what it says, and with which exit code, when it has come to a line that cannot be read.
    """

    program: Program
    host: Host
    at: float
    key: str
    error: tuple[str, int] | None = None
    position: int = 0
    loops: tuple[tuple[tuple[str, ...], int], ...] = ()
    shell: Shell = field(default_factory=Shell)
    began: int = 0
    conversations: int = 0


@dataclass(frozen=True, slots=True)
class ProcessStep:
    """What one command did.

    ``ends_at`` is when the next command begins, in epoch seconds (inf: this one goes on until it is killed, like a
    server in the foreground). ``effects`` hold from now on: apply them before the next step. ``exit_code`` is set when
    ``done``. Packets are in order of time; the last may come after ``ends_at``, such as SYN-ACKs that a server sends
    again to a client that gave up, or what runs in the background.
    """

    process: Process
    ends_at: float
    packets: tuple[Sent, ...]
    output: tuple[Printed, ...]
    errors: tuple[Printed, ...]
    effects: tuple[Effect, ...]
    connections: Connections
    done: bool
    exit_code: int | None

    @property
    def stdout(self) -> str:
        """Everything that it prints."""
        return text_of(self.output)

    @property
    def stderr(self) -> str:
        """Everything that it prints to standard error."""
        return text_of(self.errors)


def start(text: str, host: Host, at: float, key: str) -> Process:
    """Begin a script on a host. Nothing runs yet.

    bash reads a script line by line: where one cannot be read, the lines before it have run, and then the process
    prints the error and exits with 2. What a real instance would do and the sandbox does not simulate, be it syntax, a
    program or an option, ends the process with a sentence and exit code 126: nothing after it is guessed.

    ``text`` is the script; ``host`` where it runs, an instance or a computer outside; ``at`` when it begins, in
    epoch seconds; ``key`` what ports and jitter are drawn from: equal keys give equal packets.
    """
    statements, problem = parse_readable(text)
    first = text.partition("\n")[0]
    match = _SHEBANG.fullmatch(first)
    if match is None and first.startswith("#!"):
        refusal = f"{FILE_NAME}: the sandbox runs scripts of bash, and not of {first[2:].strip()}"
        statements, problem = (), NotSimulatedError(refusal)
    shell = Shell(options=frozenset((match and match.group(1)) or ""))
    error = (f"{problem}\n", problem.exit_code) if problem is not None else None
    return Process(compile_statements(statements), host, at, key, error, shell=shell, began=int(at))


def step(process: Process, world: World, changes: Sequence[Change] = ()) -> ProcessStep:
    """Run exactly the next simple command from its own start time, each packet in the world of the packet's time.

    ``world`` is what it finds at its start; ``changes`` the worlds after it, in order of time. Packets, lines and
    effects up to a change are the same to the byte whatever comes after.

    Raises ValueError where the process never reaches a next command.
    """
    if process.error is not None and process.position >= len(process.program):
        text, code = process.error
        ended, said = replace(process, program=(), error=None), (Printed(process.at, text),)
        return ProcessStep(ended, process.at, (), (), said, (), world.connections, True, code)
    if math.isinf(process.at):
        raise ValueError("this process runs a program that does not end: there is no next command to step to")
    host = world.hosts.get(process.host.instance_id, process.host)
    draws = Draws(process.key, process.began, process.conversations)
    machine = Machine(host, Wire(world, changes), draws, process.at)
    shell = Interpreter(process.program, process.shell, machine, process.position, list(process.loops))
    try:
        done = _run_next(shell, process.error is None)
    except (ExpansionError, NotSimulatedError) as problem:
        machine.complain(str(problem) if isinstance(problem, NotSimulatedError) else f"{FILE_NAME}: {problem}")
        shell.shell, done = replace(shell.shell, status=problem.exit_code), True
    after = replace(
        process,
        host=machine.host,
        at=machine.now,
        position=len(process.program) if done else shell.position,
        loops=tuple(shell.loops),
        shell=shell.shell,
        conversations=draws.count,
    )
    return ProcessStep(
        after,
        machine.now,
        tuple(sorted(machine.wire.sent, key=_AT)),
        tuple(sorted(machine.stdout, key=_AT)),
        tuple(sorted(machine.stderr, key=_AT)),
        tuple(sorted(machine.effects, key=_AT)),
        machine.wire.connections,
        done,
        shell.shell.status if done else None,
    )


def _run_next(shell: Interpreter, readable: bool) -> bool:
    """Run the next command; whether the script is over. It is not where a line that cannot be read comes next."""
    command = shell.pipeline()
    if command is not None:
        shell.step(command)
    if shell.over or math.isinf(shell.machine.now):
        return shell.over
    return shell.pipeline() is None and readable
