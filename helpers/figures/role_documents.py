"""Read what decides about a role that delivers flow logs: three documents, and what each of them answers."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from helpers.access import FLOW_LOGS_SERVICE, Decision, Policy, Principal, Request, evaluate, may_assume, pass_role
from helpers.lab import Lab

# What a delivery does on the group, and what AWS lists beside it. A missing group is created first.
_WRITES = ("logs:CreateLogStream", "logs:PutLogEvents")
_LISTS = {
    "user": ("list_user_policies", "list_attached_user_policies"),
    "group": ("list_group_policies", "list_attached_group_policies"),
    "role": ("list_role_policies", "list_attached_role_policies"),
}
_FLOW_LOG, _STREAM = "vpc-flow-log/fl-0123456789abcdef0", "eni-0123456789abcdef0-all"


@dataclass(frozen=True, slots=True)
class RoleAnswers:
    """Who passes a role, who assumes it, what it may write to, and IAM's answers to the three questions."""

    account: str
    person: Principal
    role: str
    log_group: str
    group_exists: bool
    passing: tuple[Decision, ...]
    assuming: tuple[Decision, ...]
    writing: tuple[Decision, ...]


def role_answers(lab: Lab, role_name: str, log_group: str, person: str | None = None) -> RoleAnswers:
    """Read the documents through the lab's clients and put the questions of a delivery to them.

    ``person`` is the ARN of a user or a role, by default who calls. Raises the client's own errors, ``NoSuchEntity``
    for a role that does not exist, and ``ValueError`` for a person that is neither user, role nor root.
    """
    iam, caller = lab.client("iam"), lab.client("sts").get_caller_identity()
    account, partition = caller["Account"], caller["Arn"].split(":")[1]
    who = Principal.from_arn(person or caller["Arn"])
    role = iam.get_role(RoleName=role_name)["Role"]
    arn = f"arn:{partition}:logs:{lab.region}:{account}:log-group:{log_group}"
    listed = lab.client("logs").describe_log_groups(logGroupNamePrefix=log_group)["logGroups"]
    exists = any(group["logGroupName"] == log_group for group in listed)
    passing = pass_role(role["Arn"], FLOW_LOGS_SERVICE)
    source = {
        "aws:SourceAccount": account,
        "aws:SourceArn": f"arn:{partition}:ec2:{lab.region}:{account}:{_FLOW_LOG}",
    }
    trust = Policy.parse(role["AssumeRolePolicyDocument"])
    assume = may_assume(trust, Principal.service(FLOW_LOGS_SERVICE), source, role_arn=role["Arn"])
    session = Principal.role(role["Arn"], account, "vpc-flow-logs")
    writes = [(action, f"{arn}:log-stream:{_STREAM}") for action in _WRITES]
    if not exists:
        writes.insert(0, ("logs:CreateLogGroup", f"{arn}:log-stream:"))
    own, limits = _policies(iam, "role", role_name), _boundary(iam, role)
    questions = (Request(session, action, resource) for action, resource in writes)
    return RoleAnswers(
        account, who, role_name, log_group, exists,
        passing=(_person_decision(iam, who, Request(who, passing.action, passing.resource, passing.context)),),
        assuming=(assume,),
        writing=tuple(_decide(question, own, limits) for question in questions),
    )  # fmt: skip


def _person_decision(iam: Any, who: Principal, request: Request) -> Decision:
    if who.kind == "root":
        return evaluate(request)
    if who.kind == "role":
        role = iam.get_role(RoleName=who.name)["Role"]
        return _decide(request, _policies(iam, "role", who.name), _boundary(iam, role))
    policies = _policies(iam, "user", who.name)
    for page in iam.get_paginator("list_groups_for_user").paginate(UserName=who.name):
        for group in page["Groups"]:
            policies += _policies(iam, "group", group["GroupName"])
    return _decide(request, policies, _boundary(iam, iam.get_user(UserName=who.name)["User"]))


def _decide(request: Request, policies: Sequence[Policy], limits: Sequence[Policy]) -> Decision:
    """What the policies answer, where the permissions boundary, if there is one, allows it."""
    decision = evaluate(request, policies)
    if decision and limits and not (limited := evaluate(request, limits)):
        return limited
    return decision


def _policies(iam: Any, kind: str, name: str) -> list[Policy]:
    """The policies of a user, a group or a role: its own, and the managed ones attached to it."""
    owner = {f"{kind.title()}Name": name}
    policies = []
    inline, attached = _LISTS[kind]
    for page in iam.get_paginator(inline).paginate(**owner):
        for policy in page["PolicyNames"]:
            stored = getattr(iam, f"get_{kind}_policy")(**owner, PolicyName=policy)
            policies.append(Policy.parse(stored["PolicyDocument"], policy))
    for page in iam.get_paginator(attached).paginate(**owner):
        policies += [_managed(iam, policy["PolicyArn"]) for policy in page["AttachedPolicies"]]
    return policies


def _boundary(iam: Any, shown: Any) -> list[Policy]:
    arn = shown.get("PermissionsBoundary", {}).get("PermissionsBoundaryArn")
    return [_managed(iam, arn)] if arn else []


def _managed(iam: Any, arn: str) -> Policy:
    version = iam.get_policy(PolicyArn=arn)["Policy"]["DefaultVersionId"]
    document = iam.get_policy_version(PolicyArn=arn, VersionId=version)["PolicyVersion"]["Document"]
    return Policy.parse(document, arn.rpartition("/")[2])


def reasons(decisions: Sequence[Decision]) -> Iterator[tuple[str, Decision]]:
    """The actions that one and the same statement decided, and their decision, in order."""
    together: dict[tuple[object, ...], list[Decision]] = {}
    for decision in decisions:
        near = decision.hints[:1] or (decision.reason,)
        key = (decision.policy, decision.statement) if decision.statement else (decision.allowed, near)
        together.setdefault(key, []).append(decision)
    for alike in together.values():
        yield ", ".join(decision.request.action for decision in alike), alike[0]
