"""A small internet: hosts outside the VPC, at documentation addresses, that answer on given ports.

The addresses are those reserved for documentation (RFC 5737), from 192.0.2.0/24: 198.51.100.0/24 and 203.0.113.0/24 are
left to public addresses of instances and to clients outside. No packet ever leaves this machine. An address that is not
in the model is silent: packets to it leave the VPC and nothing comes back.
"""

from dataclasses import dataclass

PACKAGE_MIRROR = "al2023-repos-us-east-1-de612dc2.s3.dualstack.us-east-1.amazonaws.com"
"""The host that an Amazon Linux 2023 instance in us-east-1 fetches its packages from."""


@dataclass(frozen=True, slots=True)
class Listener:
    """A listening socket. ``service`` says what answers: "ssh", "http", "https", "dns", "mirror", "whoami", "nc".

    ``root`` is the folder a web server serves; ``size`` the length of the page of an outside server, in bytes.
    """

    protocol: str
    port: int
    service: str
    root: str = ""
    size: int = 0


@dataclass(frozen=True, slots=True)
class OutsideHost:
    """A machine on the internet: its address, its names, what it listens on, whether it answers pings.

    ``aws_service`` names the subset of AWS's published address ranges that it is in ("S3"), "" if in none.
    """

    address: str
    names: tuple[str, ...]
    listeners: tuple[Listener, ...]
    answers_ping: bool = True
    aws_service: str = ""

    def listening(self, protocol: str, port: int) -> Listener | None:
        """The listener of a protocol and port, or None: the port is closed."""
        for listener in self.listeners:
            if listener.port == port and listener.protocol == protocol:
                return listener
        return None


@dataclass(frozen=True, slots=True)
class Internet:
    """All hosts outside. A value."""

    hosts: tuple[OutsideHost, ...]

    def at(self, address: str) -> OutsideHost | None:
        """The host with this address, or None."""
        return next((host for host in self.hosts if host.address == address), None)

    def named(self, name: str) -> OutsideHost | None:
        """The host with this DNS name, or None."""
        wanted = name.rstrip(".").lower()
        return next((host for host in self.hosts if wanted in host.names), None)


INTERNET = Internet(
    (
        OutsideHost(
            "192.0.2.80",
            ("example.com", "www.example.com"),
            (Listener("tcp", 80, "http", size=1256), Listener("tcp", 443, "https", size=1256)),
        ),
        OutsideHost(
            "192.0.2.10",
            (PACKAGE_MIRROR, "cdn.amazonlinux.com"),
            (Listener("tcp", 80, "mirror"), Listener("tcp", 443, "mirror")),
            answers_ping=False,
            aws_service="S3",
        ),
        OutsideHost(
            "192.0.2.20",
            ("checkip.amazonaws.com",),
            (Listener("tcp", 80, "whoami"), Listener("tcp", 443, "whoami")),
            answers_ping=False,
            aws_service="EC2",
        ),
        OutsideHost(
            "192.0.2.53",
            ("resolver.example.net", "dns.example.net"),
            (Listener("udp", 53, "dns"), Listener("tcp", 53, "dns")),
        ),
    )
)
"""example.com (web), the package mirror, checkip.amazonaws.com (says your address), a public DNS resolver."""
