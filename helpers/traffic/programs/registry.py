"""The table of programs: a name, the function that is the program, and what must be on the image for it."""

from collections.abc import Callable

from helpers.traffic.image import NOT_SIMULATED
from helpers.traffic.machine import Machine, Usage
from helpers.traffic.shell.syntax import NotSimulatedError
from helpers.traffic.world import Host

Program = Callable[[Machine, list[str]], int]
"""A program: arguments (without its name) in, exit code out; it moves the machine's clock."""

_PROGRAMS: dict[str, Program] = {}
_PROVIDERS: dict[str, tuple[str, ...]] = {
    ":": ("true",),
    "nc": ("ncat",),
    "ping6": ("ping",),
    "python3.9": ("python3",),
}
_EXEC_TIME = 0.002


def program(*names: str) -> Callable[[Program], Program]:
    """Put a function into the table under its names."""

    def register(function: Program) -> Program:
        for name in names:
            _PROGRAMS[name] = function
        return function

    return register


def find_program(name: str, host: Host) -> Program | None:
    """The program of this name if the host has it, by name or by its path in a ``bin`` folder."""
    base = name.rpartition("/")[2]
    if "/" in name and name not in (f"{folder}/{base}" for folder in ("/bin", "/usr/bin", "/sbin", "/usr/sbin")):
        return None
    if base not in _PROGRAMS or not any(owner in host.programs for owner in _PROVIDERS.get(base, (base,))):
        return None
    return _PROGRAMS[base]


def _refuse_if_real(name: str, host: Host, place: str = "") -> None:
    """Raise NotSimulatedError for a program that the host has and the sandbox does not run."""
    base = name.rpartition("/")[2]
    if base in NOT_SIMULATED or (base in host.programs and base not in _PROGRAMS):
        raise NotSimulatedError(f"{place}{name}: the sandbox does not simulate this program")


def require(name: str, host: Host, text: str, exit_code: int) -> None:
    """Raise a wrapper's own error, such as sudo's, when the program it is to run is not there.

    Raises Usage with ``text``, or NotSimulatedError where the image has it and the sandbox does not.
    """
    if find_program(name, host) is None:
        _refuse_if_real(name, host)
        raise Usage(text, exit_code)


def execute(machine: Machine, words: list[str], line: int = 1) -> int:
    """Run a program by its words and return its exit code; what is not on the image is 127.

    Raises NotSimulatedError, which ends the whole script, where a real instance would run what the sandbox cannot.
    """
    machine.line = line
    name, place = words[0], f"{machine.shell_name}: line {line}: "
    run = find_program(name, machine.host)
    if run is None:
        _refuse_if_real(name, machine.host, place)
        machine.complain(f"{place}{name}: {'No such file or directory' if '/' in name else 'command not found'}")
        return 127
    machine.sleep(_EXEC_TIME)
    try:
        return run(machine, words[1:])
    except Usage as usage:
        machine.complain(usage.text)
        return usage.exit_code
