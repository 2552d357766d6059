"""Traffic: what instances run, what that does on the wire, and what flow logs see of it.

A script runs on a ``Host`` in a ``World`` (topology, tracked connections, hosts, internet), one simple command per
``step``:

>>> from helpers.network import Connections, Topology
>>> host = Host("i-0123456789abcdef0", "eni-0123456789abcdef0", "10.1.0.10")
>>> world = World(Topology(), Connections(), {host.instance_id: host})
>>> first = step(start("echo hello; nc -z 10.1.0.11 80", host, at=1_700_000_000.0, key="doc"), world)
>>> first.stdout, first.done
('hello\\n', False)
>>> second = step(first.process, world)
>>> second.stderr, second.done, second.exit_code
('_script.sh: line 1: nc: command not found\\n', True, 127)

``observe`` counts a step's packets at every interface that saw them, ``close`` turns finished windows into flow
records:

>>> capture = observe(Capture(), second.packets, {})
>>> close(capture, world.topology, until=1_700_000_600.0)[0]
()

Nothing here reads a clock or draws a random number: equal inputs give equal packets, ports and records.
"""

from helpers.traffic.capture import Capture, close, next_close, nodata, observe, record_flags
from helpers.traffic.conversation import Exchange, Talk, converse
from helpers.traffic.image import AL2023, programs_of
from helpers.traffic.internet import INTERNET, PACKAGE_MIRROR, Internet, Listener, OutsideHost
from helpers.traffic.process import Process, ProcessStep, start, step
from helpers.traffic.shell.parser import parse
from helpers.traffic.shell.syntax import NotSimulatedError, ShellSyntaxError
from helpers.traffic.topology_facts import window_lengths
from helpers.traffic.windows import Window, window_at
from helpers.traffic.wire import Wire
from helpers.traffic.world import (
    Change,
    Effect,
    Host,
    Install,
    Listen,
    Printed,
    Sent,
    StopListening,
    World,
    apply_effects,
)

__all__ = [
    "AL2023",
    "INTERNET",
    "PACKAGE_MIRROR",
    "Capture",
    "Change",
    "Effect",
    "Exchange",
    "Host",
    "Install",
    "Internet",
    "Listen",
    "Listener",
    "NotSimulatedError",
    "OutsideHost",
    "Printed",
    "Process",
    "ProcessStep",
    "Sent",
    "ShellSyntaxError",
    "StopListening",
    "Talk",
    "Window",
    "Wire",
    "World",
    "apply_effects",
    "close",
    "converse",
    "next_close",
    "nodata",
    "observe",
    "parse",
    "programs_of",
    "record_flags",
    "start",
    "step",
    "window_at",
    "window_lengths",
]
