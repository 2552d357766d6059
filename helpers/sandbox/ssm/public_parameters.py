"""Parameters of AWS's own in the Parameter Store: their ARNs hold no account (Systems Manager User Guide)."""

from helpers.sandbox.calls import Account, Call, Params, follows


@follows("ssm", "GetParameter", "GetParameters", "GetParametersByPath")
def leave_the_account_out(call: Call, account: Account, reply: Params) -> Params:
    for parameter in [reply["Parameter"]] if "Parameter" in reply else reply["Parameters"]:
        parameter["ARN"] = parameter["ARN"].replace(f":{account.account_id}:parameter/aws/", "::parameter/aws/")
    return reply
