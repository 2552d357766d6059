"""What IAM has of a lab: roles, instance profiles and customer-managed policies."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from helpers.lab.given_roles import name_of
from helpers.lab.looks import Looks
from helpers.lab.resources import is_tagged, paged, tag_values
from helpers.lab.session import Session
from helpers.lab.teardown.read_network import Item

_LOG_GROUP = re.compile(r"arn:[\w-]*:logs:[^:\"]*:[^:\"]*:log-group:([\w./#-]+)(?=[:\"])")


@dataclass(frozen=True)
class Role:
    """A role of the lab, with what hangs on it."""

    name: str
    arn: str
    profiles: tuple[str, ...]
    groups: frozenset[str]


@dataclass(frozen=True)
class Profile:
    """An instance profile of the lab, with the names of its roles."""

    name: str
    arn: str
    roles: tuple[str, ...]


@dataclass(frozen=True)
class ManagedPolicy:
    """A customer-managed policy of the lab, and what it is attached to, as ``(kind, name)``."""

    name: str
    arn: str
    entities: tuple[tuple[str, str], ...]
    groups: frozenset[str]


Identity = Role | Profile | ManagedPolicy


@dataclass(frozen=True)
class IamInventory:
    """``groups`` in roles and policies: the log groups that their documents name.

    ``lookalikes``: ``(kind, name)`` of what is named like the lab's but carries no ``Lab`` tag.
    """

    roles: tuple[Role, ...] = ()
    profiles: tuple[Profile, ...] = ()
    policies: tuple[ManagedPolicy, ...] = ()
    lookalikes: tuple[tuple[str, str], ...] = ()
    labs: frozenset[str] = frozenset()


# By kind, its List call and its Get call, each with what it has the items under.
_PARTS: Mapping[str, tuple[str, str, str, str]] = {
    "role": ("list_roles", "Roles", "get_role", "Role"),
    "instance-profile": ("list_instance_profiles", "InstanceProfiles", "get_instance_profile", "InstanceProfile"),
    "policy": ("list_policies", "Policies", "get_policy", "Policy"),
}
_ENTITIES = (
    ("role", "PolicyRoles", "RoleName"),
    ("user", "PolicyUsers", "UserName"),
    ("group", "PolicyGroups", "GroupName"),
)


def read(lab: Session, looks: Looks) -> IamInventory:
    """Ask IAM for what begins with the lab's name, and each of it for its tags: equal tags decide."""
    reader = _IamReader(lab)
    own: dict[str, list[Item]] = {kind: [] for kind in _PARTS}
    lookalikes: list[tuple[str, str]] = []
    labs: set[str] = set()
    for kind in _PARTS:
        for name, item, tags in looks.at(kind, reader.named, kind):
            if is_tagged(tags, lab.prefix):
                own[kind].append(item)
            elif "Lab" in tags:
                labs.add(tags["Lab"])
            else:
                lookalikes.append((kind, name))
    return IamInventory(
        roles=tuple(looks.at("role", map, reader.role, own["role"])),
        profiles=tuple(_profile(item) for item in own["instance-profile"]),
        policies=tuple(looks.at("policy", map, reader.policy, own["policy"])),
        lookalikes=tuple(lookalikes),
        labs=frozenset(labs),
    )


class _IamReader:
    def __init__(self, lab: Session) -> None:
        self._start = lab.name("")
        self._given = {*map(name_of, lab.given_roles.values())}  # not the lab's own, whatever tags they have
        self._iam = lab.client("iam")

    def named(self, kind: str) -> Iterator[tuple[str, Item, dict[str, str]]]:
        list_call, plural, get_call, singular = _PARTS[kind]
        scope = {"Scope": "Local"} if kind == "policy" else {}
        for item in paged(self._iam, list_call, plural, **scope):
            name = item[f"{singular}Name"]
            if name.startswith(self._start) and name not in self._given:
                which = {"PolicyArn": item["Arn"]} if kind == "policy" else {f"{singular}Name": name}
                # The Get calls give all tags (at most 50) in one answer.
                shown = getattr(self._iam, get_call)(**which)
                yield name, item, tag_values(shown[singular])

    def role(self, item: Item) -> Role:
        name = item["RoleName"]
        inline = paged(self._iam, "list_role_policies", "PolicyNames", RoleName=name)
        profiles = paged(self._iam, "list_instance_profiles_for_role", "InstanceProfiles", RoleName=name)
        documents = [
            self._iam.get_role_policy(RoleName=name, PolicyName=policy_name)["PolicyDocument"] for policy_name in inline
        ]
        return Role(
            name=name,
            arn=item["Arn"],
            profiles=tuple(profile["InstanceProfileName"] for profile in profiles),
            groups=frozenset(group for document in documents for group in log_groups_in(document)),
        )

    def policy(self, item: Item) -> ManagedPolicy:
        arn = item["Arn"]
        pages = self._iam.get_paginator("list_entities_for_policy").paginate(PolicyArn=arn)
        entities = tuple(
            (kind, entity[key]) for page in pages for kind, part, key in _ENTITIES for entity in page.get(part, [])
        )
        version = self._iam.get_policy_version(PolicyArn=arn, VersionId=item["DefaultVersionId"])
        groups = frozenset(log_groups_in(version["PolicyVersion"]["Document"]))
        return ManagedPolicy(item["PolicyName"], arn, entities, groups)


def log_groups_in(document: Any) -> set[str]:
    """The log groups that a policy document names in full, without wildcards.

    >>> log_groups_in({"Resource": ["arn:aws:logs:us-east-1:123456789012:log-group:/vpc/demo-flow-logs:*", "*"]})
    {'/vpc/demo-flow-logs'}
    """
    return set(_LOG_GROUP.findall(json.dumps(document)))


def _profile(item: Item) -> Profile:
    roles = tuple(role["RoleName"] for role in item.get("Roles", []))
    return Profile(item["InstanceProfileName"], item["Arn"], roles)
