"""From the rows of a scenario to single conversations, each with its moment, ends, sizes and local port."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Network
from random import Random

from helpers.traffic.draws import EPHEMERAL_FIRST, EPHEMERAL_LAST
from helpers.traffic.scenarios.scenario import Scenario, ScenarioError, TrafficRow, Value

HOUR = 3600.0
_SCANNED = 10_000  # a scan tries ports below this one


@dataclass(frozen=True, slots=True)
class PlannedConversation:
    """One conversation: seconds since the start of the day, both ends, payload bytes, seconds that it lasts.

    ``row`` and ``part`` say which row of the scenario it belongs to, and which repetition of it.
    """

    at: float
    source: str
    target: str
    local_port: int
    port: int
    up: int
    down: int
    seconds: float
    protocol: int
    row: TrafficRow
    part: int


def conversations(scenario: Scenario, seed: int, rows: Sequence[TrafficRow] | None = None) -> list[PlannedConversation]:
    """Everything that is said in a day, in order of time."""
    found: list[PlannedConversation] = []
    for row in scenario.traffic if rows is None else rows:
        for part in range(row.repeat):
            found += _Drawn(scenario, row, part, seed).conversations()
    found.sort(key=lambda each: (each.at, each.source, each.target, each.port, each.local_port))
    return found


class _Drawn:
    """One repetition of a row, with what is drawn once for all of its conversations.

    A row that follows another takes the place in its lists that the other has drawn, ``shift`` further on; and begins
    when the other has ended, unless it says when.
    """

    def __init__(self, scenario: Scenario, row: TrafficRow, part: int, seed: int) -> None:
        self.scenario, self.row, self.part = scenario, row, part
        self.random = Random(f"{seed} {row.id} {part}")
        leader = _Drawn(scenario, scenario.row(row.follows), part, seed) if row.follows else None
        drawn = (Random(f"{seed} {row.id}").random() + part / row.repeat) % 1  # repetitions have other places
        self.place: float = leader.place if leader else drawn
        self.sources, self.targets = (self._ends(names) for names in (row.source, row.target))
        low, high = row.at
        self.begins = (low + (high - low) * self.random.random()) * HOUR
        if leader and not row.at[0]:
            self.begins = leader.begins + leader.lasts + 60
        self.lasts: float = self._number(row.lasts)
        self.count = round(self._number(row.count))

    # --- draws --------------------------------------------------------------------------------------------------

    def _ends(self, names: Sequence[str]) -> Sequence[str]:
        """The addresses of the name that was drawn: all of a pool or block, one of a pool with ``any``."""
        name = self._drawn(names)
        fixed = name.removesuffix(" any")
        if fixed in self.scenario.pools:
            pool = self.scenario.pools[fixed]
            return pool if fixed == name else (self._drawn(pool),)
        if "/" in name:
            hosts = [str(host) for host in IPv4Network(name).hosts()]
            return self._sample(hosts, len(hosts))
        return (self.scenario.addresses.get(name, name),)

    def _drawn(self, values: Sequence[str]) -> str:
        return values[(int(self.place * len(values)) + self.row.shift) % len(values)]

    def _one(self, values: Sequence[str]) -> str:
        return values[int(self.random.random() * len(values))]

    def _sample(self, values: Sequence[str], count: int) -> Sequence[str]:
        """Some of the values in a random order, drawn by ``random()`` alone, which no version of Python changes."""
        return sorted(values, key=lambda _: self.random.random())[:count]

    def _number(self, value: Value) -> float:
        if isinstance(value, tuple):
            return value[0] + (value[1] - value[0]) * self.random.random()
        if isinstance(value, int | float):
            return value
        normal = math.sqrt(-2 * math.log(1 - self.random.random())) * math.cos(2 * math.pi * self.random.random())
        return value["median"] * math.exp(value["sigma"] * normal)

    def _local_port(self) -> int:
        return EPHEMERAL_FIRST + int(self.random.random() * (EPHEMERAL_LAST - EPHEMERAL_FIRST + 1))

    def _ports(self, count: int) -> list[int]:
        """So many different ports of one machine, as a scanner tries them: the usual ones are among them."""
        usual = [port for port, _ in self.scenario.noise["ports"]]
        chosen = dict.fromkeys(self._sample(list(map(str, usual)), count // 3))
        while len(chosen) < count:
            chosen[str(1 + int(self.random.random() * _SCANNED))] = None
        return [int(port) for port in self._sample(list(chosen), count)]

    # --- patterns -----------------------------------------------------------------------------------------------

    def conversations(self) -> Iterator[PlannedConversation]:
        if self.row.pattern == "noise":
            yield from self._noise()
            return
        moments = list(self._moments())
        ports = self._ports(len(moments)) if self.row.varied == "port" else []
        for place, at in enumerate(moments):
            target = self.targets[place % len(self.targets)] if self.row.varied == "target" else self._one(self.targets)
            port = ports[place] if ports else self.row.port[int(self.place * len(self.row.port))]
            yield self._conversation(at, self._one(self.sources), target, port)

    def _conversation(self, at: float, source: str, target: str, port: int) -> PlannedConversation:
        row = self.row
        up, down = (max(0, round(self._number(size))) for size in (row.up, row.down))
        seconds = self._number(row.seconds)
        local = self._local_port() if row.protocol != 1 else 0
        return PlannedConversation(at, source, target, local, port, up, down, seconds, row.protocol, row, self.part)

    def _moments(self) -> Iterator[float]:
        row = self.row
        if row.pattern == "spread":
            step = self.lasts / self.count
            yield from (self.begins + (place + self.random.random()) * step for place in range(self.count))
        elif row.pattern == "every":
            period, end = self._number(row.every), self.begins + self.lasts if self.lasts else row.until * HOUR
            at = self.begins + period * self.random.random()
            while at < end:
                yield at
                at += period * (1 + row.jitter * (2 * self.random.random() - 1))
        elif row.pattern == "visits":
            weights = self.scenario.hours[row.hours]
            most = max(weights)
            at = self.begins
            while (at := at - math.log(1 - self.random.random()) * HOUR / (row.per_hour * most)) < row.until * HOUR:
                if self.random.random() * most < weights[int(at / HOUR) % 24]:
                    yield at
        else:
            raise ScenarioError(f"{self.scenario.name}.toml, row {row.id}: there is no pattern {row.pattern}")

    def _noise(self) -> Iterator[PlannedConversation]:
        """Internet scanners at one machine: most try one port, some a few, wherever they come again.

        The documentation ranges have some hundred addresses, so a source comes more often than in reality; what it
        tries stays the same, so that a busy address does not become a port scan by chance.
        """
        table = self.scenario.noise
        shares = [share for _, share in table["ports"]]
        habits: dict[str, list[int]] = {}
        for source in self.sources:
            few = self.random.random() < table["few"]
            habits[source] = [self._usual(table["ports"], shares) for _ in range(2 + int(5 * self.random.random()))]
            habits[source] = habits[source] if few else habits[source][:1]
        for at in self._arrivals(table["sources_per_hour"]):
            source = self._one(self.sources)
            for port in habits[source]:
                at += 20 * self.random.random()
                protocol = 6 if port else 1
                yield PlannedConversation(
                    at, source, self.targets[0], self._local_port() if port else 0, port, 0, 0,
                    self._tries(), 17 if port in table["udp"] else protocol, self.row, self.part,
                )  # fmt: skip

    def _arrivals(self, per_hour: float) -> Iterator[float]:
        at = 0.0
        while (at := at - math.log(1 - self.random.random()) * HOUR / per_hour) < 24 * HOUR:
            yield at

    def _usual(self, ports: Sequence[tuple[int, float]], shares: Sequence[float]) -> int:
        place = self.random.random() * 100
        for (port, _), share in zip(ports, shares, strict=True):
            if (place := place - share) < 0:
                return port
        return 1 + int(self.random.random() * 65535)

    def _tries(self) -> float:
        """How often a scanner sends its packet: the seconds of a conversation that nobody answers."""
        return 0.0 if self.random.random() < 0.8 else 1.0 + 2 * self.random.random()
