"""Whole API calls, decided by the policies of who calls."""

from collections.abc import Mapping, Sequence
from typing import Any

from helpers.access import Decision, Policy, Principal, Request, checks_of, evaluate

ACCOUNT, REGION = "123456789012", "us-east-1"


def authorize(
    principal: Principal,
    service: str,
    operation: str,
    params: Mapping[str, Any],
    identity: Sequence[Policy],
    context: Mapping[str, Any] | None = None,
) -> Decision:
    """The first question of a call that is refused; the answer to its main action where none is."""
    checks = checks_of(service, operation, params, ACCOUNT, REGION)
    asked = [Request(principal, check.action, check.resource, {**(context or {}), **check.context}) for check in checks]
    decisions = [evaluate(request, identity) for request in asked]
    return next((decision for decision in decisions if not decision), decisions[0])
