"""A script as a flat list of instructions, so that a process is a small value: a position and some words."""

from dataclasses import dataclass

from helpers.traffic.parser import Script
from helpers.traffic.syntax import AndOr, For, Simple, Word


@dataclass(frozen=True, slots=True)
class RunCommand:
    """Run one command; `guarded` means that `set -e` does not look at its exit code (it stands before && or
    ||).
    """

    command: Simple
    guarded: bool


@dataclass(frozen=True, slots=True)
class JumpUnless:
    """Go on at `target` unless the last exit code was a success (`wanted`) or a failure (not `wanted`)."""

    wanted: bool
    target: int


@dataclass(frozen=True, slots=True)
class OpenLoop:
    """Expand the words and push them on the loop stack."""

    words: tuple[Word, ...]


@dataclass(frozen=True, slots=True)
class NextRound:
    """Take the next word into the variable, or pop the loop and go on at `target`."""

    variable: str
    target: int


@dataclass(frozen=True, slots=True)
class Jump:
    """Go on at `target`."""

    target: int


Instruction = RunCommand | JumpUnless | OpenLoop | NextRound | Jump
Program = tuple[Instruction, ...]


def compile_script(script: Script) -> Program:
    """The instructions of a script, in order.

    >>> from helpers.traffic.parser import parse
    >>> [type(each).__name__ for each in compile_script(parse("true && echo yes"))]
    ['RunCommand', 'JumpUnless', 'RunCommand']
    """
    program: list[Instruction] = []
    _statements(script.statements, program)
    return tuple(program)


def _statements(statements: tuple[AndOr, ...], program: list[Instruction]) -> None:
    for statement in statements:
        last = len(statement.items) - 1
        for index, (operator, command) in enumerate(statement.items):
            hole = len(program)
            if operator:
                program.append(Jump(0))
            if isinstance(command, For):
                _loop(command, program)
            else:
                program.append(RunCommand(command, guarded=index < last))
            if operator:
                program[hole] = JumpUnless(operator == "&&", len(program))


def _loop(loop: For, program: list[Instruction]) -> None:
    program.append(OpenLoop(loop.words))
    top = len(program)
    program.append(Jump(0))
    _statements(loop.body, program)
    program.append(Jump(top))
    program[top] = NextRound(loop.variable, len(program))
