"""What CloudWatch and SNS remember of a region: metrics, alarms, their history, dashboards, topics.

Everything here is picklable: a checkpoint holds it. Times are epoch seconds; a metric's minutes are their first second.
"""

from bisect import bisect_left, insort
from dataclasses import dataclass, field
from typing import Any, Literal

LARGEST = 2.0**360


def is_value(number: object) -> bool:
    """Whether a metric can have this value: a number from -2^360 to 2^360 (PutMetricData's documentation)."""
    return isinstance(number, int | float) and abs(number) <= LARGEST


AlarmState = Literal["OK", "ALARM", "INSUFFICIENT_DATA"]
Dimensions = tuple[tuple[str, str], ...]
MetricKey = tuple[str, str, Dimensions]
"""Namespace, name and sorted dimensions: a metric is exactly these."""


@dataclass(frozen=True, slots=True)
class StatisticSet:
    """What is kept of the values of one minute and unit."""

    count: float
    sum: float
    minimum: float
    maximum: float

    def __add__(self, other: "StatisticSet") -> "StatisticSet":
        return StatisticSet(
            self.count + other.count,
            self.sum + other.sum,
            min(self.minimum, other.minimum),
            max(self.maximum, other.maximum),
        )

    def statistic(self, name: str) -> float:
        """``Sum``, ``Average``, ``Minimum``, ``Maximum`` or ``SampleCount``."""
        values = {"Sum": self.sum, "Minimum": self.minimum, "Maximum": self.maximum, "SampleCount": self.count}
        return self.sum / self.count if name == "Average" else values[name]


@dataclass
class Series:
    """A metric's points by minute, then by unit."""

    minutes: list[int] = field(default_factory=list)
    points: dict[int, dict[str, StatisticSet]] = field(default_factory=dict)

    def add(self, minute: int, unit: str, values: StatisticSet) -> None:
        if minute not in self.points:
            insort(self.minutes, minute)
        units = self.points.setdefault(minute, {})
        units[unit] = units[unit] + values if unit in units else values

    def between(self, start: float, end: float) -> list[int]:
        """The minutes with points from ``start`` to before ``end``."""
        return self.minutes[bisect_left(self.minutes, start) : bisect_left(self.minutes, end)]


@dataclass
class Alarm:
    """A metric alarm. ``settings`` are PutMetricAlarm's parameters without the tags."""

    name: str
    settings: dict[str, Any]
    made_at: float
    changed_at: float
    state: AlarmState = "INSUFFICIENT_DATA"
    reason: str = "Unchecked: Initial alarm creation"
    reason_data: str | None = None
    state_at: float = 0.0
    moved_at: float = 0.0
    tags: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class HistoryItem:
    """One line of an alarm's history; ``data`` is JSON."""

    alarm: str
    at: float
    kind: Literal["ConfigurationUpdate", "StateUpdate", "Action"]
    summary: str
    data: str


@dataclass
class Dashboard:
    """A dashboard as it was put."""

    name: str
    body: str
    changed_at: float
    tags: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class TopicMessage:
    """What was published to a topic."""

    id: str
    at: float
    subject: str
    text: str


@dataclass
class Topic:
    """An SNS topic: subscriptions are (protocol, endpoint, ARN or ``PendingConfirmation``)."""

    arn: str
    tags: dict[str, str] = field(default_factory=dict)
    subscriptions: list[tuple[str, str, str]] = field(default_factory=list)
    messages: list[TopicMessage] = field(default_factory=list)


@dataclass
class MonitoringState:
    """One region's metrics, alarms, dashboards and topics."""

    series: dict[MetricKey, Series] = field(default_factory=dict)
    alarms: dict[str, Alarm] = field(default_factory=dict)
    history: list[HistoryItem] = field(default_factory=list)
    dashboards: dict[str, Dashboard] = field(default_factory=dict)
    topics: dict[str, Topic] = field(default_factory=dict)
    awake: set[str] = field(default_factory=set)
    """The alarms whose state may still change without a new point: only these are evaluated."""
    is_ticking: bool = False
    """Whether the next evaluation is in the clock's queue."""
