"""SendCommand and what becomes of it."""

from collections.abc import Mapping
from typing import Any

from helpers.sandbox.calls import Account, Call, Params, ServiceError, on_event, replaces
from helpers.sandbox.ec2.common import described
from helpers.sandbox.machines.scripts import run, stop
from helpers.sandbox.ssm.agents import Agents, managed, online, register
from helpers.sandbox.ssm.shapes import command_shape, script_of
from helpers.sandbox.ssm.state import Command, Commands, Invocation

DELIVER, GIVE_UP = "ssm.deliver", "ssm.give-up"
DELIVERY_SECONDS = 1.0
RETRY_SECONDS = 60.0
DOCUMENT = "AWS-RunShellScript"
_DEFAULT_TIMEOUT = 3600
_KNOWN = {"commands", "workingDirectory", "executionTimeout"}


@replaces("ssm", "SendCommand")
def send_command(call: Call, account: Account) -> Params:
    """Take a shell script for the targets named, and only for these; it is delivered a moment later."""
    params = call.params
    if params["DocumentName"] != DOCUMENT:
        raise ServiceError("InvalidDocument", f"The sandbox runs the document {DOCUMENT} only.")
    register(account, call.region)
    parameters = _parameters(params.get("Parameters", {}))
    command = Command(
        command_id=str(_uuid(account)),
        commands=tuple(parameters["commands"]),
        requested_at=account.now(),
        timeout=params.get("TimeoutSeconds", _DEFAULT_TIMEOUT),
        execution_timeout=_seconds(parameters.get("executionTimeout", [])),
        params=params,
    )
    for instance_id in _targets(call, account):
        command.invocations[instance_id] = Invocation(instance_id, next_at=account.now() + DELIVERY_SECONDS)
        where = {"region": call.region, "command_id": command.command_id, "instance_id": instance_id}
        account.schedule(account.now() + DELIVERY_SECONDS, DELIVER, **where)
        account.schedule(account.now() + command.timeout, GIVE_UP, **where)
    account.state(Commands, call.region).commands[command.command_id] = command
    return {"Command": command_shape(command, account, call.region)}


def _uuid(account: Account) -> str:
    digits = f"{account.random('command').getrandbits(128):032x}"
    return "-".join((digits[:8], digits[8:12], "4" + digits[13:16], "a" + digits[17:20], digits[20:]))


def _parameters(parameters: Mapping[str, list[str]]) -> Mapping[str, list[str]]:
    if unknown := set(parameters) - _KNOWN:
        raise ServiceError("InvalidParameters", f"{DOCUMENT} has no parameter {min(unknown)}.")
    if not parameters.get("commands"):
        raise ServiceError("InvalidParameters", f"{DOCUMENT} needs the parameter commands.")
    return parameters


def _seconds(values: list[str]) -> int:
    if not values:
        return _DEFAULT_TIMEOUT
    if not values[0].isdigit() or not 1 <= int(values[0]) <= 172800:
        raise ServiceError("InvalidParameters", "executionTimeout is a number of seconds from 1 to 172800.")
    return int(values[0])


def _targets(call: Call, account: Account) -> list[str]:
    """The managed instances that the call names. AWS refuses ids that it does not manage."""
    known = [instance_id for instance_id, _ in managed(account, call.region)]
    named = list(dict.fromkeys(call.params.get("InstanceIds", [])))
    if not named and not call.params.get("Targets"):
        raise ServiceError("InvalidTarget", "Name the instances in InstanceIds or in Targets.")
    for target in call.params.get("Targets", []):
        named += [
            instance_id
            for instance_id in _matching(call, account, target)
            if instance_id not in named and instance_id in known
        ]
    if strangers := [instance_id for instance_id in named if instance_id not in known]:
        listed = ", ".join(strangers)
        message = f"Instances [[{listed}]] not in a valid state for account {account.account_id}"
        raise ServiceError("InvalidInstanceId", message)
    return named


def _matching(call: Call, account: Account, target: Params) -> list[str]:
    key, values = target.get("Key", ""), target.get("Values", [])
    if key.lower() == "instanceids":  # the AWS CLI's own examples of send-command write it in lower case
        return list(values)
    if not key.startswith("tag:") and key != "tag-key":
        raise ServiceError("InvalidTarget", f"The sandbox does not know the target key {key}.")
    instances = described(account, call.region, "Instances", Filters=[{"Name": key, "Values": values}])
    return [instance["InstanceId"] for instance in instances]


# --- on its way -------------------------------------------------------------------------------------------------


@on_event(DELIVER)
def deliver(account: Account, payload: Mapping[str, Any]) -> None:
    """The agent asks for work: if it can be reached, its script starts; if not, it is asked again later."""
    region = payload["region"]
    command = account.state(Commands, region).commands[payload["command_id"]]
    invocation = command.invocations[payload["instance_id"]]
    if invocation.delivery_timed_out_at is not None or invocation.cancelled_at is not None:
        return
    if not online(account, region, invocation.instance_id):
        invocation.next_at = account.now() + RETRY_SECONDS
        account.schedule(invocation.next_at, DELIVER, **payload)
        return
    account.state(Agents, region).seen[invocation.instance_id] = account.now()
    invocation.script_key = f"{command.command_id}/{invocation.instance_id}"
    text = "\n".join(command.commands)
    run(account, region, invocation.script_key, invocation.instance_id, text, command.execution_timeout)


@on_event(GIVE_UP)
def give_up(account: Account, payload: Mapping[str, Any]) -> None:
    """No agent took the command in time."""
    command = account.state(Commands, payload["region"]).commands[payload["command_id"]]
    invocation = command.invocations[payload["instance_id"]]
    if invocation.script_key is None and invocation.cancelled_at is None:
        invocation.delivery_timed_out_at = account.now()


@replaces("ssm", "CancelCommand")
def cancel_command(call: Call, account: Account) -> Params:
    """Take back what no agent has taken yet, and kill what runs."""
    command = find(call, account)
    for instance_id in call.params.get("InstanceIds") or list(command.invocations):
        invocation = command.invocations.get(instance_id)
        if invocation is None or invocation.delivery_timed_out_at is not None:
            continue
        script = script_of(account, call.region, invocation)
        if script is not None and script.running:
            stop(account, call.region, script)
        elif script is not None:
            continue
        invocation.cancelled_at = account.now()
    return {}


def find(call: Call, account: Account) -> Command:
    """The command a call names; raises ``InvalidCommandId``."""
    command = account.state(Commands, call.region).commands.get(call.params["CommandId"])
    if command is None:
        raise ServiceError("InvalidCommandId", f"There is no command {call.params['CommandId']}.")
    return command
