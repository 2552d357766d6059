"""What flow-log delivery asks: to CloudWatch Logs of its role, step by step; to Amazon S3 of the bucket's policy.

Source: VPC User Guide, "IAM role for publishing flow logs to CloudWatch Logs". The guide lists
``logs:DescribeLogGroups`` and ``logs:DescribeLogStreams`` among the permissions. Widely used modules grant them on
``group:*`` only, where ``DescribeLogGroups`` cannot match, and their flow logs deliver: so their absence is a warning
here. For S3: "Amazon S3 bucket permissions for flow logs" (same guide).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from helpers.access.decision import Decision, Request, evaluate, may_assume
from helpers.access.document import Policy
from helpers.access.principals import Principal

# Who delivers flow logs.
FLOW_LOGS_SERVICE = "vpc-flow-logs.amazonaws.com"
# Who writes them to a bucket.
BUCKET_SERVICE = "delivery.logs.amazonaws.com"
# ``DeliverLogsErrorMessage`` when the role cannot be assumed or may not write.
ACCESS_ERROR = "Access error"


@dataclass(frozen=True, slots=True)
class DeliveryStep:
    """One question of a delivery, such as ``logs:PutLogEvents``, and IAM's answer."""

    name: str
    decision: Decision


@dataclass(frozen=True, slots=True)
class Delivery:
    """Whether records can be delivered; True in a condition when they can.

    ``failing`` is the first step that fails, ``creates_group`` says that the group is missing and the role may create
    it, ``warnings`` name permissions that AWS lists and the role lacks.
    """

    steps: tuple[DeliveryStep, ...]
    failing: DeliveryStep | None
    creates_group: bool
    warnings: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return self.failing is None

    @property
    def status(self) -> Literal["SUCCESS", "FAILED"]:
        """``DeliverLogsStatus`` as DescribeFlowLogs shows it."""
        return "SUCCESS" if self.failing is None else "FAILED"

    @property
    def error_message(self) -> str | None:
        """``DeliverLogsErrorMessage`` as DescribeFlowLogs shows it: AWS never says more than this."""
        return None if self.failing is None else ACCESS_ERROR

    @property
    def reason(self) -> str:
        """What AWS does not say: the failing step and why."""
        if self.failing is not None:
            return f"{self.failing.name} fails. {self.failing.decision}"
        group = "creates the log group and writes to it" if self.creates_group else "writes to the log group"
        return f"the role can be assumed, and {group}"

    def __str__(self) -> str:
        lines = [f"Delivery {self.status}: {self.reason}", *(f"  note: {warning}" for warning in self.warnings)]
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        from helpers.access.html import delivery_html

        return delivery_html(self)


def can_deliver(
    trust: Policy,
    policies: Sequence[Policy],
    log_group_arn: str,
    flow_log_arn: str,
    account: str,
    *,
    role_arn: str = "",
    group_exists: bool = True,
    boundary: Policy | None = None,
) -> Delivery:
    """Check what delivery needs: the role's trust, then its permissions on the log group and its streams.

    ``log_group_arn`` may end in ``:*`` or not. The service assumes the role with ``aws:SourceAccount`` set to
    ``account`` and ``aws:SourceArn`` set to ``flow_log_arn``. A group that does not exist needs
    ``logs:CreateLogGroup``. What the role may do must stay within its permissions ``boundary``, where it has one.
    """
    group = log_group_arn.removesuffix(":*")
    role = role_arn or f"arn:aws:iam::{account}:role/flow-logs"
    source = {"aws:SourceAccount": account, "aws:SourceArn": flow_log_arn}
    assume = may_assume(trust, Principal.service(FLOW_LOGS_SERVICE), source, role_arn=role)
    steps = [DeliveryStep("sts:AssumeRole", assume)]
    session = Principal.role(role, account, "vpc-flow-logs")

    def ask(action: str, resource: str) -> DeliveryStep:
        request = Request(session, action, resource)
        decision = evaluate(request, policies)
        if decision and boundary is not None:
            limited = evaluate(request, [boundary])
            decision = decision if limited else limited
        return DeliveryStep(action, decision)

    if assume:
        if not group_exists:
            steps.append(ask("logs:CreateLogGroup", f"{group}:log-stream:"))
        stream = f"{group}:log-stream:eni-0123456789abcdef0-all"  # any interface's
        steps += [ask("logs:CreateLogStream", stream), ask("logs:PutLogEvents", stream)]
    prefix = group.split(":log-group:")[0]
    describing = [
        ask("logs:DescribeLogGroups", f"{prefix}:log-group::log-stream:"),
        ask("logs:DescribeLogStreams", f"{group}:log-stream:"),
    ]
    failing = next((step for step in steps if not step.decision), None)
    return Delivery(
        tuple(steps),
        failing,
        creates_group=failing is None and not group_exists,
        warnings=tuple(
            f"AWS lists {step.name} among the role's permissions. {step.decision}"
            for step in describing
            if not step.decision
        ),
    )


def can_deliver_to_bucket(policy: Policy | None, bucket: str, folder: str, account: str, region: str) -> Decision:
    """Whether a bucket's policy lets log delivery read the bucket's ACL and write below ``folder`` (its key, "" or with
    "/" at its end): the first refusal, else the allow that decides about writing.
    """
    arn = f"arn:aws:s3:::{bucket}"
    source = {"aws:SourceAccount": account, "aws:SourceArn": f"arn:aws:logs:{region}:{account}:delivery"}
    writing = {**source, "s3:x-amz-acl": "bucket-owner-full-control"}
    service = Principal.service(BUCKET_SERVICE)
    acl = evaluate(Request(service, "s3:GetBucketAcl", arn, source), (), policy)
    return acl and evaluate(Request(service, "s3:PutObject", f"{arn}/{folder}file", writing), (), policy)


def bucket_statements(bucket: str, folder: str, account: str, region: str) -> list[dict[str, object]]:
    """The two statements that AWS demands of a bucket's policy, for :func:`can_deliver_to_bucket`."""
    source = {
        "StringEquals": {"aws:SourceAccount": account},
        "ArnLike": {"aws:SourceArn": f"arn:aws:logs:{region}:{account}:*"},
    }
    acl = {"s3:x-amz-acl": "bucket-owner-full-control"}
    writing = {**source, "StringEquals": {**source["StringEquals"], **acl}}
    both: dict[str, object] = {"Effect": "Allow", "Principal": {"Service": BUCKET_SERVICE}}
    arn = f"arn:aws:s3:::{bucket}"
    return [
        {
            "Sid": "AWSLogDeliveryWrite",
            **both,
            "Action": "s3:PutObject",
            "Resource": f"{arn}/{folder}*",
            "Condition": writing,
        },
        {"Sid": "AWSLogDeliveryAclCheck", **both, "Action": "s3:GetBucketAcl", "Resource": arn, "Condition": source},
    ]
