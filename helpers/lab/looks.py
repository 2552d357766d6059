"""Reading kind by kind: what AWS does not show is noted with its reason, and the rest is read."""

from collections.abc import Callable, Iterable
from typing import TypeVar

from botocore.exceptions import BotoCoreError, ClientError

Thing = TypeVar("Thing")
AWS_ERRORS = (ClientError, BotoCoreError)
LOST_AFTER = 2
"""So many answers in a row that never came mean that none will: with botocore's own retries each one takes seconds."""

_PLURALS = {
    "elastic-ip": "Elastic IP addresses",
    "network-acl": "network ACLs",
    "policy": "policies",
    "saved-query": "saved queries",
    "vpc": "VPCs",
}


class Looks:
    """``unseen``: what could not be looked at, with the reason: ``{"role": "AccessDenied"}``."""

    def __init__(self) -> None:
        self.unseen: dict[str, str] = {}
        self._lost = 0

    def at(self, what: str, read: Callable[..., Iterable[Thing]], *arguments: object) -> list[Thing]:
        """What ``read`` gives; nothing, and a note, where AWS refuses or does not answer."""
        if self._lost >= LOST_AFTER:
            self.unseen[what] = "no connection"
            return []
        try:
            things = list(read(*arguments))
        except AWS_ERRORS as problem:
            self._lost = 0 if isinstance(problem, ClientError) else self._lost + 1
            self.unseen[what] = code_of(problem)
            return []
        self._lost = 0
        return things


def code_of(problem: Exception) -> str:
    """AWS's error code, or what botocore calls it: ``AccessDenied``, ``EndpointConnectionError``."""
    return str(problem.response["Error"]["Code"]) if isinstance(problem, ClientError) else type(problem).__name__


def plural(kind: str) -> str:
    """What several of a kind are called.

    >>> plural("role"), plural("policy"), plural("vpc-flow-log")
    ('roles', 'policies', 'vpc flow logs')
    """
    return _PLURALS.get(kind, f"{kind.replace('-', ' ')}s")
