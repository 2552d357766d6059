"""An account that is only its documents: what ``role_figure`` reads, without a sandbox."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, cast

from helpers.lab import Lab

ACCOUNT = "123456789012"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/demo-flow-logs"
GROUP = "/demo/vpc-flow-logs"
GROUP_ARN = f"arn:aws:logs:us-east-1:{ACCOUNT}:log-group:{GROUP}"
ALL = {"Effect": "Allow", "Action": "*", "Resource": "*"}
WRITE = {
    "Sid": "WriteRecords", "Effect": "Allow", "Action": ["logs:CreateLogStream", "logs:PutLogEvents"],
    "Resource": f"{GROUP_ARN}:*",
}  # fmt: skip
TRUST = {
    "Effect": "Allow", "Principal": {"Service": "vpc-flow-logs.amazonaws.com"}, "Action": "sts:AssumeRole",
    "Condition": {"StringEquals": {"aws:SourceAccount": ACCOUNT}},
}  # fmt: skip


def document(*statements: Any) -> dict[str, Any]:
    return {"Version": "2012-10-17", "Statement": list(statements)}


@dataclass
class Account:
    """One account; ``inline`` and ``managed`` map (kind, owner) to policies by name, ``groups`` are log groups."""

    caller: str = f"arn:aws:iam::{ACCOUNT}:user/ana"
    trust: dict[str, Any] = field(default_factory=lambda: document(TRUST))
    inline: dict[tuple[str, str], dict[str, Any]] = field(default_factory=dict)
    managed: dict[tuple[str, str], dict[str, Any]] = field(default_factory=dict)
    boundaries: dict[tuple[str, str], str] = field(default_factory=dict)
    teams: tuple[str, ...] = ()
    groups: tuple[str, ...] = (GROUP,)
    region: str = "us-east-1"

    def __post_init__(self) -> None:
        self.inline.setdefault(("Role", "demo-flow-logs"), {"demo-write": document(WRITE)})
        self.managed.setdefault(("User", "ana"), {"Administrator": document(ALL)})

    def lab(self) -> Lab:
        return cast(Lab, self)

    def client(self, service: str) -> Any:
        return self

    def get_caller_identity(self) -> dict[str, Any]:
        return {"Arn": self.caller, "Account": ACCOUNT}

    def describe_log_groups(self, logGroupNamePrefix: str) -> dict[str, Any]:  # noqa: N803
        return {"logGroups": [{"logGroupName": name} for name in self.groups if name.startswith(logGroupNamePrefix)]}

    def get_role(self, RoleName: str) -> dict[str, Any]:  # noqa: N803
        return {"Role": {"Arn": ROLE, "AssumeRolePolicyDocument": self.trust, **self._boundary("Role", RoleName)}}

    def get_user(self, UserName: str) -> dict[str, Any]:  # noqa: N803
        return {"User": self._boundary("User", UserName)}

    def _boundary(self, kind: str, name: str) -> dict[str, Any]:
        arn = self.boundaries.get((kind, name))
        return {"PermissionsBoundary": {"PermissionsBoundaryArn": f"arn:aws:iam::1:policy/{arn}"}} if arn else {}

    def get_paginator(self, call: str) -> "Pages":
        return Pages(self, call)

    def get_policy(self, PolicyArn: str) -> dict[str, Any]:  # noqa: N803
        return {"Policy": {"DefaultVersionId": "v1"}}

    def get_policy_version(self, PolicyArn: str, VersionId: str) -> dict[str, Any]:  # noqa: N803
        every = {name: text for policies in self.managed.values() for name, text in policies.items()}
        return {"PolicyVersion": {"Document": every[PolicyArn.rpartition("/")[2]]}}

    def __getattr__(self, call: str) -> Any:
        """``get_user_policy``, ``get_group_policy``, ``get_role_policy``."""
        kind = call.split("_")[1].title()
        return lambda **named: {"PolicyDocument": self.inline[kind, named[f"{kind}Name"]][named["PolicyName"]]}


@dataclass
class Pages:
    """The pages of one of IAM's lists, one policy or group on each."""

    account: Account
    call: str

    def paginate(self, **owner: str) -> Iterator[dict[str, Any]]:
        (name,) = owner.values()
        kind = self.call.removeprefix("list_").removeprefix("attached_").split("_")[0].title()
        if self.call == "list_groups_for_user":
            yield from ({"Groups": [{"GroupName": team}]} for team in self.account.teams)
        elif "attached" in self.call:
            for policy in self.account.managed.get((kind, name), {}):
                yield {"AttachedPolicies": [{"PolicyName": policy, "PolicyArn": f"arn:aws:iam::1:policy/{policy}"}]}
        else:
            yield from ({"PolicyNames": [policy]} for policy in self.account.inline.get((kind, name), {}))


def copied(value: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """A statement with some of its parts changed."""
    return {**json.loads(json.dumps(value)), **changes}
