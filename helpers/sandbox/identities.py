"""The keys that the sandbox accepts: the owner's, and those that the account itself issued."""

from dataclasses import dataclass, field

from helpers.sandbox.calls import Caller
from helpers.sandbox.moto_adapter import ACCOUNT_ID


@dataclass(frozen=True)
class IssuedKey:
    """An access key of a user, or temporary credentials of a role session.

    ``expires_at`` is virtual time in epoch seconds; ``session_policies`` are JSON documents.
    """

    access_key_id: str
    secret_access_key: str
    arn: str
    user_id: str
    user_name: str | None = None
    role_name: str | None = None
    session_token: str | None = None
    expires_at: float | None = None
    session_policies: tuple[str, ...] = ()
    active: bool = True

    def caller(self) -> Caller:
        return Caller(self.access_key_id, self.arn, self.user_id)


@dataclass
class Identities:
    """Issued keys by their id."""

    keys: dict[str, IssuedKey] = field(default_factory=dict)

    def add(self, key: IssuedKey) -> None:
        self.keys[key.access_key_id] = key


def owner(access_key_id: str) -> Caller:
    """The course's own identity: an administrator of the sandbox's account."""
    return Caller(access_key_id, f"arn:aws:iam::{ACCOUNT_ID}:user/learner", "AIDACOURSELEARNER0001", owner=True)
