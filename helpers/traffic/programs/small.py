"""The small programs, and those that run another: sudo, nohup, timeout."""

import operator
import re
import time
from collections.abc import Callable

from helpers.traffic.machine import Killed, Machine, Usage
from helpers.traffic.programs.registry import execute, program, require
from helpers.traffic.programs.resolver import full_name
from helpers.traffic.shell.syntax import NotSimulatedError

_DURATION = re.compile(r"(\d+(?:\.\d+)?|\.\d+)([smhd]?)")
_MOST_LINES = 100_000
_UNITS = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86_400}


def seconds_of(text: str) -> float | None:
    """The seconds of ``5``, ``0.5``, ``2m``; None when it is no duration."""
    match = _DURATION.fullmatch(text)
    return float(match.group(1)) * _UNITS[match.group(2)] if match is not None else None


@program("echo")
def echo(machine: Machine, arguments: list[str]) -> int:
    """``echo [-n] [-e] words``."""
    newline, escapes = True, False
    while arguments and re.fullmatch("-[neE]+", arguments[0]):
        newline = newline and "n" not in arguments[0]
        escapes = "e" in arguments[0] or (escapes and "E" not in arguments[0])
        arguments = arguments[1:]
    text = " ".join(arguments)
    if escapes:
        if set(re.findall(r"\\(.)", text.replace("\\\\", ""))) - set("ntr"):
            raise NotSimulatedError("echo: the sandbox's echo -e knows \\n, \\t, \\r and \\\\")
        escaped = {"n": "\n", "t": "\t", "r": "\r", "\\": "\\"}
        text = re.sub(r"\\(.)", lambda match: escaped[match.group(1)], text)
    machine.write(text + ("\n" if newline else ""))
    return 0


@program("true", ":")
def true(machine: Machine, arguments: list[str]) -> int:
    """Success."""
    return 0


@program("false")
def false(machine: Machine, arguments: list[str]) -> int:
    """Failure."""
    return 1


@program("sleep")
def sleep(machine: Machine, arguments: list[str]) -> int:
    """``sleep 5``, ``sleep 1m 30s``."""
    if not arguments:
        raise Usage("sleep: missing operand\nTry 'sleep --help' for more information.", 1)
    total = 0.0
    for word in arguments:
        seconds = seconds_of(word)
        if seconds is None:
            raise Usage(f"sleep: invalid time interval '{word}'\nTry 'sleep --help' for more information.", 1)
        total += seconds
    machine.sleep(total)
    return 0


@program("hostname")
def hostname(machine: Machine, arguments: list[str]) -> int:
    """``hostname [-I] [-i] [-f]``."""
    if arguments in (["-I"], ["-i"], ["--ip-address"], ["--all-ip-addresses"]):
        every = arguments[0] in ("-I", "--all-ip-addresses")
        also = f"{machine.host.ipv6} " if every and machine.host.ipv6 else ""
        machine.say(f"{machine.host.address} {also}" if every else machine.host.address)
    elif arguments in ([], ["-f"], ["--fqdn"], ["-s"]):
        full = full_name(machine)
        machine.say(full.partition(".")[0] if arguments == ["-s"] else full)
    else:
        raise NotSimulatedError(f"hostname: the sandbox does not simulate {' '.join(arguments)}")
    return 0


@program("whoami")
def whoami(machine: Machine, arguments: list[str]) -> int:
    """Run Command and user data run as root."""
    machine.say("root")
    return 0


@program("pwd")
def pwd(machine: Machine, arguments: list[str]) -> int:
    """The working directory."""
    machine.say(machine.cwd)
    return 0


@program("date")
def date(machine: Machine, arguments: list[str]) -> int:
    """``date [-u] [+format]``, in UTC, the instance's time zone."""
    words = [word for word in arguments if word not in ("-u", "--utc")]
    if len(words) > 1 or (words and not words[0].startswith("+")):
        raise NotSimulatedError("date: the sandbox simulates only date [-u] [+FORMAT]")
    form = words[0][1:] if words else "%a %b %e %H:%M:%S UTC %Y"
    if set(re.findall("%(.)", form)) - set("aAbBdeFHIjmMpsSTuwyYzZ%"):
        raise NotSimulatedError("date: the sandbox's date knows %a %b %d %e %F %H %M %S %T %Y %s and their like")
    machine.say(time.strftime(form.replace("%s", str(int(machine.now))), time.gmtime(machine.now)))
    return 0


@program("seq")
def seq(machine: Machine, arguments: list[str]) -> int:
    """``seq LAST``, ``seq FIRST LAST``, ``seq FIRST STEP LAST``, whole numbers."""
    if not 1 <= len(arguments) <= 3:
        raise Usage(f"seq: {'missing operand' if not arguments else 'extra operand'}", 1)
    for word in arguments:
        if re.match(r"-[fsw]|--|[+-]?(\d+\.|\.\d)|[+-]?\d+e", word):
            raise NotSimulatedError("seq: the sandbox counts in whole numbers, without options")
        if not re.fullmatch(r"[+-]?\d+", word):
            raise Usage(f"seq: invalid floating point argument: '{word}'", 1)
    numbers = [int(word) for word in arguments]
    first = numbers[0] if len(numbers) > 1 else 1
    by = numbers[1] if len(numbers) == 3 else 1
    if by == 0:
        raise Usage("seq: invalid Zero increment value: '0'", 1)
    if (numbers[-1] - first) // by >= _MOST_LINES:
        raise NotSimulatedError(f"seq: the sandbox counts to {_MOST_LINES} lines at most")
    for number in range(first, numbers[-1] + (1 if by > 0 else -1), by):
        machine.say(str(number))
    return 0


@program("mkdir")
def mkdir(machine: Machine, arguments: list[str]) -> int:
    """Folders need no making here: a file's path is enough. ``mkdir -p folder...``"""
    if "-p" not in arguments:
        raise NotSimulatedError("mkdir: the sandbox simulates only mkdir -p")
    return 0


@program("sudo")
def sudo(machine: Machine, arguments: list[str]) -> int:
    """Commands run as root already: ``sudo [-n] [-E] command`` runs the command."""
    while arguments and arguments[0] in ("-n", "-E", "-H"):
        arguments = arguments[1:]
    if not arguments or arguments[0].startswith("-") or "=" in arguments[0]:
        raise NotSimulatedError("sudo: the sandbox simulates only sudo [-n] [-E] [-H] command")
    require(arguments[0], machine.host, f"sudo: {arguments[0]}: command not found", 1)
    return execute(machine, arguments)


@program("nohup")
def nohup(machine: Machine, arguments: list[str]) -> int:
    """``nohup command``: the same, deaf to hang-ups."""
    if not arguments:
        raise Usage("nohup: missing operand\nTry 'nohup --help' for more information.", 125)
    problem = f"nohup: failed to run command '{arguments[0]}': No such file or directory"
    require(arguments[0], machine.host, problem, 127)
    return execute(machine, arguments)


@program("timeout")
def timeout(machine: Machine, arguments: list[str]) -> int:
    """``timeout 5 command``: 124 when the command was still running."""
    if arguments and arguments[0].startswith("-"):
        raise NotSimulatedError("timeout: the sandbox simulates only timeout SECONDS command, without options")
    if len(arguments) < 2:
        raise Usage("timeout: missing operand\nTry 'timeout --help' for more information.", 125)
    seconds = seconds_of(arguments[0])
    if seconds is None:
        raise Usage(
            f"timeout: invalid time interval '{arguments[0]}'\nTry 'timeout --help' for more information.",
            125,
        )
    problem = f"timeout: failed to run command '{arguments[1]}': No such file or directory"
    require(arguments[1], machine.host, problem, 127)
    before, began = machine.deadline, machine.now
    machine.deadline = min(before, began + seconds) if seconds else before
    limit = machine.deadline
    try:
        return execute(machine, arguments[1:])
    except Killed:
        if limit == before:
            raise
        machine.now, machine.deadline = limit, before
        machine.close_sockets()
        return 124
    finally:
        machine.deadline = before


# --- test -------------------------------------------------------------------------------------------------------

_COMPARE: dict[str, Callable[[float, float], bool]] = {
    "-eq": operator.eq,
    "-ne": operator.ne,
    "-lt": operator.lt,
    "-le": operator.le,
    "-gt": operator.gt,
    "-ge": operator.ge,
}
_TEXTS: dict[str, Callable[[str, str], bool]] = {"=": operator.eq, "==": operator.eq, "!=": operator.ne}
_UNARY = frozenset(("-z", "-n", "-e", "-f", "-s"))
_OTHER_TESTS = frozenset(
    ("-ef", "-nt", "-ot", "(", ")", "<", ">", *(f"-{letter}" for letter in "abcdghkoprtuvwxGLNORS"))
)


@program("[")
def bracket(machine: Machine, arguments: list[str]) -> int:
    """``[ EXPRESSION ]``, as ``test EXPRESSION``."""
    if arguments[-1:] != ["]"]:
        raise Usage(f"{machine.shell_name}: line {machine.line}: [: missing `]'", 2)
    return _test(machine, arguments[:-1], "[")


@program("test")
def test(machine: Machine, arguments: list[str]) -> int:
    """``test [!] A = B``, ``A -eq B`` and their like, ``-z A``, ``-n A``, ``-f FILE`` (-e, -s): 0, 1; 2 on misuse."""
    return _test(machine, arguments, "test")


def _test(machine: Machine, words: list[str], name: str) -> int:
    where = f"{machine.shell_name}: line {machine.line}: {name}: "
    if len(words) > 1 and words[0] == "!":
        return (1, 0, 2)[_test(machine, words[1:], name)]
    if len(words) > 1 and _OTHER_TESTS.intersection(words[:2] if len(words) == 2 else words):
        raise NotSimulatedError(f"{where}the sandbox does not simulate this test")
    if len(words) < 2:
        return 0 if words and words[0] else 1
    if len(words) == 2:
        if words[0] not in _UNARY:
            raise Usage(f"{where}{words[0]}: unary operator expected", 2)
        if words[0] in ("-z", "-n"):
            return int(bool(words[1]) == (words[0] == "-z"))
        text = machine.read_file(words[1])
        return int(not text if words[0] == "-s" else text is None)
    if len(words) > 3:
        raise Usage(f"{where}too many arguments", 2)
    left, compare, right = words
    if compare in _TEXTS:
        return int(not _TEXTS[compare](left, right))
    if compare not in _COMPARE:
        raise Usage(f"{where}{compare}: binary operator expected", 2)
    for text in (left, right):
        if not re.fullmatch(r"\s*[+-]?\d+\s*", text):
            raise Usage(f"{where}{text}: integer expression expected", 2)
    return int(not _COMPARE[compare](int(left), int(right)))
