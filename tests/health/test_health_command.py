"""``python -m helpers health``: what it prints and writes, its exit codes, and that it only reads."""

import json
import re
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from helpers.__main__ import main
from helpers.commands import health as command
from helpers.health import Thresholds, examine, masked_reading
from helpers.health.examination import CHECKS, words
from helpers.health.health_findings import SEVERITIES
from helpers.lab import LabError
from helpers.lab.resources import PROJECT
from tests.health.accounts import (
    ACCOUNT,
    FILE,
    LOG_A,
    ROLE,
    VPC_A,
    alarm,
    course,
    flow_log,
    group,
    rule,
    without_flow_log,
)


def health(*words: str) -> int:
    """The exit code that a shell would see."""
    try:
        return main(["health", *words])
    except SystemExit as ended:
        return int(str(ended.code))


def kept(folder: Path, *readings: dict[str, Any]) -> str:
    path = folder / "kept.json"
    path.write_text(json.dumps({"readings": readings}))
    return str(path)


def test_a_kept_reading_is_judged_without_any_call(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert health("--from", str(FILE)) == 0
    said = capsys.readouterr().out
    assert [line.split()[0] for line in said.splitlines() if re.match(r"H\d+ ", line)] == list(CHECKS)
    assert "H6  not used here" in said


@pytest.mark.parametrize(
    ("words", "code"),
    [
        ((), 1),
        (("--fail-on", "medium"), 0),
        (("--threshold", "retention_min_days=365"), 1),
        (("--threshold", "retention_max_days=3653", "--fail-on", "low"), 0),
        (("--vpc", VPC_A), 1),
        (("--vpc", "vpc-1e0294de438b53f7a"), 0),  # the default one, of which no flow log delivers to the group
    ],
)
def test_a_finding_at_or_above_the_limit_is_exit_code_1(words: tuple[str, ...], code: int, tmp_path: Path) -> None:
    assert health("--from", kept(tmp_path, course(group(retentionInDays=3653))), *words) == code


def test_what_could_not_be_read_is_exit_code_1(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    reading = course() | {"unread": {"roles": "AccessDenied"}}
    assert health("--from", kept(tmp_path, reading), "--fail-on", "high") == 1
    assert "H5  not evaluated" in capsys.readouterr().out


def test_json_and_junit_say_what_the_text_says(tmp_path: Path) -> None:
    other = course(group(retentionInDays=None)) | {
        "region": "eu-west-1",
        "roles": {},
        "unread": {"roles": "AccessDenied"},
    }
    files = ("--json", str(tmp_path / "r.json"), "--junit", str(tmp_path / "j.xml"))
    assert health("--from", kept(tmp_path, course(without_flow_log("fl-3c4bc6aa8d281f7bd")), other), *files) == 1
    [first, second] = json.loads((tmp_path / "r.json").read_text())["reports"]
    [finding] = [f for outcome in first["outcomes"] for f in outcome["findings"] if f["severity"] == "high"]
    assert finding["resource"] == VPC_A and finding["evidence"][0]["interface"].startswith("eni-")
    assert {"publisher": "CIS AWS Foundations", "version": "3.0.0", "id": "3.7"} in finding["controls"]
    assert second["unread"] == {"roles": "AccessDenied"}
    suites = ElementTree.parse(tmp_path / "j.xml").getroot().findall("testsuite")
    assert [(suite.get("name"), suite.get("tests"), suite.get("failures")) for suite in suites] == [
        ("health us-east-1", "16", "1"),
        ("health eu-west-1", "16", "1"),
    ]
    skipped = suites[1].findall("testcase/skipped")
    assert any("AccessDenied" in case.get("message", "") for case in skipped)


def test_masked_ids_are_nowhere_and_the_checks_still_hold(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    query = {"Id": "m1", "AccountId": "510987654321"}
    reading = course(alarm(Metrics=[query], MetricName=None, Description=f"of {ACCOUNT}"))
    statement = reading["roles"][ROLE]["trust"]["Statement"][0]
    statement["Principal"]["AWS"] = ["arn:aws:iam::210987654321:root", "310987654321"]
    statement["Condition"]["StringEquals"]["aws:SourceAccount"] = [ACCOUNT, "410987654321"]
    saved = tmp_path / "saved.json"
    assert health("--from", kept(tmp_path, reading), "--mask", "--save", str(saved)) == 1
    text = saved.read_text() + capsys.readouterr().out
    assert ACCOUNT not in text and "10987654321" not in text and "AWS arn:aws:iam::000000000002:root" in text
    assert health("--from", str(saved)) == 1
    plain, hidden = examine(reading), examine(masked_reading(reading))
    assert [(f.id, f.problem) for f in plain.findings] == [(f.id, f.problem) for f in hidden.findings]


@pytest.mark.parametrize(
    "words",
    [
        ("--mode", "aws"),
        ("--region", "us-esat-1"),
        ("--threshold", "never=1"),
        ("--threshold", "stale_minutes=soon"),
        ("--from", str(FILE), "--threshold", "stale_minutes=nan"),
        ("--from", str(FILE), "--threshold", "stale_minutes=-1"),
        ("--from", str(FILE), "--threshold", "traffic=all"),
        ("--from", str(FILE), "--threshold", "most_rows=0.5"),
        ("--from", str(FILE), "--threshold", "authorized_ports=80,44.3"),
        ("--from", str(FILE), "--threshold", "retention_min_days=nan"),
        ("--minutes", "nan"),
        ("--minutes", "inf"),
        ("--minutes", "-5"),
        ("--minutes", "0"),
        ("--minutes", "an hour"),
        ("--from", str(FILE.parent)),
        ("--from", str(FILE), "--vpc", "vpc-9"),
        ("--fail-on", "info"),
        ("--from", "/not/there.json"),
        ("--from", __file__),
    ],
)
def test_wrong_use_is_one_sentence_and_exit_code_2(words: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    assert health(*words) == 2
    assert capsys.readouterr().err.count("\n") == 1


@pytest.mark.parametrize(
    ("reading", "sentence"),
    [
        ([], "is no file of --save"),
        (5, "is no file of --save"),
        ({"network": {}}, "is no file of --save"),
        (course() | {"version": 1}, "is of version 1, not 2"),
        ({key: value for key, value in course().items() if key != "flow_logs"}, "a reading has no flow_logs"),
        (course() | {"network": {}}, "a reading has no Instances"),
        (course() | {"network": [5]}, "is no file of --save"),
        (course() | {"saved_queries": [5]}, "this is no reading of an account"),
        (course() | {"alarms": [5]}, "this is no reading of an account"),
        (course(alarm(Metrics=[{"MetricStat": {}}], MetricName=None)), "this is no reading of an account"),
        (course() | {"flow_logs": {"FlowLogId": "fl-1"}}, "this is no reading of an account"),
        (course() | {"read_at": "yesterday"}, "Invalid isoformat string: 'yesterday'"),
    ],
)
def test_what_is_no_reading_is_exit_code_2(
    reading: Any, sentence: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert health("--from", kept(tmp_path, reading)) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1 and sentence in said


@pytest.mark.parametrize("text", ["[]", "7", '{"readings": 7}', "", "[" * 100_000, FILE.read_text("utf-8")[:5000]])
def test_a_file_without_readings_is_exit_code_2(text: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "kept.json").write_text(text)
    assert health("--from", str(tmp_path / "kept.json")) == 2
    assert capsys.readouterr().err == f"{tmp_path / 'kept.json'} is no file of --save.\n"


def _empty() -> dict[str, Any]:
    lists = {key: type(value)() for key, value in course().items() if isinstance(value, list | dict)}
    return course() | lists | {"network": {key: [] for key in course()["network"]}}


@pytest.mark.parametrize("readings", [(), (_empty(),), (_empty(), _empty() | {"region": "eu-west-1"})])
def test_what_holds_no_vpc_is_not_green(
    readings: tuple[dict[str, Any], ...], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert health("--from", kept(tmp_path, *readings), "--json") == 1
    said = capsys.readouterr()
    assert said.err.endswith("Nothing was evaluated: what was read has no VPC.\n")
    assert len(json.loads(said.out)["reports"]) == len(readings)
    assert health("--from", kept(tmp_path, *readings, course())) == 0


def test_no_credentials_is_exit_code_3(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def open_lab(*_: Any) -> Any:
        raise LabError("Sign in.")

    monkeypatch.setattr(command, "open_lab", open_lab)
    assert health("--mode", "aws", "--confirm-account", ACCOUNT) == 3
    assert capsys.readouterr().err == "Sign in.\n"


def test_the_words_are_whole() -> None:
    assert command_project() == PROJECT
    for check_id, said in words().items():
        assert said["title"].endswith("?") and said["blind_spot"] and (said["controls"] or check_id == "H15")
        assert all(len(control) == 3 for control in said["controls"])
        for entry in said["problems"].values():
            assert entry["severity"] in SEVERITIES and entry["says"].endswith(".") and entry["fix"]
            assert (entry["severity"] == "info") == (check_id in ("H12", "H15"))


def command_project() -> str:
    from helpers.health.group_checks import project

    return project()


def test_many_interfaces_of_one_cause_make_one_finding() -> None:
    reading = course(flow_log(TrafficType="REJECT"), rule("0.0.0.0/0", 22, 22))
    template = reading["network"]["NetworkInterfaces"][0]
    reading["network"]["NetworkInterfaces"] += [
        template
        | {"NetworkInterfaceId": f"eni-{number:017x}", "PrivateIpAddress": f"10.1.{number // 250}.{number % 250}"}
        for number in range(1000)
    ]
    [finding] = examine(reading, Thresholds(most_rows=3, grace_minutes=10**6)).outcome("H4").findings
    assert "1002 network interfaces" in finding.says
    assert [dict(row) for row in finding.evidence] == [{"flow logs": LOG_A, "traffic": "REJECT", "interfaces": "1002"}]
