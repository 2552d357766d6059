"""What makes an instance listen: ``python3 -m http.server``, systemd units; and what stops it."""

import math
from collections.abc import Mapping
from types import MappingProxyType

from helpers.traffic.internet import Listener
from helpers.traffic.machine import Machine, Usage
from helpers.traffic.programs.options import UnknownOptionError, read_options
from helpers.traffic.programs.pages import HTTPD_ROOT, NGINX_ROOT
from helpers.traffic.programs.registry import program
from helpers.traffic.shell.syntax import NotSimulatedError
from helpers.traffic.world import SSHD, Effect, Listen, StopListening

_UNITS: Mapping[str, tuple[str, Listener]] = MappingProxyType(
    {
        "httpd": ("httpd", Listener("tcp", 80, "http", HTTPD_ROOT)),
        "nginx": ("nginx", Listener("tcp", 80, "http", NGINX_ROOT)),
        "sshd": ("sshd", SSHD),
    }
)
_SERVERS = ("python3 -m http.server", "nc", "httpd", "nginx", "sshd")
_SERVED_ROOTS = (HTTPD_ROOT, NGINX_ROOT)


@program("python3")
def python3(machine: Machine, arguments: list[str]) -> int:
    """``python3 -m http.server [PORT] [--bind ADDRESS] [--directory DIR]``: listens until it is killed."""
    if arguments[:2] != ["-m", "http.server"]:
        raise NotSimulatedError("python3: the sandbox runs only `python3 -m http.server [PORT]`")
    try:
        names = {"bind": "b", "directory": "d"}
        options = read_options(arguments[2:], "", "bd", names, program="python3 -m http.server", real="hp")
    except UnknownOptionError as error:
        raise Usage(f"server.py: error: unrecognized arguments: {error.option}", 2) from None
    port = options.operands[0] if options.operands else "8000"
    if len(options.operands) > 1 or not port.isdigit():
        raise Usage(f"server.py: error: argument port: invalid int value: {port!r}", 2)
    if not 0 < int(port) < 65536:
        raise Usage("OverflowError: bind(): port must be 0-65535.", 1)
    if machine.host.listening("tcp", int(port)) is not None:
        raise Usage("OSError: [Errno 98] Address already in use", 1)
    machine.sleep(0.05)
    if options.last("b") not in ("127.0.0.1", "localhost"):
        folder = options.last("d", machine.cwd)
        root = folder if folder.startswith("/") else f"{machine.cwd.rstrip('/')}/{folder}"
        machine.serve(Listener("tcp", int(port), "http", root))
    machine.until(math.inf)
    return 0


@program("systemctl")
def systemctl(machine: Machine, arguments: list[str]) -> int:
    """``systemctl start|stop|restart|reload|status|is-active|enable [--now]|disable httpd|nginx|sshd``."""
    try:
        options = read_options(
            arguments, "q", "", {"now": "now", "no-pager": "n", "quiet": "q"}, program="systemctl", real="tapMHClThs"
        )
    except UnknownOptionError as error:
        raise Usage(f"systemctl: unrecognized option '{error.option}'", 1) from None
    if options.operands == ["daemon-reload"]:
        return 0
    if len(options.operands) < 2:
        raise NotSimulatedError(f"systemctl: the sandbox knows {', '.join(sorted(_COMMANDS))}, each with a unit")
    command, *units = options.operands
    if command not in _COMMANDS:
        raise NotSimulatedError(f"systemctl: the sandbox does not simulate {command}")
    code = 0
    for unit in units:
        code = _unit(machine, command, unit.removesuffix(".service"), "now" in options) or code
    return code


_COMMANDS = frozenset(("start", "stop", "restart", "reload", "status", "is-active", "enable", "disable"))


def _unit(machine: Machine, command: str, unit: str, now: bool) -> int:
    if unit not in _UNITS:
        raise NotSimulatedError(f"systemctl: {unit}: the sandbox knows the units {', '.join(_UNITS)}")
    owner, listener = _UNITS[unit]
    if owner not in machine.host.programs:
        return _missing(machine, command, unit)
    active = listener in machine.host.listeners
    if command == "is-active":
        machine.say("active" if active else "inactive")
        return 0 if active else 3
    if command == "status":
        state = "active (running)" if active else "inactive (dead)"
        machine.say(
            f"{unit}.service\n     Loaded: loaded (/usr/lib/systemd/system/{unit}.service)\n     Active: {state}"
        )
        return 0 if active else 3
    starts = command in ("start", "restart") or (command == "enable" and now)
    stops = command == "stop" or (command == "disable" and now)
    if command == "reload" and not active:
        machine.complain(f"{unit}.service is not active, cannot reload.")
        return 1
    return _change(machine, unit, listener, active, starts, stops)


def _change(machine: Machine, unit: str, listener: Listener, active: bool, starts: bool, stops: bool) -> int:
    machine.sleep(0.1)
    instance = machine.host.instance_id
    if starts and not active:
        if machine.host.listening("tcp", listener.port) is not None:
            machine.complain(
                f"Job for {unit}.service failed because the control process exited with error code.\n"
                f'See "systemctl status {unit}.service" and "journalctl -xeu {unit}.service" for details.'
            )
            return 1
        machine.cause(Listen(instance, listener))
    elif stops and active:
        machine.cause(StopListening(instance, listener))
    return 0


def _missing(machine: Machine, command: str, unit: str) -> int:
    if command == "is-active":
        machine.say("inactive")
        return 3
    if command == "status":
        machine.complain(f"Unit {unit}.service could not be found.")
        return 4
    machine.complain(f"Failed to {command} {unit}.service: Unit {unit}.service not found.")
    return 5


@program("pkill")
def pkill(machine: Machine, arguments: list[str]) -> int:
    """``pkill [-9] [-f] http.server|python3|nc``: ends servers that commands started; 0 when there was one, else 1."""
    words = [word for word in arguments if not word.startswith("-")]
    if not set(arguments) - set(words) <= {"-f", "-9", "-15", "-KILL", "-TERM"} or len(words) != 1:
        raise NotSimulatedError("pkill: the sandbox simulates pkill [-9] [-f] with one name")
    if not any(words[0] in line for line in _SERVERS):
        raise NotSimulatedError(f"pkill: {words[0]}: the sandbox's pkill knows servers only: {', '.join(_SERVERS)}")
    return 0 if _end(machine, words[0], "-f" in arguments) else 1


def _end(machine: Machine, pattern: str, whole_line: bool) -> bool:
    ending: list[Effect] = []
    for listener in sorted(machine.host.listeners, key=lambda holder: holder.port):
        name, line = _command_of(listener)
        if pattern and pattern in (line if whole_line else name):
            ending.append(StopListening(machine.host.instance_id, listener))
    for effect in ending:
        machine.cause(effect)
    return bool(ending)


def _command_of(listener: Listener) -> tuple[str, str]:
    if listener.service == "http" and listener.root not in _SERVED_ROOTS:
        return "python3", f"python3 -m http.server {listener.port}"
    name = {"ssh": "sshd", "nc": "nc"}.get(listener.service, "httpd" if listener.root == HTTPD_ROOT else "nginx")
    return name, f"{name} {listener.port}"


@program("kill")
def kill(machine: Machine, arguments: list[str]) -> int:
    """Process numbers are not simulated: it says so, and ``pkill`` is the way."""
    raise NotSimulatedError("kill: the sandbox has no process numbers: use pkill")
