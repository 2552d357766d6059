"""Clients that can only read: an operation that is not in the list raises before it is signed.

The hook hears botocore's events, which every way to call AWS passes through: a client's method, a paginator, a waiter,
a resource, a presigned URL. What is added here goes into ``docs/health-policy.json``, too.
"""

from collections.abc import Mapping
from typing import Any

from helpers.lab.errors import LabError

READS: Mapping[str, frozenset[str]] = {
    "cloudwatch": frozenset({"DescribeAlarms"}),
    "ec2": frozenset(
        {
            *("DescribeFlowLogs", "DescribeInstances", "DescribeInternetGateways", "DescribeManagedPrefixLists"),
            *("DescribeNetworkAcls", "DescribeNetworkInterfaces", "DescribeRouteTables", "DescribeSecurityGroupRules"),
            *("DescribeSecurityGroups", "DescribeSubnets", "DescribeVpcPeeringConnections", "DescribeVpcs"),
            "GetManagedPrefixListEntries",
        }
    ),
    "logs": frozenset(
        {
            *("DescribeLogGroups", "DescribeLogStreams", "DescribeMetricFilters", "DescribeQueryDefinitions"),
            *("FilterLogEvents", "ListTagsForResource"),
        }
    ),
    "iam": frozenset(
        {
            *("GetPolicy", "GetPolicyVersion", "GetRole", "GetRolePolicy"),
            *("ListAttachedRolePolicies", "ListRolePolicies"),
        }
    ),
    "sts": frozenset({"GetCallerIdentity"}),
}
"""The operations of each service that a reading calls, and no others: none of them changes anything."""


class NotReadingError(LabError):
    """A client that can only read was asked for something else. Nothing was sent."""


def read_only(client: Any) -> Any:
    """The same client, which from now on raises :class:`NotReadingError` for what is not in ``READS``."""
    guard(client.meta.events)
    return client


def guard(events: Any) -> None:
    """Have an emitter of botocore's events, of a client or of a session, let only the operations of ``READS`` pass."""
    for event in ("provide-client-params", "before-call"):
        events.register_first(event, _refuse)


def _refuse(model: Any, **_: Any) -> None:
    service = model.service_model.service_name
    if model.name not in READS.get(service, ()):
        raise NotReadingError(f"{service}:{model.name} changes something, or is not in the list. Nothing was sent.")
