"""What a health check needs of a Region, read once as plain values by clients that can only read.

What AWS refuses, or does not answer, is noted by kind with its reason, and everything else is read.
"""

import json
from collections.abc import Iterator, Mapping
from datetime import timedelta
from functools import partial
from typing import Any

from botocore import xform_name

from helpers import network
from helpers.lab.connection import AccountConnection
from helpers.lab.errors import LabError
from helpers.lab.looks import AWS_ERRORS, Looks, code_of
from helpers.lab.read_only import READS, read_only
from helpers.lab.resources import paged

VERSION = 2
KEYS = frozenset(
    (
        *("version", "read_at", "region", "account", "network", "flow_logs", "log_groups", "log_streams", "events"),
        *("roles", "saved_queries", "alarms", "metric_filters", "unread"),
    )
)
_MOST_MINUTES = 3653 * 24 * 60  # the longest retention of a log group, in days (API Reference, PutRetentionPolicy)
_SLICE = timedelta(minutes=10)
Item = Mapping[str, Any]


def read_account(access: AccountConnection, region: str, minutes: float, most_events: int) -> dict[str, Any]:
    """A reading of one Region, which JSON can hold: see :meth:`helpers.lab.Lab.reading` for its keys.

    Raises :class:`LabError` where not even the identity can be read, and for numbers that make no sense.
    """
    check_span(minutes)
    if not isinstance(most_events, int) or most_events < 1:
        raise LabError(f"most_events is a whole number from 1 up, not {most_events}.")
    reader = _Reader(access, region)
    account = reader.account()
    pages = network.read_pages(reader.describe)
    flow_logs = reader.looks.at("FlowLogs", paged, reader.ec2, "describe_flow_logs", "FlowLogs")
    groups = reader.groups(flow_logs)
    now = access.now()
    reading = {
        "version": VERSION,
        "read_at": now.isoformat(),
        "region": region,
        "account": account,
        "network": pages,
        "flow_logs": flow_logs,
        "log_groups": groups,
        "log_streams": {group["logGroupName"]: reader.streams(group) for group in groups},
        "events": {
            group["logGroupName"]: reader.events(group, now, timedelta(minutes=minutes), most_events)
            for group in groups
            if group.get("logGroupClass", "STANDARD") == "STANDARD"  # of the others, FilterLogEvents gives none
        },
        "roles": reader.roles(flow_logs),
        "saved_queries": reader.looks.at("queryDefinitions", reader.saved_queries),
        "alarms": reader.looks.at("alarms", reader.alarms),
        "metric_filters": [entry for group in groups for entry in reader.metric_filters(group)],
        "unread": reader.looks.unseen,
    }
    plain: dict[str, Any] = json.loads(json.dumps(reading, default=_plain))
    return plain


def check_span(minutes: float) -> None:
    """Raise :class:`LabError` where this is no number of minutes that can be read."""
    if not 0 < minutes <= _MOST_MINUTES:
        raise LabError(f"minutes is a number above 0, and at most {_MOST_MINUTES}, not {minutes}.")


def _plain(value: Any) -> Any:
    return value.isoformat() if hasattr(value, "isoformat") else str(value)


class _Reader:
    def __init__(self, access: AccountConnection, region: str) -> None:
        self.looks = Looks()
        clients = {service: read_only(access.client(service, region=region)) for service in READS}
        self.ec2, self._logs, self._iam, self._sts = (clients[name] for name in ("ec2", "logs", "iam", "sts"))
        self._cloudwatch = clients["cloudwatch"]

    def account(self) -> str:
        try:
            return str(self._sts.get_caller_identity()["Account"])
        except AWS_ERRORS as problem:
            raise LabError(f"AWS did not say who you are ({code_of(problem)}). Sign in, then try again.") from problem

    def describe(self, action: str, key: str, **parameters: Any) -> list[Any]:
        kind = "Instances" if key == "Reservations" else key
        return self.looks.at(kind, partial(paged, self.ec2, xform_name(action), key, **parameters))

    def groups(self, flow_logs: list[Item]) -> list[dict[str, Any]]:
        """The log groups that flow logs name and that exist, as described, with their tags."""
        names = dict.fromkeys(flow_log["LogGroupName"] for flow_log in flow_logs if flow_log.get("LogGroupName"))
        return [group | {"tags": self._tags(group)} for name in names for group in self._described(name)]

    def _described(self, name: str) -> Iterator[dict[str, Any]]:
        asked = partial(paged, self._logs, "describe_log_groups", "logGroups", logGroupNamePrefix=name)
        yield from (group for group in self.looks.at("logGroups", asked) if group["logGroupName"] == name)

    def _tags(self, group: Item) -> dict[str, str]:
        arn = group["arn"].removesuffix(":*")
        return dict(self.looks.at("tags", lambda: self._logs.list_tags_for_resource(resourceArn=arn)["tags"].items()))

    def streams(self, group: Item) -> list[Item]:
        asked = partial(paged, self._logs, "describe_log_streams", "logStreams", logGroupName=group["logGroupName"])
        return self.looks.at("logStreams", asked)

    def events(self, group: Item, now: Any, window: timedelta, most: int) -> dict[str, Any]:
        """The newest events, slice by slice back in time, until the window or the number of events is reached."""
        events: list[list[Any]] = []
        end, first = now, now - window
        while end > first and len(events) < most:
            start = max(end - _SLICE, first)
            asked = partial(self._slice, group["logGroupName"], _milliseconds(start), _milliseconds(end) - 1)
            if not (part := self.looks.at("events", lambda asked=asked: [list(asked())])):
                break
            events += part[0]
            end = start
        return {"since": end.isoformat(), "lines": sorted(events)}

    def _slice(self, group: str, start: int, end: int) -> Iterator[list[Any]]:
        asked = {"logGroupName": group, "startTime": start, "endTime": end}
        for event in paged(self._logs, "filter_log_events", "events", **asked):
            yield [event["timestamp"], event["logStreamName"], event["message"]]

    def roles(self, flow_logs: list[Item]) -> dict[str, Any]:
        """By ARN, what IAM has of each role that a flow log names; ``None`` where there is no such role."""
        arns = dict.fromkeys(flow_log.get("DeliverLogsPermissionArn") for flow_log in flow_logs)
        read = {arn: self.looks.at("roles", self._role, arn) for arn in arns if arn}
        return {arn: found[0] for arn, found in read.items() if found}

    def _role(self, arn: str) -> list[Any]:
        iam, name = self._iam, arn.rpartition("/")[2]
        try:
            role = iam.get_role(RoleName=name)["Role"]
        except iam.exceptions.NoSuchEntityException:
            return [None]
        if role["Arn"] != arn:  # of the same name, with another path
            return [None]
        policies = {
            policy: iam.get_role_policy(RoleName=name, PolicyName=policy)["PolicyDocument"]
            for policy in paged(iam, "list_role_policies", "PolicyNames", RoleName=name)
        }
        for attached in paged(iam, "list_attached_role_policies", "AttachedPolicies", RoleName=name):
            policies[attached["PolicyName"]] = self._managed(attached["PolicyArn"])
        limit = role.get("PermissionsBoundary", {}).get("PermissionsBoundaryArn")
        read = {"trust": role["AssumeRolePolicyDocument"], "policies": policies, "tags": role.get("Tags", [])}
        return [read | {"boundary": self._managed(limit) if limit else None}]

    def _managed(self, arn: str) -> Any:
        version = self._iam.get_policy(PolicyArn=arn)["Policy"]["DefaultVersionId"]
        return self._iam.get_policy_version(PolicyArn=arn, VersionId=version)["PolicyVersion"]["Document"]

    def alarms(self) -> Iterator[Item]:
        """Alarms of all kinds."""
        kinds = ["CompositeAlarm", "LogAlarm", "MetricAlarm"]
        for page in self._cloudwatch.get_paginator("describe_alarms").paginate(AlarmTypes=kinds):
            yield from (alarm for kind in kinds for alarm in page.get(f"{kind}s", ()))

    def metric_filters(self, group: Item) -> list[Item]:
        named = {"logGroupName": group["logGroupName"]}
        return self.looks.at(
            "metricFilters", partial(paged, self._logs, "describe_metric_filters", "metricFilters", **named)
        )

    def saved_queries(self) -> Iterator[Item]:
        """botocore has no paginator for them."""
        token: dict[str, str] = {}
        while True:
            page = self._logs.describe_query_definitions(**token)
            yield from page.get("queryDefinitions", [])
            if not page.get("nextToken"):
                return
            token = {"nextToken": page["nextToken"]}


def _milliseconds(moment: Any) -> int:
    return int(moment.timestamp() * 1000)
