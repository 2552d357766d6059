"""IAM's replies hold what AWS's hold: each call tells a subset of a thing (recorded by localstack's tests, 2026)."""

from typing import Any

from helpers.sandbox.calls import Account, Call, Params, follows

_USE = frozenset({"MaxSessionDuration", "RoleLastUsed"})
_LEFT_OUT: dict[str, frozenset[str]] = {
    "CreateRole": _USE,
    "CreateInstanceProfile": _USE,
    "GetInstanceProfile": _USE,
    "ListInstanceProfiles": _USE | {"Tags"},
    "ListInstanceProfilesForRole": _USE | {"Tags"},
    "CreatePolicy": frozenset({"Description"}),
    "CreatePolicyVersion": frozenset({"Document"}),
    "ListPolicyVersions": frozenset({"Document"}),
}


@follows("iam", *_LEFT_OUT)
def leave_out(call: Call, account: Account, reply: Params) -> Params:
    """Without what only other calls tell; versions of a policy, the newest first."""
    if call.action == "ListPolicyVersions":
        reply["Versions"].sort(key=lambda version: int(version["VersionId"][1:].partition(".")[0]), reverse=True)
    untagged = {"Tags"} if call.action.startswith("Create") and not call.params.get("Tags") else set()
    return {name: _without(member, _LEFT_OUT[call.action] | untagged) for name, member in reply.items()}


def _without(value: Any, names: frozenset[str]) -> Any:
    if isinstance(value, list):
        return [_without(member, names) for member in value]
    if not isinstance(value, dict) or "Statement" in value:
        return value
    return {name: _without(member, names) for name, member in value.items() if name not in names}
