"""Metric filters: stored, described and tested. :mod:`helpers.sandbox.logs.log_metrics` makes the points."""

from typing import Any

from helpers.sandbox.calls import Account, Call, Params, ServiceError, replaces
from helpers.sandbox.logs.filtering import compiled
from helpers.sandbox.logs.names import group_named, invalid, now_ms, paged, require_standard, state_of
from helpers.sandbox.logs.patterns import FilterPattern, PatternError
from helpers.sandbox.logs.patterns.values import number
from helpers.sandbox.logs.state import LogGroup, MetricFilter
from helpers.sandbox.monitoring.state import is_value

MOST_FILTERS = 100
MOST_DIMENSIONS = 3
MOST_REGEX_FILTERS = 5


@replaces("logs", "PutMetricFilter")
def put_metric_filter(call: Call, account: Account) -> Params:
    """Create or replace a filter."""
    params = call.params
    group = group_named(call, account, params["logGroupName"])
    require_standard(group, "PutMetricFilter", "InvalidOperationException")
    pattern = compiled(params["filterPattern"])
    for transformation in params["metricTransformations"]:
        _check(transformation, pattern)
    name = params["filterName"]
    others = [entry for entry in group.metric_filters.values() if entry.name != name]
    _check_limits(others, pattern)
    group.metric_filters[name] = MetricFilter(
        name, params["filterPattern"], params["metricTransformations"], now_ms(account)
    )
    return {}


def _check(transformation: dict[str, Any], pattern: FilterPattern) -> None:
    value, dimensions = transformation["metricValue"], transformation.get("dimensions", {})
    if not pattern.names_fields:
        if dimensions:
            raise invalid("The specified filter pattern does not support dimensions")
        if value.startswith("$"):
            raise invalid(f"The specified filter pattern has no field {value} to take the metric value from.")
    selectors = list(dimensions.values())
    if value.startswith("$"):
        selectors.append(value)
    elif not is_value(number(value)):
        raise invalid(f"Invalid metric transformation: metricValue '{value}' is neither a number nor a field.")
    if not is_value(transformation.get("defaultValue", 0.0)):
        raise invalid("Invalid metric transformation: the default value must be a number from -2^360 to 2^360.")
    try:
        for selector in selectors:
            pattern.check_selector(selector)
    except PatternError as error:
        raise invalid(f"Invalid metric transformation: {error}") from None
    if len(dimensions) > MOST_DIMENSIONS:
        raise invalid(f"A metric filter can have at most {MOST_DIMENSIONS} dimensions.")
    if dimensions and "defaultValue" in transformation:
        raise invalid("Invalid metric transformation: dimensions and default value are mutually exclusive properties")


def _check_limits(others: list[MetricFilter], pattern: FilterPattern) -> None:
    if len(others) >= MOST_FILTERS:
        raise ServiceError("LimitExceededException", f"A log group can have at most {MOST_FILTERS} metric filters.")
    with_regex = sum(FilterPattern.parse(entry.pattern).regexes > 0 for entry in others)
    if pattern.regexes and with_regex >= MOST_REGEX_FILTERS:
        raise ServiceError(
            "LimitExceededException",
            f"At most {MOST_REGEX_FILTERS} filters of a log group can hold regular expressions.",
        )


@replaces("logs", "DeleteMetricFilter")
def delete_metric_filter(call: Call, account: Account) -> Params:
    group = group_named(call, account, call.params["logGroupName"])
    if group.metric_filters.pop(call.params["filterName"], None) is None:
        raise ServiceError("ResourceNotFoundException", "The specified metric filter does not exist.")
    return {}


@replaces("logs", "DescribeMetricFilters")
def describe_metric_filters(call: Call, account: Account) -> Params:
    """Filters in ASCII order of their names; the name prefix counts only together with a group."""
    params = call.params
    metric, namespace = params.get("metricName"), params.get("metricNamespace")
    if (metric is None) != (namespace is None):
        raise invalid("metricName and metricNamespace must be specified together.")
    groups = list(state_of(call, account).groups.values())
    prefix = ""
    if "logGroupName" in params:
        groups = [group_named(call, account, params["logGroupName"])]
        prefix = params.get("filterNamePrefix", "")
    filters = [
        (group, entry)
        for group in groups
        for entry in group.metric_filters.values()
        if entry.name.startswith(prefix) and (metric is None or _feeds(entry, metric, namespace))
    ]
    page, token = paged(filters, lambda pair: f"{pair[1].name}\0{pair[0].name}", params, size=50)
    return {
        "metricFilters": [_describe(group, entry) for group, entry in page],
        **({"nextToken": token} if token else {}),
    }


def _feeds(entry: MetricFilter, metric: str, namespace: str | None) -> bool:
    return any(
        transformation["metricName"] == metric and transformation["metricNamespace"] == namespace
        for transformation in entry.transformations
    )


def _describe(group: LogGroup, entry: MetricFilter) -> Params:
    return {
        "filterName": entry.name,
        "filterPattern": entry.pattern,
        "metricTransformations": entry.transformations,
        "creationTime": entry.created_ms,
        "logGroupName": group.name,
        "applyOnTransformedLogs": False,
    }


@replaces("logs", "TestMetricFilter")
def test_metric_filter(call: Call, account: Account) -> Params:
    """Which messages match (numbered from 1), and the fields that a space-delimited pattern takes from them."""
    pattern = compiled(call.params["filterPattern"])
    matches = [
        {"eventNumber": number, "eventMessage": message, "extractedValues": pattern.extract(message)}
        for number, message in enumerate(call.params["logEventMessages"], 1)
        if pattern.matches(message)
    ]
    return {"matches": matches}
