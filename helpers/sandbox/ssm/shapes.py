"""Commands and invocations in the shapes of Systems Manager's replies."""

from datetime import UTC, datetime
from typing import NamedTuple

from helpers.sandbox.calls import Account, Params
from helpers.sandbox.machines.state import Machines, ScriptRun
from helpers.sandbox.ssm.state import Command, Invocation

_OUTPUT_CHARACTERS = 24000
_LISTED_CHARACTERS = 2500


class State(NamedTuple):
    """``Status`` and ``StatusDetails`` as GetCommandInvocation gives them, and when the next change is due."""

    status: str
    details: str
    due: float | None


def state_of(invocation: Invocation, script: ScriptRun | None) -> State:
    if invocation.cancelled_at is not None:
        return State("Cancelled", "Cancelled", None)
    if invocation.delivery_timed_out_at is not None:
        return State("TimedOut", "DeliveryTimedOut", None)
    if script is None:
        return State("Pending", "Pending", invocation.next_at)
    if script.running:
        return State("InProgress", "InProgress", min(script.next_at, script.deadline))
    if script.timed_out:
        return State("TimedOut", "ExecutionTimedOut", None)
    return State("Success", "Success", None) if script.exit_code == 0 else State("Failed", "Failed", None)


def script_of(account: Account, region: str, invocation: Invocation) -> ScriptRun | None:
    key = invocation.script_key
    return account.state(Machines, region).scripts[key] if key else None


def command_shape(command: Command, account: Account, region: str) -> Params:
    states = [
        state_of(invocation, script_of(account, region, invocation)) for invocation in command.invocations.values()
    ]
    pending = [state for state in states if state.due is not None]
    failed = [state for state in states if state.status in ("Failed", "TimedOut")]
    status = "Success"
    if pending:
        status = "Pending" if all(state.status == "Pending" for state in states) else "InProgress"
    elif failed:
        status = failed[0].status
    elif states and all(state.status == "Cancelled" for state in states):
        status = "Cancelled"
    params = command.params
    return {
        "CommandId": command.command_id,
        "DocumentName": params["DocumentName"],
        "DocumentVersion": params.get("DocumentVersion", "$DEFAULT"),
        "Comment": params.get("Comment", ""),
        "ExpiresAfter": datetime.fromtimestamp(command.requested_at + command.timeout, UTC),
        "Parameters": params.get("Parameters", {}),
        "InstanceIds": params.get("InstanceIds", []),
        "Targets": params.get("Targets", []),
        "RequestedDateTime": datetime.fromtimestamp(command.requested_at, UTC),
        "Status": status,
        "StatusDetails": status,
        "MaxConcurrency": params.get("MaxConcurrency", "50"),
        "MaxErrors": params.get("MaxErrors", "0"),
        "TargetCount": len(states),
        "CompletedCount": len(states) - len(pending),
        "ErrorCount": sum(state.details in ("Failed", "ExecutionTimedOut") for state in states),
        "DeliveryTimedOutCount": sum(state.details == "DeliveryTimedOut" for state in states),
        "TimeoutSeconds": command.timeout,
    }


def invocation_shape(command: Command, invocation: Invocation, script: ScriptRun | None) -> Params:
    """What GetCommandInvocation answers."""
    state = state_of(invocation, script)
    return {
        "CommandId": command.command_id,
        "InstanceId": invocation.instance_id,
        "Comment": command.params.get("Comment", ""),
        "DocumentName": command.params["DocumentName"],
        "DocumentVersion": command.params.get("DocumentVersion", "$DEFAULT"),
        "PluginName": "aws:runShellScript",
        "ResponseCode": script.exit_code if script is not None and script.exit_code is not None else -1,
        "ExecutionStartDateTime": _iso(script.started_at) if script else "",
        "ExecutionElapsedTime": _elapsed(script),
        "ExecutionEndDateTime": _iso(script.ended_at) if script and script.ended_at is not None else "",
        "Status": state.status,
        "StatusDetails": state.details,
        "StandardOutputContent": _shown(script.stdout if script else "", script, _OUTPUT_CHARACTERS),
        "StandardErrorContent": _shown(_errors(script), script, _OUTPUT_CHARACTERS),
        "StandardOutputUrl": "",
        "StandardErrorUrl": "",
    }


def listed_shape(command: Command, invocation: Invocation, script: ScriptRun | None, details: bool) -> Params:
    """What ListCommandInvocations answers for one invocation."""
    state = state_of(invocation, script)
    shape: Params = {
        "CommandId": command.command_id,
        "InstanceId": invocation.instance_id,
        "Comment": command.params.get("Comment", ""),
        "DocumentName": command.params["DocumentName"],
        "RequestedDateTime": datetime.fromtimestamp(command.requested_at, UTC),
        "Status": state.status,
        "StatusDetails": state.details,
        "CommandPlugins": [],
    }
    if details and script is not None:
        errors = _errors(script)
        text = script.stdout + (f"\n----------ERROR-------\n{errors}" if errors else "")
        shape["CommandPlugins"] = [
            {
                "Name": "aws:runShellScript",
                "Status": state.status,
                "StatusDetails": state.details,
                "ResponseCode": script.exit_code if script.exit_code is not None else -1,
                "ResponseStartDateTime": datetime.fromtimestamp(script.started_at, UTC),
                "Output": text[:_LISTED_CHARACTERS] if not script.running else "",
            }
        ]
    return shape


def _errors(script: ScriptRun | None) -> str:
    """Standard error, after which the agent says itself how a failed script ended."""
    if script is None:
        return ""
    if script.running or script.timed_out or (script.exit_code or 0) <= 0:
        return script.stderr
    return f"{script.stderr}failed to run commands: exit status {script.exit_code}"


def _shown(text: str, script: ScriptRun | None, characters: int) -> str:
    """Output appears when the script has ended (Systems Manager's agent sends it then)."""
    return text[:characters] if script is not None and not script.running else ""


def _iso(epoch_seconds: float) -> str:
    return datetime.fromtimestamp(epoch_seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"


def _elapsed(script: ScriptRun | None) -> str:
    """An ISO 8601 duration, such as ``PT3.2S``."""
    if script is None or script.ended_at is None:
        return ""
    return f"PT{round(script.ended_at - script.started_at, 3):g}S"
