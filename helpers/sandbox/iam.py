"""IAM: policies are checked when they are made, what is in use stays, and issued keys are known to the front."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from helpers.access import MalformedPolicy, Policy, validate_permissions, validate_trust
from helpers.sandbox import permissions
from helpers.sandbox.calls import Account, Call, Params, ServiceError, follows, guards, replaces
from helpers.sandbox.identities import Identities, IssuedKey

# IAM User Guide, "IAM and AWS STS quotas": characters of a document.
_MANAGED_SIZE, _TRUST_SIZE = 6144, 2048
_INLINE_SIZES = {"Role": 10240, "User": 2048, "Group": 5120}
_OWNER_SINCE = datetime(2026, 1, 1, tzinfo=UTC)


# --- documents --------------------------------------------------------------------------------------------------


def _checked(check: Callable[[str], Policy], document: str) -> Policy:
    try:
        return check(document)
    except MalformedPolicy as problem:
        raise ServiceError("MalformedPolicyDocument", str(problem)) from None


@guards("iam", "CreatePolicy", "CreatePolicyVersion", "PutRolePolicy", "PutUserPolicy", "PutGroupPolicy")
def permissions_document(call: Call, account: Account) -> None:
    document = call.params["PolicyDocument"]
    _checked(validate_permissions, document)
    if call.action in ("CreatePolicy", "CreatePolicyVersion"):
        _check_size(document, _MANAGED_SIZE, f"Cannot exceed quota for PolicySize: {_MANAGED_SIZE}")
        return
    holder = call.action.removeprefix("Put").removesuffix("Policy")
    size, name = _INLINE_SIZES[holder], call.params[f"{holder}Name"]
    _check_size(document, size, f"Maximum policy size of {size} bytes exceeded for {holder.lower()} {name}")


def _check_size(document: str, most: int, message: str) -> None:
    """IAM counts a document's characters without white space."""
    if len("".join(document.split())) > most:
        raise ServiceError("LimitExceeded", message, 409)


@guards("iam", "CreateRole")
def new_trust_document(call: Call, account: Account) -> None:
    _check_trust(call.params["AssumeRolePolicyDocument"], account)


@guards("iam", "UpdateAssumeRolePolicy")
def changed_trust_document(call: Call, account: Account) -> None:
    _check_trust(call.params["PolicyDocument"], account)


def _check_trust(document: str, account: Account) -> None:
    """The document, and that the users and roles of this account which it names exist."""
    policy = _checked(validate_trust, document)
    _check_size(document, _TRUST_SIZE, f"Cannot exceed quota for ACLSizePerRole: {_TRUST_SIZE}")
    for statement in policy.statements:
        for sort, value in (*(statement.principals or ()), *(statement.not_principals or ())):
            if sort == "AWS" and not _exists(value, account):
                raise ServiceError("MalformedPolicyDocument", f'Invalid principal in policy: "AWS":"{value}"')


def _exists(arn: str, account: Account) -> bool:
    head = f"arn:aws:iam::{account.account_id}:"
    kind, _, name = arn.removeprefix(head).partition("/")
    if not arn.startswith(head) or kind not in ("user", "role"):
        return True
    name = name.rpartition("/")[2]
    found = account.moto.role(name) if kind == "role" else account.moto.user(name)
    return (found is not None and found.arn == arn) or arn == owner_arn(account)


def owner_arn(account: Account) -> str:
    """The course's own identity, which IAM's lists do not show."""
    return f"arn:aws:iam::{account.account_id}:user/learner"


@guards("iam", "CreateRole", "PutRolePermissionsBoundary")
def boundary_exists(call: Call, account: Account) -> None:
    arn = call.params.get("PermissionsBoundary")
    if arn and account.moto.managed_policy(arn) is None:
        raise ServiceError("NoSuchEntity", f"Scope ARN: {arn} does not exist or is not attachable.", 404)


# --- what is in use ---------------------------------------------------------------------------------------------


def _conflict(message: str) -> ServiceError:
    return ServiceError("DeleteConflict", message, 409)


@guards("iam", "DeletePolicy")
def may_delete_policy(call: Call, account: Account) -> None:
    arn = call.params["PolicyArn"]
    if account.aws("iam", "GetPolicy", call.region, PolicyArn=arn)["Policy"].get("AttachmentCount"):
        raise _conflict("Cannot delete a policy attached to entities.")
    if account.moto.is_boundary(arn):
        raise _conflict("Cannot delete a policy that is in use as a permissions boundary.")
    if len(account.aws("iam", "ListPolicyVersions", call.region, PolicyArn=arn)["Versions"]) > 1:
        raise _conflict(
            "This policy has more than one version. Before you delete a policy, you must delete the policy's "
            "versions. The default version is deleted with the policy."
        )


@guards("iam", "CreateUser")
def no_boundary(call: Call, account: Account) -> None:
    """moto forgets a user's boundary; a limit that does not limit would be a lie."""
    if call.params.get("PermissionsBoundary"):
        raise ServiceError("UnsupportedOperation", "The sandbox does not simulate CreateUser with PermissionsBoundary.")


@guards("iam", "DeleteUser")
def may_delete_user(call: Call, account: Account) -> None:
    """moto looks at policies only."""
    name = call.params["UserName"]
    if account.aws("iam", "ListAccessKeys", call.region, UserName=name)["AccessKeyMetadata"]:
        raise _conflict("Cannot delete entity, must delete access keys first.")
    if account.aws("iam", "ListGroupsForUser", call.region, UserName=name)["Groups"]:
        raise _conflict("Cannot delete entity, must remove users from group first.")


@guards("iam", "DeleteGroup")
def may_delete_group(call: Call, account: Account) -> None:
    name = call.params["GroupName"]
    if account.aws("iam", "GetGroup", call.region, GroupName=name)["Users"]:
        raise _conflict("Cannot delete entity, must remove users from group first.")
    if account.aws("iam", "ListAttachedGroupPolicies", call.region, GroupName=name)["AttachedPolicies"]:
        raise _conflict("Cannot delete entity, must detach all policies first.")
    if account.aws("iam", "ListGroupPolicies", call.region, GroupName=name)["PolicyNames"]:
        raise _conflict("Cannot delete entity, must delete policies first.")


@guards("iam", "DeleteInstanceProfile")
def may_delete_profile(call: Call, account: Account) -> None:
    if account.moto.profile_roles(call.params["InstanceProfileName"]):
        raise _conflict("Cannot delete entity, must remove roles from instance profile first.")


@guards("iam", "AddRoleToInstanceProfile")
def may_add_role(call: Call, account: Account) -> None:
    """An instance profile holds one role."""
    if account.moto.profile_roles(call.params["InstanceProfileName"]):
        raise ServiceError("LimitExceeded", "Cannot exceed quota for InstanceSessionsPerInstanceProfile: 1", 409)


# --- access keys ------------------------------------------------------------------------------------------------


def _user_name(call: Call, account: Account) -> str:
    """The user that the call names, else the caller's own."""
    if call.params.get("UserName"):
        return str(call.params["UserName"])
    key = permissions.issued_key(account, call.caller)
    if key is not None and key.user_name is not None and key.session_token is None:
        return key.user_name
    raise ServiceError("ValidationError", "Must specify userName when calling with non-User credentials")


@replaces("iam", "CreateAccessKey", "UpdateAccessKey", "DeleteAccessKey", "ListAccessKeys")
def access_keys(call: Call, account: Account) -> Params:
    """Keep the keys that the front accepts in step with IAM's."""
    name = _user_name(call, account)
    reply = account.aws("iam", call.action, call.region, **{**call.params, "UserName": name})
    known = account.state(Identities, "aws")
    if call.action == "CreateAccessKey":
        _register(account, known, reply["AccessKey"])
    elif call.action == "UpdateAccessKey":
        key_id = call.params["AccessKeyId"]
        known.add(replace(known.keys[key_id], active=call.params["Status"] == "Active"))
    elif call.action == "DeleteAccessKey":
        known.keys.pop(call.params["AccessKeyId"], None)
    return reply


def _register(account: Account, known: Identities, made: Params) -> None:
    user = account.moto.user(made["UserName"])
    assert user is not None
    known.add(
        IssuedKey(made["AccessKeyId"], made["SecretAccessKey"], user.arn, user.identifier, user_name=made["UserName"])
    )


@follows("iam", "UpdateUser")
def renamed(call: Call, account: Account, reply: Params) -> Params:
    """A renamed user keeps its keys."""
    old, new = call.params["UserName"], call.params.get("NewUserName") or call.params["UserName"]
    user = account.moto.user(new)
    known = account.state(Identities, "aws")
    for key in list(known.keys.values()):
        if user is not None and key.user_name == old:
            known.add(replace(key, user_name=new, arn=user.arn))
    return reply


@replaces("iam", "GetUser")
def get_user(call: Call, account: Account) -> Params:
    """Without a name: the caller. The owner is a user that no list shows."""
    if call.caller.owner and not call.params.get("UserName"):
        owner: dict[str, Any] = {
            "Path": "/",
            "UserName": call.caller.arn.rpartition("/")[2],
            "UserId": call.caller.user_id,
            "Arn": call.caller.arn,
            "CreateDate": _OWNER_SINCE,
        }
        return {"User": owner}
    return account.aws("iam", "GetUser", call.region, UserName=_user_name(call, account))
