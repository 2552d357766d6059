"""The gate: the owner may do everything, every identity that the account issued is asked for its policies.

Identity policies (a user's own, its groups', a role's) are read from IAM at every call, so that a changed policy counts
at once. Session policies and a role's permissions boundary only ever take away. Who may assume a role is decided in
:mod:`helpers.sandbox.iam.sts`, which knows the trust policy.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import lru_cache

from helpers.access import (
    ALWAYS_ALLOWED,
    Decision,
    PermissionCheck,
    Policy,
    Principal,
    Request,
    checks_of,
    denial,
    evaluate,
    pass_role,
)
from helpers.sandbox.calls import Account, Call, Caller, Params, ServiceError, guards_all
from helpers.sandbox.iam.condition_keys import about_resource
from helpers.sandbox.iam.issued_keys import Identities, IssuedKey
from helpers.sandbox.moto_adapter import IamPrincipal
from helpers.sandbox.protocol import signatures

ADMINISTRATOR = Policy.parse(
    {"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}}, "AdministratorAccess"
)
# What a caller without a UserName means is its own user.
OWN_USER_ACTIONS = frozenset(
    {"CreateAccessKey", "DeleteAccessKey", "GetUser", "ListAccessKeys", "ListMFADevices", "UpdateAccessKey"}
)
_OF_A_TOKEN = frozenset({"AssumeRole", "GetCallerIdentity"})
# What these are asked about is in the call: an ARN, or the path of what they make.
_TELL_THE_ARN = frozenset(
    {"CreateGroup", "CreateInstanceProfile", "CreateRole", "CreateUser", "SimulatePrincipalPolicy"}
)
_WITH_A_PATH = frozenset({"role", "user", "group", "instance-profile"})
_PROFILE_ACTIONS = frozenset({"RunInstances", "AssociateIamInstanceProfile", "ReplaceIamInstanceProfileAssociation"})


@dataclass(frozen=True)
class Standing:
    """A caller as IAM sees it: ``own`` policies allow, and each of the ``limits`` must allow too."""

    principal: Principal
    own: tuple[Policy, ...]
    limits: tuple[tuple[str, tuple[Policy, ...]], ...] = ()
    context: tuple[tuple[str, str], ...] = ()


@lru_cache(maxsize=512)
def parse(document: str, name: str) -> Policy:
    """A policy document as IAM keeps it; equal documents are read once."""
    return Policy.parse(document, name)


def parse_all(policies: Iterable[tuple[str, str]]) -> tuple[Policy, ...]:
    return tuple(parse(document, name) for name, document in policies)


def issued_key(account: Account, caller: Caller) -> IssuedKey | None:
    """The key that signed the call, where the account issued it; the owner's own key is not among these."""
    return account.state(Identities, "aws").keys.get(caller.access_key_id)


def standing(account: Account, caller: Caller) -> Standing:
    """What the caller is allowed by, read now. Raises the service's error where the user is gone."""
    key = issued_key(account, caller)
    if caller.owner or key is None or (key.user_name is None and key.role_name is None):
        return Standing(Principal.user(caller.arn), (ADMINISTRATOR,))
    if key.role_name is not None:
        return _role_session(account, key)
    user = account.moto.user(key.user_name or "")
    if user is None or user.identifier != key.user_id:
        raise signatures.unknown_key("iam")
    limits = _limits(user, ())
    return Standing(Principal.user(user.arn), parse_all(user.policies), limits, _tags(user))


def _role_session(account: Account, key: IssuedKey) -> Standing:
    session = key.arn.rpartition("/")[2]
    role = account.moto.role(key.role_name or "")
    if role is None or role.identifier != key.user_id.partition(":")[0]:
        return Standing(Principal.role(key.role_name or "", account.account_id, session), ())
    principal = Principal.role(role.arn, account.account_id, session)
    return Standing(principal, parse_all(role.policies), _limits(role, key.session_policies), _tags(role))


def _limits(identity: IamPrincipal, session: Sequence[str]) -> tuple[tuple[str, tuple[Policy, ...]], ...]:
    limits = []
    if session:
        limits.append(("session policy", tuple(parse(document, "of the session") for document in session)))
    if identity.boundary is not None:
        limits.append(("permissions boundary", (parse(identity.boundary, "of the boundary"),)))
    return tuple(limits)


def _tags(identity: IamPrincipal) -> tuple[tuple[str, str], ...]:
    return tuple((f"aws:PrincipalTag/{key}", value) for key, value in identity.tags.items())


def request_context(account: Account, caller: Caller) -> dict[str, str]:
    """The condition keys of every request. The sandbox simulates endpoints that are reached by TLS."""
    now = account.now()
    context = {
        "aws:CurrentTime": _iso(now),
        "aws:EpochTime": str(int(now)),
        "aws:SecureTransport": "true",
        "aws:SourceIp": "127.0.0.1",
        "aws:UserAgent": caller.user_agent,
        "aws:userid": caller.user_id,
        "aws:ViaAWSService": "false",
    }
    key = issued_key(account, caller)
    if key is not None and key.session_token is not None:
        context |= {"aws:MultiFactorAuthPresent": "false", "aws:TokenIssueTime": _iso(key.issued_at)}
    return context


def _iso(epoch_seconds: float) -> str:
    return datetime.fromtimestamp(epoch_seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


@guards_all()
def gate(call: Call, account: Account) -> None:
    """Refuse what no policy allows, with the code of the service."""
    if call.caller.owner:
        return
    _refuse_token_of_user(call, account)
    action = f"{call.service}:{call.action}"
    if action in ALWAYS_ALLOWED or action == "sts:AssumeRole":
        return
    who = standing(account, call.caller)
    general = {**request_context(account, call.caller), **dict(who.context)}
    for check in _checks(call, account):
        context = {**general, **about_resource(call, account, check), **check.context}
        refusal = decide(who, Request(who.principal, check.action, check.resource, context))
        if refusal is not None:
            raise refused(call.service, *refusal)


def decide(who: Standing, request: Request) -> tuple[Decision, str] | None:
    """The decision that refuses, and which kind of policy made it; ``None`` where the request is allowed."""
    decision = evaluate(request, who.own)
    if not decision:
        return decision, "identity-based policy"
    for kind, policies in who.limits:
        decision = evaluate(request, policies)
        if not decision:
            return decision, kind
    return None


def refused(service: str, decision: Decision, kind: str = "identity-based policy") -> ServiceError:
    """The error of the service, in its words."""
    answer = denial(service, decision)
    return ServiceError(answer.code, answer.message.replace("identity-based policy", kind), answer.status)


def _refuse_token_of_user(call: Call, account: Account) -> None:
    """GetSessionToken's keys reach neither IAM nor most of STS (STS API Reference, GetSessionToken)."""
    key = issued_key(account, call.caller)
    of_user = key is not None and key.session_token is not None and key.role_name is None
    if of_user and (call.service == "iam" or (call.service == "sts" and call.action not in _OF_A_TOKEN)):
        raise ServiceError("AccessDenied", f"Cannot call {call.action} with session credentials", 403)


def _checks(call: Call, account: Account) -> tuple[PermissionCheck, ...]:
    params: Params = call.params
    if call.service == "iam" and call.action in OWN_USER_ACTIONS and "UserName" not in params:
        key = issued_key(account, call.caller)
        if key is not None and key.user_name:
            params = {**params, "UserName": key.user_name}
    told = checks_of(call.service, call.action, params, account.account_id, call.region)
    named = call.service == "iam" and call.action not in _TELL_THE_ARN
    checks = [_with_its_path(check, account) for check in told] if named else told
    return (*checks, *_renamed(call, account), *_passed_roles(call, account), *_moved_subnets(call, account))


def _with_its_path(check: PermissionCheck, account: Account) -> PermissionCheck:
    """A call to IAM gives a name; policies are asked about the ARN, whose path only the account knows."""
    sort, _, name = check.resource.removeprefix(f"arn:aws:iam::{account.account_id}:").partition("/")
    arn = account.moto.iam_arn(sort, name) if sort in _WITH_A_PATH else None
    return replace(check, resource=arn) if arn else check


def _renamed(call: Call, account: Account) -> list[PermissionCheck]:
    """A user gets another name or path: AWS asks about what it becomes, too (IAM API Reference, UpdateUser)."""
    user = account.moto.user(call.params["UserName"]) if (call.service, call.action) == ("iam", "UpdateUser") else None
    if user is None:
        return []
    before, _, name = user.arn.rpartition("/")
    path = call.params.get("NewPath") or f"{before.partition(':user')[2]}/"
    becomes = f"arn:aws:iam::{account.account_id}:user{path}{call.params.get('NewUserName') or name}"
    return [PermissionCheck("iam:UpdateUser", becomes, {"aws:RequestedRegion": "us-east-1"})]


def _moved_subnets(call: Call, account: Account) -> list[PermissionCheck]:
    """Another network ACL for a subnet: the call names an association, and AWS asks for the subnet behind it, too."""
    if (call.service, call.action) != ("ec2", "ReplaceNetworkAclAssociation"):
        return []
    asked = [{"Name": "association.association-id", "Values": [call.params.get("AssociationId", "")]}]
    found = account.aws("ec2", "DescribeNetworkAcls", call.region, Filters=asked)["NetworkAcls"]
    links = [link for acl in found for link in acl["Associations"]]
    subnets = [link["SubnetId"] for link in links if link["NetworkAclAssociationId"] == call.params["AssociationId"]]
    where = f"arn:aws:ec2:{call.region}:{account.account_id}:subnet"
    return [PermissionCheck(f"ec2:{call.action}", f"{where}/{subnet}") for subnet in subnets]


def _passed_roles(call: Call, account: Account) -> list[PermissionCheck]:
    """An instance gets the role of its instance profile: the caller hands it over."""
    profile = call.params.get("IamInstanceProfile", {})
    if call.service != "ec2" or call.action not in _PROFILE_ACTIONS or not profile:
        return []
    names = account.moto.profile_roles(profile.get("Arn") or profile.get("Name", "")) or []
    roles = [account.moto.role(name) for name in names]
    return [pass_role(role.arn, "ec2.amazonaws.com") for role in roles if role is not None]
