"""STS: who am I."""

from helpers.sandbox.calls import Account, Call, Params, replaces


@replaces("sts", "GetCallerIdentity")
def get_caller_identity(call: Call, account: Account) -> Params:
    """The identity that signed the call; moto would answer a user of its own."""
    return {"UserId": call.caller.user_id, "Account": account.account_id, "Arn": call.caller.arn}
