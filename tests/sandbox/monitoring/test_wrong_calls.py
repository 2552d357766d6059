# ruff: noqa: E501  (a call is a line)
"""Calls that AWS refuses: the code is documented, the sentence recorded or reported where one is given."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.sandbox.monitoring.conftest import GROUP, SSH
from tests.support.served import Sandbox

HOUR = {"StartTime": datetime(2026, 1, 5, 8, tzinfo=UTC), "EndTime": datetime(2026, 1, 5, 9, tzinfo=UTC)}
STAT = {"Namespace": "N", "MetricName": "m", "Period": 60, "Statistics": ["Sum"], **HOUR}
ALARM = {
    "AlarmName": "wrong",
    "Namespace": "N",
    "MetricName": "m",
    "Statistic": "Sum",
    "Period": 300,
    "EvaluationPeriods": 3,
    "Threshold": 1.0,
    "ComparisonOperator": "GreaterThanThreshold",
}
M1 = {"Id": "m1", "MetricStat": {"Metric": {"Namespace": "N", "MetricName": "m"}, "Period": 300, "Stat": "Sum"}}
MATH = {name: ALARM[name] for name in ("AlarmName", "EvaluationPeriods", "Threshold", "ComparisonOperator")}
FILTER = {
    "logGroupName": GROUP,
    "filterName": "wrong",
    "filterPattern": SSH,
    "metricTransformations": [{"metricName": "m", "metricNamespace": "N", "metricValue": "1"}],
}
OTHER = {"metricName": "m", "metricNamespace": "N"}
NO_NUMBER = "Invalid metric transformation: metricValue '{}' is neither a number nor a field."
STATES = "Member must satisfy enum value set: [INSUFFICIENT_DATA, ALARM, OK]"


def of_value(value: str, pattern: str = SSH, **more: Any) -> dict[str, Any]:
    return FILTER | {"filterPattern": pattern, "metricTransformations": [{**OTHER, "metricValue": value, **more}]}


def math(*expressions: str) -> dict[str, Any]:
    """An alarm on the first of these expressions, which are e1, e2 and on."""
    named = [{"Id": f"e{at}", "Expression": text, "ReturnData": at == 1} for at, text in enumerate(expressions, 1)]
    return MATH | {"Metrics": [M1 | {"ReturnData": False}, *named]}


def without(params: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in params.items() if name not in names}


def datum(**more: Any) -> dict[str, Any]:
    return {"Namespace": "N", "MetricData": [{"MetricName": "m", **more}]}


def board(widget: Any) -> dict[str, str]:
    return {"DashboardName": "wrong", "DashboardBody": json.dumps({"widgets": [widget]})}


LOG_ALARM = {
    "AlarmName": "wrong",
    "ScheduledQueryConfiguration": {
        "QueryString": "filter action = 'REJECT'",
        "ScheduledQueryRoleARN": "arn:aws:iam::123456789012:role/query",
        "ScheduleConfiguration": {"ScheduleExpression": "rate(5 minutes)"},
        "AggregationExpression": "count(*)",
    },
    "QueryResultsToEvaluate": 1,
    "QueryResultsToAlarm": 1,
    "Threshold": 1.0,
    "ComparisonOperator": "GreaterThanThreshold",
}
GAUGE: dict[str, Any] = {
    "type": "metric",
    "properties": {"region": "us-east-1", "view": "gauge", "metrics": [["N", "m"]]},
}
WINDOW = (
    "Metrics cannot be checked across more than {} (EvaluationPeriods * Period must be <= {}) for alarms using period"
)
WRONG: list[tuple[str, str, dict[str, Any], str, str]] = [
    # service, action, parameters, code, what the sentence holds
    ("cloudwatch", "PutMetricAlarm", ALARM | {"DatapointsToAlarm": 4}, "ValidationError", "DatapointsToAlarm must be less than or equal to EvaluationPeriods"),
    ("cloudwatch", "PutMetricAlarm", without(ALARM, "Period"), "ValidationError", "Period must not be null"),
    ("cloudwatch", "PutMetricAlarm", ALARM | {"Period": 7}, "ValidationError", "Period"),
    ("cloudwatch", "PutMetricAlarm", without(ALARM, "MetricName"), "ValidationError", "Exactly one of MetricName and Metrics"),
    ("cloudwatch", "PutMetricAlarm", ALARM | {"Metrics": [M1]}, "ValidationError", "Exactly one of MetricName and Metrics"),
    ("cloudwatch", "PutMetricAlarm", without(ALARM, "Statistic"), "ValidationError", "Exactly one of Statistic and ExtendedStatistic"),
    ("cloudwatch", "PutMetricAlarm", without(ALARM, "Threshold"), "ValidationError", "Threshold must not be null"),
    ("cloudwatch", "PutMetricAlarm", without(ALARM, "EvaluationPeriods"), "ValidationError", "EvaluationPeriods must not be null"),
    ("cloudwatch", "PutMetricAlarm", ALARM | {"Period": 3600, "EvaluationPeriods": 169}, "ValidationError", WINDOW.format("a week", 604800) + " >= 3600"),
    ("cloudwatch", "PutMetricAlarm", ALARM | {"EvaluationPeriods": 289}, "ValidationError", WINDOW.format("a day", 86400) + " < 3600"),
    ("cloudwatch", "PutMetricAlarm", ALARM | {"TreatMissingData": "X"}, "ValidationError", "The value X is not supported for TreatMissingData parameter. Supported values are [breaching, notBreaching, ignore, missing]."),
    ("cloudwatch", "PutMetricAlarm", ALARM | {"AlarmActions": ["arn:aws:sns:us-east-1:123456789012:t"] * 6}, "ValidationError", "Member must have length less than or equal to 5"),
    ("cloudwatch", "PutMetricAlarm", ALARM | {"AlarmActions": ["me@example.com"]}, "ValidationError", "Invalid arn syntax: me@example.com"),
    ("cloudwatch", "PutMetricAlarm", ALARM | {"AlarmActions": ["arn:aws:sns:eu-west-1:123456789012:t"]}, "ValidationError", "Invalid region eu-west-1 specified. Only us-east-1 is supported."),
    ("cloudwatch", "PutMetricAlarm", ALARM | {"AlarmName": "a" * 256}, "ValidationError", "Member must have length less than or equal to 255"),
    ("cloudwatch", "PutMetricAlarm", ALARM | {"AlarmDescription": "a" * 1025}, "ValidationError", "1024"),
    ("cloudwatch", "PutMetricAlarm", MATH | {"Metrics": [M1, {"Id": "e1", "Expression": "m1 + 1"}]}, "ValidationError", "Exactly one element of the metrics list should return data."),
    ("cloudwatch", "PutMetricAlarm", MATH | {"Metrics": [M1 | {"ReturnData": False}, {"Id": "e1", "Expression": "m2 + 1"}]}, "ValidationError", "no metric with the id m2"),
    ("cloudwatch", "PutMetricAlarm", MATH | {"Metrics": [M1 | {"Id": "M1"}]}, "ValidationError", "the id M1 must begin with a small letter"),
    ("cloudwatch", "PutMetricAlarm", ALARM | {"Threshold": float("nan")}, "ValidationError", "Threshold must be a number"),
    ("cloudwatch", "PutMetricAlarm", ALARM | {"Threshold": -(2.0**361)}, "ValidationError", "Threshold must be a number"),
    ("cloudwatch", "PutMetricAlarm", math("e2 + 1", "e1 + m1"), "ValidationError", "the expressions name each other in a circle"),
    ("cloudwatch", "PutMetricAlarm", math("m1 + e2", "e3", "FILL(e2, 0)"), "ValidationError", "the expressions name each other in a circle"),
    ("cloudwatch", "PutMetricAlarm", math("e1 + m1"), "ValidationError", "no metric with the id e1"),
    ("cloudwatch", "PutMetricAlarm", math("m1 ** 2"), "ValidationError", "Error in expression 'm1 ** 2': Unsupported operand or syntax."),
    ("cloudwatch", "PutMetricAlarm", math("m1 # m2"), "ValidationError", "Unsupported operand or syntax."),
    ("cloudwatch", "PutMetricAlarm", math("m1 + 1e400"), "ValidationError", "from -2^360 to 2^360"),
    ("cloudwatch", "PutMetricAlarm", math("FILL(m1, -1e109)"), "ValidationError", "from -2^360 to 2^360"),
    ("cloudwatch", "SetAlarmState", {"AlarmName": "none", "StateValue": "INVALID", "StateReason": "r"}, "ValidationError", f"1 validation error detected: Value 'INVALID' at 'stateValue' failed to satisfy constraint: {STATES}"),
    ("cloudwatch", "SetAlarmState", {"AlarmName": "there", "StateValue": "ok", "StateReason": "r"}, "ValidationError", STATES),
    ("cloudwatch", "DescribeAlarms", {"StateValue": "Alarm", "MaxRecords": 101}, "ValidationError", f"2 validation errors detected: Value 'Alarm' at 'stateValue' failed to satisfy constraint: {STATES}; "),
    ("cloudwatch", "SetAlarmState", {"AlarmName": "none", "StateValue": "OK", "StateReason": "r"}, "ResourceNotFound", ""),
    ("cloudwatch", "SetAlarmState", {"AlarmName": "there", "StateValue": "OK", "StateReason": "r", "StateReasonData": "{"}, "InvalidFormat", "not valid JSON"),
    ("cloudwatch", "DescribeAlarms", {"NextToken": "x"}, "InvalidNextToken", "The token is not one"),
    ("cloudwatch", "DescribeAlarmHistory", {"NextToken": "x"}, "InvalidNextToken", "The token is not one"),
    ("cloudwatch", "DescribeAlarms", {"MaxRecords": 101}, "ValidationError", "100"),
    ("cloudwatch", "DeleteAlarms", {"AlarmNames": ["a"] * 101}, "ValidationError", "100"),
    ("cloudwatch", "PutMetricData", datum(Value=1.0, Values=[1.0]), "InvalidParameterCombination", "The parameters MetricData.member.1.Value and MetricData.member.1.Values are mutually exclusive"),
    ("cloudwatch", "PutMetricData", datum(), "MissingParameter", "MetricData.member.1.Value"),
    ("cloudwatch", "PutMetricData", {"Namespace": "N", "MetricData": []}, "MissingParameter", "The parameter MetricData is required."),
    ("cloudwatch", "PutMetricData", datum(Value=1.0, Timestamp=datetime(2025, 12, 1, tzinfo=UTC)), "InvalidParameterValue", "Timestamp"),
    ("cloudwatch", "PutMetricData", datum(Value=2.0**361), "InvalidParameterValue", "from -2^360 to 2^360"),
    ("cloudwatch", "PutMetricData", datum(Value=float("nan")), "InvalidParameterValue", "The value NaN for parameter MetricData.member.1.Value is invalid."),
    ("cloudwatch", "PutMetricData", datum(Values=[1.0, float("inf")]), "InvalidParameterValue", "The value Infinity for parameter MetricData.member.1.Values.member.2 is invalid."),
    ("cloudwatch", "PutMetricData", datum(Values=[1.0], Counts=[float("nan")]), "InvalidParameterValue", "The value NaN for parameter MetricData.member.1.Counts.member.1 is invalid."),
    ("cloudwatch", "PutMetricData", datum(StatisticValues={"SampleCount": 1.0, "Sum": float("-inf"), "Minimum": 1.0, "Maximum": 1.0}), "InvalidParameterValue", "The value -Infinity for parameter MetricData.member.1.StatisticValues.Sum is invalid."),
    ("cloudwatch", "PutMetricData", datum(Values=[2.0**360], Counts=[2.0]), "InvalidParameterValue", "from -2^360 to 2^360"),
    ("cloudwatch", "PutMetricData", datum(Values=[1.0] * 151), "InvalidParameterValue", "1 to 150 Values"),
    ("cloudwatch", "PutMetricData", datum(Value=1.0, Unit="Hours"), "InvalidParameterValue", "MetricData.1.Unit"),
    ("cloudwatch", "PutMetricData", {"Namespace": "N", "MetricData": [{"MetricName": "m", "Value": 1.0}] * 1001}, "InvalidParameterValue", "1000"),
    ("cloudwatch", "PutMetricData", datum(Value=1.0) | {"Namespace": ":x"}, "InvalidParameterValue", "Namespace"),
    ("cloudwatch", "ListMetrics", {"NextToken": "x"}, "InvalidParameterValue", "The token is not one"),
    ("cloudwatch", "GetMetricStatistics", STAT | {"StartTime": STAT["EndTime"]}, "InvalidParameterValue", "The parameter StartTime must be less than the parameter EndTime."),
    ("cloudwatch", "GetMetricStatistics", STAT | {"StartTime": datetime(2026, 1, 1, 9, tzinfo=UTC)}, "InvalidParameterCombination", "You have requested up to 5760 datapoints, which exceeds the limit of 1440."),
    ("cloudwatch", "GetMetricStatistics", without(STAT, "Statistics"), "MissingParameter", "Statistics or ExtendedStatistics"),
    ("cloudwatch", "GetMetricStatistics", STAT | {"Period": 90}, "InvalidParameterValue", "Period"),
    ("cloudwatch", "GetMetricStatistics", STAT | {"Statistics": ["Median"]}, "InvalidParameterValue", "SampleCount, Average, Sum, Minimum, Maximum"),
    ("cloudwatch", "GetMetricStatistics", without(STAT, "Namespace"), "MissingParameter", "The parameter Namespace is required."),
    ("cloudwatch", "GetMetricData", {"MetricDataQueries": [M1] * 2, **HOUR}, "ValidationError", "must be unique"),
    ("cloudwatch", "GetMetricData", {"MetricDataQueries": [{"Id": "e1", "Expression": "m1 +"}], **HOUR}, "ValidationError", "Error in expression 'm1 +'"),
    ("cloudwatch", "GetMetricData", {"MetricDataQueries": math("e2", "e1")["Metrics"], **HOUR}, "ValidationError", "in a circle"),
    ("cloudwatch", "PutDashboard", board({}) | {"DashboardName": "my board"}, "InvalidParameterValue", "The value for field DashboardName contains invalid characters. It can only contain alphanumerics, dash (-) and underscore (_).\n"),
    ("cloudwatch", "PutDashboard", board({}) | {"DashboardBody": "{"}, "InvalidParameterInput", "must be a valid JSON object"),
    ("cloudwatch", "PutDashboard", board({"type": "metric", "properties": {"region": "us-east-1", "metrics": [["N", "m", 5]]}}), "InvalidParameterInput", '"/widgets/0/properties/metrics/0/2","message":"Invalid metric field type, only \'String\' type is allowed"'),
    ("cloudwatch", "PutDashboard", board({"type": "log", "properties": {}}), "InvalidParameterInput", "there are 2 validation errors:"),
    ("cloudwatch", "PutDashboard", board({"type": "text", "x": 24, "y": 0, "properties": {"markdown": "a"}}), "InvalidParameterInput", "/widgets/0/x"),
    ("cloudwatch", "PutDashboard", board({"type": "text", "x": 1, "properties": {"markdown": "a"}}), "InvalidParameterInput", "both properties 'x' and 'y'"),
    ("cloudwatch", "PutDashboard", board({"type": "alarm", "properties": {"alarms": 5}}), "InvalidParameterInput", "/widgets/0/properties/alarms"),
    ("cloudwatch", "PutDashboard", board({"type": "alarm", "properties": {"alarms": []}}), "InvalidParameterInput", "1 to 100 items"),
    ("cloudwatch", "PutDashboard", board({"type": "alarm", "properties": {"alarms": [5]}}), "InvalidParameterInput", "Should be an array of strings"),
    ("cloudwatch", "PutDashboard", board(GAUGE), "InvalidParameterInput", "there are 2 validation errors:"),
    ("cloudwatch", "PutDashboard", board({**GAUGE, "properties": {**GAUGE["properties"], "yAxis": {"left": {"min": 0}}}}), "InvalidParameterInput", "required property 'max'"),
    ("cloudwatch", "PutDashboard", {"DashboardName": "wrong", "DashboardBody": "{}"}, "InvalidParameterInput", "widgets"),
    ("cloudwatch", "GetDashboard", {"DashboardName": "none"}, "ResourceNotFound", "Dashboard none does not exist"),
    ("cloudwatch", "DeleteDashboards", {"DashboardNames": ["none"]}, "ResourceNotFound", "Dashboard none does not exist"),
    ("sns", "CreateTopic", {"Name": "my topic"}, "InvalidParameter", "Invalid parameter: Topic Name"),
    ("sns", "Subscribe", {"TopicArn": "arn:aws:sns:us-east-1:123456789012:there", "Protocol": "pigeon"}, "InvalidParameter", "Invalid parameter: Amazon SNS does not support this protocol string: pigeon"),
    ("sns", "Subscribe", {"TopicArn": "arn:aws:sns:us-east-1:123456789012:none", "Protocol": "email", "Endpoint": "a@example.com"}, "NotFound", "Topic does not exist"),
    ("sns", "Publish", {"TopicArn": "arn:aws:sns:us-east-1:123456789012:none", "Message": "x"}, "NotFound", "Topic does not exist"),
    ("sns", "Publish", {"TopicArn": "arn:aws:sns:us-east-1:123456789012:there", "Message": ""}, "InvalidParameter", "Invalid parameter: Empty message"),
    ("logs", "PutMetricFilter", FILTER | {"metricTransformations": [{**OTHER, "metricValue": "1", "defaultValue": 0.0, "dimensions": {"a": "$action"}}]}, "InvalidParameterException", "Invalid metric transformation: dimensions and default value are mutually exclusive properties"),
    ("logs", "PutMetricFilter", FILTER | {"filterPattern": "REJECT", "metricTransformations": [{**OTHER, "metricValue": "1", "dimensions": {"a": "$action"}}]}, "InvalidParameterException", "The specified filter pattern does not support dimensions"),
    ("logs", "PutMetricFilter", of_value("1", defaultValue=float("inf")), "InvalidParameterException", "the default value must be a number"),
    ("logs", "PutMetricFilter", of_value("1", defaultValue=float("nan")), "InvalidParameterException", "the default value must be a number"),
    ("logs", "PutMetricFilter", of_value("nan"), "InvalidParameterException", NO_NUMBER.format("nan")),
    ("logs", "PutMetricFilter", of_value("1_0"), "InvalidParameterException", NO_NUMBER.format("1_0")),
    ("logs", "PutMetricFilter", of_value("1e400"), "InvalidParameterException", NO_NUMBER.format("1e400")),
    ("logs", "PutMetricFilter", of_value("$"), "InvalidParameterException", "Invalid metric transformation: Invalid selector '$'"),
    ("logs", "PutMetricFilter", of_value("$.bytes"), "InvalidParameterException", "Invalid selector '$.bytes'"),
    ("logs", "PutMetricFilter", of_value("$bytes", "{ $.a = 1 }"), "InvalidParameterException", "Invalid selector '$bytes'"),
    ("logs", "PutMetricFilter", of_value("$.a[", "{ $.a = 1 }"), "InvalidParameterException", "Invalid selector '$.a['"),
    ("logs", "PutMetricFilter", of_value("1", dimensions={"a": "10"}), "InvalidParameterException", "Invalid selector '10'"),
    ("logs", "PutMetricFilter", FILTER | {"filterName": "a" * 513}, "InvalidParameterException", "Member must have length less than or equal to 512"),
    ("logs", "PutMetricFilter", FILTER | {"metricTransformations": FILTER["metricTransformations"] * 2}, "InvalidParameterException", "Member must have length less than or equal to 1"),
    ("logs", "PutMetricFilter", FILTER | {"logGroupName": "/seldom"}, "InvalidOperationException", "INFREQUENT_ACCESS"),
    ("logs", "PutQueryDefinition", {"name": "n", "queryString": "fields a", "queryDefinitionId": "none"}, "ResourceNotFoundException", "query definition does not exist"),
    ("logs", "PutQueryDefinition", {"name": "n" * 256, "queryString": "fields a"}, "InvalidParameterException", "255"),
    ("logs", "DescribeQueryDefinitions", {"nextToken": "x"}, "InvalidParameterException", "nextToken"),
    ("logs", "DeleteQueryDefinition", {"queryDefinitionId": "none"}, "ResourceNotFoundException", "query definition does not exist"),
]  # fmt: skip
NOT_SIMULATED: list[tuple[str, str, dict[str, Any], str]] = [
    # service, action, parameters, what the sentence names
    ("cloudwatch", "PutCompositeAlarm", {"AlarmName": "c", "AlarmRule": "TRUE"}, "PutCompositeAlarm"),
    ("cloudwatch", "PutLogAlarm", LOG_ALARM, "PutLogAlarm"),
    ("cloudwatch", "PutMetricAlarm", ALARM | {"Period": 10}, "a period below a minute"),
    ("cloudwatch", "PutMetricAlarm", without(ALARM, "Statistic") | {"ExtendedStatistic": "p90"}, "ExtendedStatistic"),
    ("cloudwatch", "PutMetricAlarm", ALARM | {"AlarmActions": ["arn:aws:automate:us-east-1:ec2:stop"]}, "arn:aws:automate"),
    ("cloudwatch", "PutMetricAlarm", ALARM | {"ActionConfiguration": {"AlarmTagsPropagation": {"Enabled": True}}}, "ActionConfiguration"),
    ("cloudwatch", "PutMetricAlarm", ALARM | {"WarmUpConfiguration": {"WarmUpPeriodDurationInMinutes": 5}}, "WarmUpConfiguration"),
    ("cloudwatch", "PutMetricAlarm", ALARM | {"EvaluationInterval": 60}, "EvaluationInterval"),
    ("cloudwatch", "PutAlarmMuteRule", {"Name": "m", "Rule": {"Schedule": {"Expression": "cron(0 2 * * *)", "Duration": "PT1H"}}}, "PutAlarmMuteRule"),
    ("cloudwatch", "PutMetricAlarm", MATH | {"Metrics": [M1 | {"AccountId": "210987654321"}]}, "AccountId"),
    ("cloudwatch", "PutMetricAlarm", math("m1" + " + m1" * 250), "more than 500"),
    ("cloudwatch", "PutMetricAlarm", math("-" * 500 + "m1"), "more than 500"),
    ("cloudwatch", "PutMetricAlarm", math("m1 > 1 AND m1 < 5"), "AND and OR"),
    ("cloudwatch", "PutMetricAlarm", math("m1 || e2", "m1"), "AND and OR"),
    ("cloudwatch", "GetMetricData", {"MetricDataQueries": [M1, {"Id": "e1", "Expression": "m1" + "^m1" * 600}], **HOUR}, "more than 500"),
    ("cloudwatch", "GetMetricData", {"MetricDataQueries": [M1, {"Id": "e1", "Expression": "RATE(m1)"}], **HOUR}, "metric math other than FILL"),
    ("cloudwatch", "GetMetricData", {"MetricDataQueries": [M1, {"Id": "e1", "Expression": "IF(m1 > 1, 1, 0)"}], **HOUR}, "metric math other than FILL"),
    ("sns", "Subscribe", {"TopicArn": "arn:aws:sns:us-east-1:123456789012:there", "Protocol": "sqs", "Endpoint": "arn:aws:sqs:us-east-1:123456789012:q"}, "sqs"),
]  # fmt: skip


@pytest.fixture(scope="module")
def call(sandbox: Sandbox) -> Callable[..., Any]:
    """Make a call without boto3's own checks, in an account with one of each thing."""
    logs = sandbox.client("logs")
    logs.create_log_group(logGroupName=GROUP)
    logs.create_log_group(logGroupName="/seldom", logGroupClass="INFREQUENT_ACCESS")
    sandbox.client("sns").create_topic(Name="there")
    sandbox.client("cloudwatch").put_metric_alarm(**ALARM | {"AlarmName": "there"})

    def make(service: str, action: str, params: dict[str, Any]) -> Any:
        return sandbox.client(service, checks=False)._make_api_call(action, params)

    return make


@pytest.mark.parametrize(
    ("service", "action", "params", "code", "words"), WRONG, ids=[f"{n}-{row[1]}" for n, row in enumerate(WRONG)]
)
def test_a_wrong_call_gets_the_documented_code(
    call: Callable[..., Any], service: str, action: str, params: dict[str, Any], code: str, words: str
) -> None:
    with pytest.raises(ClientError) as caught:
        call(service, action, params)
    error = caught.value.response["Error"]
    assert error["Code"] == code
    assert words in error["Message"] if words else error["Message"] == ""


def test_twenty_of_the_codes_are_from_botocores_own_lists(sandbox: Sandbox) -> None:
    listed = 0
    for service, action, _, code, _ in WRONG:
        shapes = sandbox.client(service).meta.service_model.operation_model(action).error_shapes
        listed += code in {shape.metadata.get("error", {}).get("code", shape.name) for shape in shapes}
    assert len(WRONG) >= 40
    assert listed >= 20


@pytest.mark.parametrize(
    ("service", "action", "params", "named"),
    NOT_SIMULATED,
    ids=[f"{n}-{row[3][:20]}" for n, row in enumerate(NOT_SIMULATED)],
)
def test_what_is_not_simulated_is_refused_by_name(
    call: Callable[..., Any], service: str, action: str, params: dict[str, Any], named: str
) -> None:
    with pytest.raises(ClientError) as caught:
        call(service, action, params)
    assert caught.value.response["Error"]["Code"] == "UnsupportedOperation"
    assert named in caught.value.response["Error"]["Message"]


def test_a_right_alarm_is_none_of_these(call: Callable[..., Any]) -> None:
    call("cloudwatch", "PutMetricAlarm", ALARM | {"DatapointsToAlarm": 3, "Period": 86_400})
    call(
        "cloudwatch",
        "PutMetricAlarm",
        MATH | {"Metrics": [M1 | {"ReturnData": False}, {"Id": "e1", "Expression": "FILL(m1, 0)"}]},
    )
    for expressions in (("e2", "e3 + m1", "m1"), ("m1" + " + m1" * 249,), ("-" * 499 + "m1",), ("1e108 ^ m1",)):
        call("cloudwatch", "PutMetricAlarm", math(*expressions))


def test_a_gauge_with_both_ends_is_saved(call: Callable[..., Any]) -> None:
    axis = {"yAxis": {"left": {"min": 0, "max": 10.5}}}
    body = board({**GAUGE, "properties": {**GAUGE["properties"], **axis}})
    assert call("cloudwatch", "PutDashboard", body)["DashboardValidationMessages"] == []


def test_an_error_has_the_code_of_the_older_protocol_and_the_name_of_its_shape(sandbox: Sandbox) -> None:
    cloudwatch = sandbox.client("cloudwatch")
    with pytest.raises(cloudwatch.exceptions.ResourceNotFound) as caught:
        cloudwatch.get_dashboard(DashboardName="none")
    error = caught.value.response["Error"]
    assert (error["Code"], error["QueryErrorCode"]) == ("ResourceNotFound", "DashboardNotFoundError")
