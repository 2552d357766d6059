"""Instances as machines: they boot, run their UserData, and run scripts.

A script runs one command at a time. What a command does on the network, and when, is in ``network_traffic``.
"""

import base64
import binascii
import math
from collections.abc import Mapping
from typing import Any

from helpers.network import Instance, Interface, Topology
from helpers.sandbox.calls import Account, Call, Params, follows, on_event
from helpers.sandbox.ec2.topologies import topology
from helpers.sandbox.machines.network_traffic import NEXT, begin, changed, ended, kill
from helpers.sandbox.machines.state import DataPlane, Machines, ScriptRun
from helpers.traffic import Host, start

START_SECONDS = 20.0
"""From RunInstances or StartInstances to ``running``; in this sandbox the machine is then up, too."""
BOOT, DEADLINE = "machine.boot", "machine.deadline"
AGENT = "machine.agent"
"""Due when a machine has booted: its agent of Systems Manager starts."""


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
    plane = account.state(DataPlane, region)
    if host is None or instance_id in plane.hosts:
        return
    plane.hosts = {**plane.hosts, instance_id: host}
    changed(account, region)
    account.schedule(account.now(), AGENT, region=region)
    user_data = account.state(Machines, region).user_data.pop(instance_id, None)
    if user_data is not None:
        run(account, region, f"user-data/{instance_id}", instance_id, user_data)


def _host(network: Topology, instance_id: str) -> Host | None:
    """The machine behind an instance, or None where the instance is not running (any more)."""
    instance: Instance | None = next(
        (candidate for candidate in network.instances if candidate.id == instance_id), None
    )
    interface: Interface | None = next(
        (candidate for candidate in network.interfaces if candidate.instance_id == instance_id), None
    )
    if instance is None or interface is None or instance.state not in ("pending", "running"):
        return None
    return Host(instance_id, interface.id, interface.private[0])


@follows("ec2", "TerminateInstances", "StopInstances", "RebootInstances")
def machines_go_down(call: Call, account: Account, output: Params) -> Params:
    """What runs there ends at once, and nothing listens any more."""
    plane = account.state(DataPlane, call.region)
    under_way = [script for script in account.state(Machines, call.region).scripts.values() if script.running]
    left_behind = [running.script for running in plane.steps if not running.script.running]
    for instance_id in call.params["InstanceIds"]:
        for script in [*under_way, *left_behind]:
            if script.instance_id == instance_id:
                stop(account, call.region, script)
        plane.hosts = {key: host for key, host in plane.hosts.items() if key != instance_id}
    changed(account, call.region)
    return output


# --- running ----------------------------------------------------------------------------------------------------


def run(account: Account, region: str, key: str, instance_id: str, text: str, seconds: float = math.inf) -> ScriptRun:
    """Start a script on a running machine; it is killed after ``seconds``. The first command runs at once."""
    now = account.now()
    host = account.state(DataPlane, region).hosts[instance_id]
    script = ScriptRun(instance_id, now, now + seconds)
    account.state(Machines, region).scripts[key] = script
    if script.deadline < math.inf:
        account.schedule(script.deadline, DEADLINE, region=region, key=key)
    begin(account, region, script, start(text, host, now, key))
    return script


@on_event(NEXT)
def next_command(account: Account, payload: Mapping[str, Any]) -> None:
    """A command may have ended: go on with the next one."""
    region = payload["region"]
    script = account.state(Machines, region).scripts[payload["key"]]
    if not script.running or script.next_at > account.now():
        return
    if (done := ended(account, region, script)) is not None:
        if done.done:
            assert done.exit_code is not None
            _end(account, script, done.exit_code)
        else:
            begin(account, region, script, done.process)


@on_event(DEADLINE)
def deadline(account: Account, payload: Mapping[str, Any]) -> None:
    """A script had its time: it is killed."""
    region = payload["region"]
    script = account.state(Machines, region).scripts[payload["key"]]
    if script.running:
        stop(account, region, script)
        script.timed_out = True


def stop(account: Account, region: str, script: ScriptRun) -> None:
    """Kill a script with what it left running, and note its end where it had not ended before."""
    kill(account, region, script)
    if script.running:
        _end(account, script, exit_code=-1)


def _end(account: Account, script: ScriptRun, exit_code: int) -> None:
    script.exit_code, script.ended_at, script.next_at = exit_code, account.now(), math.inf
