"""What IAM checks when a policy is created: one function for permissions policies, one for trust policies."""

import difflib
import re
from collections.abc import Mapping
from typing import Any

from helpers.access.document import Kind, MalformedPolicy, Policy, Statement, malformed
from helpers.access.services import SERVICE_PRINCIPALS
from helpers.access.wildcards import without_variables

# What a trust policy may name as Action. Wildcards, ``sts:*`` included, are refused.
TRUST_ACTIONS = (
    "sts:AssumeRole",
    "sts:AssumeRoleWithSAML",
    "sts:AssumeRoleWithWebIdentity",
    "sts:SetContext",
    "sts:SetSourceIdentity",
    "sts:TagSession",
)
_VENDOR = re.compile(r"^[A-Za-z0-9-]+$")
_SID = re.compile(r"^[0-9A-Za-z]*$")
_ACCOUNT = re.compile(r"^\d{12}$")
_PRINCIPAL_ARN = re.compile(
    r"^arn:aws[\w-]*:(iam|sts)::\d{12}:(root|user/.+|role/.+|assumed-role/.+/.+|federated-user/.+)$"
)
_IAM_STARTS = (
    "user/",
    "federated-user/",
    "role/",
    "group/",
    "instance-profile/",
    "mfa/",
    "server-certificate/",
    "policy/",
    "sms-mfa/",
    "saml-provider/",
    "oidc-provider/",
    "report/",
    "access-report/",
)


def validate_permissions(document: str | bytes | Mapping[str, Any], name: str = "") -> Policy:
    """Read a permissions policy as CreatePolicy and PutRolePolicy do; raises ``MalformedPolicy``.

    >>> validate_permissions({"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "logs:*"}})
    Traceback (most recent call last):
    helpers.access.document.MalformedPolicy: Policy statement must contain resources. (Statement[0]: add one)
    """
    policy = Policy.parse(document, name, kind="permissions")
    if not policy.variables:
        raise malformed("version", "permissions", 'write "Version": "2012-10-17"', "Version")
    for statement in policy.statements:
        _check_permission_statement(statement)
    return policy


def _check_permission_statement(statement: Statement) -> None:
    where = f"Statement[{statement.index}]"
    if not _SID.match(statement.sid):
        reason = (
            "Statement IDs (SID) must be alpha-numeric. Check that your input satisfies the regular "
            "expression [0-9A-Za-z]*"
        )
        raise MalformedPolicy(reason, f"Sid is {statement.sid!r}", where)
    if statement.principals is not None or statement.not_principals is not None:
        detail = "a permissions policy is attached to its principal; only trust policies name one"
        raise malformed("principal", "permissions", detail, where)
    actions = _actions(statement, where, "permissions")
    for action in actions:
        _check_action(action, where)
    resources = statement.resources if statement.resources is not None else statement.not_resources
    if not resources:
        raise MalformedPolicy("Policy statement must contain resources.", "add one", where)
    for resource in resources:
        _check_resource(resource, where)
    _check_condition_keys(statement, where)


def _actions(statement: Statement, where: str, kind: Kind) -> tuple[str, ...]:
    actions = statement.actions if statement.actions is not None else statement.not_actions
    if not actions:
        raise malformed("action", kind, "add Action", where)
    return actions


def _check_action(action: str, where: str) -> None:
    if action == "*":
        return
    vendor, colon, rest = action.partition(":")
    if not colon or not rest:
        reason = "Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc."
        raise MalformedPolicy(reason, f"{action!r} should look like logs:PutLogEvents", where)
    if not _VENDOR.match(vendor):
        raise MalformedPolicy(f"Vendor {vendor} is not valid", f"in the action {action!r}", where)
    if ":" in rest:
        raise MalformedPolicy("Actions/Condition can contain only one colon.", f"in {action!r}", where)


def _check_condition_keys(statement: Statement, where: str) -> None:
    for condition in statement.conditions:
        if ":" not in condition.key:
            reason = "Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc."
            raise MalformedPolicy(reason, f"the condition key {condition.key!r} has no prefix", where)


def _check_resource(resource: str, where: str) -> None:
    if resource == "*":
        return
    parts = without_variables(resource).split(":", 5)
    if parts[0] != "arn" or len(parts) < 3:
        detail = "a resource is an ARN (arn:aws:logs:...) or the star alone"
        raise MalformedPolicy(f'Resource {resource} must be in ARN format or "*".', detail, where)
    if len(parts) < 6:
        detail = f"{resource} has {len(parts)} of an ARN's 6 parts"
        raise MalformedPolicy("The policy failed legacy parsing", detail, where)
    partition, service, region, _, rest = parts[1:]
    if not (partition == "*" or re.match(r"^aws[\w-]*$", partition)):
        raise MalformedPolicy(f'Partition "{partition}" is not valid for resource "{resource}".', "use aws", where)
    if not _VENDOR.match(service):
        reason = "Resource vendor must be fully qualified and cannot contain regexes."
        raise MalformedPolicy(reason, f"name the service in {resource}", where)
    if service != "iam":
        return
    if region:
        raise MalformedPolicy(f"IAM resource {resource} cannot contain region information.", "leave it empty", where)
    if rest != "*" and not rest.startswith(_IAM_STARTS):
        starts = ", ".join(_IAM_STARTS)
        reason = f'IAM resource path must either be "*" or start with {starts}.'
        raise MalformedPolicy(reason, f"in {resource}", where)


def validate_trust(document: str | bytes | Mapping[str, Any], name: str = "") -> Policy:
    """Read a role's trust policy as CreateRole and UpdateAssumeRolePolicy do; raises ``MalformedPolicy``.

    Whether a user or role named in it exists is not checked here: only the account knows.
    """
    policy = Policy.parse(document, name, kind="trust")
    for statement in policy.statements:
        where = f"Statement[{statement.index}]"
        _check_trust_fields(statement, where)
        for action in _actions(statement, where, "trust"):
            if action.lower() not in {known.lower() for known in TRUST_ACTIONS}:
                detail = f"{action!r} is not one of {', '.join(TRUST_ACTIONS)}"
                raise MalformedPolicy("AssumeRole policy may only specify STS AssumeRole actions.", detail, where)
        for sort, value in statement.principals or ():
            _check_principal(sort, value, where)
        _check_condition_keys(statement, where)
    return policy


def _check_trust_fields(statement: Statement, where: str) -> None:
    if statement.resources is not None:
        detail = "a trust policy belongs to its role; what the role may touch goes into a permissions policy"
        raise MalformedPolicy("Has prohibited field Resource", detail, where)
    if statement.not_resources is not None:
        raise MalformedPolicy("AssumeRole policy must not contain resources.", "remove NotResource", where)
    if statement.not_principals is not None:
        if statement.effect == "Allow":
            raise MalformedPolicy("Allow with NotPrincipal is not allowed.", "name who may", where)
        raise MalformedPolicy("AssumeRole policy must not contain NotPrincipal field.", "use Principal", where)
    if statement.principals is None:
        detail = 'say who may assume the role, e.g. "Principal": {"Service": "vpc-flow-logs.amazonaws.com"}'
        raise malformed("principal", "trust", detail, where)
    if not statement.principals:
        reason = "Missing required field Principal cannot be empty!"
        raise MalformedPolicy(reason, "name a Service or an AWS principal", where)


def _check_principal(sort: str, value: str, where: str) -> None:
    if sort == "*":
        reason = 'AssumeRolepolicy contained an invalid principal: "STAR":"*".'
        raise MalformedPolicy(reason, 'a trust policy spells everyone as {"AWS": "*"}', where)
    if sort == "CanonicalUser":
        raise MalformedPolicy('Invalid principal in policy: "CanonicalUser"', "that is for S3 buckets", where)
    invalid = f'Invalid principal in policy: "{sort.upper()}":"{value}"'
    if sort == "AWS" and value != "*" and ("*" in value or "?" in value):
        raise MalformedPolicy(invalid, "a wildcard cannot stand for a part of a principal", where)
    if sort == "AWS" and not (value == "*" or _ACCOUNT.match(value) or _PRINCIPAL_ARN.match(value)):
        raise MalformedPolicy(invalid, "use an account id, a role, user or root ARN, or *", where)
    if sort == "Service" and not known_service_principal(value):
        near = difflib.get_close_matches(value, SERVICE_PRINCIPALS, n=1, cutoff=0.6)
        hint = f"did you mean {near[0]}?" if near else "this is not the name of an AWS service principal"
        raise MalformedPolicy(invalid, hint, where)


def known_service_principal(name: str) -> bool:
    """Whether a name is a service principal that IAM would accept (regional spellings included)."""
    plain = name.removesuffix(".cn")
    if plain in SERVICE_PRINCIPALS:
        return True
    regional = re.sub(r"\.[a-z]{2}(-[a-z]+)+-\d\.amazonaws\.com$", ".amazonaws.com", plain)
    return regional in SERVICE_PRINCIPALS
