"""nc: nmap's (package nmap-ncat 7.93, as on Amazon Linux 2023)."""

import re
from itertools import groupby

from helpers.traffic.internet import Listener
from helpers.traffic.machine import Machine, Usage
from helpers.traffic.programs.options import Options, UnknownOptionError, read_options
from helpers.traffic.programs.registry import program
from helpers.traffic.programs.resolver import resolve
from helpers.traffic.shell.syntax import NotSimulatedError
from helpers.traffic.tcp import connect, datagram, is_own

_PATIENCE = 10.0
_UDP_WAIT = 2.0
"""Seconds for which ``-z`` waits for an ICMP error after its datagram."""
_VERSION = "Ncat: Version 7.93 ( https://nmap.org/ncat )"
_LONG = {"udp": "u", "listen": "l", "keep-open": "k", "verbose": "v", "nodns": "n", "wait": "w", "source-port": "p"}
_UNITS = {"": 1.0, "ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}


@program("nc", "ncat")
def ncat(machine: Machine, arguments: list[str]) -> int:
    """``nc -z [-v] [-w s] [-p port] host port``, ``nc -u [-z] host port``, ``nc -lk port``, ``nc -lu port``."""
    try:
        options = read_options(arguments, "kl46nuvz", "pw", _LONG, program="nc", real="CUcdeghimostxG")
    except UnknownOptionError as error:
        how = "option requires an argument" if error.missing else "invalid option"
        hint = "Ncat: Try `--help' or man(1) ncat for more information, usage options and help. QUITTING."
        raise Usage(f"nc: {how} -- '{error.option}'\n{hint}", 2) from None
    patience = _seconds(options)
    source = _source_port(options)
    if "v" in options:
        machine.complain(_VERSION)
    if "l" in options:
        return _listen(machine, options)
    if not options.operands:
        raise Usage("Ncat: You must specify a host to connect to. QUITTING.", 2)
    name, port = options.operands[0], _port(options.operands[1] if len(options.operands) > 1 else "31337")
    address = resolve(machine, name)
    six = address is not None and ":" in address
    if address is None or (six and "4" in options) or (not six and "6" in options):
        raise Usage(f'Ncat: Could not resolve hostname "{name}": Name or service not known. QUITTING.', 2)
    if len(options.operands) > 2:
        ports = " ".join((str(port), *options.operands[2:]))
        raise Usage(f"Ncat: Got more than one port specification: {ports}. QUITTING.", 2)
    if "u" in options:
        return _udp(machine, address, port, source, options)
    if "z" not in options or "k" in options:
        raise NotSimulatedError("nc: the sandbox simulates TCP with -z only, to connect, and -lk, to listen")
    return _tcp(machine, address, port, patience, source, options)


def _port(text: str) -> int:
    if not text.isdigit() or not 1 <= int(text) <= 65535:
        raise Usage(f'Ncat: Invalid port number "{text}". QUITTING.', 2)
    return int(text)


def _source_port(options: Options) -> int | None:
    text = options.last("p", "0")
    if not text.isdigit() or int(text) > 65535:
        raise Usage(f"Ncat: Invalid source port {text}. QUITTING.", 2)
    return int(text) or None


def _seconds(options: Options) -> float:
    text = options.last("w", str(_PATIENCE))
    match = re.fullmatch(r"(\d+(?:\.\d+)?)(ms|s|m|h|)", text)
    seconds = float(match.group(1)) * _UNITS[match.group(2)] if match is not None else 0.0
    if not seconds:
        limits = "(must be greater than 0 and less than 2147483s)"
        raise Usage(f'Ncat: Invalid -w timeout "{text}" {limits}. QUITTING.', 2)
    return seconds


def _listen(machine: Machine, options: Options) -> int:
    """Listen for ever; the listener accepts and keeps silent."""
    if "z" in options:
        raise Usage("Ncat: Services designed for LISTENING can't be used with -z. QUITTING.", 2)
    protocol = "udp" if "u" in options else "tcp"
    words = [*options.operands, *options.all("p")]
    if len(words) > 1 or ("k" in options) != (protocol == "tcp"):
        raise NotSimulatedError("nc: the sandbox listens only with nc -lk PORT, for TCP, and nc -lu PORT")
    port = _port(words[0] if words else "31337")
    if machine.host.listening(protocol, port) is not None:
        raise Usage(f"Ncat: bind to 0.0.0.0:{port}: Address already in use. QUITTING.", 2)
    if "v" in options:
        machine.complain(f"Ncat: Listening on :::{port}\nNcat: Listening on 0.0.0.0:{port}")
    machine.serve(Listener(protocol, port, "nc"))
    return 0


def _tcp(machine: Machine, address: str, port: int, patience: float, source: int | None, options: Options) -> int:
    began = machine.now
    connection = connect(machine, address, port, patience, source)
    if connection.outcome != "open":
        problems = {"refused": "Connection refused.", "unreachable": "Network is unreachable."}
        return _failed(machine, problems.get(connection.outcome, "TIMEOUT."), options)
    connection.close()
    _report(machine, address, port, 0, began, options)
    return 0


def _udp(machine: Machine, address: str, port: int, source: int | None, options: Options) -> int:
    """With ``-z`` one byte, and a wait for an error; else what comes on standard input, until it ends."""
    began, sent = machine.now, 0
    local_port = source or machine.draws.port(machine.host.address, address, port, "udp")
    if not machine.host.source_for(address) and not is_own(machine, address):
        return _failed(machine, "Network is unreachable.", options)
    if "v" in options:
        machine.complain(f"Ncat: Connected to {address}:{port}.")
    written = () if "z" in options else machine.stdin.lines()
    pieces = [(at, "".join(line.text for line in lines)) for at, lines in groupby(written, key=lambda line: line.at)]
    for at, text in [(began, "\0")] if "z" in options else pieces:
        machine.until(at)
        sent += len(text.encode())
        refused = _datagram(machine, address, port, local_port, len(text.encode()))
        if refused and ("z" in options or machine.now < machine.stdin.ends_at):
            return _failed(machine, "Connection refused.", options)
    if "z" not in options:
        machine.until(machine.stdin.ends_at)
    elif "v" in options:
        machine.until(began + _UDP_WAIT)
        machine.complain("Ncat: UDP packet sent successfully")
    machine.until(began + _UDP_WAIT if "z" in options else began)
    _report(machine, "", port, sent, began, options)
    return 0


def _datagram(machine: Machine, address: str, port: int, local_port: int, size: int) -> bool:
    """Send one; whether the other side says that nothing listens there."""
    if is_own(machine, address):
        return machine.host.listening("udp", port) is None
    return datagram(machine, address, port, local_port, size)[0] == "unreachable"


def _failed(machine: Machine, problem: str, options: Options) -> int:
    if "z" not in options or "v" in options:
        machine.complain(f"Ncat: {problem}")
    return 1


def _report(machine: Machine, address: str, port: int, sent: int, began: float, options: Options) -> None:
    if "v" in options:
        connected = f"Ncat: Connected to {address}:{port}.\n" if address else ""
        machine.complain(f"{connected}Ncat: {sent} bytes sent, 0 bytes received in {machine.now - began:.2f} seconds.")
