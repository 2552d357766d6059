"""What IAM has of a lab: roles, instance profiles and customer-managed policies."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from helpers.lab.teardown.network import Item, is_tagged, tag_values

if TYPE_CHECKING:
    from helpers.lab.lab import Lab

_LOG_GROUP = re.compile(r"arn:[\w-]*:logs:[^:\"]*:[^:\"]*:log-group:([\w./#-]+)(?=[:\"])")


@dataclass(frozen=True)
class Role:
    """A role of the lab, with what hangs on it."""

    name: str
    arn: str
    attached: tuple[str, ...]
    inline: tuple[str, ...]
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


@dataclass(frozen=True)
class Identity:
    """``groups`` in roles and policies: the log groups that their documents name.

    ``lookalikes``: ``(kind, name)`` of what is named like the lab's but carries no ``Lab`` tag.
    """

    roles: tuple[Role, ...] = ()
    profiles: tuple[Profile, ...] = ()
    policies: tuple[ManagedPolicy, ...] = ()
    lookalikes: tuple[tuple[str, str], ...] = ()
    labs: frozenset[str] = frozenset()


@dataclass(frozen=True)
class _Kind:
    """How IAM lists one kind (call, page, the name in an item) and how it shows one item with its tags."""

    call: str
    page: str
    name: str
    show: str
    argument: str
    value: str
    part: str


# The Get calls give all tags (at most 50) in one answer, and the sandbox's IAM has them for all three kinds.
_KINDS: Mapping[str, _Kind] = {
    "role": _Kind("list_roles", "Roles", "RoleName", "get_role", "RoleName", "RoleName", "Role"),
    "instance-profile": _Kind(
        "list_instance_profiles",
        "InstanceProfiles",
        "InstanceProfileName",
        "get_instance_profile",
        "InstanceProfileName",
        "InstanceProfileName",
        "InstanceProfile",
    ),
    "policy": _Kind("list_policies", "Policies", "PolicyName", "get_policy", "PolicyArn", "Arn", "Policy"),
}
_ENTITIES = (
    ("role", "PolicyRoles", "RoleName"),
    ("user", "PolicyUsers", "UserName"),
    ("group", "PolicyGroups", "GroupName"),
)


def read(lab: "Lab") -> Identity:
    """Ask IAM for what begins with the lab's name, and each of it for its tags: equal tags decide."""
    reader = _Reader(lab)
    own: dict[str, list[Item]] = {kind: [] for kind in _KINDS}
    lookalikes: list[tuple[str, str]] = []
    labs: set[str] = set()
    for kind, name, item, tags in reader.named():
        if is_tagged(tags, lab.prefix):
            own[kind].append(item)
        elif "Lab" in tags:
            labs.add(tags["Lab"])
        else:
            lookalikes.append((kind, name))
    return Identity(
        roles=tuple(reader.role(item) for item in own["role"]),
        profiles=tuple(_profile(item) for item in own["instance-profile"]),
        policies=tuple(reader.policy(item) for item in own["policy"]),
        lookalikes=tuple(lookalikes),
        labs=frozenset(labs),
    )


class _Reader:
    def __init__(self, lab: "Lab") -> None:
        self._start = lab.name("")
        self._iam = lab.client("iam")

    def named(self) -> Iterator[tuple[str, str, Item, dict[str, str]]]:
        for kind, how in _KINDS.items():
            scope = {"Scope": "Local"} if kind == "policy" else {}
            for item in self._all(how.call, how.page, **scope):
                if item[how.name].startswith(self._start):
                    shown = getattr(self._iam, how.show)(**{how.argument: item[how.value]})
                    yield kind, item[how.name], item, tag_values(shown[how.part])

    def role(self, item: Item) -> Role:
        name = item["RoleName"]
        attached = self._all("list_attached_role_policies", "AttachedPolicies", RoleName=name)
        inline = self._all("list_role_policies", "PolicyNames", RoleName=name)
        profiles = self._all("list_instance_profiles_for_role", "InstanceProfiles", RoleName=name)
        documents = [self._iam.get_role_policy(RoleName=name, PolicyName=each)["PolicyDocument"] for each in inline]
        return Role(
            name=name,
            arn=item["Arn"],
            attached=tuple(policy["PolicyArn"] for policy in attached),
            inline=tuple(inline),
            profiles=tuple(profile["InstanceProfileName"] for profile in profiles),
            groups=frozenset(group for document in documents for group in log_groups_in(document)),
        )

    def policy(self, item: Item) -> ManagedPolicy:
        arn = item["Arn"]
        pages = self._iam.get_paginator("list_entities_for_policy").paginate(PolicyArn=arn)
        entities = tuple(
            (kind, each[key]) for page in pages for kind, part, key in _ENTITIES for each in page.get(part, [])
        )
        version = self._iam.get_policy_version(PolicyArn=arn, VersionId=item["DefaultVersionId"])
        groups = frozenset(log_groups_in(version["PolicyVersion"]["Document"]))
        return ManagedPolicy(item["PolicyName"], arn, entities, groups)

    def _all(self, call: str, page: str, **arguments: str) -> list[Any]:
        return [item for each in self._iam.get_paginator(call).paginate(**arguments) for item in each[page]]


def log_groups_in(document: Any) -> set[str]:
    """The log groups that a policy document names in full, without wildcards.

    >>> log_groups_in({"Resource": ["arn:aws:logs:us-east-1:123456789012:log-group:/vpc/demo-flow-logs:*", "*"]})
    {'/vpc/demo-flow-logs'}
    """
    return set(_LOG_GROUP.findall(json.dumps(document)))


def _profile(item: Item) -> Profile:
    roles = tuple(role["RoleName"] for role in item.get("Roles", []))
    return Profile(item["InstanceProfileName"], item["Arn"], roles)
