"""Notebook 04: a third flow log, why it does not deliver, and what can be changed."""

from collections.abc import Mapping
from typing import Any

from helpers.access import Policy, Principal, may_assume
from helpers.lessons.checks.n03 import DESTROY, SERVICE_NAME, allowed_for, foreign_stream
from helpers.lessons.scene import Judgement, Scene, Stop, done, listed, not_attempted, not_yet

KEPT_DAYS = 7
NEEDED = ("logs:CreateLogStream", "logs:PutLogEvents")
CHANGEABLE = "tags"
FIXED = ("TrafficType", "LogFormat", "MaxAggregationInterval", "DeliverLogsPermissionArn")
NOTHING = {"none", "nothing", "no"}


def check_04_1(scene: Scene) -> Judgement:
    """One subnet, only refusals, a tagged group with an end."""
    name = group_name(scene)
    found, group = _further(scene), scene.groups(name).get(name)
    into_it = [one for one in found if _destination(one) == name]
    if not into_it:
        astray = [one for one in found if _destination(one) == scene.log_group]
        if astray:
            return not_yet("same-group", group=scene.log_group)
        return not_attempted() if group is None else not_yet("group-only", group=name)
    problems = [problem for one in into_it if (problem := _scope(scene, one))]
    return next(iter(problems), None) or _group_problem(scene, name, group) or done()


def check_04_2(scene: Scene) -> Judgement:
    """The third flow log delivers, with a role that is open for its group and no other."""
    name = group_name(scene)
    into_it = [one for one in _further(scene) if _destination(one) == name]
    if not into_it:
        return not_attempted("first")
    flow_log, role = into_it[-1], into_it[-1]["DeliverLogsPermissionArn"]
    group = scene.groups(name).get(name)
    if group is None:
        return not_attempted("first")
    arn = group["arn"].removesuffix(":*")
    allowed = allowed_for(scene, role, NEEDED, f"{arn}:log-stream:eni-1")
    wide = allowed_for(scene, role, NEEDED, foreign_stream(arn))
    if wide:
        return not_yet("too-open", actions=listed(wide))
    if allowed_for(scene, role, NEEDED, f"{arn}-archive:log-stream:eni-1"):
        return not_yet("neighbour", group=f"{name}-archive")
    if allowed != set(NEEDED):
        refused = set(NEEDED) - allowed
        if not allowed:
            return not_attempted()
        return not_yet("half", group=name, allowed=listed(allowed), refused=listed(refused))
    if more := allowed_for(scene, role, DESTROY, f"{arn}:log-stream:eni-1"):
        return not_yet("too-much", actions=listed(more))
    if not _trusted(scene, role, flow_log["FlowLogId"]):
        return not_yet("no-trust")
    if flow_log.get("DeliverLogsStatus") != "SUCCESS":
        return not_yet("not-delivered", status=flow_log.get("DeliverLogsStatus", "nothing yet"))
    if not _has_refusals(scene, name):
        return not_yet("no-record", status="SUCCESS", group=name)
    return done()


def check_04_3(scene: Scene) -> Judgement:
    """Which settings can be changed: a list of names."""
    answer = [scene.answer] if isinstance(scene.answer, str) else scene.answer
    if not isinstance(answer, list | tuple | set):
        return not_yet("shape", given=type(answer).__name__)
    names = {str(each).strip().casefold(): str(each) for each in answer}
    if names.keys() <= NOTHING:
        return not_yet("nothing")
    if fixed := [each for each in FIXED if each.casefold() in names]:
        return not_yet("fixed", names=listed(fixed))
    if unknown := [given for name, given in names.items() if name != CHANGEABLE]:
        return not_yet("unknown-name", names=listed(unknown))
    return done()


# --- looking ----------------------------------------------------------------------------------------------------


def group_name(scene: Scene) -> str:
    """The group of the security team."""
    return f"/{scene.lab.prefix}/rejects"


def _further(scene: Scene) -> list[dict[str, Any]]:
    """Flow logs of the lab's VPCs, subnets and interfaces beside the two that the lesson made."""
    ec2 = scene.client("ec2")
    places = {scene.lab.find("vpc", name) for name in ("vpc-a", "vpc-b")}
    inside = [{"Name": "vpc-id", "Values": sorted(place for place in places if place)}]
    if not inside[0]["Values"]:
        raise Stop(not_yet("missing", kind="vpc", name=scene.lab.name("vpc-b")))
    subnets = ec2.get_paginator("describe_subnets").paginate(Filters=inside)
    places |= set(subnets.search("Subnets[].SubnetId"))
    interfaces = ec2.get_paginator("describe_network_interfaces").paginate(Filters=inside)
    places |= set(interfaces.search("NetworkInterfaces[].NetworkInterfaceId"))
    lessons_own = {scene.lab.find("vpc-flow-log", name) for name in ("flow-log-a", "flow-log-b")}
    every = ec2.get_paginator("describe_flow_logs").paginate().search("FlowLogs[]")
    return [one for one in every if one["ResourceId"] in places and one["FlowLogId"] not in lessons_own]


def _destination(flow_log: Mapping[str, Any]) -> str:
    """The group's name, however the flow log names it."""
    arn = flow_log.get("LogDestination") or ""
    return str(flow_log.get("LogGroupName") or arn.partition(":log-group:")[2])


def _scope(scene: Scene, flow_log: Mapping[str, Any]) -> Judgement | None:
    """What it watches and keeps."""
    resource, traffic = flow_log["ResourceId"], flow_log["TrafficType"]
    if not resource.startswith("subnet-"):
        return not_yet("one-interface" if resource.startswith("eni-") else "whole-vpc", resource=resource)
    if resource != scene.one("subnet", "private-b"):
        return not_yet("wrong-subnet", resource=resource)
    if traffic != "REJECT":
        return not_yet("accept" if traffic == "ACCEPT" else "everything")
    tags = {tag["Key"]: tag["Value"] for tag in flow_log.get("Tags", [])}
    return not_yet("tags") if scene.tags_amiss(tags) else None


def _group_problem(scene: Scene, name: str, group: Mapping[str, Any] | None) -> Judgement | None:
    if group is None:
        return not_yet("no-group", group=name)
    if scene.tags_amiss(scene.group_tags(group)):
        return not_yet("group-tags", group=name)
    days = group.get("retentionInDays")
    if days != KEPT_DAYS:
        return not_yet("for-ever", group=name, kept="for ever" if days is None else f"for {days} days")
    return None


def _trusted(scene: Scene, role_arn: str, flow_log_id: str) -> bool:
    """Whether the service may take up the role for this flow log."""
    name, (partition, account) = role_arn.rpartition("/")[2], (role_arn.split(":")[1], role_arn.split(":")[4])
    role = scene.client("iam").get_role(RoleName=name)["Role"]
    source = f"arn:{partition}:ec2:{scene.lab.region}:{account}:vpc-flow-log/{flow_log_id}"
    context = {"aws:SourceAccount": account, "aws:SourceArn": source}
    return bool(may_assume(Policy.parse(role["AssumeRolePolicyDocument"]), Principal.service(SERVICE_NAME), context))


def _has_refusals(scene: Scene, name: str) -> bool:
    pages = scene.client("logs").get_paginator("filter_log_events").paginate(logGroupName=name, filterPattern="REJECT")
    return any(True for _ in pages.search("events[]"))
