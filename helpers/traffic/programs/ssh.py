"""ssh (OpenSSH 8.7, as on Amazon Linux 2023), without keys: it gets as far as "Permission denied"."""

import math
from dataclasses import dataclass

from helpers.traffic.image import TABLES
from helpers.traffic.machine import Machine, Usage
from helpers.traffic.programs.options import Options, UnknownOptionError, read_options
from helpers.traffic.programs.registry import program
from helpers.traffic.programs.resolver import resolve
from helpers.traffic.shell.syntax import NotSimulatedError
from helpers.traffic.tcp import Connection, connect

_USAGE = (
    "usage: ssh [-46AaCfGgKkMNnqsTtVvXxYy] [-b bind_address] [-c cipher_spec] [-i identity_file]\n"
    "           [-l login_name] [-o option] [-p port] destination [command [argument ...]]"
)
_KNOWN = frozenset(TABLES["ssh"]["options"])
_BANNER = 21
_PROBLEMS = {"refused": "Connection refused", "unreachable": "Network is unreachable"}
_KEY_EXCHANGE = ((True, 1504), (False, 1080), (True, 48), (False, 564), (True, 16))
_AUTHENTICATION = ((True, 44), (False, 44), (True, 68), (False, 60))


@dataclass(frozen=True, slots=True)
class _Target:
    user: str
    name: str
    port: int
    patience: float
    attempts: int
    checks_key: bool
    quiet: bool
    identities: tuple[str, ...]


@program("ssh")
def ssh(machine: Machine, arguments: list[str]) -> int:
    """``ssh [-o ...] [-p port] [-l user] [user@]host [command]``: no key is on the instance, so 255 is its exit
    code.
    """
    target = _target(arguments)
    address = resolve(machine, target.name)
    if address is None:
        raise Usage(f"ssh: Could not resolve hostname {target.name}: Name or service not known", 255)
    for name in target.identities:
        if not target.quiet:
            machine.complain(f"Warning: Identity file {name} not accessible: No such file or directory.")
    for attempt in range(target.attempts):
        if attempt:
            machine.sleep(1.0)
        connection = connect(machine, address, target.port, target.patience)
        if connection.outcome == "open":
            return _talk(machine, connection, target, address)
    problem = _PROBLEMS.get(connection.outcome, "Connection timed out")
    return _fail(machine, target, f"ssh: connect to host {target.name} port {target.port}: {problem}")


def _target(arguments: list[str]) -> _Target:
    try:
        options = read_options(
            arguments, "4ACTanqtx", "ilop", operands_end=True, program="ssh", real="6bcDEeFfGgIJKkLMmNOQRSsVvWwXYyB"
        )
    except UnknownOptionError as error:
        how = "option requires an argument" if error.missing else "unknown option"
        raise Usage(f"{how} -- {error.option}\n{_USAGE}", 255) from None
    if not options.operands:
        raise Usage(_USAGE, 255)
    settings = _settings(options)
    user, at, name = options.operands[0].rpartition("@")
    user = user if at else options.last("l", settings.get("user", "root"))
    return _Target(
        user,
        name,
        _whole(options.last("p", settings.get("port", "22")), "Bad port", 65535),
        _patience(settings.get("connecttimeout", "")),
        _whole(settings.get("connectionattempts", "1"), "Bad number of connection attempts", 100),
        settings.get("stricthostkeychecking", "ask").lower() not in ("no", "off", "accept-new"),
        "q" in options or settings.get("loglevel", "").lower() in ("quiet", "fatal"),
        tuple(options.all("i")),
    )


def _settings(options: Options) -> dict[str, str]:
    settings: dict[str, str] = {}
    for text in options.all("o"):
        name, _, value = text.replace("=", " ", 1).strip().partition(" ")
        if name.lower() not in _KNOWN:
            raise NotSimulatedError(f"ssh: the sandbox does not simulate the option -o {name}")
        if not value.strip():
            raise Usage(f'command-line line 0: no argument after keyword "{name.lower()}"', 255)
        settings.setdefault(name.lower(), value.strip())
    return settings


def _patience(text: str) -> float:
    if not text or text.lower() == "none":
        return math.inf
    if not text.isdigit():
        raise Usage("command-line line 0: invalid time value.", 255)
    return float(text) or math.inf


def _whole(text: str, problem: str, most: int) -> int:
    if not text.isdigit() or not 1 <= int(text) <= most:
        raise Usage(f"{problem} '{text}'", 255)
    return int(text)


def _talk(machine: Machine, connection: Connection, target: _Target, address: str) -> int:
    service = connection.listener.service if connection.listener is not None else ""
    if service != "ssh":
        return _not_ssh(machine, connection, target, address, service)
    if connection.broken:  # to itself: nothing on the wire
        return _refused_login(machine, target, address)
    connection.receive(_BANNER, after=0.004)
    steps: tuple[tuple[bool, int], ...] = ((True, _BANNER), *_KEY_EXCHANGE)
    if not target.checks_key:
        steps += _AUTHENTICATION
    for upward, size in steps:
        if not (connection.send(size) if upward else connection.receive(size, after=0.002)):
            machine.sleep(120.0)
            return _fail(machine, target, f"Connection to {address} port {target.port} timed out")
    connection.close()
    return _refused_login(machine, target, address)


def _refused_login(machine: Machine, target: _Target, address: str) -> int:
    if target.checks_key:
        return _fail(machine, target, "Host key verification failed.")
    if not target.quiet:
        machine.complain(f"Warning: Permanently added '{target.name}' (ED25519) to the list of known hosts.")
    return _fail(machine, target, f"{target.user}@{target.name}: Permission denied (publickey).")


def _not_ssh(machine: Machine, connection: Connection, target: _Target, address: str, service: str) -> int:
    if not connection.broken:
        connection.send(_BANNER)
    if service == "nc":
        machine.sleep(120.0 if math.isinf(target.patience) else target.patience)
        connection.close()
        return _fail(
            machine,
            target,
            f"Connection timed out during banner exchange\nConnection to {address} port {target.port} timed out",
        )
    if not connection.broken:
        connection.receive(480)
        connection.close("server")
    problem = "kex_exchange_identification: banner line contains invalid characters"
    return _fail(
        machine,
        target,
        f"{problem}\nbanner exchange: Connection to {address} port {target.port}: invalid format",
    )


def _fail(machine: Machine, target: _Target, text: str) -> int:
    if not target.quiet:
        machine.complain(text)
    return 255
