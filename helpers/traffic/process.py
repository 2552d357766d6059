"""A running script: `start` it, then `step` it, one simple command at a time, each at its own moment."""

import math
from dataclasses import dataclass, field, replace

from helpers.network import Connections
from helpers.traffic.compiled import JumpUnless, NextRound, OpenLoop, Program, RunCommand, compile_script
from helpers.traffic.draws import Draws
from helpers.traffic.execute import ExpansionError, Shell, run_simple
from helpers.traffic.machine import Machine
from helpers.traffic.model import Effect, Host, Sent, World
from helpers.traffic.parser import parse, readable_part
from helpers.traffic.syntax import FILE_NAME, ShellSyntaxError
from helpers.traffic.wire import Wire


@dataclass(frozen=True, slots=True)
class Process:
    """A script between two of its commands. `at` is when the next one begins; inf: it never will."""

    program: Program
    host: Host
    at: float
    key: str
    error: str = ""
    position: int = 0
    loops: tuple[tuple[tuple[str, ...], int], ...] = ()
    shell: Shell = field(default_factory=Shell)
    began: int = 0
    conversations: int = 0


@dataclass(frozen=True, slots=True)
class Step:
    """What one command did.

    `ends_at` is when the next command begins (inf: this one goes on until it is killed, like a server in the
    foreground). `effects` hold from now on: apply them before the next step. `exit_code` is set when `done`.
    Packets are in order of time; the last may come after `ends_at`, such as SYN-ACKs that a server sends
    again to a client that gave up, or what runs in the background.
    """

    process: Process
    ends_at: float
    packets: tuple[Sent, ...]
    stdout: str
    stderr: str
    effects: tuple[Effect, ...]
    connections: Connections
    done: bool
    exit_code: int | None


def start(text: str, host: Host, at: float, key: str) -> Process:
    """Begin a script on a host. Nothing runs yet.

    bash reads a script line by line: where one cannot be read, the lines before it have run, and then the process
    prints the error and exits with 2.

    Args:
        text: the script.
        host: where it runs; an instance, or `outside_host(...)`.
        at: epoch seconds.
        key: what ports and jitter are drawn from; equal keys give equal packets.
    """
    try:
        program, error = compile_script(parse(text)), ""
    except ShellSyntaxError as problem:
        program, error = compile_script(readable_part(text, problem.line)), f"{problem}\n"
    return Process(program, host, at, key, error, began=int(at))


def step(process: Process, world: World) -> Step:
    """Run exactly the next simple command, at its own start time, in the world as it is then.

    Raises:
        ValueError: the process never reaches a next command.
    """
    if process.error and process.position >= len(process.program):
        ended = replace(process, program=(), error="")
        return Step(ended, process.at, (), "", process.error, (), world.connections, True, 2)
    if math.isinf(process.at):
        raise ValueError("this process runs a program that does not end: there is no next command to step to")
    return _Runner(process, world).run()


class _Runner:
    def __init__(self, process: Process, world: World) -> None:
        host = world.hosts.get(process.host.instance_id, process.host)
        self.process = process
        self.position = process.position
        self.loops = list(process.loops)
        self.shell = process.shell
        self.draws = Draws(process.key, process.began, process.conversations)
        self.machine = Machine(host, world, Wire(world), self.draws, process.at)
        self.background: list[float] = []

    def run(self) -> Step:
        try:
            return self._step(self._run())
        except ExpansionError as error:
            self.machine.complain(f"{FILE_NAME}: {error}")
            self.shell = replace(self.shell, status=1)
            return self._step(True)

    def _run(self) -> bool:
        """Run the next command; whether the script is over."""
        command = self._next()
        if command is None:
            return not self.process.error
        self.position += 1
        self.shell, finished = run_simple(command, self.shell, self.machine)
        if finished or math.isinf(self.machine.now):
            return finished
        return self._next() is None and not self.process.error

    def _next(self) -> RunCommand | None:
        """Follow jumps and loops to the next command."""
        program = self.process.program
        while self.position < len(program):
            instruction = program[self.position]
            match instruction:
                case RunCommand():
                    return instruction
                case JumpUnless(wanted, target):
                    self.position = self.position + 1 if (self.shell.status == 0) == wanted else target
                case OpenLoop(words):
                    self.shell, expanded = self.shell.expand_all(words, self.machine)
                    self.shell = self.shell if expanded else replace(self.shell, status=0)
                    self.loops.append((expanded, 0))
                    self.position += 1
                case NextRound(variable, target):
                    self._round(variable, target)
                case _:
                    self.position = instruction.target
        return None

    def _round(self, variable: str, target: int) -> None:
        words, index = self.loops[-1]
        if index < len(words):
            self.shell = self.shell.assign(variable, words[index])
            self.loops[-1] = (words, index + 1)
            self.position += 1
        else:
            self.loops.pop()
            self.position = target

    def _step(self, done: bool) -> Step:
        machine = self.machine
        after = replace(
            self.process,
            host=machine.host,
            at=machine.now,
            position=len(self.process.program) if done else self.position,
            loops=tuple(self.loops),
            shell=self.shell,
            conversations=self.draws.count,
        )
        packets = tuple(sorted(machine.wire.sent, key=lambda sent: sent.at))
        return Step(
            after,
            machine.now,
            packets,
            "".join(machine.stdout),
            "".join(machine.stderr),
            tuple(machine.effects),
            machine.wire.connections,
            done,
            self.shell.status if done else None,
        )
