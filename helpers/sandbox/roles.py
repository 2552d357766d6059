"""Roles and users as policies: what IAM holds, in the form that ``access`` evaluates."""

import json
from datetime import datetime
from typing import Any

from helpers.access import Policy
from helpers.sandbox.calls import Account

_IAM = "us-east-1"


def trust_of(account: Account, role_name: str) -> Policy:
    """A role's trust policy. Raises :class:`ServiceError` (``NoSuchEntity``) where there is no such role."""
    role = account.aws("iam", "GetRole", _IAM, RoleName=role_name)["Role"]
    return Policy.parse(_document(role["AssumeRolePolicyDocument"]), "the trust policy")


def created_at(account: Account, role_name: str) -> float:
    """When a role was made, in epoch seconds. Raises :class:`ServiceError` where there is no such role."""
    made: datetime = account.aws("iam", "GetRole", _IAM, RoleName=role_name)["Role"]["CreateDate"]
    return made.timestamp()


def policies_of(account: Account, role_name: str) -> list[Policy]:
    """A role's inline and attached policies. Raises :class:`ServiceError` where there is no such role."""
    found = []
    for name in account.aws("iam", "ListRolePolicies", _IAM, RoleName=role_name)["PolicyNames"]:
        inline = account.aws("iam", "GetRolePolicy", _IAM, RoleName=role_name, PolicyName=name)
        found.append(Policy.parse(_document(inline["PolicyDocument"]), name))
    attached = account.aws("iam", "ListAttachedRolePolicies", _IAM, RoleName=role_name)
    return found + [managed(account, item["PolicyArn"]) for item in attached["AttachedPolicies"]]


def managed(account: Account, arn: str) -> Policy:
    """A managed policy's default version, the customer's own or AWS's."""
    policy = account.aws("iam", "GetPolicy", _IAM, PolicyArn=arn)["Policy"]
    version = account.aws("iam", "GetPolicyVersion", _IAM, PolicyArn=arn, VersionId=policy["DefaultVersionId"])
    return Policy.parse(_document(version["PolicyVersion"]["Document"]), policy["PolicyName"])


def _document(document: Any) -> dict[str, Any]:
    """botocore decodes policy documents only on its way to a user of boto3."""
    if isinstance(document, dict):
        return document
    from urllib.parse import unquote

    parsed: dict[str, Any] = json.loads(unquote(document))
    return parsed
