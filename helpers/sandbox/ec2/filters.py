"""``Filters`` of the Describe actions: a name that EC2 does not know is refused, as EC2 does.

moto fails at such a name, or passes over it and shows everything. Which names an action knows is told by the text of
botocore's own model of it.
"""

import re
from functools import lru_cache

from helpers.sandbox import wire
from helpers.sandbox.calls import Account, Call, guards_all
from helpers.sandbox.ec2.common import invalid

_LISTED = re.compile(r"<li>\s*<p>\s*<code>(?P<name>[^<&]+?):?(?:&lt;|<)")
_OTHER_NAMES = re.compile(r"You can also use (?P<names>.*?)(?:as the filter name|</p>)", re.DOTALL)
_CODE = re.compile(r"<code>([^<]+)</code>")
# EC2 has taken these for years without listing them.
_UNLISTED = frozenset({"cidr-block", "tag-value"})
_MEMBERS = ("Filters", "Filter")


@lru_cache(maxsize=256)
def known_filters(action: str) -> frozenset[str]:
    """The filter names of an action, ``tag`` for ``tag:KEY``; empty where its model lists none."""
    model = wire.operation("ec2", action)
    if model is None or model.input_shape is None:
        return frozenset()
    members = model.input_shape.members
    text = next((members[name].documentation for name in _MEMBERS if name in members), "")
    listed = {found["name"] for found in _LISTED.finditer(text)}
    others = {name for found in _OTHER_NAMES.finditer(text) for name in _CODE.findall(found["names"])}
    return frozenset(listed | others | _UNLISTED) if listed else frozenset()


@guards_all()
def check_filters(call: Call, account: Account) -> None:
    if call.service != "ec2":
        return
    for member in _MEMBERS:
        for each in call.params.get(member, ()) if isinstance(call.params.get(member), list) else ():
            known, name = known_filters(call.action), str(each.get("Name", ""))
            if known and name.partition(":")[0] not in known:
                raise invalid(f"The filter '{name}' is invalid")
