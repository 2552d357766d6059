"""Who may do what, as moto's IAM holds it: part of the adapter, see :mod:`helpers.sandbox.moto_adapter`."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC
from typing import Any


@dataclass(frozen=True, slots=True)
class IamPrincipal:
    """A role, user or group as IAM holds it. ``policies`` are names and JSON documents, ``trust`` is a role's.

    ``longest_session`` (seconds) and ``created_at`` (epoch seconds) are told of roles only.
    """

    arn: str
    identifier: str
    policies: tuple[tuple[str, str], ...]
    boundary: str | None = None
    boundary_arn: str | None = None
    trust: str = ""
    longest_session: int = 0
    created_at: float = 0.0
    tags: Mapping[str, str] = field(default_factory=dict)


class IamState:
    """moto's IAM, read without the detour over its API: permissions are asked for with every call."""

    shown: dict[Any, Any]

    @staticmethod
    def backend(service: str, region: str) -> Any:
        raise NotImplementedError

    def _iam(self) -> Any:
        """To change it at once: nothing that was shown before counts any more."""
        self.shown.clear()
        return self.backend("iam", "aws")

    def role(self, name: str) -> IamPrincipal | None:
        """A role with its policies, or ``None`` where there is none of this name."""
        backend = self.backend("iam", "aws")
        role = next((known for known in backend.roles.values() if known.name == name), None)
        if role is None:
            return None
        return IamPrincipal(
            role.arn,
            role.id,
            _policies(role),
            boundary=_boundary(backend, role.permissions_boundary_arn),
            boundary_arn=role.permissions_boundary_arn,
            trust=role.assume_role_policy_document,
            longest_session=int(role.max_session_duration or 3600),
            created_at=role.create_date.replace(tzinfo=UTC).timestamp(),
            tags={tag["Key"]: tag["Value"] for tag in role.tags or ()},
        )

    def user(self, name: str) -> IamPrincipal | None:
        """A user with its own and its groups' policies, or ``None``."""
        backend = self.backend("iam", "aws")
        user = backend.users.get(name)
        if user is None:
            return None
        groups = [group for group in backend.groups.values() if user in group.users]
        policies = [*_policies(user), *(policy for group in groups for policy in _policies(group))]
        tags = {tag["Key"]: tag["Value"] for tag in user.tags or ()}
        return IamPrincipal(user.arn, user.id, tuple(policies), tags=tags)

    def group(self, name: str) -> IamPrincipal | None:
        """A group with its policies, or ``None``."""
        group = self.backend("iam", "aws").groups.get(name)
        return None if group is None else IamPrincipal(group.arn, group.id, _policies(group))

    def principal(self, arn: str) -> IamPrincipal | None:
        """The role, user or group of exactly this ARN, or ``None``."""
        kind, _, path = arn.rpartition(":")[2].partition("/")
        finders = {"role": self.role, "user": self.user, "group": self.group}
        principal = finders[kind](path.rpartition("/")[2]) if kind in finders else None
        return principal if principal is not None and principal.arn == arn else None

    def iam_arn(self, sort: str, name: str) -> str | None:
        """The ARN, with its path, of the ``role``, ``user``, ``group`` or ``instance-profile`` of this name."""
        held = getattr(self.backend("iam", "aws"), f"{sort.replace('-', '_')}s")
        return next((str(thing.arn) for thing in held.values() if thing.name == name), None)

    def iam_names(self, kind: str) -> set[str]:
        """The names in lower case of the account's own ``users``, ``groups``, ``roles``, ``instance_profiles`` or
        ``managed_policies``.
        """
        held = getattr(self.backend("iam", "aws"), kind).values()
        return {thing.name.lower() for thing in held if not thing.arn.startswith("arn:aws:iam::aws:")}

    def add_owner(self, arn: str, user_id: str, access_key_id: str) -> None:
        """The course's own user, an administrator, whom no call made."""
        backend = self._iam()
        user = backend.create_user("us-east-1", arn.rpartition("/")[2])
        user.id = user_id
        backend.managed_policies["arn:aws:iam::aws:policy/AdministratorAccess"].attach_to(user)
        user.create_access_key("AKIA").access_key_id = access_key_id

    def rename_trusted(self, old: str, new: str) -> None:
        """Name a principal otherwise in every trust policy: by its unique id when it is deleted."""
        for role in self._iam().roles.values():
            document = json.loads(role.assume_role_policy_document)
            statements = document["Statement"]
            for statement in statements if isinstance(statements, list) else [statements]:
                named = statement.get("Principal")
                if isinstance(named, dict) and old in _listed(named.get("AWS", ())):
                    named["AWS"] = [new if arn == old else arn for arn in _listed(named["AWS"])]
                    named["AWS"] = named["AWS"][0] if len(named["AWS"]) == 1 else named["AWS"]
                    role.assume_role_policy_document = json.dumps(document)

    def move_tags(self, old: str, new: str) -> None:
        """A user's tags under its new ARN; moto keeps them by the ARN that it had."""
        tagger = self._iam().tagger
        if old != new:
            tagger.copy_tags(old, new)
            tagger.delete_all_tags_for_resource(old)

    def managed_policy(self, arn: str) -> str | None:
        """The document of a managed policy's default version, or ``None``."""
        policy = self.backend("iam", "aws").managed_policies.get(arn)
        return None if policy is None else _default_document(policy)

    def profile_roles(self, name_or_arn: str) -> list[str] | None:
        """The names of the roles in an instance profile, or ``None`` where there is no such profile."""
        for profile in self.backend("iam", "aws").instance_profiles.values():
            if name_or_arn in (profile.name, profile.arn):
                return [role.name for role in profile.roles]
        return None


def _listed(value: Any) -> list[str]:
    return [value] if isinstance(value, str) else list(value)


def _policies(holder: Any) -> tuple[tuple[str, str], ...]:
    """Names and documents of an identity's inline and attached policies."""
    attached = ((policy.name, _default_document(policy)) for policy in holder.managed_policies.values())
    return (*holder.policies.items(), *attached)


def _default_document(policy: Any) -> str:
    return str(next(version.document for version in policy.versions if version.version_id == policy.default_version_id))


def _boundary(backend: Any, arn: str | None) -> str | None:
    policy = backend.managed_policies.get(arn) if arn else None
    return None if policy is None else _default_document(policy)
