"""A scenario as data: the network with the rules of its hours, who exists outside, and the traffic."""

import json
import tomllib
from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass, fields
from functools import cached_property
from itertools import pairwise
from typing import Any

from helpers._data import data_path
from helpers.network import Topology

Value = float | tuple[float, float] | Mapping[str, float]
"""A number; a tuple: drawn evenly between both; ``{"median": m, "sigma": s}``: drawn from a log-normal."""


class ScenarioError(ValueError):
    """A scenario that cannot be read; the message names the file and the row."""


@dataclass(frozen=True)
class TrafficRow:
    """One row of a scenario: who talks to whom, when, how much.

    ``pattern``: "every" (a period), "visits" (at random, by the hour), "spread" (``count`` conversations within
    ``lasts`` seconds) or "noise" (internet scanners). ``source`` and ``target`` are names of machines, addresses,
    names of pools, or several to draw from. Times are hours of the day, ``up`` and ``down`` bytes of payload,
    ``seconds`` how long one conversation lasts; a ``chunk`` is what one packet carries. ``kind`` is what really happens
    (an id of ``data/detections.toml``), "" for nothing; a ``benign`` row only looks like its kind. ``repeat``
    draws the row anew so many times.
    """

    id: str
    pattern: str
    source: tuple[str, ...]
    target: tuple[str, ...]
    port: tuple[int, ...] = ()
    kind: str = ""
    benign: bool = False
    at: tuple[float, float] = (0.0, 0.0)
    until: float = 24.0
    every: Value = 0.0
    jitter: float = 0.0
    per_hour: float = 0.0
    hours: str = "always"
    count: Value = 1.0
    lasts: Value = 0.0
    up: Value = 0.0
    down: Value = 0.0
    seconds: Value = 0.0
    varied: str = ""
    chunk: int = 0
    protocol: int = 6
    repeat: int = 1
    follows: str = ""
    shift: int = 0
    network_of_source: bool = False


@dataclass(frozen=True)
class TimedRule:
    """A rule that a group has besides its own: from one hour of the day until another."""

    group: str
    protocol: str
    port: int
    source: str
    at: float = 0.0
    until: float = 24.0


@dataclass(frozen=True)
class Scenario:
    """Everything that a recording is made from."""

    name: str
    pages: Mapping[str, Any]
    listens: Mapping[str, tuple[int, ...]]
    pools: Mapping[str, tuple[str, ...]]
    hours: Mapping[str, tuple[float, ...]]
    noise: Mapping[str, Any]
    rules: tuple[TimedRule, ...] = ()
    traffic: tuple[TrafficRow, ...] = ()

    def row(self, row_id: str) -> TrafficRow:
        """The row of this id. Raises KeyError."""
        return {row.id: row for row in self.traffic}[row_id]

    @cached_property
    def timeline(self) -> tuple[tuple[float, Topology], ...]:
        """The network from each hour on at which a rule comes or goes, the first from 0."""
        moments = sorted({0.0, *(rule.at for rule in self.rules), *(rule.until for rule in self.rules)})
        return tuple((hour, self._topology(hour)) for hour, _ in pairwise([*moments, 24.0]) if hour < 24)

    def _topology(self, hour: float) -> Topology:
        pages = deepcopy(dict(self.pages))
        for rule in self.rules:
            if rule.at <= hour < rule.until:
                permission = {"IpProtocol": rule.protocol, "FromPort": rule.port, "ToPort": rule.port}
                group = next(each for each in pages["SecurityGroups"] if each["GroupName"].endswith(rule.group))
                group["IpPermissions"].append({**permission, "IpRanges": [{"CidrIp": rule.source}]})
        return Topology.from_describe(**pages)

    @cached_property
    def machines(self) -> dict[str, str]:
        """The interface of each machine by its short name, such as ``client-a``."""
        names = {
            instance["InstanceId"]: next(tag["Value"] for tag in instance["Tags"] if tag["Key"] == "Name")
            for instance in self.pages["Instances"]
        }
        return {
            names[interface["Attachment"]["InstanceId"]].partition("-")[2]: interface["NetworkInterfaceId"]
            for interface in self.pages["NetworkInterfaces"]
        }

    @cached_property
    def addresses(self) -> dict[str, str]:
        """The private address of each machine by its short name."""
        by_id = {page["NetworkInterfaceId"]: page["PrivateIpAddress"] for page in self.pages["NetworkInterfaces"]}
        return {name: by_id[interface] for name, interface in self.machines.items()}

    @cached_property
    def public(self) -> dict[str, str]:
        """The public address of each machine that has one, by its private address."""
        return {inside: outside for each in self.timeline[0][1].interfaces for inside, outside in each.public}


def load(name: str) -> Scenario:
    """Read ``data/scenarios/NAME.toml``. Raises :class:`ScenarioError`."""
    with data_path("scenarios", f"{name}.toml").open("rb") as file:
        document = tomllib.load(file)
    pages = json.loads(data_path("scenarios", document["network"]).read_text())
    rules = tuple(TimedRule(**{**row, **_hours(row, "at", "until")}) for row in document.get("rule", ()))
    return Scenario(
        name=name,
        pages=pages,
        listens={machine: tuple(ports) for machine, ports in document["listens"].items()},
        pools={pool: tuple(_addresses(spans)) for pool, spans in document["pools"].items()},
        hours={each: tuple(weights) for each, weights in document["hours"].items()},
        noise=document["noise"],
        rules=rules,
        traffic=tuple(_traffic(name, row) for row in document["traffic"]),
    )


def _traffic(scenario: str, row: Mapping[str, Any]) -> TrafficRow:
    given = {**row, **_hours(row, "until")}
    given["source"], given["target"] = (tuple(_listed(row[key])) for key in ("source", "target"))
    given["port"] = tuple(_listed(row.get("port", [])))
    if "at" in row:
        first, *last = (_hour(text) for text in _listed(row["at"]))
        given["at"] = (first, last[0] if last else first)
    for key in ("every", "count", "lasts", "up", "down", "seconds"):
        if isinstance(given.get(key), list):
            given[key] = tuple(given[key])
    known = {each.name for each in fields(TrafficRow)}
    if unknown := sorted(set(given) - known):
        raise ScenarioError(f"{scenario}.toml, row {row['id']}: {unknown[0]} is no key of a row")
    return TrafficRow(**given)


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _hour(text: str) -> float:
    hour, _, minute = text.partition(":")
    return int(hour) + int(minute) / 60


def _hours(row: Mapping[str, Any], *keys: str) -> dict[str, float]:
    return {key: _hour(row[key]) for key in keys if key in row}


def _addresses(spans: list[str]) -> list[str]:
    """``198.51.100.32-179`` as addresses."""
    found = []
    for span in spans:
        prefix, _, last = span.rpartition(".")
        low, _, high = last.partition("-")
        found += [f"{prefix}.{number}" for number in range(int(low), int(high or low) + 1)]
    return found
