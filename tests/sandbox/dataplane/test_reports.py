"""What people reported in public, asked of the sandbox: every case of ``tests/data/conformance/reports.jsonl``.

What no one here could discover stands in ``NOT_DISCOVERED`` with the reason.
"""

import json
import re
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from helpers.__main__ import main
from helpers.insights import Database, Event, LogTable
from helpers.insights import run as run_query
from tests.insights.test_conformance import CREATED_MS, equal
from tests.sandbox.dataplane.conftest import Lab
from tests.support import network

FILE = Path(__file__).resolve().parents[2] / "data" / "conformance" / "reports.jsonl"
CASES: list[dict[str, Any]] = [json.loads(line) for line in FILE.read_text("utf-8").splitlines()]
NOT_DISCOVERED = {
    "rep-lambda-report-fields": "The fields that Logs finds in Lambda's own log groups; no Lambda runs here."
}
Row = dict[str, str]


def cases_of(kind: str) -> pytest.MarkDecorator:
    chosen = [case for case in CASES if case["kind"] == kind]
    assert chosen
    return pytest.mark.parametrize("case", chosen, ids=lambda case: str(case["id"]))


def as_text(rows: list[dict[str, Any]]) -> list[Row]:
    return [{name: str(value) for name, value in row.items()} for row in rows]


def same_rows(mine: list[dict[str, Any]], wanted: list[dict[str, Any]]) -> bool:
    """The same rows in the same order, numbers compared as numbers."""
    pairs = list(zip(as_text(mine), as_text(wanted), strict=False))
    return len(mine) == len(wanted) and all(equal(*pair) for pair in pairs)


@cases_of("insights")
def test_query(case: dict[str, Any]) -> None:
    question = case["input"]
    table = LogTable(question.get("log_group", "/reports"), database=Database(), created_ms=CREATED_MS)
    table.append(
        Event(event["timestamp_ms"], event["timestamp_ms"] + 1000, event["logStream"], event["message"])
        for event in question["events"]
    )
    interval = (CREATED_MS // 1000, 1700010000)
    rows = [dict(row) for row in run_query(question["query"], table, *interval, now=1700010000).rows]
    if case["id"] in NOT_DISCOVERED:
        assert rows in ([], [{}])
        return
    if "first_row" in case["expect"]:
        assert len(rows) == case["expect"]["row_count"]
        assert (
            rows[0].keys() >= set(case["expect"]["columns"]) and case["expect"]["first_row"].items() <= rows[0].items()
        )
        return
    wanted = sorted(case["expect"]["rows"], key=str)
    assert same_rows(sorted(rows, key=str), wanted), rows


@cases_of("cli")
def test_file(case: dict[str, Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    question = case["input"]
    path = tmp_path / "records.log"
    path.write_text("".join(f"{line}\n" for line in question["lines"]))
    options = ["--format", question["format"]] if "format" in question else []
    assert main(["query", question["query"], str(path), "--output", "json", *options]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert same_rows(sorted(rows, key=str), sorted(case["expect"]["rows"], key=str)), rows


# --- calls ----------------------------------------------------------------------------------------------------------


def ask_twice(lab: Lab, case: dict[str, Any]) -> tuple[str, str]:
    """The refusal of the case's call, made once or as often as the case says."""
    places = {
        "<any vpc>": lab.net.client.vpc,
        "<vpc>": lab.net.client.vpc,
        "<group a>": lab.net.server.group,
        "<group b>": lab.net.client.group,
        "<delivery role>": "arn:aws:iam::123456789012:role/delivery",
    }
    text = json.dumps(case["input"]["params"])
    for place, value in places.items():
        text = text.replace(place, value)
    call: Callable[..., Any] = getattr(lab(case["input"]["service"]), case["input"]["call"])
    for _ in range(case["input"].get("repeat", 1) - 1):
        call(**json.loads(text))
    with pytest.raises(ClientError) as refusal:
        call(**json.loads(text))
    error = refusal.value.response["Error"]
    return error["Code"], error["Message"]


@cases_of("boto3")
def test_call(case: dict[str, Any], lab: Lab) -> None:
    expected = case["expect"]
    if case["id"] == "rep-query-ends-before-group":
        created = datetime.fromisoformat(lab.box.advance(60))
        lab("logs").create_log_group(logGroupName="/rep/late")
        times = {"startTime": int(created.timestamp()) - 7200, "endTime": int(created.timestamp()) - 3600}
        case["input"]["params"] |= {"logGroupName": "/rep/late"} | times
    before = len(lab("ec2").describe_flow_logs()["FlowLogs"])
    code, message = ask_twice(lab, case)
    if expected["error"] is not True:
        assert code == expected["error"]
    words = expected.get("message_contains", [])
    for word in [words] if isinstance(words, str) else words:
        named = {"<group a>": lab.net.server.group, "<group b>": lab.net.client.group}.get(word[-9:], "")
        wanted = word[:-9] + named if named else word
        assert wanted.lower() in message.lower(), message
    assert re.search(expected.get("message_regex", ""), message), message
    if "flow_logs_after" in expected:
        assert len(lab("ec2").describe_flow_logs()["FlowLogs"]) == before


# --- the shell ------------------------------------------------------------------------------------------------------


def test_an_open_port_is_never_called_closed(lab: Lab) -> None:
    (case,) = (case for case in CASES if case["id"] == "rep-shell-dev-tcp")
    command = case["input"]["command"].replace("10.2.0.10", network.SERVER_ADDRESS)
    reply = network.shell(lab, lab.net.client.instance, command)
    assert (reply["Status"], reply["StandardOutputContent"]) == ("Success", "open\n")


def test_the_date_of_a_web_server_is_the_clock_s(lab: Lab) -> None:
    (case,) = (case for case in CASES if case["id"] == "rep-shell-http-date")
    command = case["input"]["command"].replace("10.2.1.10", network.SERVER_ADDRESS)
    printed = network.shell(lab, lab.net.client.instance, command)["StandardOutputContent"]
    (served,) = re.findall(r"^Date: \w+, \d+ \w+ (\d{4}) ", printed, re.MULTILINE)
    assert served == printed.split()[-1] == str(datetime.fromisoformat(lab.box.advance(1)).astimezone(UTC).year)


def test_udp_leaves_a_record_at_a_port_that_no_rule_opens(lab: Lab) -> None:
    (case,) = (case for case in CASES if case["id"] == "rep-shell-udp")
    command = case["input"]["command"].replace("10.2.0.10", network.SERVER_ADDRESS)
    reply, records = lab.run("dnf install -y nmap-ncat >/dev/null", command)
    assert reply["ResponseCode"] == case["expect"]["exit"]
    (record,) = (
        record
        for record in records
        if (record.interface_id, record.protocol, record.dstport) == (lab.net.server.interface, 17, 514)
    )
    assert record.action == "REJECT"


def test_every_case_is_asked() -> None:
    shell = {"rep-shell-dev-tcp", "rep-shell-http-date", "rep-shell-udp"}
    assert {case["id"] for case in CASES if case["kind"] == "shell"} == shell
    assert {case["kind"] for case in CASES} == {"boto3", "cli", "insights", "shell"}
