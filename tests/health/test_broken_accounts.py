"""Twenty accounts, each broken in one way: exactly that finding. The healthy one, and what nearly breaks it: none."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from helpers.health import Thresholds, examine
from tests.health.accounts import (
    ACCOUNT,
    ACL_DB,
    APP_A,
    CLIENT_A,
    DB_B,
    GROUP,
    LOG_A,
    LOG_B,
    NOW,
    PEERING,
    REJECTED_ANSWER,
    ROLE,
    SUBNET_A,
    TABLE_A,
    TABLE_DB,
    VPC_A,
    Change,
    alarm,
    answers,
    course,
    flow_log,
    group,
    interface,
    item,
    later,
    line,
    metric_filter,
    requests,
    route,
    rule,
    saved_query,
    statement,
    trust,
    without_flow_log,
    without_stream,
)

# What each broken account must give: check, severity, resource, and all rows of evidence.
EXPECTED = json.loads(Path(__file__).with_name("expected.json").read_text("utf-8"))
CONDITION = {"StringEquals": {"aws:SourceAccount": ACCOUNT}}
STRANGER = "arn:aws:ec2:us-east-1:999999999999:vpc-flow-log/fl-3c4bc6aa8d281f7bd"
WRITE = "statement 'WriteRecords' of policy demo-flow-logs-write"
SERVICE = "vpc-flow-logs.amazonaws.com"
OF_RECORDS = {"Namespace": "Mine", "MetricName": "Records", "Dimensions": []}
NO_METRIC = dict.fromkeys(("Namespace", "MetricName", "Dimensions", "TreatMissingData"))
REJECTED = {"FlowLogId": "fl-2", "TrafficType": "REJECT"}


def broken(case: str, check: str, severity: str, resource: str, evidence: dict[str, str], *changes: Change) -> Any:
    return pytest.param(changes, (check, severity, resource), evidence, id=case)


def filled(expression: str) -> list[dict[str, Any]]:
    """The metrics of an alarm on an expression of what arrives in the log group."""
    own = [{"Name": "LogGroupName", "Value": GROUP}]
    metric = {"Namespace": "AWS/Logs", "MetricName": "IncomingBytes", "Dimensions": own}
    return [{"Id": "m1", "MetricStat": {"Metric": metric}}, {"Id": "e1", "Expression": expression}]


def without_role(reading: dict[str, Any]) -> None:
    reading["roles"][ROLE] = None


def peering_gone(reading: dict[str, Any]) -> None:
    item(reading, "VpcPeeringConnectionId", PEERING)["Status"] = {"Code": "deleted"}


BROKEN = [
    broken(
        "delivery fails", "H1", "high", LOG_A, {"status": "FAILED", "error": "Access error", "log group": GROUP},
        flow_log(DeliverLogsStatus="FAILED", DeliverLogsErrorMessage="Access error"),
    ),
    broken(
        "an error beside success", "H1", "high", LOG_B,
        {"status": "SUCCESS", "error": "Rate limited", "log group": GROUP},
        flow_log(LOG_B, DeliverLogsErrorMessage="Rate limited"),
    ),
    broken(
        "records stopped", "H2", "high", GROUP, {"interface": CLIENT_A, "minutes since newest": "34"}, later,
    ),
    broken(
        "a VPC without a flow log", "H3", "high", VPC_A, {"interface": CLIENT_A, "subnet": SUBNET_A},
        without_flow_log(LOG_A),
    ),
    broken(
        "a flow log of one subnet", "H3", "high", VPC_A, {"interface": APP_A, "subnet": "subnet-de72d80d687a23398"},
        flow_log(ResourceId=SUBNET_A),
    ),
    broken(
        "no stream", "H3", "high", GROUP, {"interface": CLIENT_A, "subnet": SUBNET_A},
        later, line(CLIENT_A, "-", "-", status="NODATA", at=NOW + 1700), without_stream(CLIENT_A),
    ),
    broken(
        "rejected traffic alone", "H4", "medium", VPC_A, {"flow logs": LOG_A, "traffic": "REJECT", "interfaces": "2"},
        flow_log(TrafficType="REJECT"),
    ),
    broken(
        "everybody may assume", "H5", "high", ROLE, {"statement": "statement 1", "principal": f"AWS {ACCOUNT}"},
        trust(Principal={"Service": SERVICE, "AWS": ACCOUNT}),
    ),
    broken(
        "another service in its place, not yet noticed", "H7", "high", ROLE, {"flow log": LOG_A},
        trust(Principal={"Service": "cloudtrail.amazonaws.com"}),
    ),
    broken(
        "no source", "H5", "high", ROLE,
        {"condition": "aws:SourceArn", "still allowed": STRANGER},
        trust(Condition=CONDITION),
    ),
    broken(
        "a managed group", "H6", "low", ROLE,
        {"log group": GROUP, "tag": "ManagedBy", "allowed by": WRITE},
        group(tags={"ManagedBy": "terraform"}),
    ),
    broken(
        "every log group", "H7", "medium", ROLE,
        {"action": "logs:PutLogEvents", "allowed by": WRITE},
        statement(Resource="*"),
    ),
    broken(
        "the next delivery fails", "H7", "high", ROLE, {"flow log": LOG_A},
        statement(Resource=f"arn:aws:logs:us-east-1:{ACCOUNT}:log-group:{GROUP}"),
    ),
    broken(
        "never expires", "H8", "low", GROUP, {"log group": GROUP, "stored bytes": "3856"}, group(retentionInDays=None),
    ),
    broken(
        "a week", "H8", "medium", GROUP, {"log group": GROUP, "retention in days": "7"}, group(retentionInDays=7),
    ),
    broken(
        "ten years", "H8", "low", GROUP, {"log group": GROUP, "retention in days": "3653"}, group(retentionInDays=3653),
    ),
    broken(
        "a query that the class refuses", "H9", "medium", GROUP, {"query": "mine", "commands": "unmask pattern"},
        group(logGroupClass="INFREQUENT_ACCESS"), saved_query("fields unmask(@message) as m | pattern m"),
    ),
    broken(
        "skipped records", "H10", "medium", GROUP, {"interface": DB_B, "skipped records": "1"},
        line(DB_B, "-", "-", status="SKIPDATA"),
    ),
    broken(
        "somebody came in", "H11", "high", "sg-c1cc93b6ab51bf380",
        {"interface": CLIENT_A, "source": "198.51.100.7", "port": "22", "packets": "3"},
        rule("0.0.0.0/0", 22, 22), line(CLIENT_A, "198.51.100.7", "10.1.0.10"),
    ),
    broken(
        "open and silent", "H11", "medium", "sg-c1cc93b6ab51bf380",
        {"rule": "tcp 3389 from 0.0.0.0/0", "interfaces": "1"},
        rule("0.0.0.0/0", 3389, 3389),
    ),
    broken(
        "no route back", "H13", "high", TABLE_DB,
        {"interface": DB_B, "source": "10.2.1.10", "destination": "10.1.0.10", "packets": "3"},
        route(TABLE_DB, "10.1.0.0/16"), line(DB_B, "10.2.1.10", "10.1.0.10", "80 50001"),
    ),
    broken(
        "a route removed", "H13", "low", TABLE_A,
        {"route of": "rtb-cb632ac717e599c6f", "route": f"10.1.0.0/16 -> {PEERING}"},
        route(TABLE_A, "10.2.0.0/16"),
    ),
    broken(
        "a route to nowhere", "H13", "low", TABLE_A,
        {"route": "10.9.0.0/16 -> pcx-1 (blackhole)", "state": "blackhole"},
        lambda reading: item(reading, "RouteTableId", TABLE_A)["Routes"].append(
            {"DestinationCidrBlock": "10.9.0.0/16", "VpcPeeringConnectionId": "pcx-1", "State": "blackhole"}
        ),
    ),
    broken(
        "a network ACL that rejects answers", "H13", "high", ACL_DB,
        {"interface": DB_B, "source": "10.2.1.10", "destination": "10.1.0.10", "packets": "3"},
        answers(), line(DB_B, "10.1.0.10", "10.2.1.10", "50001 80"), REJECTED_ANSWER,
    ),
    broken(
        "a field that no record has", "H14", "medium", GROUP,
        {"query": "mine", "log group": GROUP, "missing": "tcp-flags"},
        saved_query("filter action = 'REJECT' | stats count(*) as n by srcAddr, tcpFlags"),
    ),
    broken(
        "an alarm on another log group", "H16", "low", GROUP, {"log group": GROUP, "alarms on it": "0"},
        alarm(Dimensions=[{"Name": "LogGroupName", "Value": "/other"}]),
    ),
    broken(
        "alarms on the whole account and on a metric of nobody", "H16", "low", GROUP,
        {"log group": GROUP, "alarms on it": "0"},
        alarm(Dimensions=[]), alarm(**OF_RECORDS),
    ),
    broken(
        "an alarm for which silence is good", "H16", "low", GROUP, {"alarm": "silence", "state without records": "OK"},
        alarm(TreatMissingData="notBreaching"),
    ),
    broken(
        "alarms that tell nobody", "H16", "low", GROUP,
        {"alarm": "a", "state without records": "ALARM", "actions in it": "0", "actions enabled": "True"},
        alarm("a", AlarmActions=[]), alarm("b", ActionsEnabled=False),
    ),
    broken(
        "an alarm that only lacks data", "H16", "low", GROUP,
        {"alarm": "silence", "state without records": "INSUFFICIENT_DATA", "actions in it": "0"},
        alarm(TreatMissingData=None),
    ),
    broken(
        "a metric filter's alarm that keeps its state", "H16", "low", GROUP,
        {"alarm": "silence", "state without records": "the state that it has"},
        metric_filter, alarm(**OF_RECORDS, TreatMissingData="ignore"),
    ),
    broken(
        "a filled series that is compared the other way", "H16", "low", GROUP,
        {"alarm": "silence", "state without records": "OK"},
        alarm(Metrics=filled("FILL(m1, 0)"), **NO_METRIC, ComparisonOperator="GreaterThanThreshold"),
    ),
]  # fmt: skip


@pytest.mark.parametrize(("changes", "expected", "evidence"), BROKEN)
def test_a_broken_account_has_exactly_its_finding(
    request: pytest.FixtureRequest,
    changes: tuple[Change, ...],
    expected: tuple[str, str, str],
    evidence: dict[str, str],
) -> None:
    report = examine(course(*changes))
    assert [(found.id, found.severity, found.resource) for found in report.at_least("low")] == [expected]
    [finding] = report.at_least("low")
    assert [*expected, [dict(row) for row in finding.evidence]] == EXPECTED[request.node.callspec.id]
    assert dict(finding.evidence[0]).items() >= evidence.items()
    assert finding.fix and finding.blind_spot and finding.controls and "{" not in finding.says + finding.fix


def test_each_case_is_expected() -> None:
    assert EXPECTED.keys() == {case.id for case in BROKEN} and len(EXPECTED) >= 20


def test_the_course_is_green() -> None:
    report = examine(course())
    assert report.at_least("low") == () and {found.id for found in report.findings} == {"H12", "H15"}
    assert {outcome.status for outcome in report.outcomes} == {"ok", "found", "not used here"}


NEAR = {
    "a young interface without records": (
        later, interface(CLIENT_A, Attachment={"AttachTime": "2026-01-05T09:30:00+00:00"}),
    ),
    "an interface of nobody": (
        without_flow_log(LOG_A),
        interface(CLIENT_A, Status="available", Attachment=None),
        interface(APP_A, Status="available", Attachment=None),
    ),
    "two flow logs that together record all": (
        flow_log(TrafficType="ACCEPT"),
        lambda reading: reading["flow_logs"].append(reading["flow_logs"][0] | REJECTED),
    ),
    "a trust policy that names one flow log": (
        trust(Condition=CONDITION | {"ArnLike": {"aws:SourceArn": f"arn:aws:ec2:us-east-1:{ACCOUNT}:*"}}),
    ),
    "a managed group that the role cannot create": (
        group(tags={"ManagedBy": "terraform"}),
        statement(Action=["logs:CreateLogStream", "logs:PutLogEvents"]),
    ),
    "retention at the limit": (group(retentionInDays=1827),),
    "what a cheap class refuses, on the standard class": (saved_query("filterIndex srcAddr | pattern @message"),),
    "a column by the name of a command, on a cheap class": (
        group(logGroupClass="INFREQUENT_ACCESS"), saved_query("stats count(*) as pattern by srcAddr | sort pattern"),
    ),
    "an open web port that is used": (
        rule("0.0.0.0/0", 443, 443), line(CLIENT_A, "198.51.100.7", "10.1.0.10", "50000 443"),
    ),
    "the answer of a public server": (line(CLIENT_A, "198.51.100.7", "10.1.0.10", "443 50000"),),
    "ping from everywhere": (rule("0.0.0.0/0", -1, -1, "icmp"),),
    "an answer that a network ACL rejected before it was repaired": (
        line(DB_B, "10.1.0.10", "10.2.1.10", "50001 80"), REJECTED_ANSWER,
    ),
    "a connection that a network ACL ended in both directions": (
        answers(), requests(), line(DB_B, "10.1.0.10", "10.2.1.10", "50001 80"), REJECTED_ANSWER,
    ),
    "a request that is rejected, by the port of an earlier answer": (
        requests(), line(DB_B, "10.2.1.10", "10.1.0.10", "80 50001"),
        line(DB_B, "10.1.0.10", "10.2.1.10", "50001 80", action="REJECT"),
    ),
    "a packet that did not arrive, and routes in order": (line(DB_B, "10.2.1.10", "10.1.0.10", "80 50001"),),
    "a query that names its own columns": (
        saved_query("parse @message '* *' as region, tcpFlags | stats count(*) by region"),
    ),
    "an alarm on silence, among others": (alarm(), alarm("b", AlarmActions=[])),
    "an alarm whose lack of data is told": (alarm(TreatMissingData=None, InsufficientDataActions=["arn"]),),
    "an alarm on a filled series": (alarm(Metrics=filled("FILL( m1 ,0) / 60"), **NO_METRIC),),
    "an alarm on a metric filter": (metric_filter, alarm(**OF_RECORDS)),
    "an alarm that a composite alarm hears": (
        alarm("a.b", AlarmActions=[]),
        alarm("both", AlarmRule='ALARM("other") OR ALARM( "a.b" )', **NO_METRIC),
    ),
    "an alarm on a query": (
        alarm(**NO_METRIC, ScheduledQueryConfiguration={"LogGroupIdentifiers": [f"arn:aws:logs:::log-group:{GROUP}"]}),
    ),
    "a default VPC in which nothing runs": (lambda reading: reading["network"]["Vpcs"].append({"VpcId": "vpc-9"}),),
}  # fmt: skip


@pytest.mark.parametrize("changes", NEAR.values(), ids=NEAR)
def test_a_near_miss_stays_green(changes: tuple[Change, ...]) -> None:
    assert [str(found) for found in examine(course(*changes)).at_least("low")] == []


def test_the_cause_of_a_failed_delivery_is_in_its_evidence() -> None:
    failing = flow_log(DeliverLogsStatus="FAILED", DeliverLogsErrorMessage="Access error")
    untrusted = trust(Condition={"StringEquals": {"aws:SourceAccount": "210987654321"}})
    [finding] = examine(course(failing, untrusted, flow_log(LOG_B, FlowLogStatus="DELETING"))).outcome("H1").findings
    assert "sts:AssumeRole fails" in dict(finding.evidence[1])["cause"]
    [finding] = examine(course(failing, without_role)).outcome("H1").findings
    assert dict(finding.evidence[1])["cause"] == f"There is no role {ROLE}."


def test_a_role_that_accounts_too_may_assume_is_found_whether_or_not_it_delivers() -> None:
    others = trust(Principal={"Service": "cloudtrail.amazonaws.com", "AWS": "210987654321"})
    assert {found.id for found in examine(course(others)).at_least("low")} == {"H5", "H7"}


def test_a_peering_that_is_gone_explains_what_did_not_arrive() -> None:
    lost = line(DB_B, "10.2.1.10", "10.1.0.10", "80 50001")
    assert not examine(course(lost)).outcome("H13").findings
    [finding] = examine(course(lost, peering_gone)).outcome("H13").findings
    assert (finding.severity, finding.resource) == ("high", TABLE_DB) and "leads nowhere" in finding.says


@pytest.mark.parametrize(
    ("changes", "thresholds"),
    [
        ((group(retentionInDays=7),), Thresholds(retention_min_days=7)),
        ((flow_log(TrafficType="REJECT"),), Thresholds(traffic="REJECT")),
        ((later,), Thresholds(stale_minutes=45)),
        ((rule("0.0.0.0/0", 3389, 3389),), Thresholds(authorized_ports=(3389,))),
        ((line(DB_B, "-", "-", status="SKIPDATA"),), Thresholds(skipped_share=0.1)),
    ],
)
def test_thresholds_are_parameters(changes: tuple[Change, ...], thresholds: Thresholds) -> None:
    assert examine(course(*changes)).at_least("low")
    assert not examine(course(*changes), thresholds).at_least("low")


@pytest.mark.parametrize(
    "given",
    [
        {"most_rows": 0.5},
        {"most_rows": True},
        {"stale_minutes": None},
        {"authorized_ports": "80"},
        {"managed_tags": (5,)},
    ],
)
def test_a_threshold_of_another_type_is_refused_in_a_sentence(given: dict[str, Any]) -> None:
    [(name, value)] = given.items()
    with pytest.raises(ValueError, match=rf"^{name} takes .*, not {re.escape(repr(value))}$"):
        Thresholds(**{name: value})


@pytest.mark.parametrize(
    "kind", ["FlowLogs", "NetworkInterfaces", "logGroups", "logStreams", "events", "roles", "tags", "alarms"]
)
def test_what_was_not_read_is_never_in_order(kind: str) -> None:
    emptied = {"FlowLogs": "flow_logs", "logGroups": "log_groups", "logStreams": "log_streams"}.get(kind, kind)
    reading = course()
    for place in (reading, reading["network"]):
        if emptied in place:
            place[emptied] = type(place[emptied])()
    reading["unread"] = {kind: "AccessDenied"}
    report = examine(reading)
    assert report.at_least("low") == ()
    hidden = [outcome for outcome in report.outcomes if outcome.status == "not evaluated"]
    assert hidden and all("AccessDenied" in outcome.reason for outcome in hidden)
    before = {outcome.id: outcome.status for outcome in examine(course()).outcomes}
    others = {outcome.id for outcome in report.outcomes} - {outcome.id for outcome in hidden}
    assert all(report.outcome(id_).status == before[id_] for id_ in others)


def test_only_the_chosen_vpcs_are_judged() -> None:
    reading = course(flow_log(TrafficType="REJECT"))
    assert examine(reading, vpcs=[VPC_A]).at_least("low")
    assert not examine(reading, vpcs=["vpc-934b8cfcff3695ba2"]).at_least("low")


def test_fields_of_other_formats_are_read_with_the_stream() -> None:
    def shortened(reading: dict[str, Any]) -> None:
        for log in reading["flow_logs"]:
            log["LogFormat"] = "${srcaddr} ${action} ${log-status}"
        reading["events"][GROUP]["lines"] = [[NOW * 1000, f"{DB_B}-all", "- - SKIPDATA"], [NOW * 1000, "x", "a b c d"]]

    [finding] = examine(course(shortened)).outcome("H10").findings
    assert dict(finding.evidence[0]) == {"interface": DB_B, "skipped records": "1"}
