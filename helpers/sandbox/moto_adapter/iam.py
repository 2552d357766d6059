"""Who may do what, as moto's IAM holds it: part of the adapter, see :mod:`helpers.sandbox.moto_adapter`."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC
from typing import Any


@dataclass(frozen=True, slots=True)
class Identity:
    """A role, user or group as IAM holds it. ``policies`` are names and JSON documents, ``trust`` is a role's.

    ``longest_session`` (seconds) and ``created_at`` (epoch seconds) are told of roles only.
    """

    arn: str
    identifier: str
    policies: tuple[tuple[str, str], ...]
    boundary: str | None = None
    trust: str = ""
    longest_session: int = 0
    created_at: float = 0.0
    tags: Mapping[str, str] = field(default_factory=dict)


class IamState:
    """moto's IAM, read without the detour over its API: permissions are asked for with every call."""

    @staticmethod
    def backend(service: str, region: str) -> Any:
        raise NotImplementedError

    def role(self, name: str) -> Identity | None:
        """A role with its policies, or ``None`` where there is none of this name."""
        backend = self.backend("iam", "aws")
        found = next((each for each in backend.roles.values() if each.name == name), None)
        if found is None:
            return None
        return Identity(
            found.arn,
            found.id,
            _policies(found),
            boundary=_boundary(backend, found.permissions_boundary_arn),
            trust=found.assume_role_policy_document,
            longest_session=int(found.max_session_duration or 3600),
            created_at=found.create_date.replace(tzinfo=UTC).timestamp(),
            tags={tag["Key"]: tag["Value"] for tag in found.tags or ()},
        )

    def user(self, name: str) -> Identity | None:
        """A user with its own and its groups' policies, or ``None``."""
        backend = self.backend("iam", "aws")
        found = backend.users.get(name)
        if found is None:
            return None
        groups = [group for group in backend.groups.values() if found in group.users]
        policies = [*_policies(found), *(policy for group in groups for policy in _policies(group))]
        tags = {tag["Key"]: tag["Value"] for tag in found.tags or ()}
        return Identity(found.arn, found.id, tuple(policies), tags=tags)

    def group(self, name: str) -> Identity | None:
        """A group with its policies, or ``None``."""
        found = self.backend("iam", "aws").groups.get(name)
        return None if found is None else Identity(found.arn, found.id, _policies(found))

    def managed_policy(self, arn: str) -> str | None:
        """The document of a managed policy's default version, or ``None``."""
        policy = self.backend("iam", "aws").managed_policies.get(arn)
        return None if policy is None else _default_document(policy)

    def is_boundary(self, arn: str) -> bool:
        """Whether some role has the policy as its permissions boundary."""
        return any(role.permissions_boundary_arn == arn for role in self.backend("iam", "aws").roles.values())

    def profile_roles(self, name_or_arn: str) -> list[str] | None:
        """The names of the roles in an instance profile, or ``None`` where there is no such profile."""
        for profile in self.backend("iam", "aws").instance_profiles.values():
            if name_or_arn in (profile.name, profile.arn):
                return [role.name for role in profile.roles]
        return None


def _policies(holder: Any) -> tuple[tuple[str, str], ...]:
    """Names and documents of an identity's inline and attached policies."""
    attached = ((policy.name, _default_document(policy)) for policy in holder.managed_policies.values())
    return (*holder.policies.items(), *attached)


def _default_document(policy: Any) -> str:
    return str(next(each.document for each in policy.versions if each.version_id == policy.default_version_id))


def _boundary(backend: Any, arn: str | None) -> str | None:
    policy = backend.managed_policies.get(arn) if arn else None
    return None if policy is None else _default_document(policy)
