"""The data plane of a region: its network, its running machines, and what flow logs capture of their traffic."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from helpers.network import Connections, Instance, Interface, Topology
from helpers.sandbox.calls import Account, Call, Params, follows, on_event
from helpers.sandbox.coverage import covering, intervals
from helpers.sandbox.topologies import topology
from helpers.traffic import Capture, Host, Sent, Step, World, apply_effects, close, observe

CLOSE_WINDOWS = "dataplane.close"


@dataclass
class DataPlane:
    """What moves: tracked connections, running hosts by instance id, open flow windows.

    ``interfaces`` and ``instances`` remember what had traffic, for windows that close after a termination.
    """

    connections: Connections = field(default_factory=Connections)
    hosts: dict[str, Host] = field(default_factory=dict)
    capture: Capture = field(default_factory=Capture)
    interfaces: dict[str, Interface] = field(default_factory=dict)
    instances: dict[str, Instance] = field(default_factory=dict)
    closing_at: float = math.inf


def world(account: Account, region: str) -> World:
    """What a command on a host finds."""
    plane = account.state(DataPlane, region)
    network = topology(account, region)
    # an IPv6 address can come and go while the machine runs
    ipv6 = {one.id: one.ipv6[0] for one in network.interfaces if one.ipv6}
    hosts = {key: replace(host, ipv6=ipv6.get(host.interface_id, "")) for key, host in plane.hosts.items()}
    return World(network, plane.connections, hosts)


def absorb(account: Account, region: str, step: Step) -> None:
    """Let a step's effects hold, and count its packets wherever a flow log listens."""
    plane = account.state(DataPlane, region)
    plane.connections = step.connections
    plane.hosts = apply_effects(plane.hosts, step.effects)
    network = topology(account, region)
    watched = intervals(account, region, network)
    seen = [one for one in (_watched(sent, watched) for sent in step.packets) if one.trace.sightings]
    if seen:
        plane.capture = observe(plane.capture, seen, watched)
        _remember(plane, network, seen)
        _schedule_closing(account, region, plane)


def _watched(sent: Sent, interfaces: Mapping[str, int]) -> Sent:
    """The packet with only those sightings that some flow log listens to."""
    kept = tuple(one for one in sent.trace.sightings if one.interface_id in interfaces)
    return replace(sent, trace=replace(sent.trace, sightings=kept))


def _remember(plane: DataPlane, network: Topology, seen: Iterable[Sent]) -> None:
    wanted = {sighting.interface_id for sent in seen for sighting in sent.trace.sightings}
    plane.interfaces |= {one.id: one for one in network.interfaces if one.id in wanted}
    owners = {one.instance_id for one in plane.interfaces.values()}
    plane.instances |= {one.id: one for one in network.instances if one.id in owners}


def _schedule_closing(account: Account, region: str, plane: DataPlane) -> None:
    due = plane.capture.next_close
    if due is not None and due < plane.closing_at:
        plane.closing_at = due
        account.schedule(due, CLOSE_WINDOWS, region=region)


@on_event(CLOSE_WINDOWS)
def close_windows(account: Account, payload: Mapping[str, Any]) -> None:
    """A window ends: its records wait for their flow logs' next delivery."""
    region = payload["region"]
    plane = account.state(DataPlane, region)
    plane.closing_at = math.inf
    network = _with_the_gone(topology(account, region), plane)
    records, plane.capture = close(plane.capture, network, account.now())
    for record in records:
        for flow_log in covering(account, region, record):
            flow_log.waiting.append(record)
    _schedule_closing(account, region, plane)


def _with_the_gone(network: Topology, plane: DataPlane) -> Topology:
    """The network together with interfaces that are gone but still have an open window."""
    interfaces = plane.interfaces | {one.id: one for one in network.interfaces}
    instances = plane.instances | {one.id: one for one in network.instances}
    return replace(network, interfaces=tuple(interfaces.values()), instances=tuple(instances.values()))


def forget(account: Account, region: str, instance_id: str) -> None:
    """A machine went down: nothing listens there any more."""
    plane = account.state(DataPlane, region)
    plane.hosts = {key: host for key, host in plane.hosts.items() if key != instance_id}


@follows("ec2", "TerminateInstances", "StopInstances", "RebootInstances")
def machines_go_down(call: Call, account: Account, output: Params) -> Params:
    for instance_id in call.params["InstanceIds"]:
        forget(account, call.region, instance_id)
    return output
