"""The status matrix of flow-log delivery: which role delivers, which fails, at which step and why."""

from typing import Any

import pytest

from helpers.access import Delivery, Policy, can_deliver, validate_permissions, validate_trust

ACCOUNT = "123456789012"
GROUP = f"arn:aws:logs:us-east-1:{ACCOUNT}:log-group:/flow"
FLOW_LOG = f"arn:aws:ec2:us-east-1:{ACCOUNT}:vpc-flow-log/fl-0123456789abcdef0"
SOURCE = {
    "StringEquals": {"aws:SourceAccount": ACCOUNT},
    "ArnLike": {"aws:SourceArn": f"arn:aws:ec2:us-east-1:{ACCOUNT}:vpc-flow-log/*"},
}
WRITE = ["logs:CreateLogStream", "logs:PutLogEvents", "logs:DescribeLogGroups", "logs:DescribeLogStreams"]


def trust(service: str = "vpc-flow-logs.amazonaws.com", condition: Any = None, **more: Any) -> Policy:
    statement = {"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole", **more}
    if condition:
        statement["Condition"] = condition
    return validate_trust({"Version": "2012-10-17", "Statement": [statement]})


def role(actions: Any = WRITE, resource: Any = f"{GROUP}:*", *more: dict[str, Any]) -> list[Policy]:
    statement = {"Sid": "Write", "Effect": "Allow", "Action": actions, "Resource": resource}
    return [validate_permissions({"Version": "2012-10-17", "Statement": [statement, *more]}, "flow-logs")]


def deliver(trusting: Policy, policies: list[Policy], **options: Any) -> Delivery:
    return can_deliver(trusting, policies, GROUP, FLOW_LOG, ACCOUNT, **options)


@pytest.mark.parametrize(
    ("trusting", "policies", "step", "why"),
    [
        (trust("ec2.amazonaws.com"), role(), "sts:AssumeRole", "it trusts ec2.amazonaws.com"),
        (
            trust(condition={"StringEquals": {"aws:SourceAccount": "111122223333"}}),
            role(),
            "sts:AssumeRole",
            "wants 111122223333, the request carried 123456789012",
        ),
        (
            trust(condition={"ArnLike": {"aws:SourceArn": f"{FLOW_LOG[:-1]}f"}}),
            role(),
            "sts:AssumeRole",
            f"the request carried {FLOW_LOG}",
        ),
        (trust(Effect="Deny"), role(), "sts:AssumeRole", "explicitly denies"),
        (trust(), [], "logs:CreateLogStream", "no statement allows logs:CreateLogStream"),
        (trust(), role("logs:CreateLogStream"), "logs:PutLogEvents", "no statement allows logs:PutLogEvents"),
        (trust(), role("logs:PutLogEvents"), "logs:CreateLogStream", "no statement allows"),
        (trust(), role(WRITE, GROUP), "logs:CreateLogStream", f"{GROUP}:* would include its streams"),
        (trust(), role(WRITE, f"{GROUP}2:*"), "logs:CreateLogStream", "not on this resource"),
        (
            trust(),
            role(WRITE, "*", {"Effect": "Deny", "Action": "logs:Put*", "Resource": f"{GROUP}:*"}),
            "logs:PutLogEvents",
            "explicitly denies",
        ),
    ],
)
def test_a_role_that_cannot_deliver(trusting: Policy, policies: list[Policy], step: str, why: str) -> None:
    delivery = deliver(trusting, policies)
    assert not delivery
    assert (delivery.status, delivery.error_message) == ("FAILED", "Access error")
    assert delivery.failing is not None and delivery.failing.name == step
    assert why in delivery.reason and step in str(delivery)


@pytest.mark.parametrize(
    ("trusting", "policies"),
    [
        (trust(), role()),
        (trust(), role(WRITE, "*")),
        (trust(), role("logs:*", f"arn:aws:logs:us-east-1:{ACCOUNT}:*")),
        (trust(condition=SOURCE), role()),
        (trust(condition={"StringEquals": {"aws:SourceArn": FLOW_LOG}}), role()),
    ],
)
def test_a_role_that_delivers(trusting: Policy, policies: list[Policy]) -> None:
    delivery = deliver(trusting, policies)
    assert delivery and delivery.status == "SUCCESS" and delivery.error_message is None


def test_the_group_arn_may_come_with_or_without_the_star() -> None:
    for arn in (GROUP, f"{GROUP}:*"):
        assert can_deliver(trust(), role(), arn, FLOW_LOG, ACCOUNT)


def test_a_missing_group_is_created_if_the_role_may() -> None:
    may = deliver(trust(), role([*WRITE, "logs:CreateLogGroup"]), group_exists=False)
    assert may and may.creates_group
    may_not = deliver(trust(), role(), group_exists=False)
    assert may_not.failing is not None and may_not.failing.name == "logs:CreateLogGroup"
    assert may_not.error_message == "Access error" and not may_not.creates_group
    assert not deliver(trust(), role()).creates_group


def test_describing_is_a_warning() -> None:
    """On ``group:*`` alone DescribeLogGroups never matches, and roles of public modules deliver so."""
    lax = deliver(trust(), role())
    assert lax and "logs:DescribeLogGroups" in lax.warnings[0] and lax.warnings[0] in str(lax)
    everywhere = {"Effect": "Allow", "Action": "logs:Describe*", "Resource": "*"}
    full = deliver(trust(), role(WRITE, f"{GROUP}:*", everywhere))
    assert full and full.warnings == ()


def test_html_shows_the_failing_step() -> None:
    html = deliver(trust("ec2.amazonaws.com"), role())._repr_html_()
    assert "<strong>FAILED</strong>" in html and "it trusts ec2.amazonaws.com" in html
