"""Small experiments that settle assumptions: each makes what it needs, looks, and writes down what it saw.

Everything carries the tags of the lab, so that its teardown removes all of it.
"""

import json
import re
import tomllib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from botocore.exceptions import ClientError

from helpers._data import data_path
from helpers.lab.connection import masked
from helpers.lab.lab import Lab
from helpers.lab.looks import code_of
from helpers.lab.query_run import run_query

_TIME = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3}")
_ACCOUNT = re.compile(r"\b\d{12}\b")
_SERVICE = {"Effect": "Allow", "Principal": {"Service": "vpc-flow-logs.amazonaws.com"}, "Action": "sts:AssumeRole"}
_TRUST = json.dumps({"Version": "2012-10-17", "Statement": [_SERVICE]})

_DENIED = "logs:CreateLogDelivery"


@dataclass(frozen=True, slots=True)
class Observation:
    """One question of an experiment: what was seen, and what the sandbox chose."""

    asked: str
    seen: str
    chosen: str

    @property
    def as_chosen(self) -> bool:
        return self.seen == self.chosen


def assumptions() -> dict[str, Mapping[str, str]]:
    """The entries of ``data/assumptions.toml`` by their ids."""
    entries = tomllib.loads(data_path("assumptions.toml").read_text("utf-8"))["assumption"]
    return {entry["id"]: entry for entry in entries}


def experiments() -> dict[str, Callable[[Lab], Iterator[Observation]]]:
    """The experiments by the ids of what they settle. Each raises what boto3 raises, and ``TimeoutError``."""
    asking = tomllib.loads(data_path("experiments.toml").read_text("utf-8"))["experiment"]
    found: dict[str, Callable[[Lab], Iterator[Observation]]] = {}
    found |= {each["assumption"]: partial(_queries, experiment=each) for each in asking}
    of_flow_logs = {"same-again": _same_again, "unsuccessful": _unsuccessful, "field-twice": _field_twice}
    of_flow_logs["delivery-denied"] = _delivery_denied
    return found | {f"flow-log-{name}": experiment for name, experiment in of_flow_logs.items()}


def _queries(lab: Lab, experiment: Mapping[str, Any]) -> Iterator[Observation]:
    """Put the events, wait until a query finds all of them, and ask."""
    logs, group = lab.client("logs"), f"/{lab.prefix}/{experiment['assumption']}"
    with lab.already("ResourceAlreadyExistsException"):
        logs.create_log_group(logGroupName=group, tags=lab.tag_dict(experiment["assumption"]))
        logs.create_log_stream(logGroupName=group, logStreamName="events")
        first = int(lab.now().timestamp() * 1000)  # no query finds what is older than its group
        events = [{"timestamp": first + at, "message": text} for at, text in enumerate(experiment["events"])]
        logs.put_log_events(logGroupName=group, logStreamName="events", logEvents=events)

    def answer(query: str, unit: int = 1) -> str:
        now, of = int(lab.now().timestamp()), {} if query.startswith("SOURCE") else {"logGroupName": group}
        times = {"startTime": (now - 3600) * unit, "endTime": (now + 60) * unit}
        try:
            reply = run_query(lab, 300, **of, **times, queryString=query.replace("{group}", group))
        except ClientError as refusal:
            return f"refused: {code_of(refusal)}"
        return " | ".join(map(_row, reply["results"]))

    everything = f"n={len(experiment['events'])}"
    lab.wait_until(lambda: answer("stats count(*) as n") == everything, 600, "events in a query")
    for ask in experiment["ask"]:
        in_ms = ask.get("milliseconds", False)
        asked = ask["query"] + (", with a range in milliseconds" if in_ms else "")
        yield Observation(asked, answer(ask["query"], 1000 if in_ms else 1), ask["chosen"])


def _row(cells: list[dict[str, str]]) -> str:
    shown = [f"{cell['field']}={cell['value']}" for cell in cells if cell["field"] != "@ptr"]
    return _TIME.sub("<time>", " ".join(shown))


def _same_again(lab: Lab) -> Iterator[Observation]:
    for change, chosen in (
        ({}, "created"),
        ({"TrafficType": "ALL"}, "refused: FlowLogAlreadyExists"),
        ({"TrafficType": "REJECT"}, "created"),
        ({"LogFormat": "${srcaddr} ${dstaddr}"}, "refused: FlowLogAlreadyExists"),
        ({"MaxAggregationInterval": 60}, "refused: FlowLogAlreadyExists"),
    ):
        asked = f"a flow log of one VPC to one log group, {change or 'the first'}"
        yield Observation(asked, _flow_log(lab, "same-again", ["one"], **change), chosen)


def _unsuccessful(lab: Lab) -> Iterator[Observation]:
    for vpcs, chosen in (
        (["one", "two"], "created"),
        (["one"], "refused: FlowLogAlreadyExists"),
        (["one", "two"], "Unsuccessful: FlowLogAlreadyExists, FlowLogAlreadyExists"),
    ):
        asked = f"the flow logs of {len(vpcs)} VPC(s), {'first' if chosen == 'created' else 'again'}"
        yield Observation(asked, _flow_log(lab, "unsuccessful", vpcs), chosen)


def _field_twice(lab: Lab) -> Iterator[Observation]:
    for fields, chosen in (
        ("${srcaddr} ${dstaddr}", "created"),
        ("${srcaddr} ${dstaddr} ${srcaddr}", "refused: InvalidParameter"),
    ):
        yield Observation(f"LogFormat {fields}", _flow_log(lab, "field-twice", ["one"], LogFormat=fields), chosen)


def _delivery_denied(lab: Lab) -> Iterator[Observation]:
    """The same caller with and without a Deny. It holds for DescribeVpcs, too, which shows when it takes effect."""
    iam, sts, name = lab.client("iam"), lab.client("sts"), lab.name("caller")
    who = {"AWS": sts.get_caller_identity()["Account"]}
    trust = {"Version": "2012-10-17", "Statement": [{**_SERVICE, "Principal": who}]}
    with lab.already("EntityAlreadyExists"):
        iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(trust), Tags=lab.tag_list("caller"))
    role = iam.get_role(RoleName=name)["Role"]["Arn"]
    making = ["ec2:CreateFlowLogs", "ec2:CreateTags", "ec2:DescribeVpcs", "iam:PassRole"]
    allow = {"Effect": "Allow", "Action": making, "Resource": "*"}
    deny = {"Effect": "Deny", "Action": [_DENIED, "ec2:DescribeVpcs"], "Resource": "*"}
    for vpc, statements in (("one", [allow]), ("two", [allow, deny])):
        document = json.dumps({"Version": "2012-10-17", "Statement": statements})
        iam.put_role_policy(RoleName=name, PolicyName=name, PolicyDocument=document)
        assume = partial(sts.assume_role, RoleArn=role, RoleSessionName="caller")
        issued = lab.wait_until(partial(_unless_refused, assume), 120, "way into the role")
        ec2 = lab.client("ec2", credentials=issued["Credentials"])
        in_force = partial(_in_force, ec2, denied=len(statements) > 1)
        lab.wait_until(in_force, 120, "effect of the policy")
        asked = f"a flow log to a log group, by a caller {'with' if statements[1:] else 'without'} the Deny"
        yield Observation(asked, _flow_log(lab, "delivery-denied", [vpc], ec2), "created")


def _in_force(ec2: Any, denied: bool) -> bool:
    return (_unless_refused(ec2.describe_vpcs) is None) == denied


def _unless_refused(call: Callable[[], Any]) -> Any:
    try:
        return call()
    except ClientError as refusal:
        if code_of(refusal) not in ("AccessDenied", "UnauthorizedOperation"):
            raise
        return None


def _flow_log(lab: Lab, group: str, vpcs: list[str], caller: Any = None, **change: Any) -> str:
    """Ask for flow logs of these VPCs, which are made where they are not there; how AWS answers.

    ``caller``: another EC2 client than the lab's own.
    """
    ec2, iam = caller or lab.client("ec2"), lab.client("iam")
    role = lab.name("flow-logs")
    if not lab.given_roles:
        with lab.already("EntityAlreadyExists"):
            iam.create_role(RoleName=role, AssumeRolePolicyDocument=_TRUST, Tags=lab.tag_list("flow-logs"))
    settings: dict[str, Any] = {
        "ResourceType": "VPC",
        "ResourceIds": [_vpc(lab, name) for name in vpcs],
        "TrafficType": "ALL",
        "LogGroupName": f"/{lab.prefix}/{group}",
        "DeliverLogsPermissionArn": iam.get_role(RoleName=role)["Role"]["Arn"],
        "TagSpecifications": lab.tag_spec("vpc-flow-log", group),
    }

    def asked() -> str:
        try:
            failures = ec2.create_flow_logs(**settings | change)["Unsuccessful"]
        except ClientError as refusal:
            if "Unable to assume given IAM role" in str(refusal):  # a new role is not known everywhere at once
                return ""
            return f"refused: {code_of(refusal)}"
        return f"Unsuccessful: {', '.join(each['Error']['Code'] for each in failures)}" if failures else "created"

    return lab.wait_until(asked, 120, "role that EC2 can assume")


def _vpc(lab: Lab, name: str) -> str:
    if found := lab.find("vpc", name):
        return found
    made = lab.client("ec2").create_vpc(CidrBlock="10.9.0.0/24", TagSpecifications=lab.tag_spec("vpc", name))
    return str(made["Vpc"]["VpcId"])


def as_form(lab: Lab, name: str, observations: list[Observation], problem: str = "") -> str:
    """The text for the form ``.github/ISSUE_TEMPLATE/assumption.yml``: its labels as headings, no account's id."""
    entry = assumptions()[name]
    verdict = "as chosen" if all(each.as_chosen for each in observations) else "differs"
    rows = [
        f"- {each.asked}\n  seen: {each.seen or 'no rows'}" + ("" if each.as_chosen else f"\n  chosen: {each.chosen}")
        for each in observations
    ]
    parts = {
        "Assumption": name,
        "Date and Region": f"{lab.now():%Y-%m-%d}, {lab.region}",
        "Result": f"not finished: {_ACCOUNT.sub(lambda id_: masked(id_[0]), problem)}" if problem else verdict,
        "What was assumed": entry["chosen"],
        "What was seen": "\n".join(rows) or "nothing",
    }
    return "\n\n".join(f"### {label}\n\n{text}" for label, text in parts.items())
