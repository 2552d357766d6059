"""Metrics: PutMetricData, ListMetrics, and the way in for points that other parts of the account emit.

Source: PutMetricData's and ListMetrics' documentation in botocore's model; recorded sentences. Points can be read at
once (assumption ``metrics-at-once``).
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from helpers.sandbox.calls import Account, Call, Params, ServiceError, replaces, unsupported
from helpers.sandbox.monitoring.state import Dimensions, MetricKey, MonitoringState, Series, StatisticSet, is_value
from helpers.sandbox.protocol.paging import numbered_page

TICK = "monitoring.tick"
MOST_METRICS, MOST_VALUES, MOST_TAGS = 1000, 150, 50
OLDEST_SECONDS, NEWEST_SECONDS = 14 * 86_400, 2 * 3600
LISTED_SECONDS = 14 * 86_400


def state_of(call: Call, account: Account) -> MonitoringState:
    return account.state(MonitoringState, call.region)


def dimensions_of(given: Iterable[Mapping[str, str]] | None) -> Dimensions:
    return tuple(sorted((item["Name"], item["Value"]) for item in given or ()))


def key_of(params: Mapping[str, Any]) -> MetricKey:
    """The metric that ``Namespace``, ``MetricName`` and ``Dimensions`` name."""
    return params["Namespace"], params["MetricName"], dimensions_of(params.get("Dimensions"))


def as_shapes(dimensions: Dimensions) -> list[dict[str, str]]:
    return [{"Name": name, "Value": value} for name, value in dimensions]


def record(
    account: Account, region: str, key: MetricKey, points: Mapping[int, StatisticSet], unit: str = "None"
) -> None:
    """Add points by their minute, and wake the alarms that watch the metric."""
    state = account.state(MonitoringState, region)
    series = state.series.setdefault(key, Series())
    for minute, values in points.items():
        series.add(minute, unit, values)
    wake(account, region, [alarm.name for alarm in state.alarms.values() if key in watched(alarm.settings)])


def watched(settings: Mapping[str, Any]) -> list[MetricKey]:
    """The metrics that an alarm reads."""
    if "MetricName" in settings:
        return [key_of(settings)]
    return [key_of(query["MetricStat"]["Metric"]) for query in settings["Metrics"] if "MetricStat" in query]


def wake(account: Account, region: str, names: Sequence[str]) -> None:
    """Evaluate these alarms at the next whole minute, and on."""
    state = account.state(MonitoringState, region)
    state.awake.update(names)
    if state.awake and not state.is_ticking:
        state.is_ticking = True
        account.schedule((account.now() // 60 + 1) * 60, TICK, region=region)


def invalid(message: str) -> ServiceError:
    return ServiceError("InvalidParameterValue", message)


def merged_tags(given: Iterable[Mapping[str, str]]) -> dict[str, str]:
    """The tags of a new thing. Raises InvalidParameterValue for reserved keys and too many."""
    tags = {tag["Key"]: tag["Value"] for tag in given}
    if len(tags) > MOST_TAGS or any(key.lower().startswith("aws:") for key in tags):
        raise invalid(f"A resource can have at most {MOST_TAGS} tags, and keys that begin with aws: are reserved.")
    return tags


@replaces("cloudwatch", "PutMetricData")
def put_metric_data(call: Call, account: Account) -> Params:
    """Store points of one namespace. Raises the codes of PutMetricData's list of errors."""
    params = call.params
    if params["Namespace"].startswith("AWS/"):
        raise invalid("The value AWS/ for parameter Namespace is invalid: it is reserved for AWS services.")
    data = params.get("MetricData", [])
    if not data:
        raise ServiceError("MissingParameter", "The parameter MetricData is required.")
    if len(data) > MOST_METRICS:
        raise invalid(f"The collection MetricData must not have a size greater than {MOST_METRICS}.")
    points = [_point(place, datum, account.now()) for place, datum in enumerate(data, 1)]
    for datum, (minute, values) in zip(data, points, strict=True):
        key = (params["Namespace"], datum["MetricName"], dimensions_of(datum.get("Dimensions")))
        record(account, call.region, key, {minute: values}, datum.get("Unit", "None"))
    return {}


def _point(place: int, datum: Params, now: float) -> tuple[int, StatisticSet]:
    at = f"MetricData.member.{place}"
    given = [name for name in ("Value", "Values", "StatisticValues") if name in datum]
    if len(given) > 1:
        raise ServiceError(
            "InvalidParameterCombination",
            f"The parameters {at}.{given[0]} and {at}.{given[1]} are mutually exclusive and you have specified both.",
        )
    if not given:
        raise ServiceError(
            "MissingParameter", f"At least one of the parameters {at}.Value, {at}.StatisticValues must be specified."
        )
    if datum.get("StorageResolution", 60) != 60:
        raise unsupported("cloudwatch", "PutMetricData with a StorageResolution below 60")
    time = datum["Timestamp"].timestamp() if "Timestamp" in datum else now
    if not now - OLDEST_SECONDS <= time <= now + NEWEST_SECONDS:
        raise invalid(f"The parameter {at}.Timestamp must specify a time within the past two weeks or two hours ahead.")
    return int(time // 60 * 60), _values(at, datum)


def _values(at: str, datum: Params) -> StatisticSet:
    _check_numbers(at, datum)
    if "StatisticValues" in datum:
        given = datum["StatisticValues"]
        made = StatisticSet(*(given[name] for name in ("SampleCount", "Sum", "Minimum", "Maximum")))
        if made.count <= 0 or made.minimum > made.maximum:
            raise invalid(f"The parameter {at}.StatisticValues is not the summary of any values.")
        return made
    values = datum.get("Values", [datum.get("Value")])
    counts = datum.get("Counts", [1.0] * len(values))
    if not 1 <= len(values) <= MOST_VALUES or len(counts) != len(values) or min(counts) <= 0:
        raise invalid(f"{at} takes 1 to {MOST_VALUES} Values, and as many Counts above 0.")
    total = sum(value * count for value, count in zip(values, counts, strict=True))
    if not is_value(total):
        raise invalid(f"The sum of {at} must be a number from -2^360 to 2^360.")
    return StatisticSet(sum(counts), total, min(values), max(values))


def _check_numbers(at: str, datum: Params) -> None:
    """AWS's words for what is no number; those for a number out of range are ours (``alarm-sentences``)."""
    named = {f"{at}.Value": datum["Value"]} if "Value" in datum else {}
    named |= {f"{at}.StatisticValues.{name}": value for name, value in datum.get("StatisticValues", {}).items()}
    for name in ("Values", "Counts"):
        named |= {f"{at}.{name}.member.{place}": value for place, value in enumerate(datum.get(name, ()), 1)}
    for name, value in named.items():
        if not math.isfinite(value):
            shown = "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
            raise invalid(f"The value {shown} for parameter {name} is invalid.")
        if not is_value(value):
            raise invalid(f"The value of {name} must be a number from -2^360 to 2^360.")


@replaces("cloudwatch", "ListMetrics")
def list_metrics(call: Call, account: Account) -> Params:
    """Metrics with a point in the last two weeks; a dimension without a value asks for its name only."""
    params, now = call.params, account.now()
    since = now - (3 * 3600 if "RecentlyActive" in params else LISTED_SECONDS)
    wanted = [(item["Name"], item.get("Value")) for item in params.get("Dimensions", ())]
    found = [
        key
        for key, series in sorted(state_of(call, account).series.items())
        if series.minutes[-1] >= since
        and params.get("Namespace", key[0]) == key[0]
        and params.get("MetricName", key[1]) == key[1]
        and all(any(name == own and value in (None, has) for own, has in key[2]) for name, value in wanted)
    ]
    try:
        page, token = numbered_page(found, call, 500)
    except ServiceError as error:
        raise invalid(error.message) from None
    metrics = [{"Namespace": space, "MetricName": name, "Dimensions": as_shapes(own)} for space, name, own in page]
    return {"Metrics": metrics, "NextToken": token}
