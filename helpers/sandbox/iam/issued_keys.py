"""The keys that the sandbox accepts: the owner's, and those that the account itself issued."""

from dataclasses import dataclass, field

from helpers.sandbox.calls import Caller
from helpers.sandbox.moto_adapter import ACCOUNT_ID

OWNER = "learner"
"""The user name of the course's own identity."""


@dataclass(frozen=True)
class IssuedKey:
    """An access key of a user, or temporary credentials of a role session.

    ``issued_at`` and ``expires_at`` are virtual time in epoch seconds; ``session_policies`` are JSON documents.
    """

    access_key_id: str
    secret_access_key: str
    arn: str
    user_id: str
    user_name: str | None = None
    role_name: str | None = None
    session_token: str | None = None
    issued_at: float = 0.0
    expires_at: float | None = None
    session_policies: tuple[str, ...] = ()
    active: bool = True

    def caller(self, user_agent: str = "") -> Caller:
        return Caller(self.access_key_id, self.arn, self.user_id, user_agent=user_agent)


@dataclass
class Identities:
    """Issued keys by their id."""

    keys: dict[str, IssuedKey] = field(default_factory=dict)

    def add(self, key: IssuedKey) -> None:
        self.keys[key.access_key_id] = key


def owner(access_key_id: str) -> Caller:
    """The course's own identity: an administrator of the sandbox's account."""
    return Caller(access_key_id, f"arn:aws:iam::{ACCOUNT_ID}:user/{OWNER}", "AIDACOURSELEARNER0001", owner=True)
