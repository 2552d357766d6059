"""`python -m helpers query`: rows on standard output, everything else on standard error, and the exit codes."""

import gzip
import io
import json
import os
import pty
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from helpers.__main__ import main
from helpers.commands.progress import Progress

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
    ],
)
def test_used_wrongly_is_2(said: Said, logs: Path, words: list[str], sentence: str) -> None:
    code, out, err = said(*(str(logs) if word == "LOGS" else word for word in words))
    assert (code, out) == (2, "")
    assert sentence in err
    assert len(err.splitlines()) == 1


@pytest.mark.parametrize("name", ["a.parquet", "a.gz", "a.log"])
def test_a_file_that_is_not_what_it_says_is_1(said: Said, tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"\xff\xfenot what it says")
    code, out, err = said("limit 1", tmp_path / name)
    assert (code, out) == (1, "")
    assert err.startswith("Failed: the files cannot be read: ")
    assert len(err.splitlines()) == 1


def test_parquet_and_text_together_are_refused(said: Said, logs: Path) -> None:
    (logs / "c.parquet").write_bytes(b"")
    code, _, err = said("limit 1", logs)
    assert code == 2
    assert "cannot be mixed" in err


def test_a_misspelt_name_is_remarked(said: Said, logs: Path) -> None:
    code, _, err = said("stats count(*) by srcaddr", logs)
    assert code == 0
    assert "Did you mean srcAddr?" in err


def test_a_reader_that_leaves_early_is_no_error(logs: Path) -> None:
    (logs / "c.log").write_text(lines(50_000))
    command = f"{sys.executable} -m helpers query 'fields @message' {logs} --output csv | head -1"
    done = subprocess.run(["bash", "-o", "pipefail", "-c", command], capture_output=True, timeout=60, check=False)
    assert (done.returncode, done.stdout) == (0, b"@message\n")
    assert done.stderr == b""


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
    assert seen.startswith("\r\x1b[Kreading: 2 of 10 MB (0 s)")
    assert seen.endswith("\r\x1b[Kend")
    assert "\n" not in seen


def test_progress_is_silent_where_nobody_watches() -> None:
    stream = io.StringIO()
    with Progress(stream, patience=0) as progress:
        progress.say("reading")
        threading.Event().wait(0.05)
    assert stream.getvalue() == ""
