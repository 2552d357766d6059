"""The course's network after lesson 05, as the sandbox was read, and one change to it at a time."""

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

Reading = dict[str, Any]
Change = Callable[[Reading], None]
FILE = Path(__file__).with_name("course.json")
_COURSE = json.loads(FILE.read_text("utf-8"))["readings"][0]
for _log in _COURSE["flow_logs"]:
    _log["CreationTime"] = "2026-01-05T08:01:18+00:00"  # an hour before it was made: what is silent by now is silent
ACCOUNT, GROUP = "123456789012", "/demo/vpc-flow-logs"
VPC_A, VPC_B = "vpc-745689ec1ba2e0efb", "vpc-934b8cfcff3695ba2"
LOG_A, LOG_B = "fl-3c4bc6aa8d281f7bd", "fl-80c2716af55dc9a02"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/demo-flow-logs"
CLIENT_A, APP_A, WEB_B, DB_B = (
    *("eni-43f1437f9f548d0fb", "eni-7da3f1e508976bdad"),
    *("eni-08674012591f4a63f", "eni-2f2eb6c741b34a588"),
)
SUBNET_A, TABLE_A, TABLE_DB = "subnet-a69c699a6d14ca4b6", "rtb-6cfbe41a90ea62251", "rtb-647c3992cc20be968"
ACL_DB = "acl-3cc3f16c82763abb3"
PEERING = "pcx-b37117641f56e53b8"
NOW = 1767604110  # of the reading, in epoch seconds
LATER = "2026-01-05T09:40:30+00:00"  # what is missing now is too late


def course(*changes: Change) -> Reading:
    """The course's reading of its own, with these changes."""
    reading: Reading = copy.deepcopy(_COURSE)
    for change in changes:
        change(reading)
    return reading


def item(reading: Reading, key: str, value: str) -> dict[str, Any]:
    """The flow log, or the part of the network, that has an id."""
    listed = [*reading["flow_logs"], *(part for parts in reading["network"].values() for part in parts)]
    return next(part for part in listed if part.get(key) == value)


def flow_log(name: str = LOG_A, **values: Any) -> Change:
    return lambda reading: item(reading, "FlowLogId", name).update(values)


def without_flow_log(name: str) -> Change:
    def change(reading: Reading) -> None:
        reading["flow_logs"] = [log for log in reading["flow_logs"] if log["FlowLogId"] != name]

    return change


def group(**values: Any) -> Change:
    def change(reading: Reading) -> None:
        described = reading["log_groups"][0]
        described.update(values)
        for name in [name for name, value in values.items() if value is None]:
            del described[name]

    return change


def trust(**values: Any) -> Change:
    return lambda reading: reading["roles"][ROLE]["trust"]["Statement"][0].update(values)


def statement(**values: Any) -> Change:
    return lambda reading: reading["roles"][ROLE]["policies"]["demo-flow-logs-write"]["Statement"][0].update(values)


def later(reading: Reading) -> None:
    """Half an hour passed, in which every interface but client-a's had records."""
    reading["read_at"] = LATER
    for interface in (APP_A, WEB_B, DB_B):
        line(interface, "-", "-", status="NODATA", at=NOW + 1700)(reading)


def line(
    interface: str,
    source: str,
    target: str,
    ports: str = "50000 22",
    *,
    status: str = "OK",
    at: int = NOW - 1200,
    action: str = "ACCEPT",
) -> Change:
    """One more record, accepted or not, of one minute of TCP that ends at ``at``, or one without data."""
    ends = f"{source} {target} {ports} 6 3 180" if status == "OK" else "- - - - - - -"
    text = f"2 {ACCOUNT} {interface} {ends} {at - 60} {at} {action if status == 'OK' else '-'} {status}"
    return lambda reading: reading["events"][GROUP]["lines"].append([(at - 60) * 1000, f"{interface}-all", text])


def rule(source: str, first: int, last: int, protocol: str = "tcp") -> Change:
    """One more inbound rule of the security group of client-a."""
    permission = {"IpProtocol": protocol, "FromPort": first, "ToPort": last, "IpRanges": [{"CidrIp": source}]}
    return lambda reading: item(reading, "GroupName", "demo-sg-public-a")["IpPermissions"].append(permission)


def answers() -> Change:
    """The network ACL of db-b lets out ping alone, and so no answer of its web server."""
    return lambda reading: _entry(reading, egress=True).update(Protocol="1", IcmpTypeCode={"Type": -1, "Code": -1})


def requests() -> Change:
    """The same for what comes in."""
    return lambda reading: _entry(reading, egress=False).update(Protocol="1", IcmpTypeCode={"Type": -1, "Code": -1})


def _entry(reading: Reading, egress: bool) -> dict[str, Any]:
    entries = item(reading, "NetworkAclId", ACL_DB)["Entries"]
    return next(entry for entry in entries if entry["RuleNumber"] == 100 and entry["Egress"] is egress)


REJECTED_ANSWER = line(DB_B, "10.2.1.10", "10.1.0.10", "80 50001", action="REJECT")


def route(table: str, destination: str, **values: Any) -> Change:
    """Change a route; without values, remove it."""

    def change(reading: Reading) -> None:
        routes = item(reading, "RouteTableId", table)["Routes"]
        chosen = next(entry for entry in routes if entry["DestinationCidrBlock"] == destination)
        chosen.update(values)
        if not values:
            routes.remove(chosen)

    return change


def saved_query(text: str) -> Change:
    query = {"name": "mine", "queryString": text, "logGroupNames": [GROUP]}
    return lambda reading: reading["saved_queries"].append(query)


def alarm(name: str = "silence", **values: Any) -> Change:
    """One more alarm, on what arrives in the log group, with an action; None takes a value away."""
    described = {
        "AlarmName": name,
        "ActionsEnabled": True,
        "AlarmActions": [f"arn:aws:sns:us-east-1:{ACCOUNT}:alarms"],
        "InsufficientDataActions": [],
        "Namespace": "AWS/Logs",
        "MetricName": "IncomingLogEvents",
        "Dimensions": [{"Name": "LogGroupName", "Value": GROUP}],
        "ComparisonOperator": "LessThanThreshold",
        "Threshold": 1.0,
        "TreatMissingData": "breaching",
    } | values
    kept = {key: value for key, value in described.items() if value is not None}
    return lambda reading: reading["alarms"].append(kept)


def metric_filter(reading: Reading) -> None:
    """The log group has a metric filter, which makes the metric ``Mine Records``."""
    made = {"metricNamespace": "Mine", "metricName": "Records", "metricValue": "1"}
    reading["metric_filters"].append({"filterName": "f", "logGroupName": GROUP, "metricTransformations": [made]})


def interface(name: str, **values: Any) -> Change:
    return lambda reading: item(reading, "NetworkInterfaceId", name).update(values)


def without_stream(name: str) -> Change:
    def change(reading: Reading) -> None:
        streams = reading["log_streams"][GROUP]
        reading["log_streams"][GROUP] = [part for part in streams if not part["logStreamName"].startswith(name)]

    return change
