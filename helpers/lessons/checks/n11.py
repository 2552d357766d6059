"""The checks of notebook 11: an alarm on login attempts, and an alarm on silence. Both read what was configured."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from helpers.lessons.account_view import AccountView, CheckResult, done, not_attempted, not_yet
from helpers.lessons.the_lab import CLIENT

ATTACK = [14] * 11 + [13] * 5
"""219 connections in 16 minutes: how many in each."""
ADMINISTRATOR = [1, 0, 0] * 20
_FLOW = "2 123456789012 eni-0a1 198.51.100.14 {client} {ports} {protocol} {counts} 1767603600 1767603660 {action} OK"


def _record(ports: str = "50000 22", protocol: int = 6, counts: str = "1 60", action: str = "ACCEPT") -> str:
    return _FLOW.format(client=CLIENT, ports=ports, protocol=protocol, counts=counts, action=action)


LOGIN = _record()
OTHERS = {
    "https": _record("50000 443"),
    "rejected ssh": _record(action="REJECT"),
    "UDP to port 22": _record(protocol=17),
    "the answer of an ssh server, which has 22 as its source port": _record("22 50000"),
    "https with 22 packets": _record("50000 443", counts="22 1400"),
    "https with 22 bytes": _record("50000 443", counts="1 22"),
}
MOST_MINUTES, LEAST_MINUTES = 20, 10
_ABOVE = ("GreaterThanThreshold", "GreaterThanOrEqualToThreshold")
_FILLED = re.compile(r"\s*FILL\(\s*(\w+)\s*,\s*0+(?:\.0*)?\s*\)\s*")


def check_11_1(account: AccountView) -> CheckResult:
    """The filter counts accepted ssh and nothing else; the alarm rings for the attack alone."""
    logs, name = account.client("logs"), account.lab.name("logins")
    group = f"/{account.lab.prefix}/watched"
    if group not in account.groups(group):
        return not_attempted()
    filters = logs.describe_metric_filters(logGroupName=group)["metricFilters"]
    entry = next((entry for entry in filters if entry["filterName"] == name), None)
    if entry is None:
        return not_yet("no-filter", name=name) if _alarm(account, name) else not_attempted()
    if amiss := _counted(logs, entry, filters):
        return amiss
    made = entry["metricTransformations"][0]
    alarm = _alarm(account, name)
    if alarm and len(alarm.get("Metrics", ())) > 1:
        return not_yet("math")
    alarm = alarm and _of_one_metric(alarm)
    if alarm is None or (alarm.get("Namespace"), alarm.get("MetricName")) != _metric(entry):
        return not_yet("no-alarm", name=name, metric=made["metricName"])
    if alarm["Dimensions"] or made.get("dimensions"):
        return not_yet("dimensions")
    if alarm.get("Unit", unit := made.get("unit", "None")) != unit:
        return not_yet("unit", given=alarm["Unit"], unit=unit)
    if alarm.get("TreatMissingData") == "breaching" and "defaultValue" not in made:
        return not_yet("rings-without")
    return _judged(alarm) or _kept(account, alarm)


def _counted(logs: Any, entry: Mapping[str, Any], filters: Sequence[Mapping[str, Any]]) -> CheckResult | None:
    """What is wrong with what a filter counts; ``None`` for nothing."""
    pattern = entry["filterPattern"]

    def matches(message: str) -> bool:
        return bool(logs.test_metric_filter(filterPattern=pattern, logEventMessages=[message])["matches"])

    if not matches(LOGIN):
        fields = [field.strip() for field in pattern.strip(" []").split(",")]
        if pattern.startswith("[") and "..." not in fields and len(fields) != len(LOGIN.split()):
            return not_yet("fields", count=len(fields))
        return not_yet("misses")
    if others := [what for what, message in OTHERS.items() if matches(message)]:
        return not_yet("too-much", what=others[0])
    if not _is_one(value := entry["metricTransformations"][0]["metricValue"]):
        return not_yet("counts", given=value)
    same = [other["filterName"] for other in filters if other is not entry and _metric(other) == _metric(entry)]
    return not_yet("shared", other=same[0], metric=_metric(entry)[1]) if same else None


def _metric(entry: Mapping[str, Any]) -> tuple[str, str]:
    """Namespace and name of the metric of a filter."""
    made = entry["metricTransformations"][0]
    return made["metricNamespace"], made["metricName"]


def _of_one_metric(alarm: dict[str, Any]) -> dict[str, Any]:
    """The alarm as if it were written with ``MetricName``, where it names its one metric in ``Metrics``."""
    if "Metrics" not in alarm:
        return alarm
    stat = alarm["Metrics"][0]["MetricStat"]
    metric: dict[str, Any] = stat["Metric"]
    unit = {"Unit": stat["Unit"]} if "Unit" in stat else {}
    return alarm | {"Dimensions": []} | metric | {"Period": stat["Period"], "Statistic": stat["Stat"]} | unit


def _kept(account: AccountView, alarm: Mapping[str, Any]) -> CheckResult:
    """The last question of both exercises: whether a clean-up will find the alarm."""
    wanted = account.lab.tag_dict("any")
    filters = [{"Key": key, "Values": [wanted[key]]} for key in ("Project", "Lab")]
    pages = account.client("resourcegroupstaggingapi").get_paginator("get_resources")
    found = pages.paginate(TagFilters=filters, ResourceTypeFilters=["cloudwatch:alarm"])
    if alarm["AlarmArn"] not in set(found.search("ResourceTagMappingList[].ResourceARN")):
        return not_yet("no-tags", name=alarm["AlarmName"])
    return done()


def _is_one(value: str) -> bool:
    try:
        return float(value) == 1
    except ValueError:  # the name of a field, such as $packets
        return False


def _judged(alarm: Mapping[str, Any]) -> CheckResult | None:
    """What is wrong with the rule of an alarm on logins; ``None`` for nothing."""
    if alarm.get("Statistic") != "Sum" or alarm["ComparisonOperator"] not in _ABOVE:
        return not_yet("other-rule", given=f"{alarm.get('Statistic')}, {alarm['ComparisonOperator']}")
    if not rings(alarm, ATTACK):
        minutes, n = alarm["Period"] // 60, alarm["EvaluationPeriods"]
        long = "1 minute" if minutes == 1 else f"{minutes} minutes"
        facts = {"minutes": long, "threshold": f"{alarm['Threshold']:g}"}
        if rings({**alarm, "DatapointsToAlarm": 1}, ATTACK):
            return not_yet("too-long", m=alarm.get("DatapointsToAlarm", n), n=n, **facts)
        return not_yet("silent", count=sum(ATTACK[:minutes]), **facts)
    return not_yet("rings") if rings(alarm, ADMINISTRATOR) else None


def rings(alarm: Mapping[str, Any], counts: Sequence[int]) -> bool:
    """Whether an alarm on a sum rings at some minute, with so many records in each minute and none around them."""
    minutes, n = alarm["Period"] // 60, alarm["EvaluationPeriods"]
    m, threshold = alarm.get("DatapointsToAlarm", n), alarm["Threshold"]
    around = [0] * (minutes * n)
    padded = [*around, *counts, *around]
    for end in range(len(around), len(padded) + 1):
        sums = [sum(padded[end - minutes * (back + 1) : end - minutes * back]) for back in range(n)]
        strict = alarm["ComparisonOperator"] == "GreaterThanThreshold"
        if sum(total > threshold or (total == threshold and not strict) for total in sums) >= m:
            return True
    return False


def check_11_2(account: AccountView) -> CheckResult:
    """The alarm watches the arrivals of the group, rings in time, and tells the topic."""
    name, group = account.lab.name("silence"), f"/{account.lab.prefix}/watched"
    alarm = _alarm(account, name)
    if alarm is None:
        return not_attempted("untouched")
    stats = {query["Id"]: query["MetricStat"] for query in alarm.get("Metrics", ()) if "MetricStat" in query}
    returned = (query for query in alarm.get("Metrics", ()) if query.get("ReturnData", True))
    shown: Mapping[str, Any] = next(returned, {})
    filled = _FILLED.fullmatch(shown.get("Expression", ""))
    if "Expression" in shown and (filled is None or filled[1] not in stats):
        return not_yet("other-math", given=shown["Expression"])
    stat = stats[filled[1] if filled else shown["Id"]] if shown else alarm
    metric: Mapping[str, Any] = stat["Metric"] if shown else alarm
    dimensions = {item["Name"]: item["Value"] for item in metric.get("Dimensions", ())}
    arrivals = ("AWS/Logs", "IncomingLogEvents", {"LogGroupName": group})
    if (metric.get("Namespace"), metric.get("MetricName"), dimensions) != arrivals:
        return not_yet("other-metric", group=group)
    if stat.get("Unit", "None") != "None":
        return not_yet("unit", given=stat["Unit"])
    topic = account.lab.name("alarms")
    return _silence(alarm, stat["Period"], bool(filled), topic) or _told(alarm, topic) or _kept(account, alarm)


def _silence(alarm: Mapping[str, Any], period: int, is_filled: bool, topic: str) -> CheckResult | None:
    """What is wrong with the rule of an alarm on absence; ``None`` for nothing."""
    n, threshold = alarm["EvaluationPeriods"], alarm["Threshold"]
    if not alarm["ComparisonOperator"].startswith("LessThan"):
        return not_yet("other-rule")
    takes_equal = alarm["ComparisonOperator"] == "LessThanOrEqualToThreshold"
    if threshold > 1 or (threshold == 1 and takes_equal):
        return not_yet("one-breaches", threshold=f"{threshold:g}")
    if is_filled and (threshold < 0 or (threshold == 0 and not takes_equal)):
        return not_yet("none-passes", threshold=f"{threshold:g}")
    treated = alarm.get("TreatMissingData", "missing")
    if not is_filled and treated != "breaching":
        tells = any(target.endswith(f":{topic}") for target in alarm["InsufficientDataActions"])
        return not_yet("insufficient") if treated == "missing" and tells else not_yet("trap", given=treated)
    if (m := alarm.get("DatapointsToAlarm", n)) != n:
        return not_yet("some-of", m=m, n=n)
    minutes = (n if is_filled else looked_at(n)) * period // 60
    if minutes > MOST_MINUTES:
        return not_yet("late", minutes=minutes)
    return not_yet("nervous", minutes=minutes) if minutes < LEAST_MINUTES else None


def _told(alarm: Mapping[str, Any], topic: str) -> CheckResult | None:
    if not any(target.endswith(f":{topic}") for target in alarm["AlarmActions"]):
        return not_yet("nobody", topic=topic)
    return None if alarm["ActionsEnabled"] else not_yet("switched-off")


def looked_at(periods: int) -> int:
    """How many periods back an alarm looks: what the lesson measured (assumption ``alarm-range``)."""
    return periods + max(2, periods // 3)


def _alarm(account: AccountView, name: str) -> dict[str, Any] | None:
    alarms = account.client("cloudwatch").describe_alarms(AlarmNames=[name])["MetricAlarms"]
    return alarms[0] if alarms else None
