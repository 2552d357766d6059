"""What a lab consists of, in a form that two moments can be compared by."""

import json
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Set
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

from helpers.lab import resources
from helpers.lab.session import Session
from helpers.lab.teardown import log_groups

Snapshot = dict[tuple[str, str], str]

# What changes by itself is not part of what a lab consists of.
_VOLATILE = {
    *("State", "StateReason", "StateTransitionReason", "Status", "DeliverLogsStatus", "DeliverLogsErrorMessage"),
    *("storedBytes", "AvailableIpAddressCount", "LaunchTime", "RoleLastUsed", "Attachment", "AttachTime"),
}

_AT_ONCE = 4

Touched = Collection[tuple[str, str]]
"""Pairs of a kind and a name of what may be another than before; "" stands for all of the kind."""

KINDS: Mapping[str, Set[str]] = {
    "ec2": resources.KINDS.keys() - {"elastic-ip"},  # no lesson makes one
    "logs": {"log-group"},
    "iam": {"role", "instance-profile"},
}
"""What is looked at, by the service that shows it."""
ALL: Touched = {(kind, "") for kinds in KINDS.values() for kind in kinds}


def snapshot(lab: Session, before: Snapshot | None = None, touched: Touched = ALL) -> Snapshot:
    """The content of everything that carries the lab's tags, by kind and id.

    Only what was ``touched`` is asked for; everything else is as it was ``before``.
    """
    kept = {key: text for key, text in (before or {}).items() if not _is_touched(touched, *key)}
    state = kept | {(kind, name): _text(item) for kind, name, item in _everything(lab, touched)}
    if {("instance", ""), ("agent", "")} & {*touched} and (
        instances := [key for kind, key in state if kind == "instance"]
    ):
        ours = {"Filters": [{"Key": "InstanceIds", "Values": instances}]}
        agents = resources.paged(lab.client("ssm"), "describe_instance_information", "InstanceInformationList", **ours)
        found = {agent["InstanceId"]: _text(agent["PingStatus"]) for agent in agents}
        state |= {("agent", instance): found[instance] for instance in instances if instance in found}
    return state


def holds(before: Snapshot, operation: str, asked: Mapping[str, Any]) -> bool:
    """Whether a call asks for what was there ``before``, so that it changes nothing where AWS does it."""
    role, table = asked.get("RoleName", ""), ("route-table", asked.get("RouteTableId", ""))
    match operation:
        case "PutRolePolicy":
            held = before.get(("role-policy", f"{role}/{asked['PolicyName']}"))
            return bool(held == _text(json.loads(asked["PolicyDocument"])))
        case "UpdateAssumeRolePolicy":
            trust = _plain(json.loads(asked["PolicyDocument"]))
            return bool(_held(before, ("role", role), "trust") == trust)
        case "AttachRolePolicy":
            return asked["PolicyArn"] in [policy["PolicyArn"] for policy in _held(before, ("role", role), "attached")]
        case "AssociateRouteTable":
            return asked.get("SubnetId") in [link.get("SubnetId") for link in _held(before, table, "Associations")]
        case "PutRetentionPolicy":
            group = ("log-group", asked["logGroupName"])
            return bool(_held(before, group, "retentionInDays") == asked["retentionInDays"])
    return False


def _held(before: Snapshot, key: tuple[str, str], member: str) -> Any:
    return json.loads(before.get(key, "{}")).get(member, [])


def _is_touched(touched: Touched, kind: str, name: str) -> bool:
    """A role's own policies are part of the role: ``("role-policy", "ROLE/POLICY")``."""
    kind, name = ("role", name.partition("/")[0]) if kind == "role-policy" else (kind, name)
    if kind == "agent" and ("instance", "") in touched:
        return True
    return (kind, "") in touched or (kind, name) in touched


def changed(before: Snapshot, after: Snapshot, besides: Iterable[str] = ()) -> list[str]:
    """What was there and is no longer the same, a phrase each, unless one of ``besides`` names it already."""
    phrases = []
    for (kind, key), text in before.items():
        item, now = json.loads(text), after.get((kind, key))
        name = resources.tag_values(item).get("Name", key) if isinstance(item, dict) else key
        if kind != "agent" and now != text and not any(name in phrase for phrase in besides):
            phrases.append(f"{kind} {name} {'changed' if now else 'removed'}")
    return phrases


def _everything(lab: Session, touched: Touched) -> Iterator[tuple[str, str, Any]]:
    """Kind by kind, a few at the same time: in an account most of it is waiting for answers."""
    kinds = {kind for kind, _ in touched}
    looks: list[Callable[[], Iterator[tuple[str, str, Any]]]] = [
        *(partial(_ec2, lab, kind) for kind in sorted(kinds & KINDS["ec2"])),
        *([partial(_log_groups, lab)] if "log-group" in kinds else []),
        *([partial(_roles, lab, touched)] if "role" in kinds else []),
        *([partial(_profiles, lab)] if "instance-profile" in kinds else []),
    ]
    for service in ("ec2", "logs", "iam"):
        lab.client(service)
    with ThreadPoolExecutor(max_workers=_AT_ONCE) as pool:
        for found in pool.map(lambda look: list(look()), looks):
            yield from found


def _ec2(lab: Session, kind: str) -> Iterator[tuple[str, str, Any]]:
    for item in resources.described(lab.client("ec2"), kind, resources.tag_filters(lab.prefix)):
        yield kind, item[resources.KINDS[kind].key], {**item, "condition": _condition(item)}


def _condition(item: Mapping[str, Any]) -> Any:
    """The state of an instance or a peering connection (``running``, ``active``), which no member shows otherwise."""
    state = item.get("State") or item.get("Status")
    return state.get("Name", state.get("Code")) if isinstance(state, dict) else None


def _log_groups(lab: Session) -> Iterator[tuple[str, str, Any]]:
    for group in log_groups.all_groups(lab):
        if resources.is_tagged(log_groups.tags_of(lab, group), lab.prefix):
            yield "log-group", group["logGroupName"], group


def _roles(lab: Session, touched: Touched) -> Iterator[tuple[str, str, Any]]:
    iam = lab.client("iam")
    for listed in resources.paged(iam, "list_roles", "Roles"):
        name = listed["RoleName"]
        if not (name.startswith(lab.name("")) and _is_touched(touched, "role", name)):
            continue
        if _is_ours(lab, role := iam.get_role(RoleName=name)["Role"]):
            for policy in iam.list_role_policies(RoleName=name)["PolicyNames"]:  # a lesson may add one to a role
                document = iam.get_role_policy(RoleName=name, PolicyName=policy)["PolicyDocument"]
                yield "role-policy", f"{name}/{policy}", document
            attached = iam.list_attached_role_policies(RoleName=name)["AttachedPolicies"]
            yield "role", name, {"trust": role["AssumeRolePolicyDocument"], "attached": attached}


def _profiles(lab: Session) -> Iterator[tuple[str, str, Any]]:
    iam = lab.client("iam")
    for listed in resources.paged(iam, "list_instance_profiles", "InstanceProfiles"):
        name = listed["InstanceProfileName"]
        if name.startswith(lab.name("")):
            profile = iam.get_instance_profile(InstanceProfileName=name)["InstanceProfile"]
            if _is_ours(lab, profile):
                yield "instance-profile", name, [role["RoleName"] for role in profile["Roles"]]


def _is_ours(lab: Session, shown: Any) -> bool:
    """By its tags, which IAM's Get calls show and its List calls do not."""
    return resources.is_tagged(resources.tag_values(shown), lab.prefix)


def _text(item: Any) -> str:
    return json.dumps(_plain(item), sort_keys=True, default=str)


def _plain(item: Any) -> Any:
    if isinstance(item, dict):
        return {key: _plain(value) for key, value in item.items() if key not in _VOLATILE}
    if isinstance(item, list):
        return sorted(map(_plain, item), key=lambda part: json.dumps(part, sort_keys=True, default=str))
    return item
