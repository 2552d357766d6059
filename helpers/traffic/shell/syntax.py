"""The shell's words and tree: what a script may look like, as frozen values.

Statements are separated by newlines, ``;``, ``&``, ``&&`` and ``||``; commands are joined to pipes; ``for``, ``if``,
``( ... )`` and ``{ ...; }`` hold statements. Words may be quoted, hold variables, ``$(...)``, ``{1..5}`` and ``{a,b}``.
What bash refuses is a ``ShellSyntaxError``. What bash has beyond this (``while``, functions, here-documents, globs,
arithmetic) is ``NotSimulatedError``, never skipped.
"""

from dataclasses import dataclass

FILE_NAME = "_script.sh"
"""The name that Run Command gives the script it runs, as error texts show it."""


class ShellSyntaxError(ValueError):
    """The script cannot be read. ``str()`` is the text for standard error; bash's exit code for it is 2."""

    exit_code = 2

    def __init__(self, line: int, problem: str, text: str = "", name: str = FILE_NAME) -> None:
        self.line = line
        self.problem = problem
        self.text = text
        lines = [f"{name}: line {line}: {problem}"]
        if text:
            lines.append(f"{name}: line {line}: `{text}'")
        super().__init__("\n".join(lines))

    def named(self, name: str) -> "ShellSyntaxError":
        """The same error of a shell that goes by another name."""
        return ShellSyntaxError(self.line, self.problem, self.text, name)

    def __reduce__(self) -> tuple[type["ShellSyntaxError"], tuple[int, str, str]]:
        return (ShellSyntaxError, (self.line, self.problem, self.text))


class NotSimulatedError(Exception):
    """A real instance would do something here that the sandbox does not compute: the whole script ends with this text.

    ``line`` is that of the script, 0 where a program says it.
    """

    exit_code = 126

    def __init__(self, text: str, line: int = 0) -> None:
        super().__init__(text)
        self.line = line

    @classmethod
    def syntax(cls, line: int, what: str) -> "NotSimulatedError":
        """What the shell itself lacks, in a sentence."""
        return cls(f"{FILE_NAME}: line {line}: the sandbox's shell does not simulate {what}", line)


@dataclass(frozen=True, slots=True)
class Literal:
    """Text as it stands. Unquoted text may hold braces to expand."""

    text: str
    quoted: bool = False


@dataclass(frozen=True, slots=True)
class Variable:
    """``$name``, ``$?`` or ``${name}``; unquoted values are split at blanks."""

    name: str
    quoted: bool = False


@dataclass(frozen=True, slots=True)
class Substitution:
    """``$(...)``: the standard output of statements."""

    body: tuple["AndOr", ...]
    quoted: bool = False


Part = Literal | Variable | Substitution
Word = tuple[Part, ...]


@dataclass(frozen=True, slots=True)
class Redirect:
    """``source`` is 0, 1 or 2; ``target`` is "&1", "&2" or a path's word; ``here``: the word itself is the input."""

    source: int
    target: Word | str
    append: bool = False
    here: bool = False


@dataclass(frozen=True, slots=True)
class Simple:
    """One command with its words and redirections."""

    words: tuple[Word, ...]
    line: int
    redirects: tuple[Redirect, ...] = ()
    assignments: tuple[tuple[str, Word], ...] = ()


@dataclass(frozen=True, slots=True)
class For:
    """``for variable in words; do body; done``."""

    variable: str
    words: tuple[Word, ...]
    body: tuple["AndOr", ...]
    line: int
    redirects: tuple[Redirect, ...] = ()


@dataclass(frozen=True, slots=True)
class If:
    """``if condition; then body; elif ...; else otherwise; fi``: conditions and bodies are statements."""

    branches: tuple[tuple[tuple["AndOr", ...], tuple["AndOr", ...]], ...]
    otherwise: tuple["AndOr", ...]
    line: int
    redirects: tuple[Redirect, ...] = ()


@dataclass(frozen=True, slots=True)
class Group:
    """``( body )``, in a subshell, or ``{ body; }``."""

    body: tuple["AndOr", ...]
    subshell: bool
    line: int
    redirects: tuple[Redirect, ...] = ()


@dataclass(frozen=True, slots=True)
class Background:
    """``statement &``."""

    statement: "AndOr"
    line: int
    redirects: tuple[Redirect, ...] = ()


Command = Simple | For | If | Group | Background


@dataclass(frozen=True, slots=True)
class Pipeline:
    """``first | second | ...``, each reading what the one before writes; ``negated`` by a ``!`` in front."""

    commands: tuple[Command, ...]
    negated: bool = False


@dataclass(frozen=True, slots=True)
class AndOr:
    """Pipelines joined by ``&&`` and ``||``: the operator stands before each; the first has ""."""

    items: tuple[tuple[str, Pipeline], ...]
