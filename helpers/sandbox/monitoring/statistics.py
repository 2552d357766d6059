"""Reading metrics: GetMetricStatistics and GetMetricData.

Source: their documentation in botocore's model, recorded sentences. Points of a minute are kept 15 days, of five
minutes 63 days, of an hour 455 days: a longer period reads further back. Percentiles and other statistics are refused.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from helpers.sandbox.calls import Account, Call, Params, ServiceError, replaces, unsupported
from helpers.sandbox.monitoring.metric_math import Values, computed, parsed
from helpers.sandbox.monitoring.metrics import invalid, key_of, state_of
from helpers.sandbox.monitoring.state import MetricKey, MonitoringState, Series, StatisticSet

MOST_POINTS, MOST_QUERIES = 1440, 500
STATISTICS = ("SampleCount", "Average", "Sum", "Minimum", "Maximum")
_KEPT_DAYS = ((300, 15), (3600, 63))
_KEPT_LONGEST = 455


def check_period(period: int) -> None:
    """Refuse what is no period; a period below a minute is one, but the sandbox keeps minutes only."""
    if period in (1, 5, 10, 20, 30):
        raise unsupported("cloudwatch", "periods below a minute")
    if period % 60:
        raise invalid(f"The parameter Period must be 1, 5, 10, 20, 30 or a multiple of 60, not {period}.")


def check_statistic(name: str) -> None:
    if name not in STATISTICS:
        raise unsupported("cloudwatch", f"the statistic {name}")


def windows(
    series: Series | None, starts: Sequence[int], period: int, unit: str | None = None
) -> dict[int, StatisticSet]:
    """The values of each window ``[start, start + period)`` that has any; ``starts`` ascend without overlap."""
    found: dict[int, StatisticSet] = {}
    if series is None or not starts:
        return found
    for minute in series.between(starts[0], starts[-1] + period):
        for own, values in series.points[minute].items():
            if unit in (None, own):
                start = starts[0] + (minute - starts[0]) // period * period
                found[start] = found[start] + values if start in found else values
    return found


def _aligned(start: datetime, end: datetime, period: int, now: float) -> list[int]:
    """The clock's periods of a range, without those whose points are no longer kept."""
    first, last = start.timestamp(), end.timestamp()
    if first >= last:
        raise invalid("The parameter StartTime must be less than the parameter EndTime.")
    check_period(period)
    kept = next((days for below, days in _KEPT_DAYS if period < below), _KEPT_LONGEST)
    first = max(first // period * period, (now - kept * 86_400) // period * period)
    return list(range(int(first), int(min(last, now + 86_400)), period)) if last > first else []


@replaces("cloudwatch", "GetMetricStatistics")
def get_metric_statistics(call: Call, account: Account) -> Params:
    """One datapoint a period and unit, in no order. Raises the codes of its list of errors."""
    params = call.params
    statistics = params.get("Statistics")
    if not statistics:
        raise ServiceError(
            "MissingParameter", "At least one of the parameters Statistics or ExtendedStatistics must be specified."
        )
    period = params["Period"]
    starts = _aligned(params["StartTime"], params["EndTime"], period, account.now())
    asked = int((params["EndTime"] - params["StartTime"]).total_seconds() // period)
    if asked > MOST_POINTS:
        raise ServiceError(
            "InvalidParameterCombination",
            f"You have requested up to {asked} datapoints, which exceeds the limit of {MOST_POINTS}. "
            "You may reduce the datapoints requested by increasing Period, or decreasing the time range.",
        )
    series = state_of(call, account).series.get(key_of(params))
    points: list[Params] = [
        {
            "Timestamp": datetime.fromtimestamp(start, UTC),
            "Unit": unit,
            **{name: values.statistic(name) for name in statistics},
        }
        for unit in ([params["Unit"]] if "Unit" in params else _units(series))
        for start, values in windows(series, starts, period, unit).items()
    ]
    # AWS promises no order, so nobody should find one here.
    points.sort(key=lambda point: point["Timestamp"].timestamp() * 2_654_435_761 % 4_294_967_291)
    return {"Label": params["MetricName"], "Datapoints": points}


def _units(series: Series | None) -> list[str]:
    return sorted({unit for units in series.points.values() for unit in units}) if series else []


def check_queries(queries: Sequence[Mapping[str, Any]]) -> None:
    """Refuse ids, periods, statistics and expressions that cannot be read or computed. Raises ValidationError."""
    ids = [query["Id"] for query in queries]
    if len(set(ids)) < len(ids):
        raise ServiceError("ValidationError", "The values for parameter id in MetricDataQueries must be unique.")
    for query in queries:
        if not (query["Id"][0].islower() and query["Id"].replace("_", "a").isalnum() and query["Id"].isascii()):
            raise ServiceError(
                "ValidationError", f"Invalid metrics list: the id {query['Id']} must begin with a small letter."
            )
        if ("MetricStat" in query) == ("Expression" in query):
            raise ServiceError(
                "ValidationError", "Invalid metrics list: each query needs either MetricStat or Expression."
            )
        if "MetricStat" in query:
            if not {"Namespace", "MetricName"} <= query["MetricStat"]["Metric"].keys():
                raise ServiceError("ValidationError", "Invalid metrics list: a metric needs Namespace and MetricName.")
            check_period(query["MetricStat"]["Period"])
            check_statistic(query["MetricStat"]["Stat"])
        else:
            parsed(query["Expression"], [other for other in ids if other != query["Id"]])
        if "AccountId" in query:
            raise unsupported("cloudwatch", "metrics of other accounts (AccountId)")
    all_values(MonitoringState(), queries, dict.fromkeys(periods_of(queries), (0,)))  # a dry run


def periods_of(queries: Sequence[Mapping[str, Any]]) -> set[int]:
    """The periods of metrics and, where one has its own, of expressions; never empty."""
    periods = {query["MetricStat"]["Period"] for query in queries if "MetricStat" in query}
    return periods | {query["Period"] for query in queries if "Expression" in query and "Period" in query} or {300}


def all_values(
    state: MonitoringState, queries: Sequence[Mapping[str, Any]], starts: Mapping[int, Sequence[int]]
) -> dict[str, Values]:
    """The values of each query by its id. ``starts`` has the windows of each period.

    An expression has the longest period of what it names; one that names nothing has its own, or the longest of all.
    Raises ValidationError for expressions that name each other in a circle.
    """
    found: dict[str, Values] = {}
    periods: dict[str, int] = {}
    for query in queries:
        if "MetricStat" in query:
            stat = query["MetricStat"]
            periods[query["Id"]] = stat["Period"]
            series = state.series.get(key_of(stat["Metric"]))
            sets = windows(series, starts[stat["Period"]], stat["Period"], stat.get("Unit"))
            found[query["Id"]] = {start: values.statistic(stat["Stat"]) for start, values in sets.items()}
    waiting = [query for query in queries if "Expression" in query]
    ids = [query["Id"] for query in queries]
    names = {query["Id"]: set(re.findall(r"\w+", query["Expression"])) for query in waiting}
    while waiting:
        open_ids = {query["Id"] for query in waiting}
        ready = [query for query in waiting if not names[query["Id"]] & open_ids]
        if not ready:
            raise ServiceError("ValidationError", "Invalid metrics list: the expressions name each other in a circle.")
        for query in ready:
            own = query["Period"] if query.get("Period") in starts else max(starts)
            named = [periods[name] for name in names[query["Id"]] if name in periods]
            periods[query["Id"]] = max(named, default=own)
            grid = starts[periods[query["Id"]]]
            value = computed(parsed(query["Expression"], ids), found, grid)
            found[query["Id"]] = value if isinstance(value, dict) else dict.fromkeys(grid, value)
        waiting = [query for query in waiting if query["Id"] not in found]
    return found


@replaces("cloudwatch", "GetMetricData")
def get_metric_data(call: Call, account: Account) -> Params:
    """Values of metrics and of what is computed from them, newest first unless asked otherwise."""
    params = call.params
    queries = params["MetricDataQueries"]
    if not 1 <= len(queries) <= MOST_QUERIES:
        raise ServiceError(
            "ValidationError", f"The collection MetricDataQueries must have 1 to {MOST_QUERIES} members."
        )
    check_queries(queries)
    starts = {
        period: _aligned(params["StartTime"], params["EndTime"], period, account.now())
        for period in periods_of(queries)
    }
    values = all_values(state_of(call, account), queries, starts)
    newest_first = params.get("ScanBy", "TimestampDescending") == "TimestampDescending"
    labels = _labels(queries)
    results = []
    for query in queries:
        if query.get("ReturnData", True):
            pairs = sorted(values[query["Id"]].items(), reverse=newest_first)
            results.append(
                {
                    "Id": query["Id"],
                    "Label": labels[query["Id"]],
                    "Timestamps": [datetime.fromtimestamp(start, UTC) for start, _ in pairs],
                    "Values": [value for _, value in pairs],
                    "StatusCode": "Complete",
                }
            )
    return {"MetricDataResults": results, "Messages": []}


def _labels(queries: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """A metric's name, and what tells queries of one name apart, as recorded: ``m Sum``, ``m 60``, ``m Sum 60``."""
    labels = {query["Id"]: query.get("Label") or query["Id"] for query in queries}
    stats = [query for query in queries if "MetricStat" in query and not query.get("Label")]
    by_metric: dict[MetricKey, list[Mapping[str, Any]]] = {}
    for query in stats:
        by_metric.setdefault(key_of(query["MetricStat"]["Metric"]), []).append(query)
    for key, same in by_metric.items():
        parts = [name for name in ("Stat", "Period") if _differ(query["MetricStat"][name] for query in same)]
        for query in same:
            labels[query["Id"]] = " ".join([key[1], *(str(query["MetricStat"][name]) for name in parts)])
    return labels


def _differ(values: Iterable[Any]) -> bool:
    return len(set(values)) > 1
