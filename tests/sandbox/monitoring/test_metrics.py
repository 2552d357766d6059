"""Metrics: those of log groups and filters, those that are put, and how they are read."""

import random
import time
from typing import Any

import pytest

from helpers.flowlogs import DEFAULT_FORMAT
from helpers.flowlogs.recorded_day import day_lines, recorded_day
from tests.sandbox.monitoring.conftest import GROUP, SSH, advance, moment, put, record, to_minute
from tests.support.served import Sandbox


def points(cloudwatch: Any, sandbox: Sandbox, namespace: str, name: str, period: int = 60, **more: Any) -> Any:
    asked = {"Statistics": ["Sum"], "StartTime": moment(sandbox.now - 43_200), "EndTime": moment(sandbox.now + 7200)}
    reply = cloudwatch.get_metric_statistics(Namespace=namespace, MetricName=name, Period=period, **{**asked, **more})
    return {point["Timestamp"].timestamp(): point.get("Sum") for point in reply["Datapoints"]}


def a_filter(logs: Any, name: str, pattern: str, group: str = GROUP, **transformation: Any) -> None:
    made = {"metricName": name, "metricNamespace": "Flows", "metricValue": "1", **transformation}
    logs.put_metric_filter(logGroupName=group, filterName=name, filterPattern=pattern, metricTransformations=[made])


def rows(logs: Any, sandbox: Sandbox, query: str, group: str) -> list[dict[str, str]]:
    start, end = int(sandbox.now - 2 * 86_400), int(sandbox.now + 7200)
    query_id = logs.start_query(logGroupName=group, queryString=query, startTime=start, endTime=end, limit=10_000)[
        "queryId"
    ]
    while (reply := logs.get_query_results(queryId=query_id))["status"] in ("Scheduled", "Running"):
        time.sleep(0.02)
    return [{cell["field"]: cell["value"] for cell in row} for row in reply["results"]]


def test_the_points_of_a_filter_are_those_of_a_recount_by_insights(sandbox, cloudwatch, logs) -> None:
    logs.create_log_group(logGroupName="/counted")
    logs.create_log_stream(logGroupName="/counted", logStreamName="eni-0a1-all")
    a_filter(logs, "RejectedSsh", SSH, "/counted")
    a_filter(logs, "Packets", SSH, "/counted", metricValue="$packets")
    draw = random.Random(7)
    advance(sandbox, 3600)  # a query does not look behind the day on which its group was made
    start = to_minute(sandbox) - 1200
    for _ in range(4):
        events = [
            (
                start + draw.randrange(1200),
                record(
                    start,
                    port=draw.choice((22, 443)),
                    action=draw.choice(("ACCEPT", "REJECT")),
                    packets=draw.randrange(9),
                ),
            )
            for _ in range(400)
        ]
        put(logs, *events, group="/counted")
    found = rows(
        logs,
        sandbox,
        "parse @message '* * * * * * * * * * * * * *' as v, a, i, s, d, sp, port, proto, pk, b, t, e, act, st "
        "| filter port = 22 and act = 'REJECT' | stats count() as n, sum(pk) as packets by bin(1m) as minute",
        "/counted",
    )
    assert len(found) == 20
    minutes = {row["minute"]: (float(row["n"]), float(row["packets"])) for row in found}
    emitted = points(cloudwatch, sandbox, "Flows", "RejectedSsh")
    packets = points(cloudwatch, sandbox, "Flows", "Packets")
    assert {
        f"{moment(minute):%Y-%m-%d %H:%M:%S.000}": (value, packets[minute]) for minute, value in emitted.items()
    } == minutes


def test_a_default_fills_minutes_without_a_match_and_no_other(sandbox, cloudwatch, logs) -> None:
    a_filter(logs, "WithDefault", SSH, defaultValue=0.0, unit="Count")
    a_filter(logs, "Without", SSH)
    start = to_minute(sandbox)
    put(logs, (start - 300, record(start)), (start - 120, record(start, port=80)))
    assert points(cloudwatch, sandbox, "Flows", "WithDefault") == {start - 300: 1.0, start - 120: 0.0}
    assert points(cloudwatch, sandbox, "Flows", "Without") == {start - 300: 1.0}
    described = logs.describe_metric_filters(metricName="WithDefault", metricNamespace="Flows")["metricFilters"][0]
    assert described["metricTransformations"][0]["defaultValue"] == 0.0
    assert points(cloudwatch, sandbox, "Flows", "WithDefault", Unit="Bytes") == {}


def test_each_value_of_a_dimension_is_a_metric(sandbox, cloudwatch, logs) -> None:
    a_filter(logs, "ByAction", SSH.replace('="REJECT"', ""), dimensions={"action": "$action"})
    a_filter(logs, "Json", "{ $.level = 5 }", metricValue="$.size.bytes", dimensions={"host": "$.host"})
    start = to_minute(sandbox)
    put(
        logs,
        (start, record(start)),
        (start, record(start, action="ACCEPT")),
        (start, '{"level": 5, "host": "a", "size": {"bytes": 12}}'),
        (start, '{"level": 5, "size": {"bytes": 12}}'),
        (start, '{"level": 5, "host": "a", "size": "large"}'),
    )
    listed = cloudwatch.list_metrics(Namespace="Flows", MetricName="ByAction")["Metrics"]
    assert [metric["Dimensions"] for metric in listed] == [
        [{"Name": "action", "Value": value}] for value in ("ACCEPT", "REJECT")
    ]
    assert cloudwatch.list_metrics(Dimensions=[{"Name": "host"}])["Metrics"][0]["MetricName"] == "Json"
    host = [{"Name": "host", "Value": "a"}]
    assert points(cloudwatch, sandbox, "Flows", "Json", Dimensions=host) == {start: 12.0}
    assert points(cloudwatch, sandbox, "Flows", "Json") == {}, "a metric is exactly its dimensions"


def test_a_value_is_taken_by_the_selectors_of_the_patterns(sandbox, cloudwatch, logs) -> None:
    for name, value in (("Listed", "$.sizes[1]"), ("Quoted", "$['a.b'].n"), ("Exponent", "25e-1")):
        a_filter(logs, name, "{ $.kind = selected }", metricValue=value, dimensions={"ok": "$.ok"})
    a_filter(logs, "Fifth", "[kind = selected, ..., last]", metricValue="$2")
    start = to_minute(sandbox)
    put(
        logs,
        (start, '{"kind": "selected", "sizes": [1, "7"], "a.b": {"n": 0.5}, "ok": true}'),
        (start, '{"kind": "selected", "sizes": [1, "1e999"], "a.b": {"n": true}}'),
        (start, "selected 12 - end"),
        (start, "selected many end"),
    )
    ok = [{"Name": "ok", "Value": "true"}]
    found = {
        name: points(cloudwatch, sandbox, "Flows", name, Dimensions=ok) for name in ("Listed", "Quoted", "Exponent")
    }
    assert found == {"Listed": {start: 7.0}, "Quoted": {start: 0.5}, "Exponent": {start: 2.5}}
    assert points(cloudwatch, sandbox, "Flows", "Fifth") == {start: 12.0}


def test_skipdata_is_seen_by_the_last_field_only(sandbox, cloudwatch, logs) -> None:
    fields = (
        "version, account, eni, source, destination, srcport, destport, protocol, packets, bytes, start, end, action"
    )
    a_filter(logs, "Skipped", f'[{fields}, status="SKIPDATA"]')
    start = to_minute(sandbox)
    put(logs, (start, f"2 123456789012 eni-0a1 - - - - - - - {int(start)} {int(start) + 60} - SKIPDATA"))
    assert points(cloudwatch, sandbox, "Flows", "Skipped") == {start: 1.0}


def test_a_group_counts_what_arrives_when_it_arrives(sandbox, cloudwatch, logs) -> None:
    start = to_minute(sandbox)
    before = points(cloudwatch, sandbox, "AWS/Logs", "IncomingLogEvents").get(start, 0.0)
    put(logs, (start - 7000, "abc"), (start - 60, "abc"))
    dimensions = [{"Name": "LogGroupName", "Value": GROUP}]
    counted = points(cloudwatch, sandbox, "AWS/Logs", "IncomingLogEvents", Dimensions=dimensions)
    assert (counted[start], points(cloudwatch, sandbox, "AWS/Logs", "IncomingLogEvents")[start]) == (2.0, before + 2)
    sizes = points(cloudwatch, sandbox, "AWS/Logs", "IncomingBytes", Dimensions=dimensions)
    assert sizes[start] == 2 * (3 + 26)
    logs.create_log_group(logGroupName="/quiet", logGroupClass="INFREQUENT_ACCESS")
    assert (
        points(
            cloudwatch,
            sandbox,
            "AWS/Logs",
            "IncomingLogEvents",
            Dimensions=[{"Name": "LogGroupName", "Value": "/quiet"}],
        )
        == {}
    ), "no point is not zero"


def test_what_is_put_is_read_in_bins_of_the_clock(sandbox, cloudwatch) -> None:
    hour = (sandbox.now // 3600) * 3600 - 7200
    cloudwatch.put_metric_data(
        Namespace="Mine",
        MetricData=[
            {"MetricName": "m", "Timestamp": moment(hour + 59), "Value": 2.0, "Unit": "Count"},
            {
                "MetricName": "m",
                "Timestamp": moment(hour + 120),
                "Values": [4.0, 8.0],
                "Counts": [2.0, 1.0],
                "Unit": "Count",
            },
            {
                "MetricName": "m",
                "Timestamp": moment(hour + 300),
                "Unit": "Count",
                "StatisticValues": {"SampleCount": 3.0, "Sum": 9.0, "Minimum": 1.0, "Maximum": 5.0},
            },
        ],
    )
    every = ["SampleCount", "Average", "Sum", "Minimum", "Maximum"]
    reply = cloudwatch.get_metric_statistics(
        Namespace="Mine",
        MetricName="m",
        Period=300,
        Statistics=every,
        StartTime=moment(hour + 100),
        EndTime=moment(hour + 301),
    )
    found = {point.pop("Timestamp").timestamp(): point for point in reply["Datapoints"]}
    assert reply["Label"] == "m"
    assert found == {
        hour: {"SampleCount": 4.0, "Average": 4.5, "Sum": 18.0, "Minimum": 2.0, "Maximum": 8.0, "Unit": "Count"},
        hour + 300: {"SampleCount": 3.0, "Average": 3.0, "Sum": 9.0, "Minimum": 1.0, "Maximum": 5.0, "Unit": "Count"},
    }


def test_math_fills_and_computes_where_all_have_a_value(sandbox, cloudwatch) -> None:
    hour = (sandbox.now // 3600) * 3600 - 7200
    for name, minute, value in (("a", 0, 6.0), ("a", 2, 8.0), ("b", 0, 3.0), ("b", 1, 0.0), ("b", 2, 0.0)):
        datum = {"MetricName": name, "Timestamp": moment(hour + 60 * minute), "Value": value}
        cloudwatch.put_metric_data(Namespace="Math", MetricData=[datum])
    stats = [
        {"Id": name, "MetricStat": {"Metric": {"Namespace": "Math", "MetricName": name}, "Period": 60, "Stat": "Sum"}}
        for name in ("a", "b")
    ]
    expressions = {
        "ratio": "a / b",
        "zero": "FILL(a, 0)",
        "again": "FILL(a, REPEAT)",
        "line": "FILL(a, LINEAR)",
        "sums": "zero * 2 - -(1 + 2) ^ 2",
        "tower": "2 ^ 3 ^ 2 + a - a",
        "root": "a ^ 2 ^ -1 - 6 ^ 0.5",
        "largest": "b * 0 + 2 ^ 360",
        "larger": "a * 2 ^ 360",
        "huge": "10 ^ 9 ^ 9",
        "imaginary": "(0 - a) ^ 0.5",
    }
    queries = [*stats, *({"Id": name, "Expression": text} for name, text in expressions.items())]

    def values(**more: Any) -> dict[str, list[float]]:
        reply = cloudwatch.get_metric_data(
            MetricDataQueries=queries, StartTime=moment(hour), EndTime=moment(hour + 180), **more
        )
        return {result["Id"]: result["Values"] for result in reply["MetricDataResults"]}

    assert values(ScanBy="TimestampAscending") == {
        "a": [6.0, 8.0],
        "b": [3.0, 0.0, 0.0],
        "ratio": [2.0],
        "zero": [6.0, 0.0, 8.0],
        "again": [6.0, 6.0, 8.0],
        "line": [6.0, 7.0, 8.0],
        "sums": [21.0, 9.0, 25.0],
        "tower": [512.0, 512.0],
        "root": [0.0, 8**0.5 - 6**0.5],
        "largest": [2.0**360] * 3,
        "larger": [],
        "huge": [],
        "imaginary": [],
    }
    assert values()["zero"] == [8.0, 0.0, 6.0], "newest first"


def test_an_expression_has_the_period_of_what_it_names_and_no_value_where_there_is_none(sandbox, cloudwatch) -> None:
    hour = (sandbox.now // 3600) * 3600 - 3600
    datum = {"MetricName": "c", "Timestamp": moment(hour), "Value": 6.0}
    cloudwatch.put_metric_data(Namespace="Math", MetricData=[datum])
    metric = {"Namespace": "Math", "MetricName": "c"}
    stats = [
        {"Id": name, "MetricStat": {"Metric": metric, "Period": period, "Stat": "Sum"}}
        for name, period in (("c", 60), ("unrelated", 3600))
    ]
    expressions = {"filled": "FILL(c, 0)", "undefined": "1/0 + c", "number": "1/0", "both": "filled + FILL(c, 1)"}
    reply = cloudwatch.get_metric_data(
        MetricDataQueries=[*stats, *({"Id": name, "Expression": text} for name, text in expressions.items())],
        StartTime=moment(hour),
        EndTime=moment(hour + 180),
        ScanBy="TimestampAscending",
    )
    found = {result["Id"]: result["Values"] for result in reply["MetricDataResults"]}
    assert found["filled"] == [6.0, 0.0, 0.0]
    assert found["both"] == [12.0, 1.0, 1.0]
    assert (found["undefined"], found["number"]) == ([], [])


def test_labels_tell_queries_of_one_metric_apart(sandbox, cloudwatch) -> None:
    def labels(*pairs: tuple[str, int]) -> list[str]:
        queries = [
            {
                "Id": f"q{place}",
                "MetricStat": {"Metric": {"Namespace": "L", "MetricName": "m"}, "Period": period, "Stat": stat},
            }
            for place, (stat, period) in enumerate(pairs)
        ]
        start, end = moment(sandbox.now - 3600), moment(sandbox.now)
        reply = cloudwatch.get_metric_data(MetricDataQueries=queries, StartTime=start, EndTime=end)
        assert all(result["StatusCode"] == "Complete" for result in reply["MetricDataResults"])
        return [result["Label"] for result in reply["MetricDataResults"]]

    assert labels(("Sum", 60)) == ["m"]
    assert labels(("Sum", 60), ("Average", 60)) == ["m Sum", "m Average"]
    assert labels(("Sum", 60), ("Sum", 300)) == ["m 60", "m 300"]
    assert labels(("Sum", 60), ("Average", 300)) == ["m Sum 60", "m Average 300"]


def test_minutes_are_kept_fifteen_days_and_listed_two_weeks(fresh_sandbox: Sandbox) -> None:
    cloudwatch = fresh_sandbox.client("cloudwatch")
    start = to_minute(fresh_sandbox)
    cloudwatch.put_metric_data(Namespace="Old", MetricData=[{"MetricName": "m", "Value": 1.0}])
    advance(fresh_sandbox, 13 * 86_400)
    assert cloudwatch.list_metrics(Namespace="Old")["Metrics"]
    assert cloudwatch.list_metrics(Namespace="Old", RecentlyActive="PT3H")["Metrics"] == []
    advance(fresh_sandbox, 3 * 86_400)
    assert cloudwatch.list_metrics(Namespace="Old")["Metrics"] == []
    around = {"StartTime": moment(start - 3600), "EndTime": moment(start + 3600)}
    assert points(cloudwatch, fresh_sandbox, "Old", "m", 60, **around) == {}
    assert list(points(cloudwatch, fresh_sandbox, "Old", "m", 300, **around).values()) == [1.0]
    advance(fresh_sandbox, 60 * 86_400)
    assert points(cloudwatch, fresh_sandbox, "Old", "m", 300, **around) == {}
    assert list(points(cloudwatch, fresh_sandbox, "Old", "m", 3600, **around).values()) == [1.0]


@pytest.mark.long
def test_on_the_recorded_day_a_filter_counts_what_a_query_counts(fresh_sandbox: Sandbox) -> None:
    cloudwatch, logs = fresh_sandbox.client("cloudwatch"), fresh_sandbox.client("logs")
    day = recorded_day()
    midnight = fresh_sandbox.now // 86_400 * 86_400
    advance(fresh_sandbox, midnight + 86_400 - fresh_sandbox.now)
    logs.create_log_group(logGroupName="/counted")
    logs.create_log_stream(logGroupName="/counted", logStreamName="eni-0a1-all")
    a_filter(logs, "RejectedSsh", SSH, "/counted", defaultValue=0.0)
    events = sorted(
        (stamp / 1000, text)
        for lines in day_lines(day, DEFAULT_FORMAT, shift=int(midnight) + 86_400 - day.start).values()
        for stamp, text in lines
    )
    advance(fresh_sandbox, 86_400 + 3600)
    for first in range(0, len(events), 6000):
        put(logs, *events[first : first + 6000], group="/counted")
    query = "filter dstPort = 22 and protocol = 6 and action = 'REJECT' | stats count(*) as n by bin(1m) as minute"
    found = {row["minute"]: float(row["n"]) for row in rows(logs, fresh_sandbox, query, "/counted")}
    start, end = midnight + 86_400, midnight + 2 * 86_400
    emitted = points(cloudwatch, fresh_sandbox, "Flows", "RejectedSsh", StartTime=moment(start), EndTime=moment(end))
    assert {f"{moment(at):%Y-%m-%d %H:%M:%S.000}": value for at, value in emitted.items() if value} == found
    assert sum(found.values()) > 300
