"""A script as a flat list of instructions, so that a process is a small value: a position and some words."""

from dataclasses import dataclass

from helpers.traffic.shell.syntax import AndOr, For, Group, If, Pipeline, Word


@dataclass(frozen=True, slots=True)
class RunPipeline:
    """Run one pipeline; ``guarded`` means that ``set -e`` does not look at its exit code (a condition decides)."""

    pipeline: Pipeline
    guarded: bool


@dataclass(frozen=True, slots=True)
class JumpUnless:
    """Go on at ``target`` unless the last exit code was a success (``wanted``) or a failure (not ``wanted``)."""

    wanted: bool
    target: int


@dataclass(frozen=True, slots=True)
class OpenLoop:
    """Expand the words and push them on the loop stack."""

    words: tuple[Word, ...]


@dataclass(frozen=True, slots=True)
class NextRound:
    """Take the next word into the variable, or pop the loop and go on at ``target``."""

    variable: str
    target: int


@dataclass(frozen=True, slots=True)
class Jump:
    """Go on at ``target``."""

    target: int


@dataclass(frozen=True, slots=True)
class Succeed:
    """The exit code is 0: no branch of an ``if`` was taken."""


Instruction = RunPipeline | JumpUnless | OpenLoop | NextRound | Jump | Succeed
Program = tuple[Instruction, ...]


def compile_statements(statements: tuple[AndOr, ...], guarded: bool = False) -> Program:
    """The instructions of statements, in order; ``guarded`` where they stand in a condition.

    >>> from helpers.traffic.shell.parser import parse
    >>> [type(instruction).__name__ for instruction in compile_statements(parse("true && echo yes"))]
    ['RunPipeline', 'JumpUnless', 'RunPipeline']
    """
    program: list[Instruction] = []
    _statements(statements, program, guarded)
    return tuple(program)


def _statements(statements: tuple[AndOr, ...], program: list[Instruction], guarded: bool) -> None:
    for statement in statements:
        last = len(statement.items) - 1
        for index, (operator, pipeline) in enumerate(statement.items):
            hole = len(program)
            if operator:
                program.append(Jump(0))
            _pipeline(pipeline, program, guarded or index < last)
            if operator:
                program[hole] = JumpUnless(operator == "&&", len(program))


def _pipeline(pipeline: Pipeline, program: list[Instruction], guarded: bool) -> None:
    """A compound command that stands alone is laid out step by step; anything else runs as one command."""
    command = pipeline.commands[0]
    alone = len(pipeline.commands) == 1 and not pipeline.negated and not command.redirects
    if alone and isinstance(command, For):
        _loop(command, program, guarded)
    elif alone and isinstance(command, If):
        _branches(command, program, guarded)
    elif alone and isinstance(command, Group) and not command.subshell:
        _statements(command.body, program, guarded)
    else:
        program.append(RunPipeline(pipeline, guarded))


def _loop(loop: For, program: list[Instruction], guarded: bool) -> None:
    program.append(OpenLoop(loop.words))
    top = len(program)
    program.append(Jump(0))
    _statements(loop.body, program, guarded)
    program.append(Jump(top))
    program[top] = NextRound(loop.variable, len(program))


def _branches(command: If, program: list[Instruction], guarded: bool) -> None:
    ends = []
    for condition, body in command.branches:
        _statements(condition, program, guarded=True)
        hole = len(program)
        program.append(Jump(0))
        _statements(body, program, guarded)
        ends.append(len(program))
        program.append(Jump(0))
        program[hole] = JumpUnless(True, len(program))
    if command.otherwise:
        _statements(command.otherwise, program, guarded)
    else:
        program.append(Succeed())
    for end in ends:
        program[end] = Jump(len(program))
