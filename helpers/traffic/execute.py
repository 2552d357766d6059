"""Commands: expand their words, find the program, run it, send its output where it belongs.

An ``Interpreter`` goes through a script's instructions. A process steps one, a command at a time; what stands in a
pipe, a subshell, ``$(...)``, the background or ``bash -c`` is run by one of its own, to its end, inside one command.
"""

import math
import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from operator import attrgetter

import helpers.traffic.programs  # noqa: F401 - fills the table of programs
from helpers.traffic.draws import Draws
from helpers.traffic.expansion import ExpansionError, Shell, expand, expand_all
from helpers.traffic.machine import Input, Killed, Machine, Usage, absolute
from helpers.traffic.programs.registry import execute, program
from helpers.traffic.redirection import redirected
from helpers.traffic.shell.instructions import (
    JumpUnless,
    NextRound,
    OpenLoop,
    Program,
    RunPipeline,
    Succeed,
    compile_statements,
)
from helpers.traffic.shell.parser import parse_readable
from helpers.traffic.shell.syntax import (
    AndOr,
    Background,
    Command,
    Group,
    NotSimulatedError,
    Pipeline,
    Redirect,
    Simple,
    Substitution,
)
from helpers.traffic.world import Printed

_BROKEN_PIPE = 141
_AT = attrgetter("at")


@dataclass(slots=True)
class Interpreter:
    """A shell on its way through instructions. ``over`` once ``exit`` or ``set -e`` has ended it."""

    program: Program
    shell: Shell
    machine: Machine
    position: int = 0
    loops: list[tuple[tuple[str, ...], int]] = field(default_factory=list)
    over: bool = False

    def pipeline(self) -> RunPipeline | None:
        """Follow jumps and loops to the next pipeline; None at the end."""
        while self.position < len(self.program) and not self.over:
            instruction = self.program[self.position]
            match instruction:
                case RunPipeline():
                    return instruction
                case JumpUnless(wanted, target):
                    self.position = self.position + 1 if (self.shell.status == 0) == wanted else target
                case OpenLoop(words):
                    self.shell, expanded = expand_all(words, self.shell, self.machine, run_inside)
                    self.shell = self.shell if expanded else replace(self.shell, status=0)
                    self.loops.append((expanded, 0))
                    self.position += 1
                case NextRound(variable, target):
                    self._round(variable, target)
                case Succeed():
                    self.shell = replace(self.shell, status=0)
                    self.position += 1
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

    def step(self, instruction: RunPipeline) -> None:
        """Run one pipeline."""
        self.position += 1
        shell, ends = _run_pipeline(instruction, self.shell, self.machine)
        failed = shell.status and "e" in shell.options and not (instruction.guarded or instruction.pipeline.negated)
        self.shell, self.over = shell, ends or bool(failed)

    def run(self) -> Shell:
        """Run to the end, or to a command that does not end."""
        try:
            while not math.isinf(self.machine.now) and (instruction := self.pipeline()) is not None:
                self.machine.look_around()
                self.step(instruction)
        except ExpansionError as error:
            self.machine.complain(f"{self.shell.name}: {error}")
            self.shell, self.over = replace(self.shell, status=1), True
        return self.shell


def run_inside(body: tuple[AndOr, ...], shell: Shell, machine: Machine) -> Shell:
    """Run statements to their end in a shell like this one; returns how that is afterwards."""
    return Interpreter(compile_statements(body), replace(shell, jobs=()), machine).run()


# --- pipes ------------------------------------------------------------------------------------------------------


def _run_pipeline(instruction: RunPipeline, shell: Shell, machine: Machine) -> tuple[Shell, bool]:
    """The shell afterwards, and whether the script ends here (``exit``)."""
    commands, negated = instruction.pipeline.commands, instruction.pipeline.negated
    guarded = instruction.guarded or negated
    if len(commands) == 1:
        shell, ends = _command(commands[0], shell, machine, guarded)
    else:
        began = machine.now
        with _own_draws(machine) as draws:
            ended = _pipe(commands, shell, machine, draws, guarded)
        machine.now = began
        machine.until(max(at for _, at in ended))
        codes = [code for code, _ in ended]
        failed = [code for code in codes if code] if "pipefail" in shell.options else []
        shell, ends = replace(shell, status=failed[-1] if failed else codes[-1]), False
    if negated and not ends:
        shell = replace(shell, status=int(not shell.status))
    return shell, ends


@contextmanager
def _own_draws(machine: Machine) -> Iterator[Draws]:
    """Numbers of their own for what runs at the same time: how many one draws says nothing about the others."""
    draws, stdin = machine.draws, machine.stdin
    draws.count += 1
    machine.draws = draws.part("beside")
    try:
        yield machine.draws
    finally:
        machine.draws, machine.stdin = draws, stdin


def _pipe(
    commands: tuple[Command, ...], shell: Shell, machine: Machine, draws: Draws, guarded: bool
) -> list[tuple[int, float]]:
    """Exit code and end of each command of a pipe, all begun now. What writes to a command that has gone is killed."""
    began, before, limit = machine.now, machine.mark(), machine.deadline

    def read_by_others() -> list[tuple[int, float]]:
        machine.now, machine.stdin = began, Input(written, ended)
        return _pipe(commands[1:], shell, machine, draws, guarded)

    machine.draws = draws.part(len(commands))
    machine.look_around()
    if len(commands) == 1:
        return [(_command(commands[0], shell, machine, guarded)[0].status, machine.now)]
    code, ended, written = _write(commands[0], shell, machine, guarded)
    others = read_by_others()
    late = next((line.at for line in written if line.at > others[0][1]), None)
    if late is not None:
        machine.go_back(before)
        machine.draws, machine.deadline = draws.part(len(commands)), late
        code, ended, written = _write(commands[0], shell, machine, guarded)
        code, ended, written = _BROKEN_PIPE, late, tuple(line for line in written if line.at < late)
        machine.now, machine.deadline = late, limit
        machine.close_sockets()
        others = read_by_others()
    return [(code, ended), *others]


def _write(command: Command, shell: Shell, machine: Machine, guarded: bool) -> tuple[int, float, tuple[Printed, ...]]:
    """Run a command for what it writes into the pipe: exit code, end (inf where it is killed first), lines."""
    out, written = machine.stdout, list[Printed]()
    machine.stdout = written
    try:
        code, ended = _command(command, shell, machine, guarded)[0].status, machine.now
    except Killed:
        code, ended = 0, math.inf
    finally:
        machine.stdout = out
    return code, ended, tuple(sorted(written, key=_AT))


# --- commands ---------------------------------------------------------------------------------------------------


def _command(command: Command, shell: Shell, machine: Machine, guarded: bool) -> tuple[Shell, bool]:
    if isinstance(command, Background):
        return _in_background(command, shell, machine), False
    if isinstance(command, Simple):
        try:
            return _simple(command, shell, machine)
        except ExpansionError as error:
            machine.complain(f"{shell.name}: line {command.line}: {error}")
            return replace(shell, status=1), True
    with redirected(_targets(command, shell, machine), command.line, machine) as opened:
        if not opened:
            return replace(shell, status=1), False
        plain = AndOr((("", Pipeline((replace(command, redirects=()),))),))
        body = command.body if isinstance(command, Group) else (plain,)
        inside = Interpreter(compile_statements(body, guarded), shell, machine)
        after = inside.run()
    if isinstance(command, Group) and command.subshell:
        return replace(shell, status=after.status), False
    return after, inside.over


def _in_background(command: Background, shell: Shell, machine: Machine) -> Shell:
    if machine.deadline < math.inf:
        raise NotSimulatedError(
            "the sandbox's shell does not simulate a job in the background of a command with a limit"
        )
    began = machine.now
    with _own_draws(machine):
        machine.stdin = Input()
        run_inside((command.statement,), shell, machine)
    ended, machine.now = machine.now, began
    return replace(shell, status=0, jobs=(*shell.jobs, ended))


def _simple(command: Simple, shell: Shell, machine: Machine) -> tuple[Shell, bool]:
    machine.cwd, machine.shell_name = shell.cwd, shell.name
    for name, word in command.assignments:
        shell, values = expand(word, shell, machine, run_inside, split=False)
        shell = shell.assign(name, "".join(values))
    shell, words = expand_all(command.words, shell, machine, run_inside)
    if words and "x" in shell.options:
        machine.complain("+ " + shlex.join(words))
    machine.exported = tuple(pair for pair in shell.variables if pair[0] in shell.exported)
    with redirected(_targets(command, shell, machine), command.line, machine) as opened:
        if not opened:
            return replace(shell, status=1), False
        if not words:
            return shell if _substitutes(command) else replace(shell, status=0), False
        if words[0] in _BUILTINS:
            return _BUILTINS[words[0]](words[1:], shell, machine)
        return replace(shell, status=execute(machine, list(words), command.line)), False


def _targets(command: Command, shell: Shell, machine: Machine) -> list[tuple[Redirect, str]]:
    """Each redirection with the name, or the text, that its word stands for."""
    targets = []
    for redirect in command.redirects:
        names = [redirect.target] if isinstance(redirect.target, str) else []
        if not isinstance(redirect.target, str):
            _, names = expand(redirect.target, shell, machine, run_inside, split=not redirect.here)
        if len(names) != 1 and not redirect.here:
            raise NotSimulatedError(f"{shell.name}: line {command.line}: the sandbox's shell redirects to one name")
        targets.append((redirect, "".join(names)))
    return targets


def _substitutes(command: Simple) -> bool:
    words = (*(word for _, word in command.assignments), *command.words)
    return any(isinstance(part, Substitution) for word in words for part in word)


# --- what the shell does itself ---------------------------------------------------------------------------------


def _cd(words: tuple[str, ...], shell: Shell, machine: Machine) -> tuple[Shell, bool]:
    return replace(shell, cwd=absolute(words[0] if words else "/root", shell.cwd), status=0), False


def _exit(words: tuple[str, ...], shell: Shell, machine: Machine) -> tuple[Shell, bool]:
    if words and not words[0].isdigit():
        machine.complain(f"{shell.name}: exit: {words[0]}: numeric argument required")
        return replace(shell, status=2), True
    return replace(shell, status=int(words[0]) % 256 if words else shell.status), True


def _export(words: tuple[str, ...], shell: Shell, machine: Machine) -> tuple[Shell, bool]:
    for word in words:
        name, equals, value = word.partition("=")
        if not name.isidentifier():
            machine.complain(f"{shell.name}: export: `{word}': not a valid identifier")
            return replace(shell, status=1), False
        shell = shell.assign(name, value) if equals else shell
        shell = replace(shell, exported=shell.exported | {name})
    return replace(shell, status=0), False


def _set(words: tuple[str, ...], shell: Shell, machine: Machine) -> tuple[Shell, bool]:
    options = set(shell.options)
    names = iter(words)
    for word in names:
        chosen = set(word[1:])
        if word[:1] not in ("-", "+") or not chosen or not chosen <= set("euxo"):
            raise NotSimulatedError(f"{shell.name}: the sandbox's shell does not simulate set {word}")
        if "o" in chosen and next(names, "") != "pipefail":
            raise NotSimulatedError(f"{shell.name}: the sandbox's shell simulates no option by name but pipefail")
        chosen = {"pipefail" if letter == "o" else letter for letter in chosen}
        options = options | chosen if word[0] == "-" else options - chosen
    return replace(shell, status=0, options=frozenset(options)), False


def _wait(words: tuple[str, ...], shell: Shell, machine: Machine) -> tuple[Shell, bool]:
    machine.until(max((machine.now, *shell.jobs)))
    return replace(shell, status=0, jobs=()), False


_BUILTINS = {"cd": _cd, "exit": _exit, "export": _export, "set": _set, "wait": _wait}


# --- shells in shells -------------------------------------------------------------------------------------------


@program("bash")
def bash(machine: Machine, arguments: list[str]) -> int:
    """``bash [-eux] -c script``, ``bash [-eux] file``: a script in a shell of its own, with the exported variables."""
    return _shell(machine, "bash", arguments)


@program("sh")
def sh(machine: Machine, arguments: list[str]) -> int:
    """On Amazon Linux, bash by another name."""
    return _shell(machine, "sh", arguments)


def _shell(machine: Machine, name: str, arguments: list[str]) -> int:
    letters = ""
    while arguments and arguments[0].startswith("-"):
        letters, arguments = letters + arguments[0][1:], arguments[1:]
    if not set(letters) <= set("ceuxl") or len(arguments) > 1 or (not arguments and "c" not in letters):
        raise NotSimulatedError(f"{name}: the sandbox simulates only {name} [-eux] -c SCRIPT and {name} [-eux] FILE")
    if not arguments:
        raise Usage(f"{name}: -c: option requires an argument", 2)
    text = arguments[0] if "c" in letters else machine.read_file(arguments[0])
    if text is None:
        raise Usage(f"{name}: {arguments[0]}: No such file or directory", 127)
    own_name = name if "c" in letters else arguments[0]
    exported = frozenset(known for known, _ in machine.exported)
    options = frozenset(letters) & set("eux")
    shell = Shell(machine.exported, 0, machine.cwd, options=options, exported=exported, name=own_name)
    return _run_text(text, shell, machine, f"{name}: -c" if "c" in letters else own_name)


def _run_text(text: str, shell: Shell, machine: Machine, label: str) -> int:
    statements, problem = parse_readable(text)
    around = machine.shell_name, machine.exported, machine.cwd
    inside = Interpreter(compile_statements(statements), shell, machine)
    code = inside.run().status
    machine.shell_name, machine.exported, machine.cwd = around
    if problem is None or inside.over or math.isinf(machine.now):
        return code
    if isinstance(problem, NotSimulatedError):
        raise problem
    machine.complain(str(problem.named(label)))
    return problem.exit_code
