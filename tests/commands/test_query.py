"""`python -m helpers query`: rows on standard output, everything else on standard error, and the exit codes."""

import gzip
import io
import json
import os
import pty
import re
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

from helpers.__main__ import main
from helpers.commands.progress_line import Progress
from helpers.insights import LogTable, open_logs

LINE = "2 123456789012 eni-1 203.0.113.9 10.0.1.5 51000 {} 6 1 40 {} {} {} OK"
PORTS = "stats count(*) as n by dstPort | sort n desc"
Said = Callable[..., tuple[int, str, str]]


def lines(count: int = 6) -> str:
    """Ports 22 and 23 in turn, one record a minute; the first is accepted."""
    rows = [
        LINE.format(22 + i % 2, at, at + 60, "REJECT" if i else "ACCEPT")
        for i in range(count)
        for at in [1_700_000_000 + 60 * i]
    ]
    return "".join(f"{row}\n" for row in rows)


@pytest.fixture
def logs(tmp_path: Path) -> Path:
    folder = tmp_path / "logs"
    folder.mkdir()
    (folder / "a.log").write_text(lines(4))
    (folder / "b.log.gz").write_bytes(gzip.compress(lines(3).encode()))
    return folder


@pytest.fixture
def said(capsys: pytest.CaptureFixture[str]) -> Said:
    def run(*words: object) -> tuple[int, str, str]:
        try:
            code = main(["query", *map(str, words)])
        except SystemExit as ended:
            assert isinstance(ended.code, int)
            code = ended.code
        return code, *capsys.readouterr()

    return run


def process(*words: object, given: bytes = b"") -> "subprocess.CompletedProcess[bytes]":
    command = [sys.executable, "-m", "helpers", "query", *map(str, words)]
    return subprocess.run(command, input=given, capture_output=True, timeout=60, check=False)


def test_a_folder_of_text_and_gzip(said: Said, logs: Path) -> None:
    code, out, err = said(PORTS, logs)
    assert (code, out) == (0, "dstPort  n\n22       4\n23       3\n")
    size = sum(len(line) for count in (4, 3) for line in lines(count).splitlines())
    assert err.startswith(f"7 records, {size} bytes scanned. CloudWatch Logs Insights would have charged $0.00000")


@pytest.mark.parametrize("query", [PORTS, 'filter action = "REJECT" | stats count(*)', "stats count(*) by bin(5m)"])
def test_the_bill_needs_no_second_reading(said: Said, logs: Path, monkeypatch: pytest.MonkeyPatch, query: str) -> None:
    code, _, err = said(query, logs)
    assert (code, err[:9]) == (0, "7 records")
    monkeypatch.setattr(LogTable, "totals_in", None)  # counts by reading
    assert said(query, logs)[::2] == (code, err)


def test_the_bill_is_that_of_the_price_list(said: Said, tmp_path: Path) -> None:
    (tmp_path / "big.log").write_text(("x" * 1023 + "\n") * 20_000)
    _, _, err = said("stats count(*)", tmp_path / "big.log")
    assert "20,000 records, 20,460,000 bytes scanned" in err
    assert "$0.000095 (us-east-1)" in err  # 20,460,000 / 2**30 GB at 0.005


def test_csv_and_json(said: Said, logs: Path) -> None:
    assert said(PORTS, logs, "--output", "csv")[1] == "dstPort,n\n22,4\n23,3\n"
    _, out, _ = said(
        "fields @timestamp, dstPort, nothing, dstPort / 4 as d | limit 1", logs / "a.log", "--output", "json"
    )
    row = {"@timestamp": "2023-11-14 22:16:20.000", "dstPort": 23, "d": 5.75}
    assert json.loads(out) == [row]
    assert json.loads(said("filter dstPort = 1", logs, "--output", "json")[1]) == []


def test_parquet_can_be_queried_again(logs: Path, tmp_path: Path) -> None:
    import duckdb

    done = process("fields @timestamp as at, dstPort, action | sort at", logs / "a.log", "--output", "parquet")
    assert done.returncode == 0
    (tmp_path / "rows.parquet").write_bytes(done.stdout)
    rows = duckdb.execute(
        "SELECT count(*), sum(dstPort) FROM read_parquet($1)", [str(tmp_path / "rows.parquet")]
    ).fetchall()
    assert rows == [(4, 90)]


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_standard_input(pack: Callable[[bytes], bytes]) -> None:
    done = process(PORTS, "-", "--output", "csv", given=pack(lines().encode()))
    assert (done.returncode, done.stdout) == (0, b"dstPort,n\n22,3\n23,3\n")
    assert b"6 records" in done.stderr
    assert b"\r" not in done.stderr  # no progress where nobody watches


def test_standard_input_that_is_not_text() -> None:
    done = process("fields @message", "-", given=b"\xff\xfe\n\x1b[2Jx\n")
    assert done.returncode == 0
    assert b"\x1b" not in done.stdout  # a log line must not command the terminal
    latin = process("fields @message", "-", given=b"caf\xe9\n")
    assert latin.stderr.startswith(b"standard input: 1 line with bytes that are not UTF-8 text")
    broken = process("limit 1", "-", given=gzip.compress(b"hello\n" * 999)[:30])
    assert broken.returncode == 1
    assert b"Traceback" not in broken.stderr


def test_another_format(said: Said, tmp_path: Path) -> None:
    (tmp_path / "own.log").write_text("10.1.0.10 443 ingress\n10.1.0.11 443 egress\n")
    given = "${srcaddr} ${dstport} ${flow-direction}"
    code, out, _ = said(
        "filter flowDirection = 'egress' | fields srcAddr", tmp_path / "own.log", "--format", given, "--output", "csv"
    )
    assert (code, out) == (0, "srcAddr\n10.1.0.11\n")


@pytest.mark.parametrize(
    ("words", "count"),
    [
        ([], 6),
        (["--since", "2m"], 3),  # before the last record
        (["--since", "1700000060", "--until", "2023-11-14T22:15:20"], 2),
        (["--until", "2023-11-14T22:13:20Z"], 1),
        (["--since", "2030-01-01"], 0),
    ],
)
def test_a_range_of_time(said: Said, tmp_path: Path, words: list[str], count: int) -> None:
    (tmp_path / "a.log").write_text(lines())
    code, out, err = said("fields dstPort", tmp_path / "a.log", "--output", "csv", *words)
    assert code == 0
    assert len(out.splitlines()) == count + 1
    assert err.startswith(f"{count} records")


def test_lines_that_are_no_records_and_a_range_of_time(said: Said, tmp_path: Path) -> None:
    """They end the one pass wherever they are met: at the last event, at the rows, at the count for the bill."""
    path = tmp_path / "{0}.log"
    path.write_text(lines() + "hello\n")
    between = ("--since", "1700000060", "--until", "1700000120")
    asked = [("stats count(*)", ["--since", "2m"], "3"), ("stats count(*)", between, "2"),
             ("filter srcaddr = 'x' | stats count(*)", between, "0")]  # fmt: skip
    for query, words, count in asked:
        code, out, err = said(query, path, *words, "--output", "csv")
        assert (code, out) == (0, f"count(*)\n{count}\n")
        assert err.splitlines()[-1].startswith("3 records" if count == "3" else "2 records")


def test_a_last_event_that_is_later_than_any_range(said: Said, tmp_path: Path) -> None:
    (tmp_path / "a.log").write_text(lines() + LINE.format(22, 1_700_000_000_000, 1_700_000_060_000, "ACCEPT"))
    assert said("stats count(*)", tmp_path, "--output", "csv")[:2] == (0, "count(*)\n7\n")
    code, out, err = said("stats count(*)", tmp_path, "--since", "2m")
    assert (code, out) == (2, "") and "are they milliseconds?" in err


def test_a_limit(said: Said, logs: Path) -> None:
    assert len(said("fields dstPort", logs, "--limit", 2, "--output", "csv")[1].splitlines()) == 3


def test_a_malformed_query_shows_its_place_before_anything_is_read(said: Said) -> None:
    code, out, err = said("fields a\n| filter dstPort = | limit 5", "/nowhere")
    assert (code, out) == (2, "")
    message, line, caret = err.splitlines()
    assert message.startswith("Malformed query: unexpected symbol found |")
    assert line == "| filter dstPort = | limit 5"
    assert caret == " " * line.index("| limit") + "^"


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["limit 1", "/nowhere"], "No such file: /nowhere"),
        (["limit 1", "LOGS", "--format", "${nonsense}"], "'nonsense' is not a flow log field"),
        (["limit 1", "LOGS", "--since", "yesterday"], "'yesterday' is no time: write"),
        (["limit 1", "LOGS", "--since", "1700000000000"], "milliseconds"),
        (["limit 1", "LOGS", "--since", "1h", "--until", "2h"], "--until lies before --since"),
        (["limit 1", "LOGS", "--limit", "0"], "between 1 and 100000"),
        (["limit 1", "LOGS", "--output", "xml"], "invalid choice"),
        (["limit 1", "-", "-"], "only once"),
        (["limit 1"], "PATH"),
        (["SOURCE logGroups(namePrefix: ['/a']) | limit 1", "LOGS"], "SOURCE"),
        (["filter srcAddr in (SOURCE '/a' | fields srcAddr)", "LOGS"], "SOURCE names log groups of an account"),
        (["join left=l right=r where l.srcAddr=r.srcAddr (SOURCE '/a')", "LOGS"], "SOURCE names log groups"),
    ],
)
def test_used_wrongly_is_2(said: Said, logs: Path, words: list[str], sentence: str) -> None:
    code, out, err = said(*(str(logs) if word == "LOGS" else word for word in words))
    assert (code, out) == (2, "")
    assert sentence in err
    assert len(err.splitlines()) == 1


@pytest.mark.parametrize("name", ["a.parquet", "a.gz"])
def test_a_file_that_is_not_what_it_says_is_1(said: Said, tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"\xff\xfenot what it says")
    code, out, err = said("limit 1", tmp_path / name)
    assert (code, out) == (1, "")
    assert err.startswith("Failed: the files cannot be read: ")
    assert len(err.splitlines()) == 1


def test_what_was_odd_is_remarked_and_the_exit_code_is_0(said: Said, logs: Path) -> None:
    (logs / "c.log").write_bytes(b"caf\xe9\n")
    code, out, err = said("stats count(*) as n", logs, "--output", "csv")
    assert (code, out) == (0, "n\n8\n")
    assert err.startswith("c.log: 1 line with bytes that are not UTF-8 text")
    other = lines(2).replace("2 1234", "5 1234").replace(" OK", " OK vpc-1 subnet-1 i-1 2 IPv4 10.0.0.1 10.0.0.2")
    (logs / "c.log").write_text(other)
    code, _, err = said("stats count(*) as n", logs)
    assert code == 0
    assert err.startswith(
        "c.log: 2 lines look like flow-log records, but not of this format. Try --format '${version} "
    )


def test_a_pipe_points_to_standard_input(said: Said, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    code, out, err = said("limit 1", tmp_path / "pipe")
    assert (code, out) == (2, "")
    assert "is a pipe: give - as the path" in err


def test_parquet_and_text_together_are_refused(said: Said, logs: Path) -> None:
    (logs / "c.parquet").write_bytes(b"")
    code, _, err = said("limit 1", logs)
    assert code == 2
    assert "cannot be mixed" in err


def test_a_misspelt_name_is_remarked(said: Said, logs: Path) -> None:
    code, _, err = said("stats count(*) by srcaddr", logs)
    assert code == 0
    assert "No event has a field srcaddr: it is srcAddr; upper and lower case matter." in err


def test_a_reader_that_leaves_early_is_no_error(logs: Path) -> None:
    (logs / "c.log").write_text(lines(50_000))
    command = f"{sys.executable} -m helpers query 'fields @message' {logs} --output csv | head -1"
    done = subprocess.run(["bash", "-o", "pipefail", "-c", command], capture_output=True, timeout=60, check=False)
    assert (done.returncode, done.stdout) == (0, b"@message\n")
    assert done.stderr == b""


@pytest.mark.parametrize("odd", [b"hello\n", b"caf\xe9\n"])
@pytest.mark.parametrize(
    ("query", "words"), [("limit any 1", []), ("stats count(*)", ["--since", "9d"]), ("fields now()", [])]
)
def test_a_line_that_is_no_record_is_read_however_late_it_is_found(
    said: Said, tmp_path: Path, query: str, words: list[str], odd: bytes
) -> None:
    (tmp_path / "a.log").write_bytes(lines(3000).encode() + odd)
    code, out, err = said(query, tmp_path / "a.log", *words)
    assert (code, bool(out)) == (0, True)
    assert f"{3000 + (not words):,} records" in err  # the odd line has no time: it is of 1970


@pytest.mark.parametrize("name", ["a.log", "b.log.gz", "c.parquet"])
def test_the_statement_for_another_engine(said: Said, logs: Path, name: str) -> None:
    open_logs(logs / "a.log").to_parquet(logs / "c.parquet")
    words = ["--explain", "sql", "--dialect", "spark", "--since", "1700000000", "--limit", "7"]
    code, out, err = said("stats count(*) as n by srcAddr", logs / name, *words)
    assert (code, err) == (0, "")
    assert out.startswith("CREATE TABLE vpc_flow_logs (\n  `version` int,\n  `account_id` string,")
    assert ("USING parquet" in out) == (name == "c.parquet")
    assert "FROM vpc_flow_logs" in out
    assert "1700000000000" in out
    assert out.endswith("LIMIT 7;\n")


def test_what_another_engine_cannot_do_is_2(said: Said, logs: Path) -> None:
    spark = ["--explain", "sql", "--dialect", "spark"]
    (logs / "c.json").write_text('{"a": 1}\n')
    for words, sentence in (
        (
            ["parse @message csv as a, b | display a", logs / "a.log", *spark],
            "Spark is not asked for parse csv: ask DuckDB.",
        ),
        (["fields @logStream", logs / "a.log", *spark], "@logStream is no column of a table of flow logs."),
        (["fields a", logs / "c.json", *spark], "A table has flow-log records of one format"),
        (["limit 1", "-", "--engine", "spark"], "Another engine reads files, not standard input."),
    ):
        code, out, err = said(*words)
        assert (code, out) == (2, "")
        assert sentence in err


def test_without_pyspark_or_java_a_sentence_says_what_to_install(
    said: Said, logs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pyspark.sql", None)
    code, _, err = said("stats count(*)", logs / "a.log", "--engine", "spark")
    assert (code, err) == (3, "There is no PySpark. Install it with: python setup_workbook.py --extras spark\n")
    monkeypatch.setitem(sys.modules, "pyspark.sql", SimpleNamespace(SparkSession=None))
    monkeypatch.setenv("PATH", "")
    monkeypatch.delenv("JAVA_HOME", raising=False)
    code, _, err = said("stats count(*)", logs / "a.log", "--engine", "spark")
    assert code == 3
    assert err.startswith("Spark needs Java 17, and there is none. Install it from the packages of your system")


def test_progress_is_one_line_that_disappears() -> None:
    master, slave = pty.openpty()
    with os.fdopen(slave, "w") as terminal:
        with Progress(terminal, patience=0.01) as progress:
            progress.read(2_000_000, 10_000_000)
            threading.Event().wait(0.2)
        terminal.write("end")
        terminal.flush()
        seen = ""
        while not seen.endswith("end"):
            seen += os.read(master, 10_000).decode()
    os.close(master)
    assert re.match(r"\r\x1b\[Kreading: 2 of 10 MB, about \d+ s to go \(\d+ s\)", seen)
    assert seen.endswith("\r\x1b[Kend")
    assert "\n" not in seen


def test_progress_is_silent_where_nobody_watches() -> None:
    stream = io.StringIO()
    with Progress(stream, patience=0) as progress:
        progress.say("reading")
        threading.Event().wait(0.05)
    assert stream.getvalue() == ""
