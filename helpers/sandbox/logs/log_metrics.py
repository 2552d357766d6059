"""Metrics of what arrives in a log group: its own, in ``AWS/Logs``, and those of its metric filters.

Source: "Monitoring with CloudWatch metrics" and "Creating metrics from log events", CloudWatch Logs User Guide.
A filter's points carry the event's time, the group's own the time of ingestion (assumption ``metric-filter-times``).
"""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

from helpers.sandbox.calls import Account
from helpers.sandbox.logs.patterns import FilterPattern, value_at
from helpers.sandbox.logs.patterns.values import number
from helpers.sandbox.logs.state import LogGroup, MetricFilter
from helpers.sandbox.monitoring.metrics import record
from helpers.sandbox.monitoring.state import MonitoringState, StatisticSet, is_value
from helpers.sandbox.store.stream_events import counted_bytes

LogEvents = Sequence[tuple[int, str]]
_parsed = lru_cache(maxsize=256)(FilterPattern.parse)


def emit(account: Account, region: str, group: LogGroup, events: LogEvents) -> None:
    """Add the points of events (timestamp in ms, message) that arrive in a group now."""
    if not events:
        return
    minute = int(account.now() // 60 * 60)
    sizes = {"IncomingLogEvents": len(events), "IncomingBytes": counted_bytes([message for _, message in events])}
    for name, size in sizes.items():
        point = {minute: StatisticSet(1.0, float(size), float(size), float(size))}
        unit = "Bytes" if name == "IncomingBytes" else "None"
        for dimensions in ((("LogGroupName", group.name),), ()):
            record(account, region, ("AWS/Logs", name, dimensions), point, unit)
    for entry in group.metric_filters.values():
        _emit_of_filter(account, region, entry, events)


def _emit_of_filter(account: Account, region: str, entry: MetricFilter, events: LogEvents) -> None:
    pattern = _parsed(entry.pattern)
    matching = [(timestamp // 60_000 * 60, message) for timestamp, message in events if pattern.matches(message)]
    for transformation in entry.transformations:
        found: dict[tuple[tuple[str, str], ...], dict[int, StatisticSet]] = {}
        for minute, message in matching:
            value, dimensions = _point(pattern, transformation, message)
            if value is not None:
                points = found.setdefault(dimensions, {})
                point = StatisticSet(1.0, value, value, value)
                points[minute] = points[minute] + point if minute in points else point
        namespace, name = transformation["metricNamespace"], transformation["metricName"]
        unit = transformation.get("unit", "None")
        if "defaultValue" in transformation:
            default = float(transformation["defaultValue"])
            known = account.state(MonitoringState, region).series.get((namespace, name, ()))
            taken = {minute for minute, _ in matching} | (known.points.keys() if known else set())
            silent = {timestamp // 60_000 * 60 for timestamp, _ in events} - taken
            if silent:
                found.setdefault((), {}).update(dict.fromkeys(silent, StatisticSet(1.0, default, default, default)))
        for dimensions, points in found.items():
            record(account, region, (namespace, name, dimensions), dict(sorted(points.items())), unit)


def _point(
    pattern: FilterPattern, transformation: Mapping[str, Any], message: str
) -> tuple[float | None, tuple[tuple[str, str], ...]]:
    """The value of a matching message, ``None`` where its field is no number, and its dimensions."""
    text, wanted = transformation["metricValue"], transformation.get("dimensions", {})
    if not text.startswith("$") and not wanted:
        return number(text), ()
    event = pattern.event(message)
    value = number(f"{value_at(event, text)}") if text.startswith("$") else number(text)
    given = {name: value_at(event, selector) for name, selector in wanted.items()}
    if not is_value(value) or None in given.values():
        return None, ()
    return value, tuple(sorted((name, f"{own}") for name, own in given.items()))
