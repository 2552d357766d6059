"""Files as tables: text, gzip, folders, Parquet of both kinds, open files, file names that try to be SQL."""

import gzip
import io
from pathlib import Path

import duckdb
import pytest

from helpers.insights import Event, open_logs, run

LINES = [
    "2 123456789012 eni-1 203.0.113.9 10.0.1.5 51000 22 6 1 40 1700002860 1700002920 REJECT OK",
    "2 123456789012 eni-1 10.0.1.5 10.0.2.7 49152 443 6 10 1000 1700002800 1700002860 ACCEPT OK",
    "2 123456789012 eni-1 - - - - - - - 1700002900 1700002960 - NODATA",
]
HEADER = (
    "version account-id interface-id srcaddr dstaddr srcport dstport protocol packets bytes start end action log-status"
)
BY_ACTION = "stats count(*) as n, sum(bytes) as b by action"
WANTED = [{"action": "ACCEPT", "n": "1", "b": "1000"}, {"action": "REJECT", "n": "1", "b": "40"}, {"n": "1"}]


def rows(query: str, source: object, **more: str) -> list[dict[str, str]]:
    return [dict(row) for row in run(query, open_logs(source, **more)).rows]  # type: ignore[arg-type]


def test_text_gzip_and_folder_say_the_same(tmp_path: Path) -> None:
    text = "\n".join([HEADER, *LINES]) + "\n"
    (tmp_path / "a.log").write_text(text)
    with gzip.open(tmp_path / "b.log.gz", "wt") as file:
        file.write(text)
    assert rows(BY_ACTION, tmp_path / "a.log") == WANTED
    assert rows(BY_ACTION, str(tmp_path / "b.log.gz")) == WANTED
    both = rows("stats count(*) as n by @logStream", tmp_path)
    assert both == [{"@logStream": "a.log", "n": "3"}, {"@logStream": "b.log.gz", "n": "3"}]


def test_open_file_and_events() -> None:
    assert rows(BY_ACTION, io.StringIO("\n".join(LINES))) == WANTED
    assert rows(BY_ACTION, [Event(1, 1, "s", line) for line in LINES]) == WANTED


def test_timestamp_is_the_start_of_the_window(tmp_path: Path) -> None:
    (tmp_path / "a.log").write_text("\n".join(LINES))
    shown = rows("fields @timestamp, dstPort | sort @timestamp | limit 1", tmp_path / "a.log")
    assert shown == [{"@timestamp": "2023-11-14 23:00:00.000", "dstPort": "443"}]


def test_own_parquet_comes_back(tmp_path: Path) -> None:
    (tmp_path / "a.log").write_text("\n".join([*LINES, '{"v": 1}', "plain"]))
    table = open_logs(tmp_path / "a.log")
    target = tmp_path / "it's 'quoted'.parquet"
    table.to_parquet(target)
    again = open_logs(target)
    for query in (BY_ACTION, "fields @message | sort @message", "filter ispresent(v) | fields v"):
        assert run(query, again).rows == run(query, table).rows
    assert again.totals_in(0, 2**50) == table.totals_in(0, 2**50)


def test_own_parquet_keeps_the_fields_of_its_records(tmp_path: Path) -> None:
    (tmp_path / "a.log").write_text("192.0.2.9 7 ingress\n")
    (tmp_path / "b.log").write_text("bytes dstaddr\n5 192.0.2.10\n")
    table = open_logs(tmp_path, "${srcaddr} ${bytes} ${flow-direction}")
    table.to_parquet(tmp_path / "c.parquet")
    query = "fields srcAddr, bytes, flowDirection, dstAddr, @message | sort @message"
    assert rows(query, tmp_path / "c.parquet") == [
        {"bytes": "5", "dstAddr": "192.0.2.10", "@message": "5 192.0.2.10"},
        {"srcAddr": "192.0.2.9", "bytes": "7", "flowDirection": "ingress", "@message": "192.0.2.9 7 ingress"},
    ]
    (tmp_path / "d.log").write_text("plain\n")
    open_logs(tmp_path / "d.log", "${bytes} ${srcaddr}").to_parquet(tmp_path / "d.parquet")
    assert rows("fields @message", tmp_path / "d.parquet") == [{"@message": "plain"}]


def test_parquet_from_aws(tmp_path: Path) -> None:
    target = tmp_path / "aws.parquet"
    duckdb.connect().execute(
        f"COPY (SELECT 2 AS version, '123456789012' AS account_id, '10.0.0.1' AS srcaddr, "
        f"7::BIGINT AS bytes, 1700002860::BIGINT AS start, NULL::VARCHAR AS flow_direction) "
        f"TO '{target}' (FORMAT parquet)"
    )
    query = "filter bytes = 7 | fields @message, srcAddr, accountId, flowDirection"
    assert rows(query, target) == [
        {
            "@message": "2 123456789012 10.0.0.1 7 1700002860 -",
            "srcAddr": "10.0.0.1",
            "accountId": "123456789012",
        }
    ]


def test_custom_format(tmp_path: Path) -> None:
    (tmp_path / "a.log").write_text("10.0.0.1 ingress 5\n10.0.0.2 egress 7\nfour words in it\n")
    found = rows(
        "stats sum(bytes) as b by flowDirection",
        tmp_path / "a.log",
        format="${srcaddr} ${flow-direction} ${bytes}",
    )
    assert found[:2] == [{"flowDirection": "egress", "b": "7"}, {"flowDirection": "ingress", "b": "5"}]


@pytest.mark.parametrize("name", ["a'; DROP TABLE x; --.log", 'a"b.log', "*.log", "[a].log", "a;b.log"])
def test_file_names_are_only_names(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("\n".join(LINES))
    (tmp_path / "a.log").write_text("another")
    assert rows("stats count(*) as n by @logStream", tmp_path / name) == [{"@logStream": name, "n": "3"}]


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="no such file"):
        open_logs(tmp_path / "nothing.log")
