"""Tags: what AWS takes as one, at creation and later."""

from typing import Any

from helpers.sandbox.calls import Account, Call, ServiceError, guards, guards_all
from helpers.sandbox.coverage import FlowLogs

_LONGEST_KEY, _LONGEST_VALUE = 128, 256
_MOST = 50


def check_new_tags(tags: list[dict[str, Any]]) -> None:
    """Refuse reserved, doubled, and overlong tags. Raises InvalidParameterValue or TagLimitExceeded."""
    seen: set[str] = set()
    for tag in tags:
        key, value = str(tag.get("Key", "")), str(tag.get("Value", ""))
        if key.lower().startswith("aws:"):
            raise ServiceError(
                "InvalidParameterValue",
                f"Value ( {key} ) for parameter key is invalid. "
                f"Tag keys starting with 'aws:' are reserved for internal use",
            )
        if not 1 <= len(key) <= _LONGEST_KEY:
            raise ServiceError(
                "InvalidParameterValue",
                f"Tag keys must be between 1 and {_LONGEST_KEY} characters in length",
            )
        if len(value) > _LONGEST_VALUE:
            raise ServiceError(
                "InvalidParameterValue",
                f"Tag value exceeds the maximum length of {_LONGEST_VALUE} characters",
            )
        if key in seen:
            raise ServiceError("InvalidParameterValue", f"Duplicate tag key '{key}' specified.")
        seen.add(key)
    if len(tags) > _MOST:
        raise ServiceError("TagLimitExceeded", f"The maximum number of Tags for a resource is {_MOST}.")


@guards_all()
def may_tag(call: Call, account: Account) -> None:
    """The tags of CreateTags, and those that any resource is made with."""
    if call.service != "ec2":
        return
    if call.action == "CreateTags":
        check_new_tags(call.params.get("Tags", []))
    for spec in call.params.get("TagSpecifications", ()):
        check_new_tags(spec.get("Tags", []))


@guards("ec2", "CreateTags")
def flow_log_exists(call: Call, account: Account) -> None:
    """moto knows no flow log of ours, and takes any id for one."""
    for resource_id in call.params["Resources"]:
        log = account.state(FlowLogs, call.region).logs.get(resource_id)
        if resource_id.startswith("fl-") and (log is None or log.deleted_at is not None):
            raise ServiceError(
                "InvalidFlowLogId.NotFound",
                f"These flow log ids in the input list are not found: [TotalCount: 1] {resource_id}",
            )
