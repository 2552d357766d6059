"""The programs that instances can run, each a function of a machine and its arguments, in one table."""

from helpers.traffic.programs import curl, dig, dnf, netcat, ping, services, small, ssh
from helpers.traffic.programs.registry import Program, execute, find_program

__all__ = [
    *(
        "Program",
        "curl",
        "dig",
        "dnf",
        "execute",
        "find_program",
        "netcat",
        "ping",
        "services",
        "small",
        "ssh",
    ),
]
