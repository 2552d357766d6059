"""What a check may look at: the learner's account through ordinary calls, and the value they gave. Read-only."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from helpers.flowlogs import read_table
from helpers.lab import Lab
from helpers.lab.query_run import run_query
from helpers.lessons.the_lab import MACHINES
from helpers.network import GroupRule, NetworkAcl, Packet, read_acl, read_rule

if TYPE_CHECKING:
    import pandas as pd

QUERY_SECONDS = 300


@dataclass(frozen=True, slots=True)
class CheckResult:
    """What a check found. ``key`` names a message of the exercise, or of ``common.toml``; ``facts`` fill its gaps."""

    outcome: str
    key: str
    facts: Mapping[str, Any] = field(default_factory=dict)


def done() -> CheckResult:
    """The exercise is solved: its explanation is shown."""
    return CheckResult("done", "done")


def not_yet(key: str, **facts: Any) -> CheckResult:
    """Something is there, and it is not what was asked for: message ``key``, with ``{facts}`` filled in."""
    return CheckResult("not yet", key, facts)


def not_attempted(key: str = "untouched", **facts: Any) -> CheckResult:
    """Nothing was done so far."""
    return CheckResult("not attempted", key, facts)


class CheckEnded(Exception):
    """Ends a check with a result from wherever it was reached."""

    def __init__(self, result: CheckResult) -> None:
        super().__init__(result.key)
        self.result = result


class AccountView:
    """One look at the account for one check.

    ``answer`` is the value that the learner's cell gave the exercise's variable. The methods end the check by
    themselves, with a sentence about what to do next, where something is missing that the lesson should have made
    or where AWS refuses the learner's query.
    """

    def __init__(self, lab: Lab, answer: Any = None) -> None:
        self.lab = lab
        self.answer = answer
        self.log_group = f"/{lab.prefix}/vpc-flow-logs"

    def client(self, service: str) -> Any:
        """A client of the lab's account. Checks only call what describes, lists, gets, queries and simulates."""
        return self.lab.client(service)

    def needs_own_role(self) -> None:
        """End the check where the learner's roles are given: what it looks for is made or changed in a role."""
        if self.lab.given_roles:
            raise CheckEnded(not_attempted("roles-given"))

    def resource_id(self, kind: str, name: str) -> str:
        """The id of a resource that the lessons made; ends the check with ``missing`` where there is none."""
        found = self.lab.find(kind, name)
        if found is None:
            raise CheckEnded(not_yet("missing", kind=kind.replace("-", " "), name=self.lab.name(name)))
        return found

    def groups(self, prefix: str) -> dict[str, dict[str, Any]]:
        """The log groups whose names begin so, as described, by name."""
        pages = self.client("logs").get_paginator("describe_log_groups").paginate(logGroupNamePrefix=prefix)
        return {group["logGroupName"]: group for page in pages for group in page["logGroups"]}

    def group(self) -> dict[str, Any]:
        """The course's log group as described; ends the check with ``missing`` where there is none."""
        found = self.groups(self.log_group).get(self.log_group)
        if found is None:
            raise CheckEnded(not_yet("missing", kind="log group", name=self.log_group))
        return found

    def group_tags(self, group: Mapping[str, Any]) -> dict[str, str]:
        """The tags of a described log group."""
        arn = group["arn"].removesuffix(":*")
        return dict(self.client("logs").list_tags_for_resource(resourceArn=arn)["tags"])

    def tags_amiss(self, tags: Mapping[str, str]) -> list[str]:
        """Which of the tags that a clean-up goes by are missing here, or name another lab."""
        wanted = self.lab.tag_dict("any")
        return [key for key in ("Project", "Lab") if tags.get(key) != wanted[key]]

    def rules(self, group_name: str) -> list[GroupRule]:
        """The rules of one of the lab's security groups (``sg-public-b``), in both directions."""
        filters = [{"Name": "group-id", "Values": [self.resource_id("security-group", group_name)]}]
        pages = self.client("ec2").get_paginator("describe_security_group_rules").paginate(Filters=filters)
        return [read_rule(row) for row in pages.search("SecurityGroupRules[]")]

    def acl(self, name: str) -> NetworkAcl:
        """One of the lab's network ACLs."""
        acl = self.resource_id("network-acl", name)
        return read_acl(self.client("ec2").describe_network_acls(NetworkAclIds=[acl])["NetworkAcls"][0])

    @cached_property
    def instances(self) -> Mapping[str, str]:
        """Network interface id -> the short name of the instance that it belongs to (``client-a``)."""
        pages = self.client("ec2").get_paginator("describe_instances").paginate(Filters=self.lab.tag_filters())
        found = {}
        for instance in pages.search("Reservations[].Instances[]"):
            tags = {tag["Key"]: tag["Value"] for tag in instance["Tags"]}
            for interface in instance.get("NetworkInterfaces", ()):  # a terminated instance has none any more
                found[interface["NetworkInterfaceId"]] = tags.get("Name", "").removeprefix(f"{self.lab.prefix}-")
        return found

    @cached_property
    def interfaces(self) -> Mapping[str, str]:
        """Private address -> the network interface that holds it in the lab's own VPCs (others may, too)."""
        vpcs = {self.resource_id("vpc", name) for name in ("vpc-a", "vpc-b")}
        inside = [interface for interface in self.lab.topology().interfaces if interface.vpc_id in vpcs]
        return {address: interface.id for interface in inside for address in interface.private}

    def packet(self, source: str, target: str, protocol: int, **fields: Any) -> Packet:
        """A packet that the lab's instance at this private address sends."""
        sender = self.interfaces.get(source)
        if sender is None:
            raise CheckEnded(not_yet("missing", kind="instance", name=self.lab.name(MACHINES.get(source, source))))
        return Packet(source, target, protocol, **fields, source_interface=sender)

    def lines(self, pattern: str = "", *, stream: str = "", since: float = 0) -> list[str]:
        """The messages of the course's log group, oldest first. ``since`` is in epoch seconds."""
        where: dict[str, Any] = {"logGroupName": self.group()["logGroupName"], "startTime": int(since * 1000)}
        where |= {"filterPattern": pattern} if pattern else {}
        where |= {"logStreamNamePrefix": stream} if stream else {}
        pages = self.client("logs").get_paginator("filter_log_events").paginate(**where)
        return list(pages.search("events[].message"))

    def records(self, pattern: str = "", *, since: float = 0) -> "pd.DataFrame":
        """The same as a typed table, a column per field, with ``line`` and ``instance`` beside them."""
        lines = self.lines(pattern, since=since)
        table = read_table(lines).assign(line=lines)
        return table.assign(instance=table.interface_id.map(dict(self.instances)).astype("str"))

    def query(self, text: Any, *, since: float | None = None, until: float | None = None) -> list[dict[str, str]]:
        """Run a Logs Insights query over the course's log group: a dictionary per row, without ``@ptr``.

        The range is from the group's creation until now unless given in epoch seconds. Ends the check with
        ``query-type``, ``query-refused`` or ``query-failed`` where it gives no rows to look at.
        """
        if not isinstance(text, str):
            raise CheckEnded(not_yet("query-type", kind=type(text).__name__))
        group = self.group()
        start = int(group["creationTime"] / 1000 if since is None else since)
        end = int(self.lab.now().timestamp() if until is None else until)
        reply = self.run_query(text, start, end)
        return [{p["field"]: p["value"] for p in row if p["field"] != "@ptr"} for row in reply["results"]]

    def run_query(self, text: str, start: int, end: int) -> dict[str, Any]:
        """A query over the course's log group to its end, as GetQueryResults gives it, with its statistics.

        The range is in epoch seconds. Ends the check with ``query-refused``, ``query-failed``, or ``query-case`` where
        it names a field in another letter case.
        """
        from helpers.insights import case_remarks  # takes half a second to load

        query = {"logGroupName": self.log_group, "startTime": start, "endTime": end, "queryString": text}
        try:
            reply = run_query(self.lab, QUERY_SECONDS, **query)
        except ClientError as refusal:
            raise CheckEnded(not_yet("query-refused", answer=refusal.response["Error"]["Message"])) from refusal
        if reply["status"] != "Complete":
            raise CheckEnded(not_yet("query-failed", status=reply["status"]))
        shown = {pair["field"] for row in reply["results"] for pair in row}
        if remarks := case_remarks(text, shown):
            raise CheckEnded(not_yet("query-case", remarks=" ".join(remarks)))
        return reply


def commands_sent(lab: Lab, name: str) -> list[dict[str, Any]]:
    """What Run Command was asked to type on one of the lab's instances, oldest first, with its output.

    Empty where there is no such instance. Systems Manager remembers for thirty days.
    """
    instance = lab.find("instance", name)
    if instance is None:
        return []
    pages = lab.client("ssm").get_paginator("list_command_invocations").paginate(InstanceId=instance, Details=True)
    return sorted(pages.search("CommandInvocations[]"), key=lambda invocation: invocation["RequestedDateTime"])


def listed(names: Iterable[str]) -> str:
    """Names in a sentence, each in backticks, with commas between."""
    return ", ".join(f"`{name}`" for name in sorted(names))


def as_number(value: Any) -> float | None:
    """A finite number of whatever type; None for a text, for True and False, and for what is no number."""
    if isinstance(value, str | bytes | bool):
        return None
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None


def numbers(rows: Iterable[Mapping[str, str]], column: str) -> list[float]:
    """A column of query results as numbers; rows without one are left out."""
    found = []
    for row in rows:
        try:
            found.append(float(row.get(column, "")))
        except ValueError:
            continue
    return found
