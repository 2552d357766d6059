"""Alarms, topics, dashboards and saved queries of the lab go, and those of others stay."""

import json
from pathlib import Path
from typing import Any

from tests.support.homes import served_lab_after

ALARM = {
    "Namespace": "AWS/Logs",
    "MetricName": "IncomingLogEvents",
    "Statistic": "Sum",
    "Period": 300,
    "EvaluationPeriods": 3,
    "Threshold": 1.0,
    "ComparisonOperator": "LessThanThreshold",
}


def make(lab: Any, name: str, tags: list[dict[str, str]]) -> None:
    cloudwatch = lab.client("cloudwatch")
    topic = lab.client("sns").create_topic(Name=name, Tags=tags)["TopicArn"]
    cloudwatch.put_metric_alarm(AlarmName=name, AlarmActions=[topic], Tags=tags, **ALARM)
    body = json.dumps({"widgets": []})
    cloudwatch.put_dashboard(DashboardName=name, DashboardBody=body, Tags=tags)
    lab.client("logs").put_query_definition(name=f"{name.rpartition('-')[0]}/top", queryString="fields @message")


def left(lab: Any) -> list[list[str]]:
    cloudwatch = lab.client("cloudwatch")
    return [
        [alarm["AlarmName"] for alarm in cloudwatch.describe_alarms()["MetricAlarms"]],
        [topic["TopicArn"].rpartition(":")[2] for topic in lab.client("sns").list_topics()["Topics"]],
        [board["DashboardName"] for board in cloudwatch.list_dashboards()["DashboardEntries"]],
        [saved["name"] for saved in lab.client("logs").describe_query_definitions()["queryDefinitions"]],
    ]


def test_the_lab_s_go_before_what_they_watch_and_others_stay(tmp_path: Path) -> None:
    with served_lab_after("00", tmp_path / "home") as (lab, _):
        make(lab, "demo-watch", lab.tag_list("watch"))
        make(lab, "demo2-watch", [{**tag, "Value": tag["Value"].replace("demo", "demo2")} for tag in lab.tag_list("w")])
        lab.client("cloudwatch").set_alarm_state(AlarmName="demo-watch", StateValue="ALARM", StateReason="a drill")
        assert [message["subject"] for message in lab.messages()] == ['ALARM: "demo-watch" in US East (N. Virginia)']
        plan = lab.teardown.plan()
        assert [step.kind for step in plan] == ["alarm", "topic", "dashboard", "saved-query"]
        report = lab.teardown.run(plan)
        assert report.ok
        assert left(lab) == [["demo2-watch"], ["demo2-watch"], ["demo2-watch"], ["demo2/top"]]
        history = lab.client("cloudwatch").describe_alarm_history(AlarmName="demo-watch")["AlarmHistoryItems"]
        assert history[0]["HistorySummary"] == 'Alarm "demo-watch" deleted'
        assert not lab.teardown.verify()
