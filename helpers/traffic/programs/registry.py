"""The table of programs: a name, the function that is the program, and what must be on the image for it."""

from collections.abc import Callable

from helpers.traffic.image import NOT_SIMULATED
from helpers.traffic.machine import Machine, Usage
from helpers.traffic.model import Host
from helpers.traffic.syntax import FILE_NAME

Program = Callable[[Machine, list[str]], int]
"""A program: arguments (without its name) in, exit code out; it moves the machine's clock."""

_PROGRAMS: dict[str, Program] = {}
_PROVIDERS: dict[str, tuple[str, ...]] = {
    "nc": ("nc", "ncat"),
    "netcat": ("nc",),
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
    """The program of this name if the host has it, by name or by its path in a `bin` folder."""
    base = name.rpartition("/")[2]
    if "/" in name and name not in (f"{folder}/{base}" for folder in ("/bin", "/usr/bin", "/sbin", "/usr/sbin")):
        return None
    if base not in _PROGRAMS or not any(owner in host.programs for owner in _PROVIDERS.get(base, (base,))):
        return None
    return _PROGRAMS[base]


def _absent(name: str) -> tuple[int, str]:
    if name.rpartition("/")[2] in NOT_SIMULATED:
        return 126, "the sandbox does not simulate this program"
    return 127, "No such file or directory" if "/" in name else "command not found"


def require(name: str, host: Host, text: str, exit_code: int) -> None:
    """Raise a wrapper's own error, such as sudo's, when the program it is to run is not there.

    Raises:
        Usage: `text`, or that the sandbox does not simulate the program.
    """
    if find_program(name, host) is None:
        code, problem = _absent(name)
        raise Usage(text, exit_code) if code == 127 else Usage(f"{name}: {problem}", code)


def execute(machine: Machine, words: list[str], line: int = 1) -> int:
    """Run a program by its words and return its exit code; what is not on the image is 127."""
    name = words[0]
    found = find_program(name, machine.host)
    if found is None:
        code, problem = _absent(name)
        machine.complain(f"{FILE_NAME}: line {line}: {name}: {problem}")
        return code
    machine.sleep(_EXEC_TIME)
    try:
        return found(machine, words[1:])
    except Usage as usage:
        machine.stderr.append(usage.text + "\n")
        return usage.exit_code
