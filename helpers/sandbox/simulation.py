"""SimulatePrincipalPolicy and SimulateCustomPolicy: what would be allowed, answered by ``access``."""

import re
from typing import Any

from helpers.access import Decision, MalformedPolicy, Policy, Principal, Request, evaluate
from helpers.sandbox.calls import Account, Call, Params, ServiceError, replaces
from helpers.sandbox.iam import owner_arn
from helpers.sandbox.moto_adapter import Identity
from helpers.sandbox.permissions import ADMINISTRATOR, parse_all

_ACTION = re.compile(r"[a-z0-9-]+:[A-Za-z0-9*?]+", re.IGNORECASE)
_NOT_SIMULATED = ("ResourcePolicy", "ResourceOwner", "ResourceHandlingOption")


@replaces("iam", "SimulatePrincipalPolicy")
def simulate_principal(call: Call, account: Account) -> Params:
    """The policies of a user, group or role, and those given along. The owner is an administrator."""
    arn = call.params["PolicySourceArn"]
    if arn == owner_arn(account):
        limits = _given(call, _BOUNDARY)
        return _simulate(call, account, [ADMINISTRATOR, *_given(call, "PolicyInputList")], limits, arn)
    identity = _identity(arn, account)
    boundary = [identity.boundary] if identity.boundary is not None else []
    own = [*parse_all(identity.policies), *_given(call, "PolicyInputList")]
    limits = [*(Policy.parse(each, "boundary") for each in boundary), *_given(call, _BOUNDARY)]
    return _simulate(call, account, own, limits, str(call.params.get("CallerArn") or arn))


@replaces("iam", "SimulateCustomPolicy")
def simulate_custom(call: Call, account: Account) -> Params:
    caller = str(call.params.get("CallerArn") or f"arn:aws:iam::{account.account_id}:user/simulated")
    return _simulate(call, account, _given(call, "PolicyInputList"), _given(call, _BOUNDARY), caller)


_BOUNDARY = "PermissionsBoundaryPolicyInputList"


def _identity(arn: str, account: Account) -> Identity:
    kind, _, path = arn.rpartition(":")[2].partition("/")
    name = path.rpartition("/")[2]
    finders = {"role": account.moto.role, "user": account.moto.user, "group": account.moto.group}
    found = finders[kind](name) if kind in finders else None
    if found is None or found.arn != arn:
        raise ServiceError("NoSuchEntity", f"The entity {arn} cannot be found.", 404)
    return found


def _given(call: Call, parameter: str) -> list[Policy]:
    policies = []
    for index, document in enumerate(call.params.get(parameter, ()), 1):
        try:
            policies.append(Policy.parse(document, f"{parameter}.{index}"))
        except MalformedPolicy as problem:
            raise ServiceError("InvalidInput", f"{parameter}.{index}: {problem}") from None
    return policies


def _simulate(call: Call, account: Account, own: list[Policy], limits: list[Policy], caller: str) -> Params:
    for name in _NOT_SIMULATED:
        if call.params.get(name):
            raise ServiceError("UnsupportedOperation", f"The sandbox does not simulate {call.action} with {name}.")
    principal = _principal(caller, account)
    context = {
        each["ContextKeyName"]: tuple(each.get("ContextKeyValues", ()))
        for each in call.params.get("ContextEntries", ())
    }
    results = []
    for action in call.params["ActionNames"]:
        if not _ACTION.fullmatch(action):
            raise ServiceError("InvalidInput", f"Invalid Action name: {action}")
        for resource in call.params.get("ResourceArns") or ["*"]:
            results.append(_result(Request(principal, action, resource, context), own, limits))
    return {"EvaluationResults": results, "IsTruncated": False}


def _principal(arn: str, account: Account) -> Principal:
    try:
        return Principal.from_arn(arn)
    except ValueError:  # a group calls nothing itself
        return Principal.user("member", account.account_id)


def _result(request: Request, own: list[Policy], limits: list[Policy]) -> Params:
    decision = evaluate(request, own)
    limited = evaluate(request, limits) if limits else None
    verdict = decision.simulated
    if decision and limited is not None and not limited:
        verdict = limited.simulated
    result: dict[str, Any] = {
        "EvalActionName": request.action,
        "EvalResourceName": request.resource,
        "EvalDecision": verdict,
        "MatchedStatements": _matched(decision),
        "MissingContextValues": _missing(request, decision),
    }
    if limited is not None:
        result["PermissionsBoundaryDecisionDetail"] = {"AllowedByPermissionsBoundary": bool(limited)}
    return result


def _matched(decision: Decision) -> list[Params]:
    return [
        {"SourcePolicyId": reading.policy.name, "SourcePolicyType": "IAM Policy"}
        for reading in decision.readings
        if reading.applies and (decision.allowed or reading.statement.effect == "Deny")
    ]


def _missing(request: Request, decision: Decision) -> list[str]:
    """Condition keys that a statement on this action asks for and that nobody gave."""
    carried = {key.lower() for key in request.full_context()}
    wanted = (
        condition.key for reading in decision.readings if reading.action for condition in reading.statement.conditions
    )
    return list(dict.fromkeys(key for key in wanted if key.lower() not in carried))
