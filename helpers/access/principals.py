"""Who asks: a service, an account's root, a user, or a session of a role."""

import re
from dataclasses import dataclass
from typing import Literal

from helpers.access.document import Statement

PrincipalKind = Literal["service", "root", "user", "role"]
# How a statement's Principal reaches a caller: by its own name (or ``*``), or only through its account.
Grant = Literal["direct", "account"]

_ARN = re.compile(r"^arn:(aws[\w-]*):(iam|sts)::(\d{12}):(.+)$")


@dataclass(frozen=True, slots=True)
class Principal:
    """The caller of a request. Make one with ``service``, ``root``, ``user``, ``role`` or ``from_arn``.

    ``arn`` is what the account knows (for a role the role's ARN), ``session`` the name of a role's session. ``account``
    is empty for a service.
    """

    kind: PrincipalKind
    arn: str
    account: str = ""
    session: str = ""

    @classmethod
    def service(cls, name: str) -> "Principal":
        """An AWS service, e.g. ``vpc-flow-logs.amazonaws.com``."""
        return cls("service", name)

    @classmethod
    def root(cls, account: str) -> "Principal":
        """The root user of an account."""
        return cls("root", f"arn:aws:iam::{account}:root", account)

    @classmethod
    def user(cls, arn: str, account: str = "") -> "Principal":
        """An IAM user, by ARN, or by name together with the account."""
        full = arn if arn.startswith("arn:") else f"arn:aws:iam::{account}:user/{arn}"
        return cls("user", full, account or account_of(full))

    @classmethod
    def role(cls, arn: str, account: str = "", session: str = "session") -> "Principal":
        """A session of a role, by the role's ARN, or by its name together with the account."""
        full = arn if arn.startswith("arn:") else f"arn:aws:iam::{account}:role/{arn}"
        return cls("role", full, account or account_of(full), session)

    @classmethod
    def from_arn(cls, arn: str) -> "Principal":
        """The caller that an ARN names, as GetCallerIdentity returns it. Raises ``ValueError`` otherwise.

        An assumed-role ARN carries no role path, so the role is taken to have none.
        """
        match = _ARN.match(arn)
        if not match:
            raise ValueError(f"{arn!r} is not the ARN of a user, a role, a session or an account's root")
        partition, _, account, rest = match.groups()
        if rest == "root":
            return cls("root", arn, account)
        sort, _, name = rest.partition("/")
        if sort == "user" and name:
            return cls("user", arn, account)
        if sort == "role" and name:
            return cls("role", arn, account, "session")
        role, _, session = name.partition("/")
        if sort == "assumed-role" and role and session:
            return cls("role", f"arn:{partition}:iam::{account}:role/{role}", account, session)
        raise ValueError(f"{arn!r} is not the ARN of a user, a role, a session or an account's root")

    @property
    def name(self) -> str:
        """The last part of its ARN: the user's or role's name, without path."""
        return self.arn.rsplit("/", 1)[-1]

    @property
    def caller_arn(self) -> str:
        """The ARN that error messages and GetCallerIdentity show: for a role that of the session."""
        if self.kind != "role":
            return self.arn
        return f"{self.arn.split(':iam:')[0]}:sts::{self.account}:assumed-role/{self.name}/{self.session}"

    def context(self) -> dict[str, str]:
        """The condition keys that follow from who asks (``aws:PrincipalArn``, ``aws:username`` ...)."""
        if self.kind == "service":
            return {"aws:PrincipalIsAWSService": "true", "aws:PrincipalServiceName": self.arn}
        kinds = {"root": "Account", "user": "User", "role": "AssumedRole"}
        keys = {
            "aws:PrincipalArn": self.arn,
            "aws:PrincipalAccount": self.account,
            "aws:PrincipalType": kinds[self.kind],
            "aws:PrincipalIsAWSService": "false",
        }
        if self.kind == "user":
            keys["aws:username"] = self.name
        return keys

    def __str__(self) -> str:
        return self.caller_arn


def account_of(arn: str) -> str:
    parts = arn.split(":")
    return parts[4] if len(parts) > 5 else ""


def grant_of(statement: Statement, principal: Principal) -> Grant | None:
    """Whether a statement's Principal (or NotPrincipal) means this caller, and how closely.

    ``"*"`` and ``{"AWS": "*"}`` mean everyone, services too. An account (its id or its root's ARN) means every identity
    in it, but only as far as that account's own policies go: hence ``account``.
    """
    if statement.principals is not None:
        return _best(statement.principals, principal)
    if statement.not_principals is not None:
        return None if _best(statement.not_principals, principal) else "direct"
    return None


def _best(pairs: tuple[tuple[str, str], ...], principal: Principal) -> Grant | None:
    grants = {_grant(sort, value, principal) for sort, value in pairs}
    return "direct" if "direct" in grants else "account" if "account" in grants else None


def _grant(sort: str, value: str, principal: Principal) -> Grant | None:
    if sort in ("*", "AWS") and value == "*":
        return "direct"
    if principal.kind == "service":
        return "direct" if sort == "Service" and value == principal.arn else None
    if sort != "AWS":
        return None
    if value in (principal.arn, principal.caller_arn):
        return "direct"
    if value == principal.account or value.endswith(f"::{principal.account}:root"):
        return "account"
    return None
