"""What the lab's roles may do, for checks: IAM is asked, and nothing is judged by how a document is written."""

from collections.abc import Iterable
from typing import Any

from botocore.exceptions import ClientError

from helpers.lessons.account_view import AccountView, CheckEnded, CheckResult, listed, not_yet

WRITE = ("logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents", "logs:DescribeLogStreams")
DESTROY = ("logs:DeleteLogGroup", "logs:DeleteLogStream", "logs:PutRetentionPolicy")
SERVICE_NAME = "vpc-flow-logs.amazonaws.com"
_FOREIGN = "/payroll/audit"


class LabRole:
    """One role as GetRole gives it, by its name; ends the check with ``missing`` where there is none."""

    def __init__(self, account: AccountView, name: str) -> None:
        self._account = account
        try:
            self.shown: dict[str, Any] = account.client("iam").get_role(RoleName=name)["Role"]
        except ClientError as refusal:
            if refusal.response["Error"]["Code"] != "NoSuchEntity":
                raise
            raise CheckEnded(not_yet("missing", kind="role", name=name)) from refusal
        self.name, self.arn = name, str(self.shown["Arn"])
        _, self.partition, _, _, self.owner, _ = self.arn.split(":", 5)

    def may(self, actions: Iterable[str], group: str, stream: str = ":log-stream:eni-1") -> set[str]:
        """Which of the actions its own policies allow on a stream of a log group; with ``stream=""``, on the group."""
        region = self._account.lab.region
        return self.may_on(actions, f"arn:{self.partition}:logs:{region}:{self.owner}:log-group:{group}{stream}")

    def may_on(self, actions: Iterable[str], resource: str) -> set[str]:
        """Which of the actions its own policies allow on a resource, by SimulatePrincipalPolicy."""
        asked = {"PolicySourceArn": self.arn, "ActionNames": list(actions), "ResourceArns": [resource]}
        told = self._account.client("iam").simulate_principal_policy(**asked)["EvaluationResults"]
        return {each["EvalActionName"] for each in told if each["EvalDecision"] == "allowed"}

    def beyond(self, actions: Iterable[str], group: str, **facts: str) -> CheckResult | None:
        """Whether it may do these on another group, too, or on one whose name begins like this one's."""
        for key, other in (("too-open", _FOREIGN), ("neighbour", f"{group}-archive")):
            if allowed := self.may(actions, other):
                return not_yet(key, actions=listed(allowed), **{**facts, "group": other})
        return None

    def other_policies(self, *own: str) -> list[str]:
        """Its policies, inline and managed, beside its own: by default those that lessons 03 and 04 write."""
        iam, lab = self._account.client("iam"), self._account.lab
        attached = iam.list_attached_role_policies(RoleName=self.name)["AttachedPolicies"]
        held = [*iam.list_role_policies(RoleName=self.name)["PolicyNames"], *(one["PolicyName"] for one in attached)]
        lessons = {lab.name(short) for short in own or ("flow-logs-write", "formats-write")}
        return [policy for policy in held if policy not in lessons]
