"""Dashboards: PutDashboard with the checks of its body, GetDashboard, ListDashboards, DeleteDashboards.

Source: "Dashboard Body Structure and Syntax", CloudWatch API Reference; recorded and reported sentences. Dashboards
belong to the account, not to a Region. Which faults of a body are errors is assumption ``dashboard-faults``.
"""

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

import orjson

from helpers.sandbox.calls import Account, Call, Params, ServiceError, replaces
from helpers.sandbox.monitoring.metrics import invalid, merged_tags
from helpers.sandbox.monitoring.state import Dashboard, MonitoringState
from helpers.sandbox.protocol.paging import numbered_page

MOST_WIDGETS = 500
_NAME = re.compile(r"[A-Za-z0-9_-]{1,255}")
_TYPES = ("metric", "text", "log", "alarm", "explorer")
_VIEWS = {
    "metric": ("timeSeries", "singleValue", "gauge", "bar", "pie", "table"),
    "log": ("table", "timeSeries", "bar", "pie"),
}
_RANGES = {"x": (0, 23), "y": (0, 10_000), "width": (1, 24), "height": (1, 1000)}
_MEMBERS = {"type", "x", "y", "width", "height", "properties"}
Fault = tuple[str, str]
"""The place in the body and what is wrong there."""


def boards(account: Account) -> dict[str, Dashboard]:
    return account.state(MonitoringState, "aws").dashboards


def dashboard_arn(account: Account, name: str) -> str:
    return f"arn:aws:cloudwatch::{account.account_id}:dashboard/{name}"


@replaces("cloudwatch", "PutDashboard")
def put_dashboard(call: Call, account: Account) -> Params:
    """Make a dashboard or replace its body; what is only odd is saved, and told."""
    name, body = call.params["DashboardName"], call.params["DashboardBody"]
    if not _NAME.fullmatch(name):
        raise invalid(
            "The value for field DashboardName contains invalid characters. "
            "It can only contain alphanumerics, dash (-) and underscore (_).\n"
        )
    try:
        document = orjson.loads(body)
    except ValueError:
        raise ServiceError("InvalidParameterInput", "The field DashboardBody must be a valid JSON object") from None
    errors = list(_errors(document))
    if errors:
        listed = orjson.dumps([{"dataPath": place, "message": message} for place, message in errors]).decode()
        text = f"The dashboard body is invalid, there are {len(errors)} validation errors:\n{listed}"
        raise ServiceError("InvalidParameterInput", text)
    known = boards(account).get(name)
    tags = known.tags if known else merged_tags(call.params.get("Tags", ()))
    boards(account)[name] = Dashboard(name, body, account.now(), tags)
    warnings = [{"DataPath": place, "Message": message} for place, message in _warnings(document)]
    return {"DashboardValidationMessages": warnings}


def _errors(document: Any) -> Iterator[Fault]:
    if not isinstance(document, dict):
        yield "", "Should be object"
        return
    widgets = document.get("widgets")
    if not isinstance(widgets, list):
        yield ("", "Should have required property 'widgets'") if widgets is None else ("/widgets", "Should be array")
        return
    if len(widgets) > MOST_WIDGETS:
        yield "/widgets", f"Should NOT have more than {MOST_WIDGETS} items"
    if document.get("periodOverride", "auto") not in ("auto", "inherit"):
        yield "/periodOverride", "Should be equal to one of the allowed values"
    for place, widget in enumerate(widgets):
        yield from _widget(f"/widgets/{place}", widget)


def _widget(at: str, widget: Any) -> Iterator[Fault]:
    if not isinstance(widget, dict):
        yield at, "Should be object"
        return
    yield from (
        (at, f"Should have required property '{name}'") for name in ("type", "properties") if name not in widget
    )
    for name, (least, most) in _RANGES.items():
        value = widget.get(name, least)
        if type(value) is not int:
            yield f"{at}/{name}", "Should be integer"
        elif not least <= value <= most:
            word = f"Should be >= {least}" if value < least else f"Should be <= {most}"
            yield f"{at}/{name}", word
    if ("x" in widget) != ("y" in widget):
        yield at, "Should have both properties 'x' and 'y', or none"
    kind, properties = widget.get("type", "text"), widget.get("properties", {})
    if kind not in _TYPES:
        yield f"{at}/type", "Should be equal to one of the allowed values"
    elif not isinstance(properties, dict):
        yield f"{at}/properties", "Should be object"
    elif "properties" in widget:
        yield from _properties(f"{at}/properties", kind, properties)


def _properties(at: str, kind: str, properties: Mapping[str, Any]) -> Iterator[Fault]:
    needed = {"metric": ("region",), "log": ("region", "query"), "text": ("markdown",), "alarm": ("alarms",)}
    for name in needed.get(kind, ()):
        if name not in properties:
            yield at, f"Should have required property '{name}'"
    if kind in _VIEWS and properties.get("view", "table" if kind == "log" else "timeSeries") not in _VIEWS[kind]:
        yield f"{at}/view", "Should be equal to one of the allowed values"
    alarms = properties.get("alarms", [""])
    if kind == "alarm" and not (isinstance(alarms, list) and all(isinstance(arn, str) for arn in alarms)):
        yield f"{at}/alarms", "Should be an array of strings"
    elif kind == "alarm" and not 1 <= len(alarms) <= 100:
        yield f"{at}/alarms", "Should have 1 to 100 items"
    if properties.get("view") == "gauge" and kind == "metric":
        yield from _gauge(at, properties)
    if kind != "metric":
        return
    if "metrics" not in properties and "annotations" not in properties:
        yield at, "Should have required property 'metrics'"
    metrics = properties.get("metrics", [])
    if not isinstance(metrics, list) or len(metrics) > MOST_WIDGETS:
        yield f"{at}/metrics", f"Should be an array of up to {MOST_WIDGETS} items"
        return
    for place, metric in enumerate(metrics):
        yield from _metric(f"{at}/metrics/{place}", metric)


def _gauge(at: str, properties: Mapping[str, Any]) -> Iterator[Fault]:
    """A gauge needs both ends of its range."""
    axes = properties.get("yAxis")
    left = axes.get("left") if isinstance(axes, dict) else None
    for name in ("min", "max"):
        if not isinstance(left, dict) or type(left.get(name)) not in (int, float):
            yield f"{at}/yAxis/left", f"Should have required property '{name}'"


def _metric(at: str, metric: Any) -> Iterator[Fault]:
    if not isinstance(metric, list) or not metric:
        yield at, "Should be array"
        return
    names = metric[:-1] if isinstance(metric[-1], dict) else metric
    if not names and "expression" not in metric[-1]:
        yield f"{at}/0", "Should have required property 'expression'"
    for place, name in enumerate(names):
        if not isinstance(name, str):
            yield f"{at}/{place}", "Invalid metric field type, only 'String' type is allowed"
    if names and "..." not in names and (len(names) < 2 or len(names) % 2):
        yield at, "Should have a namespace, a name and pairs of dimension name and value"


def _warnings(document: Mapping[str, Any]) -> Iterator[Fault]:
    for place, widget in enumerate(document["widgets"]):
        for name in sorted(set(widget) - _MEMBERS):
            yield f"/widgets/{place}", f"Should NOT have additional property '{name}'"


@replaces("cloudwatch", "GetDashboard")
def get_dashboard(call: Call, account: Account) -> Params:
    name = call.params["DashboardName"]
    board = boards(account).get(name)
    if board is None:
        raise ServiceError("ResourceNotFound", f"Dashboard {name} does not exist", 404)
    return {"DashboardArn": dashboard_arn(account, name), "DashboardBody": board.body, "DashboardName": name}


@replaces("cloudwatch", "ListDashboards")
def list_dashboards(call: Call, account: Account) -> Params:
    found = [
        {
            "DashboardName": name,
            "DashboardArn": dashboard_arn(account, name),
            "LastModified": datetime.fromtimestamp(board.changed_at, UTC),
            "Size": len(board.body.encode()),
        }
        for name, board in sorted(boards(account).items())
        if name.startswith(call.params.get("DashboardNamePrefix", ""))
    ]
    try:
        page, token = numbered_page(found, call, 1000)
    except ServiceError as error:
        raise invalid(error.message) from None
    return {"DashboardEntries": page, "NextToken": token}


@replaces("cloudwatch", "DeleteDashboards")
def delete_dashboards(call: Call, account: Account) -> Params:
    """Delete all or none: one name that is not there refuses the call."""
    names = call.params["DashboardNames"]
    missing = [name for name in names if name not in boards(account)]
    if missing:
        raise ServiceError("ResourceNotFound", f"Dashboard {missing[0]} does not exist", 404)
    for name in names:
        boards(account).pop(name, None)
    return {}
