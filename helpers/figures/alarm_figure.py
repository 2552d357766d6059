"""Draw an alarm: its metric, its threshold, and below them the states it was in."""

from datetime import datetime, timedelta
from typing import Any

from helpers.figures.figure import Figure
from helpers.figures.metric_chart import Points, draw_chart, hour, in_words, plain
from helpers.figures.svg import BAD, GREEN, GREY, LIGHT, ORANGE, Drawing
from helpers.lab import Lab

_LEFT, _WIDTH, _TOP, _HEIGHT, _BAND = 70.0, 700.0, 44.0, 150.0, 34.0
_GROUNDS = {"OK": LIGHT[GREEN], "ALARM": LIGHT[ORANGE], "INSUFFICIENT_DATA": LIGHT[GREY]}
States = list[tuple[float, float, str]]


def alarm_figure(lab: Lab, name: str, since: datetime | None = None) -> Figure:
    """The metric of an alarm in its own periods from ``since`` (an hour ago) until now, the threshold, and its states.

        show(alarm_figure(lab, "demo-rejected-ssh", began))

    Only the last 30 days of states are known. Raises ``ValueError`` where there is no alarm of this name, or no time
    to draw.
    """
    cloudwatch, now = lab.client("cloudwatch"), lab.now()
    alarms = cloudwatch.describe_alarms(AlarmNames=[name])["MetricAlarms"]
    if not alarms:
        raise ValueError(f"There is no alarm {name}.")
    since = since or now - timedelta(hours=1)
    if since >= now:
        raise ValueError(f"The picture ends now, at {now:%H:%M:%S} UTC: it must begin earlier.")
    queries = _queries(alarms[0])
    period = next(query["MetricStat"]["Period"] for query in queries if "MetricStat" in query)
    label, points = _points(cloudwatch, queries, since, now)
    states = _states(cloudwatch, alarms[0], since.timestamp(), now.timestamp())
    told = ", ".join(f"{state} from {hour(start)} to {hour(end)}" for start, end, state in states)
    threshold = float(alarms[0]["Threshold"])
    clock = f"each point is {period // 60} min of the clock, from its time on; the periods of the alarm slide"
    lines = [f"{in_words(label, points)} ({clock})", f"threshold: {plain(threshold)}", f"states: {told}"]
    alt = f"Alarm {name}: {told}. {in_words(label, points)}; the threshold is {plain(threshold)}."
    span = since.timestamp(), now.timestamp()
    drawing = Drawing(_LEFT + _WIDTH + 20, _TOP + _HEIGHT + _BAND + 78, f"Alarm {name}", alt)
    drawing.words(_LEFT, 24, f"{name}: {label}", bold=True, room=_WIDTH - 180)
    drawing.words(_LEFT + _WIDTH, 24, f"dashed: threshold {plain(threshold)}", size=12, fill=BAD, right=True)
    draw_chart(drawing, (_LEFT, _TOP, _WIDTH, _HEIGHT), [points], span, period, threshold)
    top = _TOP + _HEIGHT + 26
    for start, end, state in states:
        x, right = (_WIDTH * (at - span[0]) / (span[1] - span[0]) for at in (start, end))
        drawing.box(_LEFT + x, top, right - x, _BAND, fill=_GROUNDS[state], stroke=GREY, thick=1, corner=0)
        if right - x > 30:
            drawing.words(_LEFT + x + 4, top + 21, state, size=11, room=right - x - 6)
    drawing.words(_LEFT, top + _BAND + 38, clock, size=11)
    drawing.words(_LEFT, top + _BAND + 22, "below: the state of the alarm; time of day in UTC", size=11)
    return Figure(str(drawing).encode(), "image/svg+xml", alt, "\n".join(lines))


def _queries(alarm: dict[str, Any]) -> list[dict[str, Any]]:
    """What the alarm looks at, as GetMetricData takes it."""
    if "Metrics" in alarm:
        return list(alarm["Metrics"])
    metric = {key: alarm[key] for key in ("Namespace", "MetricName", "Dimensions")}
    stat = {"Metric": metric, "Period": alarm["Period"], "Stat": alarm["Statistic"]}
    stat |= {"Unit": alarm["Unit"]} if "Unit" in alarm else {}
    return [{"Id": "m1", "MetricStat": stat, "Label": f"{alarm['MetricName']}, {alarm['Statistic']}"}]


def _points(cloudwatch: Any, queries: list[dict[str, Any]], since: datetime, now: datetime) -> tuple[str, Points]:
    asked = {"StartTime": since, "EndTime": now + timedelta(minutes=1), "ScanBy": "TimestampAscending"}
    result = cloudwatch.get_metric_data(MetricDataQueries=queries, **asked)["MetricDataResults"][0]
    pairs = zip((moment.timestamp() for moment in result["Timestamps"]), result["Values"], strict=True)
    return result["Label"], list(pairs)


def _states(cloudwatch: Any, alarm: dict[str, Any], start: float, end: float) -> States:
    """From, until and name of each state in the range, since the alarm was last created: a name outlives its alarm."""
    pages = cloudwatch.get_paginator("describe_alarm_history").paginate(
        AlarmName=alarm["AlarmName"], ScanBy="TimestampAscending"
    )
    states: States = []
    since = start
    for item in (item for page in pages for item in page["AlarmHistoryItems"]):
        at, summary = item["Timestamp"].timestamp(), item["HistorySummary"]
        if item["HistoryItemType"] == "ConfigurationUpdate" and summary.endswith(" created"):
            states, since = [], max(start, at)
        elif item["HistoryItemType"] == "StateUpdate" and at > since:
            states.append((since, min(at, end), summary.split()[3]))
            since = at
    return [state for state in [*states, (since, end, alarm["StateValue"])] if state[1] > state[0]]
