"""Notebook 04: a third flow log, why it does not deliver, and a format that answers one question."""

from collections.abc import Mapping
from typing import Any

from helpers.access import Policy, Principal, may_assume
from helpers.flowlogs import DEFAULT_FORMAT, LogFormat
from helpers.lessons.account_view import AccountView, CheckEnded, CheckResult, done, listed, not_attempted, not_yet
from helpers.lessons.roles import DESTROY, SERVICE_NAME, LabRole

KEPT_DAYS = 7
ANSWER_KEPT_DAYS = 30
LESSONS_OWN = ("flow-log-a", "flow-log-b", "flow-log-custom")
NEEDED = ("logs:CreateLogStream", "logs:PutLogEvents")
MOST_FIELDS = 6
# Each part of the question of 04.3, and the fields of which one answers it.
PARTS = {
    "which instance sends": {"instance-id", "interface-id", "srcaddr", "pkt-srcaddr"},
    "how many bytes": {"bytes"},
    "in which minute": {"start", "end"},
    "where the packets go": {"traffic-path", "dstaddr", "pkt-dstaddr"},
}


def check_04_1(account: AccountView) -> CheckResult:
    """One subnet, only rejected packets, a tagged group with a retention."""
    name = group_name(account)
    subnet, group = account.lab.find("subnet", "private-b"), account.groups(name).get(name)
    groups = (name, account.log_group)
    further = _further(account)
    found = [log for log in further if _destination(log) in groups or log["ResourceId"] == subnet]
    if not found:
        return not_attempted() if group is None else not_yet("group-only", group=name)
    problems = {flow_log["FlowLogId"]: _scope(account, flow_log) for flow_log in found}
    return _first(problems) or _group_problem(account, name, group, KEPT_DAYS) or done()


def check_04_2(account: AccountView) -> CheckResult:
    """The third flow log delivers, with a role that is open for its group and no other."""
    account.needs_own_role()
    name = group_name(account)
    into_it = [flow_log for flow_log in _further(account) if _destination(flow_log) == name]
    group = account.groups(name).get(name)
    if not into_it or group is None:
        return not_attempted("first")
    flow_log = into_it[-1]
    role = LabRole(account, flow_log["DeliverLogsPermissionArn"].rpartition("/")[2])
    if problem := role.beyond(NEEDED, name):
        return problem
    allowed = role.may(NEEDED, name)
    if not allowed:
        return _opens_nothing(role, name)
    if refused := set(NEEDED) - allowed:
        return not_yet("half", group=name, allowed=listed(allowed), refused=listed(refused))
    if more := role.may(DESTROY, name):
        return not_yet("too-much", actions=listed(more))
    if not _trusted(account, role, flow_log["FlowLogId"]):
        return not_yet("no-trust")
    if flow_log.get("DeliverLogsStatus") != "SUCCESS":
        return not_yet("not-delivered", status=flow_log.get("DeliverLogsStatus", "nothing yet"))
    if not _has_refusals(account, name):
        return not_yet("no-record", status="SUCCESS", group=name)
    return done()


def _opens_nothing(role: LabRole, name: str) -> CheckResult:
    """The role writes into no stream of the group: was anything tried?"""
    if alone := role.may(NEEDED, name, stream=""):
        return not_yet("no-streams", group=name, allowed=listed(alone))
    others = role.other_policies()
    return not_yet("other-policy", group=name, policies=listed(others)) if others else not_attempted()


def check_04_3(account: AccountView) -> CheckResult:
    """A flow log whose short custom format answers one question."""
    name = f"/{account.lab.prefix}/formats/answer"
    group, every = account.groups(name).get(name), account.client("ec2").get_paginator("describe_flow_logs").paginate()
    into_it = [flow_log for flow_log in every.search("FlowLogs[]") if _destination(flow_log) == name]
    if not into_it:
        return not_attempted() if group is None else not_yet("group-only", group=name)
    if problem := _first({flow_log["FlowLogId"]: _format(account, flow_log) for flow_log in into_it}):
        return problem
    if group is None:
        return not_yet("no-group", flow_log=into_it[0]["FlowLogId"], group=name)
    return _group_problem(account, name, group, ANSWER_KEPT_DAYS) or done()


# --- looking ----------------------------------------------------------------------------------------------------


def group_name(account: AccountView) -> str:
    """The group of the security team."""
    return f"/{account.lab.prefix}/rejects"


def _further(account: AccountView) -> list[dict[str, Any]]:
    """Flow logs of the lab's VPCs, subnets and interfaces beside those that the lesson made."""
    ec2 = account.client("ec2")
    places = {account.lab.find("vpc", name) for name in ("vpc-a", "vpc-b")}
    inside = [{"Name": "vpc-id", "Values": sorted(place for place in places if place)}]
    if not inside[0]["Values"]:
        raise CheckEnded(not_yet("missing", kind="vpc", name=account.lab.name("vpc-b")))
    subnets = ec2.get_paginator("describe_subnets").paginate(Filters=inside)
    places |= set(subnets.search("Subnets[].SubnetId"))
    interfaces = ec2.get_paginator("describe_network_interfaces").paginate(Filters=inside)
    places |= set(interfaces.search("NetworkInterfaces[].NetworkInterfaceId"))
    lessons_own = {account.lab.find("vpc-flow-log", name) for name in LESSONS_OWN}
    every = ec2.get_paginator("describe_flow_logs").paginate().search("FlowLogs[]")
    return [
        flow_log for flow_log in every if flow_log["ResourceId"] in places and flow_log["FlowLogId"] not in lessons_own
    ]


def _destination(flow_log: Mapping[str, Any]) -> str:
    """The group's name, however the flow log names it."""
    arn = flow_log.get("LogDestination") or ""
    return str(flow_log.get("LogGroupName") or arn.partition(":log-group:")[2])


def _scope(account: AccountView, flow_log: Mapping[str, Any]) -> CheckResult | None:
    """What is wrong with where it writes, what it watches and what it keeps."""
    resource, traffic, group = flow_log["ResourceId"], flow_log["TrafficType"], _destination(flow_log)
    facts = {"flow_log": flow_log["FlowLogId"], "resource": resource, "traffic": traffic, "group": group}
    if group != (name := group_name(account)):
        return not_yet("same-group" if group == account.log_group else "other-group", name=name, **facts)
    if not resource.startswith("subnet-"):
        return not_yet("one-interface" if resource.startswith("eni-") else "whole-vpc", **facts)
    if resource != account.resource_id("subnet", "private-b"):
        return not_yet("wrong-subnet", **facts)
    if traffic != "REJECT":
        return not_yet("accept" if traffic == "ACCEPT" else "everything", **facts)
    tags = {tag["Key"]: tag["Value"] for tag in flow_log.get("Tags", [])}
    return not_yet("tags", **facts) if account.tags_amiss(tags) else None


def _format(account: AccountView, flow_log: Mapping[str, Any]) -> CheckResult | None:
    """What is wrong with what it watches, and which part of the question its fields leave open."""
    fields, traffic = LogFormat.parse(flow_log["LogFormat"]).names, flow_log["TrafficType"]
    facts = {"flow_log": flow_log["FlowLogId"], "resource": flow_log["ResourceId"], "traffic": traffic}
    if flow_log["ResourceId"] != (vpc := account.resource_id("vpc", "vpc-b")):
        return not_yet("other-resource", vpc=vpc, **facts)
    if fields == DEFAULT_FORMAT.names or len(fields) > MOST_FIELDS:
        key = "default-format" if fields == DEFAULT_FORMAT.names else "too-many"
        return not_yet(key, count=len(fields), **facts)
    for part, answers in PARTS.items():
        if not answers.intersection(fields):
            return not_yet("part-missing", names=listed(fields), part=part, **facts)
    if traffic == "REJECT" or (traffic == "ALL" and "action" not in fields):
        return not_yet("rejected-bytes", **facts)
    tags = {tag["Key"]: tag["Value"] for tag in flow_log.get("Tags", [])}
    return not_yet("tags", **facts) if account.tags_amiss(tags) else None


def _first(problems: Mapping[str, CheckResult | None]) -> CheckResult | None:
    """The first flow log that is wrong; where another one is right, it is one too many."""
    right = [flow_log for flow_log, problem in problems.items() if problem is None]
    for problem in filter(None, problems.values()):
        return not_yet("one-too-many", right=right[0], **problem.facts) if right else problem
    return None


def _group_problem(
    account: AccountView, name: str, group: Mapping[str, Any] | None, kept_days: int
) -> CheckResult | None:
    if group is None:
        return not_yet("no-group", group=name)
    if account.tags_amiss(account.group_tags(group)):
        return not_yet("group-tags", group=name)
    days = group.get("retentionInDays")
    if days != kept_days:
        return not_yet("retention", group=name, kept="and never expires them" if days is None else f"for {days} days")
    return None


def _trusted(account: AccountView, role: LabRole, flow_log_id: str) -> bool:
    """Whether the service may assume the role for this flow log."""
    source = f"arn:{role.partition}:ec2:{account.lab.region}:{role.owner}:vpc-flow-log/{flow_log_id}"
    context, trust = {"aws:SourceAccount": role.owner, "aws:SourceArn": source}, role.shown["AssumeRolePolicyDocument"]
    return bool(may_assume(Policy.parse(trust), Principal.service(SERVICE_NAME), context))


def _has_refusals(account: AccountView, name: str) -> bool:
    reader = account.client("logs").get_paginator("filter_log_events")
    pages = reader.paginate(logGroupName=name, filterPattern="REJECT")
    return any(True for _ in pages.search("events[]"))
