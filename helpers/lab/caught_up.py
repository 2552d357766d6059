"""What catching up found or built the last time, so that it runs only cells whose part of the lab is another since.

A cell finds or makes, and repair holds what it asked for against the account. Where a notebook's calls are about
nothing but what a snapshot shows, its cells would find all as it was, as long as all that they named is as it was when
they ran last. Where only rules, routes or entries differ, the calls that asked for them are repeated. A notebook that
asked for anything else (records, a command, a policy of somebody's own) gets no note. Neither does one that named what
the snapshot does not show, such as a role without the lab's tags: its cells run.
"""

import hashlib
import json
import os
import re
from collections.abc import Collection, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from helpers.lab.repair import Calls
from helpers.lab.resources import tag_values
from helpers.lab.session import Session
from helpers.lab.snapshot import Snapshot

_KINDS = (
    "Vpcs?|Subnets?|RouteTables?|RouteTableAssociation|Routes?|InternetGateways?|NetworkInterfaces|FlowLogs|Instances?|"
    "VpcPeeringConnections?|SecurityGroups?(Ingress|Egress|Rules)?|NetworkAcls?(Entry|Association)?|InstanceInformation|"
    "InstanceProfiles?|Roles?|RolePolicy|(Attached)?RolePolicies|AssumeRolePolicy|LogGroups?|RetentionPolicy"
)
_IN_A_SNAPSHOT = re.compile(rf"[A-Z][a-z]+(RoleTo|RoleFrom)?({_KINDS})")
_SETTLED_BY_AWS = {"DescribeInstanceTypeOfferings", "GetParameter"}
"""Which zone and which image a new machine takes: nothing that is there changes with it."""
_NAMES_ONE = {
    *("VpcId", "PeerVpcId", "SubnetId", "RouteTableId", "GatewayId", "InternetGatewayId", "GroupId", "NetworkAclId"),
    *("VpcPeeringConnectionId", "VpcPeeringConnectionIds", "InstanceIds", "FlowLogIds", "ResourceIds", "LogGroupName"),
    *("RoleName", "InstanceProfileName", "logGroupName"),
}
"""Parameters that say what a call is about."""
_REPEATABLE = {
    **dict.fromkeys(("AuthorizeSecurityGroupIngress", "AuthorizeSecurityGroupEgress"), "GroupId"),
    **dict.fromkeys(("CreateRoute", "AssociateRouteTable"), "RouteTableId"),
    "CreateNetworkAclEntry": "NetworkAclId",
}
"""Calls that can be repeated without their cell, and the parameter with the id of what they change."""


class CaughtUp:
    """The notes of one lab: for a notebook the names that its calls named, what bore them, and what can be repeated."""

    def __init__(self, lab: Session, parameters: Mapping[str, Any]) -> None:
        self._path = lab.notes("caught-up")
        self._parameters = {name: repr(value) for name, value in sorted(parameters.items())}
        self._given = sorted(lab.given_roles.items())
        try:
            self._notes = dict(json.loads(self._path.read_text("utf-8")))
        except (OSError, ValueError, TypeError, RecursionError):  # none yet; or damaged, and the next one replaces it
            self._notes = {}

    def holds(self, notebook: Path, now: Snapshot) -> bool:
        """Whether the cells of this notebook would find in the lab, as it is ``now``, what they left."""
        return self._differing(notebook, now) == set()

    def calls_to_repeat(self, notebook: Path, now: Snapshot) -> list[tuple[str, dict[str, Any]]]:
        """The calls that asked for what differs ``now``, to be repeated; none where the cells have to run.

        They may be enough where nothing is missing, and only security groups, route tables and network ACLs differ, and
        agents with them. Whether they were, :meth:`holds` tells after them.
        """
        differing = {key for kind, key in self._differing(notebook, now) or () if kind != "agent"}
        noted = self._notes[notebook.stem][2] if differing else []
        calls = [(name, asked) for name, asked in noted if asked.get(_REPEATABLE.get(name)) in differing]
        return calls if differing == {asked[_REPEATABLE[name]] for name, asked in calls} else []

    def note(self, notebook: Path, calls: Calls, found: Collection[str], after: Snapshot) -> None:
        """The cells ran to their end, found things of these names and ids, and the lab is as in ``after``."""
        self._notes.pop(notebook.stem, None)
        made = {operation: asked for operation, asked in calls.items() if asked}
        shown = {name for key, text in after.items() for name in _names(*key, text)}
        about = {text for each in made.values() for asked in each for text in _texts(_what(asked))} | {*found}
        covered = all(_IN_A_SNAPSHOT.fullmatch(operation) for operation in made.keys() - _SETTLED_BY_AWS)
        if about and covered and about <= shown:
            asked = {text for each in made.values() for parameters in each for text in _texts(parameters)}
            names = sorted((asked | about) & shown)
            again = [[name, parameters] for name in _REPEATABLE for parameters in made.get(name, ())]
            noted = [names, _held(names, after), json.loads(json.dumps(again, default=str))]
            self._notes[notebook.stem] = [*noted, self._checksum(notebook, noted)]
        self._write()

    def _differing(self, notebook: Path, now: Snapshot) -> set[tuple[str, str]] | None:
        """Kind and id of what is another than noted; None where something is missing or new, or nothing is noted."""
        match self._notes.get(notebook.stem):
            case [*noted, str(checksum)] if checksum == self._checksum(notebook, noted):
                names, held, _ = noted
                return _others(held, _held(names, now))
        return None

    def _write(self) -> None:
        """Without notes the cells run again, so a disk that takes none is no fault."""
        draft = self._path.with_suffix(f".{os.getpid()}")
        with suppress(OSError):
            try:
                self._path.parent.mkdir(parents=True, exist_ok=True)
                draft.write_text(json.dumps(self._notes), encoding="utf-8")
                draft.replace(self._path)
            finally:
                draft.unlink(missing_ok=True)

    def _checksum(self, notebook: Path, noted: list[Any]) -> str:
        """A digest of a note and of what the cells do: their notebook, the parameters that it has, and given roles."""
        recipe = notebook.read_text("utf-8")
        taken = [(name, value) for name, value in self._parameters.items() if name in recipe]
        return _digest([recipe, taken, self._given, noted])


def _digest(of: Any) -> str:
    return hashlib.sha256(json.dumps(of).encode()).hexdigest()


def _held(names: Collection[str], state: Snapshot) -> list[list[str]]:
    """Kind, id and a digest of all that bears one of the names, more of it than there was included."""
    wanted = frozenset(names)
    return sorted([*key, _digest(text)] for key, text in state.items() if not _names(*key, text).isdisjoint(wanted))


def _others(noted: list[list[str]], now: list[list[str]]) -> set[tuple[str, str]] | None:
    """Kind and id of what has another digest now; None where something is missing or new."""
    if [thing[:2] for thing in noted] != [thing[:2] for thing in now]:
        return None
    return {(kind, key) for (kind, key, was), (_, _, is_now) in zip(noted, now, strict=True) if was != is_now}


def _names(kind: str, key: str, text: str) -> set[str]:
    """By what a call can name it: its id, its tag Name, and for a role's own policy the role."""
    item = json.loads(text)
    tagged = tag_values(item).get("Name", key) if isinstance(item, dict) else key
    return {key.partition("/")[0] if kind == "role-policy" else key, tagged}


def _what(asked: Mapping[str, Any]) -> list[Any]:
    """The parameters that say what a call is about. A local route's gateway is no resource."""
    return [value for name, value in asked.items() if name in _NAMES_ONE and value != "local"]


def _texts(value: Any) -> Iterator[str]:
    """All texts in the parameters of a call."""
    match value:
        case str():
            yield value
        case dict():
            yield from _texts(list(value.values()))
        case list() | tuple():
            for part in value:
                yield from _texts(part)
