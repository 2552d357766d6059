"""nmap 7.93 (as in Amazon Linux 2023's repository): the connect scan, ``nmap -sT -Pn -p PORTS host``.

All ports are tried at once. Where nothing answers, a second connection is tried after a second, and given up after
another (``data/assumptions.toml``: nmap-timing).
"""

import re
import time
from collections import Counter
from decimal import Decimal
from ipaddress import ip_address, ip_network

from helpers.traffic.image import TABLES
from helpers.traffic.machine import Killed, Machine
from helpers.traffic.programs.registry import program
from helpers.traffic.programs.resolver import full_name, look_up, resolve
from helpers.traffic.shell.syntax import NotSimulatedError
from helpers.traffic.tcp import Connection, connect, is_own
from helpers.traffic.topology_facts import find_interface

_WAIT = 1.0
_TRIES = 2
_MOST_PORTS = 2000
_SHOWN_CLOSED = 25
"""States other than open of more ports than this are only counted."""
_STATES = {"open": "open", "refused": "closed", "silent": "filtered", "unreachable": "filtered"}
_REASONS = {"closed": "conn-refused", "filtered": "no-response"}


@program("nmap")
def nmap(machine: Machine, arguments: list[str]) -> int:
    """``nmap -sT -Pn [-n] -p PORTS host``: which ports are open, closed or filtered; 0."""
    ports, name, by_name = _arguments(arguments)
    began = machine.now
    stamp = time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(began))
    machine.say(f"Starting Nmap 7.93 ( https://nmap.org ) at {stamp}")
    address = resolve(machine, name)
    if address is None:
        machine.complain(f'Failed to resolve "{name}".')
        machine.say("WARNING: No targets were specified, so 0 hosts scanned.")
        machine.say("Nmap done: 0 IP addresses (0 hosts up) scanned in 0.05 seconds")
        return 0
    _refuse_neighbours(machine, address)
    scanned, latency = _scan(machine, address, ports)
    _print(machine, _shown(machine, name, address, by_name), scanned, latency)
    machine.say(f"\nNmap done: 1 IP address (1 host up) scanned in {machine.now - began + 0.04:.2f} seconds")
    return 0


def _arguments(arguments: list[str]) -> tuple[list[int], str, bool]:
    """The ports, the host, and whether its name is to be looked up."""
    words, given, names, ports = iter(arguments), set[str](), [], ""
    for word in words:
        if word.startswith("-p"):
            ports = word[2:] or next(words, "")
        elif word.startswith("-"):
            given.add(word)
        else:
            names.append(word)
    usual = {"-sT", "-Pn"} <= given <= {"-sT", "-Pn", "-n"} and re.fullmatch(r"[\w.-]+", "/".join(names))
    if not usual or not re.fullmatch(r"\d+(-\d+)?(,\d+(-\d+)?)*", ports):
        raise NotSimulatedError("nmap: the sandbox simulates only nmap -sT -Pn [-n] -p 22,8000-8010 HOST, and IPv4")
    ends = [tuple(map(int, part.split("-"))) for part in ports.split(",")]
    numbers = sorted({number for part in ends for number in range(part[0], part[-1] + 1)} or {0})
    if len(numbers) > _MOST_PORTS or numbers[-1] > 65535 or numbers[0] == 0:
        raise NotSimulatedError(f"nmap: the sandbox's nmap scans {_MOST_PORTS} ports from 1 to 65535 at most")
    return numbers, names[0], "-n" not in given


def _refuse_neighbours(machine: Machine, address: str) -> None:
    """Inside one subnet the real nmap asks by ARP first, and prints what it learns."""
    network = machine.world.topology
    interface = find_interface(network, machine.host.interface_id)
    blocks = network.subnet(interface.subnet_id).cidrs if interface is not None else ()
    if any(ip_address(address) in ip_network(block.text) for block in blocks) and not is_own(machine, address):
        raise NotSimulatedError("nmap: the sandbox does not simulate a scan inside one subnet, which begins with ARP")


def _scan(machine: Machine, address: str, ports: list[int]) -> tuple[dict[int, str], float]:
    """The state of each port, and the first answer's round trip in seconds (0: nothing answered)."""
    began, ends, killed = machine.now, [machine.now], False
    machine.draws.count += 1
    scanned, latency = {}, 0.0
    for port in ports:
        machine.now = began
        try:
            connection = _probe(machine, address, port)
        except Killed:
            killed = True
            continue
        scanned[port] = _STATES[connection.outcome]
        latency = latency or (2 * connection.delay if scanned[port] != "filtered" else 0.0)
        ends.append(machine.now)
    machine.now = machine.deadline if killed else max(ends)
    if killed:
        raise Killed
    return scanned, latency


def _probe(machine: Machine, address: str, port: int) -> Connection:
    for attempt in range(_TRIES):
        draws = machine.draws.part("nmap", port, attempt)
        connection = connect(machine, address, port, _WAIT, draws.port(address, port))
        if connection.outcome != "silent":
            break
    connection.reset()
    return connection


def _shown(machine: Machine, name: str, address: str, by_name: bool) -> str:
    """The host as the report names it: with the name that was given, else the one that its VPC's resolver tells."""
    own = f"ip-{address.replace('.', '-')}.{full_name(machine).partition('.')[2]}" if by_name else ""
    known = name if name != address else own if own and look_up(machine, own) == address else ""
    return f"{known} ({address})" if known else address


def _print(machine: Machine, shown: str, scanned: dict[int, str], latency: float) -> None:
    counts = Counter(scanned.values())
    ignored = {state: count for state, count in counts.most_common() if state != "open" and count > _SHOWN_CLOSED}
    rows = [(f"{port}/tcp", state, TABLES["ports"].get(str(port), "unknown")) for port, state in scanned.items()]
    rows = [row for row in rows if row[1] not in ignored]
    machine.say(f"Nmap scan report for {shown}")
    machine.say(f"Host is up ({Decimal(f'{latency:.1e}'):f}s latency)." if latency else "Host is up.")
    told = [f"{count} {state} tcp ports ({_REASONS[state]})" for state, count in ignored.items()]
    if not rows:
        machine.say(f"All {len(scanned)} scanned ports on {shown} are in ignored states.")
    machine.say(f"Not shown: {', '.join(told)}" if told else "")
    table = [("PORT", "STATE", "SERVICE"), *rows] if rows else []
    wide = [max((len(row[column]) for row in table), default=0) for column in (0, 1)]
    for port, state, service in table:
        machine.say(f"{port:<{wide[0]}} {state:<{wide[1]}} {service}")
