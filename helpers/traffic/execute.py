"""One simple command: expand its words, find the program, run it, send its output where it belongs."""

import math
import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from itertools import product

import helpers.traffic.programs  # noqa: F401 - fills the table of programs
from helpers.traffic.compiled import RunCommand
from helpers.traffic.machine import Machine
from helpers.traffic.model import WriteFile
from helpers.traffic.programs.names import full_name
from helpers.traffic.programs.registry import execute
from helpers.traffic.syntax import FILE_NAME, Literal, Redirect, Simple, Substitution, Variable, Word

_BRACES = re.compile(r"\{(-?\d+)\.\.(-?\d+)\}|\{([^{},]*(?:,[^{},]*)+)\}")
_DEV_NULL = "/dev/null"
_MOST_WORDS = 100_000


class ExpansionError(Exception):
    """A word that stands for more words than this shell makes."""


@dataclass(frozen=True, slots=True)
class Shell:
    """What the shell remembers between two commands."""

    variables: tuple[tuple[str, str], ...] = ()
    status: int = 0
    cwd: str = "/"
    jobs: tuple[float, ...] = ()
    exit_on_error: bool = False
    echo_commands: bool = False

    def assign(self, name: str, value: str) -> "Shell":
        """The shell with one variable set."""
        kept = tuple(pair for pair in self.variables if pair[0] != name)
        return replace(self, variables=(*kept, (name, value)))

    def value(self, name: str, machine: Machine) -> str:
        """A variable's value; "" when it is not set."""
        if name == "?":
            return str(self.status)
        for known, value in self.variables:
            if known == name:
                return value
        if name == "HOSTNAME":
            return full_name(machine)
        return {"HOME": "/root", "USER": "root", "PWD": self.cwd}.get(name, "")

    def expand_all(self, words: Iterable[Word], machine: Machine) -> tuple["Shell", tuple[str, ...]]:
        """All words after expansion. Commands in `$(...)` run, hence the new shell (its exit code)."""
        shell, found = self, []
        for word in words:
            shell, expanded = _expand(word, shell, machine)
            found.extend(expanded)
        return shell, tuple(found)


def run_simple(instruction: RunCommand, shell: Shell, machine: Machine) -> tuple[Shell, bool]:
    """Run one command. Returns the shell after it and whether the script ends here (`exit`, `set -e`)."""
    try:
        return _run(instruction, shell, machine)
    except ExpansionError as error:
        machine.complain(f"{FILE_NAME}: line {instruction.command.line}: {error}")
        return replace(shell, status=1), True


def _run(instruction: RunCommand, shell: Shell, machine: Machine) -> tuple[Shell, bool]:
    command = instruction.command
    machine.cwd = shell.cwd
    for name, word in command.assignments:
        shell, values = _expand(word, shell, machine, split=False)
        shell = shell.assign(name, "".join(values))
    shell, words = shell.expand_all(command.words, machine)
    if not words:
        return (replace(shell, status=0) if not _substitutes(command) else shell), False
    if shell.echo_commands:
        machine.complain("+ " + " ".join(words))
    if command.background:
        return _in_background(command, words, shell, machine), False
    if words[0] in _BUILTINS:
        shell, ends = _BUILTINS[words[0]](words[1:], shell, machine)
    else:
        shell, ends = replace(shell, status=_run_redirected(command, words, shell, machine)), False
    if shell.status and shell.exit_on_error and not instruction.guarded:
        ends = True
    return shell, ends


def _substitutes(command: Simple) -> bool:
    return any(isinstance(part, Substitution) for _, word in command.assignments for part in word)


def _in_background(command: Simple, words: tuple[str, ...], shell: Shell, machine: Machine) -> Shell:
    began = machine.now
    _run_redirected(command, words, shell, machine)
    ended, machine.now = machine.now, began
    return replace(shell, status=0, jobs=(*shell.jobs, ended))


def _run_redirected(command: Simple, words: tuple[str, ...], shell: Shell, machine: Machine) -> int:
    out, err = machine.stdout, machine.stderr
    streams: dict[int, list[str]] = {1: out, 2: err}
    files: list[tuple[str, bool, list[str]]] = []
    for redirect in command.redirects:
        streams[redirect.source] = _stream(redirect, streams, files, shell, machine)
    machine.stdout, machine.stderr = streams[1], streams[2]
    try:
        return execute(machine, list(words), command.line)
    finally:
        machine.stdout, machine.stderr = out, err
        for path, append, written in files:
            machine.cause(WriteFile(machine.host.instance_id, path, "".join(written), append))


def _stream(
    redirect: Redirect,
    streams: dict[int, list[str]],
    files: list[tuple[str, bool, list[str]]],
    shell: Shell,
    machine: Machine,
) -> list[str]:
    if isinstance(redirect.target, str):
        return streams[int(redirect.target[1:])]
    _, names = _expand(redirect.target, shell, machine)
    path = absolute(names[0] if names else "", shell.cwd)
    written: list[str] = []
    if path != _DEV_NULL:
        files.append((path, redirect.append, written))
    return written


def absolute(path: str, cwd: str) -> str:
    """A path from the root: relative ones start at `cwd`; "." and ".." are resolved.

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


# --- expansion ------------------------------------------------------------------------------------------


def _expand(word: Word, shell: Shell, machine: Machine, split: bool = True) -> tuple[Shell, list[str]]:
    """One word to fields: braces first (on unquoted text), then values, split at blanks when unquoted."""
    if len(word) == 1 and isinstance(word[0], Literal) and "{" not in word[0].text:
        return shell, [word[0].text]
    found: list[str] = []
    choices = [_braces(part) for part in word]
    _limit(math.prod(len(choice) for choice in choices))
    for alternative in product(*choices):
        fields: list[str] = [""]
        present = False
        for part in alternative:
            shell, text, quoted = _value(part, shell, machine)
            present = present or quoted or bool(text)
            if quoted or not split or isinstance(part, Literal):
                fields[-1] += text
                continue
            pieces = text.split()
            if pieces:
                fields[-1] += pieces[0]
                fields.extend(pieces[1:])
        if present and (any(fields) or any(getattr(part, "quoted", False) for part in alternative)):
            found.extend(fields)
    return shell, found


def _braces(part: Literal | Variable | Substitution) -> list[Literal | Variable | Substitution]:
    if not isinstance(part, Literal) or part.quoted or "{" not in part.text:
        return [part]
    return [Literal(text) for text in _alternatives(part.text)]


def _alternatives(text: str) -> list[str]:
    found = _BRACES.search(text)
    if found is None:
        return [text]
    if found.group(1) is not None:
        first, last = int(found.group(1)), int(found.group(2))
        _limit(abs(last - first) + 1)
        by = 1 if last >= first else -1
        pieces = [str(number) for number in range(first, last + by, by)]
    else:
        pieces = found.group(3).split(",")
    tails = _alternatives(text[found.end() :])
    _limit(len(pieces) * len(tails))
    return [text[: found.start()] + piece + tail for piece in pieces for tail in tails]


def _limit(count: int) -> None:
    if count > _MOST_WORDS:
        raise ExpansionError(f"brace expansion: failed to allocate memory for {count} elements")


def _value(part: Literal | Variable | Substitution, shell: Shell, machine: Machine) -> tuple[Shell, str, bool]:
    if isinstance(part, Literal):
        return shell, part.text, part.quoted
    if isinstance(part, Variable):
        return shell, shell.value(part.name, machine), part.quoted
    out = machine.stdout
    captured: list[str] = []
    machine.stdout = captured
    try:
        shell, _ = run_simple(RunCommand(part.command, guarded=True), shell, machine)
    finally:
        machine.stdout = out
    return shell, "".join(captured).rstrip("\n"), part.quoted


# --- what the shell does itself -------------------------------------------------------------------------


def _cd(words: tuple[str, ...], shell: Shell, machine: Machine) -> tuple[Shell, bool]:
    return replace(shell, cwd=absolute(words[0] if words else "/root", shell.cwd), status=0), False


def _exit(words: tuple[str, ...], shell: Shell, machine: Machine) -> tuple[Shell, bool]:
    if words and not words[0].isdigit():
        machine.complain(f"{FILE_NAME}: exit: {words[0]}: numeric argument required")
        return replace(shell, status=2), True
    return replace(shell, status=int(words[0]) % 256 if words else shell.status), True


def _export(words: tuple[str, ...], shell: Shell, machine: Machine) -> tuple[Shell, bool]:
    for word in words:
        name, equals, value = word.partition("=")
        if not name.isidentifier():
            machine.complain(f"{FILE_NAME}: export: `{word}': not a valid identifier")
            return replace(shell, status=1), False
        shell = shell.assign(name, value) if equals else shell
    return replace(shell, status=0), False


def _set(words: tuple[str, ...], shell: Shell, machine: Machine) -> tuple[Shell, bool]:
    letters = "".join(word[1:] for word in words if word.startswith("-") and not word.startswith("--"))
    for word, following in zip(words, (*words[1:], ""), strict=True):
        known = word == "pipefail" or (word[:1] in "-+" and set(word[1:]) <= set("euxo"))
        if not known or (word == "-o" and following != "pipefail"):
            machine.complain(f"{FILE_NAME}: set: {word}: invalid option")
            return replace(shell, status=2), False
    return replace(
        shell,
        status=0,
        exit_on_error=shell.exit_on_error or "e" in letters,
        echo_commands=shell.echo_commands or "x" in letters,
    ), False


def _wait(words: tuple[str, ...], shell: Shell, machine: Machine) -> tuple[Shell, bool]:
    machine.until(max((machine.now, *shell.jobs)))
    return replace(shell, status=0, jobs=()), False


_BUILTINS = {"cd": _cd, "exit": _exit, "export": _export, "set": _set, "wait": _wait}
