"""Tags: what AWS takes as one, at creation and later, and their end with their resource."""

import re
from typing import Any

from helpers.sandbox.calls import Account, Call, guards_all, on_network_change
from helpers.sandbox.ec2.common import invalid
from helpers.sandbox.ec2.parameter_checks import TAGGED

_LONGEST_KEY, _LONGEST_VALUE = 128, 256
_MOST = 50
# These say InvalidParameter in public reports, the others InvalidParameterValue.
_OTHER_CODE = ("Authorize", "CreateNetworkInterface", "CreateSubnet", "CreateVpc")


def check_new_tags(tags: list[dict[str, Any]]) -> None:
    """Refuse reserved, doubled, and overlong tags. Raises InvalidParameterValue or TagLimitExceeded."""
    seen: set[str] = set()
    for tag in tags:
        key, value = str(tag.get("Key", "")), str(tag.get("Value", ""))
        if key.lower().startswith("aws:"):
            why = "Tag keys starting with 'aws:' are reserved for internal use"
            raise invalid(f"Value ( {key} ) for parameter key is invalid. {why}")
        if not 1 <= len(key) <= _LONGEST_KEY:
            raise invalid(f"Tag keys must be between 1 and {_LONGEST_KEY} characters in length")
        if len(value) > _LONGEST_VALUE:
            raise invalid(f"Tag value exceeds the maximum length of {_LONGEST_VALUE} characters")
        if key in seen:
            raise invalid(f"Duplicate tag key '{key}' specified.")
        seen.add(key)
    if len(tags) > _MOST:
        raise invalid(f"The maximum number of Tags for a resource is {_MOST}.", "TagLimitExceeded")


@guards_all(service="ec2")
def may_tag(call: Call, account: Account) -> None:
    """The tags of CreateTags, and those that any resource is made with; DeleteTags goes by keys."""
    tags = call.params.get("Tags", [])
    if call.action == "CreateTags":
        check_new_tags(tags)
    if call.action == "DeleteTags" and not all(tag.get("Key") for tag in tags):
        raise invalid("Tag keys must be between 1 and 128 characters in length")
    for spec in call.params.get("TagSpecifications", ()):
        check_new_tags(spec.get("Tags", []))
        _check_type(call.action, spec.get("ResourceType"))


def _check_type(action: str, kind: str | None) -> None:
    name = re.sub(r"(?!^)([A-Z])", r"-\1", action.removeprefix("Create")).lower()
    if kind in TAGGED.get(action, [name]):
        return
    code = "InvalidParameter" if action.startswith(_OTHER_CODE) else "InvalidParameterValue"
    problem = f"'{kind}' is not a valid taggable resource type for this operation."
    raise invalid(problem if kind else "Tag specification resource type must have a value", code)


@on_network_change
def end_with_their_resource(account: Account, region: str) -> None:
    """moto keeps tags for ever, so that nobody can show by tag that nothing is left."""
    account.moto.drop_tags_of_the_gone(region)
