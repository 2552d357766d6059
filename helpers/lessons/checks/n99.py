"""Notebook 99: the log group is gone and nothing may create it again, and nothing unknown holds the VPC."""

from collections.abc import Mapping
from typing import Any

from helpers.lessons.account_view import AccountView, CheckEnded, CheckResult, done, listed, not_attempted, not_yet
from helpers.lessons.roles import WRITE, LabRole


def check_99_1(account: AccountView) -> CheckResult:
    """The delivery role writes into the course's group and cannot create it; flow logs and group are gone."""
    account.needs_own_role()
    try:
        allowed = LabRole(account, account.lab.name("flow-logs")).may(WRITE, account.log_group)
    except CheckEnded:
        return not_attempted("nothing")
    writers = account.client("ec2").describe_flow_logs(Filter=account.lab.tag_filters())["FlowLogs"]
    there = account.log_group in account.groups(account.log_group)
    if "logs:CreateLogGroup" in allowed:
        if writers:
            return not_attempted()
        return not_yet("came-back", group=account.log_group) if there else not_yet("may-create")
    if lacking := [action for action in ("logs:CreateLogStream", "logs:PutLogEvents") if action not in allowed]:
        return not_yet("cannot-write", actions=listed(lacking))
    if writers:
        return not_yet("writers", ids=listed(flow_log["FlowLogId"] for flow_log in writers))
    return not_yet("still-there", group=account.log_group) if there else done()


def check_99_2(account: AccountView) -> CheckResult:
    """The group without the lab's tags that held VPC A was found, and is deleted."""
    answer = account.answer
    if not isinstance(answer, str) or not answer.startswith("sg-"):
        return not_yet("no-group", given=repr(answer))
    inside = [{"Name": "vpc-id", "Values": [account.resource_id("vpc", "vpc-a")]}]
    groups = account.client("ec2").describe_security_groups(Filters=inside)["SecurityGroups"]
    unknown = [group["GroupId"] for group in groups if group["GroupName"] != "default" and _is_foreign(account, group)]
    if answer in unknown:
        return not_yet("still-there", group=answer)
    if answer in {group["GroupId"] for group in groups}:
        return not_yet("own", group=answer)
    return not_yet("another", given=answer, group=unknown[0]) if unknown else done()


def _is_foreign(account: AccountView, group: Mapping[str, Any]) -> bool:
    return bool(account.tags_amiss({tag["Key"]: tag["Value"] for tag in group.get("Tags", [])}))
