"""The incident of lesson 15: the recorded day and a second night, with an attack that differs for each prefix.

>>> case = incident("demo")
>>> case.path == incident("demo").path, len(case.path)
(True, 3)
>>> len({incident(f"team{number}").path for number in range(8)})
2
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from random import Random

from helpers.flowlogs import DEFAULT_FORMAT
from helpers.flowlogs.recorded_day import DayEvent, RecordedDay, day_lines, recorded_day
from helpers.traffic.scenarios.recording import Recording, record
from helpers.traffic.scenarios.scenario import Scenario, TimedRule, TrafficRow, load

DAY, HOUR = 86_400, 3600
ADMIN, BACKUP, SURVEYOR, API = "203.0.113.5", "192.0.2.81", "192.0.2.90", "192.0.2.31"
"""Whom the owner of the network knows; API is an address of EC2."""

_PATHS = (("client-a", "web-b", "db-b"), ("web-b", "client-a", "app-a"))
_OPENED, _WRITTEN_FOR = 16 + 20 / 60, 26.0
_VOLUMES = {"login", "pull", "pull-on", "theft", "second-pull"}
_COUNTS = {"scan", "scan-pivot", "guess"}
_AFTER = 20 / 60  # hours that the records go on after the silence


@dataclass(frozen=True)
class Incident:
    """What happens for one prefix. ``silence`` is in hours after the first midnight, ``path`` are short names.

    ``addresses`` are those outside, by role: SCAN, GUESS, LOGIN, C2 and DROP are the attacker's.
    """

    prefix: str
    path: tuple[str, str, str]
    silence: float
    addresses: Mapping[str, str]
    scenario: Scenario

    @property
    def seconds(self) -> int:
        """From the first midnight to the last record."""
        return int((self.silence + _AFTER) * HOUR)

    @property
    def live(self) -> tuple[TrafficRow, ...]:
        """What goes on afterwards, for background traffic."""
        return tuple(row for row in self.scenario.traffic if row.id.startswith("live-"))

    @property
    def entry_group(self) -> str:
        """The short name of the security group with the rule that let the attacker in."""
        return f"sg-public-{self.path[0][-1]}"

    def recording(self, start: int) -> Recording:
        """The records of everything besides the recorded day, from midnight ``start`` (epoch seconds) on."""
        rows = [row for row in self.scenario.traffic if row not in self.live]
        whole = record(self.scenario, 1, start, self.seconds / HOUR, rows)
        kept = [place for place, each in enumerate(whole.records) if self._logged(each.interface_id, each.end, start)]
        return Recording(tuple(whole.records[n] for n in kept), tuple(whole.labels[n] for n in kept), ())

    def _logged(self, interface: str | None, end: int | None, start: int) -> bool:
        """Whether a flow log still watches: that of the first machine's VPC is deleted at the silence."""
        return (end or 0) <= start + self.silence * HOUR or interface not in self.silenced

    @property
    def silenced(self) -> frozenset[str]:
        """The interfaces of the recording that no flow log watches any more after the silence."""
        vpc = self.path[0][-1]
        return frozenset(one for name, one in self.scenario.machines.items() if name[-1] == vpc)

    def lines(self, start: int, ids: Mapping[str, str]) -> dict[str, list[tuple[int, str]]]:
        """All records from midnight ``start`` on, as ``day_lines`` gives them: the day, a second night, the attack."""
        day = recorded_day()
        kept = " AND ".join([_OTHER_SSH, *(_not(event, day) for event in day.events if not event.benign)])
        late = Random(f"night {self.prefix}").randrange(-300, 300)  # the second night is not the first to the second
        spans = ((start - day.start, day.seconds), (start + DAY + late - day.start, self.seconds - DAY - late))
        streams: dict[str, list[tuple[int, str]]] = {}
        until = start + self.silence * HOUR
        silenced = {ids.get(one, one) for one in self.silenced}
        for shift, seconds in spans:
            between = (day.start, day.start + seconds)
            part = day_lines(day, DEFAULT_FORMAT, shift=shift, ids=ids, between=between, where=kept)
            for interface, lines in part.items():
                end = until - 60 if interface in silenced else start + self.seconds
                streams.setdefault(interface, []).extend(line for line in lines if line[0] <= end * 1000)
        for each in self.recording(start).records:
            interface = ids.get(each.interface_id or "", each.interface_id or "")
            own = replace(each, interface_id=interface, version=DEFAULT_FORMAT.version)
            streams[interface].append(((own.start or 0) * 1000, DEFAULT_FORMAT.render(own)))
        return {interface: sorted(lines, key=lambda line: line[0]) for interface, lines in streams.items()}


_OTHER_SSH = (
    "NOT ((srcport = 22 OR dstport = 22) AND NOT (starts_with(srcaddr, '10.') AND starts_with(dstaddr, '10.')))"
)


def _not(event: DayEvent, day: RecordedDay) -> str:
    """SQL that leaves an attack of the recorded day out, its answers too."""
    port = event.target.removeprefix("*:") if event.target.startswith("*") else ""
    there = f"srcaddr = '{event.source}' AND " + (f"dstport = {port}" if port else f"dstaddr = '{event.target}'")
    back = f"dstaddr = '{event.source}' AND " + (f"srcport = {port}" if port else f"srcaddr = '{event.target}'")
    return f"NOT (start BETWEEN {event.start - 120} AND {event.end + 120} AND (({there}) OR ({back})))"


@cache
def incident(prefix: str) -> Incident:
    """The incident of a prefix: the same machines, hour, addresses and amounts every time."""
    drawn = Random(f"incident {prefix}")
    path = _PATHS[int(drawn.random() * 2)]
    silence = round(24 + 1 + 2 / 3 + drawn.random() * (1 + 2 / 3), 2)
    last = list(range(2, 32))
    drawn.shuffle(last)
    names = ("SCAN", "GUESS", "LOGIN", "C2", "DROP")
    addresses = {name: f"198.51.100.{number}" for name, number in zip(names, last, strict=False)}
    volume, count = 0.6 + drawn.random(), 0.8 + 0.4 * drawn.random()
    plain = load("incident")
    roles = dict(zip(("ENTRY", "PIVOT", "STORE"), path, strict=True))
    known = {"ADMIN": ADMIN, "BACKUP": BACKUP, "SURVEYOR": SURVEYOR, "API": API}
    rows = tuple(_own(row, {**roles, **addresses, **known}, silence, volume, count) for row in plain.traffic)
    swept = [plain.addresses[name].rpartition(".")[0] for name in path[1:]]
    pools = {**plain.pools, "SWEPT": tuple(f"{net}.{host}" for net in swept for host in range(6, 66))}
    group, other = f"sg-public-{path[0][-1]}", f"sg-public-{path[1][-1]}"
    rules = (
        *plain.rules,
        TimedRule(group, "tcp", 22, "0.0.0.0/0", _OPENED + silence - _WRITTEN_FOR),
        TimedRule(group, "tcp", 22, f"{ADMIN}/32"),
        TimedRule(other, "tcp", 22, "10.0.0.0/8"),
    )
    scenario = replace(plain, pools=pools, rules=rules, traffic=rows)
    return Incident(prefix, path, silence, addresses, scenario)


def _own(row: TrafficRow, names: Mapping[str, str], silence: float, volume: float, count: float) -> TrafficRow:
    """A row with the machines, addresses, hour and amounts of a prefix."""
    source, target = (tuple(names.get(each, each) for each in ends) for ends in (row.source, row.target))
    row = replace(row, source=source, target=target)
    if row.id.startswith(("usual-", "live-")):
        return row
    at = (row.at[0] + silence - _WRITTEN_FOR, row.at[1] + silence - _WRITTEN_FOR)
    scaled = {key: int(getattr(row, key) * volume) for key in ("up", "down") if row.id in _VOLUMES}
    more = {"count": round(float(row.count) * count)} if row.id in _COUNTS else {}  # type: ignore[arg-type]
    return replace(row, at=at, **scaled, **more)  # type: ignore[arg-type]
