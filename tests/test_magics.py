"""``%%insights`` in a real IPython shell: against a real sandbox, and against replies that a sandbox does not give."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import nbformat
import pandas as pd
import pytest
from botocore.exceptions import ClientError
from IPython.core.interactiveshell import InteractiveShell
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

from helpers.lab import Lab, LabError, sandbox_process
from helpers.lab.connection import AccountConnection, SandboxConnection
from helpers.magics import ask, load_ipython_extension, unload_ipython_extension

GROUP = "/demo/vpc-flow-logs"
LINE = "2 123456789012 eni-1 10.1.0.10 10.2.1.10 51000 {} 6 1 40 {} {} {} OK"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("home")
    yield folder
    sandbox_process.stop(folder)


@pytest.fixture(scope="module")
def lab(home: Path) -> Lab:
    """A lab with six records a millisecond apart; the last is a NODATA line."""
    found = Lab(SandboxConnection("us-east-1", home), "demo")
    logs = found.client("logs")
    logs.create_log_group(logGroupName=GROUP)
    logs.create_log_group(logGroupName="/demo/other")
    logs.create_log_stream(logGroupName=GROUP, logStreamName="eni-1-all")
    now = int(found.now().timestamp())
    lines = [LINE.format(port, now, now, "ACCEPT" if port == 443 else "REJECT") for port in (443, 22, 22, 80, 8080)]
    lines.append(f"2 123456789012 eni-1 - - - - - - - {now} {now} - NODATA")
    events = [{"timestamp": now * 1000 + i, "message": line} for i, line in enumerate(lines)]
    logs.put_log_events(logGroupName=GROUP, logStreamName="eni-1-all", logEvents=events)
    return found


@pytest.fixture
def shell(lab: Lab) -> Iterator[InteractiveShell]:
    found = InteractiveShell()
    found.run_line_magic("load_ext", "helpers.magics")
    found.user_ns.update(lab=lab, log_group=GROUP)
    yield found
    unload_ipython_extension(found)
    assert "insights" not in found.magics_manager.magics["cell"]


def test_a_cell_is_a_table_and_gets_a_name(shell: InteractiveShell) -> None:
    result = shell.run_cell(
        f"%%insights ports --group {GROUP} --since 3h\n"
        'filter action = "REJECT"\n| stats count(*) as n, avg(bytes) as mean by dstPort | sort n desc, dstPort'
    ).result
    assert result is shell.user_ns["ports"]
    assert result.columns.tolist() == ["dstPort", "n", "mean"]
    assert result.n.tolist() == [2, 1, 1]
    assert result.dtypes.astype(str).tolist() == ["Int64", "Int64", "Float64"]
    assert result.attrs["statistics"]["recordsMatched"] == 4


def test_types_of_columns(shell: InteractiveShell, lab: Lab) -> None:
    frame = shell.run_cell(
        f"%%insights -g {GROUP}\nfields @timestamp, @message, dstPort, action | sort @timestamp"
    ).result
    assert frame.columns.tolist() == ["@timestamp", "@message", "dstPort", "action"]  # no @ptr
    assert pd.api.types.is_datetime64_dtype(frame["@timestamp"])
    assert frame["@timestamp"][0] <= lab.now().replace(tzinfo=None)
    assert frame.dstPort.dtype == "Int64"
    assert frame.dstPort.isna().tolist() == [False] * 5 + [True]  # NODATA has no port
    assert frame.dstPort.sum() == 443 + 22 + 22 + 80 + 8080
    assert frame.action.dtype == "str"
    assert frame["@message"][5].endswith("NODATA")


def test_the_learners_variables_in_the_first_line_only(shell: InteractiveShell) -> None:
    shell.user_ns["log_group"] = GROUP
    assert len(shell.run_cell("%%insights --group $log_group\nfields dstPort").result) == 6
    assert len(shell.run_cell("%%insights --group {log_group}\nfilter @message like /2{2} 6/").result) == 2


def test_several_groups_limit_and_nothing_found(shell: InteractiveShell) -> None:
    both = shell.run_cell(f"%%insights --group {GROUP} --group /demo/other --limit 4\nfields @log").result
    assert both["@log"].tolist() == [f"123456789012:{GROUP}"] * 4
    assert shell.run_cell(f"%%insights --group {GROUP}\nfilter dstPort = 1").result.empty
    sourced = shell.run_cell("%%insights\nSOURCE logGroups(namePrefix: ['/demo']) | stats count(*) as n").result
    assert sourced.n.tolist() == [6]


def test_a_file_instead_of_a_group_needs_no_lab(shell: InteractiveShell, tmp_path: Path) -> None:
    path = tmp_path / "records.txt"
    path.write_text("\n".join(LINE.format(port, 100, 160, "REJECT") for port in (22, 22, 80)))
    shell.user_ns["records"] = path
    del shell.user_ns["lab"]
    result = shell.run_cell("%%insights ports --file {records}\nstats count(*) as n by dstPort | sort n desc").result
    assert result is shell.user_ns["ports"]
    assert (result.dstPort.tolist(), result.n.tolist()) == ([22, 80], [2, 1])
    assert result.attrs["statistics"]["recordsScanned"] == 3


def test_a_field_in_another_letter_case_is_said(shell: InteractiveShell, capsys: pytest.CaptureFixture[str]) -> None:
    shell.run_cell(f"%%insights -g {GROUP}\nstats count_distinct(dstport) as n by srcaddr | filter n >= 10")
    assert capsys.readouterr().err == (
        "No event has a field dstport: it is dstPort; upper and lower case matter.\n"
        "No event has a field srcaddr: it is srcAddr; upper and lower case matter.\n"
    )
    shell.run_cell(f"%%insights -g {GROUP}\nstats count(*) as srcaddr by dstPort")
    assert capsys.readouterr().err == ""


def test_another_lab(shell: InteractiveShell, lab: Lab) -> None:
    shell.user_ns["mine"] = lab
    shell.user_ns["lab"] = "a text"
    assert len(shell.run_cell(f"%%insights --group {GROUP} --lab mine\nlimit 2").result) == 2


def refused(shell: InteractiveShell, capsys: pytest.CaptureFixture[str], cell: str) -> BaseException:
    result = shell.run_cell(cell)
    capsys.readouterr()
    assert result.error_in_exec is not None
    return result.error_in_exec


def test_a_malformed_query_shows_its_place(shell: InteractiveShell, capsys: pytest.CaptureFixture[str]) -> None:
    error = refused(shell, capsys, f"%%insights --group {GROUP}\nfields dstPort\n| filter action = | limit 5")
    assert isinstance(error, ClientError)
    assert error.response["Error"]["Code"] == "MalformedQueryException"
    message, line, caret = str(error).splitlines()
    assert "unexpected symbol found |" in message
    assert (line, caret) == ("| filter action = | limit 5", " " * 18 + "^")


@pytest.mark.parametrize(
    ("line", "kind", "sentence"),
    [
        ("--group /nope", ClientError, f"There are: {GROUP}, /demo/other|There are: /demo/other, {GROUP}"),
        ("", ValueError, "--group NAME"),
        (f"--group {GROUP} --since yesterday", ValueError, "'yesterday' is no time: write 30m, 3h"),
        (f"--group {GROUP} --since 1h --until 2h", ValueError, "--until 2h lies before --since 1h"),
        (f"--group {GROUP} --since 1700000000000", ValueError, "milliseconds"),
        (f"--group {GROUP} --lab nobody", LabError, "There is no nobody here"),
        (f"--group {GROUP} --lab log_group", LabError, "log_group is not a lab but str"),
        (f"--group {GROUP} --limit many", ValueError, "invalid int value: 'many'"),
        (f"--group {GROUP} --nonsense", ValueError, "%%insights\\? lists the options"),
        (f"not-a-name --group {GROUP}", ValueError, "cannot be the name of a variable"),
        (f"class --group {GROUP}", ValueError, "cannot be the name of a variable"),
    ],
)
def test_mistakes_are_ordinary_exceptions(
    shell: InteractiveShell, capsys: pytest.CaptureFixture[str], line: str, kind: type[Exception], sentence: str
) -> None:
    error = refused(shell, capsys, f"%%insights {line}\nlimit 1")
    assert isinstance(error, kind)
    with pytest.raises(kind, match=sentence):
        raise error


def test_an_empty_cell(lab: Lab) -> None:
    with pytest.raises(ValueError, match="The cell is empty"):
        ask(lab, "\n \n", [GROUP])


def test_it_documents_itself(shell: InteractiveShell) -> None:
    doc = shell.object_inspect("%%insights")["docstring"]
    assert all(word in doc for word in ("--group", "--since", "--until", "--limit", "--lab", "The cell is the query"))


def test_in_a_notebook_that_runs_headless(home: Path, root: Path, monkeypatch: pytest.MonkeyPatch, lab: Lab) -> None:
    monkeypatch.setenv("FLOWLOGS_HOME", str(home))
    monkeypatch.setenv("PYTHONPATH", str(root))
    cells = [
        "%load_ext helpers.magics\nfrom helpers.lab import open_lab\nlab = open_lab()",
        f"%%insights found --group {GROUP}\nstats count(*) as n",
        "assert found.n[0] == 6",
        f"%%insights --group {GROUP} --since tomorrow\nlimit 1",
    ]
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    with pytest.raises(CellExecutionError, match="'tomorrow' is no time"):
        NotebookClient(notebook, timeout=60, kernel_name="python3").execute()
    assert notebook.cells[1].outputs[0]["data"]["text/html"]


# --- what a real account may answer, and the sandbox does not ------------------------------------------------------


class Replies:
    """A client of CloudWatch Logs that has its answers ready, and remembers what it was asked."""

    def __init__(self, *results: Any, refusal: ClientError | None = None) -> None:
        self.results = list(results)
        self.refusal = refusal
        self.asked: list[tuple[str, dict[str, Any]]] = []

    def start_query(self, **parameters: Any) -> dict[str, str]:
        self.asked.append(("start_query", parameters))
        if self.refusal:
            raise self.refusal
        return {"queryId": "q-1"}

    def get_query_results(self, **parameters: Any) -> Any:
        self.asked.append(("get_query_results", parameters))
        reply = self.results.pop(0)
        if isinstance(reply, BaseException):
            raise reply
        return reply

    def stop_query(self, **parameters: Any) -> dict[str, bool]:
        self.asked.append(("stop_query", parameters))
        return {"success": True}


class FakeAccess(AccountConnection):
    """An account whose clock moves only when somebody waits."""

    region = "us-east-1"

    def __init__(self, logs: Replies) -> None:
        self.logs = logs
        self.at = 1_700_000_000.0

    def client(self, service: str) -> Any:
        assert service == "logs"
        return self.logs

    def now(self) -> datetime:
        return datetime.fromtimestamp(self.at, UTC)

    def sleep_until(self, moment: datetime) -> None:
        self.at = moment.timestamp()

    def banner(self) -> tuple[str, str, str]:
        return "Fake", "#000000", "Nothing is real."


def fake(*results: Any, refusal: ClientError | None = None) -> tuple[Lab, Replies]:
    logs = Replies(*results, refusal=refusal)
    return Lab(FakeAccess(logs), "demo"), logs


def rows(*values: str) -> list[list[dict[str, str]]]:
    return [[{"field": "n", "value": value}] for value in values]


def test_the_calls_are_those_of_the_lesson() -> None:
    lab, logs = fake({"status": "Scheduled"}, {"status": "Running"}, {"status": "Complete", "results": rows("1")})
    ask(lab, "stats count(*) as n\n", ["/a"], since="1h30m", until="1700000060", limit=5)
    where = {"startTime": 1_700_000_000 - 5400, "endTime": 1_700_000_060}
    assert logs.asked == [
        ("start_query", {"logGroupName": "/a", **where, "queryString": "stats count(*) as n", "limit": 5}),
        *[("get_query_results", {"queryId": "q-1"})] * 3,
    ]


def test_groups_by_arn() -> None:
    lab, logs = fake({"status": "Complete", "results": []})
    assert ask(lab, "limit 1", ["arn:aws:logs:us-east-1:123456789012:log-group:/a", "/b"]).empty
    assert "logGroupIdentifiers" in logs.asked[0][1]


def test_all_pages_are_read() -> None:
    first = {"status": "Complete", "results": rows("1", "2"), "nextToken": "t", "statistics": {"bytesScanned": 7.0}}
    lab, logs = fake(first, {"status": "Complete", "results": rows("3")})
    frame = ask(lab, "limit 3", ["/a"])
    assert frame.n.tolist() == [1, 2, 3]
    assert frame.attrs["statistics"] == {"bytesScanned": 7.0}
    assert logs.asked[-1] == ("get_query_results", {"queryId": "q-1", "nextToken": "t"})


@pytest.mark.parametrize("status", ["Failed", "Cancelled", "Timeout"])
def test_a_bad_end(status: str) -> None:
    lab, _ = fake({"status": status, "results": []})
    with pytest.raises(RuntimeError, match=f"ended as {status}"):
        ask(lab, "limit 1", ["/a"])


def test_a_query_that_is_interrupted_is_stopped() -> None:
    lab, logs = fake({"status": "Running"}, KeyboardInterrupt())
    with pytest.raises(KeyboardInterrupt):
        ask(lab, "limit 1", ["/a"])
    assert logs.asked[-1] == ("stop_query", {"queryId": "q-1"})


def test_a_query_that_does_not_end_is_stopped() -> None:
    lab, logs = fake(*[{"status": "Running"}] * 1000)
    with pytest.raises(TimeoutError, match="end of the query"):
        ask(lab, "limit 1", ["/a"])
    assert logs.asked[-1][0] == "stop_query"


def test_a_place_in_numbers_becomes_a_caret() -> None:
    place = {"location": {"startCharOffset": 6, "endCharOffset": 10}, "message": "no such command"}
    answer: Any = {"Error": {"Code": "MalformedQueryException", "Message": "bad"}, "queryCompileError": place}
    lab, _ = fake(refusal=ClientError(answer, "StartQuery"))
    with pytest.raises(ClientError) as refusal:
        ask(lab, "limit nope", ["/a"])
    assert str(refusal.value).endswith("no such command (line 1, characters 6 to 10)\nlimit nope\n      ^^^^")


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        (["1", "-2"], "Int64"),
        (["1", "2.5", "1.0E9"], "Float64"),
        (["1", "99999999999999999999"], "Float64"),
        (["1", "x"], "str"),
        (["007", "8"], "str"),  # a leading zero means something
        (["1", ""], "str"),
        (["2026-01-31 09:30:00.000", "2026-01-31 09:35:00.000"], "datetime64[us]"),
    ],
)
def test_numbers_are_numbers_where_all_are(values: list[str], kind: str) -> None:
    lab, _ = fake({"status": "Complete", "results": rows(*values)})
    assert str(ask(lab, "limit 9", ["/a"]).n.dtype) == kind


def test_loading_twice_is_harmless(shell: InteractiveShell) -> None:
    load_ipython_extension(shell)
    assert len(shell.run_cell(f"%%insights --group {GROUP}\nlimit 1").result) == 1
