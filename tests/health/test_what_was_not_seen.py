"""What the records cannot show is not evaluated, and never in order; and what nearly is."""

from typing import Any

import pytest

from helpers.health import HealthReport, Thresholds, examine
from helpers.health.examination import words
from tests.health.accounts import (
    ACCOUNT,
    CLIENT_A,
    DB_B,
    GROUP,
    LOG_A,
    LOG_B,
    NOW,
    ROLE,
    TABLE_DB,
    VPC_A,
    VPC_B,
    Change,
    Reading,
    alarm,
    course,
    flow_log,
    group,
    interface,
    item,
    later,
    line,
    route,
    rule,
    saved_query,
    statement,
    trust,
    without_flow_log,
)
from tests.health.test_health_command import health, kept

OPEN = rule("0.0.0.0/0", 3389, 3389)
FAILED = (flow_log(LOG_A, DeliverLogsStatus="FAILED"), flow_log(LOG_B, DeliverLogsStatus="FAILED"))
REJECTED = {"FlowLogId": "fl-2", "TrafficType": "REJECT"}
BY_RECORDS = ("H10", "H11", "H12", "H13")


def unjudged(report: HealthReport, *ids: str) -> bool:
    return all(report.outcome(id_).status == "not evaluated" for id_ in ids) and set(ids) <= set(report.incomplete)


def no_lines(reading: Reading) -> None:
    reading["events"][GROUP]["lines"] = []


def without_records(name: str) -> Change:
    def change(reading: Reading) -> None:
        lines = reading["events"][GROUP]["lines"]
        reading["events"][GROUP]["lines"] = [entry for entry in lines if not entry[1].startswith(name)]

    return change


def everywhere(**values: Any) -> Change:
    def change(reading: Reading) -> None:
        for log in reading["flow_logs"]:
            log.update(values)

    return change


def elsewhere(kind: str) -> Change:
    """Both flow logs deliver to another service, so there is no log group to read."""

    def change(reading: Reading) -> None:
        for log in reading["flow_logs"]:
            log["LogDestinationType"] = kind
            del log["LogGroupName"], log["DeliverLogsPermissionArn"]
        reading |= {"log_groups": [], "log_streams": {}, "events": {}, "roles": {}}

    return change


def cheap(reading: Reading) -> None:
    group(logGroupClass="INFREQUENT_ACCESS")(reading)
    reading["events"] = {}


def test_a_flow_log_that_fails_shows_nobody_and_proves_nothing() -> None:
    report = examine(course(OPEN, no_lines, *FAILED))
    assert unjudged(report, *BY_RECORDS) and "fails" in report.outcome("H11").reason
    assert {found.id for found in report.findings} == {"H1", "H15"}


def test_a_rule_of_an_interface_without_a_record_is_not_silent_and_its_neighbour_is() -> None:
    attached = interface(CLIENT_A, Attachment={"Status": "attached", "AttachTime": "2026-01-05T08:00:00+00:00"})
    report = examine(course(OPEN, attached, without_records(CLIENT_A)))
    assert unjudged(report, "H11") and "no record of the window" in report.outcome("H11").reason
    assert CLIENT_A not in str(report.outcome("H12").findings) and "H12" in report.incomplete
    nodata = line(CLIENT_A, "-", "-", status="NODATA")
    assert examine(course(OPEN, without_records(CLIENT_A), nodata)).outcome("H11").status == "found"


def test_who_came_in_is_told_of_a_flow_log_that_fails_now() -> None:
    came = line(CLIENT_A, "198.51.100.7", "10.1.0.10", "50000 3389")
    assert [found.problem for found in examine(course(OPEN, came, *FAILED)).outcome("H11").findings] == ["received"]


def test_lost_packets_are_not_claimed_where_the_other_end_is_not_delivered() -> None:
    lost = (route(TABLE_DB, "10.1.0.0/16"), line(DB_B, "10.2.1.10", "10.1.0.10", "80 50001"))
    report = examine(course(*lost, FAILED[0]))
    assert [found.problem for found in report.outcome("H13").findings] == ["no-way-back"] and "H13" in report.incomplete


@pytest.mark.parametrize(
    ("change", "place"),
    [
        (elsewhere("s3"), "S3"),
        (elsewhere("kinesis-data-firehose"), "Firehose"),
        (cheap, "a log group of class INFREQUENT_ACCESS"),
    ],
)
def test_records_that_go_elsewhere_are_not_evaluated(
    change: Change, place: str, tmp_path: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    reading = course(change)
    report = examine(reading)
    assert unjudged(report, "H2", *BY_RECORDS) and report.outcome("H1").status == "ok"
    assert all(f"Records go to {place}, which is not read" in report.outcome(id_).reason for id_ in ("H2", *BY_RECORDS))
    assert health("--from", kept(tmp_path, reading), "--fail-on", "high") == 1
    assert place in capsys.readouterr().out


def test_what_is_not_evaluated_is_exit_code_1_unless_it_is_young(tmp_path: Any) -> None:
    def code(*changes: Change) -> int:
        return health("--from", kept(tmp_path, course(*changes)), "--fail-on", "high")

    without_status = lambda reading: item(reading, "FlowLogId", LOG_A).pop("DeliverLogsStatus")  # noqa: E731
    young = everywhere(CreationTime="2026-01-05T09:05:00+00:00")
    assert code() == 0 and code(without_status) == 1
    assert code(without_status, young) == 0 and code(no_lines, young, OPEN) == 0
    assert code(no_lines) == 1
    outcome = examine(course(no_lines, young, OPEN)).outcome("H11")
    assert (outcome.status, outcome.incomplete) == ("not evaluated", False)


def test_lines_that_fit_no_format_are_counted_and_nothing_is_silent() -> None:
    odd = lambda reading: reading["events"][GROUP]["lines"].extend([[NOW, "x", "a b"]] * 3)  # noqa: E731
    report = examine(course(OPEN, odd))
    assert unjudged(report, *BY_RECORDS)
    assert all(f"3 lines of {GROUP} fit no format" in report.outcome(id_).reason for id_ in BY_RECORDS)
    assert not set(examine(course(OPEN)).incomplete) & set(BY_RECORDS)


def test_one_log_group_does_not_hide_that_another_gets_nothing() -> None:
    def second(reading: Reading) -> None:
        """Another flow log of VPC A, into a group of its own, that stays current."""
        reading["flow_logs"].append(reading["flow_logs"][0] | {"FlowLogId": "fl-2", "LogGroupName": "/2"})
        reading["log_groups"].append(reading["log_groups"][0] | {"logGroupName": "/2"})
        reading["log_streams"]["/2"] = reading["log_streams"][GROUP]
        reading["events"]["/2"] = {"since": reading["events"][GROUP]["since"], "lines": []}

    def current(name: str) -> Change:
        def change(reading: Reading) -> None:
            text = f"2 {ACCOUNT} {CLIENT_A} - - - - - - - {NOW + 1640} {NOW + 1700} - NODATA"
            reading["events"][name]["lines"].append([(NOW + 1640) * 1000, f"{CLIENT_A}-all", text])

        return change

    stale = examine(course(later, second, current("/2"))).outcome("H2").findings
    assert [(found.resource, dict(found.evidence[0])["interface"]) for found in stale if found.resource == GROUP] == [
        (GROUP, CLIENT_A)
    ]
    both = examine(course(later, second, current("/2"), current(GROUP))).outcome("H2").findings
    assert not any(dict(row)["interface"] == CLIENT_A for found in both for row in found.evidence)


def test_a_request_from_a_low_port_is_not_taken_for_an_answer() -> None:
    [finding] = examine(course(OPEN, line(CLIENT_A, "198.51.100.7", "10.1.0.10", "1000 3389"))).outcome("H11").findings
    assert (finding.problem, finding.severity) == ("unclear", "medium")
    assert dict(finding.evidence[0])["source"] == "198.51.100.7"
    [finding] = examine(course(OPEN, line(CLIENT_A, "198.51.100.7", "10.1.0.10", "443 50000"))).outcome("H11").findings
    assert finding.problem == "silent"


@pytest.mark.parametrize(("flags", "expected"), [("2", "received"), ("18", "silent"), ("-", "unclear")])
def test_flags_tell_who_began(flags: str, expected: str) -> None:
    def flagged(reading: Reading) -> None:
        text = " ".join(f"${{{name}}}" for name in ("interface-id", "srcaddr", "dstaddr", "srcport", "dstport"))
        everywhere(LogFormat=f"{text} ${{protocol}} ${{action}} ${{log-status}} ${{tcp-flags}}")(reading)
        entry = f"{CLIENT_A} 198.51.100.7 10.1.0.10 1000 3389 6 ACCEPT OK {flags}"
        reading["events"][GROUP]["lines"] = [[NOW * 1000, f"{CLIENT_A}-all", entry]]

    assert [found.problem for found in examine(course(OPEN, flagged)).outcome("H11").findings] == [expected]


def test_silence_names_the_minutes_that_were_read_and_asks_for_more() -> None:
    [finding] = examine(course(OPEN)).outcome("H11").findings
    assert "last 60 minutes" in finding.says and "longer window" in finding.fix and "ask who" in finding.fix
    younger = everywhere(CreationTime="2026-01-05T08:48:30+00:00")
    second = lambda reading: reading["flow_logs"].append(  # noqa: E731
        reading["flow_logs"][0] | REJECTED | {"CreationTime": "2026-01-05T08:00:00+00:00"}
    )
    for changes in ((younger,), (younger, second)):
        [finding] = examine(course(OPEN, *changes)).outcome("H11").findings
        assert "last 20 minutes" in finding.says


def test_leftovers_are_not_ruled_out_by_what_was_not_read() -> None:
    def untagged(reading: Reading) -> None:
        for listed in (*reading["network"].values(), reading["flow_logs"]):
            for part in listed:
                part.pop("Tags", None)
                part.pop("TagSet", None)
        reading["log_groups"][0]["tags"] = reading["roles"] = {}

    assert examine(course(untagged)).outcome("H15").status == "ok"
    hidden = course(untagged) | {"unread": {"Instances": "AccessDenied"}}
    assert examine(hidden).outcome("H15").status == "not evaluated"
    half = course() | {"unread": {"Instances": "AccessDenied"}}
    [finding] = examine(half).outcome("H15").findings
    assert "--prefix demo --region us-east-1" in finding.fix and "--mode aws" in finding.fix


@pytest.mark.parametrize(("target", "expected"), [("nat-1", "lost"), ("tgw-1", "lost"), (None, "no-way-back")])
def test_a_default_route_elsewhere_is_no_route_to_the_other_vpc(target: str | None, expected: str) -> None:
    def default(reading: Reading) -> None:
        routes = item(reading, "RouteTableId", TABLE_DB)["Routes"]
        routes.append({"DestinationCidrBlock": "0.0.0.0/0", "NatGatewayId": target, "State": "active"})

    lost = line(DB_B, "10.2.1.10", "10.1.0.10", "80 50001")
    changes = (default, lost) if target else ()
    report = examine(course(route(TABLE_DB, "10.1.0.0/16"), *changes))
    assert [(found.problem, found.resource) for found in report.outcome("H13").findings] == [(expected, TABLE_DB)]
    if target:
        assert not examine(course(default, lost)).outcome("H13").findings


def test_of_a_chosen_vpc_everything_and_of_others_nothing_is_found() -> None:
    lost = (route(TABLE_DB, "10.1.0.0/16"), line(DB_B, "10.2.1.10", "10.1.0.10", "80 50001"))
    for changes, problem in ((lost, "lost"), (lost[:1], "no-way-back")):
        reading = course(*changes)
        assert [found.problem for found in examine(reading, vpcs=[VPC_B]).outcome("H13").findings] == [problem]
        assert not examine(reading, vpcs=[VPC_A]).outcome("H13").findings

    far = course(*lost, lambda reading: item(reading, "FlowLogId", LOG_A).update(LogGroupName="/a"))
    far["log_groups"].append({"logGroupName": "/a", "logGroupClass": "INFREQUENT_ACCESS", "retentionInDays": 30})
    assert "go to a log group of class INFREQUENT_ACCESS" in examine(far, vpcs=[VPC_B]).outcome("H13").reason

    default = "vpc-1e0294de438b53f7a"  # has no part in the peering
    assert unjudged(examine(course(*FAILED), vpcs=[VPC_A]), "H13")
    assert examine(course(*FAILED), vpcs=[default]).outcome("H13").status == "ok"

    def others(reading: Reading) -> None:
        """VPC B delivers to a group of its own, which never expires and skips."""
        item(reading, "FlowLogId", LOG_B)["LogGroupName"] = "/b"
        reading["log_groups"].append({"logGroupName": "/b", "storedBytes": 0})
        reading["events"]["/b"] = {"since": reading["events"][GROUP]["since"], "lines": []}
        line(DB_B, "-", "-", status="SKIPDATA")(reading)
        reading["events"]["/b"]["lines"].append(reading["events"][GROUP]["lines"].pop())

    reading = course(others)
    for vpc, found in ((VPC_A, set()), (VPC_B, {"H8", "H10"})):
        listed = examine(reading, vpcs=[vpc]).at_least("low")
        assert {finding.id for finding in listed if finding.id in ("H8", "H10")} == found


def test_another_partition_is_that_of_the_role() -> None:
    def governed(reading: Reading) -> None:
        text = ROLE.replace("arn:aws:", "arn:aws-us-gov:")
        reading["roles"] = {text: reading["roles"][ROLE]}
        everywhere(DeliverLogsPermissionArn=text)(reading)
        for part in (reading["roles"][text]["trust"], reading["roles"][text]["policies"]["demo-flow-logs-write"]):
            for entry in part["Statement"]:
                for values in (entry, *entry.get("Condition", {}).values()):
                    values.update({key: _governed(value) for key, value in values.items()})

    report = examine(course(governed))
    assert [report.outcome(id_).status for id_ in ("H5", "H7")] == ["ok", "ok"]
    wide = lambda reading: next(iter(reading["roles"].values()))["policies"]["demo-flow-logs-write"]["Statement"][  # noqa: E731
        0
    ].update(Resource="*")
    assert [found.problem for found in examine(course(governed, wide)).outcome("H7").findings] == ["too-wide"]


def _governed(value: Any) -> Any:
    if isinstance(value, list):
        return [_governed(part) for part in value]
    return value.replace("arn:aws:", "arn:aws-us-gov:") if isinstance(value, str) else value


def bounded(resource: str, action: str = "logs:*") -> Change:
    limit = {"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": action, "Resource": resource}}
    return lambda reading: reading["roles"][ROLE].update(boundary=limit)


def test_a_permissions_boundary_limits_what_the_role_may_do() -> None:
    [finding] = examine(course(bounded("*", "s3:*"))).outcome("H7").findings
    assert finding.problem == "too-narrow" and "logs:CreateLogStream fails" in dict(finding.evidence[0])["cause"]
    own = f"arn:aws:logs:us-east-1:{ACCOUNT}:log-group:{GROUP}:*"
    assert examine(course(statement(Resource="*"), bounded(own))).outcome("H7").status == "ok"
    assert examine(course(bounded("*"))).outcome("H7").status == "ok"


def test_one_odd_policy_makes_its_role_unread_and_the_rest_is_judged(tmp_path: Any) -> None:
    def odd(reading: Reading) -> None:
        reading["roles"][f"{ROLE}-2"] = {"trust": {"Version": "2030-01-01"}, "policies": {}}
        item(reading, "FlowLogId", LOG_B)["DeliverLogsPermissionArn"] = f"{ROLE}-2"

    report = examine(course(odd))
    assert unjudged(report, "H5") and f"{ROLE}-2" in report.outcome("H5").reason
    assert report.outcome("H1").status == "ok"
    assert health("--from", kept(tmp_path, course(odd)), "--fail-on", "high") == 1


def test_a_custom_format_has_the_fields_that_a_query_parses() -> None:
    custom = everywhere(LogFormat="${srcaddr} ${dstaddr} ${action} ${log-status} ${tcp-flags}")
    named = saved_query("stats count(*) by srcAddr, tcpFlags")
    [finding] = examine(course(custom, named)).outcome("H14").findings
    assert dict(finding.evidence[0])["missing"] == "srcaddr tcp-flags"
    parsed = saved_query(
        "parse @message '* * * * *' as srcAddr, b, c, d, tcpFlags | stats count(*) by srcAddr, tcpFlags"
    )
    assert not examine(course(custom, parsed)).outcome("H14").findings


def test_partial_traffic_names_every_flow_log_of_its_evidence() -> None:
    def of_subnets(reading: Reading) -> None:
        described = reading["flow_logs"].pop(0)
        for number, card in enumerate(reading["network"]["NetworkInterfaces"][:2]):
            subnet = {"FlowLogId": f"fl-{number}", "ResourceId": card["SubnetId"], "TrafficType": "REJECT"}
            reading["flow_logs"].append(described | subnet)

    [finding] = examine(course(of_subnets)).outcome("H4").findings
    assert dict(finding.evidence[0])["flow logs"] == "fl-0 fl-1"


def test_a_trust_policy_of_one_flow_log_still_has_to_check_the_account() -> None:
    """With the id of a flow log that nobody has, it looked as if the account was checked."""
    own = [f"arn:aws:ec2:us-east-1:*:vpc-flow-log/{name}" for name in (LOG_A, LOG_B)]
    [finding] = examine(course(trust(Condition={"ArnLike": {"aws:SourceArn": own}}))).outcome("H5").findings
    assert [dict(row)["condition"] for row in finding.evidence] == ["aws:SourceAccount", "aws:SourceArn"]
    exact = [name.replace("*", ACCOUNT) for name in own]
    condition = {"ArnLike": {"aws:SourceArn": exact}, "StringEquals": {"aws:SourceAccount": ACCOUNT}}
    assert examine(course(trust(Condition=condition))).outcome("H5").status == "ok"


def test_rejected_traffic_alone_says_nothing_of_who_came_in() -> None:
    rejected = everywhere(TrafficType="REJECT")
    assert unjudged(examine(course(OPEN, rejected)), "H11", "H12", "H13")
    report = examine(course(OPEN, rejected), Thresholds(traffic="REJECT"))
    assert report.outcome("H11").status == "not used here" and report.incomplete == ()


def test_an_interface_without_a_flow_log_is_not_silent() -> None:
    assert unjudged(examine(course(OPEN, without_flow_log(LOG_A))), "H11")
    idle = interface(CLIENT_A, Status="available", Attachment=None)
    assert examine(course(OPEN, without_flow_log(LOG_A), idle)).outcome("H11").status == "ok"


def test_the_words_say_what_the_others_do() -> None:
    said = words()
    assert "CKV_AWS_66 fails" in said["H8"]["blind_spot"] and "trafficType" in said["H4"]["blind_spot"]
    assert "internal error" in said["H10"]["problems"]["skipped"]["fix"]
    assert said["H15"]["title"].endswith("among what was read?")


def test_an_alarm_that_was_not_read_is_neither_there_nor_missing() -> None:
    older = course()
    del older["alarms"], older["metric_filters"]
    assert unjudged(examine(older), "H16") and "older than this check" in examine(older).outcome("H16").reason
    denied = course(alarm(AlarmActions=[])) | {"unread": {"metricFilters": "AccessDenied"}}
    assert unjudged(examine(denied), "H16")
    assert examine(course(without_flow_log(LOG_A), without_flow_log(LOG_B))).outcome("H16").status == "not used here"
    assert examine(course(elsewhere("s3"), alarm())).outcome("H16").status == "not used here"
    another = alarm("both", AlarmRule="ALARM(xa.b) OR OK(a.b)", Namespace=None, MetricName=None)
    report = examine(course(alarm("a.b", AlarmActions=[]), another))
    assert [(found.id, found.severity) for found in report.at_least("low")] == [("H16", "low")]
