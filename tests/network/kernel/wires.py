"""Network namespaces as a VPC: hosts, their interfaces, subnet edges and a core, joined by veth pairs.

    host -- interface (groups, ct state) -- subnet (ACL at its edge) -- core -- subnet -- interface -- host

Each interface has a namespace of its own, hence connection tracking of its own. Packets are watched on the links, so
that what is compared is how far each one came, and not only whether an answer returned.
"""

import contextlib
import ctypes
import os
import select
import socket
import struct
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

from tests.network.kernel.cases import (
    ANSWER_OF,
    CLOSED,
    ECHO,
    HOSTS,
    LISTENING,
    SUBNET_OF,
    SUBNETS,
    TYPES,
    Case,
    Probe,
    has_second,
)
from tests.network.kernel.rulesets import edge_rules, interface_rules

STOPPED = ("group egress", "acl egress", "acl ingress", "group ingress", "delivered")
"""Where a packet stopped, in the order of its way."""
_NEXT_HOP = "169.254.0.1"
_NETNS = 0x40000000
_OUTGOING = 4
_ALL_FRAMES, _IPV4_FRAME = 3, 0x0800  # only a socket for all frames sees those that go out
_QUIET_SECONDS = 0.03
_ICMP, _TCP, _UDP = 1, 6, 17
Flow = tuple[int, str, str, int, int]
"""Protocol, source, target, and ports, or ICMP type and identifier."""


def why_not() -> str | None:
    """Why this machine cannot do it, or None."""
    if os.geteuid() != 0:
        return "network namespaces need root"
    for program in (("ip", "-V"), ("nft", "--version"), ("unshare", "-n", "true")):
        try:
            subprocess.run(program, check=True, capture_output=True, timeout=20)
        except (OSError, subprocess.SubprocessError) as problem:
            return f"{program[0]} cannot be used ({problem})"
    try:
        with Wires() as wires:
            wires.load("a1", "add table ip probe\n")
    except (OSError, subprocess.SubprocessError) as problem:
        return f"namespaces with nftables cannot be made ({problem})"
    return None


class Wires:
    """The namespaces, from entering the context to leaving it."""

    def __init__(self) -> None:
        self._prefix = f"flows{os.getpid()}-"
        self._own = os.open("/proc/self/ns/net", os.O_RDONLY)
        self._libc = ctypes.CDLL(None, use_errno=True)
        self._places: list[str] = []
        self._taps: dict[int, tuple[str, socket.socket]] = {}
        self._servers: dict[int, socket.socket] = {}
        self._accepted: list[socket.socket] = []
        self._held: list[tuple[socket.socket, bytes, tuple[str, int]]] | None = None

    def __enter__(self) -> "Wires":
        try:
            self._build()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        for one in [*(tap for _, tap in self._taps.values()), *self._servers.values(), *self._accepted]:
            one.close()
        lines = "".join(f"netns del {self._prefix}{place}\n" for place in self._places)
        subprocess.run(("ip", "-force", "-batch", "-"), input=lines, text=True, check=False, capture_output=True)
        os.close(self._own)

    # --- building ---------------------------------------------------------------------------------------------------

    def _build(self) -> None:
        self._places = ["core", *(f"sub-{name}" for name in SUBNETS), *(f"if-{name}" for name in HOSTS), *HOSTS]
        self._ip("".join(f"netns add {self._prefix}{place}\n" for place in self._places))
        links = [(f"sub-{name}", "to-core", "core", f"to-{name}") for name in SUBNETS]
        links += [(f"if-{host}", "to-subnet", f"sub-{SUBNET_OF[host]}", f"to-{host}") for host in HOSTS]
        links += [(host, "eth0", f"if-{host}", "to-host") for host in HOSTS]
        for number, link in enumerate(links):
            self._link(number, *link)
        for place in self._places:
            self._set_up(place)
        for host, address in HOSTS.items():
            self._ip(f"addr add {address}/32 dev eth0\n", host)
            self._route(host, "default", "eth0", f" src {address}")
            self._route(f"if-{host}", "default", "to-subnet")
            self._route(f"if-{host}", address, "to-host")
            self._route(f"sub-{SUBNET_OF[host]}", address, f"to-{host}")
        for name, cidr in SUBNETS.items():
            self._route(f"sub-{name}", "default", "to-core")
            self._route("core", cidr, f"to-{name}")
        self._listen()

    def _link(self, number: int, left: str, left_name: str, right: str, right_name: str) -> None:
        """A veth pair whose ends know each other's hardware address: no ARP, nothing to wait for."""
        macs = [f"02:00:00:00:{number:02x}:{end:02x}" for end in (1, 2)]
        self._ip(
            f"link add {left_name} netns {self._prefix}{left} address {macs[0]} type veth "
            f"peer name {right_name} netns {self._prefix}{right} address {macs[1]}\n"
        )
        for place, name, peer in ((left, left_name, macs[1]), (right, right_name, macs[0])):
            self._ip(
                f"link set dev {name} up\nneigh add {_NEXT_HOP} lladdr {peer} dev {name} nud permanent\n",
                place,
            )

    def _route(self, place: str, target: str, device: str, more: str = "") -> None:
        self._ip(f"route add {target} via {_NEXT_HOP} dev {device} onlink{more}\n", place)

    def _set_up(self, place: str) -> None:
        self._ip("link set dev lo up\n", place)  # without any local address the kernel takes no gateway
        with self.inside(place):
            settings = {"ip_forward": 0 if place in HOSTS else 1, "tcp_synack_retries": 0, "icmp_ratelimit": 0}
            settings |= {f"conf/{which}/rp_filter": 0 for which in ("all", "default")}
            for name, value in settings.items():
                Path(f"/proc/sys/net/ipv4/{name}").write_text(str(value))

    def _listen(self) -> None:
        for place in (*HOSTS, *(f"sub-{name}" for name in SUBNETS)):
            with self.inside(place):
                tap = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(_ALL_FRAMES))
                tap.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 21)
                tap.setblocking(False)
                self._taps[tap.fileno()] = (place, tap)
        for host in HOSTS:
            with self.inside(host):
                for port in LISTENING:
                    self._serve(socket.SOCK_STREAM, port)
                for port in ECHO:
                    self._serve(socket.SOCK_DGRAM, port)

    def _serve(self, kind: socket.SocketKind, port: int) -> None:
        made = socket.socket(socket.AF_INET, kind)
        made.bind(("", port))
        if kind == socket.SOCK_STREAM:
            made.listen(100)
        made.setblocking(False)
        self._servers[made.fileno()] = made

    def _ip(self, lines: str, place: str | None = None) -> None:
        where = ("-n", self._prefix + place) if place else ()
        _run(("ip", *where, "-batch", "-"), lines)

    @contextlib.contextmanager
    def inside(self, place: str) -> Iterator[None]:
        """This thread, its new sockets and its new processes belong to a namespace."""
        there = os.open(f"/run/netns/{self._prefix}{place}", os.O_RDONLY)
        try:
            self._enter(there)
            yield
        finally:
            os.close(there)
            self._enter(self._own)

    def _enter(self, namespace: int) -> None:
        if self._libc.setns(namespace, _NETNS):
            raise OSError(ctypes.get_errno(), "setns")

    def load(self, place: str, rules: str) -> None:
        """Give a namespace a rule set."""
        with self.inside(place):
            _run(("nft", "-f", "-"), rules)

    # --- trying -----------------------------------------------------------------------------------------------------

    def verdicts(self, case: Case) -> list[tuple[str | None, ...]]:
        """For each probe where its request stopped, and where the answer did (None: there was none). Where the rules
        change, also where the second request and its answer did."""
        self._load_rules(case)
        self._watch()
        self._held = [] if case.later is not None else None
        sockets = [self._send(probe) for probe in case.probes]
        seen = self._watch()
        if case.later is not None:
            self._load_rules(case.later)
            for server, data, peer in self._held or ():
                server.sendto(data, peer)
            self._held = None
            seen |= self._watch()
        found = [_verdict(probe, seen) for probe in case.probes]
        if case.later is not None:
            found = self._with_second(case, sockets, found)
        for one in (*sockets, *self._accepted):
            one.close()
        self._accepted.clear()
        return found

    def _load_rules(self, case: Case) -> None:
        for host in HOSTS:
            self.load(f"if-{host}", interface_rules(case, host))
        for subnet in SUBNETS:
            self.load(f"sub-{subnet}", edge_rules(case, subnet))

    def _with_second(
        self, case: Case, sockets: list[socket.socket], found: list[tuple[str | None, ...]]
    ) -> list[tuple[str | None, ...]]:
        sends = [has_second(probe, str(first[0]), first[1]) for probe, first in zip(case.probes, found, strict=True)]
        for probe, made, again in zip(case.probes, sockets, sends, strict=True):
            if again and probe.kind == "tcp":
                made.send(b"echo")
            elif again:
                self._send_datagram(probe, made)
        seen = self._watch()
        return [
            first + (_verdict(probe, seen) if again else (None, None))
            for probe, first, again in zip(case.probes, found, sends, strict=True)
        ]

    def _send(self, probe: Probe) -> socket.socket:
        target = HOSTS[probe.target]
        with self.inside(probe.source):
            if probe.kind in TYPES:
                made = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)
                self._send_datagram(probe, made)
                return made
            kind = socket.SOCK_STREAM if probe.kind == "tcp" else socket.SOCK_DGRAM
            made = socket.socket(socket.AF_INET, kind)
            made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            made.bind((HOSTS[probe.source], probe.local))
            made.setblocking(False)
            if probe.kind == "tcp":
                made.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                made.connect_ex((target, probe.port))
            else:
                self._send_datagram(probe, made)
            return made

    @staticmethod
    def _send_datagram(probe: Probe, made: socket.socket) -> None:
        data = _icmp(TYPES[probe.kind], probe.local) if probe.kind in TYPES else b"echo"
        made.sendto(data, (HOSTS[probe.target], probe.port))

    def _watch(self) -> set[tuple[str, str, bool, Flow]]:
        """Serve, and note every packet on the links (place, link, whether going out), until all is quiet."""
        seen: set[tuple[str, str, bool, Flow]] = set()
        ends = time.monotonic() + 10
        while time.monotonic() < ends:
            talking = {one.fileno(): one for one in self._accepted}
            ready, _, _ = select.select([*self._taps, *self._servers, *talking], [], [], _QUIET_SECONDS)
            if not ready:
                return seen
            for number in ready:
                if number in self._servers:
                    self._answer(self._servers[number])
                elif number in talking:
                    talking[number].send(talking[number].recv(100))
                else:
                    seen.update(self._read(*self._taps[number]))
        raise TimeoutError("the namespaces did not become quiet")

    def _answer(self, server: socket.socket) -> None:
        with contextlib.suppress(BlockingIOError):
            if server.type == socket.SOCK_STREAM:
                made, _ = server.accept()
                made.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                self._accepted.append(made)
            else:
                data, peer = server.recvfrom(100)
                if self._held is None:
                    server.sendto(data, peer)
                else:
                    self._held.append((server, data, peer))

    @staticmethod
    def _read(place: str, tap: socket.socket) -> Iterator[tuple[str, str, bool, Flow]]:
        with contextlib.suppress(BlockingIOError):
            while True:
                data, (link, frame, direction, *_) = tap.recvfrom(2048)
                flow = _flow(data) if frame == _IPV4_FRAME else None
                if flow is not None:
                    yield place, link, direction == _OUTGOING, flow


def _run(command: tuple[str, ...], lines: str) -> None:
    done = subprocess.run(command, input=lines, text=True, capture_output=True, check=False)
    if done.returncode:
        raise OSError(f"{' '.join(command)}: {done.stderr}\n{lines}")


def _icmp(kind: int, identifier: int) -> bytes:
    """An ICMP request; the body of a timestamp request is three numbers, that of an echo anything."""
    body = struct.pack("!HH", identifier, 1) + bytes(12)
    total = sum(struct.unpack("!8H", body)) + (kind << 8)
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return struct.pack("!BBH", kind, 0, ~total & 0xFFFF) + body


def _flow(data: bytes) -> Flow | None:
    start = (data[0] & 15) * 4
    protocol, source, target = data[9], socket.inet_ntoa(data[12:16]), socket.inet_ntoa(data[16:20])
    if protocol == _ICMP:
        kind, identifier = data[start], int.from_bytes(data[start + 4 : start + 6], "big")
        return protocol, source, target, kind, identifier
    if protocol in (_TCP, _UDP):
        ports: tuple[int, int] = struct.unpack("!HH", data[start : start + 4])
        return protocol, source, target, *ports
    return None


def _verdict(probe: Probe, seen: set[tuple[str, str, bool, Flow]]) -> tuple[str | None, ...]:
    source, target = HOSTS[probe.source], HOSTS[probe.target]
    if probe.kind in TYPES:
        kind = TYPES[probe.kind]
        there: Flow = (_ICMP, source, target, kind, probe.local)
        back: Flow = (_ICMP, target, source, ANSWER_OF[kind], probe.local)
    else:
        number = _TCP if probe.kind == "tcp" else _UDP
        there = (number, source, target, probe.local, probe.port)
        back = (number, target, source, probe.port, probe.local)
    assert probe.port not in CLOSED or probe.kind == "tcp"
    first = _stop(probe.source, probe.target, there, seen)
    assert first is not None, f"{probe} was not sent"
    return first, _stop(probe.target, probe.source, back, seen)


def _stop(source: str, target: str, flow: Flow, seen: set[tuple[str, str, bool, Flow]]) -> str | None:
    near, far = f"sub-{SUBNET_OF[source]}", f"sub-{SUBNET_OF[target]}"
    passed = (
        *((source, "eth0", True), (near, f"to-{source}", False)),
        *((near, "to-core", True), (far, f"to-{target}", True)),
    )
    points = [(*point, flow) in seen for point in (*passed, (target, "eth0", False))]
    if not points[0]:
        return None
    if near == far:
        points[2] = points[1]  # no edge to cross
    return STOPPED[points.index(False) - 1] if False in points else STOPPED[-1]
