"""The lab's log groups: found by tag, and by name where one came back without tags."""

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from helpers.lab.lab import Lab

Group = Mapping[str, Any]


def all_groups(lab: "Lab") -> Iterator[tuple[Group, dict[str, str]]]:
    """Every log group of the account and region, with its tags.

    All of them are asked for their tags, because the tag decides and the name is free.
    """
    for page in lab.client("logs").get_paginator("describe_log_groups").paginate():
        for group in page["logGroups"]:
            yield group, tags_of(lab, group)


def tags_of(lab: "Lab", group: Group) -> dict[str, str]:
    # The ARN of DescribeLogGroups ends in ":*"; the calls for tags take it without.
    arn = group["arn"].removesuffix(":*")
    try:
        return dict(lab.client("logs").list_tags_for_resource(resourceArn=arn)["tags"])
    except lab.client("logs").exceptions.ResourceNotFoundException:
        return {}


def named(lab: "Lab", name: str) -> Group | None:
    """The log group of exactly this name."""
    for page in lab.client("logs").get_paginator("describe_log_groups").paginate(logGroupNamePrefix=name):
        for group in page["logGroups"]:
            if group["logGroupName"] == name:
                return dict(group)
    return None


def delete(lab: "Lab", group: Group) -> None:
    """Delete a log group; a protection against deletion is switched off first."""
    logs, name = lab.client("logs"), group["logGroupName"]
    if group.get("deletionProtectionEnabled"):
        logs.put_log_group_deletion_protection(logGroupIdentifier=name, deletionProtectionEnabled=False)
    logs.delete_log_group(logGroupName=name)


def bears_name(name: str, prefix: str, labs: Iterable[str] = ()) -> bool:
    """Whether a part of ``name`` between slashes begins as the names of this lab do.

    With a lab "demo-2" among ``labs``, ``demo-2-flow-logs`` is that lab's name and not one of "demo".

    >>> bears_name("/vpc/demo-flow-logs", "demo"), bears_name("/vpc/demo2-flow-logs", "demo")
    (True, False)
    >>> bears_name("demo-2-flow-logs", "demo", labs=["demo-2"])
    False
    """
    parts = name.split("/")
    longer = [lab for lab in labs if lab.startswith(f"{prefix}-")]
    if any(_begins(part, lab) for part in parts for lab in longer):
        return False
    return any(_begins(part, prefix) for part in parts)


def _begins(part: str, prefix: str) -> bool:
    return part == prefix or part.startswith(f"{prefix}-")
