"""The data plane of a region: what its machines send, in the network of each packet's own time, and who captures it.

Time is settled in one order, which makes equal runs equal. To settle up to now:

1. the running steps, in the order in which they began, give what they do after their last settling and until now;
2. their packets, in order of time (and of their steps, where times are equal), are counted by the flow logs in force;
3. what they printed until now is added to their scripts, and what they caused (a port opened, a file written) holds;
4. a step with nothing ahead of it hands over its connections, and is forgotten.

Whatever changes the world (a call of EC2, an instance that stops, a port that opens) first settles up to now with the
world as it was; then the new world is appended, and every running step is computed again. A packet is traced in the
world of its own time, so nothing before a change depends on the change. A step has its own connections until its end.
"""

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from operator import attrgetter
from typing import Any

from helpers.network import Connections, Interface, Topology, Trace
from helpers.sandbox.calls import Account, on_event, on_network_change
from helpers.sandbox.ec2.topologies import topology
from helpers.sandbox.flow_logs.state import FlowLogs, watching
from helpers.sandbox.machines.state import DataPlane, Machines, RunningStep, ScriptRun
from helpers.traffic import (
    Capture,
    Effect,
    Listen,
    Printed,
    Process,
    ProcessStep,
    Sent,
    StopListening,
    World,
    apply_effects,
    close,
    observe,
    window_at,
)
from helpers.traffic.capture import Flows

CLOSE_WINDOWS, EFFECT, NEXT = "dataplane.close", "machine.effect", "machine.next"
_AT = attrgetter("at")


# --- running steps ----------------------------------------------------------------------------------------------


def begin(account: Account, region: str, script: ScriptRun, process: Process) -> None:
    """The next command of a script begins."""
    plane = account.state(DataPlane, region)
    changed(account, region)
    if not plane.steps:
        _look(account, region, plane)
    assert plane.world is not None
    script.step = RunningStep(script, process, replace(plane.world, connections=plane.connections))
    plane.steps.append(script.step)
    script.next_at = math.inf
    _await_end(account, region, script.step, plane)
    changed(account, region)


def ended(account: Account, region: str, script: ScriptRun) -> ProcessStep | None:
    """How the script's command ended; None while it goes on."""
    plane = account.state(DataPlane, region)
    assert script.step is not None
    if script.step.result(plane.changes).ends_at > account.now():
        return None
    changed(account, region)
    return script.step.result(plane.changes)


def kill(account: Account, region: str, script: ScriptRun) -> None:
    """A script is killed, with its jobs in the background and what they listen on: nothing of it lies ahead."""
    plane = account.state(DataPlane, region)
    changed(account, region)
    for running in [running for running in plane.steps if running.script is script]:
        _leave(plane, running, running.connections_at(account.now(), plane.changes), account.now())
    host = plane.hosts.get(script.instance_id)
    if host is not None and script.opened:
        listeners = host.listeners.difference(script.opened)
        plane.hosts = {**plane.hosts, script.instance_id: replace(host, listeners=listeners)}
    script.opened.clear()
    changed(account, region)


@on_network_change
def changed(account: Account, region: str) -> None:
    """The network, a host or a flow log may have changed: what lies ahead of the running steps is computed again."""
    plane = account.state(DataPlane, region)
    if not plane.steps:
        return
    _settle(account, region, plane)
    if plane.steps and _look(account, region, plane):
        for running in plane.steps:
            running.compute_again()
    _schedule(account, region, plane)


@on_event(EFFECT)
def an_effect_holds(account: Account, payload: Mapping[str, Any]) -> None:
    """A running command opens a port, writes a file, or the like."""
    changed(account, payload["region"])


def _look(account: Account, region: str, plane: DataPlane) -> bool:
    """See the present world and who watches it; whether running steps meet another world from now on."""
    network = topology(account, region)
    plane.watched = watching(account, region, network)
    # an IPv6 address can come and go while the machine runs
    ipv6 = {interface.id: interface.ipv6[0] for interface in network.interfaces if interface.ipv6}
    hosts = {key: replace(host, ipv6=ipv6.get(host.interface_id, "")) for key, host in plane.hosts.items()}
    before = plane.world
    if before is not None and before.topology == network and before.hosts == hosts:
        return False
    plane.world = World(network, plane.connections, hosts)
    if plane.steps:
        plane.changes.append((account.now(), plane.world))
    return bool(plane.steps)


def _settle(account: Account, region: str, plane: DataPlane) -> None:
    """Make everything until now final."""
    now = account.now()
    results = [(running, running.result(plane.changes)) for running in plane.steps]
    _count(plane, sorted((sent for step, result in results for sent in step.unsettled(result.packets, now)), key=_AT))
    _print([(step.script, line) for step, result in results for line in step.unsettled(result.output, now)], "stdout")
    _print([(step.script, line) for step, result in results for line in step.unsettled(result.errors, now)], "stderr")
    effects = [(step.script, effect) for step, result in results for effect in step.unsettled(result.effects, now)]
    for script, effect in sorted(effects, key=lambda caused: caused[1].at):
        plane.hosts = apply_effects(plane.hosts, [effect])
        _note_listener(account.state(Machines, region), script, effect)
    for running in plane.steps[:]:
        running.settled_to = now
        if running.is_over(now, plane.changes):
            _leave(plane, running, running.result(plane.changes).connections, now)
    oldest = min((running.process.at for running in plane.steps), default=math.inf)
    plane.changes = [change for change in plane.changes if change[0] >= oldest]


def _print(lines: list[tuple[ScriptRun, Printed]], stream: str) -> None:
    """Add lines to the streams of their scripts, in order of time."""
    for script, line in sorted(lines, key=lambda printed: printed[1].at):
        setattr(script, stream, getattr(script, stream) + line.text)


def _note_listener(machines: Machines, script: ScriptRun, effect: Effect) -> None:
    """Which script would take a listener with it when it is killed."""
    if isinstance(effect, Listen) and effect.in_script:
        script.opened.append(effect.listener)
    elif isinstance(effect, StopListening):
        for other in machines.scripts.values():
            if other.instance_id == effect.instance_id and effect.listener in other.opened:
                other.opened.remove(effect.listener)


def _leave(plane: DataPlane, running: RunningStep, connections: Connections, now: float) -> None:
    """A step is over: its connections are known to everybody from now on."""
    plane.connections = plane.connections.merged(running.world.connections, connections, now)
    plane.steps.remove(running)
    running.finish(plane.changes)


def _schedule(account: Account, region: str, plane: DataPlane) -> None:
    """Events for what lies ahead: the end of each command, its next effect, the end of the next window."""
    now = account.now()
    for running in plane.steps:
        if running is running.script.step:
            _await_end(account, region, running, plane)
        due = min((effect.at for effect in running.result(plane.changes).effects if effect.at > now), default=math.inf)
        if due not in (math.inf, running.effect_due):
            running.effect_due = due
            account.schedule(due, EFFECT, region=region)
    _schedule_closing(account, region, plane)


def _await_end(account: Account, region: str, running: RunningStep, plane: DataPlane) -> None:
    """The script goes on when its command ends; where that time has changed, an earlier event finds nothing to do."""
    ends_at, script = running.result(plane.changes).ends_at, running.script
    if ends_at != script.next_at:
        script.next_at = ends_at
        if ends_at < math.inf:
            account.schedule(ends_at, NEXT, region=region, key=running.process.key)


# --- captures ---------------------------------------------------------------------------------------------------


def _count(plane: DataPlane, packets: list[Sent]) -> None:
    """Count packets wherever a flow log listens."""
    if not packets or plane.world is None:
        return
    for flow_log_id, lengths in plane.watched.items():
        seen = list(_seen(packets, lengths))
        if seen:
            plane.captures[flow_log_id] = observe(plane.captures.get(flow_log_id, Capture()), seen, lengths)
            _remember(plane, plane.world.topology, seen)


def _seen(packets: Iterable[Sent], interfaces: Mapping[str, int]) -> Iterator[Sent]:
    """The packets that were at one of these interfaces, with only these sightings."""
    traces: dict[int, Trace] = {}
    for sent in packets:
        own = traces.get(id(sent.trace))
        if own is None:
            kept = tuple(sighting for sighting in sent.trace.sightings if sighting.interface_id in interfaces)
            all_kept = len(kept) == len(sent.trace.sightings)
            own = traces[id(sent.trace)] = sent.trace if all_kept else replace(sent.trace, sightings=kept)
        if own.sightings:
            yield sent if own is sent.trace else replace(sent, trace=own)


def _remember(plane: DataPlane, network: Topology, seen: Iterable[Sent]) -> None:
    wanted = {sighting.interface_id for sent in seen for sighting in sent.trace.sightings}
    plane.interfaces |= {interface.id: interface for interface in network.interfaces if interface.id in wanted}
    owners = {interface.instance_id for interface in plane.interfaces.values()}
    plane.instances |= {instance.id: instance for instance in network.instances if instance.id in owners}


def count_flows(
    account: Account, region: str, plane: DataPlane, flows: Mapping[str, Flows], ends: Iterable[Interface]
) -> None:
    """Add flows that were counted elsewhere, by flow log, to its windows; ``ends`` are the interfaces of the region."""
    for flow_log_id, own in flows.items():
        plane.captures[flow_log_id] = plane.captures.get(flow_log_id, Capture()).with_flows(own)
    plane.interfaces |= {interface.id: interface for interface in ends}
    _schedule_closing(account, region, plane)


def _schedule_closing(account: Account, region: str, plane: DataPlane) -> None:
    ends = [capture.next_close for capture in plane.captures.values() if capture.next_close is not None]
    due = min((*ends, *(_first_end(running, plane) for running in plane.steps)), default=math.inf)
    if due < plane.closing_at:
        plane.closing_at = due
        account.schedule(due, CLOSE_WINDOWS, region=region)


def _first_end(running: RunningStep, plane: DataPlane) -> float:
    """When the first window ends that packets ahead of a step will fall into; inf: none will."""
    first = math.inf
    for sent in running.unsettled(running.result(plane.changes).packets, math.inf):
        if sent.at >= first:
            break
        for sighting in sent.trace.sightings:
            for lengths in plane.watched.values():
                seconds = lengths.get(sighting.interface_id)
                if seconds is not None:
                    first = min(first, window_at(sighting.interface_id, sent.at, seconds).end)
    return first


@on_event(CLOSE_WINDOWS)
def close_windows(account: Account, payload: Mapping[str, Any]) -> None:
    """A window ends: its records wait for their flow log's next delivery."""
    region = payload["region"]
    plane = account.state(DataPlane, region)
    plane.closing_at = math.inf
    changed(account, region)
    network = _with_the_gone(topology(account, region), plane)
    flow_logs = account.state(FlowLogs, region).logs
    for flow_log_id, capture in list(plane.captures.items()):
        records, plane.captures[flow_log_id] = close(capture, network, account.now())
        if flow_log := flow_logs.get(flow_log_id):
            flow_log.waiting += [record for record in records if flow_log.wants(record.action)]
        if plane.captures[flow_log_id].next_close is None:
            del plane.captures[flow_log_id]
    _schedule_closing(account, region, plane)


def _with_the_gone(network: Topology, plane: DataPlane) -> Topology:
    """The network together with interfaces that are gone but still have an open window."""
    interfaces = plane.interfaces | {interface.id: interface for interface in network.interfaces}
    instances = plane.instances | {instance.id: instance for instance in network.instances}
    return replace(network, interfaces=tuple(interfaces.values()), instances=tuple(instances.values()))
