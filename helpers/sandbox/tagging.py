"""The Resource Groups Tagging API, reads only: what carries which tags, over the services that hold tags here.

Source: its API Reference; IAM's users and roles are not in it ("Services that support the Resource Groups Tagging
API"), and its policies belong to us-east-1. What lost its last tag is not shown: assumption ``tagging-once-tagged``.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from helpers.sandbox.calls import Account, Call, Params, ServiceError, replaces
from helpers.sandbox.logs.names import group_arn
from helpers.sandbox.logs.state import LogsState
from helpers.sandbox.monitoring.dashboards import boards, dashboard_arn
from helpers.sandbox.monitoring.state import MonitoringState
from helpers.sandbox.monitoring.transitions import alarm_arn
from helpers.sandbox.protocol.paging import numbered_page

_SERVICE = "resourcegroupstaggingapi"
_RESOURCES = 100
_ARNS_EXCLUDE = ("TagFilters", "ResourceTypeFilters", "ResourcesPerPage", "TagsPerPage", "PaginationToken")
Tags = Mapping[str, str]


def _refusal(message: str) -> ServiceError:
    return ServiceError("InvalidParameterException", message)


def _tagged(call: Call, account: Account) -> Mapping[str, Tags]:
    """The tags of each resource of the Region that has some, by its ARN."""
    found: dict[str, dict[str, str]] = {}
    for tag in account.aws("ec2", "DescribeTags", call.region)["Tags"]:
        arn = f"arn:aws:ec2:{call.region}:{account.account_id}:{tag['ResourceType']}/{tag['ResourceId']}"
        found.setdefault(arn, {})[tag["Key"]] = tag["Value"]
    groups = account.state(LogsState, call.region).groups.values()
    found |= {group_arn(account, call.region, group.name): group.tags for group in groups if group.tags}
    monitoring = account.state(MonitoringState, call.region)
    found |= {
        alarm_arn(account, call.region, alarm.name): alarm.tags for alarm in monitoring.alarms.values() if alarm.tags
    }
    buckets = [account.moto.bucket(name) for name in account.moto.bucket_names()]
    found |= {
        f"arn:aws:s3:::{held.name}": dict(held.tags)
        for held in buckets
        if held and held.region == call.region and held.tags
    }
    found |= {topic.arn: topic.tags for topic in monitoring.topics.values() if topic.tags}
    if call.region == "us-east-1":
        found |= {dashboard_arn(account, name): board.tags for name, board in boards(account).items() if board.tags}
        for policy in account.aws("iam", "ListPolicies", call.region, Scope="Local")["Policies"]:
            tags = account.aws("iam", "ListPolicyTags", call.region, PolicyArn=policy["Arn"])["Tags"]
            if tags:
                found[policy["Arn"]] = {tag["Key"]: tag["Value"] for tag in tags}
    return found


def _page(call: Call, items: Sequence[Any], size: int) -> tuple[Sequence[Any], str]:
    """A page in this API's words, where an empty token is none."""
    asked = {name: value for name, value in call.params.items() if name != "PaginationToken"} | {"MaxResults": size}
    if call.params.get("PaginationToken"):
        asked["NextToken"] = call.params["PaginationToken"]
    try:
        page, token = numbered_page(items, replace(call, params=asked), size)
    except ServiceError:
        raise _refusal("The PaginationToken is invalid.") from None
    return page, token or ""


@replaces(_SERVICE, "GetResources")
def get_resources(call: Call, account: Account) -> Params:
    """Raises InvalidParameterException for parameters that exclude each other and for pages out of range."""
    arns, size = call.params.get("ResourceARNList"), call.params.get("ResourcesPerPage", _RESOURCES)
    if arns and any(call.params.get(name) for name in _ARNS_EXCLUDE):
        raise _refusal("ResourceARNList excludes filters and pages.")
    if not 1 <= size <= _RESOURCES:
        raise _refusal(f"ResourcesPerPage must be from 1 to {_RESOURCES}.")
    filters, kinds = call.params.get("TagFilters", ()), call.params.get("ResourceTypeFilters")
    if not all("Key" in wanted for wanted in filters):
        raise _refusal("Each of TagFilters needs a Key.")
    shown = [
        {"ResourceARN": arn, "Tags": [{"Key": key, "Value": value} for key, value in tags.items()]}
        for arn, tags in _tagged(call, account).items()
        if (not arns or arn in arns) and (not kinds or _is_of(arn, kinds)) and _has(tags, filters)
    ]
    page, token = _page(call, shown, size)
    return {"ResourceTagMappingList": page, "PaginationToken": token}


def _is_of(arn: str, kinds: Sequence[str]) -> bool:
    """``ec2`` or ``ec2:instance``: the words of the ARN itself."""
    service, resource = arn.split(":")[2], arn.split(":", 5)[5]
    return service in kinds or f"{service}:{resource.replace('/', ':').partition(':')[0]}" in kinds


def _has(tags: Tags, filters: Sequence[Params]) -> bool:
    return all(
        wanted["Key"] in tags and (not wanted.get("Values") or tags[wanted["Key"]] in wanted["Values"])
        for wanted in filters
    )
