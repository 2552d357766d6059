"""Notebook 03: IAM is asked what the roles may do; nothing is judged by how a document is written."""

import json
from collections.abc import Iterable, Mapping
from typing import Any

from botocore.exceptions import ClientError

from helpers.access import MalformedPolicy, Policy
from helpers.lessons.scene import Judgement, Scene, Stop, done, listed, not_attempted, not_yet

WRITE = ("logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents", "logs:DescribeLogStreams")
READ = ("logs:FilterLogEvents", "logs:GetLogEvents", "logs:DescribeLogStreams")
DESTROY = ("logs:DeleteLogGroup", "logs:DeleteLogStream", "logs:PutRetentionPolicy")
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
SERVICE_NAME = "vpc-flow-logs.amazonaws.com"


def check_03_1(scene: Scene) -> Judgement:
    """The delivery role writes into the course's group, and into no other."""
    role, arn = role_called(scene, "flow-logs"), scene.group()["arn"].removesuffix(":*")
    mine, alone = f"{arn}:log-stream:eni-1", allowed_for(scene, role["Arn"], WRITE, arn)
    allowed = allowed_for(scene, role["Arn"], WRITE, mine)
    if not allowed and alone == set(WRITE):
        return not_attempted()
    if refused := _missing(WRITE, allowed):
        return not_yet("still-refused", actions=refused)
    if open_ones := allowed_for(scene, role["Arn"], WRITE, foreign_stream(arn)):
        return not_yet("too-open", actions=listed(open_ones))
    if allowed_for(scene, role["Arn"], WRITE, f"{arn}-archive:log-stream:eni-1"):
        return not_yet("neighbour", group=f"{scene.log_group}-archive")
    if more := allowed_for(scene, role["Arn"], DESTROY, mine):
        return not_yet("too-much", actions=listed(more))
    if not allowed_for(scene, role["Arn"], ["logs:DescribeLogGroups"], "*"):
        return not_yet("fewer")
    return done()


def check_03_3(scene: Scene) -> Judgement:
    """The auditor reads the lines of one group, and does nothing else."""
    try:
        role = role_called(scene, "auditor")
    except Stop:
        return not_attempted()
    arn = scene.group()["arn"].removesuffix(":*")
    if trusted := _trust_problem(role):
        return trusted
    tags = {tag["Key"]: tag["Value"] for tag in role.get("Tags", [])}
    if scene.tags_amiss(tags):
        return not_yet("tags")
    mine, other = f"{arn}:log-stream:eni-1", foreign_stream(arn)
    if refused := _missing(READ, allowed_for(scene, role["Arn"], READ, mine)):
        return not_yet("cannot", actions=refused)
    for resource in (other, f"{arn}-archive:log-stream:eni-1"):
        if open_ones := allowed_for(scene, role["Arn"], READ, resource):
            group = resource.partition(":log-group:")[2].partition(":")[0]
            return not_yet("too-open", actions=listed(open_ones), group=group)
    more = allowed_for(scene, role["Arn"], BESIDE, mine) | allowed_for(scene, role["Arn"], ELSEWHERE, "*")
    return not_yet("too-much", actions=listed(more)) if more else done()


def check_03_4(scene: Scene) -> Judgement:
    """A statement that lets a caller with all of EC2 hand over the delivery role, and no other."""
    statement, role = scene.answer, role_called(scene, "flow-logs")["Arn"]
    if isinstance(statement, Mapping) and any(value in (..., None) for value in statement.values()):
        return not_attempted()
    if not isinstance(statement, Mapping) or not {"Effect", "Action", "Resource"} <= statement.keys():
        return not_yet("shape", given=_shape(statement))
    policy = _with_ec2(statement)
    if not _may(scene, policy, "iam:PassRole", role):
        return _other_action(statement)
    for other in _other_roles(role):
        if _may(scene, policy, "iam:PassRole", other):
            return not_yet("too-open", other=other.rpartition(":")[2])
    more = [action for action in OF_A_ROLE if _may(scene, policy, action, role)]
    return not_yet("too-much", actions=listed(more)) if more else done()


# --- asking IAM -------------------------------------------------------------------------------------------------


def role_called(scene: Scene, name: str) -> dict[str, Any]:
    """One of the lab's roles as GetRole gives it; ends the check with ``missing`` where there is none."""
    try:
        return dict(scene.client("iam").get_role(RoleName=scene.lab.name(name))["Role"])
    except ClientError as refusal:
        if refusal.response["Error"]["Code"] != "NoSuchEntity":
            raise
        raise Stop(not_yet("missing", kind="role", name=scene.lab.name(name))) from refusal


def allowed_for(scene: Scene, role_arn: str, actions: Iterable[str], resource: str) -> set[str]:
    """Which of the actions the role's own policies allow on a resource, by SimulatePrincipalPolicy."""
    reply = scene.client("iam").simulate_principal_policy(
        PolicySourceArn=role_arn, ActionNames=list(actions), ResourceArns=[resource]
    )
    return {one["EvalActionName"] for one in reply["EvaluationResults"] if one["EvalDecision"] == "allowed"}


def foreign_stream(group_arn: str) -> str:
    """A stream of a group that is not the lab's."""
    return f"{group_arn.partition(':log-group:')[0]}:log-group:/payroll/audit:log-stream:1"


def _trust_problem(role: Mapping[str, Any]) -> Judgement | None:
    """Whether others than the account's own principals may take up the role, or nobody at all."""
    account = role["Arn"].split(":")[4]
    policy = Policy.parse(role["AssumeRolePolicyDocument"])
    allowing = [each for each in policy.statements if each.effect == "Allow"]
    who = [pair for each in allowing for pair in each.principals or (("NotPrincipal", "everybody but a few"),)]
    for sort, value in who:
        if sort != "AWS" or value == "*" or account not in value:
            return not_yet("trust-open", who="anybody" if value == "*" else value)
    return None if who else not_yet("trust-nobody")


def _with_ec2(statement: Mapping[str, Any]) -> str:
    ec2 = {"Effect": "Allow", "Action": "ec2:*", "Resource": "*"}
    try:
        document = json.dumps({"Version": "2012-10-17", "Statement": [ec2, dict(statement)]})
        Policy.parse(document)
    except (TypeError, MalformedPolicy) as problem:
        raise Stop(not_yet("malformed", answer=str(problem))) from problem
    return document


def _may(scene: Scene, policy: str, action: str, resource: str) -> bool:
    context = [{**SERVICE, "ContextKeyValues": [SERVICE_NAME]}]
    try:
        reply = scene.client("iam").simulate_custom_policy(
            PolicyInputList=[policy], ActionNames=[action], ResourceArns=[resource], ContextEntries=context
        )
    except ClientError as refusal:
        raise Stop(not_yet("malformed", answer=refusal.response["Error"]["Message"])) from refusal
    return bool(reply["EvaluationResults"][0]["EvalDecision"] == "allowed")


def _other_roles(arn: str) -> tuple[str, ...]:
    """Roles that are not this one: anybody's, and two whose names begin like its own."""
    name = arn.rpartition("/")[2]
    return tuple(arn.removesuffix(name) + each for each in ("administrator", f"{name}-admin", f"{name[:-1]}-admin"))


def _shape(statement: Any) -> str:
    """What somebody gave in place of a whole statement."""
    if not isinstance(statement, Mapping):
        return f"of type {type(statement).__name__}"
    return f"without {listed({'Effect', 'Action', 'Resource'} - statement.keys())}"


def _other_action(statement: Mapping[str, Any]) -> Judgement:
    given = statement["Action"]
    actions = [str(each) for each in (given if isinstance(given, list | tuple) else [given])]
    if any(each.lower().startswith("logs:") for each in actions):
        return not_yet("writes", action=actions[0])
    if any(each.lower() == "sts:assumerole" for each in actions):
        return not_yet("takes-up")
    return not_yet("not-that")


def _missing(wanted: Iterable[str], allowed: set[str]) -> str:
    return listed(each for each in wanted if each not in allowed)
