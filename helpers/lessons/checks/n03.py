"""Notebook 03: IAM is asked what the roles may do; nothing is judged by how a document is written."""

import json
from collections.abc import Mapping
from typing import Any

from botocore.exceptions import ClientError

from helpers.access import MalformedPolicy, Policy
from helpers.lessons.account_view import AccountView, CheckEnded, CheckResult, done, listed, not_attempted, not_yet
from helpers.lessons.roles import DESTROY, SERVICE_NAME, WRITE, LabRole

READ = ("logs:FilterLogEvents", "logs:GetLogEvents", "logs:DescribeLogStreams")
BESIDE = (
    "logs:GetLogGroupFields",
    "logs:DescribeMetricFilters",
    "logs:StartQuery",
    "logs:StartLiveTail",
    "logs:CreateExportTask",
    "logs:PutLogEvents",
    *DESTROY,
)
ELSEWHERE = ("iam:CreateRole", "iam:UpdateAssumeRolePolicy", "ec2:DeleteFlowLogs", "ec2:DescribeVpcs", "s3:ListBucket")
OF_A_ROLE = ("iam:UpdateAssumeRolePolicy", "iam:PutRolePolicy", "iam:DeleteRole", "sts:AssumeRole")
SERVICE = {"ContextKeyName": "iam:PassedToService", "ContextKeyType": "string"}


def check_03_1(account: AccountView) -> CheckResult:
    """The delivery role writes into the course's group, and into no other."""
    account.needs_own_role()
    role, group = LabRole(account, account.lab.name("flow-logs")), account.group()["logGroupName"]
    allowed = role.may(WRITE, group)
    if not allowed and role.may(WRITE, group, stream="") == set(WRITE) and not role.other_policies():
        return not_attempted()
    facts = {"role": role.name, "stream": f"log-group:{group}:log-stream:eni-1"}
    if denied := set(WRITE) - allowed:
        return not_yet("still-refused", actions=listed(denied), **facts)
    if problem := role.beyond(WRITE, group, **facts):
        return problem
    if more := role.may(DESTROY, group):
        return not_yet("too-much", actions=listed(more), **facts)
    return done() if role.may_on(["logs:DescribeLogGroups"], "*") else not_yet("fewer", **facts)


def check_03_3(account: AccountView) -> CheckResult:
    """The auditor reads the lines of one group, and does nothing else."""
    account.needs_own_role()
    name, group = account.lab.name("auditor"), account.group()["logGroupName"]
    try:
        role = LabRole(account, name)
    except CheckEnded:
        if found := _named_like(account, "audit"):
            return not_yet("wrong-name", found=found, name=name)
        reader = LabRole(account, account.lab.name("reader"))
        if added := reader.other_policies("query"):
            return not_yet("other-role", found=reader.name, policies=listed(added), name=name)
        return not_attempted()
    facts = {"role": name, "stream": f"log-group:{group}:log-stream:eni-1"}
    if trusted := _trust_problem(role, facts):
        return trusted
    if missing := account.tags_amiss({tag["Key"]: tag["Value"] for tag in role.shown.get("Tags", [])}):
        return not_yet("tags", missing=listed(missing), **facts)
    if denied := set(READ) - role.may(READ, group):
        return not_yet("cannot", actions=listed(denied), **facts)
    if problem := role.beyond(READ, group, **facts):
        return problem
    more = role.may(BESIDE, group) | role.may_on(ELSEWHERE, "*")
    return not_yet("too-much", actions=listed(more), **facts) if more else done()


def check_03_4(account: AccountView) -> CheckResult:
    """A statement that lets a caller with all of EC2 pass the delivery role, and no other."""
    statement, role = account.answer, LabRole(account, account.lab.name("flow-logs")).arn
    if isinstance(statement, Mapping):
        statement = {key: value for key, value in statement.items() if value not in (..., None)}
        if len(statement) < len(account.answer) - 1:  # both gaps of the starter are open
            return not_attempted()
    if not isinstance(statement, Mapping) or not {"Effect", "Action", "Resource"} <= statement.keys():
        return not_yet("shape", given=_shape(statement))
    policy, name = _with_ec2(statement), role.rpartition("/")[2]
    if not _may(account, policy, "iam:PassRole", role):
        return _other_action(statement, name)
    for other in _other_roles(role):
        if _may(account, policy, "iam:PassRole", other):
            return not_yet("too-open", other=other.rpartition("/")[2], role=name)
    more = [action for action in OF_A_ROLE if _may(account, policy, action, role)]
    return not_yet("too-much", actions=listed(more), role=name) if more else done()


# --- asking IAM -------------------------------------------------------------------------------------------------


def _named_like(account: AccountView, word: str) -> str | None:
    """A role with this word in its name, in whatever spelling, that belongs to no other lab."""
    iam = account.client("iam")
    for name in iam.get_paginator("list_roles").paginate().search("Roles[].RoleName"):
        if word in name.casefold():
            tags = {tag["Key"]: tag["Value"] for tag in iam.list_role_tags(RoleName=name)["Tags"]}
            if tags.get("Lab") in (None, account.lab.prefix):
                return str(name)
    return None


def _trust_problem(role: LabRole, facts: Mapping[str, str]) -> CheckResult | None:
    """Whether others than the account's own principals may assume the role, or nobody at all."""
    policy = Policy.parse(role.shown["AssumeRolePolicyDocument"])
    allowing = [statement for statement in policy.statements if statement.effect == "Allow"]
    who = [
        pair for statement in allowing for pair in statement.principals or (("NotPrincipal", "everybody but a few"),)
    ]
    for sort, value in who:
        if sort != "AWS" or value == "*" or role.owner not in value:
            return not_yet("trust-open", who="anybody" if value == "*" else f"`{value}`", **facts)
    return None if who else not_yet("trust-nobody", **facts)


def _with_ec2(statement: Mapping[str, Any]) -> str:
    ec2 = {"Effect": "Allow", "Action": "ec2:*", "Resource": "*"}
    try:
        document = json.dumps({"Version": "2012-10-17", "Statement": [ec2, dict(statement)]})
        Policy.parse(document)
    except (TypeError, MalformedPolicy) as problem:
        raise CheckEnded(not_yet("malformed", answer=str(problem))) from problem
    return document


def _may(account: AccountView, policy: str, action: str, resource: str) -> bool:
    context = [{**SERVICE, "ContextKeyValues": [SERVICE_NAME]}]
    try:
        reply = account.client("iam").simulate_custom_policy(
            PolicyInputList=[policy], ActionNames=[action], ResourceArns=[resource], ContextEntries=context
        )
    except ClientError as refusal:
        raise CheckEnded(not_yet("malformed", answer=refusal.response["Error"]["Message"])) from refusal
    return bool(reply["EvaluationResults"][0]["EvalDecision"] == "allowed")


def _other_roles(arn: str) -> tuple[str, ...]:
    """Roles that are not this one: anybody's, and two whose names begin like its own."""
    name = arn.rpartition("/")[2]
    return tuple(arn.removesuffix(name) + other for other in ("administrator", f"{name}-admin", f"{name[:-1]}-admin"))


def _shape(statement: Any) -> str:
    """What somebody gave in place of a whole statement."""
    if not isinstance(statement, Mapping):
        return f"of type {type(statement).__name__}"
    return f"without {listed({'Effect', 'Action', 'Resource'} - statement.keys())}"


def _other_action(statement: Mapping[str, Any], role: str) -> CheckResult:
    given = statement["Action"]
    actions = [str(action) for action in (given if isinstance(given, list | tuple) else [given])]
    if any(action.lower().startswith("logs:") for action in actions):
        return not_yet("writes", action=actions[0])
    if any(action.lower() == "sts:assumerole" for action in actions):
        return not_yet("assumes")
    return not_yet("not-that", role=role)
