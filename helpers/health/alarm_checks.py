"""H16: whether an alarm notices that no more records arrive in a log group."""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from helpers.health.account_values import AccountValues, Thresholds
from helpers.health.health_findings import NotUsed, Problem, Seen, row

Alarm = Mapping[str, Any]
_ACTIONS = {"ALARM": "AlarmActions", "INSUFFICIENT_DATA": "InsufficientDataActions"}
_MISSING = {
    "breaching": "ALARM",
    "missing": "INSUFFICIENT_DATA",
    "notBreaching": "OK",
    "ignore": "the state that it has",
}
# A series that is filled with a number has values where nothing arrived, and so has a count of no log event.
_FILLED = re.compile(r"\bFILL\(\s*\w+\s*,\s*[-.\d]")
_ARRIVED = ("IncomingLogEvents", "IncomingBytes")


def h16_watched(account: AccountValues, thresholds: Thresholds) -> Iterator[Seen]:
    """An alarm with an action changes its state when nothing arrives in a log group of a flow log."""
    if not account.alarms or not account.groups:
        yield NotUsed("There is no alarm." if account.groups else "No flow log delivers to CloudWatch Logs.")
        return
    composites = [alarm for alarm in account.alarms if "AlarmRule" in alarm and _acts(alarm, "ALARM")]
    for group in account.groups:
        of_group = [alarm for alarm in account.alarms if _reads(account, alarm, group)]
        if not any(_tells(alarm, composites) for alarm in of_group):
            evidence = tuple(
                row(
                    alarm=alarm["AlarmName"],
                    state_without_records=(state := _without_records(alarm)),
                    actions_in_it=len(alarm.get(_ACTIONS.get(state, ""), ())),
                    actions_enabled=alarm.get("ActionsEnabled", True),
                )
                for alarm in of_group
            )
            yield Problem("unwatched", group, evidence or (row(log_group=group, alarms_on_it=0),))


def _reads(account: AccountValues, alarm: Alarm, group: str) -> bool:
    """Whether an alarm reads what arrives in a group: the group's own metrics, a metric filter's, or its log events."""
    queried = alarm.get("ScheduledQueryConfiguration", {}).get("LogGroupIdentifiers", ())
    if any(re.split(":log-group:", name.removesuffix(":*"))[-1] == group for name in queried):
        return True
    filtered = {
        (made["metricNamespace"], made["metricName"])
        for entry in account.metric_filters
        for made in entry["metricTransformations"]
        if entry["logGroupName"] == group
    }
    own = [{"Name": "LogGroupName", "Value": group}]
    return any(
        (metric["Namespace"], metric["MetricName"]) in filtered
        or (metric["Namespace"] == "AWS/Logs" and metric["MetricName"] in _ARRIVED and metric.get("Dimensions") == own)
        for metric in _metrics(alarm, account.account)
    )


def _metrics(alarm: Alarm, account: str) -> Iterable[Mapping[str, Any]]:
    if "MetricName" in alarm:
        return [alarm]
    asked = [query for query in alarm.get("Metrics", ()) if "MetricStat" in query]
    return [query["MetricStat"]["Metric"] for query in asked if query.get("AccountId", account) == account]


def _without_records(alarm: Alarm) -> str:
    """The state that an alarm goes to when nothing arrives."""
    expressions = [query.get("Expression", "") for query in alarm.get("Metrics", ())]
    if "ScheduledQueryConfiguration" in alarm or any(map(_FILLED.search, expressions)):
        return "ALARM" if alarm["ComparisonOperator"].startswith("LessThan") else "OK"
    return _MISSING.get(alarm.get("TreatMissingData", "missing"), "unknown")


def _tells(alarm: Alarm, composites: Iterable[Alarm]) -> bool:
    """Whether an action runs then: the alarm's own, or one of a composite alarm that names it."""
    state = _without_records(alarm)
    named = re.compile(rf'ALARM\(\s*"?([^"()]*:alarm:)?{re.escape(alarm["AlarmName"])}"?\s*\)')
    above = any(named.search(composite["AlarmRule"]) for composite in composites)
    return _acts(alarm, state) or (state == "ALARM" and above)


def _acts(alarm: Alarm, state: str) -> bool:
    return bool(alarm.get("ActionsEnabled", True) and alarm.get(_ACTIONS.get(state, "")))
