"""A change of an alarm's state: written into its history, and told to the topics of the new state's actions.

Sources: recorded history and messages; the sentences of a failed action are AWS's Knowledge Center's.
"""

import uuid
from collections.abc import Mapping
from typing import Any

import orjson

from helpers.sandbox.calls import Account
from helpers.sandbox.monitoring.metrics import dimensions_of
from helpers.sandbox.monitoring.reasons import iso
from helpers.sandbox.monitoring.state import Alarm, AlarmState, HistoryItem, MonitoringState, TopicMessage

HISTORY_SECONDS = 30 * 86_400
ACTIONS = {"OK": "OKActions", "ALARM": "AlarmActions", "INSUFFICIENT_DATA": "InsufficientDataActions"}
_REGION_NAMES = {
    "us-east-1": "US East (N. Virginia)",
    "us-east-2": "US East (Ohio)",
    "us-west-1": "US West (N. California)",
    "us-west-2": "US West (Oregon)",
    "eu-central-1": "EU (Frankfurt)",
    "eu-west-1": "EU (Ireland)",
}


def alarm_arn(account: Account, region: str, name: str) -> str:
    return f"arn:aws:cloudwatch:{region}:{account.account_id}:alarm:{name}"


def write_history(
    account: Account, region: str, alarm: str, kind: Any, summary: str, document: Mapping[str, Any]
) -> None:
    """Add a line, and forget what is older than 30 days."""
    state, now = account.state(MonitoringState, region), account.now()
    if state.history and state.history[0].at < now - HISTORY_SECONDS:
        state.history = [item for item in state.history if item.at >= now - HISTORY_SECONDS]
    text = orjson.dumps({"version": "1.0", **document}, default=str).decode()
    state.history.append(HistoryItem(alarm, now, kind, summary, text))


def change_state(account: Account, region: str, alarm: Alarm, to: AlarmState, reason: str, data: str | None) -> None:
    """Go to another state: history first, then the actions, which run on a change only."""
    before, now = alarm.state, account.now()
    old = _state(alarm)
    alarm.state, alarm.reason, alarm.reason_data, alarm.state_at = to, reason, data, now
    if to == before:
        return
    alarm.moved_at = now
    change = {"oldState": old, "newState": _state(alarm)}
    write_history(account, region, alarm.name, "StateUpdate", f"Alarm updated from {before} to {to}", change)
    if alarm.settings.get("ActionsEnabled", True):
        for target in alarm.settings.get(ACTIONS[to], ()):
            _act(account, region, alarm, before, target)


def _state(alarm: Alarm) -> dict[str, Any]:
    shown: dict[str, Any] = {"stateValue": alarm.state, "stateReason": alarm.reason}
    return shown | ({"stateReasonData": orjson.loads(alarm.reason_data)} if alarm.reason_data else {})


def _act(account: Account, region: str, alarm: Alarm, before: AlarmState, target: str) -> None:
    topic = account.state(MonitoringState, region).topics.get(target)
    text = orjson.dumps(_message(account, region, alarm, before)).decode()
    document = {
        "actionState": "Succeeded" if topic else "Failed",
        "stateUpdateTimestamp": int(alarm.state_at * 1000),
        "notificationResource": target,
    }
    if topic is None:
        summary = f'Failed to execute action {target}. Received error: "Topic does not exist"'
        write_history(account, region, alarm.name, "Action", summary, {**document, "error": "Topic does not exist"})
        return
    subject = f'{alarm.state}: "{alarm.name}" in {_REGION_NAMES.get(region, region)}'
    publish(account, topic.messages, subject, text)
    document["publishedMessage"] = orjson.dumps({"default": text}).decode()
    write_history(account, region, alarm.name, "Action", f"Successfully executed action {target}", document)


def publish(account: Account, messages: list[TopicMessage], subject: str, text: str) -> str:
    """Put a message into a topic; its id."""
    draw = account.random("message", subject, text, str(len(messages)))
    made = str(uuid.UUID(int=draw.getrandbits(128), version=4))
    messages.append(TopicMessage(made, account.now(), subject, text))
    return made


def _message(account: Account, region: str, alarm: Alarm, before: AlarmState) -> dict[str, Any]:
    """What SNS is given, as recorded."""
    settings = alarm.settings
    trigger: dict[str, Any] = {
        "Period": settings.get("Period"),
        "EvaluationPeriods": settings["EvaluationPeriods"],
        "DatapointsToAlarm": settings.get("DatapointsToAlarm"),
        "ComparisonOperator": settings["ComparisonOperator"],
        "Threshold": settings["Threshold"],
        "TreatMissingData": settings.get("TreatMissingData", "missing"),
        "EvaluateLowSampleCountPercentile": "",
    }
    if "MetricName" in settings:
        dimensions = [{"value": value, "name": name} for name, value in dimensions_of(settings.get("Dimensions"))]
        trigger = {
            "MetricName": settings["MetricName"],
            "Namespace": settings["Namespace"],
            "StatisticType": "Statistic",
            "Statistic": settings["Statistic"].upper(),
            "Unit": settings.get("Unit"),
            "Dimensions": dimensions,
            **trigger,
        }
    else:
        trigger["Metrics"] = settings["Metrics"]
    trigger = {name: value for name, value in trigger.items() if value is not None or name == "Unit"}
    return {
        "AlarmName": alarm.name,
        "AlarmDescription": settings.get("AlarmDescription"),
        "AWSAccountId": account.account_id,
        "AlarmConfigurationUpdatedTimestamp": iso(alarm.changed_at),
        "NewStateValue": alarm.state,
        "NewStateReason": alarm.reason,
        "StateChangeTime": iso(alarm.moved_at),
        "Region": _REGION_NAMES.get(region, region),
        "AlarmArn": alarm_arn(account, region, alarm.name),
        "OldStateValue": before,
        "OKActions": settings.get("OKActions", []),
        "AlarmActions": settings.get("AlarmActions", []),
        "InsufficientDataActions": settings.get("InsufficientDataActions", []),
        "ActionExecutedAfterMuteWindow": False,
        "Trigger": trigger,
    }
