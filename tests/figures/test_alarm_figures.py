"""An alarm and a dashboard as pictures: every point, state and row is in them, in words too."""

import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from helpers.figures import Figure, alarm_figure, dashboard
from helpers.figures.dashboard_figure import metric_queries
from tests.figures.legible import illegible, shapes, words
from tests.support.homes import served_lab_after


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A metric that crosses its threshold for a while, an alarm on it, and a log group."""
    with served_lab_after("00", tmp_path_factory.mktemp("alarm") / "home") as (lab, _):
        cloudwatch, logs = lab.client("cloudwatch"), lab.client("logs")
        logs.create_log_group(logGroupName="/demo/g")
        logs.create_log_stream(logGroupName="/demo/g", logStreamName="s")
        alarm = {"Namespace": "N", "MetricName": "m", "Statistic": "Sum", "Period": 60, "EvaluationPeriods": 1}
        cloudwatch.put_metric_alarm(
            AlarmName="demo-a", Threshold=5.0, ComparisonOperator="GreaterThanThreshold", **alarm
        )
        for value in (1.0, 9.0, 2.0):
            until = lab.now() + timedelta(minutes=10)
            cloudwatch.put_metric_data(Namespace="N", MetricData=[{"MetricName": "m", "Value": value}])
            event = {"timestamp": int(lab.now().timestamp() * 1000), "message": f"value {value}"}
            logs.put_log_events(logGroupName="/demo/g", logStreamName="s", logEvents=[event])
            lab.wait_until(lambda until=until: lab.now() >= until, 700, "end of ten minutes")
        yield lab


def test_an_alarm_shows_its_points_its_threshold_and_its_states(lab: Any) -> None:
    picture = alarm_figure(lab, "demo-a", lab.now() - timedelta(minutes=75))  # other tests move time, too
    assert illegible(picture) == []
    first, threshold, states = picture.text.splitlines()
    assert first.startswith("m, Sum: 3 points, from 1 to 9, the last 2 at ")
    assert threshold == "threshold: 5"
    assert [part.split()[0] for part in states.removeprefix("states: ").split(", ")] == [
        *("INSUFFICIENT_DATA", "OK", "INSUFFICIENT_DATA", "ALARM", "INSUFFICIENT_DATA", "OK", "INSUFFICIENT_DATA")
    ]
    assert sum(kind == "circle" for kind, _ in shapes(picture)) == 3
    lines = [drawn["points"].split() for kind, drawn in shapes(picture) if kind == "polyline"]
    heights = [{point.partition(",")[2] for point in line} for line in lines]
    assert [len(level) for level in heights] == [1, 1, 1], "no line leads over the minutes without a point"
    assert "dashed: threshold 5" in words(picture)
    with pytest.raises(ValueError, match="no alarm demo-b"):
        alarm_figure(lab, "demo-b", lab.now())
    with pytest.raises(ValueError, match="it must begin earlier"):
        alarm_figure(lab, "demo-a", lab.now())
    assert "states: " in alarm_figure(lab, "demo-a").text, "of the last hour"


def test_an_alarm_that_was_made_again_shows_its_own_states_only(lab: Any) -> None:
    cloudwatch, began = lab.client("cloudwatch"), lab.now()
    alarm = {"Namespace": "Again", "MetricName": "m", "Statistic": "Sum", "Period": 60, "EvaluationPeriods": 1}
    alarm |= {"AlarmName": "demo-again", "Threshold": 5.0, "ComparisonOperator": "GreaterThanThreshold"}

    def wait() -> None:
        until = lab.now() + timedelta(minutes=5)
        lab.wait_until(lambda: lab.now() >= until, 400, "end of five minutes")

    def states() -> list[str]:
        (line,) = (line for line in alarm_figure(lab, "demo-again", began).text.splitlines() if "states" in line)
        return [part.split()[0] for part in line.removeprefix("states: ").split(", ")]

    wait()
    cloudwatch.put_metric_alarm(**alarm)
    cloudwatch.set_alarm_state(AlarmName="demo-again", StateValue="ALARM", StateReason="a drill")
    wait()
    made = alarm_figure(lab, "demo-again", began)
    assert f"from {began:%H:%M} to" not in made.text, "there was no alarm yet"
    assert "ALARM" in states()
    cloudwatch.delete_alarms(AlarmNames=["demo-again"])
    wait()
    cloudwatch.put_metric_alarm(**alarm)
    wait()
    assert states() == ["INSUFFICIENT_DATA"]


def test_an_alarm_shows_the_points_of_its_unit_over_their_periods(lab: Any) -> None:
    cloudwatch = lab.client("cloudwatch")
    for unit, value in (("Bytes", 7.0), ("Count", 100.0)):
        cloudwatch.put_metric_data(Namespace="Units", MetricData=[{"MetricName": "m", "Value": value, "Unit": unit}])
    alarm = {"Namespace": "Units", "MetricName": "m", "Statistic": "Sum", "Period": 86_400, "EvaluationPeriods": 1}
    alarm |= {"AlarmName": "demo-unit", "Threshold": 5.0, "ComparisonOperator": "GreaterThanThreshold"}
    cloudwatch.put_metric_alarm(**alarm, Unit="Bytes")
    picture = alarm_figure(lab, "demo-unit", lab.now() - timedelta(minutes=5))
    assert picture.text.startswith("m, Sum: 1 point, from 7 to 7, the last 7 at 00:00 (each point is 1440 min")
    assert not any(kind == "circle" for kind, _ in shapes(picture)), "the period began before the picture does"
    assert illegible(picture) == []


BODY = {
    "widgets": [
        {
            "type": "text",
            "x": 0,
            "y": 0,
            "width": 24,
            "height": 2,
            "properties": {"markdown": "# Flow logs\n*Look* `here`."},
        },
        {
            "type": "metric",
            "x": 0,
            "y": 2,
            "width": 12,
            "properties": {
                "title": "Values",
                "region": "us-east-1",
                "stat": "Sum",
                "period": 60,
                "metrics": [["N", "m", {"id": "a"}], [{"expression": "a * 2", "label": "twice"}], [".", "none"]],
            },
        },
        {
            "type": "log",
            "x": 12,
            "y": 2,
            "width": 12,
            "properties": {
                "title": "Lines",
                "region": "us-east-1",
                "query": "SOURCE '/demo/g' | parse @message 'value *' as n | stats count(*) as lines, max(n) as most",
            },
        },
        {
            "type": "alarm",
            "x": 0,
            "y": 8,
            "height": 2,
            "properties": {"alarms": ["arn:aws:cloudwatch:us-east-1:123456789012:alarm:demo-a"]},
        },
    ]
}


def test_a_dashboard_shows_metrics_rows_texts_and_states_of_the_account(lab: Any) -> None:
    lab.client("cloudwatch").put_dashboard(DashboardName="demo", DashboardBody=json.dumps(BODY))
    body = lab.client("cloudwatch").get_dashboard(DashboardName="demo")["DashboardBody"]
    picture: Figure = dashboard(body, lab)
    assert illegible(picture) == []
    said = words(picture)
    assert {"Flow logs", "Look here.", "Values", "Lines", "twice", "lines", "most", "3", "9.0"} <= set(said)
    assert "INSUFFICIENT_DATA: demo-a" in said
    assert "twice: 3 points, from 2 to 18" in picture.text
    assert "none: no points" in picture.text
    assert picture.alt.startswith("A dashboard with 4 widgets: Flow logs Look here; Values: ")


def test_two_metrics_of_one_label_are_two_lines(lab: Any) -> None:
    rows = [["N", "m", {"label": "same"}], ["N", "none", {"label": "same"}]]
    properties = {"region": "us-east-1", "stat": "Sum", "period": 60, "metrics": rows}
    picture = dashboard({"widgets": [{"type": "metric", "properties": properties}]}, lab)
    assert "same: 3 points, from 1 to 9" in picture.text
    assert "same: no points" in picture.text
    assert picture.alt.startswith("A dashboard with 1 widget: ")
    assert [word for word in words(picture) if word == "same"] == ["same", "same"]


def test_a_row_without_an_id_takes_no_id_of_another(lab: Any) -> None:
    rows = [[{"expression": "m1 * 2", "label": "twice"}], ["N", "m", {"id": "m1"}]]
    properties = {"region": "us-east-1", "stat": "Sum", "period": 60, "metrics": rows, "view": "singleValue"}
    picture = dashboard({"widgets": [{"type": "metric", "properties": properties}]}, lab)
    assert "twice: 3 points, from 2 to 18" in picture.text
    assert "view singleValue: drawn here over time" in words(picture)
    assert "(view singleValue: drawn here over time)" in picture.text


def test_a_log_widget_without_its_group_is_told_where_the_group_stands(lab: Any) -> None:
    with pytest.raises(ValueError, match="SOURCE 'name'"):
        dashboard({"widgets": [{"type": "log", "properties": {"region": "us-east-1", "query": "limit 1"}}]}, lab)


def test_a_row_of_a_widget_repeats_what_stands_above_it() -> None:
    metrics = [["AWS/Logs", "IncomingBytes", "LogGroupName", "a"], ["...", "b"], [".", "IncomingLogEvents", ".", "a"]]
    queries = metric_queries({"metrics": metrics, "stat": "Sum"})
    assert [
        (query["MetricStat"]["Metric"]["MetricName"], query["MetricStat"]["Metric"]["Dimensions"][0]["Value"])
        for query in queries
    ] == [("IncomingBytes", "a"), ("IncomingBytes", "b"), ("IncomingLogEvents", "a")]
    assert {query["MetricStat"]["Period"] for query in queries} == {300}
