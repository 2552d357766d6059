"""The shell's words and tree: what a script may look like, as frozen values.

Statements are separated by newlines, `;`, `&`, `&&` and `||`; `for v in words; do ...; done` is the one
loop. Words may be quoted, hold variables, `$(command)`, `{1..5}` and `{a,b}`. Everything else of bash
(pipes, `if`, `while`, functions, here-documents, globs, arithmetic) is a `ShellSyntaxError`, never skipped.
"""

from dataclasses import dataclass

FILE_NAME = "_script.sh"
"""The name that Run Command gives the script it runs, as error texts show it."""


class ShellSyntaxError(ValueError):
    """The script cannot be read. `str()` is the text for standard error; bash's exit code for it is 2."""

    exit_code = 2

    def __init__(self, line: int, problem: str, text: str = "", remark: str = "") -> None:
        self.line = line
        self.problem = problem
        self.text = text
        self.remark = remark
        lines = [f"{FILE_NAME}: line {line}: {problem}"]
        if text:
            lines.append(f"{FILE_NAME}: line {line}: `{text}'")
        if remark:
            lines.append(f"(the sandbox's shell: {remark})")
        super().__init__("\n".join(lines))

    def __reduce__(self) -> tuple[type["ShellSyntaxError"], tuple[int, str, str, str]]:
        return (ShellSyntaxError, (self.line, self.problem, self.text, self.remark))


@dataclass(frozen=True, slots=True)
class Literal:
    """Text as it stands. Unquoted text may hold braces to expand."""

    text: str
    quoted: bool = False


@dataclass(frozen=True, slots=True)
class Variable:
    """`$name`, `$?` or `${name}`; unquoted values are split at blanks."""

    name: str
    quoted: bool = False


@dataclass(frozen=True, slots=True)
class Substitution:
    """`$(command)`: the standard output of one simple command."""

    command: "Simple"
    quoted: bool = False


Part = Literal | Variable | Substitution
Word = tuple[Part, ...]


@dataclass(frozen=True, slots=True)
class Redirect:
    """`source` is 1 or 2; `target` is "&1", "&2" or a path's word."""

    source: int
    target: Word | str
    append: bool = False


@dataclass(frozen=True, slots=True)
class Simple:
    """One command with its words, redirections, and whether `&` follows."""

    words: tuple[Word, ...]
    line: int
    redirects: tuple[Redirect, ...] = ()
    assignments: tuple[tuple[str, Word], ...] = ()
    background: bool = False


@dataclass(frozen=True, slots=True)
class For:
    """`for variable in words; do body; done`."""

    variable: str
    words: tuple[Word, ...]
    body: tuple["AndOr", ...]
    line: int


@dataclass(frozen=True, slots=True)
class AndOr:
    """Commands joined by `&&` and `||`: the operator stands before each command; the first has ""."""

    items: tuple[tuple[str, "Simple | For"], ...]
