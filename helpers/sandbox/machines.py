"""Instances as machines: they boot, run their UserData, and run scripts.

A script runs one command at a time, each in the network as it is at that moment. What a command printed is published
when the command ends, as somebody watching it would see it.
"""

import base64
import binascii
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from helpers.network import Instance, Interface, Topology
from helpers.sandbox.calls import Account, Call, Params, follows, on_event
from helpers.sandbox.dataplane import DataPlane, absorb, world
from helpers.sandbox.topologies import topology
from helpers.traffic import Host, Process, StopListening, apply_effects, start, step

START_SECONDS = 20.0
"""From RunInstances or StartInstances to ``running``; in this sandbox the machine is then up, too."""
BOOT, NEXT, DEADLINE = "machine.boot", "machine.next", "machine.deadline"
AGENT = "machine.agent"
"""Due when a machine has booted: its agent of Systems Manager starts."""


@dataclass
class Script:
    """A script on a machine: what it has printed, and how it ended. Times are virtual epoch seconds."""

    instance_id: str
    process: Process
    started_at: float
    deadline: float = math.inf
    stdout: str = ""
    stderr: str = ""
    next_at: float = math.inf
    exit_code: int | None = None
    ended_at: float | None = None
    timed_out: bool = False
    printed: tuple[str, str] = ("", "")
    finishing: int | None = None

    @property
    def running(self) -> bool:
        return self.ended_at is None


@dataclass
class Machines:
    """The scripts of a region by key, and the UserData that has still to run at the first boot."""

    scripts: dict[str, Script] = field(default_factory=dict)
    user_data: dict[str, str] = field(default_factory=dict)


# --- booting ----------------------------------------------------------------------------------------------------


@follows("ec2", "RunInstances")
def machines_are_launched(call: Call, account: Account, output: Params) -> Params:
    script = _user_data(call.params.get("UserData", ""))
    for instance in output["Instances"]:
        if script:
            account.state(Machines, call.region).user_data[instance["InstanceId"]] = script
        account.schedule(account.now() + START_SECONDS, BOOT, region=call.region, instance_id=instance["InstanceId"])
    return output


@follows("ec2", "StartInstances", "RebootInstances")
def machines_start_again(call: Call, account: Account, output: Params) -> Params:
    for instance_id in call.params["InstanceIds"]:
        account.schedule(account.now() + START_SECONDS, BOOT, region=call.region, instance_id=instance_id)
    return output


def _user_data(encoded: str) -> str:
    """The shell script in UserData; anything else (cloud-config, say) does not run here."""
    try:
        text = base64.b64decode(encoded, validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        return ""
    return text if text.startswith("#!") else ""


@on_event(BOOT)
def boot(account: Account, payload: Mapping[str, Any]) -> None:
    """The machine is up: sshd listens, and at the first boot UserData runs."""
    region, instance_id = payload["region"], payload["instance_id"]
    host = _host(topology(account, region), instance_id)
    if host is None:
        return
    plane = account.state(DataPlane, region)
    plane.hosts = {**plane.hosts, instance_id: host}
    account.schedule(account.now(), AGENT, region=region)
    user_data = account.state(Machines, region).user_data.pop(instance_id, None)
    if user_data is not None:
        run(account, region, f"user-data/{instance_id}", instance_id, user_data)


def _host(network: Topology, instance_id: str) -> Host | None:
    """The machine behind an instance, or None where the instance is not running (any more)."""
    instance: Instance | None = next((one for one in network.instances if one.id == instance_id), None)
    interface: Interface | None = next((one for one in network.interfaces if one.instance_id == instance_id), None)
    if instance is None or interface is None or instance.state not in ("pending", "running"):
        return None
    return Host(instance_id, interface.id, interface.private[0])


# --- running ----------------------------------------------------------------------------------------------------


def run(account: Account, region: str, key: str, instance_id: str, text: str, seconds: float = math.inf) -> Script:
    """Start a script on a running machine; it is ended after ``seconds``. The first command runs at once."""
    now = account.now()
    host = account.state(DataPlane, region).hosts[instance_id]
    script = Script(instance_id, start(text, host, now, key), now, now + seconds)
    account.state(Machines, region).scripts[key] = script
    if script.deadline < math.inf:
        account.schedule(script.deadline, DEADLINE, region=region, key=key)
    _step(account, region, key, script)
    return script


def _step(account: Account, region: str, key: str, script: Script) -> None:
    done = step(script.process, world(account, region))
    absorb(account, region, done)
    script.process = done.process
    script.printed = (done.stdout, done.stderr)
    script.finishing = done.exit_code if done.done else None
    script.next_at = done.ends_at
    if done.ends_at < math.inf:
        account.schedule(done.ends_at, NEXT, region=region, key=key)


@on_event(NEXT)
def next_command(account: Account, payload: Mapping[str, Any]) -> None:
    """A command ended: publish what it printed and go on with the next one."""
    region, key = payload["region"], payload["key"]
    script = account.state(Machines, region).scripts[key]
    if not script.running:
        return
    if script.instance_id not in account.state(DataPlane, region).hosts:
        _end(account, script, exit_code=-1)
        return
    _publish(script)
    if script.finishing is not None:
        _end(account, script, script.finishing)
    else:
        _step(account, region, key, script)


@on_event(DEADLINE)
def deadline(account: Account, payload: Mapping[str, Any]) -> None:
    """A script had its time: it is killed, with what it listens on."""
    region = payload["region"]
    script = account.state(Machines, region).scripts[payload["key"]]
    if script.running:
        _publish(script)
        script.timed_out = True
        _end(account, script, exit_code=-1)
        _stop_foreground(account, region, script)


def _publish(script: Script) -> None:
    script.stdout += script.printed[0]
    script.stderr += script.printed[1]
    script.printed = ("", "")


def _end(account: Account, script: Script, exit_code: int) -> None:
    script.exit_code, script.ended_at, script.next_at = exit_code, account.now(), math.inf


def _stop_foreground(account: Account, region: str, script: Script) -> None:
    """A server that ran in the foreground dies with its script; what it listened on before the script stays."""
    plane = account.state(DataPlane, region)
    host = plane.hosts.get(script.instance_id)
    if host is not None and math.isinf(script.process.at):
        began = script.process.host.listeners
        effects = [StopListening(host.instance_id, one) for one in host.listeners & began if one.service != "ssh"]
        plane.hosts = apply_effects(plane.hosts, effects)
