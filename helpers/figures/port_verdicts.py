"""Count the verdicts of a flow table by who asked whom, and by the port that was asked for."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field
from itertools import groupby, islice
from math import ceil

import pandas as pd

from helpers.detection import requests

_PROTOCOLS = {6: "tcp", 17: "udp", 1: "icmp", 58: "icmpv6"}
_SINGLE, _COLUMNS = 5, 12

# Protocol number and destination port; without ports the second is 0.
Port = tuple[int, int]


@dataclass(slots=True)
class Verdicts:
    """How many records were accepted and how many rejected, and on which ports."""

    accepted: int = 0
    rejected: int = 0
    ports: set[Port] = field(default_factory=set)

    @property
    def total(self) -> int:
        """All records."""
        return self.accepted + self.rejected

    def add(self, other: "Verdicts") -> None:
        """Count the other's records, too."""
        self.accepted += other.accepted
        self.rejected += other.rejected
        self.ports |= other.ports


@dataclass(frozen=True, slots=True)
class PortColumn:
    """One port, or neighbouring ports that are counted together."""

    ports: tuple[Port, ...]

    @property
    def protocol(self) -> str:
        """The protocol's name, or its number."""
        return protocol_name(self.ports[0][0])

    @property
    def numbers(self) -> str:
        """``80``, ``1-79``, or the protocol's name where there are no ports."""
        first, last = self.ports[0][1], self.ports[-1][1]
        if self.ports[0][0] not in (6, 17):
            return self.protocol.upper()
        return str(first) if first == last else f"{first}-{last}"


def protocol_name(number: int) -> str:
    """``tcp`` for 6, and the number where it has no common name."""
    return _PROTOCOLS.get(number, f"protocol {number}")


def verdicts_by_pair(table: pd.DataFrame) -> dict[tuple[str, str], dict[Port, Verdicts]]:
    """The requests of a flow table, counted by (source, destination) and port; the busiest pair of ports first.

    Records without a verdict (NODATA, SKIPDATA) and answers are left out, see :func:`helpers.detection.requests`.
    Raises ``ValueError`` where a column is missing.
    """
    pairs: dict[tuple[str, str], dict[Port, Verdicts]] = defaultdict(lambda: defaultdict(Verdicts))
    asked = requests(table)
    asked = asked[asked.action.notna()]
    columns = (asked[name] for name in ("srcaddr", "dstaddr", "protocol", "dstport", "action"))
    for source, destination, protocol, number, action in zip(*columns, strict=True):
        port = int(protocol), int(number)
        cell = pairs[source, destination][port]
        cell.add(Verdicts(action == "ACCEPT", action == "REJECT", {port}))
    return dict(sorted(pairs.items(), key=lambda item: (-len(item[1]), item[0])))


def answers_by_pair(table: pd.DataFrame) -> dict[tuple[str, str], dict[int, set[int]]]:
    """The answers in a flow table: by (source, destination) and source port, the different ports that they go to.

    A rule that counts destination ports takes them for a scan. The pair with the most ports comes first. Raises
    ``ValueError`` where a column is missing.
    """
    pairs: dict[tuple[str, str], dict[int, set[int]]] = defaultdict(lambda: defaultdict(set))
    answers = table.drop(requests(table).index)
    answers = answers[answers.action.notna()]
    for source, destination, port, to in zip(
        answers.srcaddr, answers.dstaddr, answers.srcport, answers.dstport, strict=True
    ):
        pairs[source, destination][int(port)].add(int(to))
    return dict(sorted(pairs.items(), key=lambda item: (-sum(map(len, item[1].values())), item[0])))


def columns_of(pairs: Iterable[Mapping[Port, Verdicts]]) -> list[PortColumn]:
    """A column for each port; of more than twelve ports only for those that pairs with few ports use, others share.

    Neighbours share a column: a scan stays a row of many cells.
    """
    weight: dict[Port, float] = defaultdict(float)
    for ports in pairs:
        for port in ports:
            weight[port] += 1 / len(ports)
    every = sorted(weight, key=lambda port: (_rank(port[0]), port))
    if len(every) <= _COLUMNS:
        return [PortColumn((port,)) for port in every]
    used = [port for port in every if weight[port] > 1 / _COLUMNS]
    single = set(sorted(used, key=lambda port: (-weight[port], port))[:_SINGLE])
    size = ceil((len(every) - len(single)) / (_COLUMNS - len(single)))
    return [PortColumn(ports) for ports in _grouped(every, single, size)]


def _rank(protocol: int) -> int:
    return list(_PROTOCOLS).index(protocol) if protocol in _PROTOCOLS else len(_PROTOCOLS)


def _grouped(every: Sequence[Port], single: Set[Port], size: int) -> Iterator[tuple[Port, ...]]:
    """The ports in order, each of ``single`` by itself, the others by at most ``size`` of one protocol."""
    for (alone, _), run in groupby(every, key=lambda port: (port in single, port[0])):
        while together := tuple(islice(run, 1 if alone else size)):
            yield together


def numbers_in_words(ports: Iterable[Port]) -> str:
    """``tcp 20-22, 80; udp 53``: neighbouring numbers as a range."""
    parts = []
    for protocol, listed in groupby(sorted(ports), key=lambda port: port[0]):
        ranges: list[list[int]] = []
        for _, number in listed:
            if ranges and number == ranges[-1][1] + 1:
                ranges[-1][1] = number
            else:
                ranges.append([number, number])
        told = ", ".join(str(first) if first == last else f"{first}-{last}" for first, last in ranges)
        parts.append(f"{protocol_name(protocol)} {told}" if protocol in (6, 17) else protocol_name(protocol))
    return "; ".join(parts)
