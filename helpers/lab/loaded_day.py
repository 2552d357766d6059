"""The recorded day in a log group of the lab's own: found by its tag, or put there."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from helpers.flowlogs.recorded_day import DAY_TAG, RecordedDay, recorded_day
from helpers.lab.connection import AccountConnection
from helpers.lab.errors import LabError
from helpers.network import Interface


@dataclass(frozen=True)
class LoadedDay:
    """Where the recorded day is: its log group, from when to when; in an account two hours of it.

    ``recording`` is the whole day with its own times, whatever the group holds of it.
    """

    group: str
    start: datetime
    end: datetime
    recording: RecordedDay
    ids: Mapping[str, str] = field(default_factory=dict)
    """The lab's ids for those of the recording."""

    @property
    def shift(self) -> int:
        """Seconds from the recording's times to those in the group."""
        whole = (self.end - self.start).total_seconds() == self.recording.seconds
        return int(self.start.timestamp()) - (self.recording.start if whole else self.recording.attack_hours[0])

    def __str__(self) -> str:
        return f"{self.group}: the recorded day, from {self.start:%Y-%m-%d %H:%M} to {self.end:%Y-%m-%d %H:%M} UTC"


def load_day(
    access: AccountConnection,
    logs: Any,
    group: str,
    tags: Mapping[str, str],
    own: Mapping[str, Interface],
    incident: str = "",
) -> LoadedDay:
    """See :meth:`helpers.lab.Lab.load_day`. ``logs`` is a client, ``own`` the lab's interfaces by machine."""
    day = recorded_day()
    ids = _own_ids(day, own)
    span = _loaded(logs, group)
    if not span:
        access.put_day(group, tags, ids, incident)
        span = _loaded(logs, group)
    start, end = (datetime.fromtimestamp(int(moment), UTC) for moment in span.split("/"))
    return LoadedDay(group, start, end, day, ids)


def _loaded(logs: Any, name: str) -> str:
    """The tag of the group that says what it holds; "" where there is no such group."""
    found = logs.describe_log_groups(logGroupNamePrefix=name)["logGroups"]
    group = next((group for group in found if group["logGroupName"] == name), None)
    if group is None:
        return ""
    tags: dict[str, str] = logs.list_tags_for_resource(resourceArn=group["arn"].removesuffix(":*"))["tags"]
    if DAY_TAG not in tags:
        raise LabError(f"The log group {name} does not hold the recorded day. Delete it, then load the day again.")
    return tags[DAY_TAG]


def _own_ids(day: RecordedDay, interfaces: Mapping[str, Interface]) -> dict[str, str]:
    """The lab's ids for those of the recording; a machine that the lab lacks keeps its own."""
    ids: dict[str, str] = {}
    for name, own in interfaces.items():
        recorded = day.machines[name]
        ids |= {
            recorded["interface"]: own.id,
            recorded["subnet"]: own.subnet_id,
            recorded["vpc"]: own.vpc_id,
            recorded["instance"]: own.instance_id or recorded["instance"],
            recorded["account"]: own.account_id or recorded["account"],
        }
    return ids
