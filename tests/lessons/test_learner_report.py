"""The learner's report: a claim has evidence, what was not done is not claimed, what others wrote stays harmless."""

import json
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pandas as pd
import pytest
from botocore.client import BaseClient
from botocore.exceptions import ClientError

from helpers.__main__ import main
from helpers.figures import network_figure
from helpers.lab import Lab, open_lab
from helpers.lessons import LessonError, both_ends, disturb, exercises, in_your_own_words, records, run_on, write_up
from helpers.lessons.checks.n16 import check_16_2
from helpers.lessons.learner_report import WriteUp
from helpers.lessons.learner_report.text_mask import TextMask
from helpers.lessons.learner_report.written_report import Evidence, ReportClaim
from helpers.lessons.progress import ExerciseProgress, ProgressFile
from tests.support.homes import served_lab_after
from tests.support.served import ServedHome

ACCOUNT = "123456789012"
DONE = ExerciseProgress("done", hints=2, tries=3, done_at="2026-02-03T10:00:00+00:00")
HOSTILE = """<script>alert(1)</script> <img src=x onerror=alert(2)> ![x](https://evil.example/a.png)
[y](javascript:alert(3))
# no heading | no cell | `no code` **no bold** $no formula$ &lt; https://evil.example www.evil.example ann@evil.example
- no list
1. no list
===
```
<b>no fence</b>
| a | b |
|---|---|"""


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Lab, ServedHome]]:
    with served_lab_after("05", tmp_path_factory.mktemp("sandbox") / "home") as found:
        yield found


@pytest.fixture
def lab(served: tuple[Lab, ServedHome], tmp_path: Path) -> Iterator[Lab]:
    """The lab as lesson 05 leaves it; what a test changes is put back."""
    with served[1].put_back():
        yield served[0]


@pytest.fixture
def notes(tmp_path: Path) -> ProgressFile:
    return ProgressFile(tmp_path / "my" / "progress.json")


def progressed(notes: ProgressFile, **entries: ExerciseProgress) -> ProgressFile:
    document = {key[1:].replace("_", "."): vars_of(entry) for key, entry in entries.items()}
    notes.path.parent.mkdir(exist_ok=True)
    notes.path.write_text(json.dumps({"exercises": document}))
    return notes


def vars_of(entry: ExerciseProgress) -> dict[str, Any]:
    return {name: getattr(entry, name) for name in ExerciseProgress.__slots__}


def claims_of(report: WriteUp, section: str) -> list[str]:
    return [claim.text for claim in report.claims if claim.section == section]


def everything(report: WriteUp) -> str:
    pictures = [each.picture.svg for claim in report.claims for each in claim.evidence if each.picture]
    return "\n".join([report.markdown, report.html, str(report._repr_mimebundle_()), *map(report._mask(), pictures)])


def test_a_new_lab_claims_nothing(lab: Lab, notes: ProgressFile) -> None:
    fresh = open_lab(prefix="nobody")
    report = write_up(fresh, network_figure, notes)
    assert report.claims == ()
    assert "## " not in report.markdown.partition("## What this report shows")[0]
    in_your_own_words("00", "What?", "A record says ACCEPT.", path=notes.path.with_name("own_words.json"))
    assert [claim.section for claim in write_up(fresh, network_figure, notes).claims] == ["Key takeaways"]


def test_what_was_not_done_is_not_claimed(lab: Lab, notes: ProgressFile) -> None:
    tried, helped = ExerciseProgress("not yet", hints=3), ExerciseProgress("not attempted", hints=1, solution=True)
    report = write_up(lab, network_figure, progressed(notes, _02_1=DONE, _02_2=tried, _03_1=helped))
    text = report.markdown
    assert "1 of the " in text
    assert "| 02.1 | A group for the auditors | 2026-02-03 10:00 | 3 | 2 | no |" in text
    assert not re.search(r"02\.2|03\.1|IAM roles: who may", text)
    assert "Before and after" not in text
    assert claims_of(report, "Key takeaways") == []


def test_without_progress_only_the_account_is_claimed(lab: Lab, notes: ProgressFile) -> None:
    text = write_up(lab, network_figure, notes).markdown
    assert "exercise" not in text.partition("## What this report shows")[0]
    assert "## Architecture" in text
    assert "## Cost" in text


def test_each_claim_has_its_evidence_and_each_line_is_in_the_log_group(lab: Lab, notes: ProgressFile) -> None:
    report, lines = write_up(lab, network_figure, notes), set(records(lab, 0).line)
    shown = [line for claim in report.claims for each in claim.evidence for line in each.text.splitlines()]
    quoted = [line for line in shown if line.startswith("2 ")]
    assert len(quoted) == 3
    assert set(quoted) <= lines
    assert all(claim.evidence and all(claim.evidence) for claim in report.claims)


def test_a_changed_account_changes_the_report(lab: Lab, notes: ProgressFile) -> None:
    before = write_up(lab, network_figure, notes).markdown
    lab.client("logs").put_retention_policy(logGroupName="/demo/vpc-flow-logs", retentionInDays=7)
    lab.client("ec2").delete_flow_logs(FlowLogIds=[lab.find("vpc-flow-log", "flow-log-a")])
    web_b = lab.find("instance", "web-b")
    lab.client("ec2").stop_instances(InstanceIds=[web_b])
    after = write_up(lab, network_figure, notes)
    assert "keeps its events for 30 days" in before
    logs = len(lab.client("ec2").describe_flow_logs()["FlowLogs"])
    assert f"The lab has {logs + 1} flow log" in before
    assert "per hour" in before
    assert "keeps its events for 7 days" in after.markdown
    assert f"The lab has {logs} flow log" in after.markdown
    assert "per hour" not in after.markdown, "three instances are not the lab's price for four"
    assert "stopp" in str(claims_of(after, "Architecture")) + after.html


def test_a_query_is_shown_with_its_rows_and_nothing_without_one(lab: Lab, notes: ProgressFile) -> None:
    assert "A query" not in write_up(lab, network_figure, notes).markdown
    logs, now = lab.client("logs"), int(lab.now().timestamp())
    where = {"logGroupName": "/demo/vpc-flow-logs", "startTime": now - 7200, "endTime": now}
    logs.start_query(**where, queryString="stats count(*) as n by action | filter action = 'REJECT'")
    logs.start_query(**where, queryString="fields nothing | filter 1 = 2")
    lab.wait_until(lambda: not logs.describe_queries(status="Running")["queries"], 60, "end")
    text = write_up(lab, network_figure, notes).markdown
    assert "stats count(*) as n by action | filter action = 'REJECT'" in text
    assert re.search(r"\| action \| n \|\n\| --- \| --- \|\n\| REJECT \| \d+ \|", text)


def test_what_aws_refuses_to_show_is_named_and_not_claimed(
    lab: Lab, notes: ProgressFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    send = BaseClient._make_api_call

    def refused(client: Any, operation: str, params: Any) -> Any:
        if operation in ("DescribeQueries", "GetRole", "FilterLogEvents"):
            raise ClientError({"Error": {"Code": "AccessDeniedException", "Message": ""}}, operation)
        return send(client, operation, params)

    monkeypatch.setattr(BaseClient, "_make_api_call", refused)
    text = write_up(lab, network_figure, notes).markdown
    assert "queries (AccessDeniedException)" in text
    assert "records (AccessDeniedException)" in text
    assert "The role" not in text
    assert "## Cost" in text, "the instances have their price without a record"


def test_only_reading_calls_are_made(lab: Lab, notes: ProgressFile, monkeypatch: pytest.MonkeyPatch) -> None:
    send, called = BaseClient._make_api_call, set()

    def noted(client: Any, operation: str, params: Any) -> Any:
        called.add(operation)
        return send(client, operation, params)

    monkeypatch.setattr(BaseClient, "_make_api_call", noted)
    write_up(lab, network_figure, progressed(notes, _08_1=DONE))
    assert {name for name in called if not name.startswith(("Describe", "Get", "List", "Filter"))} == set()
    assert "ListCommandInvocations" in called


def test_a_second_lab_of_the_account_has_its_own_report(lab: Lab, notes: ProgressFile) -> None:
    other = open_lab(prefix="ann")
    assert write_up(other, network_figure, notes).claims == ()
    other.catch_up("02")
    report = write_up(other, network_figure, notes)
    assert claims_of(report, "Architecture") == ["The lab has 2 VPCs and 4 instances."]
    assert "demo" not in report.markdown
    assert "records" not in str(claims_of(report, "Overview"))


def test_ids_and_public_addresses_are_masked_everywhere(lab: Lab, notes: ProgressFile) -> None:
    network = lab.topology()
    public = [address for each in network.interfaces for _, address in each.public]
    ids = [each.id for each in (*network.interfaces, *network.instances, *network.vpcs)]
    assert public
    words = f"I am {ACCOUNT}, key AKIAIOSFODNN7EXAMPLE, {ids[0]} at {public[0]} and 2001:db8::5 or 1234-5678-9012."
    in_your_own_words("06", "Who?", words, path=notes.path.with_name("own_words.json"))
    report = write_up(lab, network_figure, notes)
    text = everything(report)
    assert [secret for secret in (ACCOUNT, "AKIA", "2001:db8", *public, *ids) if secret in text] == []
    assert not re.search(r"\d{12}", text)
    mask = report._mask()
    assert f"I am account-1, key key-1, {mask(ids[0])} at {mask(public[0])} and public" in report.html
    assert f"public {mask(public[0])}" in report.html, "the map and the words call an address alike"


def test_a_report_that_would_show_an_id_is_not_written(
    lab: Lab, notes: ProgressFile, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    report = write_up(lab, network_figure, notes)
    monkeypatch.setattr(TextMask, "__call__", lambda _, text: text)
    for give in (lambda: report.markdown, lambda: report.html, lambda: report.save(tmp_path / "out")):
        with pytest.raises(LessonError, match="looks like an account id"):
            give()
    assert not (tmp_path / "out").exists()


class Tags(HTMLParser):
    """The tags and attributes of a page, and its text."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.words = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}

    def handle_data(self, data: str) -> None:
        self.words += data


def test_what_a_learner_wrote_is_text_in_html_and_in_markdown(lab: Lab, notes: ProgressFile) -> None:
    mistune = pytest.importorskip("mistune")  # comes with JupyterLab
    calm = write_up(lab, network_figure, notes).with_claim("Security", "x", "y")
    for question, answer in (
        ("<i>Why?</i> [a](https://evil.example)", HOSTILE),
        ("Again?", HOSTILE.replace("\n", " ")),
    ):
        in_your_own_words("06", question, answer, path=notes.path.with_name("own_words.json"))
    wild = write_up(lab, network_figure, notes).with_claim("Security", HOSTILE, HOSTILE)
    read = mistune.create_markdown(escape=False, plugins=["table", "url", "strikethrough", "math"])
    for before, after in ((calm.html, wild.html), (read(calm.markdown), read(wild.markdown))):
        before_tags, tags = Tags(before), Tags(after)
        assert tags.tags - before_tags.tags <= {"blockquote", "br"}
        assert tags.attributes == before_tags.attributes
        for words in ("<script>alert(1)</script>", "![x](https://evil.example/a.png)", "- no list", "| a | b |"):
            assert words in tags.words
    assert "default-src 'none'" in wild.html


def test_where_the_lab_is_stands_in_the_title_and_in_the_picture(lab: Lab, notes: ProgressFile) -> None:
    report = write_up(lab, network_figure, notes)
    assert report.markdown.startswith("# VPC monitoring with flow logs: lab demo (Sandbox)\n\n**SANDBOX: ")
    [picture] = [each.picture for claim in report.claims for each in claim.evidence if each.picture]
    assert ">Sandbox, lab demo</text>\n</svg>" in picture.svg
    assert picture.alt.startswith("Sandbox: ")


@pytest.mark.parametrize(
    ("section", "text", "lines"),
    [
        ("Security", "All is well.", []),
        ("Security", "All is well.", ["", "  "]),
        ("Security", " ", ["a line"]),
        ("Safety", "All is well.", ["a line"]),
    ],
)
def test_a_claim_without_evidence_or_words_or_section_is_refused(section: str, text: str, lines: list[str]) -> None:
    empty = WriteUp("t", "p", {}, (), ACCOUNT)
    with pytest.raises(LessonError):
        empty.with_claim(section, text, *lines)
    with pytest.raises(LessonError):
        ReportClaim("Cost", "It cost nothing.", (Evidence("", "a line"),))
    assert len(empty.with_claim("Security", "All is well.", "a line").claims) == 1


@pytest.mark.parametrize("given", [["a", "b"], ("a", "b"), pd.Series(["a", "b"])], ids=["list", "tuple", "column"])
def test_a_column_of_lines_is_its_lines(given: Any) -> None:
    [claim] = WriteUp("t", "p", {}, (), ACCOUNT).with_claim("Security", "It is so.", given).claims
    assert claim.evidence[0].text == "a\nb"


@pytest.mark.parametrize(
    ("text", "given"), [("a", 22), ("a", pd.Series(["a", 22])), ("a", None), ("a", [None]), (None, "a"), (22, "a")]
)
def test_what_is_no_text_is_refused_in_a_sentence(text: Any, given: Any) -> None:
    with pytest.raises(LessonError, match="A claim is a text"):
        WriteUp("t", "p", {}, (), ACCOUNT).with_claim("Security", text, given)


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("Packets to port 10 were rejected.", "done"),
        ("Rejected: tcp from 10.1.0.10 to 10.2.1.10:10, three packets", "done"),
        ("Port 10.", "done"),
        ("Packets from 10.1.0.10 to 10.2.1.10 were rejected.", "vague"),
        ("Rejected at 10:42, port 110", "vague"),
        ("Rejected to 10.1.0.0/16", "vague"),
    ],
)
def test_an_address_or_a_time_names_no_port(text: str, key: str) -> None:
    line = f"2 {ACCOUNT} eni-0123456789abcdef0 10.1.0.10 10.2.1.10 40000 10 6 3 180 1767603625 1767603685 REJECT OK"
    mine = WriteUp("t", "p", {}, (), ACCOUNT).with_claim("Security", text, f"  {line} \n")
    there: Any = SimpleNamespace(answer=mine, log_group="/x", groups=lambda _: {"/x": {}}, lines=lambda: [line])
    assert check_16_2(there).key == key


def test_a_fault_is_claimed_with_both_ends_before_and_after_once_it_is_done(lab: Lab, notes: ProgressFile) -> None:
    complaint = disturb(lab, "08.1")
    both_ends(lab, complaint.since, "client-a", "db-b")
    progressed(notes, _08_1=DONE, _08_2=DONE)
    assert "Before and after" not in write_up(lab, network_figure, notes).markdown, "nothing after it"
    lab.catch_up("02")
    since = lab.now().timestamp()
    run_on(lab, "client-a", "ping -c 4 10.2.1.10")
    both_ends(lab, since, "client-a", "db-b")
    [claim] = [each for each in write_up(lab, network_figure, notes).claims if "Before and after" in each.title]
    assert "rejected icmp from 10.2.1.10 to 10.1.0.10" in claim.text
    before, after = (each.text.splitlines() for each in claim.evidence)
    assert len({line.split()[2] for line in before}) == 2
    assert [line.split()[-2] for line in before].count("REJECT") == 1
    assert [line.split()[-2] for line in after] == ["ACCEPT"] * 4
    assert "Before and after" not in write_up(lab, network_figure, progressed(notes, _08_2=DONE)).markdown


def test_the_exercise_says_where_records_come_from_in_a_lab_without_any(lab: Lab, notes: ProgressFile) -> None:
    mine = WriteUp("t", "p", {}, (), ACCOUNT).with_claim("Security", "Port 22.", "2 1 eni-1 - REJECT OK")
    for prefix, words in (
        ("nobody", "has no record so far"),
        ("demo", "is not in the log group `/demo/vpc-flow-logs`"),
    ):
        check = exercises(open_lab(prefix=prefix), {"my_report": mine}, notes).check
        assert words in str(check("16.2"))


def test_answers_that_cannot_be_read_are_left_out(lab: Lab, notes: ProgressFile) -> None:
    path = notes.path.with_name("own_words.json")
    in_your_own_words("10", "Later?", "b", path=path)
    in_your_own_words("02", "Sooner?", "a", path=path)
    takeaways = claims_of(write_up(open_lab(prefix="nobody"), network_figure, notes), "Key takeaways")
    assert takeaways == ["Sooner?", "Later?"]
    path.write_text("[]")
    assert write_up(open_lab(prefix="nobody"), network_figure, notes).claims == ()


def test_the_command_writes_three_files(lab: Lab, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "given"
    assert main(["writeup", "--out", str(out)]) == 0
    assert "`write_up.html`" in capsys.readouterr().out
    assert sorted(path.name for path in out.iterdir()) == ["write_up-network.svg", "write_up.html", "write_up.md"]
    assert "](write_up-network.svg)" in (out / "write_up.md").read_text()
    (tmp_path / "file").write_text("")
    assert main(["writeup", "--out", str(tmp_path / "file" / "below")]) == 3
    assert "Cannot write the report" in capsys.readouterr().err
    with pytest.raises(SystemExit) as used_wrongly:
        main(["writeup", "--mode", "aws"])
    assert used_wrongly.value.code == 2
