"""TCP as a capture shows it: handshake, retries, data, close. Also one UDP datagram with what comes back.

Sizes are IP lengths. Linux sends SYN and SYN-ACK with 20 bytes of options (60 bytes), every later segment with
timestamps (52 bytes and the payload); a RST from a closed port carries none (40 bytes).
"""

import math
from dataclasses import dataclass
from typing import Literal

from helpers.network import Packet, Trace
from helpers.traffic.internet import Listener
from helpers.traffic.machine import Machine
from helpers.traffic.wire import ACK, FIN, ICMP, ICMP6, PSH, RST, SYN, TCP, UDP, Arrival
from helpers.traffic.world import World

SYN_AT = (0.0, 1.0, 3.0, 7.0, 15.0, 31.0, 63.0)
"""Linux: the first SYN and its retries (``tcp_syn_retries`` = 6, doubling from one second) ..."""
SYN_GIVES_UP = 127.0
"""... and when connect() fails with ETIMEDOUT."""
_SYN_ACK_UNTIL = 31.0
_SYN_SIZE, _RST_SIZE, _HEADER = 60, 40, 52
_IPV6_MORE = 20
_FIRST_WINDOW, _PER_ACK_AT_FIRST, _PER_ACK_LATER = 10, 4, 9
_DATA_RETRY = 0.2
_DATA_RETRIES = 15
_BETWEEN_SEGMENTS = 0.00002

Outcome = Literal["open", "refused", "silent", "unreachable"]
"""How connecting ended; unreachable: the host has no address of that family, so nothing was sent."""


@dataclass(slots=True, eq=False)
class Connection:
    """One TCP conversation, seen from the client. ``outcome`` says how connecting ended.

    ``broken`` means that nothing more gets through, or that both ends are one machine: nothing is on the wire.
    ``met`` is the world in which the server was last looked up: it may be gone in a later one. ``program_is_gone``
    says that it is up there, and nothing listens any more where it did: its kernel answers with RST.
    """

    machine: Machine
    target: str
    port: int
    local_port: int
    outcome: Outcome = "silent"
    began: float = 0.0
    server: Arrival | None = None
    listener: Listener | None = None
    broken: bool = False
    was_reset: bool = False
    met: World | None = None
    program_is_gone: bool = False
    delay: float = 0.0
    more: int = 0

    # --- packets ------------------------------------------------------------------------------------------------

    def to_server(self, at: float, flags: int, size: int) -> Trace:
        """One packet from the client."""
        machine, sender = self.machine, self.machine.host
        packet = Packet(
            sender.source_for(self.target), self.target, TCP, self.local_port, self.port, flags,
            size=size + self.more, at=at, source_interface=sender.interface_id or None,
        )  # fmt: skip
        found = machine.wire.send(packet)
        if found.outcome == "delivered" and machine.wire.last_met is not self.met:
            self._look_up_server(packet, found, machine.wire.last_met)
        return found

    def _look_up_server(self, packet: Packet, traced: Trace, world: World) -> None:
        self.server, self.met = self.machine.wire.arrival(packet, traced), world
        if self.server is None:
            return
        host = self.server.host
        self.program_is_gone = not (host is None or self.listener is None or host.listening("tcp", self.port))
        if not self.delay:
            jitter = self.machine.draws.jitter("delay", self.target, self.port, self.local_port)
            self.delay = self.server.delay * (0.85 + 0.5 * jitter)

    def to_client(self, at: float, flags: int, size: int) -> Trace:
        """One packet of ``size`` bytes from the server (which must have seen the client) at ``at`` (epoch seconds)."""
        server = self.server
        assert server is not None
        packet = Packet(
            server.local, server.peer, TCP, self.port, self.local_port, flags,
            size=size + self.more, at=at, source_interface=server.interface_id,
        )  # fmt: skip
        return self.machine.wire.send(packet)

    # --- opening ------------------------------------------------------------------------------------------------

    def open(self, patience: float) -> None:
        """Shake hands, for at most ``patience`` seconds."""
        machine = self.machine
        self.began = start = machine.now
        patience = min(patience, SYN_GIVES_UP)
        half_open = False
        for offset in SYN_AT:
            delivered = False
            if offset < patience:
                machine.until(start + offset)
                delivered = self.to_server(start + offset, SYN, _SYN_SIZE).outcome == "delivered"
            if self.server is None or self.server.host is None:
                continue
            if delivered:
                self.listener = self.server.host.listening("tcp", self.port)
            if self.listener is None:
                if delivered and self._refuse(start + offset):
                    return
            elif delivered or (half_open and offset <= _SYN_ACK_UNTIL):
                half_open = True
                if offset >= patience:
                    if self._answer_too_late(start + offset):
                        break
                elif self._accept(start + offset):
                    return
        machine.until(start + patience)

    def _refuse(self, at: float) -> bool:
        back = self.to_client(at + self.delay, RST | ACK, _RST_SIZE)
        if back.outcome != "delivered":
            return False
        self.outcome = "refused"
        self.machine.until(at + 2 * self.delay)
        return True

    def _accept(self, at: float) -> bool:
        back = self.to_client(at + self.delay, SYN | ACK, _SYN_SIZE)
        if back.outcome != "delivered":
            return False
        self.machine.until(at + 2 * self.delay)
        self.outcome = "open"
        self.machine.sockets.append(self)
        self._client(ACK, 0)
        return True

    def _answer_too_late(self, at: float) -> bool:
        """A SYN-ACK to a client that has given up: its kernel answers with RST, once it gets one."""
        if self.to_client(at + self.delay, SYN | ACK, _SYN_SIZE).outcome != "delivered":
            return False
        self.to_server(at + 2 * self.delay, RST, _RST_SIZE)
        return True

    # --- talking ------------------------------------------------------------------------------------------------

    def _client(self, flags: int, payload: int) -> bool:
        """A segment from the client; whether anybody received it."""
        delivered = self.to_server(self.machine.now, flags, _HEADER + payload).outcome == "delivered"
        if delivered and self.program_is_gone:
            self.broken = self.was_reset = True
            self.to_client(self.machine.now + self.delay, RST, _RST_SIZE)
        return delivered and self.server is not None and self.server.host is not None and not self.broken

    def _server(self, flags: int, payload: int) -> bool:
        """A segment from the server; whether the client received it."""
        return self.to_client(self.machine.now, flags, _HEADER + payload).outcome == "delivered"

    def send(self, size: int, acknowledge: bool = True) -> bool:
        """The client sends ``size`` bytes and gets them acknowledged; False when the way is cut.

        Without ``acknowledge`` the answer that follows at once carries the last ACK.
        """
        return self._data(size, upward=True, acknowledge=acknowledge)

    def receive(self, size: int, after: float = 0.0) -> bool:
        """The server sends ``size`` bytes, ``after`` seconds from now, and gets them acknowledged; False when the way
        is cut.
        """
        self.machine.sleep(after)
        return self._data(size, upward=False)

    def _data(self, size: int, upward: bool, acknowledge: bool = True) -> bool:
        """One write: segments of at most the MSS, with the ACKs that come back.

        Receivers acknowledge more rarely as a stream speeds up (GRO merges what arrives together). The figures give the
        packet counts of AWS's own record examples: 10 segments 3 ACKs, 67 segments 10.
        """
        if self.broken or self.server is None:
            return False
        here, there = (self._client, self._server) if upward else (self._server, self._client)
        mss = self.server.mss - self.more
        segments = max(1, math.ceil(size / mss))
        unacknowledged = 0
        for index in range(segments):
            payload = min(mss, size - index * mss)
            last = index == segments - 1
            if not here(PSH | ACK if last else ACK, payload) and (self.broken or not self._retry(upward, payload)):
                return False
            self.machine.sleep(_BETWEEN_SEGMENTS)
            unacknowledged += 1
            limit = _PER_ACK_AT_FIRST if index < _FIRST_WINDOW else _PER_ACK_LATER
            if last or unacknowledged == limit or index == _FIRST_WINDOW - 1:
                unacknowledged = 0
                self.machine.sleep(self.delay)
                if acknowledge or not last:
                    there(ACK, 0)
        return True

    def _retry(self, upward: bool, payload: int) -> bool:
        """Retransmit at 0.2, 0.4, 0.8 ... s, as long as the program waits, then give up."""
        wait = _DATA_RETRY
        for _ in range(_DATA_RETRIES):
            self.machine.sleep(wait)
            wait = min(wait * 2, 120.0)
            if self._client(PSH | ACK, payload) if upward else self._server(PSH | ACK, payload):
                return True
            if self.broken:
                return False
        self.broken = True
        return False

    # --- closing ------------------------------------------------------------------------------------------------

    def close(self, by: Literal["client", "server"] = "client") -> None:
        """FIN from one side, FIN from the other, the last ACK."""
        if self.outcome != "open" or self not in self.machine.sockets:
            return
        self.machine.sockets.remove(self)
        first, second = (self._client, self._server) if by == "client" else (self._server, self._client)
        if not first(FIN | ACK, 0):
            return
        self.machine.sleep(self.delay)
        if second(FIN | ACK, 0):
            self.machine.sleep(self.delay)
            first(ACK, 0)

    def reset(self) -> None:
        """RST from the client: a program that closes without reading what came."""
        if self.outcome == "open" and self in self.machine.sockets:
            self.machine.sockets.remove(self)
            self.to_server(self.machine.now, RST | ACK, _RST_SIZE)


def connect(
    machine: Machine, target: str, port: int, patience: float = math.inf, local_port: int | None = None
) -> Connection:
    """Open a TCP connection from the machine's host; look at ``.outcome``.

    ``patience`` is how many seconds the program waits; Linux itself gives up after 127. ``local_port`` is the source
    port where the program asks for one; else Linux chooses.
    """
    local_port = local_port or machine.draws.port(machine.host.address, target, port, "tcp")
    connection = Connection(machine, target, port, local_port, more=_IPV6_MORE if ":" in target else 0)
    if is_own(machine, target):
        connection.listener = machine.host.listening("tcp", port)
        connection.outcome = "refused" if connection.listener is None else "open"
        connection.broken = True
        connection.began = machine.now
        return connection
    if not machine.host.source_for(target):
        connection.outcome, connection.began = "unreachable", machine.now
        return connection
    connection.open(patience)
    return connection


def is_own(machine: Machine, address: str) -> bool:
    """Whether an address is the machine itself: nothing of it is on the wire."""
    return address.startswith("127.") or address in ("::1", machine.host.address, machine.host.ipv6)


UdpOutcome = Literal["answered", "unreachable", "silent"]


def datagram(
    machine: Machine, target: str, port: int, local_port: int, size: int, answer: int = 0
) -> tuple[UdpOutcome, Arrival | None]:
    """Send one UDP datagram of ``size`` payload bytes; a listener answers with ``answer`` bytes (0: it stays
    silent).
    """
    header = 28 + (_IPV6_MORE if ":" in target else 0)
    if not machine.host.source_for(target):
        return "unreachable", None
    out = machine.packet(target, UDP, local_port, port, size=header + size, at=machine.now)
    arrival = machine.wire.arrival(out, machine.wire.send(out))
    if arrival is None or arrival.host is None:
        return "silent", arrival
    at = machine.now + arrival.delay
    if arrival.host.listening("udp", port) is not None:
        if not answer:
            return "silent", arrival
        back = arrival.packet(UDP, port, local_port, size=header + answer, at=at)
        outcome: UdpOutcome = "answered"
    else:
        protocol, kind, code, most = (ICMP6, 1, 4, 1280) if ":" in target else (ICMP, 3, 3, 576)
        quoted = min(header + header + size, most)
        back = arrival.packet(protocol, icmp_type=kind, icmp_code=code, size=quoted, at=at)
        outcome = "unreachable"
    if machine.wire.send(back).outcome != "delivered":
        return "silent", arrival
    machine.until(at + arrival.delay)
    return outcome, arrival
