"""Alarms over the wire: evaluated as time passes, told to topics, remembered, deleted."""

import json
from typing import Any

import pytest

from helpers.sandbox.monitoring import evaluation
from helpers.sandbox.monitoring.state import MonitoringState
from tests.sandbox.monitoring.conftest import GROUP, SSH, advance, moment, put, record, to_minute
from tests.support.served import Sandbox

HEARTBEAT = {
    "Namespace": "AWS/Logs",
    "MetricName": "IncomingLogEvents",
    "Dimensions": [{"Name": "LogGroupName", "Value": GROUP}],
    "Statistic": "Sum",
    "ComparisonOperator": "LessThanThreshold",
    "Threshold": 1.0,
}


def state(cloudwatch: Any, name: str) -> Any:
    return cloudwatch.describe_alarms(AlarmNames=[name])["MetricAlarms"][0]


def history(cloudwatch: Any, name: str, kind: str) -> list[str]:
    items = cloudwatch.describe_alarm_history(AlarmName=name, HistoryItemType=kind, ScanBy="TimestampAscending")[
        "AlarmHistoryItems"
    ]
    return [item["HistorySummary"] for item in items]


def test_the_documented_ssh_alarm_rings_tells_a_topic_and_comes_back(sandbox, cloudwatch, sns, logs) -> None:
    topic = sns.create_topic(Name="alarms")["TopicArn"]
    logs.put_metric_filter(
        logGroupName=GROUP,
        filterName="rejected-ssh",
        filterPattern=SSH,
        metricTransformations=[
            {"metricName": "RejectedSsh", "metricNamespace": "FlowLogs", "metricValue": "1", "defaultValue": 0.0}
        ],
    )
    start = to_minute(sandbox)
    cloudwatch.put_metric_alarm(
        AlarmName="ssh",
        MetricName="RejectedSsh",
        Namespace="FlowLogs",
        Statistic="Sum",
        Period=3600,
        EvaluationPeriods=1,
        Threshold=10,
        ComparisonOperator="GreaterThanOrEqualToThreshold",
        AlarmActions=[topic],
        OKActions=[topic],
    )
    made = state(cloudwatch, "ssh")
    assert (made["StateValue"], made["StateReason"]) == ("INSUFFICIENT_DATA", "Unchecked: Initial alarm creation")
    assert "StateReasonData" not in made and "DatapointsToAlarm" not in made
    put(logs, *[(start, record(start)) for _ in range(9)], (start, record(start, port=443)))
    advance(sandbox, 120)
    assert state(cloudwatch, "ssh")["StateValue"] == "OK"
    put(logs, (start, record(start)))
    advance(sandbox, 60)
    rung = state(cloudwatch, "ssh")
    assert rung["StateValue"] == "ALARM"
    assert rung["StateReason"].startswith("Threshold Crossed: 1 datapoint [10.0 (05/01/26 ")
    assert json.loads(rung["StateReasonData"])["evaluatedDatapoints"][0]["value"] == 10.0
    advance(sandbox, 2 * 3600)
    assert state(cloudwatch, "ssh")["StateValue"] == "ALARM", "the newest point of the range still decides"
    advance(sandbox, 2 * 3600)
    assert state(cloudwatch, "ssh")["StateValue"] == "INSUFFICIENT_DATA"
    assert history(cloudwatch, "ssh", "StateUpdate") == [
        "Alarm updated from INSUFFICIENT_DATA to OK",
        "Alarm updated from OK to ALARM",
        "Alarm updated from ALARM to INSUFFICIENT_DATA",
    ]
    assert history(cloudwatch, "ssh", "Action") == [f"Successfully executed action {topic}"] * 2
    action = cloudwatch.describe_alarm_history(AlarmName="ssh", HistoryItemType="Action")["AlarmHistoryItems"][0]
    told = json.loads(json.loads(json.loads(action["HistoryData"])["publishedMessage"])["default"])
    assert (told["NewStateValue"], told["OldStateValue"], told["Region"]) == ("ALARM", "OK", "US East (N. Virginia)")
    assert told["ActionExecutedAfterMuteWindow"] is False
    assert told["Trigger"]["Statistic"] == "SUM" and told["Trigger"]["Dimensions"] == []


WAYS = {
    "fill": {
        "Metrics": [
            {
                "Id": "m1",
                "MetricStat": {
                    "Metric": {name: HEARTBEAT[name] for name in ("Namespace", "MetricName", "Dimensions")},
                    "Period": 300,
                    "Stat": "Sum",
                },
                "ReturnData": False,
            },
            {"Id": "e1", "Expression": "FILL(m1, 0)"},
        ],
        "EvaluationPeriods": 3,
        "ComparisonOperator": "LessThanThreshold",
        "Threshold": 1.0,
    },
    "15-of-15": HEARTBEAT | {"Period": 60, "EvaluationPeriods": 15, "TreatMissingData": "breaching"},
    "3-of-3": HEARTBEAT | {"Period": 300, "EvaluationPeriods": 3, "TreatMissingData": "breaching"},
    "1-of-1": HEARTBEAT | {"Period": 900, "EvaluationPeriods": 1, "TreatMissingData": "breaching"},
    "trap": HEARTBEAT | {"Period": 300, "EvaluationPeriods": 3, "TreatMissingData": "notBreaching"},
    "missing": HEARTBEAT | {"Period": 300, "EvaluationPeriods": 3},
}


def test_four_ways_to_write_silence_ring_after_15_20_25_and_45_minutes(fresh_sandbox: Sandbox) -> None:
    sandbox, cloudwatch, logs = fresh_sandbox, fresh_sandbox.client("cloudwatch"), fresh_sandbox.client("logs")
    logs.create_log_group(logGroupName=GROUP)
    logs.create_log_stream(logGroupName=GROUP, logStreamName="eni-0a1-all")
    for name, way in WAYS.items():
        cloudwatch.put_metric_alarm(AlarmName=name, **way)
    for _ in range(70):
        to_minute(sandbox)
        put(logs, (sandbox.now, "a heartbeat"))
    last = sandbox.now // 60 * 60
    assert {name: state(cloudwatch, name)["StateValue"] for name in WAYS} == dict.fromkeys(WAYS, "OK")
    advance(sandbox, 4 * 3600)
    alarms = {name: state(cloudwatch, name) for name in WAYS}
    minutes = {
        name: (alarm["StateTransitionedTimestamp"].timestamp() - last - 60) / 60 for name, alarm in alarms.items()
    }
    rung = {name: minutes[name] for name in WAYS if alarms[name]["StateValue"] == "ALARM"}
    assert rung == {"fill": 15, "15-of-15": 20, "3-of-3": 25, "1-of-1": 45}
    assert alarms["trap"]["StateValue"] == "OK"
    assert alarms["missing"]["StateValue"] == "INSUFFICIENT_DATA"
    assert len(sandbox.account.clock.queue) == 0, "nothing can change any more, so nothing is evaluated any more"


def test_a_state_set_by_hand_runs_actions_and_falls_back_within_a_minute(sandbox, cloudwatch, sns, logs) -> None:
    topic = sns.create_topic(Name="drill")["TopicArn"]
    cloudwatch.put_metric_alarm(AlarmName="drill", AlarmActions=[topic], **WAYS["3-of-3"])
    put(logs, (sandbox.now, "a heartbeat"))
    advance(sandbox, 120)
    assert state(cloudwatch, "drill")["StateValue"] == "OK"
    cloudwatch.set_alarm_state(AlarmName="drill", StateValue="ALARM", StateReason="a drill")
    assert state(cloudwatch, "drill")["StateReason"] == "a drill"
    advance(sandbox, 60)
    assert state(cloudwatch, "drill")["StateValue"] == "OK"
    assert history(cloudwatch, "drill", "Action") == [f"Successfully executed action {topic}"]
    sns.delete_topic(TopicArn=topic)
    cloudwatch.set_alarm_state(AlarmName="drill", StateValue="ALARM", StateReason="another drill")
    assert history(cloudwatch, "drill", "Action")[-1].startswith(f"Failed to execute action {topic}.")


@pytest.mark.parametrize("broken", ["one", "three", "two"])
def test_an_alarm_that_fails_stops_no_other(
    fresh_sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, broken: str
) -> None:
    sandbox, cloudwatch = fresh_sandbox, fresh_sandbox.client("cloudwatch")
    evaluate = evaluation.evaluate

    def failing(account: Any, region: str, alarm: Any, now: int) -> bool:
        if alarm.name == broken:
            raise ArithmeticError
        return evaluate(account, region, alarm, now)

    monkeypatch.setattr(evaluation, "evaluate", failing)
    names = ("one", "two", "three")
    for name in names:
        cloudwatch.put_metric_alarm(AlarmName=name, **WAYS["3-of-3"])
    advance(sandbox, 300)
    assert {name for name in names if state(cloudwatch, name)["StateValue"] == "ALARM"} == {*names} - {broken}
    monkeypatch.undo()
    cloudwatch.put_metric_data(Namespace="Other", MetricData=[{"MetricName": "m", "Value": 1.0}])
    cloudwatch.put_metric_alarm(AlarmName=broken, **WAYS["3-of-3"])
    advance(sandbox, 120)
    assert state(cloudwatch, broken)["StateValue"] == "ALARM", "it is evaluated again"


def test_an_update_keeps_the_state_and_switched_off_actions_stay_silent(sandbox, cloudwatch, sns, logs) -> None:
    topic = sns.create_topic(Name="quiet")["TopicArn"]
    cloudwatch.put_metric_alarm(AlarmName="quiet", **WAYS["3-of-3"])
    put(logs, (sandbox.now, "a heartbeat"))
    advance(sandbox, 90)
    changed = WAYS["3-of-3"] | {"Threshold": 5.0}
    cloudwatch.put_metric_alarm(AlarmName="quiet", ActionsEnabled=False, AlarmActions=[topic], **changed)
    assert (state(cloudwatch, "quiet")["StateValue"], state(cloudwatch, "quiet")["Threshold"]) == ("OK", 5.0)
    advance(sandbox, 7200)
    assert state(cloudwatch, "quiet")["StateValue"] == "ALARM"
    assert history(cloudwatch, "quiet", "Action") == []
    assert history(cloudwatch, "quiet", "ConfigurationUpdate") == ['Alarm "quiet" created', 'Alarm "quiet" updated']


def test_alarms_are_found_by_prefix_state_and_action_and_deleted_with_their_history_kept(cloudwatch, sns) -> None:
    topic = sns.create_topic(Name="found")["TopicArn"]
    for name in ("find/a", "find/b"):
        cloudwatch.put_metric_alarm(AlarmName=name, OKActions=[topic], **WAYS["trap"])

    def names(**asked: Any) -> list[str]:
        return [alarm["AlarmName"] for alarm in cloudwatch.describe_alarms(**asked)["MetricAlarms"]]

    assert names(AlarmNamePrefix="find/") == ["find/a", "find/b"]
    assert names(AlarmNamePrefix="find/", StateValue="ALARM") == []
    assert names(ActionPrefix=topic) == ["find/a", "find/b"]
    assert names(AlarmTypes=["CompositeAlarm"]) == []
    first = cloudwatch.describe_alarms(AlarmNamePrefix="find/", MaxRecords=1)
    assert names(AlarmNamePrefix="find/", MaxRecords=1, NextToken=first["NextToken"]) == ["find/b"]
    cloudwatch.delete_alarms(AlarmNames=["find/a", "never there"])
    assert names(AlarmNamePrefix="find/") == ["find/b"]
    assert history(cloudwatch, "find/a", "ConfigurationUpdate")[-1] == 'Alarm "find/a" deleted'


@pytest.mark.parametrize("from_checkpoint", [False, True])
def test_alarms_metrics_topics_and_dashboards_survive_a_restart(fresh_sandbox: Sandbox, from_checkpoint: bool) -> None:
    sandbox, cloudwatch, logs = fresh_sandbox, fresh_sandbox.client("cloudwatch"), fresh_sandbox.client("logs")
    sns = sandbox.client("sns")
    topic = sns.create_topic(Name="kept")["TopicArn"]
    logs.create_log_group(logGroupName=GROUP)
    logs.create_log_stream(logGroupName=GROUP, logStreamName="eni-0a1-all")
    cloudwatch.put_metric_alarm(AlarmName="kept", AlarmActions=[topic], **WAYS["15-of-15"])
    put(logs, (sandbox.now, "a heartbeat"))
    logs.put_query_definition(name="a/b", queryString="fields @message")
    cloudwatch.put_dashboard(DashboardName="kept", DashboardBody='{"widgets": []}')
    advance(sandbox, 600)

    def picture() -> Any:
        replies = [
            cloudwatch.describe_alarms(),
            cloudwatch.describe_alarm_history(),
            cloudwatch.list_metrics(),
            cloudwatch.list_dashboards(),
            cloudwatch.get_metric_statistics(
                Namespace="AWS/Logs",
                MetricName="IncomingBytes",
                StartTime=moment(sandbox.now - 3600),
                EndTime=moment(sandbox.now),
                Period=60,
                Statistics=["Sum"],
            ),
            logs.describe_query_definitions(),
            sns.list_topics(),
        ]
        return [{name: value for name, value in reply.items() if name != "ResponseMetadata"} for reply in replies]

    before = picture()
    sandbox.reopen(from_checkpoint=from_checkpoint)
    assert picture() == before
    advance(sandbox, 3600)
    assert state(cloudwatch, "kept")["StateValue"] == "ALARM"
    assert len(sandbox.account.state(MonitoringState, "us-east-1").topics[topic].messages) == 1
