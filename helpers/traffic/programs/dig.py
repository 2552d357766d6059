"""dig (bind-utils 9.18): through the VPC's own resolver (never logged), or at a server of your choice (logged)."""

from helpers.traffic.machine import Machine, Usage
from helpers.traffic.programs.registry import program
from helpers.traffic.programs.resolver import look_up, outside_address, own_resolvers, resolve
from helpers.traffic.shell.syntax import NotSimulatedError
from helpers.traffic.tcp import datagram, is_own

_VERSION = "9.18.28"
_TRIES, _TIMEOUT = 3, 5.0
_FLAGS = frozenset(("+short", "+noall", "+answer", "+nocmd", "+nocomments", "+noquestion", "+nostats", "-4"))
_TYPES = frozenset(("AAAA", "ANY", "CNAME", "MX", "NS", "PTR", "SOA", "SRV", "TXT", "CH"))
_OVERHEAD = 12 + 2 + 4 + 11 + 12
"""Bytes of a query beside the name: header, name's ends, type and class, EDNS with a cookie."""


@program("dig")
def dig(machine: Machine, arguments: list[str]) -> int:
    """``dig [@server] [+short] [+time=s] [+tries=n] name [A]``: 0 with any answer (NXDOMAIN too), 9 without one, 1 on
    misuse.
    """
    server, name, tries, timeout = "", "", _TRIES, _TIMEOUT
    for word in arguments:
        key, _, value = word.partition("=")
        if word.startswith("@"):
            server = word[1:]
        elif key in ("+time", "+timeout", "+tries", "+retry") and value.isdigit():
            number = max(1, int(value))
            tries = number + (key == "+retry") if key in ("+tries", "+retry") else tries
            timeout = float(number) if key in ("+time", "+timeout") else timeout
        elif word in _FLAGS or word in ("A", "IN"):
            continue
        elif word[:1] in "+-":
            raise NotSimulatedError(f"dig: the sandbox does not simulate the option {word}")
        elif name or word.upper() in _TYPES:
            raise NotSimulatedError(f"dig: {word}: the sandbox's dig asks for one name's A record at a time")
        else:
            name = word
    if not name:
        raise NotSimulatedError("dig: the sandbox's dig wants a name")
    banner = "" if "+short" in arguments else _banner(arguments, server)
    return _ask(machine, name, server, tries, timeout, banner)


def _banner(arguments: list[str], server: str) -> str:
    """What it says first of itself, unless the answer is to be short."""
    banner = "; (1 server found)\n" if server else ""
    return f"\n; <<>> DiG {_VERSION} <<>> {' '.join(arguments)}\n{banner};; global options: +cmd"


def _ask(machine: Machine, name: str, server: str, tries: int, timeout: float, banner: str) -> int:
    own = own_resolvers(machine)
    if not server:
        machine.sleep(0.001)
        return _print(machine, name, look_up(machine, name), next(iter(sorted(own)), "127.0.0.53"), banner)
    address = resolve(machine, server)
    if address is None:
        raise Usage(f"dig: couldn't get address for '{server}': not found", 10)
    if address in own:
        machine.sleep(0.001)
        return _print(machine, name, look_up(machine, name), address, banner)
    if not _reach(machine, name, address, tries, timeout):
        if banner:
            machine.say(banner)
        machine.say(";; no servers could be reached")
        return 9
    return _print(machine, name, outside_address(machine, name), address, banner)


def _reach(machine: Machine, name: str, address: str, tries: int, timeout: float) -> bool:
    query = _OVERHEAD + len(name.rstrip("."))

    for _ in range(tries):
        if is_own(machine, address):
            problem = "connection refused"
            continue
        local_port = machine.draws.port(machine.host.address, address, 53, "udp")
        outcome, arrival = datagram(machine, address, 53, local_port, query, answer=query + 16)
        service = arrival.host.listening("udp", 53) if arrival is not None and arrival.host is not None else None
        if outcome == "answered" and service is not None and service.service == "dns":
            return True
        if outcome != "unreachable":
            machine.sleep(timeout)
        problem = "connection refused" if outcome == "unreachable" else "timed out"
        machine.say(f";; communications error to {address}#53: {problem}")
    return False


def _print(machine: Machine, name: str, address: str | None, server: str, banner: str) -> int:
    if not banner:
        if address is not None:
            machine.say(address)
        return 0
    status = "NOERROR" if address is not None else "NXDOMAIN"
    plain = name.rstrip(".") + "."
    machine.say(f"{banner}\n;; Got answer:")
    number = int(machine.draws.jitter("dns", name, int(machine.now)) * 65536)
    machine.say(f";; ->>HEADER<<- opcode: QUERY, status: {status}, id: {number}")
    answers = 0 if address is None else 1
    machine.say(f";; flags: qr rd ra; QUERY: 1, ANSWER: {answers}, AUTHORITY: 0, ADDITIONAL: 1\n")
    machine.say(f";; QUESTION SECTION:\n;{plain}\t\t\tIN\tA\n")
    if address is not None:
        machine.say(f";; ANSWER SECTION:\n{plain}\t\t60\tIN\tA\t{address}\n")
    machine.say(f";; SERVER: {server}#53({server}) (UDP)\n")
    return 0
