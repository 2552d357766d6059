"""Looking at commands: a look at one that is still under way moves the clock to its next change."""

from helpers.sandbox.calls import Account, Call, Params, ServiceError, replaces
from helpers.sandbox.protocol.paging import numbered_page
from helpers.sandbox.ssm.run_command import find
from helpers.sandbox.ssm.shapes import State, command_shape, invocation_shape, listed_shape, script_of, state_of
from helpers.sandbox.ssm.state import Command, Commands, Invocation

PAGE = 50


def _look(account: Account, region: str, invocations: list[Invocation]) -> None:
    """Wait until the status of one of these changes, if anything is under way.

    A script of a hundred commands is one wait: a waiter gives up after twenty looks.
    """

    def states() -> list[State]:
        return [state_of(invocation, script_of(account, region, invocation)) for invocation in invocations]

    now = states()
    before = [state.details for state in now]
    while [state.details for state in now] == before:
        due = [state.due for state in now if state.due is not None]
        if not due:
            return
        account.wait_for(min(due))
        now = states()


@replaces("ssm", "GetCommandInvocation")
def get_command_invocation(call: Call, account: Account) -> Params:
    """One command on one instance: status, exit code and output."""
    command = account.state(Commands, call.region).commands.get(call.params["CommandId"])
    invocation = command.invocations.get(call.params["InstanceId"]) if command else None
    if command is None or invocation is None:
        raise ServiceError("InvocationDoesNotExist", "There is no such command on this instance.")
    _look(account, call.region, [invocation])
    return invocation_shape(command, invocation, script_of(account, call.region, invocation))


@replaces("ssm", "ListCommandInvocations")
def list_command_invocations(call: Call, account: Account) -> Params:
    """Invocations, of one command or of all, the newest command first."""
    wanted = [find(call, account)] if "CommandId" in call.params else _newest(call, account)
    pairs = [
        (command, invocation)
        for command in wanted
        for invocation in command.invocations.values()
        if invocation.instance_id == call.params.get("InstanceId", invocation.instance_id)
    ]
    _look(account, call.region, [invocation for _, invocation in pairs])
    details = call.params.get("Details", False)
    shapes = [
        listed_shape(command, invocation, script_of(account, call.region, invocation), details)
        for command, invocation in pairs
    ]
    page, token = numbered_page(_filtered(call, shapes), call, PAGE)
    return {"CommandInvocations": page, "NextToken": token}


@replaces("ssm", "ListCommands")
def list_commands(call: Call, account: Account) -> Params:
    """Commands with their overall status, the newest first."""
    wanted = [find(call, account)] if "CommandId" in call.params else _newest(call, account)
    if "InstanceId" in call.params:
        wanted = [command for command in wanted if call.params["InstanceId"] in command.invocations]
    _look(account, call.region, [invocation for command in wanted for invocation in command.invocations.values()])
    shapes = [command_shape(command, account, call.region) for command in wanted]
    page, token = numbered_page(_filtered(call, shapes), call, PAGE)
    return {"Commands": page, "NextToken": token}


def _filtered(call: Call, shapes: list[Params]) -> list[Params]:
    """Those that every filter of the call wants."""
    for condition in call.params.get("Filters", []):
        if condition["key"] not in ("Status", "DocumentName"):
            raise ServiceError("UnsupportedOperation", f"The sandbox does not filter commands by {condition['key']}.")
        keys = ("Status", "StatusDetails") if condition["key"] == "Status" else ("DocumentName",)
        shapes = [shape for shape in shapes if condition["value"] in [shape[key] for key in keys]]
    return shapes


def _newest(call: Call, account: Account) -> list[Command]:
    return list(reversed(account.state(Commands, call.region).commands.values()))
