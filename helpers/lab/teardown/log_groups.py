"""The lab's log groups: found by tag, and by name where one came back without tags."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from helpers.lab.resources import paged
from helpers.lab.session import Session

Group = Mapping[str, Any]


def all_groups(lab: Session) -> Iterator[Group]:
    """Every log group of the account and region: all of them, because the tag decides and the name is free."""
    yield from paged(lab.client("logs"), "describe_log_groups", "logGroups")


def tags_of(lab: Session, group: Group) -> dict[str, str]:
    # The ARN of DescribeLogGroups ends in ":*"; the calls for tags take it without.
    arn = group["arn"].removesuffix(":*")
    try:
        return dict(lab.client("logs").list_tags_for_resource(resourceArn=arn)["tags"])
    except lab.client("logs").exceptions.ResourceNotFoundException:
        return {}


def named(lab: Session, name: str) -> Group | None:
    """The log group of exactly this name."""
    groups = paged(lab.client("logs"), "describe_log_groups", "logGroups", logGroupNamePrefix=name)
    return next((group for group in groups if group["logGroupName"] == name), None)


def is_named_after(name: str, prefix: str, labs: Iterable[str] = ()) -> bool:
    """Whether a part of ``name`` between slashes begins as the names of this lab do.

    With a lab "demo-2" among ``labs``, ``demo-2-flow-logs`` is that lab's name and not one of "demo".

    >>> is_named_after("/vpc/demo-flow-logs", "demo"), is_named_after("/vpc/demo2-flow-logs", "demo")
    (True, False)
    >>> is_named_after("demo-2-flow-logs", "demo", labs=["demo-2"])
    False
    """
    parts = name.split("/")
    longer = [lab for lab in labs if lab.startswith(f"{prefix}-")]
    if any(_begins(part, lab) for part in parts for lab in longer):
        return False
    return any(_begins(part, prefix) for part in parts)


def _begins(part: str, prefix: str) -> bool:
    return part == prefix or part.startswith(f"{prefix}-")
