"""STS: who am I, and keys for a while.

A role is assumed when its trust policy lets the caller, and the caller's own policies where the trust policy only
trusts the account. Keys end in virtual time.
"""

import base64
from datetime import UTC, datetime
from typing import Any

from helpers.access import MalformedPolicy, Policy, Principal, Request, may_assume, validate_permissions
from helpers.sandbox.calls import Account, Call, Params, ServiceError, replaces
from helpers.sandbox.iam import authorization
from helpers.sandbox.iam.condition_keys import refuse_unknown
from helpers.sandbox.iam.issued_keys import Identities, IssuedKey
from helpers.sandbox.moto_adapter import IamPrincipal

DEFAULT_ROLE_SECONDS = 3600
DEFAULT_TOKEN_SECONDS = 43200
SECONDS_REMEMBERED = 7 * 86400.0
_CHAINED_SECONDS = 3600
_KEY_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
_PACKED_LIMIT = 2048


@replaces("sts", "GetCallerIdentity")
def get_caller_identity(call: Call, account: Account) -> Params:
    """The identity that signed the call; moto would answer a user of its own."""
    return {"UserId": call.caller.user_id, "Account": account.account_id, "Arn": call.caller.arn}


@replaces("sts", "AssumeRole")
def assume_role(call: Call, account: Account) -> Params:
    params = call.params
    role = _trusting_role(call, account)
    seconds = params.get("DurationSeconds", DEFAULT_ROLE_SECONDS)
    _check_duration(call, account, role, seconds)
    session_policies = _session_policies(call, account)
    name, session = role.arn.rpartition("/")[2], params["RoleSessionName"]
    key = _issue(
        account,
        seconds,
        arn=f"arn:aws:sts::{account.account_id}:assumed-role/{name}/{session}",
        user_id=f"{role.identifier}:{session}",
        role_name=name,
        session_policies=session_policies,
    )
    reply: Params = {
        "Credentials": _credentials(key),
        "AssumedRoleUser": {"AssumedRoleId": key.user_id, "Arn": key.arn},
    }
    if session_policies:
        size = sum(len(document.encode()) for document in session_policies)
        reply["PackedPolicySize"] = max(1, round(100 * size / _PACKED_LIMIT))
    return reply


@replaces("sts", "GetSessionToken")
def get_session_token(call: Call, account: Account) -> Params:
    """Temporary keys of the same user. The gate keeps them away from IAM and most of STS."""
    mine = authorization.issued_key(account, call.caller)
    if mine is not None and mine.session_token is not None:
        raise ServiceError("AccessDenied", "Cannot call GetSessionToken with session credentials", 403)
    key = _issue(
        account,
        call.params.get("DurationSeconds", DEFAULT_TOKEN_SECONDS),
        arn=call.caller.arn,
        user_id=call.caller.user_id,
        user_name=mine.user_name if mine is not None else None,
    )
    return {"Credentials": _credentials(key)}


# --- may this caller? -------------------------------------------------------------------------------------------


def _trusting_role(call: Call, account: Account) -> IamPrincipal:
    """The role, where the caller may assume it. A role that does not exist is refused in the same words."""
    arn = call.params["RoleArn"]
    parts = arn.split(":", 5)
    if len(parts) < 6 or parts[0] != "arn" or not (parts[1] and parts[2] and parts[5]):
        raise ServiceError("ValidationError", f"{arn} is invalid")
    who = authorization.standing(account, call.caller)
    context = {**authorization.request_context(account, call.caller), **dict(who.context)}
    context["sts:RoleSessionName"] = call.params["RoleSessionName"]
    if call.params.get("ExternalId"):
        context["sts:ExternalId"] = call.params["ExternalId"]
    role = account.moto.role(arn.rpartition("/")[2])
    if role is None or role.arn != arn:
        raise _refusal(who.principal, arn)
    trust = authorization.parse(role.trust, "")
    decision = may_assume(trust, who.principal, context, who.own, role_arn=arn)
    if not decision:
        raise authorization.refused("sts", decision)
    limited = authorization.decide(
        authorization.Standing(who.principal, (authorization.ADMINISTRATOR,), who.limits),
        Request(who.principal, "sts:AssumeRole", arn, context),
    )
    if limited is not None:
        raise authorization.refused("sts", *limited)
    return role


def _refusal(principal: Principal, arn: str) -> ServiceError:
    anyone = Policy.parse({"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "sts:AssumeRole"}})
    return authorization.refused("sts", may_assume(anyone, principal, role_arn=arn))


def _check_duration(call: Call, account: Account, role: IamPrincipal, seconds: int) -> None:
    mine = authorization.issued_key(account, call.caller)
    if mine is not None and mine.role_name is not None and seconds > _CHAINED_SECONDS:
        raise ServiceError(
            "ValidationError",
            "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining.",
        )
    if seconds > role.longest_session:
        raise ServiceError(
            "ValidationError", "The requested DurationSeconds exceeds the MaxSessionDuration set for this role."
        )


def _session_policies(call: Call, account: Account) -> tuple[str, ...]:
    documents = [call.params["Policy"]] if call.params.get("Policy") else []
    for reference in call.params.get("PolicyArns", ()):
        document = account.moto.managed_policy(reference.get("arn", ""))
        if document is None:
            raise ServiceError("MalformedPolicyDocument", f"The policy {reference.get('arn')} does not exist.")
        documents.append(document)
    for document in documents[: 1 if call.params.get("Policy") else 0]:
        try:
            refuse_unknown(document, validate_permissions(document))
        except MalformedPolicy as problem:
            raise ServiceError("MalformedPolicyDocument", str(problem)) from None
    return tuple(documents)


# --- keys -------------------------------------------------------------------------------------------------------


def _issue(account: Account, seconds: int, **identity: Any) -> IssuedKey:
    """Make temporary keys, and forget those that ended long ago."""
    draw = account.random("credentials")
    key = IssuedKey(
        access_key_id="ASIA" + "".join(draw.choices(_KEY_LETTERS, k=16)),
        secret_access_key=base64.b64encode(draw.randbytes(30)).decode(),
        session_token=base64.b64encode(draw.randbytes(210)).decode(),
        issued_at=account.now(),
        expires_at=account.now() + seconds,
        **identity,
    )
    known = account.state(Identities, "aws")
    for old in list(known.keys.values()):
        if old.expires_at is not None and old.expires_at + SECONDS_REMEMBERED < account.now():
            del known.keys[old.access_key_id]
    known.add(key)
    return key


def _credentials(key: IssuedKey) -> Params:
    assert key.expires_at is not None
    return {
        "AccessKeyId": key.access_key_id,
        "SecretAccessKey": key.secret_access_key,
        "SessionToken": key.session_token,
        "Expiration": datetime.fromtimestamp(key.expires_at, UTC),
    }
