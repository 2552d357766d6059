"""Alarms: PutMetricAlarm, DescribeAlarms, DescribeAlarmHistory, SetAlarmState, DeleteAlarms.

Source: their documentation in botocore's model; sentences are recorded, or reported in public where the reference has
none; those of assumption ``alarm-sentences`` are ours. Composite alarms, log alarms and mute rules are refused.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import orjson

from helpers.sandbox.calls import Account, Call, Params, ServiceError, replaces, unsupported
from helpers.sandbox.monitoring.evaluation import DAY_SECONDS, period_of
from helpers.sandbox.monitoring.metrics import merged_tags, state_of, wake
from helpers.sandbox.monitoring.reasons import COMPARISONS
from helpers.sandbox.monitoring.state import Alarm, HistoryItem, is_value
from helpers.sandbox.monitoring.statistics import check_queries
from helpers.sandbox.monitoring.transitions import ACTIONS, alarm_arn, change_state, write_history
from helpers.sandbox.protocol.paging import numbered_page, renamed

MISSING = ("breaching", "notBreaching", "ignore", "missing")
MOST_ALARMS, MOST_MATH_METRICS = 5000, 10
WEEK_SECONDS = 7 * DAY_SECONDS
_OF_ONE_METRIC = ("MetricName", "Namespace", "Statistic", "Dimensions", "Period", "Unit")


def wrong(message: str) -> ServiceError:
    return ServiceError("ValidationError", message)


@replaces("cloudwatch", "PutMetricAlarm")
def put_metric_alarm(call: Call, account: Account) -> Params:
    """Make an alarm, or replace all its settings: then it keeps its state, and its tags stay as they were."""
    settings = {name: value for name, value in call.params.items() if name != "Tags"}
    _check(settings, call.region)
    state, name, now = state_of(call, account), call.params["AlarmName"], account.now()
    known = state.alarms.get(name)
    if known is None and len(state.alarms) >= MOST_ALARMS:
        raise ServiceError("LimitExceeded", "The quota for alarms for this customer has already been reached.")
    if known is None:
        tags = merged_tags(call.params.get("Tags", ()))
        state.alarms[name] = Alarm(name, settings, now, now, tags=tags)
    else:
        known.settings, known.changed_at = settings, now
    done = ("Create", "created") if known is None else ("Update", "updated")
    write_history(
        account,
        call.region,
        name,
        "ConfigurationUpdate",
        f'Alarm "{name}" {done[1]}',
        {"type": done[0], f"{done[1]}Alarm": settings},
    )
    wake(account, call.region, [name])
    return {}


def _check(settings: Mapping[str, Any], region: str) -> None:
    if any(ord(char) < 32 for char in settings["AlarmName"]):
        raise wrong("AlarmName must not contain control characters.")
    n, m = settings.get("EvaluationPeriods"), settings.get("DatapointsToAlarm")
    if "ComparisonOperator" not in settings or n is None:
        raise wrong("ComparisonOperator and EvaluationPeriods must not be null")
    if "Threshold" not in settings:
        raise wrong("Threshold must not be null")
    if not is_value(settings["Threshold"]):
        raise wrong("Threshold must be a number from -2^360 to 2^360.")
    if settings["ComparisonOperator"] not in COMPARISONS:
        raise unsupported("cloudwatch", "alarms on bands of anomaly detection")
    if m is not None and m > n:
        raise wrong("DatapointsToAlarm must be less than or equal to EvaluationPeriods")
    treated = settings.get("TreatMissingData", "missing")
    if treated not in MISSING:
        raise wrong(
            f"The value {treated} is not supported for TreatMissingData parameter. "
            f"Supported values are [{', '.join(MISSING)}]."
        )
    _check_metric(settings)
    _check_window(period_of(settings), n)
    for target in (target for name in ACTIONS.values() for target in settings.get(name, ())):
        if target.count(":") < 5 or not target.startswith("arn:"):
            raise wrong(f"Invalid arn syntax: {target}")
        if not target.startswith("arn:aws:sns:"):
            raise unsupported("cloudwatch", f"alarm actions other than SNS topics, such as {target}")
        if (elsewhere := target.split(":")[3]) != region:
            raise wrong(f"Invalid region {elsewhere} specified. Only {region} is supported.")


def _check_metric(settings: Mapping[str, Any]) -> None:
    if ("MetricName" in settings) == ("Metrics" in settings):
        raise wrong("Exactly one of MetricName and Metrics must be given.")
    if "Metrics" in settings:
        if any(name in settings for name in _OF_ONE_METRIC):
            raise wrong("With Metrics, no parameter of a single metric can be given.")
        _check_math(settings["Metrics"])
        return
    if "Namespace" not in settings:
        raise wrong("Namespace must not be null")
    if "Period" not in settings:
        raise wrong("Period must not be null")
    if "Statistic" not in settings:
        raise wrong("Exactly one of Statistic and ExtendedStatistic must be given.")


def _check_math(queries: list[Mapping[str, Any]]) -> None:
    metrics = [query for query in queries if "MetricStat" in query]
    if not 1 <= len(metrics) <= MOST_MATH_METRICS:
        raise wrong(f"Invalid metrics list: an alarm reads 1 to {MOST_MATH_METRICS} metrics.")
    check_queries(queries)
    if sum(query.get("ReturnData", True) for query in queries) != 1:
        raise wrong("Exactly one element of the metrics list should return data.")
    if len({query["MetricStat"]["Period"] for query in metrics}) > 1:
        raise wrong("Period must be consistent across all metrics")


def _check_window(period: int, n: int) -> None:
    if period in (10, 20, 30):
        raise unsupported("cloudwatch", "alarms with a period below a minute")
    if period % 60:
        raise wrong(f"Period must be 10, 20, 30 or a multiple of 60, not {period}")
    sort, most, words = ("a week", WEEK_SECONDS, ">= 3600") if period >= 3600 else ("a day", DAY_SECONDS, "< 3600")
    if n * period > most:
        raise wrong(
            f"Metrics cannot be checked across more than {sort} (EvaluationPeriods * Period must be <= {most}) "
            f"for alarms using period {words}"
        )


@replaces("cloudwatch", "DescribeAlarms")
def describe_alarms(call: Call, account: Account) -> Params:
    """Metric alarms by name; composite and log alarms cannot be made here, so these lists are empty."""
    params = call.params
    if "AlarmNames" in params and "AlarmNamePrefix" in params:
        raise wrong("AlarmNames and AlarmNamePrefix cannot both be given.")
    names = params.get("AlarmNames")
    alarms = [
        alarm
        for name, alarm in sorted(state_of(call, account).alarms.items())
        if (names is None or name in names)
        and name.startswith(params.get("AlarmNamePrefix", ""))
        and params.get("StateValue", alarm.state) == alarm.state
        and "MetricAlarm" in params.get("AlarmTypes", ["MetricAlarm"])
        and ("ActionPrefix" not in params or any(a.startswith(params["ActionPrefix"]) for a in _actions(alarm)))
    ]
    page, token = numbered_page(alarms, renamed(call, MaxRecords="MaxResults"), 100)
    shown = [_describe(alarm, call, account) for alarm in page]
    return {"MetricAlarms": shown, "CompositeAlarms": [], "NextToken": token}


def _actions(alarm: Alarm) -> list[str]:
    return [target for name in ACTIONS.values() for target in alarm.settings.get(name, ())]


def _moment(at: float) -> datetime:
    return datetime.fromtimestamp(at, UTC)


def _describe(alarm: Alarm, call: Call, account: Account) -> Params:
    shown = {
        **alarm.settings,
        "AlarmArn": alarm_arn(account, call.region, alarm.name),
        "AlarmConfigurationUpdatedTimestamp": _moment(alarm.changed_at),
        "ActionsEnabled": alarm.settings.get("ActionsEnabled", True),
        **{name: alarm.settings.get(name, []) for name in ACTIONS.values()},
        "StateValue": alarm.state,
        "StateReason": alarm.reason,
        "StateReasonData": alarm.reason_data,
        "StateUpdatedTimestamp": _moment(alarm.state_at or alarm.made_at),
        "StateTransitionedTimestamp": _moment(alarm.moved_at or alarm.made_at),
    }
    return shown if "Metrics" in shown else {"Dimensions": [], **shown}


@replaces("cloudwatch", "SetAlarmState")
def set_alarm_state(call: Call, account: Account) -> Params:
    """Set a state by hand: its actions run, and the next evaluation, within a minute, goes back to the truth."""
    params = call.params
    alarm = state_of(call, account).alarms.get(params["AlarmName"])
    if alarm is None:
        raise ServiceError("ResourceNotFound", "", 404)
    data = params.get("StateReasonData")
    try:
        orjson.loads(data or "{}")
    except ValueError:
        raise ServiceError("InvalidFormat", "StateReasonData is not valid JSON.") from None
    change_state(account, call.region, alarm, params["StateValue"], params["StateReason"], data)
    wake(account, call.region, [alarm.name])
    return {}


@replaces("cloudwatch", "DeleteAlarms")
def delete_alarms(call: Call, account: Account) -> Params:
    """Delete what is there; a name that is not does not stop the others. The history stays."""
    state = state_of(call, account)
    for name in call.params["AlarmNames"]:
        alarm = state.alarms.pop(name, None)
        if alarm is not None:
            document = {"type": "Delete", "deletedAlarm": alarm.settings}
            write_history(account, call.region, name, "ConfigurationUpdate", f'Alarm "{name}" deleted', document)
    return {}


@replaces("cloudwatch", "DescribeAlarmHistory")
def describe_alarm_history(call: Call, account: Account) -> Params:
    """The last 30 days' lines of one alarm or of all, newest first unless asked otherwise."""
    params = call.params
    since = params["StartDate"].timestamp() if "StartDate" in params else 0.0
    until = params["EndDate"].timestamp() if "EndDate" in params else float("inf")
    items = [
        item
        for item in state_of(call, account).history
        if params.get("AlarmName", item.alarm) == item.alarm
        and params.get("HistoryItemType", item.kind) == item.kind
        and since <= item.at <= until
        and "MetricAlarm" in params.get("AlarmTypes", ["MetricAlarm"])
    ]
    if params.get("ScanBy", "TimestampDescending") == "TimestampDescending":
        items.reverse()
    page, token = numbered_page(items, renamed(call, MaxRecords="MaxResults"), 100)
    return {"AlarmHistoryItems": [_item(item) for item in page], "NextToken": token}


def _item(item: HistoryItem) -> Params:
    return {
        "AlarmName": item.alarm,
        "AlarmType": "MetricAlarm",
        "Timestamp": _moment(item.at),
        "HistoryItemType": item.kind,
        "HistorySummary": item.summary,
        "HistoryData": item.data,
    }
