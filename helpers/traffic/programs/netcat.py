"""nc in its two kinds: OpenBSD's (package netcat) and nmap's (package nmap-ncat), which differ in words and
abilities.
"""

import math

from helpers.traffic.internet import Listener
from helpers.traffic.machine import Machine, Usage
from helpers.traffic.model import Listen
from helpers.traffic.programs.names import resolve
from helpers.traffic.programs.options import Options, UnknownOptionError, read_options
from helpers.traffic.programs.registry import program
from helpers.traffic.tcp import connect, datagram, is_own

_SERVICES = {
    22: "ssh",
    25: "smtp",
    53: "domain",
    80: "http",
    110: "pop3",
    143: "imap",
    443: "https",
    3306: "mysql",
}
_SERVICES |= {
    21: "ftp",
    23: "telnet",
    389: "ldap",
    445: "microsoft-ds",
    3389: "ms-wbt-server",
    5432: "postgres",
}
_BY_SERVICE = {name: port for port, name in _SERVICES.items()}
_BSD_USAGE = "usage: nc [-klnuvz] [-p source_port] [-w timeout] [destination] [port]"
_NCAT_PATIENCE = 10.0
_NCAT_VERSION = "Ncat: Version 7.93 ( https://nmap.org/ncat )"


@program("nc", "netcat")
def nc(machine: Machine, arguments: list[str]) -> int:
    """`nc -z [-v] [-n] [-u] [-w s] host port[-port]`, `nc -l[k] [-p] port`; which nc it is depends on what
    was installed.
    """
    return _bsd(machine, arguments) if "nc" in machine.host.programs else ncat(machine, arguments)


def _bsd(machine: Machine, arguments: list[str]) -> int:
    try:
        options = read_options(arguments, flags="kl46nuvz", valued="pw")
    except UnknownOptionError as error:
        how = "option requires an argument" if error.missing else "invalid option"
        raise Usage(f"nc: {how} -- '{error.option}'\n{_BSD_USAGE}", 1) from None
    if "l" in options:
        return _listen(machine, options, "nc")
    if len(options.operands) != 2:
        raise Usage(_BSD_USAGE, 1)
    if "z" not in options:
        raise Usage("nc: without -z or -l it talks to its standard input, which the sandbox does not simulate", 1)
    name, ports = options.operands
    address = resolve(machine, name)
    if address is None or ("6" in options and ":" not in address) or ("4" in options and ":" in address):
        raise Usage(f'nc: getaddrinfo for host "{name}" port {ports}: Name or service not known', 1)
    patience = _seconds(options, "nc: timeout invalid: {}", math.inf)
    reached = False
    for port in _ports(ports):
        if "u" in options:
            reached |= _bsd_udp(machine, name, address, port, "v" in options)
        else:
            reached |= _bsd_tcp(machine, name, address, port, patience, "v" in options)
    return 0 if reached else 1


def _bsd_tcp(machine: Machine, name: str, address: str, port: int, patience: float, verbose: bool) -> bool:
    connection = connect(machine, address, port, patience)
    if connection.outcome == "open":
        connection.close()
        if verbose:
            machine.complain(
                f"Connection to {_shown(name, address)} {port} port [tcp/{_SERVICES.get(port, '*')}] succeeded!"
            )
        return True
    if verbose:
        if connection.outcome == "refused":
            problem = "failed: Connection refused"
        elif connection.outcome == "unreachable":
            problem = "failed: Network is unreachable"
        elif math.isinf(patience):
            problem = "failed: Connection timed out"
        else:
            problem = "timed out: Operation now in progress"
        machine.complain(f"nc: connect to {_shown(name, address)} port {port} (tcp) {problem}")
    return False


def _shown(name: str, address: str) -> str:
    return name if name == address else f"{name} ({address})"


def _bsd_udp(machine: Machine, name: str, address: str, port: int, verbose: bool) -> bool:
    """OpenBSD nc probes a UDP port with single bytes a second apart: no ICMP error in answer counts as
    open.
    """
    local_port = machine.draws.port(machine.host.address, address, port, "udp")
    if is_own(machine, address):
        return machine.host.listening("udp", port) is not None
    for _ in range(4):
        outcome, _arrival = datagram(machine, address, port, local_port, 1)
        if outcome == "unreachable":
            return False
        machine.sleep(1.0)
    if verbose:
        machine.complain(
            f"Connection to {_shown(name, address)} {port} port [udp/{_SERVICES.get(port, '*')}] succeeded!"
        )
    return True


def _ports(text: str) -> list[int]:
    first, dash, last = text.partition("-")
    low, high = _port(first), _port(last) if dash else _port(first)
    return list(range(min(low, high), max(low, high) + 1))


def _port(text: str) -> int:
    if text in _BY_SERVICE:
        return _BY_SERVICE[text]
    if not text.isdigit():
        raise Usage(f"nc: port number invalid: {text}", 1)
    if not 1 <= int(text) <= 65535:
        raise Usage(f"nc: port number {'too large' if int(text) else 'too small'}: {text}", 1)
    return int(text)


def _seconds(options: Options, problem: str, otherwise: float) -> float:
    if "w" not in options:
        return otherwise
    text = options.last("w").removesuffix("s")
    try:
        seconds = float(text)
    except ValueError:
        raise Usage(problem.format(text), 1) from None
    if seconds <= 0 or math.isnan(seconds):
        raise Usage(problem.format(text), 1)
    return seconds


def _listen(machine: Machine, options: Options, name: str) -> int:
    """Listen for ever; the listener accepts and keeps silent."""
    words = [word for word in (*options.operands, options.last("p")) if word]
    if not words or not words[-1].isdigit():
        raise Usage(_BSD_USAGE, 1)
    protocol, port = "udp" if "u" in options else "tcp", _port(words[-1])
    if machine.host.listening(protocol, port) is not None:
        raise Usage(f"{name}: Address already in use", 1)
    machine.cause(Listen(machine.host.instance_id, Listener(protocol, port, "nc")))
    machine.until(math.inf)
    return 0


@program("ncat")
def ncat(machine: Machine, arguments: list[str]) -> int:
    """nmap's nc: `-z`, `-v`, `-w s`, `-l`, one port; a port range is refused as the real one refuses it."""
    try:
        options = read_options(arguments, flags="kl4nuvz", valued="pw")
    except UnknownOptionError as error:
        raise Usage(f"Ncat: unrecognized option '-{error.option}'. QUITTING.", 2) from None
    if "l" in options:
        return _listen(machine, options, "Ncat")
    if not options.operands:
        raise Usage("Ncat: You must specify a host to connect to. QUITTING.", 2)
    if "z" not in options or "u" in options:
        raise Usage("Ncat: only TCP with -z, and -l, are simulated here. QUITTING.", 2)
    name, port_text = options.operands[0], options.operands[1] if len(options.operands) > 1 else "31337"
    if not port_text.isdigit() or not 1 <= int(port_text) <= 65535:
        raise Usage(f'Ncat: Invalid port number "{port_text}". QUITTING.', 2)
    address = resolve(machine, name)
    if address is None:
        raise Usage(f'Ncat: Could not resolve hostname "{name}": Name or service not known. QUITTING.', 2)
    return _ncat_tcp(machine, address, int(port_text), options)


def _ncat_tcp(machine: Machine, address: str, port: int, options: Options) -> int:
    began = machine.now
    if "v" in options:
        machine.complain(_NCAT_VERSION)
    connection = connect(
        machine, address, port, _seconds(options, "Ncat: Invalid -w timeout {}. QUITTING.", _NCAT_PATIENCE)
    )
    if connection.outcome != "open":
        problems = {"refused": "Connection refused.", "unreachable": "Network is unreachable."}
        machine.complain(f"Ncat: {problems.get(connection.outcome, 'TIMEOUT.')}")
        return 1
    connection.close()
    if "v" in options:
        machine.complain(f"Ncat: Connected to {address}:{port}.")
        machine.complain(f"Ncat: 0 bytes sent, 0 bytes received in {machine.now - began:.2f} seconds.")
    return 0
