"""IAM decisions with their reasons: who may assume a role, what a policy allows, and why not.

Policies are read from JSON as IAM reads them when they are created, and refused with IAM's own words:

>>> from helpers.access import Policy, Principal, Request, evaluate, may_assume, validate_trust
>>> trust = validate_trust({"Version": "2012-10-17", "Statement": {"Effect": "Allow",
...     "Principal": {"Service": "vpc-flow-logs.amazonaws.com"}, "Action": "sts:AssumeRole",
...     "Condition": {"StringEquals": {"aws:SourceAccount": "123456789012"}}}})
>>> service = Principal.service("vpc-flow-logs.amazonaws.com")
>>> may_assume(trust, service, {"aws:SourceAccount": "123456789012"}).allowed
True
>>> print(may_assume(trust, service, {"aws:SourceAccount": "210987654321"}).hints[0])
statement 1 of the trust policy allows the action, but the condition aws:SourceAccount (StringEquals) wants \
123456789012, the request carried 210987654321

What a flow log needs of its role, and which step fails:

>>> from helpers.access import can_deliver
>>> group = "arn:aws:logs:us-east-1:123456789012:log-group:/flow"
>>> write = Policy.parse({"Version": "2012-10-17", "Statement": {"Sid": "Write", "Effect": "Allow",
...     "Action": ["logs:CreateLogStream", "logs:PutLogEvents"], "Resource": group}}, "WriteFlowLogs")
>>> flow_log = "arn:aws:ec2:us-east-1:123456789012:vpc-flow-log/fl-0123456789abcdef0"
>>> delivery = can_deliver(trust, [write], group, flow_log, "123456789012")
>>> delivery.status, delivery.error_message, delivery.failing.name
('FAILED', 'Access error', 'logs:CreateLogStream')
>>> print(delivery.failing.decision.hints[0])
statement 'Write' of policy WriteFlowLogs allows the action, but not on this resource: \
arn:aws:logs:us-east-1:123456789012:log-group:/flow is the log group alone, \
arn:aws:logs:us-east-1:123456789012:log-group:/flow:* would include its streams

And the error that an API call brings when it is refused:

>>> from helpers.access import Request, denial, evaluate
>>> ana = Principal.user("ana", "123456789012")
>>> denial("ec2", evaluate(Request(ana, "ec2:DeleteFlowLogs", flow_log), [])).code
'UnauthorizedOperation'

Not here: service control policies, permission boundaries, session policies, federation.
"""

from helpers.access.conditions import OPERATORS, Condition
from helpers.access.decision import Decision, Reading, Request, evaluate, may_assume
from helpers.access.document import MalformedPolicy, Policy, Statement
from helpers.access.grammar import known_service_principal, validate_permissions, validate_trust
from helpers.access.log_delivery import (
    ACCESS_ERROR,
    FLOW_LOGS_SERVICE,
    Delivery,
    bucket_statements,
    can_deliver,
    can_deliver_to_bucket,
)
from helpers.access.principals import Principal
from helpers.access.required_permissions import (
    ALWAYS_ALLOWED,
    PermissionCheck,
    checks_of,
    denial,
    iam_action,
    pass_role,
)
from helpers.access.wildcards import glob

__all__ = [
    "ACCESS_ERROR",
    "ALWAYS_ALLOWED",
    "FLOW_LOGS_SERVICE",
    "OPERATORS",
    "Condition",
    "Decision",
    "Delivery",
    "MalformedPolicy",
    "PermissionCheck",
    "Policy",
    "Principal",
    "Reading",
    "Request",
    "Statement",
    "bucket_statements",
    "can_deliver",
    "can_deliver_to_bucket",
    "checks_of",
    "denial",
    "evaluate",
    "glob",
    "iam_action",
    "known_service_principal",
    "may_assume",
    "pass_role",
    "validate_permissions",
    "validate_trust",
]
