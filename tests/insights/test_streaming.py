"""Files that a query reads in one pass give what a table of them gives, and nothing but records is read so."""

import gzip
from pathlib import Path

import duckdb
import pytest

from helpers.insights import Database, LogTable, QueryFailed, open_logs, run
from tests.insights.corpus import QUERIES, sample_events
from tests.insights.test_oracle import Writer

RECORDS = [event.message for event in sample_events() if event.message.startswith("2 ")]
HEADER = (
    "version account-id interface-id srcaddr dstaddr srcport dstport protocol packets bytes start end action log-status"
)
ASKED = [query for query in QUERIES if "SOURCE" not in query]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Plain and packed text, with headers and without."""
    where = tmp_path_factory.mktemp("logs")
    (where / "a.log").write_text("".join(f"{line}\n" for line in RECORDS[:20]))
    (where / "b.log.gz").write_bytes(gzip.compress("\n".join([HEADER, *RECORDS[20:40]]).encode()))
    (where / "c.log").write_text("\r\n".join([HEADER.replace("-", "_"), *RECORDS[40:], HEADER, ""]))
    (where / "d.log").write_text("")
    return where


@pytest.fixture(scope="module")
def tables(folder: Path) -> tuple[LogTable, LogTable]:
    database = Database()
    return open_logs(folder, database=database, once=True), open_logs(folder, database=database)


@pytest.mark.parametrize("query", [*ASKED, *(Writer(seed).query() for seed in range(12))])
def test_a_stream_answers_as_a_table(tables: tuple[LogTable, LogTable], query: str) -> None:
    stream, table = tables
    assert stream.stream
    assert table.stream is None
    for bounds in ((None, None), (1_700_000_300, 1_700_000_900)):
        mine, wanted = (run(query, one, *bounds) for one in (stream, table))
        assert (mine.rows, mine.scanned, mine.remarks) == (wanted.rows, wanted.scanned, wanted.remarks)


GROUPED = [
    "stats count(*)",
    "stats sum(bytes) as b, pct(bytes, 90) by srcAddr, dstAddr | sort b desc | limit 3",
    'filter action = "REJECT" | stats count(*) as n by srcAddr | sort n desc',
    'filter action = "REJECT" and bytes > 40 | stats count_distinct(dstPort), sum(1), latest(srcAddr) by bin(5m)',
    'filter action = "NEITHER" | stats count(*), sum(bytes), sum(bytes) / count(*), count(bytes) + 1',
    'filter action = "NEITHER" | stats count(*) by srcAddr',
    "filter dstPort = 22 | stats topk(2, srcAddr)",
    "countFrequent dstPort",
]


@pytest.mark.parametrize("bounds", [(None, None), (1_700_000_300, None), (1_700_000_300, 1_700_000_900)])
@pytest.mark.parametrize("query", GROUPED)
def test_one_reading_gives_the_groups_of_events_and_what_was_scanned(
    tmp_path: Path, tables: tuple[LogTable, LogTable], query: str, bounds: tuple[int | None, int | None]
) -> None:
    wanted = run(query, tables[1], *bounds)
    (tmp_path / "a.log").write_text("\n".join([*RECORDS[:9], HEADER, "", *RECORDS[9:]]))
    mine = run(query, open_logs(tmp_path, database=Database(), once=True), *bounds)
    (tmp_path / "a.log").unlink()
    assert (mine.rows, mine.scanned) == (wanted.rows, wanted.scanned)


@pytest.mark.parametrize("bounds", [(1_700_000_300, None), (None, 1_700_000_900), (1_800_000_000, None), (None, 5)])
def test_half_a_range(tables: tuple[LogTable, LogTable], bounds: tuple[int | None, int | None]) -> None:
    for query in ("stats count(*)", "fields queryStartTime() as a, queryEndTime() as b, now() as c"):
        mine, wanted = (run(query, one, *bounds) for one in tables)
        assert (mine.rows, mine.statistics) == (wanted.rows, wanted.statistics)


def test_only_the_words_that_a_query_names_are_read(tables: tuple[LogTable, LogTable]) -> None:
    stream, _ = tables
    plan = f"EXPLAIN SELECT f3, count(*) FROM {stream.source} WHERE f12 = 'REJECT' GROUP BY 1"
    text = stream.database.cursor().execute(plan).fetchall()[0][1].upper()
    assert "READ CSV" in text
    assert "WINDOW" not in text  # no number of a line, which would take one thread


@pytest.mark.parametrize("odd", ["hello", RECORDS[0] + " more", "  " + RECORDS[0], '{"a": 1}'])
def test_a_line_that_is_no_record_ends_a_stream(tmp_path: Path, odd: str) -> None:
    (tmp_path / "a.log").write_text("\n".join([*RECORDS[:3], odd]))
    with pytest.raises(QueryFailed):
        run("stats count(*)", open_logs(tmp_path, once=True))
    assert run("stats count(*) as n", open_logs(tmp_path)).rows == [[("n", "4")]]


def test_a_line_that_is_no_record_is_a_failure_wherever_it_is_met(tmp_path: Path) -> None:
    (tmp_path / "a.log").write_text("\n".join([*RECORDS[:3], "hello"]))
    table = open_logs(tmp_path, once=True)
    with pytest.raises(QueryFailed, match="another form"):
        table.bounds()
    counted = run("filter srcaddr = 'x'", table, 1_700_000_000, 1_700_000_900)  # no event can pass: none is read
    with pytest.raises(QueryFailed, match="another form"):
        _ = counted.scanned


def test_a_path_with_braces(tmp_path: Path) -> None:
    (tmp_path / "{0} $1 {name}.log").write_text(RECORDS[0])
    assert run("stats count(*) as n", open_logs(tmp_path, once=True)).rows == [[("n", "1")]]


@pytest.mark.parametrize("once", [True, False])
def test_a_record_of_a_time_beyond_all_ranges(tmp_path: Path, once: bool) -> None:
    late = RECORDS[0].replace(RECORDS[0].split()[10], "200000000000")
    (tmp_path / "a.log").write_text("\n".join([RECORDS[0], late]))
    table = open_logs(tmp_path, once=once)
    assert run("stats count(*) as n", table).rows == [[("n", "2")]]
    assert run("stats count(*) as n", table, 1_700_000_000).rows == [[("n", "2")]]


def test_a_record_whose_start_is_no_time(tmp_path: Path) -> None:
    wrong = RECORDS[0].replace(RECORDS[0].split()[10], "99999999999999999")
    (tmp_path / "a.log").write_text("\n".join([RECORDS[0], wrong]))
    with pytest.raises(QueryFailed, match="another form"):
        run("stats count(*)", open_logs(tmp_path, once=True))
    found = run("filter startTime > 1800000000 | fields @timestamp", open_logs(tmp_path))
    assert found.rows == [[("@timestamp", "1970-01-01 00:00:00.000")]]


@pytest.mark.parametrize("text", ["", "hello\n", HEADER, '{"message": "2"}', f"2023-11-14T22:13:20Z {RECORDS[0]}"])
def test_other_beginnings_are_no_stream(tmp_path: Path, text: str) -> None:
    (tmp_path / "a.log").write_text(text)
    assert open_logs(tmp_path, once=True).stream is None


def test_files_that_aws_named_after_another_time_are_not_read(tmp_path: Path) -> None:
    name = "123456789012_vpcflowlogs_us-east-1_fl-0a1b2c3d4e5f60718_20231114T{}Z_0a1b2c3d.log"
    (tmp_path / name.format("2215")).write_text(RECORDS[0])
    for other in ("1000", "2330"):
        (tmp_path / name.format(other)).write_text("hello")
    for once in (True, False):
        table = open_logs(tmp_path, once=once, since=1_700_000_000, until=1_700_000_900)
        assert table.totals_in(0, 2**50) == (1, len(RECORDS[0]))


def test_parquet_of_aws_in_many_files(tmp_path: Path) -> None:
    for hour in range(3):
        where = tmp_path / f"year=2023/hour={hour:02}"
        where.mkdir(parents=True)
        rows = f"SELECT 2 AS version, i AS bytes, 1700000000 + {hour} * 3600 + i AS start FROM range(4) t(i)"
        duckdb.connect().execute(f"COPY ({rows}) TO '{where}/part.parquet' (FORMAT parquet)")
    query = "fields bytes, @timestamp, @message | sort bytes desc | limit 2"
    rows = [dict(row) for row in run(query, open_logs(tmp_path)).rows]
    assert [row["@timestamp"][11:19] for row in rows] == ["22:13:23", "23:13:23"]
    assert rows[0]["@message"] == "2 3 1700000003"
    within = open_logs(tmp_path, since=1_700_003_600, until=1_700_003_601)
    assert within.totals_in(0, 2**50) == (2, 2 * len(rows[0]["@message"]))


def test_a_record_of_parquet_without_a_start_is_scanned(tmp_path: Path) -> None:
    rows = "SELECT 2 AS version, CASE WHEN i > 0 THEN 1700000000 + i END AS start FROM range(4) t(i)"
    duckdb.connect().execute(f"COPY ({rows}) TO '{tmp_path}/a.parquet' (FORMAT parquet)")
    table = open_logs(tmp_path)
    for bounds, words in (((None, None), ["-", *"123"]), ((1_700_000_002, None), "23"), ((None, 1_700_000_001), "1")):
        found = run("stats count(*) as n", table, *bounds)
        size = sum(len(f"2 170000000{word}" if word != "-" else "2 -") for word in words)
        assert (found.rows, found.scanned) == ([[("n", str(len(words)))]], (len(words), size))
