"""The condition keys that a request carries about its resource, read from ``data/condition_keys.toml``.

Source: Service Authorization Reference, "Condition keys for Amazon EC2". The keys about the caller are in
:mod:`helpers.sandbox.iam.authorization`.
"""

import re
import tomllib
from collections.abc import Mapping
from functools import cache
from typing import Any

from helpers._data import data_path
from helpers.access import PermissionCheck, Policy
from helpers.sandbox.calls import Account, Call, Params, ServiceError
from helpers.sandbox.logs.state import LogsState
from helpers.sandbox.moto_adapter import IamPrincipal

_VARIABLE = re.compile(r"\$\{([\w-]+:[^},]+)")
_FIELD = re.compile(r"\{(.+)\}")


@cache
def _table() -> dict[str, Any]:
    return tomllib.loads(data_path("condition_keys.toml").read_text())


@cache
def _carried() -> frozenset[str]:
    of_resources = [key for sort in _table()["ec2"].values() for key in sort["keys"]]
    return frozenset(key.lower() for key in (*_table()["carried"], *_table()["absent"], *of_resources))


def refuse_unknown(document: str, policy: Policy) -> None:
    """Raise UnsupportedOperation for a policy with a key that no request carries: it would decide otherwise in AWS."""
    named = [condition.key for statement in policy.statements for condition in statement.conditions]
    for key in (*named, *_VARIABLE.findall(document)):
        service, name = key.lower().partition(":")[0], key.lower().partition("/")[0]
        if service in _table()["services"] and name not in _carried():
            raise ServiceError(
                "UnsupportedOperation",
                f"The sandbox does not simulate the condition key {key}: no request carries it here, so the policy "
                f"would decide differently than in AWS.",
            )


def about_resource(call: Call, account: Account, check: PermissionCheck) -> dict[str, str]:
    """Tags and properties of the resource that is asked about, as far as it exists or the call describes it."""
    parts = check.resource.split(":", 5)
    if len(parts) < 6:
        return {"aws:ResourceAccount": account.account_id}
    service, owner = parts[2], parts[4]
    kind, _, name = parts[5].partition("/")
    keys = _tags(call, account, service, parts[5])
    if owner.isdigit():
        keys["aws:ResourceAccount"] = owner
    if service == "ec2":
        row = _table()["ec2"].get(kind, {"keys": {}})
        seen = _asked(call, account) if name == "*" else _described(call, account, row, name)
        values = {key: _value(call, account, places, seen) for key, places in row["keys"].items()}
        keys |= {key: value for key, value in values.items() if value is not None}
        keys["ec2:Region"] = call.region
    elif service == "iam" and call.action in _table()["boundary_actions"]:
        holder = _holder(account, kind, name)
        boundary = call.params.get("PermissionsBoundary") or (holder.boundary_arn if holder is not None else None)
        keys |= {"iam:PermissionsBoundary": boundary} if boundary else {}
    return keys


def _holder(account: Account, kind: str, name: str) -> IamPrincipal | None:
    """The role or user of an ARN's last part, with or without its path."""
    name = name.rpartition("/")[2]
    return account.moto.role(name) if kind == "role" else account.moto.user(name)


def _tags(call: Call, account: Account, service: str, resource: str) -> dict[str, str]:
    kind, _, name = resource.partition("/")
    tags: Mapping[str, str] = {}
    prefixes = ["aws:ResourceTag/", f"{service}:ResourceTag/"]
    if service == "ec2":
        tags = account.moto.tags(call.region, name)
    elif service == "iam" and kind in ("role", "user"):
        holder = _holder(account, kind, name)
        tags = holder.tags if holder is not None else {}
    elif service == "logs" and resource.startswith("log-group:"):
        group = account.state(LogsState, call.region).groups.get(resource.split(":")[1])
        tags, prefixes = group.tags if group is not None else {}, prefixes[:1]
    if call.service == "ssm":
        prefixes.append("ssm:resourceTag/")
    return {f"{prefix}{key}": value for prefix in prefixes for key, value in tags.items()}


def _described(call: Call, account: Account, row: Params, name: str) -> Any:
    if not row["keys"]:
        return {}
    try:
        return _at(account.aws("ec2", row["describe"], call.region, **{row["ids"]: [name]}), row["place"])
    except ServiceError:
        return {}


def _asked(call: Call, account: Account) -> Params:
    """What the call says of things that it makes: itself, its first interface and disk, and the subnet of both."""
    interface: Params = next(iter(call.params.get("NetworkInterfaces", [])), {})
    image = _described(call, account, _table()["ec2"]["image"], call.params.get("ImageId", ""))
    disks = [_at(at, "BlockDeviceMappings.0.Ebs") or {} for at in (image or {}, call.params)]
    place = {**call.params, **interface}
    wanted: Params = {"SubnetIds": [place["SubnetId"]]} if place.get("SubnetId") else {}
    zone = _at(call.params, "Placement.AvailabilityZone") or f"{call.region}a"
    if call.action == "RunInstances" and not wanted:
        default = {"default-for-az": "true", "availability-zone": zone}
        wanted = {"Filters": [{"Name": key, "Values": [value]} for key, value in default.items()]}
    try:
        subnets = account.aws("ec2", "DescribeSubnets", call.region, **wanted)["Subnets"] if wanted else []
    except ServiceError:
        subnets = []
    return {**disks[0], **disks[1], **(subnets[0] if subnets else {}), **place}


def _at(value: Any, place: str) -> Any:
    for part in place.split("."):
        if isinstance(value, list):
            value = value[int(part)] if int(part) < len(value) else None
        else:
            value = value.get(part) if isinstance(value, Mapping) else None
    return value


def _value(call: Call, account: Account, places: str, seen: Any) -> str | None:
    for place in places.split("|"):
        field = _FIELD.search(place)
        value = place[1:] if place.startswith("=") else _at(seen, field[1] if field else place)
        if value is not None and field:
            is_profile = place.startswith("instance-profile")
            known = account.moto.iam_arn("instance-profile", str(value)) if is_profile else None
            service, region = ("iam", "") if is_profile else ("ec2", call.region)
            return known or f"arn:aws:{service}:{region}:{account.account_id}:{_FIELD.sub(str(value), place)}"
        if value is not None:
            return str(value).lower() if isinstance(value, bool) else str(value)
    return None
