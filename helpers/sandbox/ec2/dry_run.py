"""``DryRun``: may the caller do this? Every EC2 action answers, and none changes anything.

Source: ``DryRun`` in the EC2 API Reference, which asks for permissions, not for what the call would meet.
"""

from helpers.sandbox.calls import Account, Call, ServiceError, guards_all


@guards_all(service="ec2", last=True)
def dry_run(call: Call, account: Account) -> None:
    """After permissions and parameters, before the guards of the state."""
    if call.params.get("DryRun"):
        raise ServiceError("DryRunOperation", "Request would have succeeded, but DryRun flag is set.", 412)
