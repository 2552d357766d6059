"""What a lab consists of, in a form that two moments can be compared by."""

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from helpers.lab import names

if TYPE_CHECKING:
    from helpers.lab.lab import Lab

Snapshot = dict[tuple[str, str], str]

# What changes by itself is not part of what a lab consists of.
_VOLATILE = {
    *("State", "StateReason", "StateTransitionReason", "Status", "DeliverLogsStatus", "DeliverLogsErrorMessage"),
    *("storedBytes", "AvailableIpAddressCount", "LaunchTime", "RoleLastUsed", "Attachment", "AttachTime"),
}
MARK = "Done-"


def snapshot(lab: "Lab") -> Snapshot:
    """The content of everything that carries the lab's tags, by kind and id; marks are things of their own."""
    return {(kind, name): _text(item) for kind, name, item in _everything(lab)}


def _everything(lab: "Lab") -> Iterator[tuple[str, str, Any]]:
    ec2 = lab.client("ec2")
    for kind, how in names.KINDS.items():
        for item in names.described(ec2, kind, [("tag:Lab", lab.prefix)]):
            yield kind, item[how.key], item
            for tag in item.get("Tags", []):
                if tag["Key"].startswith(MARK):
                    yield "mark", tag["Key"], True
    yield from _log_groups(lab)
    yield from _roles(lab)
    yield from _profiles(lab)


def _log_groups(lab: "Lab") -> Iterator[tuple[str, str, Any]]:
    logs = lab.client("logs")
    for page in logs.get_paginator("describe_log_groups").paginate():
        for group in page["logGroups"]:
            arn = group["arn"].removesuffix(":*")
            if logs.list_tags_for_resource(resourceArn=arn)["tags"].get("Lab") == lab.prefix:
                yield "log-group", group["logGroupName"], group


def _roles(lab: "Lab") -> Iterator[tuple[str, str, Any]]:
    iam = lab.client("iam")
    for page in iam.get_paginator("list_roles").paginate():
        for role in page["Roles"]:
            if role["RoleName"].startswith(lab.name("")):
                inline = iam.list_role_policies(RoleName=role["RoleName"])["PolicyNames"]
                documents = [iam.get_role_policy(RoleName=role["RoleName"], PolicyName=name) for name in inline]
                attached = iam.list_attached_role_policies(RoleName=role["RoleName"])["AttachedPolicies"]
                documents = [{key: item[key] for key in ("PolicyName", "PolicyDocument")} for item in documents]
                yield "role", role["RoleName"], [role["AssumeRolePolicyDocument"], documents, attached]


def _profiles(lab: "Lab") -> Iterator[tuple[str, str, Any]]:
    for page in lab.client("iam").get_paginator("list_instance_profiles").paginate():
        for profile in page["InstanceProfiles"]:
            if profile["InstanceProfileName"].startswith(lab.name("")):
                yield "instance-profile", profile["InstanceProfileName"], [one["RoleName"] for one in profile["Roles"]]


def _text(item: Any) -> str:
    return json.dumps(_plain(item), sort_keys=True, default=str)


def _plain(item: Any) -> Any:
    if isinstance(item, dict):
        return {key: _plain(value) for key, value in item.items() if key not in _VOLATILE}
    if isinstance(item, list):
        kept = [_plain(one) for one in item if not (isinstance(one, dict) and str(one.get("Key", "")).startswith(MARK))]
        return sorted(kept, key=lambda one: json.dumps(one, sort_keys=True, default=str))
    return item
