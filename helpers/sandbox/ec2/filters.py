"""``Filters`` of the Describe actions: a name that EC2 does not know is refused, as EC2 does.

moto fails at such a name, or passes over it and shows everything. Which names an action knows is in the text of
botocore's own model of it.
"""

import re
from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase
from functools import lru_cache
from typing import Any

from helpers.sandbox.calls import Account, Call, Params, guards_all
from helpers.sandbox.ec2.common import invalid
from helpers.sandbox.protocol import serialization

_LISTED = re.compile(r"<li>\s*<p>\s*<code>(?P<name>[^<&]+?):?(?:&lt;|<)")
_OTHER_NAMES = re.compile(r"You can also use (?P<names>.*?)(?:as the filter name|</p>)", re.DOTALL)
_CODE = re.compile(r"<code>([^<]+)</code>")
# EC2 has taken these for years without listing them.
_UNLISTED = frozenset({"cidr-block", "tag-value"})
# And these of single actions: the VPC User Guide and boto3's own resources still send them.
_OLDER = {"DescribeVpcs": {"isDefault"}, "DescribeAddresses": {"domain"}, "DescribeInstances": {"group-id"}}
_MEMBERS = ("Filters", "Filter")


@lru_cache(maxsize=256)
def known_filters(action: str) -> frozenset[str]:
    """The filter names of an action, ``tag`` for ``tag:KEY``; empty where its model lists none."""
    model = serialization.operation("ec2", action)
    if model is None or model.input_shape is None:
        return frozenset()
    members = model.input_shape.members
    text = next((members[name].documentation for name in _MEMBERS if name in members), "")
    listed = {match["name"] for match in _LISTED.finditer(text)}
    others = {name for sentence in _OTHER_NAMES.finditer(text) for name in _CODE.findall(sentence["names"])}
    return frozenset(listed | others | _UNLISTED | _OLDER.get(action, set())) if listed else frozenset()


@guards_all(service="ec2")
def check_filters(call: Call, account: Account) -> None:
    for member in _MEMBERS:
        filters = call.params.get(member)
        for condition in filters if isinstance(filters, list) else ():
            known, name = known_filters(call.action), str(condition.get("Name", ""))
            if known and name.partition(":")[0] not in known:
                raise invalid(f"The filter '{name}' is invalid")


def passes(item: Params, filters: Iterable[Params], values: Mapping[str, Any]) -> bool:
    """Whether a described resource passes all filters: by its ``Tags``, or by the value under the filter's name.

    Raises InvalidParameterValue for a name that is neither.
    """
    tags = {tag["Key"]: tag["Value"] for tag in item.get("Tags", ())}
    return all(_passes(tags, values, condition["Name"], condition.get("Values", [])) for condition in filters)


def _passes(tags: dict[str, str], values: Mapping[str, Any], name: str, patterns: list[str]) -> bool:
    """In a filter's values, ``*`` and ``?`` are wildcards; everything else is literal."""
    if name == "tag-key":
        held = [*tags]
    elif name.startswith("tag:"):
        held = [value for key, value in tags.items() if key == name[4:]]
    elif name in values:
        held = [str(values[name])]
    else:
        raise invalid(f"The filter '{name}' is invalid")
    return any(fnmatchcase(value, pattern.replace("[", "[[]")) for value in held for pattern in patterns)
