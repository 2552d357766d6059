"""Why an alarm changed its state: StateReason and StateReasonData, as recorded from AWS."""

import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import orjson

from helpers.sandbox.monitoring.state import AlarmState

COMPARISONS: dict[str, tuple[Callable[[float, float], bool], str]] = {
    "GreaterThanOrEqualToThreshold": (operator.ge, "greater than or equal to"),
    "GreaterThanThreshold": (operator.gt, "greater than"),
    "LessThanThreshold": (operator.lt, "less than"),
    "LessThanOrEqualToThreshold": (operator.le, "less than or equal to"),
}


@dataclass(frozen=True, slots=True)
class AlarmPoint:
    """What an alarm looked at: the period's start in epoch seconds; math has no sample count."""

    start: int
    value: float
    samples: float | None


@dataclass(frozen=True, slots=True)
class Seen:
    """What led to a state: the real points (oldest first), how many missing ones were filled, the N periods, when."""

    state: AlarmState
    points: tuple[AlarmPoint, ...]
    filled: int
    periods: tuple[int, ...]
    at: int


def is_breaching(settings: Mapping[str, Any], value: float) -> bool:
    """Whether a value is on the wrong side of the alarm's threshold."""
    compare, _ = COMPARISONS[settings["ComparisonOperator"]]
    return compare(value, settings["Threshold"])


def sentence(settings: Mapping[str, Any], seen: Seen) -> str:
    """The StateReason. It lists the points on the side of the new state only.

    >>> alarm = {"ComparisonOperator": "GreaterThanThreshold", "Threshold": 21.0, "EvaluationPeriods": 1}
    >>> sentence(alarm, Seen("ALARM", (AlarmPoint(1698338520, 21.5, 1.0),), 0, (1698338520,), 1698338580))
    'Threshold Crossed: 1 datapoint [21.5 (26/10/23 16:42:00)] was greater than the threshold (21.0).'
    """
    n = settings["EvaluationPeriods"]
    if seen.state == "INSUFFICIENT_DATA":
        return f"Insufficient Data: {_were(n, 'datapoint', 'unknown')}."
    breaches = seen.state == "ALARM"
    treated = "Breaching" if settings.get("TreatMissingData") == "breaching" else "NonBreaching"
    filled = f" and {_were(seen.filled, 'missing datapoint', f'treated as [{treated}]')}" if seen.filled else ""
    if not seen.points:
        periods = "1 period" if n == 1 else f"{n} periods"
        return f"Threshold Crossed: no datapoints were received for {periods}{filled}."
    m, named = settings.get("DatapointsToAlarm"), ""
    if m is not None:
        least, way = (m, "OK -> ALARM") if breaches else (n - m + 1, "ALARM -> OK")
        named = f" (minimum {least} datapoint{'' if least == 1 else 's'} for {way} transition)"
    points = [point for point in reversed(seen.points) if is_breaching(settings, point.value) == breaches]
    if not points:
        return f"Threshold Crossed: {filled.removeprefix(' and ')}{named}."
    _, words = COMPARISONS[settings["ComparisonOperator"]]
    listed = ", ".join(f"{point.value} ({_date(point.start, '%d/%m/%y %H:%M:%S')})" for point in points)
    compared = f"{'' if breaches else 'not '}{words} the threshold ({settings['Threshold']})"
    out_of = f" out of the last {n} datapoints" if m is not None else f" datapoint{'' if len(points) == 1 else 's'}"
    were = "was" if len(points) == 1 else "were"
    return f"Threshold Crossed: {len(points)}{out_of} [{listed}] {were} {compared}{filled}{named}."


def _were(count: int, what: str, how: str) -> str:
    return f"1 {what} was {how}" if count == 1 else f"{count} {what}s were {how}"


def _date(at: float, form: str) -> str:
    return datetime.fromtimestamp(at, UTC).strftime(form)


def iso(at: float) -> str:
    """``2026-01-05T12:00:00.000+0000``."""
    return _date(at, f"%Y-%m-%dT%H:%M:%S.{int(at * 1000) % 1000:03d}+0000")


def data(settings: Mapping[str, Any], seen: Seen, period: int) -> str:
    """The StateReasonData, JSON as text; a missing period has its timestamp only."""
    real = {point.start: point for point in seen.points}
    shown = sorted({*seen.periods, *real})[-settings["EvaluationPeriods"] :] if not seen.filled else seen.periods
    document = {
        "version": "1.0",
        "queryDate": iso(seen.at),
        "startDate": iso(seen.points[0].start) if seen.points else None,
        "unit": settings.get("Unit"),
        "statistic": settings.get("Statistic"),
        "period": period,
        "recentDatapoints": [point.value for point in seen.points],
        "threshold": settings["Threshold"],
        "evaluatedDatapoints": [_shown(start, real.get(start)) for start in reversed(shown)],
    }
    return orjson.dumps({name: value for name, value in document.items() if value is not None}).decode()


def _shown(start: int, point: AlarmPoint | None) -> dict[str, Any]:
    shown: dict[str, Any] = {"timestamp": iso(start)}
    if point is not None:
        shown |= {} if point.samples is None else {"sampleCount": point.samples}
        shown |= {"value": point.value}
    return shown
