"""Draw the body of a CloudWatch dashboard from the account's data: metrics, log queries, texts and alarms."""

import json
import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from helpers.figures.figure import Figure
from helpers.figures.metric_chart import COLOURS, Points, draw_chart, in_words
from helpers.figures.svg import GREY, Drawing, fitted
from helpers.lab import Lab
from helpers.lab.query_run import run_query

_COLUMN, _ROW, _GAP, _LINE = 38.0, 40.0, 8.0, 17.0
_QUERY_SECONDS = 300
_PERIOD = 300
_SOURCE = re.compile(r"\s*SOURCE\s+'([^']+)'\s*(?:\||$)")
Box = tuple[float, float, float, float]
Widget = Mapping[str, Any]


def dashboard(body: str | Mapping[str, Any], lab: Lab, hours: float = 3) -> Figure:
    """The dashboard as a picture, over the last ``hours``; each log widget runs its query, which scans and costs.

        show(dashboard(cloudwatch.get_dashboard(DashboardName=name)["DashboardBody"], lab))

    ``body`` is JSON text or what it says, in a form that ``PutDashboard`` takes.
    """
    document = json.loads(body) if isinstance(body, str) else body
    end = lab.now()
    span = end - timedelta(hours=hours), end
    boxes = [_box(widget, number) for number, widget in enumerate(document["widgets"])]
    width = 24 * _COLUMN + _GAP
    height = max((top + tall for _, top, _, tall in boxes), default=_ROW) + _GAP
    drawing = Drawing(width, height, "Dashboard", "The widgets of a dashboard", ground="#F2F2F2")
    told = []
    for widget, box in zip(document["widgets"], boxes, strict=True):
        left, top, wide, tall = box
        drawing.box(left, top, wide, tall, fill="#FFFFFF", stroke=GREY, thick=1)
        title = widget["properties"].get("title", "")
        if title:
            drawing.words(left + 10, top + 20, title, bold=True, room=wide - 20)
        inside = (left, top + (28 if title else 8), wide, tall - (28 if title else 8))
        told.append(": ".join(filter(None, [title, _DRAWN[widget["type"]](drawing, inside, widget, lab, span)])))
    alt = (
        f"A dashboard with {len(told)} widget{'' if len(told) == 1 else 's'}: "
        + "; ".join(line.partition("\n")[0].rstrip(".") for line in told)
        + "."
    )
    return Figure(str(drawing).encode(), "image/svg+xml", alt, "\n".join(told))


def _box(widget: Widget, number: int) -> Box:
    x, y = widget.get("x", 0), widget.get("y", 6 * number)
    wide, tall = widget.get("width", 6) * _COLUMN, widget.get("height", 6) * _ROW
    return x * _COLUMN + _GAP, y * _ROW + _GAP, wide - _GAP, tall - _GAP


def _text(drawing: Drawing, box: Box, widget: Widget, lab: Lab, span: tuple[datetime, datetime]) -> str:
    left, top, wide, tall = box
    foot, y = top + tall, top + 16
    lines = [line for line in widget["properties"]["markdown"].splitlines() if line.strip()]
    words = [re.sub(r"^#+ |[*`]", "", line) for line in lines]  # of Markdown's marks, only headings are drawn
    for line, said in zip(lines, words, strict=True):
        if y < foot:
            y = drawing.paragraph(left + 10, y, said, wide - 20, bold=line.startswith("#"))
    return " ".join(words)


def _metric(drawing: Drawing, box: Box, widget: Widget, lab: Lab, span: tuple[datetime, datetime]) -> str:
    left, top, wide, tall = box
    queries = metric_queries(widget["properties"])
    asked = {"StartTime": span[0], "EndTime": span[1], "ScanBy": "TimestampAscending"}
    client = lab.client("cloudwatch", region=_other(widget, lab))
    results = client.get_metric_data(MetricDataQueries=queries, **asked)["MetricDataResults"] if queries else ()
    series: list[tuple[str, Points]] = []  # two metrics may have one label
    for result in results:
        moments = (moment.timestamp() for moment in result["Timestamps"])
        series.append((result["Label"], list(zip(moments, result["Values"], strict=True))))
    for number, (label, _) in enumerate(series):
        colour = COLOURS[number % len(COLOURS)]
        drawing.words(left + 60, top + 12 + 16 * number, label, size=11, fill=colour, room=wide - 80)
    above = 10 + 16 * len(series)
    times = span[0].timestamp(), span[1].timestamp()
    period = max((query["MetricStat"]["Period"] for query in queries if "MetricStat" in query), default=_PERIOD)
    inside = (left + 60, top + above, wide - 80, tall - above - 28)
    draw_chart(drawing, inside, [points for _, points in series], times, period)
    said = "; ".join(in_words(label, points) for label, points in series) or "no metrics"
    view = widget["properties"].get("view", "timeSeries")
    if view != "timeSeries":
        drawing.words(left + wide - 10, top + tall - 10, f"view {view}: drawn here over time", size=11, right=True)
    return said if view == "timeSeries" else f"{said} (view {view}: drawn here over time)"


def metric_queries(properties: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The queries of GetMetricData that a metric widget stands for; ``.`` and ``...`` repeat the row before."""
    queries, before = [], list[str]()
    for number, row in enumerate(properties.get("metrics", ()), 1):
        options = row[-1] if isinstance(row[-1], dict) else {}
        names = [name for name in row if isinstance(name, str)]
        if "..." in names:
            at = names.index("...")
            names = [*names[:at], *before[at : len(before) - (len(names) - at - 1)], *names[at + 1 :]]
        names = [before[place] if name == "." else name for place, name in enumerate(names)]
        before = names or before
        query: dict[str, Any] = {"Id": options.get("id", f"row{number}"), "ReturnData": options.get("visible", True)}
        query |= {"Label": options["label"]} if "label" in options else {}
        if "expression" in options:
            queries.append({**query, "Expression": options["expression"]})
            continue
        dimensions = [{"Name": name, "Value": value} for name, value in zip(names[2::2], names[3::2], strict=True)]
        metric = {"Namespace": names[0], "MetricName": names[1], "Dimensions": dimensions}
        period, stat = (
            options.get(key, properties.get(key, other)) for key, other in (("period", _PERIOD), ("stat", "Average"))
        )
        queries.append({**query, "MetricStat": {"Metric": metric, "Period": period, "Stat": stat}})
    return queries


def _log(drawing: Drawing, box: Box, widget: Widget, lab: Lab, span: tuple[datetime, datetime]) -> str:
    left, top, wide, tall = box
    text, groups = widget["properties"]["query"], list[str]()
    while found := _SOURCE.match(text):
        groups.append(found[1])
        text = text[found.end() :]
    if not groups:
        raise ValueError("The query of a log widget begins with its log groups: SOURCE 'name' | ...")
    times = {"startTime": int(span[0].timestamp()), "endTime": int(span[1].timestamp())}
    reply = run_query(lab, _QUERY_SECONDS, logGroupNames=groups, queryString=text.strip() or "fields @message", **times)
    rows = [{cell["field"]: cell["value"] for cell in row if cell["field"] != "@ptr"} for row in reply["results"]]
    columns = list(dict.fromkeys(name for row in rows for name in row))
    lines = [columns, *([row.get(name, "") for name in columns] for row in rows)]
    shown = lines[: max(int((tall - 8) // _LINE), 1)]
    for place, line in enumerate(shown if rows else [["no rows"]]):
        for column, value in enumerate(line):
            room = (wide - 20) / len(line)
            at = left + 10 + column * room
            drawing.words(at, top + 14 + place * _LINE, fitted(value, room - 6, 11, mono=True), size=11, mono=True)
    return f"{len(rows)} row{'' if len(rows) == 1 else 's'}\n" + "\n".join(", ".join(line) for line in lines)


def _alarm(drawing: Drawing, box: Box, widget: Widget, lab: Lab, span: tuple[datetime, datetime]) -> str:
    left, top, wide, _ = box
    names = [arn.rpartition(":alarm:")[2] for arn in widget["properties"]["alarms"]]
    client = lab.client("cloudwatch", region=_other(widget, lab))
    found = {
        alarm["AlarmName"]: alarm["StateValue"] for alarm in client.describe_alarms(AlarmNames=names)["MetricAlarms"]
    }
    lines = [f"{found.get(name, 'not found')}: {name}" for name in names]
    for place, line in enumerate(lines):
        drawing.words(left + 10, top + 14 + place * _LINE, line, size=12, room=wide - 20)
    return "; ".join(lines)


def _not_drawn(drawing: Drawing, box: Box, widget: Widget, lab: Lab, span: tuple[datetime, datetime]) -> str:
    drawing.words(box[0] + 10, box[1] + 16, f"not drawn here: {widget['type']}", size=12, room=box[2] - 20)
    return f"a widget of type {widget['type']}, which is not drawn here"


def _other(widget: Widget, lab: Lab) -> str | None:
    """The widget's Region where it is not the lab's own."""
    region: str = widget["properties"].get("region", lab.region)
    return None if region == lab.region else region


_DRAWN = {"metric": _metric, "text": _text, "log": _log, "alarm": _alarm, "explorer": _not_drawn}
