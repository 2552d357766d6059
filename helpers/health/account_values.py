"""A reading as frozen values, with what the checks look up in it."""

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from datetime import datetime
from functools import cached_property
from typing import Any, Self, get_args

from helpers.access import MalformedPolicy, Policy
from helpers.flowlogs import DEFAULT_FORMAT, FlowRecord, FormatError, LogFormat, RecordError
from helpers.health.health_findings import NotEvaluated
from helpers.network import Interface, Topology

_STREAM = re.compile(r"eni-[0-9a-f]+")
NO_ACCEPTED = "No flow log records accepted traffic"
_OLDER = {"alarms": "the reading is older than this check"}
_PLACES = {"s3": "S3", "kinesis-data-firehose": "Firehose"}
Records = tuple[FlowRecord, ...]


@dataclass(frozen=True, slots=True)
class Thresholds:
    """Where a check draws its line: times in minutes, retention in days, a share from 0 to 1.

    Raises ``ValueError`` for a number that is none, or negative, and for another ``traffic`` than AWS's three.
    """

    stale_minutes: float = 30
    grace_minutes: float = 30
    settle_minutes: float = 10
    traffic: str = "ALL"
    retention_min_days: int = 30
    retention_max_days: int = 1827
    skipped_share: float = 0
    authorized_ports: tuple[int, ...] = (80, 443)
    managed_tags: tuple[str, ...] = ("aws:cloudformation:stack-name", "ManagedBy")
    most_rows: int = 10

    def __post_init__(self) -> None:
        if self.traffic not in ("ALL", "ACCEPT", "REJECT"):
            raise ValueError(f"traffic is ALL, ACCEPT or REJECT, not {self.traffic!r}")
        for item in fields(self):
            value, parts = getattr(self, item.name), get_args(item.type)
            listed = [value] if not parts else value if isinstance(value, tuple | list) else [None]
            if not all(_fits(parts[0] if parts else item.type, each) for each in listed):
                raise ValueError(f"{item.name} takes {_TAKEN[item.type]}, not {value!r}")


_TAKEN: Mapping[Any, str] = {
    float: "a number from 0 up",
    int: "a whole number from 0 up",
    tuple[int, ...]: "whole numbers from 0 up",
    tuple[str, ...]: "texts",
}


def _fits(kind: Any, value: Any) -> bool:
    if kind is str:
        return isinstance(value, str)
    known = isinstance(value, int) or (kind is float and isinstance(value, float))
    return known and not isinstance(value, bool) and 0 <= value < math.inf


@dataclass(frozen=True, slots=True)
class FlowLogValues:
    """An active flow log as described. ``group`` is empty where it does not deliver to CloudWatch Logs.

    ``elsewhere``: where its records go, if not where they can be read, such as ``"S3"``.
    """

    id: str
    resource: str
    traffic: str
    status: str
    error: str
    group: str
    role: str
    format: LogFormat | None
    created: float
    elsewhere: str = ""

    @property
    def fails(self) -> bool:
        """Whether AWS itself says that delivery fails."""
        return bool(self.error) or self.status == "FAILED"


@dataclass(frozen=True, slots=True)
class RoleValues:
    """A delivery role: its trust policy, its permissions policies, and its permissions boundary where it has one."""

    arn: str
    trust: Policy
    policies: tuple[Policy, ...]
    boundary: Policy | None = None


@dataclass(frozen=True)
class AccountValues:
    """One reading, parsed. Times are epoch seconds. ``vpcs``: the VPCs to judge; empty means all.

    ``flow_logs`` and ``groups`` are of those VPCs; ``every_log`` and the records are of all, for the other end.
    """

    account: str
    region: str
    now: float
    topology: Topology
    flow_logs: tuple[FlowLogValues, ...]
    every_log: tuple[FlowLogValues, ...]
    groups: Mapping[str, Mapping[str, Any]]
    streams: Mapping[str, Mapping[str, float]]
    records: Mapping[str, Records]
    since: Mapping[str, float]
    unreadable: Mapping[str, int]
    roles: Mapping[str, RoleValues | None]
    saved_queries: tuple[Mapping[str, Any], ...]
    alarms: tuple[Mapping[str, Any], ...]
    metric_filters: tuple[Mapping[str, Any], ...]
    tagged: tuple[tuple[str, str, str], ...]
    attached_at: Mapping[str, float]
    unread: Mapping[str, str] = field(default_factory=dict)
    vpcs: frozenset[str] = frozenset()

    @classmethod
    def of(cls, reading: Mapping[str, Any], vpcs: Iterable[str] = ()) -> Self:
        """Parse a reading, whatever of it is there. Raises ``ValueError`` for what is no reading."""
        chosen, pages = frozenset(vpcs), reading["network"]
        topology = Topology.from_describe(None, **pages)
        places = {subnet.id: subnet.vpc_id for subnet in topology.subnets}
        places |= {interface.id: interface.vpc_id for interface in topology.interfaces}
        described = reading.get("flow_logs", [])
        groups = {group["logGroupName"]: group for group in reading.get("log_groups", [])}
        active = tuple(_flow_log(item, groups) for item in described if item.get("FlowLogStatus", "ACTIVE") == "ACTIVE")
        judged = tuple(log for log in active if not chosen or places.get(log.resource, log.resource) in chosen)
        names = {log.group for log in judged}
        groups = {name: group for name, group in groups.items() if not chosen or name in names}
        roles, odd_roles = _roles(reading.get("roles", {}))
        events = reading.get("events", {})
        formats = {log.group: tuple(other.format for other in active if other.group == log.group) for log in active}
        parsed = {group: _records(part["lines"], formats.get(group, ())) for group, part in events.items()}
        return cls(
            account=reading["account"],
            region=reading["region"],
            now=datetime.fromisoformat(reading["read_at"]).timestamp(),
            topology=topology,
            flow_logs=judged,
            every_log=active,
            groups=groups,
            streams={name: _newest(listed) for name, listed in reading.get("log_streams", {}).items()},
            records={group: records for group, (records, _) in parsed.items()},
            since={group: datetime.fromisoformat(part["since"]).timestamp() for group, part in events.items()},
            unreadable={group: odd for group, (_, odd) in parsed.items() if odd},
            roles=roles,
            saved_queries=tuple(reading.get("saved_queries", [])),
            alarms=tuple(reading.get("alarms", [])),
            metric_filters=tuple(reading.get("metric_filters", [])),
            tagged=tuple(_tagged(reading)),
            attached_at={item["NetworkInterfaceId"]: _attached(item) for item in pages.get("NetworkInterfaces", [])},
            unread=odd_roles | ({} if "alarms" in reading else _OLDER) | reading.get("unread", {}),
            vpcs=chosen,
        )

    @cached_property
    def every_in_use(self) -> tuple[Interface, ...]:
        """The interfaces that traffic can reach: attached, and to a running instance if to one."""
        return tuple(interface for interface in self.topology.interfaces if self.topology.is_up(interface.id))

    @cached_property
    def in_use(self) -> tuple[Interface, ...]:
        """Those of them that are to be judged."""
        return tuple(interface for interface in self.every_in_use if self.judges(interface.vpc_id))

    def judges(self, vpc_id: str) -> bool:
        """Whether a VPC is to be judged."""
        return not self.vpcs or vpc_id in self.vpcs

    @cached_property
    def _by_resource(self) -> dict[str, list[FlowLogValues]]:
        index: dict[str, list[FlowLogValues]] = {}
        for flow_log in self.every_log:
            index.setdefault(flow_log.resource, []).append(flow_log)
        return index

    def covering(self, interface: Interface) -> list[FlowLogValues]:
        """The active flow logs of an interface, of its subnet and of its VPC."""
        places = (interface.id, interface.subnet_id, interface.vpc_id)
        return [flow_log for place in places for flow_log in self._by_resource.get(place, ())]

    @cached_property
    def by_interface(self) -> dict[str, list[FlowRecord]]:
        """The records of each interface, oldest first, over all log groups."""
        index: dict[str, list[FlowRecord]] = {}
        for (_, interface_id), records in self.by_place.items():
            index.setdefault(interface_id, []).extend(records)
        return index

    @cached_property
    def by_place(self) -> dict[tuple[str, str], list[FlowRecord]]:
        """The records of each log group and interface."""
        index: dict[tuple[str, str], list[FlowRecord]] = {}
        for group, records in self.records.items():
            for record in records:
                index.setdefault((group, record.interface_id or ""), []).append(record)
        return index

    def not_read(self, log: FlowLogValues, thresholds: Thresholds) -> NotEvaluated | None:
        """Why not all records of a flow log could be read; its text has no full stop."""
        if log.elsewhere:
            return NotEvaluated(f"Records go to {log.elsewhere}, which is not read")
        if log.fails:
            return NotEvaluated(f"The delivery of {log.id} fails")
        if log.group not in self.records:
            return NotEvaluated(f"There is no log group {log.group}", self.is_new(log.created, thresholds))
        if odd := self.unreadable.get(log.group):
            return NotEvaluated(f"{odd} lines of {log.group} fit no format of its flow logs")
        return None

    def unseen(self, interface: Interface, thresholds: Thresholds) -> NotEvaluated | None:
        """Why accepted traffic of an interface may be missing among the records; None where it would be there."""
        reasons = [self._unseen_by(log, interface, thresholds) for log in self._accepting(interface)]
        if None in reasons:
            return None
        return reasons[0] if reasons else NotEvaluated(NO_ACCEPTED)

    def _accepting(self, interface: Interface) -> list[FlowLogValues]:
        return [log for log in self.covering(interface) if log.traffic != "REJECT"]

    def _unseen_by(self, log: FlowLogValues, interface: Interface, thresholds: Thresholds) -> NotEvaluated | None:
        if reason := self.not_read(log, thresholds):
            return reason
        if self.now - log.created < thresholds.settle_minutes * 60:
            return NotEvaluated("The flow log is too young", young=self.is_new(log.created, thresholds))
        if self.by_place.get((log.group, interface.id)):
            return None
        young = any(self.is_new(at, thresholds) for at in (log.created, self.attached_at.get(interface.id, 0)))
        return NotEvaluated(f"{log.group} has no record of the window", young)

    def minutes_seen(self, interfaces: Iterable[Interface], thresholds: Thresholds) -> float:
        """How far back, in minutes, the records of all these interfaces reach. None of them may be unseen."""
        starts = [
            [
                max(self.since[log.group], log.created)
                for log in self._accepting(item)
                if not self._unseen_by(log, item, thresholds)
            ]
            for item in interfaces
        ]
        return (self.now - max(map(min, starts))) / 60

    def is_new(self, moment: float, thresholds: Thresholds) -> bool:
        """Whether something of this moment is too young to be missed."""
        return self.now - moment < thresholds.grace_minutes * 60


def _flow_log(item: Mapping[str, Any], groups: Mapping[str, Any]) -> FlowLogValues:
    text = item.get("LogFormat")
    try:
        written = LogFormat.parse(text) if text else DEFAULT_FORMAT
    except FormatError:
        written = None
    kind = item.get("LogDestinationType", "cloud-watch-logs")
    group = item.get("LogGroupName", "") if kind == "cloud-watch-logs" else ""
    log_class = groups.get(group, {}).get("logGroupClass", "STANDARD")
    elsewhere = "" if log_class == "STANDARD" else f"a log group of class {log_class}"
    return FlowLogValues(
        item["FlowLogId"],
        item["ResourceId"],
        item.get("TrafficType", "ALL"),
        item.get("DeliverLogsStatus", ""),
        item.get("DeliverLogsErrorMessage", ""),
        group,
        item.get("DeliverLogsPermissionArn", ""),
        written,
        datetime.fromisoformat(item["CreationTime"]).timestamp() if item.get("CreationTime") else 0,
        elsewhere if kind == "cloud-watch-logs" else _PLACES.get(kind, kind),
    )


def _records(lines: Iterable[tuple[int, str, str]], formats: Iterable[LogFormat | None]) -> tuple[Records, int]:
    """The lines by the first format that fits each, with the interface that the stream names; and how many fit none."""
    known = [written for written in dict.fromkeys(formats) if written]
    records: list[FlowRecord] = []
    odd = 0
    for _, stream, line in lines:
        for written in known:
            try:
                record = written.read(line)
            except RecordError:
                continue
            if record.interface_id is None and (named := _STREAM.match(stream)):
                values = {name: getattr(record, name) for name in (item.attribute for item in written.fields)}
                record = FlowRecord.of(values | {"interface_id": named[0]})
            records.append(record)
            break
        else:
            odd += 1
    return tuple(records), odd


def _newest(streams: Iterable[Mapping[str, Any]]) -> dict[str, float]:
    """By interface, the time of the newest event that the description of its stream knows."""
    newest: dict[str, float] = {}
    for stream in streams:
        if named := _STREAM.match(stream["logStreamName"]):
            newest[named[0]] = max(newest.get(named[0], 0), stream.get("lastEventTimestamp", 0) / 1000)
    return newest


def _roles(listed: Mapping[str, Any]) -> tuple[dict[str, RoleValues | None], dict[str, str]]:
    """The roles by ARN; and, as a kind that was not read, those with a document that is no policy."""
    roles: dict[str, RoleValues | None] = {}
    unread: dict[str, str] = {}
    for arn, role in listed.items():
        try:
            roles[arn] = _role(arn, role)
        except MalformedPolicy as problem:
            unread["roles"] = f"a policy of {arn} is malformed, {problem}"
    return roles, unread


def _role(arn: str, role: Mapping[str, Any] | None) -> RoleValues | None:
    if role is None:
        return None
    policies = tuple(Policy.parse(document, name) for name, document in role["policies"].items())
    limit = role.get("boundary")
    boundary = Policy.parse(limit, "permissions boundary") if limit else None
    return RoleValues(arn, Policy.parse(role["trust"], kind="trust"), policies, boundary)


def _attached(item: Mapping[str, Any]) -> float:
    text = (item.get("Attachment") or {}).get("AttachTime")
    return datetime.fromisoformat(text).timestamp() if text else 0


_ID_KEYS = {"SecurityGroups": "GroupId", "ManagedPrefixLists": "PrefixListId"}


def _tagged(reading: Mapping[str, Any]) -> Iterable[tuple[str, str, str]]:
    """Kind, owner and id of what carries the tags ``Project`` and ``Lab``; the owner is both, with a slash."""
    for kind, items in (*reading["network"].items(), ("FlowLogs", reading.get("flow_logs", []))):
        for item in items:
            tags = {tag["Key"]: tag["Value"] for tag in item.get("Tags") or item.get("TagSet") or []}
            yield from _owned(kind, tags, item.get(_ID_KEYS.get(kind, f"{kind.removesuffix('s')}Id"), "?"))
    for arn, role in reading.get("roles", {}).items():
        yield from _owned("Roles", {tag["Key"]: tag["Value"] for tag in (role or {}).get("tags", [])}, arn)
    for group in reading.get("log_groups", []):
        yield from _owned("LogGroups", group.get("tags", {}), group["logGroupName"])


def _owned(kind: str, tags: Mapping[str, str], resource: str) -> Iterable[tuple[str, str, str]]:
    if "Project" in tags and "Lab" in tags:
        yield kind, f"{tags['Project']}/{tags['Lab']}", resource
