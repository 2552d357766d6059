"""SimulatePrincipalPolicy and SimulateCustomPolicy: what would be allowed, answered by ``access``."""

import json
import re
from typing import Any

from helpers.access import Decision, MalformedPolicy, Policy, Principal, Request, evaluate
from helpers.sandbox.calls import Account, Call, Params, ServiceError, replaces
from helpers.sandbox.iam.authorization import parse_all

_BOUNDARY = "PermissionsBoundaryPolicyInputList"
_ACTION = re.compile(r"[a-z0-9-]+:[A-Za-z0-9*?]+", re.IGNORECASE)


@replaces("iam", "SimulatePrincipalPolicy")
def simulate_principal(call: Call, account: Account) -> Params:
    """The policies of a user, group or role, and those given along."""
    arn = call.params["PolicySourceArn"]
    identity = account.moto.principal(arn)
    if identity is None:
        raise ServiceError("NoSuchEntity", f"The entity {arn} cannot be found.", 404)
    own = [*parse_all(identity.policies), *_given(call, "PolicyInputList")]
    boundary = [] if identity.boundary is None else [Policy.parse(identity.boundary, "boundary")]
    limits = [*boundary, *_given(call, _BOUNDARY)]
    texts = dict(identity.policies)
    return _simulate(call, account, own, limits, str(call.params.get("CallerArn") or arn), texts)


@replaces("iam", "SimulateCustomPolicy")
def simulate_custom(call: Call, account: Account) -> Params:
    caller = str(call.params.get("CallerArn") or f"arn:aws:iam::{account.account_id}:user/simulated")
    return _simulate(call, account, _given(call, "PolicyInputList"), _given(call, _BOUNDARY), caller, {})


def _given(call: Call, parameter: str) -> list[Policy]:
    policies = []
    for index, document in enumerate(call.params.get(parameter, ()), 1):
        try:
            policies.append(Policy.parse(document, f"{parameter}.{index}"))
        except MalformedPolicy as problem:
            raise ServiceError("InvalidInput", f"{parameter}.{index}: {problem}") from None
    return policies


def _simulate(
    call: Call, account: Account, own: list[Policy], limits: list[Policy], caller: str, texts: dict[str, str]
) -> Params:
    """``texts`` are the documents of an identity by their policies' names; none where no identity is asked about."""
    principal = _principal(caller, account)
    context = {
        entry["ContextKeyName"]: tuple(entry.get("ContextKeyValues", ()))
        for entry in call.params.get("ContextEntries", ())
    }
    given = enumerate(call.params.get("PolicyInputList", ()), 1)
    documents = {**texts, **{f"PolicyInputList.{index}": document for index, document in given}}
    results = []
    for action in call.params["ActionNames"]:
        if not _ACTION.fullmatch(action):
            raise ServiceError("InvalidInput", f"Invalid Action name: {action}")
        for resource in call.params.get("ResourceArns") or ["*"]:
            result = _result(Request(principal, action, resource, context), own, limits, documents)
            if call.action == "SimulatePrincipalPolicy":
                result["OrganizationsDecisionDetail"] = {"AllowedByOrganizations": True}
            results.append(result)
    return {"EvaluationResults": results, "IsTruncated": False}


def _principal(arn: str, account: Account) -> Principal:
    try:
        return Principal.from_arn(arn)
    except ValueError:  # a group calls nothing itself
        return Principal.user("member", account.account_id)


def _result(request: Request, own: list[Policy], limits: list[Policy], documents: dict[str, str]) -> Params:
    decision = evaluate(request, own)
    limited = evaluate(request, limits) if limits else None
    verdict = decision.simulated
    if decision and limited is not None and not limited:
        verdict = limited.simulated
    found = {
        "MatchedStatements": _matched(decision, documents),
        "MissingContextValues": _missing(request, decision),
    }
    result: dict[str, Any] = {
        "EvalActionName": request.action,
        "EvalResourceName": request.resource,
        "EvalDecision": verdict,
        "EvalDecisionDetails": {},
        **found,
    }
    if request.resource != "*":
        specific = {"EvalResourceName": request.resource, "EvalResourceDecision": verdict, **found}
        result["ResourceSpecificResults"] = [specific]
    if limited is not None:
        result["PermissionsBoundaryDecisionDetail"] = {"AllowedByPermissionsBoundary": bool(limited)}
    return result


def _matched(decision: Decision, documents: dict[str, str]) -> list[Params]:
    return [
        {
            "SourcePolicyId": reading.policy.name,
            "SourcePolicyType": "IAM Policy",
            **_positions(documents[reading.policy.name], reading.statement.index),
        }
        for reading in decision.readings
        if reading.applies and (decision.allowed or reading.statement.effect == "Deny")
    ]


def _positions(document: str, index: int) -> Params:
    """Where a statement begins and ends: columns count from 1, and from behind its first brace, as AWS's do."""
    start = end = re.search(r'"Statement"\s*:\s*\[?\s*', document).end()  # type: ignore[union-attr]
    for _ in range(index + 1):
        start = document.index("{", end)
        end = json.JSONDecoder().raw_decode(document, start)[1]
    places = {"StartPosition": start + 1, "EndPosition": end}
    return {
        name: {"Line": document.count("\n", 0, place) + 1, "Column": place - document.rfind("\n", 0, place)}
        for name, place in places.items()
    }


def _missing(request: Request, decision: Decision) -> list[str]:
    """Condition keys that a statement on this action asks for and that the call did not give."""
    carried = {key.lower() for key in request.full_context()}
    wanted = (
        condition.key for reading in decision.readings if reading.action for condition in reading.statement.conditions
    )
    return list(dict.fromkeys(key for key in wanted if key.lower() not in carried))
