"""What a check may look at: the learner's account through ordinary calls, and the value they gave. Read-only."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from helpers.flowlogs import read_table
from helpers.lab import Lab

if TYPE_CHECKING:
    import pandas as pd

QUERY_SECONDS = 300


@dataclass(frozen=True, slots=True)
class Judgement:
    """What a check found. ``key`` names a message of the exercise, or of ``common.toml``; ``facts`` fill its gaps."""

    outcome: str
    key: str
    facts: Mapping[str, Any] = field(default_factory=dict)


def done() -> Judgement:
    """The exercise is solved: its explanation is shown."""
    return Judgement("done", "done")


def not_yet(key: str, **facts: Any) -> Judgement:
    """Something is there, and it is not what was asked for: message ``key``, with ``{facts}`` filled in."""
    return Judgement("not yet", key, facts)


def not_attempted(key: str = "untouched", **facts: Any) -> Judgement:
    """Nothing was done so far."""
    return Judgement("not attempted", key, facts)


class Stop(Exception):
    """Ends a check with a judgement from wherever it was reached."""

    def __init__(self, judgement: Judgement) -> None:
        super().__init__(judgement.key)
        self.judgement = judgement


class Scene:
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

    def one(self, kind: str, name: str) -> str:
        """The id of a resource that the lessons made; ends the check with ``missing`` where there is none."""
        found = self.lab.find(kind, name)
        if found is None:
            raise Stop(not_yet("missing", kind=kind.replace("-", " "), name=self.lab.name(name)))
        return found

    def groups(self, prefix: str) -> dict[str, dict[str, Any]]:
        """The log groups whose names begin so, as described, by name."""
        pages = self.client("logs").get_paginator("describe_log_groups").paginate(logGroupNamePrefix=prefix)
        return {group["logGroupName"]: group for page in pages for group in page["logGroups"]}

    def group(self) -> dict[str, Any]:
        """The course's log group as described; ends the check with ``missing`` where there is none."""
        found = self.groups(self.log_group).get(self.log_group)
        if found is None:
            raise Stop(not_yet("missing", kind="log group", name=self.log_group))
        return found

    def group_tags(self, group: Mapping[str, Any]) -> dict[str, str]:
        """The tags of a described log group."""
        arn = group["arn"].removesuffix(":*")
        return dict(self.client("logs").list_tags_for_resource(resourceArn=arn)["tags"])

    def tags_amiss(self, tags: Mapping[str, str]) -> list[str]:
        """Which of the tags that a clean-up goes by are missing here, or name another lab."""
        wanted = self.lab.tag_dict("any")
        return [key for key in ("Project", "Lab") if tags.get(key) != wanted[key]]

    def rules(self, group_name: str) -> list[dict[str, Any]]:
        """The rules of one of the lab's security groups (``sg-public-b``), as DescribeSecurityGroupRules gives them."""
        filters = [{"Name": "group-id", "Values": [self.one("security-group", group_name)]}]
        pages = self.client("ec2").get_paginator("describe_security_group_rules").paginate(Filters=filters)
        return list(pages.search("SecurityGroupRules[]"))

    def entries(self, acl_name: str, *, egress: bool) -> list[dict[str, Any]]:
        """The entries of one of the lab's network ACLs in one direction, lowest number first, AWS's own last."""
        found = self.client("ec2").describe_network_acls(NetworkAclIds=[self.one("network-acl", acl_name)])
        entries = found["NetworkAcls"][0]["Entries"]
        return sorted((e for e in entries if e["Egress"] == egress), key=lambda entry: entry["RuleNumber"])

    @cached_property
    def machines(self) -> Mapping[str, str]:
        """Network interface id -> the short name of the machine that it belongs to (``client-a``)."""
        filters = [{"Name": "tag:Lab", "Values": [self.lab.prefix]}]
        pages = self.client("ec2").get_paginator("describe_instances").paginate(Filters=filters)
        found = {}
        for machine in pages.search("Reservations[].Instances[]"):
            tags = {tag["Key"]: tag["Value"] for tag in machine["Tags"]}
            for interface in machine.get("NetworkInterfaces", ()):  # a terminated machine has none any more
                found[interface["NetworkInterfaceId"]] = tags.get("Name", "").removeprefix(f"{self.lab.prefix}-")
        return found

    def lines(self, pattern: str = "", *, stream: str = "", since: float = 0) -> list[str]:
        """The messages of the course's log group, oldest first. ``since`` is in epoch seconds."""
        where: dict[str, Any] = {"logGroupName": self.group()["logGroupName"], "startTime": int(since * 1000)}
        where |= {"filterPattern": pattern} if pattern else {}
        where |= {"logStreamNamePrefix": stream} if stream else {}
        pages = self.client("logs").get_paginator("filter_log_events").paginate(**where)
        return list(pages.search("events[].message"))

    def records(self, pattern: str = "", *, since: float = 0) -> "pd.DataFrame":
        """The same as a typed table, a column per field, with ``line`` and ``machine`` beside them."""
        lines = self.lines(pattern, since=since)
        table = read_table(lines).assign(line=lines)
        return table.assign(machine=table.interface_id.map(dict(self.machines)).astype("str"))

    def query(self, text: Any, *, since: float | None = None, until: float | None = None) -> list[dict[str, str]]:
        """Run a Logs Insights query over the course's log group: a dictionary per row, without ``@ptr``.

        The range is from the group's creation until now unless given in epoch seconds. Ends the check with
        ``query-type``, ``query-refused`` or ``query-failed`` where it gives no rows to look at.
        """
        if not isinstance(text, str):
            raise Stop(not_yet("query-type", kind=type(text).__name__))
        group = self.group()
        start = int(group["creationTime"] / 1000 if since is None else since)
        end = int(self.lab.now().timestamp() if until is None else until)
        reply = self.run_query(text, start, end)
        return [{p["field"]: p["value"] for p in row if p["field"] != "@ptr"} for row in reply["results"]]

    def run_query(self, text: str, start: int, end: int) -> dict[str, Any]:
        """A query over the course's log group to its end, as GetQueryResults gives it, with its statistics.

        The range is in epoch seconds. Ends the check with ``query-refused`` or ``query-failed``.
        """
        logs, span = self.client("logs"), {"startTime": start, "endTime": end}
        try:
            query_id = logs.start_query(logGroupName=self.log_group, **span, queryString=text)["queryId"]
        except ClientError as refusal:
            raise Stop(not_yet("query-refused", answer=refusal.response["Error"]["Message"])) from refusal
        reply = self.lab.wait_until(lambda: _ended(logs, query_id), QUERY_SECONDS, "end of the query")
        if reply["status"] != "Complete":
            raise Stop(not_yet("query-failed", status=reply["status"]))
        return dict(reply)


def commands_sent(lab: Lab, machine: str) -> list[dict[str, Any]]:
    """What Run Command was asked to type on one of the lab's machines, oldest first, with its output.

    Empty where there is no such machine. Systems Manager remembers for thirty days.
    """
    instance = lab.find("instance", machine)
    if instance is None:
        return []
    pages = lab.client("ssm").get_paginator("list_command_invocations").paginate(InstanceId=instance, Details=True)
    return sorted(pages.search("CommandInvocations[]"), key=lambda one: one["RequestedDateTime"])


def listed(names: Iterable[str]) -> str:
    """Names in a sentence: ```a`, `b```."""
    return ", ".join(f"`{each}`" for each in sorted(names))


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


def _ended(logs: Any, query_id: str) -> Any:
    reply = logs.get_query_results(queryId=query_id)
    return reply if reply["status"] not in ("Scheduled", "Running") else None
