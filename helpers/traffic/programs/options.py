"""Command-line options as getopt reads them."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field


class UnknownOptionError(Exception):
    """An option the program does not know (`missing` is False), or one without its value."""

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
) -> Options:
    """Read options.

    Args:
        flags: letters without a value. valued: letters with one (`-c4` or `-c 4`).
        long: long names with what they stand for (a letter, or themselves), flags and valued alike.
        long_valued: the names (as they stand in the result) that take a value.
        operands_end: the first operand ends the options, as for `ssh host command`.

    Raises:
        UnknownOptionError: an unknown option, or a missing value.
    """
    found = Options()
    rest = list(arguments)
    while rest:
        word = rest.pop(0)
        if word == "--":
            found.operands.extend(rest)
            break
        if word.startswith("--"):
            _long(word, rest, found, long or {}, valued, long_valued)
        elif word.startswith("-") and len(word) > 1:
            _short(word, rest, found, flags, valued)
        else:
            found.operands.append(word)
            if operands_end:
                found.operands.extend(rest)
                break
    return found


def _long(
    word: str,
    rest: list[str],
    found: Options,
    long: Mapping[str, str],
    valued: str,
    long_valued: Collection[str],
) -> None:
    name, equals, value = word[2:].partition("=")
    if name not in long:
        raise UnknownOptionError(word)
    stands_for = long[name]
    if stands_for in long_valued or (len(stands_for) == 1 and stands_for in valued):
        if not equals:
            if not rest:
                raise UnknownOptionError(word, missing=True)
            value = rest.pop(0)
        found.given.setdefault(stands_for, []).append(value)
    elif equals:
        raise UnknownOptionError(word)
    else:
        found.given.setdefault(stands_for, []).append("")


def _short(word: str, rest: list[str], found: Options, flags: str, valued: str) -> None:
    letters = word[1:]
    while letters:
        letter, letters = letters[0], letters[1:]
        if letter in valued:
            if not letters and not rest:
                raise UnknownOptionError(letter, missing=True)
            found.given.setdefault(letter, []).append(letters or rest.pop(0))
            return
        if letter not in flags:
            raise UnknownOptionError(letter)
        found.given.setdefault(letter, []).append("")
