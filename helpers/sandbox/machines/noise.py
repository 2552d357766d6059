"""Background traffic of a region: one conversation of a scenario for each slot of the day, as long as it was asked for.

This is not a call of AWS. Each conversation is traced when it is due, in the network of that moment.
"""

from bisect import bisect_left
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any

from helpers.network import Topology
from helpers.sandbox.calls import Account, Params, asks, on_event
from helpers.sandbox.ec2.topologies import topology
from helpers.sandbox.flow_logs.state import watching
from helpers.sandbox.machines.network_traffic import count_flows
from helpers.sandbox.machines.state import DataPlane
from helpers.traffic.scenarios import PlannedConversation, Scenario, conversations, flows_of, incident, load

NOISE = "machine.noise"
_DAY = 86_400


@dataclass
class Noise:
    """What was asked for: ``machines`` are interfaces by short name, ``until`` in epoch seconds; ``asked`` counts."""

    scenario: str = ""
    seed: str = ""
    machines: dict[str, str] = field(default_factory=dict)
    until: float = 0.0
    every: float = 60.0
    asked: int = 0


@dataclass
class Noises:
    """One of each lab, by its prefix: several labs of an account have traffic of their own."""

    of: dict[str, Noise] = field(default_factory=dict)


@asks("noise")
def make_noise(account: Account, region: str, params: Params) -> Params:
    """Begin, in place of what this ``lab`` asked for before; the other parameters are those of :class:`Noise`."""
    planned = len(_plan(params["scenario"], params["seed"], params["every"])[1])  # raises before anything changes
    lab = params.get("lab", "")
    noise = account.state(Noises, region).of.setdefault(lab, Noise())
    for name in ("scenario", "seed", "machines", "until", "every"):
        setattr(noise, name, params[name])
    noise.asked += 1
    _schedule(account, region, lab, noise)
    return {"conversations": planned}


@on_event(NOISE)
def a_conversation(account: Account, payload: Mapping[str, Any]) -> None:
    """The conversation that is due, and the next one; nothing once the noise is over or another one has begun."""
    region, lab = payload["region"], payload["lab"]
    noise = account.state(Noises, region).of[lab]
    if payload["asked"] != noise.asked or account.now() > noise.until:
        return
    if account.moving_to - account.now() <= _DAY:
        _converse(account, region, noise, payload["place"])
    _schedule(account, region, lab, noise)


def _converse(account: Account, region: str, noise: Noise, place: int) -> None:
    scenario, plan = _plan(noise.scenario, noise.seed, noise.every)
    network = topology(account, region)
    names = {scenario.addresses[name]: name for name in noise.machines}
    ports = _open_ports(account, region, network, noise)
    said = plan[place]
    ends = [noise.machines[names[end]] for end in (said.source, said.target) if end in names]
    if not ends or not set(ends) <= ports.keys():
        return  # a machine that is gone or stopped neither sends nor answers
    plane = account.state(DataPlane, region)
    due = replace(said, at=account.now())
    watched = watching(account, region, network)
    flows = {log: flows_of(scenario, due, network, ports, lengths) for log, lengths in watched.items()}
    count_flows(account, region, plane, {log: own for log, own in flows.items() if own}, map(network.interface, ends))


def _open_ports(account: Account, region: str, network: Topology, noise: Noise) -> dict[str, frozenset[int]]:
    """The TCP ports on which each machine that runs listens, by interface."""
    found = {}
    for interface in noise.machines.values():
        if not network.knows(interface):
            continue
        host = account.state(DataPlane, region).hosts.get(network.interface(interface).instance_id or "")
        if host is not None:
            found[interface] = frozenset(each.port for each in host.listeners if each.protocol == "tcp")
    return found


def _schedule(account: Account, region: str, lab: str, noise: Noise) -> None:
    """The next conversation: of a long step of the clock the first one in its last 24 hours."""
    plan = _plan(noise.scenario, noise.seed, noise.every)[1]
    after = max(account.now(), account.moving_to - _DAY)
    place = bisect_left(plan, after % _DAY + 0.001, key=lambda said: said.at) if plan else 0
    midnight = after // _DAY * _DAY + (_DAY if place == len(plan) else 0)
    if plan and (due := midnight + plan[place % len(plan)].at) <= noise.until:
        account.schedule(due, NOISE, region=region, lab=lab, place=place % len(plan), asked=noise.asked)


@lru_cache(maxsize=4)
def _plan(name: str, seed: str, every: float) -> tuple[Scenario, list[PlannedConversation]]:
    """The conversations of a day, the first of each slot."""
    case = incident(seed) if name == "incident" else None
    scenario = case.scenario if case else load(name)
    rows = case.live if case else [row for row in scenario.traffic if not row.kind]
    slots: dict[int, PlannedConversation] = {}
    for said in conversations(scenario, 1 if case else int(seed), rows):
        slots.setdefault(int(said.at / every), said)
    return scenario, list(slots.values())
