"""Evaluation of alarms: every minute of virtual time, M of N, with missing data.

Sources: "Alarm evaluation" and "Configuring how CloudWatch alarms treat missing data", CloudWatch User Guide, with the
tables of examples; recorded reasons. A period is a window that slides with the evaluation. How far back an alarm looks
for points, and the rule that gives all published rows, are assumptions (``alarm-range``, ``alarm-missing-rule``).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from helpers.sandbox.calls import Account, on_event
from helpers.sandbox.monitoring import reasons
from helpers.sandbox.monitoring.metrics import TICK, key_of, watched
from helpers.sandbox.monitoring.state import Alarm, AlarmState, MonitoringState
from helpers.sandbox.monitoring.statistics import all_values, windows
from helpers.sandbox.monitoring.transitions import change_state

DAY_SECONDS = 86_400


def evaluation_range(periods: int) -> int:
    """How many periods back an alarm of N periods looks for points. AWS says "5 for 3", and nothing else."""
    return periods + max(2, periods // 3)


@dataclass(frozen=True, slots=True)
class Judgement:
    """The state to go to, ``None`` to keep it; how many missing points were treated as something."""

    state: AlarmState | None
    filled: int = 0


def judge(breaches: Sequence[bool | None], m: int, n: int, missing: str) -> Judgement:
    """Decide from the range's points, oldest first: True breaching, False fine, None missing.

    >>> judge([False, None, True, None, True], 2, 3, "missing").state
    'ALARM'
    """
    real = [breach for breach in breaches if breach is not None]
    if len(real) >= n:
        return Judgement("ALARM" if sum(real[-n:]) >= m else "OK")
    breaching, fill = sum(real), n - len(real)
    if missing in ("breaching", "notBreaching"):
        is_alarm = breaching + (fill if missing == "breaching" else 0) >= m
        return Judgement("ALARM" if is_alarm else "OK", fill)
    if not real:
        return Judgement(None if missing == "ignore" else "INSUFFICIENT_DATA")
    if breaching >= m:
        return Judgement("ALARM")
    if not all(real):
        return Judgement("OK")
    if missing == "ignore":
        return Judgement(None)
    oldest = len(breaches) - next(place for place, breach in enumerate(breaches) if breach)
    return Judgement("ALARM" if oldest >= m else "INSUFFICIENT_DATA")


def period_of(settings: Mapping[str, Any]) -> int:
    if "Period" in settings:
        return int(settings["Period"])
    return int(next(query["MetricStat"]["Period"] for query in settings["Metrics"] if "MetricStat" in query))


@on_event(TICK)
def tick(account: Account, payload: Mapping[str, Any]) -> None:
    """Evaluate the alarms that are awake, and come again in a minute while there are any.

    An alarm that fails sleeps until its next point, and those after it are evaluated a minute later.
    """
    region = payload["region"]
    state = account.state(MonitoringState, region)
    now = int(account.now() // 60 * 60)
    try:
        for name in sorted(state.awake):
            state.awake.discard(name)
            alarm = state.alarms.get(name)
            if alarm is not None and evaluate(account, region, alarm, now):
                state.awake.add(name)
    finally:
        state.is_ticking = bool(state.awake)
        if state.is_ticking:
            account.schedule(now + 60, TICK, region=region)


def evaluate(account: Account, region: str, alarm: Alarm, now: int) -> bool:
    """Set the alarm's state. False where nothing but a new point can change it any more."""
    settings = alarm.settings
    period, n = period_of(settings), settings["EvaluationPeriods"]
    if n * period > DAY_SECONDS and now % 3600 and alarm.state_at:
        return True
    count = evaluation_range(n)
    starts = [now - place * period for place in range(count, 0, -1)]
    points = _points(account.state(MonitoringState, region), settings, starts, period)
    breaches = [reasons.is_breaching(settings, points[start].value) if start in points else None for start in starts]
    m = settings.get("DatapointsToAlarm", n)
    judgement = judge(breaches, m, n, settings.get("TreatMissingData", "missing"))
    if judgement.state not in (None, alarm.state):
        used = [points[start] for start in starts if start in points][-n:]
        seen = reasons.Seen(judgement.state, tuple(used), judgement.filled, tuple(starts[-n:]), now)
        why = reasons.sentence(settings, seen)
        change_state(account, region, alarm, judgement.state, why, reasons.data(settings, seen, period))
    keys = watched(settings)
    state = account.state(MonitoringState, region)
    return any(key in state.series and state.series[key].minutes[-1] >= starts[0] for key in keys)


def _points(
    state: MonitoringState, settings: Mapping[str, Any], starts: Sequence[int], period: int
) -> dict[int, reasons.AlarmPoint]:
    if "MetricName" in settings:
        sets = windows(state.series.get(key_of(settings)), starts, period, settings.get("Unit"))
        statistic = settings["Statistic"]
        return {
            start: reasons.AlarmPoint(start, values.statistic(statistic), values.count)
            for start, values in sets.items()
        }
    values = all_values(state, settings["Metrics"], {period: starts})
    shown = next(query["Id"] for query in settings["Metrics"] if query.get("ReturnData", True))
    return {start: reasons.AlarmPoint(start, value, None) for start, value in sorted(values[shown].items())}
