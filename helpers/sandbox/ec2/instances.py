"""The life of an instance: pending, running, stopping, stopped, shutting-down, terminated.

moto's instances change at once. Here a change takes a while of virtual time and ends with an event. Whoever asks about
an instance on its way moves the clock to its arrival, so a waiter of any client ends after its first polls.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from helpers.sandbox.calls import Account, Call, Params, ServiceError, follows, guards, on_event, replaces
from helpers.sandbox.ec2.common import described
from helpers.sandbox.moto_adapter import STATE_CODES

SECONDS_TO = {"running": 20.0, "stopped": 30.0, "terminated": 30.0}
SECONDS_OF_CHECKS = 120.0
SECONDS_TERMINATED_SHOWN = 3600.0
_STATE_FILTERS = ("instance-state-name", "instance-state-code", "instance-status.", "system-status.")
# What AWS no longer shows of a terminated instance.
_GONE = (
    "PrivateIpAddress",
    "PublicIpAddress",
    "SubnetId",
    "VpcId",
    "NetworkInterfaces",
    "SecurityGroups",
    "IamInstanceProfile",
)


@dataclass(frozen=True)
class StateChange:
    """The state that an instance will reach, and when (epoch seconds)."""

    state: str
    at: float


@dataclass
class InstanceLives:
    """What is under way in a region, by instance id; ``checked`` holds when the status checks pass (epoch seconds)."""

    arrivals: dict[str, StateChange] = field(default_factory=dict)
    checked: dict[str, float] = field(default_factory=dict)
    terminated: list[str] = field(default_factory=list)


def lives(account: Account, region: str) -> InstanceLives:
    return account.state(InstanceLives, region)


def on_its_way(account: Account, region: str, instance_id: str) -> StateChange | None:
    """What the instance is becoming, or ``None`` where it is at rest."""
    return lives(account, region).arrivals.get(instance_id)


def begin(account: Account, region: str, instance_id: str, through: str, to: str) -> None:
    """Put the instance into the state ``through``; it reaches ``to`` a while later."""
    arrival = StateChange(to, account.now() + SECONDS_TO[to])
    known = lives(account, region)
    known.arrivals[instance_id] = arrival
    known.checked.pop(instance_id, None)
    account.moto.set_instance_state(region, instance_id, through)
    account.schedule(arrival.at, "ec2.instance", region=region, instance=instance_id, to=to, due=arrival.at)


@on_event("ec2.instance")
def arrive(account: Account, payload: Mapping[str, Any]) -> None:
    """The instance reaches its state, unless something else was asked of it meanwhile."""
    region, instance_id, to = payload["region"], payload["instance"], payload["to"]
    known = lives(account, region)
    if known.arrivals.get(instance_id) != StateChange(to, payload["due"]):
        return
    del known.arrivals[instance_id]
    if to == "stopped":
        account.aws("ec2", "StopInstances", region, InstanceIds=[instance_id])
    elif to == "terminated":
        account.aws("ec2", "TerminateInstances", region, InstanceIds=[instance_id])
        account.moto.free_interfaces(region, instance_id)
        known.terminated.append(instance_id)
        account.schedule(account.now() + SECONDS_TERMINATED_SHOWN, "ec2.forget", region=region, instance=instance_id)
    else:
        known.checked[instance_id] = account.now() + SECONDS_OF_CHECKS
    account.moto.set_instance_state(region, instance_id, to)


@on_event("ec2.forget")
def forget(account: Account, payload: Mapping[str, Any]) -> None:
    """A terminated instance is shown for about an hour."""
    account.moto.forget_instance(payload["region"], payload["instance"])
    lives(account, payload["region"]).terminated.remove(payload["instance"])


# --- start, stop, terminate -------------------------------------------------------------------------------------


def _states(call: Call, account: Account) -> dict[str, str]:
    """The states of the instances that a call names; raises InvalidInstanceID.NotFound."""
    asked = call.params["InstanceIds"]
    known = account.moto.instance_states(call.region)
    missing = [instance_id for instance_id in asked if instance_id not in known]
    if missing:
        these = f"IDs '{', '.join(missing)}' do" if len(missing) > 1 else f"ID '{missing[0]}' does"
        raise ServiceError("InvalidInstanceID.NotFound", f"The instance {these} not exist")
    return {instance_id: known[instance_id] for instance_id in asked}


def _refuse(states: dict[str, str], allowed: tuple[str, ...], verb: str) -> None:
    for instance_id, state in states.items():
        if state not in allowed:
            raise ServiceError(
                "IncorrectInstanceState", f"The instance '{instance_id}' is not in a state from which it can be {verb}."
            )


@guards("ec2", "StartInstances", state=True)
def may_start(call: Call, account: Account) -> None:
    _refuse(_states(call, account), ("stopped", "pending", "running"), "started")


@guards("ec2", "StopInstances", state=True)
def may_stop(call: Call, account: Account) -> None:
    _refuse(_states(call, account), ("running", "stopping", "stopped"), "stopped")
    _refuse_protected(call, account, "disableApiStop")


@guards("ec2", "RebootInstances", state=True)
def may_reboot(call: Call, account: Account) -> None:
    _refuse(_states(call, account), ("running",), "rebooted")


@guards("ec2", "TerminateInstances", state=True)
def may_terminate(call: Call, account: Account) -> None:
    _states(call, account)
    _refuse_protected(call, account, "disableApiTermination")


def _refuse_protected(call: Call, account: Account, attribute: str) -> None:
    for instance_id in call.params["InstanceIds"]:
        told = account.aws("ec2", "DescribeInstanceAttribute", call.region, InstanceId=instance_id, Attribute=attribute)
        if told[attribute[0].upper() + attribute[1:]].get("Value"):
            verb = "terminated" if attribute == "disableApiTermination" else "stopped"
            raise ServiceError(
                "OperationNotPermitted",
                f"The instance '{instance_id}' may not be {verb}. "
                f"Modify its '{attribute}' instance attribute and try again.",
            )


@replaces("ec2", "StartInstances")
def start(call: Call, account: Account) -> Params:
    before = _states(call, account)
    stopped = [instance_id for instance_id, state in before.items() if state == "stopped"]
    if stopped:
        account.aws("ec2", "StartInstances", call.region, InstanceIds=stopped)
    for instance_id in stopped:
        begin(account, call.region, instance_id, "pending", "running")
    return {"StartingInstances": _changes(before, account, call.region)}


@replaces("ec2", "StopInstances")
def stop(call: Call, account: Account) -> Params:
    before = _states(call, account)
    for instance_id, state in before.items():
        if state == "running":
            begin(account, call.region, instance_id, "stopping", "stopped")
    return {"StoppingInstances": _changes(before, account, call.region)}


@replaces("ec2", "TerminateInstances")
def terminate(call: Call, account: Account) -> Params:
    before = _states(call, account)
    for instance_id, state in before.items():
        if state not in ("shutting-down", "terminated"):
            begin(account, call.region, instance_id, "shutting-down", "terminated")
    return {"TerminatingInstances": _changes(before, account, call.region)}


def _changes(before: dict[str, str], account: Account, region: str) -> list[Params]:
    after = account.moto.instance_states(region)
    return [
        {"InstanceId": instance_id, "CurrentState": _state(after[instance_id]), "PreviousState": _state(state)}
        for instance_id, state in before.items()
    ]


def _state(name: str) -> Params:
    return {"Name": name, "Code": STATE_CODES[name]}


# --- who asks moves the clock -----------------------------------------------------------------------------------


@guards("ec2", "DescribeInstances", "DescribeInstanceStatus", state=True)
def await_instances(call: Call, account: Account) -> None:
    """Let the instances asked about arrive first."""
    arrivals = lives(account, call.region).arrivals
    if arrivals:
        _await(
            account,
            [arrivals[instance_id] for instance_id in _asked_instances(call, account) if instance_id in arrivals],
        )


@guards("ec2", "DescribeNetworkInterfaces", state=True)
def await_interfaces(call: Call, account: Account) -> None:
    """Interfaces of instances on their way out go with them."""
    leaving = {
        key: change for key, change in lives(account, call.region).arrivals.items() if change.state == "terminated"
    }
    if leaving:
        interfaces = described(account, call.region, "NetworkInterfaces", **call.params)
        holders = [interface.get("Attachment", {}).get("InstanceId") for interface in interfaces]
        _await(account, [leaving[instance_id] for instance_id in holders if instance_id in leaving])


def _await(account: Account, arrivals: list[StateChange]) -> None:
    if arrivals:
        account.wait_for(max(change.at for change in arrivals))


def _asked_instances(call: Call, account: Account) -> list[str]:
    """The instances that a read is about, whatever their state: who polls for ``running`` means the pending ones."""
    filters = call.params.get("Filters", [])
    kept = [condition for condition in filters if not condition.get("Name", "").startswith(_STATE_FILTERS)]
    asked: Params = {"Filters": kept} if kept else {}
    if call.params.get("InstanceIds"):
        asked["InstanceIds"] = call.params["InstanceIds"]
    if not asked:
        return list(lives(account, call.region).arrivals)
    if call.action == "DescribeInstanceStatus":
        if "InstanceIds" in asked or not kept:
            return list(asked.get("InstanceIds", ()))
        asked["IncludeAllInstances"] = True
        statuses = account.aws("ec2", "DescribeInstanceStatus", call.region, **asked)["InstanceStatuses"]
        return [status["InstanceId"] for status in statuses]
    return [instance["InstanceId"] for instance in described(account, call.region, "Instances", **asked)]


# --- what is shown ----------------------------------------------------------------------------------------------


def _some_terminated(call: Call, account: Account) -> bool:
    return bool(lives(account, call.region).terminated)


@follows("ec2", "DescribeInstances", when=_some_terminated)
def show_terminated(call: Call, account: Account, reply: Params) -> Params:
    """A terminated instance has no interface, no address and no network any more."""
    for reservation in reply["Reservations"]:
        for instance in reservation["Instances"]:
            if instance["State"]["Name"] == "terminated":
                for name in _GONE:
                    instance.pop(name, None)
                instance["PrivateDnsName"] = instance["PublicDnsName"] = ""
    return reply


def _some_unchecked(call: Call, account: Account) -> bool:
    return any(at > account.now() for at in lives(account, call.region).checked.values())


@follows("ec2", "DescribeInstanceStatus", when=_some_unchecked)
def show_checks(call: Call, account: Account, reply: Params) -> Params:
    """Status checks take two minutes. Asking once shows them at work and moves the clock to their end."""
    checked = lives(account, call.region).checked
    last = 0.0
    for status in reply["InstanceStatuses"]:
        at = checked.get(status["InstanceId"], 0.0)
        if at > account.now() and status["InstanceState"]["Name"] == "running":
            last = max(last, at)
            details = [{"Name": "reachability", "Status": "initializing"}]
            status["InstanceStatus"] = {"Status": "initializing", "Details": details}
            status["SystemStatus"] = {"Status": "initializing", "Details": details}
    account.wait_for(last)
    return reply
