"""Programs that read text, from files or from a pipe: cat, grep, head, sort, tail, uniq, wc (coreutils 8.32, grep 3.8).

What they print comes at their end, as a program writes to a pipe or a file; only ``cat`` hands on each piece at once.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterator
from itertools import groupby, islice

from helpers.traffic.machine import Input, Machine, Usage
from helpers.traffic.programs.grep_patterns import compiled
from helpers.traffic.programs.options import Options, UnknownOptionError, read_options
from helpers.traffic.programs.registry import program
from helpers.traffic.shell.syntax import NotSimulatedError
from helpers.traffic.world import Printed

_GREP_USAGE = "Usage: grep [OPTION]... PATTERNS [FILE]...\nTry 'grep --help' for more information."


def _options(name: str, arguments: list[str], flags: str, valued: str, real: str, code: int = 1) -> Options:
    try:
        return read_options(arguments, flags, valued, program=name, real=real)
    except UnknownOptionError as error:
        problem = "option requires an argument" if error.missing else "invalid option"
        hint = _GREP_USAGE if name == "grep" else f"Try '{name} --help' for more information."
        raise Usage(f"{name}: {problem} -- '{error.option}'\n{hint}", code) from None


def _inputs(machine: Machine, names: list[str], problem: str) -> Iterator[tuple[str, Input]]:
    """Each input with its name; standard input for "-" and where none is named. A file that is missing is told."""
    for name in names or ["-"]:
        text = "" if name == "-" else machine.read_file(name)
        if name == "-":
            yield name, machine.stdin
        elif text is None:
            machine.write_error(f"{problem.format(name)}\n" if problem else "")
        else:
            yield name, Input((Printed(machine.now, text),), machine.now, is_file=True)


def _lines(machine: Machine, source: Input) -> Iterator[str]:
    """The lines of an input, each waited for, and its end."""
    for line in source.lines():
        machine.until(line.at)
        yield line.text
    machine.until(source.ends_at)


def _only(machine: Machine, name: str, operands: list[str], problem: str, code: int = 1) -> Input:
    """The one input; Usage where it is missing."""
    if len(operands) > 1:
        raise NotSimulatedError(f"{name}: the sandbox simulates it with one file at most")
    for _, source in _inputs(machine, operands, ""):
        return source
    raise Usage(f"{name}: {problem.format(*operands)}: No such file or directory", code)


def _ended(lines: Iterator[str]) -> list[str]:
    """All lines, the last with an end, too."""
    return [line.removesuffix("\n") + "\n" for line in lines]


@program("cat")
def cat(machine: Machine, arguments: list[str]) -> int:
    """``cat [file...]``."""
    names = _options("cat", arguments, "u", "", "AbeEnstTv").operands
    seen = 0
    for _, source in _inputs(machine, names, "cat: {}: No such file or directory"):
        for line in _lines(machine, source):
            machine.write(line)
        seen += 1
    return 0 if seen == max(1, len(names)) else 1


@program("grep")
def grep(machine: Machine, arguments: list[str]) -> int:
    """``grep [-EFivcqonwxhHs] [-m N] [-e PATTERN] PATTERN [file...]``: 0 with a line, 1 without, 2 on errors."""
    options = _options("grep", arguments, "EFivcqonwxhHs", "me", "abdflrABCDGILPRTUVZz0123456789", 2)
    patterns = options.all("e") or options.operands[:1]
    if not patterns:
        raise Usage(_GREP_USAGE, 2)
    if not re.fullmatch(r"-?\d+", options.last("m", "-1")):
        raise Usage("grep: invalid max count", 2)
    names = options.operands[0 if "e" in options else 1 :]
    matches = compiled("\n".join(patterns), options)
    prefixed = "H" in options or (len(names) > 1 and "h" not in options)
    seen, found, problem = 0, False, "" if "s" in options else "grep: {}: No such file or directory"
    output: list[str] = []
    for name, source in _inputs(machine, names, problem):
        label = ("(standard input)" if name == "-" else name) + ":" if prefixed else ""
        count = _grep(machine, source, matches, options, label, output)
        found, seen = found or count > 0, seen + 1
        if "c" in options and "q" not in options:
            output.append(f"{label}{count}\n")
    machine.write("".join(output))
    return 2 if seen < max(1, len(names)) and not (found and "q" in options) else int(not found)


def _grep(
    machine: Machine, source: Input, pattern: re.Pattern[str], options: Options, label: str, output: list[str]
) -> int:
    """How many lines were chosen; it stops where it need read no further."""
    count, most = 0, int(options.last("m", "-1"))
    lines = _lines(machine, source) if most else iter(())
    for number, line in enumerate(lines, start=1):
        text = line.removesuffix("\n")
        if bool(pattern.search(text)) == ("v" in options):
            continue
        count += 1
        if "q" in options:
            return count
        if "c" not in options:
            place = f"{label}{number}:" if "n" in options else label
            output += [f"{place}{piece}\n" for piece in _shown(text, pattern, options)]
        if count == most:
            break
    return count


def _shown(text: str, pattern: re.Pattern[str], options: Options) -> list[str]:
    """The line, or with ``-o`` what matches in it."""
    if "o" not in options:
        return [text]
    return [] if "v" in options else [match.group() for match in pattern.finditer(text) if match.group()]


@program("head")
def head(machine: Machine, arguments: list[str]) -> int:
    """``head [-n N] [file]``: the first lines, or with ``-N`` all but the last; it ends once it has them."""
    number, source = _part(machine, "head", arguments, "qcvz")
    if number.startswith("-"):
        machine.write("".join(list(_lines(machine, source))[: int(number)]))
    else:
        machine.write("".join(islice(_lines(machine, source), int(number))))
    return 0


@program("tail")
def tail(machine: Machine, arguments: list[str]) -> int:
    """``tail [-n N] [file]``: the last lines, or with ``+N`` those from that one on."""
    number, source = _part(machine, "tail", arguments, "bcfFqrsvz")
    lines, least = list(_lines(machine, source)), abs(int(number))
    machine.write("".join(lines[max(0, least - 1) if number.startswith("+") else max(0, len(lines) - least) :]))
    return 0


def _part(machine: Machine, name: str, arguments: list[str], real: str) -> tuple[str, Input]:
    """The number of lines and the input; a first word ``-5`` is ``-n 5``."""
    first = arguments[0] if arguments else ""
    dashed = ["-n", first[1:], *arguments[1:]] if re.fullmatch(r"-\d+", first) else arguments
    options = _options(name, dashed, "", "n", real)
    number = options.last("n", "10")
    if not re.fullmatch(r"[+-]?\d+", number):
        raise Usage(f"{name}: invalid number of lines: '{number}'", 1)
    return number, _only(machine, name, options.operands, "cannot open '{}' for reading")


@program("wc")
def wc(machine: Machine, arguments: list[str]) -> int:
    """``wc [-lwcm] [file...]``: lines, words, characters, bytes."""
    options = _options("wc", arguments, "lwcm", "", "L")
    wanted = [letter for letter in "lwmc" if letter in options] or ["l", "w", "c"]
    rows: list[tuple[str, Counter[str]]] = []
    width = 1
    for name, source in _inputs(machine, options.operands, "wc: {}: No such file or directory"):
        text = "".join(_lines(machine, source))
        size = len(text.encode())
        rows.append((name, Counter(l=text.count("\n"), w=len(text.split()), m=len(text), c=size)))
        width = width if source.is_file else 7
    if len(options.operands) > 1:
        rows.append(("total", sum((counted for _, counted in rows), Counter[str]())))
    width = max(width, len(str(rows[-1][1]["c"])) if rows else 1)
    width = 1 if len(wanted) == 1 and len(rows) < 2 else width
    for name, counted in rows:
        shown = " ".join(f"{counted[letter]:>{width}}" for letter in wanted)
        machine.say(shown if not options.operands else f"{shown} {name}")
    return 0 if len(rows) >= max(1, len(options.operands)) else 1


@program("uniq")
def uniq(machine: Machine, arguments: list[str]) -> int:
    """``uniq [-cdui] [file]``: neighbours that are equal, once."""
    options = _options("uniq", arguments, "cdui", "", "Dfswz")
    lines = _ended(_lines(machine, _only(machine, "uniq", options.operands, "{}")))
    for _, group in groupby(lines, key=str.lower if "i" in options else None):
        same = list(group)
        if (len(same) > 1 or "d" not in options) and (len(same) == 1 or "u" not in options):
            machine.write(f"{len(same):>7} {same[0]}" if "c" in options else same[0])
    return 0


# --- sort -------------------------------------------------------------------------------------------------------

_KEY = re.compile(r"(\d+)([nrb]*)(?:,(\d+)([nrb]*))?")
_NUMBER = re.compile(r"[ \t]*(-?\d*\.?\d*)")


@program("sort")
def sort(machine: Machine, arguments: list[str]) -> int:
    """``sort [-nrub] [-t C] [-k N[,M][nr]] [file]``: by bytes, as in Amazon Linux's locale."""
    options = _options("sort", arguments, "nrubs", "kt", "cdfghiMmoRSTVz", 2)
    lines = _ended(_lines(machine, _only(machine, "sort", options.operands, "cannot read: {}", 2)))
    keys = [_key(text, options) for text in options.all("k")] or [_key("1", options)]
    if "u" not in options and "s" not in options:
        lines.sort(reverse="r" in options)
    for key, backwards in reversed(keys):
        lines.sort(key=key, reverse=backwards)
    if "u" in options:
        lines = [next(same) for _, same in groupby(lines, lambda line: [key(line) for key, _ in keys])]
    machine.write("".join(lines))
    return 0


def _key(text: str, options: Options) -> tuple[Callable[[str], float | str], bool]:
    """What a line is sorted by, and whether backwards."""
    match = _KEY.fullmatch(text)
    separator = options.last("t")
    if match is None or match.group(1) == "0" or len(separator) > 1:
        raise NotSimulatedError("sort: the sandbox's sort knows -k N[,M] with n, r and b, and -t with one character")
    own = set(match.group(2) + (match.group(4) or ""))
    letters = own or {letter for letter in "nrb" if letter in options}
    first, last = int(match.group(1)) - 1, int(match.group(3)) if match.group(3) else None

    def key(line: str) -> float | str:
        plain = line.removesuffix("\n")
        fields = plain.split(separator) if separator else re.findall(r"[ \t]*[^ \t]+|[ \t]+$", plain)
        part = (separator or "").join(fields[first:last]) if "k" in options else plain
        if "n" in letters:
            number = _NUMBER.match(part)
            return float(number.group(1)) if number is not None and re.search(r"\d", number.group(1)) else 0.0
        return part.lstrip(" \t") if "b" in letters else part

    return key, "r" in letters
