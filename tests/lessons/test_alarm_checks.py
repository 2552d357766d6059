"""The checks of notebook 11 take any right alarm, and ring for the attack alone."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from helpers.lessons.account_view import AccountView, CheckResult
from helpers.lessons.checks import checks_of
from helpers.lessons.checks.n11 import ADMINISTRATOR, ATTACK, rings
from tests.support.homes import served_lab_after

GROUP = "/demo/watched"
FIELDS = "[v, account, eni, source, destination, srcport, destport=22, protocol=6, packets, bytes, a, b, action={}, s]"
TAGS = {"Tags": [{"Key": "Project", "Value": "vpc-flow-logs-workbook"}, {"Key": "Lab", "Value": "demo"}]}
ABOVE = {
    **TAGS,
    "AlarmName": "demo-logins",
    "Namespace": "demo",
    "MetricName": "Logins",
    "Statistic": "Sum",
    "ComparisonOperator": "GreaterThanThreshold",
}
HEARTBEAT = {
    "Namespace": "AWS/Logs",
    "MetricName": "IncomingLogEvents",
    "Dimensions": [{"Name": "LogGroupName", "Value": GROUP}],
}
SILENCE = {**TAGS, "AlarmName": "demo-silence", "ComparisonOperator": "LessThanThreshold", "Threshold": 1.0}


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    with served_lab_after("00", tmp_path_factory.mktemp("checks") / "home") as (lab, _):
        lab.client("logs").create_log_group(logGroupName=GROUP)
        lab.client("sns").create_topic(Name="demo-alarms")
        yield lab


@pytest.fixture
def check(lab: Any) -> Callable[[str], CheckResult]:
    return lambda exercise: checks_of("11")[exercise](AccountView(lab))


@pytest.mark.parametrize(
    ("pattern", "settings"),
    [
        (FIELDS.format("ACCEPT"), {"Period": 3600, "EvaluationPeriods": 1, "Threshold": 100}),
        (FIELDS.format('"ACCEPT"'), {"Period": 60, "EvaluationPeriods": 5, "DatapointsToAlarm": 3, "Threshold": 5}),
        (FIELDS.format("A*"), {"Period": 300, "EvaluationPeriods": 2, "Threshold": 20}),
    ],
)  # fmt: skip
def test_any_pattern_and_any_threshold_between_the_two_is_right(
    lab: Any, check: Callable[[str], CheckResult], pattern: str, settings: dict[str, Any]
) -> None:
    made = [{"metricNamespace": "demo", "metricName": "Logins", "metricValue": "1"}]
    lab.client("logs").put_metric_filter(
        logGroupName=GROUP, filterName="demo-logins", filterPattern=pattern, metricTransformations=made
    )
    lab.client("cloudwatch").put_metric_alarm(**ABOVE, **settings)
    assert check("11.1").outcome == "done"


MADE = {"metricNamespace": "demo", "metricName": "Logins", "metricValue": "1", "defaultValue": 0.0}
RIGHT = FIELDS.format("ACCEPT")
MINUTES = {"Period": 300, "EvaluationPeriods": 1, "Threshold": 30}


@pytest.mark.parametrize(
    ("pattern", "made", "settings", "key"),
    [
        ('ACCEPT "22"', {}, {}, "too-much"),
        (RIGHT.replace("protocol=6", "protocol"), {}, {}, "too-much"),
        ('ACCEPT " 22 "', {}, {}, "too-much"),
        (RIGHT, {"metricValue": "100"}, {"Threshold": 100}, "counts"),
        (RIGHT, {"metricValue": "$packets"}, {}, "counts"),
        (RIGHT, {"metricValue": "1.0"}, {}, "done"),
        (RIGHT, {}, {"Unit": "Count"}, "unit"),
        (RIGHT, {"unit": "Count"}, {"Unit": "Count"}, "done"),
        (RIGHT, {}, {"Unit": "None"}, "done"),
        (RIGHT, {}, {"Dimensions": [{"Name": "a", "Value": "b"}]}, "dimensions"),
        (RIGHT, {"defaultValue": None, "dimensions": {"a": "$action"}}, {}, "dimensions"),
        (RIGHT, {"defaultValue": None}, {"TreatMissingData": "breaching"}, "rings-without"),
        (RIGHT.replace(", a, b", ""), {}, {}, "fields"),
        (RIGHT.replace("a, b, action=ACCEPT, s", "..., action=ACCEPT, s"), {}, {}, "done"),
        (RIGHT.replace("a, b, action=ACCEPT, s", "..., action=ACCEPT"), {}, {}, "misses"),
        (RIGHT, {}, {"Threshold": 100}, "silent"),
        (RIGHT, {}, {"EvaluationPeriods": 5}, "too-long"),
    ],
)
def test_a_broken_alarm_on_logins_is_told_what_is_wrong(
    lab: Any,
    check: Callable[[str], CheckResult],
    pattern: str,
    made: dict[str, Any],
    settings: dict[str, Any],
    key: str,
) -> None:
    transformation = {name: value for name, value in {**MADE, **made}.items() if value is not None}
    lab.client("logs").put_metric_filter(
        logGroupName=GROUP, filterName="demo-logins", filterPattern=pattern, metricTransformations=[transformation]
    )
    lab.client("cloudwatch").put_metric_alarm(**{**ABOVE, **MINUTES, **settings})
    assert check("11.1").key == key


def _logins(lab: Any, **made: Any) -> None:
    lab.client("logs").put_metric_filter(
        logGroupName=GROUP, filterName="demo-logins", filterPattern=RIGHT, metricTransformations=[MADE | made]
    )


def test_a_metric_that_two_filters_write_is_no_count_of_logins(lab: Any, check: Callable[[str], CheckResult]) -> None:
    _logins(lab, metricName="RejectedSsh")
    other = {"logGroupName": GROUP, "filterName": "demo-rejected-ssh"}
    made = [MADE | {"metricName": "RejectedSsh"}]
    lab.client("logs").put_metric_filter(**other, filterPattern="REJECT", metricTransformations=made)
    lab.client("cloudwatch").put_metric_alarm(**{**ABOVE, **MINUTES, "MetricName": "RejectedSsh"})
    assert check("11.1").key == "shared"
    lab.client("logs").delete_metric_filter(**other)
    assert check("11.1").key == "done"


def test_an_alarm_on_one_metric_may_be_written_as_a_list(lab: Any, check: Callable[[str], CheckResult]) -> None:
    _logins(lab)
    rule = {name: ABOVE[name] for name in ("AlarmName", "ComparisonOperator", "Tags")}
    rule |= {"EvaluationPeriods": 1, "Threshold": 30}
    stat = {"Metric": {"Namespace": "demo", "MetricName": "Logins"}, "Period": 300, "Stat": "Sum"}
    one = {"Id": "m1", "MetricStat": stat}
    lab.client("cloudwatch").put_metric_alarm(**rule, Metrics=[one])
    assert check("11.1").key == "done"
    math = [{**one, "ReturnData": False}, {"Id": "e1", "Expression": "FILL(m1, 0)"}]
    lab.client("cloudwatch").put_metric_alarm(**rule, Metrics=math)
    assert check("11.1").key == "math"


def test_an_alarm_that_a_clean_up_would_not_find_is_not_done(lab: Any, check: Callable[[str], CheckResult]) -> None:
    _logins(lab)
    cloudwatch = lab.client("cloudwatch")
    cloudwatch.delete_alarms(AlarmNames=["demo-logins"])
    right = {**ABOVE, **MINUTES}
    cloudwatch.put_metric_alarm(**{name: value for name, value in right.items() if name != "Tags"})
    assert check("11.1").key == "no-tags"
    cloudwatch.put_metric_alarm(**right)
    assert check("11.1").key == "no-tags", "an update ignores tags"
    cloudwatch.delete_alarms(AlarmNames=["demo-logins"])
    cloudwatch.put_metric_alarm(**right)
    assert check("11.1").key == "done"


@pytest.mark.parametrize(
    ("period", "n", "threshold", "attack", "administrator"),
    [(60, 1, 13, True, False), (60, 1, 14, False, False), (60, 1, 0, True, True), (3600, 1, 18, True, True)],
)
def test_an_alarm_rings_where_a_window_is_above_its_threshold(
    period: int, n: int, threshold: float, attack: bool, administrator: bool
) -> None:
    alarm = {**ABOVE, "Period": period, "EvaluationPeriods": n, "Threshold": threshold}
    assert (rings(alarm, ATTACK), rings(alarm, ADMINISTRATOR)) == (attack, administrator)
    assert (sum(ATTACK), len(ATTACK), sum(ADMINISTRATOR), len(ADMINISTRATOR)) == (219, 16, 20, 60)


STAT = {"Metric": HEARTBEAT, "Period": 300, "Stat": "Sum"}
FILL = [{"Id": "m1", "MetricStat": STAT, "ReturnData": False}, {"Id": "e1", "Expression": "FILL(m1, 0)"}]
ONE = HEARTBEAT | {"Statistic": "Sum", "TreatMissingData": "breaching"}


TOPIC = "arn:aws:sns:us-east-1:123456789012:demo-alarms"
QUARTER = ONE | {"Period": 60, "EvaluationPeriods": 15}


def _filled(expression: str, name: str = "m1") -> list[dict[str, Any]]:
    return [{**FILL[0], "Id": name}, {"Id": "e1", "Expression": expression}]


@pytest.mark.parametrize(
    ("settings", "key"),
    [
        (ONE | {"Period": 60, "EvaluationPeriods": 15}, "done"),
        (ONE | {"Period": 300, "EvaluationPeriods": 2}, "done"),
        ({"Metrics": FILL, "EvaluationPeriods": 4}, "done"),
        ({"Metrics": FILL, "EvaluationPeriods": 5}, "late"),
        (ONE | {"Period": 300, "EvaluationPeriods": 3}, "late"),
        (ONE | {"Period": 60, "EvaluationPeriods": 2}, "nervous"),
        ({"Metrics": _filled("FILL(records, 0)", "records"), "EvaluationPeriods": 3}, "done"),
        ({"Metrics": _filled("FILL(m1, 0) * 1000000"), "EvaluationPeriods": 3}, "other-math"),
        ({"Metrics": _filled("FILL(m1, REPEAT)"), "EvaluationPeriods": 3}, "other-math"),
        ({"Metrics": FILL, "EvaluationPeriods": 3, "Threshold": 0.0}, "none-passes"),
        (
            {
                "Metrics": FILL,
                "EvaluationPeriods": 3,
                "Threshold": 0.0,
                "ComparisonOperator": "LessThanOrEqualToThreshold",
            },
            "done",
        ),
        ({"Metrics": [{**FILL[0], "ReturnData": True}], "EvaluationPeriods": 3}, "trap"),
        (QUARTER | {"DatapointsToAlarm": 1}, "some-of"),
        (QUARTER | {"Threshold": 1e6}, "one-breaches"),
        (QUARTER | {"ComparisonOperator": "LessThanOrEqualToThreshold"}, "one-breaches"),
        (QUARTER | {"ActionsEnabled": False}, "switched-off"),
        (QUARTER | {"AlarmActions": []}, "nobody"),
        (QUARTER | {"Namespace": "Other"}, "other-metric"),
        (QUARTER | {"Unit": "Bytes"}, "unit"),
        (QUARTER | {"TreatMissingData": "missing"}, "trap"),
        (QUARTER | {"TreatMissingData": "missing", "InsufficientDataActions": [TOPIC]}, "insufficient"),
        (QUARTER | {"TreatMissingData": "ignore", "InsufficientDataActions": [TOPIC]}, "trap"),
    ],
)
def test_silence_may_be_written_in_several_ways(
    lab: Any, check: Callable[[str], CheckResult], settings: dict[str, Any], key: str
) -> None:
    topic = lab.client("sns").create_topic(Name="demo-alarms")["TopicArn"]
    lab.client("cloudwatch").put_metric_alarm(**{**SILENCE, "AlarmActions": [topic], **settings})
    assert check("11.2").key == key
