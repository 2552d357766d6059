"""ping (iputils 2021, as on Amazon Linux 2023)."""

import math

from helpers.traffic.machine import Machine, Usage
from helpers.traffic.programs.options import Options, UnknownOptionError, read_options
from helpers.traffic.programs.registry import program
from helpers.traffic.programs.resolver import resolve
from helpers.traffic.shell.syntax import NotSimulatedError
from helpers.traffic.tcp import is_own
from helpers.traffic.topology_facts import is_link_local
from helpers.traffic.wire import ICMP, ICMP6

_HEADERS, _HEADERS_IPV6 = 28, 48
_DEFAULT_SIZE = 56
_LINGER = 10.0
_TTL_VPC, _TTL_INTERNET, _TTL_SELF = 127, 52, 64
_USAGE = "\nUsage\n  ping [options] <destination>"
_MAX_PACKETS = 10_000
"""The sandbox's limit of packets in one command."""


@program("ping", "ping6")
def ping(machine: Machine, arguments: list[str]) -> int:
    """``ping -c N [-i s] [-W s] [-w s] [-s bytes] [-q] host``: 0 when a reply came, 1 when none did, 2 on errors."""
    options = _options(arguments)
    if len(options.operands) != 1:
        raise Usage(f"ping: usage error: Destination address required{_USAGE}", 1 if not options.operands else 2)
    name = options.operands[0]
    count, interval, wait, deadline, size = _numbers(options)
    address = resolve(machine, name)
    if address is None:
        raise Usage(f"ping: {name}: Name or service not known", 2)
    if min(count, deadline / interval, (machine.deadline - machine.now) / interval) > _MAX_PACKETS:
        raise NotSimulatedError(f"ping: the sandbox sends {_MAX_PACKETS} packets at most in one command: give -c")
    six = ":" in address
    if ("6" in options and not six) or ("4" in options and six):
        raise Usage(f"ping: {name}: Address family for hostname not supported", 2)
    if not machine.host.source_for(address) and not is_own(machine, address):
        raise Usage("ping: connect: Network is unreachable", 2)
    shown = f"{name}({address}) {size} data" if six else f"{name} ({address}) {size}({size + _HEADERS})"
    machine.say(f"PING {shown} bytes" if six else f"PING {shown} bytes of data.")
    return _Pinger(machine, name, address, size, "q" in options).run(count, interval, wait, deadline)


def _options(arguments: list[str]) -> Options:
    try:
        return read_options(arguments, "qn46", "ciWws", program="ping", real="aAbBCdDefFhHIlLmMNOpPQrRStTUvVe")
    except UnknownOptionError as error:
        how = "option requires an argument" if error.missing else "invalid option"
        raise Usage(f"ping: {how} -- '{error.option}'\n{_USAGE}", 2) from None


def _numbers(options: Options) -> tuple[float, float, float, float, int]:
    count = _number(options, "c", math.inf, 1, 2**63)
    interval = _number(options, "i", 1.0, 0.002, 86_400)
    wait = _number(options, "W", _LINGER, 0, 86_400)
    deadline = _number(options, "w", math.inf, 1, 86_400)
    return count, interval, wait, deadline, int(_number(options, "s", _DEFAULT_SIZE, 0, 65_507))


def _number(options: Options, letter: str, otherwise: float, least: float, most: float) -> float:
    if letter not in options:
        return otherwise
    text = options.last(letter)
    try:
        value = float(text) if letter in "iW" else int(text)
    except ValueError:
        raise Usage(f"ping: invalid argument: '{text}'", 1) from None
    if not least <= value <= most:
        raise Usage(f"ping: invalid argument: '{text}': out of range: {least:g} <= value <= {most:g}", 1)
    return value


class _Pinger:
    def __init__(self, machine: Machine, name: str, address: str, size: int, quiet: bool) -> None:
        self.machine, self.name, self.address, self.size, self.quiet = machine, name, address, size, quiet
        self.times: list[float] = []
        self.sent = self.answered = 0
        self.identifier = machine.draws.identifier()

    def run(self, count: float, interval: float, wait: float, deadline: float) -> int:
        """Echo requests at their interval, then the wait for late replies, then the statistics. Times are in
        seconds.
        """
        machine = self.machine
        began = machine.now
        end = began + deadline
        while self.sent < count and began + self.sent * interval < end:
            machine.until(began + self.sent * interval)
            self.sent += 1
            self._echo(machine.now)
        last = machine.now
        seconds = last - began + (self.times[-1] if self.answered == self.sent and self.times else 0.0)
        if len(self.times) < self.sent:
            machine.until(min(last + self._patience(wait, interval), end))
        elif self.times:
            machine.until(last + self.times[-1])
        if not math.isinf(deadline) and len(self.times) < count:
            machine.until(end)
        self._statistics(seconds)
        return 0 if self.times else 1

    def _patience(self, wait: float, interval: float) -> float:
        """How long it waits after its last request: once anything came, twice the longest way, or one interval."""
        return max(2 * max(self.times), interval) if self.times else wait

    def _echo(self, at: float) -> None:
        round_trip, ttl = self._round_trip(at)
        if round_trip is None:
            return
        self.times.append(round_trip)
        self.answered = self.sent
        if not self.quiet:
            shown = f"{round_trip * 1000:.3g}" if round_trip >= 0.001 else f"{round_trip * 1000:.3f}"
            source = self.name if self.name == self.address else f"{self.name} ({self.address})"
            self.machine.say(f"{self.size + 8} bytes from {source}: icmp_seq={self.sent} ttl={ttl} time={shown} ms")

    def _round_trip(self, at: float) -> tuple[float | None, int]:
        machine = self.machine
        jitter = machine.draws.jitter("ping", self.address, self.sent, int(at))
        if is_own(machine, self.address):
            return 0.00002 + 0.00003 * jitter, _TTL_SELF
        if is_link_local(self.address):
            return None, 0
        six = ":" in self.address
        size = self.size + (_HEADERS_IPV6 if six else _HEADERS)
        protocol, kinds = (ICMP6, (128, 129)) if six else (ICMP, (8, 0))
        echo = {"icmp_code": 0, "size": size, "icmp_id": self.identifier}
        request = machine.packet(self.address, protocol, icmp_type=kinds[0], at=at, **echo)
        arrival = machine.wire.arrival(request, machine.wire.send(request))
        if arrival is None or not arrival.answers_ping:
            return None, 0
        delay = arrival.delay * (0.9 + 0.4 * jitter)
        back = arrival.packet(protocol, icmp_type=kinds[1], at=at + delay, **echo)
        if machine.wire.send(back).outcome != "delivered":
            return None, 0
        return 2 * delay, _TTL_VPC if arrival.delay < 0.002 else _TTL_INTERNET

    def _statistics(self, seconds: float) -> None:
        machine, received = self.machine, len(self.times)
        lost = (self.sent - received) / self.sent * 100 if self.sent else 0.0
        machine.say(f"\n--- {self.name} ping statistics ---")
        machine.say(
            f"{self.sent} packets transmitted, {received} received, {lost:.6g}% packet loss, "
            f"time {round(seconds * 1000)}ms"
        )
        if received:
            average = sum(self.times) / received
            deviation = math.sqrt(sum((time - average) ** 2 for time in self.times) / received)
            low, high = min(self.times), max(self.times)
            figures = "/".join(f"{figure * 1000:.3f}" for figure in (low, average, high, deviation))
            machine.say(f"rtt min/avg/max/mdev = {figures} ms")
        else:
            machine.say("")
