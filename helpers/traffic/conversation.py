"""Conversations without a shell: what scenarios and studies are made of.

``converse`` runs one TCP conversation between a host and an address, packet by packet, each traced on its own.
"""

import math
from dataclasses import dataclass
from typing import Literal

from helpers.network import Connections
from helpers.traffic.draws import Draws
from helpers.traffic.machine import Machine
from helpers.traffic.tcp import Connection, connect
from helpers.traffic.wire import Wire
from helpers.traffic.world import Host, Sent, World

Closes = Literal["client", "server", "reset", "nobody"]


@dataclass(frozen=True, slots=True)
class Exchange:
    """The client sends ``up`` bytes, then the server ``down`` bytes (0: nothing), ``wait`` seconds after what was
    before.

    ``prompt``: the server answers at once, and its answer carries the ACK.
    """

    up: int = 0
    down: int = 0
    wait: float = 0.0
    prompt: bool = False


@dataclass(frozen=True, slots=True)
class Talk:
    """A TCP conversation: to which port, what is sent, who closes ("nobody": it stays open).

    ``patience`` is how many seconds the client waits for the connection.
    """

    port: int
    exchanges: tuple[Exchange, ...] = ()
    closes: Closes = "client"
    patience: float = math.inf


@dataclass(frozen=True, slots=True)
class Conversed:
    """How a conversation went: "open" (it took place), "refused" or "silent"; ``cut`` when it broke off midway.

    ``ends_at`` is in epoch seconds.
    """

    outcome: Literal["open", "refused", "silent", "unreachable"]
    packets: tuple[Sent, ...]
    connections: Connections
    ends_at: float
    local_port: int
    cut: bool = False


def converse(source: Host, target: str, talk: Talk, world: World, at: float, key: str) -> Conversed:
    """One TCP conversation from ``source`` to an address.

    ``source`` is an instance's host, or a computer outside; ``at`` the epoch seconds of the first SYN; ``key`` what
    the local port and the delays are drawn from: give every conversation a key of its own.
    """
    machine = Machine(source, Wire(world), Draws(key, int(at)), at)
    connection = connect(machine, target, talk.port, talk.patience)
    cut = connection.outcome == "open" and not _say(machine, connection, talk.exchanges)
    if not cut:
        _end(connection, talk.closes)
    packets = tuple(sorted(machine.wire.sent, key=lambda sent: sent.at))
    return Conversed(connection.outcome, packets, machine.wire.connections, machine.now, connection.local_port, cut)


def _say(machine: Machine, connection: Connection, exchanges: tuple[Exchange, ...]) -> bool:
    if connection.broken:
        return True
    for exchange in exchanges:
        machine.sleep(exchange.wait)
        if exchange.up and not connection.send(exchange.up, acknowledge=not (exchange.prompt and exchange.down)):
            return False
        if exchange.down and not connection.receive(exchange.down):
            return False
    return True


def _end(connection: Connection, closes: Closes) -> None:
    if closes == "reset":
        connection.reset()
    elif closes != "nobody":
        connection.close(closes)
