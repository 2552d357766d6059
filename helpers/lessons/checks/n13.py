"""Notebook 13: a question that is not blind, settings that drifted, and the rules of a house as thresholds."""

from collections.abc import Mapping
from typing import Any

from helpers.health import Thresholds, examine
from helpers.lessons.account_view import AccountView, CheckResult, done, listed, not_attempted, not_yet

# A flow log as DescribeFlowLogs gives it, whether it delivers, and what to say to another answer.
_ACTIVE = {"FlowLogId": "fl-0123456789abcdef0", "FlowLogStatus": "ACTIVE", "LogGroupName": "/demo/vpc-flow-logs"}
FLOW_LOGS: tuple[tuple[Mapping[str, str], bool, str], ...] = (
    (_ACTIVE | {"DeliverLogsStatus": "SUCCESS"}, True, "alarm"),
    (_ACTIVE | {"DeliverLogsStatus": "FAILED", "DeliverLogsErrorMessage": "Access error"}, False, "blind"),
    (_ACTIVE | {"DeliverLogsStatus": "SUCCESS", "DeliverLogsErrorMessage": "Rate limited"}, False, "message"),
    (_ACTIVE, False, "unknown-status"),
)
DRIFTED = {("H5", "no-source"), ("H8", "never-expires"), ("H11", "silent")}
WEB_PORT = 80
NOT_ASKED = {"H16"}  # an alarm on the delivery: lesson 11 builds one, and nothing drifted there
YEAR, LATEST_DAYS = 365, (730, 731)
STALE_MINUTES, PORTS = 20, {80, 443, 8443}


def check_13_1(account: AccountView) -> CheckResult:
    """A function that says of each flow log whether it delivers, also of those that have no status yet."""
    delivers = account.answer
    if not callable(delivers):
        return not_yet("shape", given=type(delivers).__name__)
    for flow_log, expected, message in FLOW_LOGS:
        try:
            answer = delivers(dict(flow_log))
        except Exception as problem:  # the function is the learner's own
            return not_yet("raises", problem=f"{type(problem).__name__}: {problem}")
        if answer is None:
            return not_yet("nothing")
        if bool(answer) is not expected:
            return not_yet(message)
    return done()


def check_13_2(account: AccountView) -> CheckResult:
    """The health check finds nothing any more in what drifted, and flow logs and web page are as they were."""
    account.group()
    role = account.client("iam").get_role(RoleName=account.lab.name("flow-logs"))["Role"]["Arn"]
    vpcs = {account.resource_id("vpc", name) for name in ("vpc-a", "vpc-b")}
    watched = {role, account.log_group, account.resource_id("security-group", "sg-public-b")}
    # A lab that was just built has young flow logs; what they recorded is enough here.
    report = examine(account.lab.reading(), Thresholds(settle_minutes=0), vpcs=vpcs)
    found = report.at_least("low")
    if uncovered := [finding for finding in found if finding.id == "H3" and finding.resource in vpcs]:
        return not_yet("uncovered", says=str(uncovered[0]))
    if not any(not rule.egress and rule.from_port == WEB_PORT for rule in account.rules("sg-public-b")):
        return not_yet("page")
    if (rules := report.outcome("H11")).status == "not evaluated":
        return not_yet("left", says=f"- {rules}")
    left = [finding for finding in found if finding.resource in watched and finding.id not in NOT_ASKED]
    if {(finding.id, finding.problem) for finding in left} == DRIFTED:
        return not_attempted()
    return not_yet("left", says="\n".join(f"- {finding.id}: {finding}" for finding in left)) if left else done()


def check_13_3(account: AccountView) -> CheckResult:
    """Thresholds that say what the company's rules say."""
    rules: Any = account.answer
    if not isinstance(rules, Thresholds):
        return not_yet("shape", given=type(rules).__name__)
    if rules.retention_min_days != YEAR or rules.retention_max_days not in LATEST_DAYS:
        return not_yet("retention", least=rules.retention_min_days, most=rules.retention_max_days)
    if rules.stale_minutes != STALE_MINUTES:
        return not_yet("stale", minutes=rules.stale_minutes)
    if set(rules.authorized_ports) != PORTS:
        return not_yet("ports", ports=listed(map(str, rules.authorized_ports)))
    return done() if rules.traffic == "REJECT" else not_yet("traffic", traffic=rules.traffic)
