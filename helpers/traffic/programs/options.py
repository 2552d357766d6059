"""Command-line options as getopt reads them."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from helpers.traffic.shell.syntax import NotSimulatedError


class UnknownOptionError(Exception):
    """An option the program does not know (``missing`` is False), or one without its value."""

    def __init__(self, option: str, missing: bool = False) -> None:
        super().__init__(option)
        self.option = option
        self.missing = missing


@dataclass(slots=True)
class Options:
    """What was given: every option's values in order (flags: empty strings), and the operands."""

    given: dict[str, list[str]] = field(default_factory=dict)
    operands: list[str] = field(default_factory=list)

    def __contains__(self, name: str) -> bool:
        return name in self.given

    def last(self, name: str, otherwise: str = "") -> str:
        """The last value of an option."""
        return self.given.get(name, [otherwise])[-1]

    def all(self, name: str) -> list[str]:
        """Every value of an option."""
        return self.given.get(name, [])


def read_options(
    arguments: list[str],
    flags: str,
    valued: str,
    long: Mapping[str, str] | None = None,
    long_valued: Collection[str] = (),
    operands_end: bool = False,
    *,
    program: str,
    real: str = "",
) -> Options:
    """Read options. Raises UnknownOptionError for an unknown option, or a missing value; NotSimulatedError, with the
    name of the ``program``, for one of the ``real`` letters of which the sandbox does nothing, and for other long ones.

    ``flags`` are letters without a value, ``valued`` letters with one (``-c4`` or ``-c 4``). ``long`` holds long names
    with what they mean (a letter, or themselves), flags and valued alike; ``long_valued`` the names, as they are in the
    result, that take a value. With ``operands_end`` the first operand ends the options, as for ``ssh host command``.
    """
    options, rest = Options(), list(arguments)
    try:
        while rest:
            word = rest.pop(0)
            if word.startswith("-") and word not in ("-", "--"):
                option, value = _option(word, rest, long or {}, flags, valued, long_valued)
                options.given.setdefault(option, []).append(value)
                continue
            options.operands += [word] if word != "--" else []
            if operands_end or word == "--":
                options.operands += rest
                break
    except UnknownOptionError as error:
        if not error.missing and (error.option.startswith("--") or error.option in real):
            option = error.option if error.option.startswith("--") else f"-{error.option}"
            raise NotSimulatedError(f"{program}: the sandbox does not simulate the option {option}") from None
        raise
    return options


def _option(
    word: str, rest: list[str], long: Mapping[str, str], flags: str, valued: str, long_valued: Collection[str]
) -> tuple[str, str]:
    """A word's first option with its value; the letters after a flag are put back in front of ``rest``."""
    if word.startswith("--"):
        name, equals, value = word[2:].partition("=")
        shown, option = word, long.get(name, "")
    else:
        shown, value, equals = word[1], word[2:], ""
        option = shown if shown in flags + valued else ""
    takes = option in long_valued or (len(option) == 1 and option in valued)
    if not option or (equals and not takes):
        raise UnknownOptionError(shown)
    if takes and not equals and not value:
        if not rest:
            raise UnknownOptionError(shown, missing=True)
        return option, rest.pop(0)
    if not takes and value:
        rest.insert(0, f"-{value}")
        value = ""
    return option, value
