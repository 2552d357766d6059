"""IAM: policies are checked when they are made, what is in use stays, and issued keys are known to the front."""

from collections.abc import Callable
from dataclasses import replace

from helpers.access import MalformedPolicy, Policy, validate_permissions, validate_trust
from helpers.sandbox.calls import Account, Call, Params, ServiceError, guards, guards_all, replaces
from helpers.sandbox.iam import authorization
from helpers.sandbox.iam.condition_keys import refuse_unknown
from helpers.sandbox.iam.issued_keys import OWNER, Identities, IssuedKey

# IAM User Guide, "IAM and AWS STS quotas": characters of a document.
_MANAGED_SIZE, _TRUST_SIZE = 6144, 2048
_INLINE_SIZES = {"Role": 10240, "User": 2048, "Group": 5120}


# --- documents --------------------------------------------------------------------------------------------------


def _checked(check: Callable[[str], Policy], document: str) -> Policy:
    try:
        policy = check(document)
    except MalformedPolicy as problem:
        raise ServiceError("MalformedPolicyDocument", str(problem)) from None
    refuse_unknown(document, policy)
    return policy


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
    ours = arn.startswith((f"arn:aws:iam::{account.account_id}:user/", f"arn:aws:iam::{account.account_id}:role/"))
    return not ours or account.moto.principal(arn) is not None


@guards("iam", "CreateRole", "PutRolePermissionsBoundary")
def boundary_exists(call: Call, account: Account) -> None:
    arn = call.params.get("PermissionsBoundary")
    if arn and account.moto.managed_policy(arn) is None:
        raise ServiceError("NoSuchEntity", f"Scope ARN: {arn} does not exist or is not attachable.", 404)


# --- names and tags ---------------------------------------------------------------------------------------------

# The action, the parameter that names what it makes, where the names are held, and the refusal.
_NAMED = {
    "CreateGroup": ("GroupName", "groups", "Group with name {} already exists."),
    "CreateInstanceProfile": ("InstanceProfileName", "instance_profiles", "Instance Profile {} already exists."),
    "CreatePolicy": (
        "PolicyName",
        "managed_policies",
        "A policy called {} already exists. Duplicate names are not allowed.",
    ),
    "CreateRole": ("RoleName", "roles", "Role with name {} already exists."),
    "CreateUser": ("UserName", "users", "User with name {} already exists."),
    "UpdateUser": ("NewUserName", "users", "User with name {} already exists."),
}


@guards("iam", *_NAMED)
def is_new_name(call: Call, account: Account) -> None:
    """Names are not distinguished by case (IAM API Reference, ``CreateUser`` and its like); moto tells them apart."""
    parameter, kind, refusal = _NAMED[call.action]
    name, old = call.params.get(parameter, ""), call.params.get("UserName", "")
    renames = call.action == "UpdateUser" and name.lower() == old.lower()
    if not renames and name.lower() in account.moto.iam_names(kind):
        raise ServiceError("EntityAlreadyExists", refusal.format(name), 409)


@guards_all(service="iam")
def tags_are_ones_own(call: Call, account: Account) -> None:
    """IAM's tag keys are not distinguished by case, and ``aws:`` begins AWS's own (IAM User Guide, "Tags")."""
    keys = [tag["Key"].lower() for tag in call.params.get("Tags", ())]
    if len(set(keys)) < len(keys):
        raise ServiceError("InvalidInput", "Duplicate tag keys found. Please note that Tag keys are case insensitive.")
    if any(key.startswith("aws:") for key in keys):
        raise ServiceError("InvalidInput", "Tag keys that begin with aws: are reserved for use by AWS.")


@guards("iam", "ListEntitiesForPolicy", "ListInstanceProfilesForRole")
def exists(call: Call, account: Account) -> None:
    """moto shows an empty list of what is not there."""
    if "RoleName" in call.params:
        account.aws("iam", "GetRole", call.region, RoleName=call.params["RoleName"])
    else:
        account.aws("iam", "GetPolicy", call.region, PolicyArn=call.params["PolicyArn"])


# --- what is in use ---------------------------------------------------------------------------------------------


def _conflict(message: str) -> ServiceError:
    return ServiceError("DeleteConflict", message, 409)


@guards("iam", "DeletePolicy")
def may_delete_policy(call: Call, account: Account) -> None:
    arn = call.params["PolicyArn"]
    policy = account.aws("iam", "GetPolicy", call.region, PolicyArn=arn)["Policy"]
    if policy.get("AttachmentCount"):
        raise _conflict("Cannot delete a policy attached to entities.")
    if policy.get("PermissionsBoundaryUsageCount"):
        raise _conflict("Cannot delete a policy that is in use as a permissions boundary.")
    if len(account.aws("iam", "ListPolicyVersions", call.region, PolicyArn=arn)["Versions"]) > 1:
        raise _conflict(
            "This policy has more than one version. Before you delete a policy, you must delete the policy's "
            "versions. The default version is deleted with the policy."
        )


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


@guards("iam", "RemoveRoleFromInstanceProfile")
def holds_role(call: Call, account: Account) -> None:
    """moto fails on a role that is elsewhere."""
    profile, role = call.params["InstanceProfileName"], call.params["RoleName"]
    held = account.moto.profile_roles(profile)
    if held is not None and role not in held and account.moto.role(role) is not None:
        raise ServiceError("NoSuchEntity", f"Role {role} in Instance Profile {profile} cannot be found.", 404)


# --- access keys ------------------------------------------------------------------------------------------------


def _user_name(call: Call, account: Account) -> str:
    """The user that the call names, else the caller's own."""
    if call.params.get("UserName"):
        return str(call.params["UserName"])
    if call.caller.owner:
        return OWNER
    key = authorization.issued_key(account, call.caller)
    if key is not None and key.user_name is not None and key.session_token is None:
        return key.user_name
    raise ServiceError("ValidationError", "Must specify userName when calling with non-User credentials")


@replaces("iam", "CreateAccessKey", "UpdateAccessKey", "DeleteAccessKey", "ListAccessKeys")
def access_keys(call: Call, account: Account) -> Params:
    """Keep the keys that the front accepts in step with IAM's."""
    name = _user_name(call, account)
    reply = account.aws("iam", call.action, call.region, **{**call.params, "UserName": name})
    known = account.state(Identities, "aws")
    for key in reply.get("AccessKeyMetadata", ()):
        key["UserName"] = name  # to moto a key keeps the name that its user had when it was made
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


@replaces("iam", "UpdateUser")
def rename(call: Call, account: Account) -> Params:
    """A renamed user keeps its keys, its tags, and who trusts it."""
    old, new = call.params["UserName"], call.params.get("NewUserName") or call.params["UserName"]
    before = account.moto.user(old)
    reply = account.aws("iam", "UpdateUser", call.region, **call.params)
    user = account.moto.user(new)
    assert before is not None and user is not None
    account.moto.rename_trusted(before.arn, user.arn)
    account.moto.move_tags(before.arn, user.arn)
    known = account.state(Identities, "aws")
    for key in [key for key in known.keys.values() if key.user_name == old]:
        known.add(replace(key, user_name=new, arn=user.arn))
    return reply


@replaces("iam", "DeleteUser", "DeleteRole")
def delete_principal(call: Call, account: Account) -> Params:
    """Who trusted it keeps its unique id, so a namesake made later is a stranger (IAM User Guide, "Principal")."""
    is_user = call.action == "DeleteUser"
    holder = account.moto.user(call.params["UserName"]) if is_user else account.moto.role(call.params["RoleName"])
    reply = account.aws("iam", call.action, call.region, **call.params)
    if holder is not None:
        account.moto.rename_trusted(holder.arn, holder.identifier)
    return reply


@replaces("iam", "GetUser", "ListMFADevices")
def about_user(call: Call, account: Account) -> Params:
    """Without a name: the caller. No device can be made here, so none is shown."""
    return account.aws("iam", call.action, call.region, UserName=_user_name(call, account))


@guards("iam", "AttachUserPolicy", "DetachUserPolicy", "PutUserPolicy", "UpdateUser", "AddUserToGroup")
@guards("iam", "UpdateAccessKey", "DeleteAccessKey")
def owner_stays(call: Call, account: Account) -> None:
    """The owner's key opens everything, whatever its policies say: they must not say otherwise."""
    name = call.params.get("UserName") or (call.caller.owner and OWNER)
    its_own = call.params.get("AccessKeyId") not in account.state(Identities, "aws").keys
    if name == OWNER and its_own:
        raise ServiceError(
            "UnsupportedOperation", f"The sandbox does not simulate {call.action} of its owner, {OWNER}."
        )
