"""``DryRun``: would this call be allowed? Every EC2 action answers, and none changes anything."""

from helpers.sandbox.calls import Account, Call, ServiceError, guards_all


@guards_all(last=True)
def dry_run(call: Call, account: Account) -> None:
    """After all checks, so that a refusal is told first."""
    if call.service == "ec2" and call.params.get("DryRun"):
        raise ServiceError("DryRunOperation", "Request would have succeeded, but DryRun flag is set.", 412)
