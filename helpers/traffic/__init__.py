"""Traffic: what instances run, what that does on the wire, and what flow logs see of it.

A script runs on a `Host` in a `World` (topology, tracked connections, hosts, internet), one simple command
per `step`:

>>> from helpers.network import Connections, Topology
>>> host = Host("i-0123456789abcdef0", "eni-0123456789abcdef0", "10.1.0.10")
>>> world = World(Topology(), Connections(), {host.instance_id: host})
>>> first = step(start("echo hello; nc -z 10.1.0.11 80", host, at=1_700_000_000.0, key="doc"), world)
>>> first.stdout, first.done
('hello\\n', False)
>>> second = step(first.process, world)
>>> second.stderr, second.done, second.exit_code
('_script.sh: line 1: nc: command not found\\n', True, 127)

`observe` counts a step's packets at every interface that saw them, `close` turns finished windows into flow
records:

>>> capture = observe(Capture(), second.packets, {})
>>> close(capture, world.topology, until=1_700_000_600.0)[0]
()

Nothing here reads a clock or draws a random number: equal inputs give equal packets, ports and records.
"""

from helpers.traffic.capture import Capture, close, next_close, nodata, observe, record_flags, skipdata
from helpers.traffic.conversation import Conversed, Exchange, Talk, converse
from helpers.traffic.image import AL2023, PACKAGES, programs_of
from helpers.traffic.internet import INTERNET, PACKAGE_MIRROR, Internet, Listener, OutsideHost
from helpers.traffic.model import (
    SSHD,
    Effect,
    Host,
    Install,
    Listen,
    Sent,
    StopListening,
    World,
    WriteFile,
    apply_effects,
    outside_host,
)
from helpers.traffic.parser import Script, parse
from helpers.traffic.places import window_lengths
from helpers.traffic.process import Process, Step, start, step
from helpers.traffic.syntax import ShellSyntaxError
from helpers.traffic.windows import Window, window_at

__all__ = [
    "AL2023",
    "INTERNET",
    "PACKAGES",
    "PACKAGE_MIRROR",
    "SSHD",
    "Capture",
    "Conversed",
    "Effect",
    "Exchange",
    "Host",
    "Install",
    "Internet",
    "Listen",
    "Listener",
    "OutsideHost",
    "Process",
    "Script",
    "Sent",
    "ShellSyntaxError",
    "Step",
    "StopListening",
    "Talk",
    "Window",
    "World",
    "WriteFile",
    "apply_effects",
    "close",
    "converse",
    "next_close",
    "nodata",
    "observe",
    "outside_host",
    "parse",
    "programs_of",
    "record_flags",
    "skipdata",
    "start",
    "step",
    "window_at",
    "window_lengths",
]
