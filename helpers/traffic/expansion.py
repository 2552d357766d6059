"""What a shell remembers, and words to fields: braces, variables, ``$(...)``, splitting at blanks."""

import math
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from itertools import product

from helpers.traffic.machine import Machine
from helpers.traffic.programs.resolver import full_name
from helpers.traffic.shell.syntax import FILE_NAME, AndOr, Literal, NotSimulatedError, Part, Variable, Word
from helpers.traffic.world import Printed, text_of

_BRACES = re.compile(r"\{(-?[1-9]\d*|0)\.\.(-?[1-9]\d*|0)\}|\{([^{},]*(?:,[^{},]*)+)\}")
_OTHER_BRACES = re.compile(r"\{[^{}]*(,|\.\.)[^{}]*\}")
_MOST_WORDS = 100_000
_OTHER_VARIABLES = re.compile("BASH.*|AWS_.*|LC_.*|EPOCH.*|S?RANDOM|SECONDS|LINENO|PATH|SHELL|SHLVL|PPID|IFS|OLDPWD")
"""What bash or Run Command sets, or bash obeys, beyond what is simulated."""


class ExpansionError(Exception):
    """A word that stands for more words than this shell makes, or for a variable that ``set -u`` misses."""

    exit_code = 1


@dataclass(frozen=True, slots=True)
class Shell:
    """What the shell remembers between two commands. ``options`` are those of ``set``: letters, and ``pipefail``."""

    variables: tuple[tuple[str, str], ...] = ()
    status: int = 0
    cwd: str = "/"
    jobs: tuple[float, ...] = ()
    options: frozenset[str] = frozenset()
    exported: frozenset[str] = frozenset()
    name: str = FILE_NAME

    def assign(self, name: str, value: str) -> "Shell":
        """The shell with one variable set."""
        if _OTHER_VARIABLES.fullmatch(name):
            raise NotSimulatedError(f"{name}: the sandbox's shell does not simulate this variable")
        kept = tuple(pair for pair in self.variables if pair[0] != name)
        return replace(self, variables=(*kept, (name, value)))

    def value(self, name: str, machine: Machine) -> str:
        """A variable's value; "" when it is not set. Raises ExpansionError where ``set -u`` wants it set."""
        known = {"HOME": "/root", "USER": "root", "UID": "0", "EUID": "0", "PWD": self.cwd, "?": str(self.status)}
        known |= dict(self.variables)
        if name == "HOSTNAME":
            return known.get(name) or full_name(machine)
        if name not in known and _OTHER_VARIABLES.fullmatch(name):
            raise NotSimulatedError(f"${name}: the sandbox's shell does not simulate this variable")
        if name not in known and "u" in self.options:
            raise ExpansionError(f"{name}: unbound variable")
        return known.get(name, "")


Run = Callable[[tuple[AndOr, ...], Shell, Machine], Shell]
"""How the statements in ``$(...)`` run."""


def expand_all(words: Iterable[Word], shell: Shell, machine: Machine, run: Run) -> tuple[Shell, tuple[str, ...]]:
    """All words after expansion. Commands in ``$(...)`` run, hence the new shell (its exit code)."""
    fields: list[str] = []
    for word in words:
        shell, expanded = expand(word, shell, machine, run)
        fields.extend(expanded)
    return shell, tuple(fields)


def expand(word: Word, shell: Shell, machine: Machine, run: Run, split: bool = True) -> tuple[Shell, list[str]]:
    """One word to fields: braces first (on unquoted text), then values, split at blanks when unquoted."""
    if len(word) == 1 and isinstance(word[0], Literal) and "{" not in word[0].text:
        return shell, [word[0].text]
    words: list[str] = []
    choices = [_braces(part) for part in word]
    _limit(math.prod(len(choice) for choice in choices))
    for alternative in product(*choices):
        fields: list[str] = [""]
        quoted = any(getattr(part, "quoted", False) for part in alternative)
        for part in alternative:
            shell, text = _value(part, shell, machine, run)
            if not split or part.quoted or isinstance(part, Literal):
                fields[-1] += text
            else:
                first, *others = re.split(r"[ \t\n]+", text)
                fields[-1] += first
                fields += others
        words += [text for text in fields if text] or ([""] if quoted else [])
    return shell, words


def _braces(part: Part) -> list[Part]:
    if not isinstance(part, Literal) or part.quoted or "{" not in part.text:
        return [part]
    texts = _alternatives(part.text)
    if any(_OTHER_BRACES.search(text) for text in texts):
        raise NotSimulatedError(f"{part.text}: the sandbox's shell does not simulate such braces")
    return [Literal(text) for text in texts]


def _alternatives(text: str) -> list[str]:
    match = _BRACES.search(text)
    if match is None:
        return [text]
    if match.group(1) is not None:
        first, last = int(match.group(1)), int(match.group(2))
        _limit(abs(last - first) + 1)
        by = 1 if last >= first else -1
        pieces = [str(number) for number in range(first, last + by, by)]
    else:
        pieces = match.group(3).split(",")
    tails = _alternatives(text[match.end() :])
    _limit(len(pieces) * len(tails))
    return [text[: match.start()] + piece + tail for piece in pieces for tail in tails]


def _limit(count: int) -> None:
    if count > _MOST_WORDS:
        raise ExpansionError(f"brace expansion: failed to allocate memory for {count} elements")


def _value(part: Part, shell: Shell, machine: Machine, run: Run) -> tuple[Shell, str]:
    if isinstance(part, Literal):
        return shell, part.text
    if isinstance(part, Variable):
        return shell, shell.value(part.name, machine)
    out = machine.stdout
    captured: list[Printed] = []
    machine.stdout = captured
    try:
        status = run(part.body, shell, machine).status
    finally:
        machine.stdout = out
    return replace(shell, status=status), text_of(captured).rstrip("\n")
