"""The same question in other engines' SQL: equal rows in Spark, in the same order, and refusals by name."""

import gzip
import os
import re
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlglot import exp, parse_one

from helpers.flowlogs import DEFAULT_FORMAT
from helpers.insights import Database, Event, LogTable, QueryFailed, compile, open_logs, prepare  # noqa: A004
from helpers.insights.events.schema import FLOW_COLUMNS, Schema
from helpers.insights.query_result import Execution, Rows
from helpers.insights.sql.flow_log_table import column_name, definition
from helpers.insights.sql.sql_engines import Unsupported, write
from tests.insights.corpus import END, QUERIES, sample_events
from tests.insights.corpus import START as CORPUS_START
from tests.insights.test_conformance import CASES, CREATED_MS, differences
from tests.insights.test_flow_questions import DAY, QUESTIONS, START, records
from tests.insights.test_oracle import Writer, random_events
from tests.support.cases import sampled

# What is refused by name, and nothing else: no answer is better than another one.
REFUSED = (
    "JSON in fields", "lists", "lookup tables", "addtotals col=true", "parse logfmt", "parse csv", "parse multi",
    "unnest", "unnest and expand", "histogram", "values", "pattern",
)  # fmt: skip
VALUES = dict.fromkeys(("rows", "from_0", "until", "run_now", "run_start", "run_end"), 1)
Ask = Callable[[str, LogTable, int, int], tuple[list[dict[str, str]], list[dict[str, str]]]]


def refusal(query: str, dialect: str) -> str | None:
    """What an engine says against a query over records and JSON; None where it has a statement."""
    try:
        write(compile(query).compiled(Schema(json=True)).statement.copy(), dialect, VALUES)
    except Unsupported as error:
        return str(error).partition(" asked for ")[2].partition(":")[0]
    return None


def test_what_spark_lacks_is_refused_by_name() -> None:
    said = {query: refusal(query, "spark") for query in QUERIES if " in (SOURCE" not in query and "join" not in query}
    named = {reason for reason in said.values() if reason}
    assert named <= set(REFUSED)
    assert sum(reason is None for reason in said.values()) > 40
    with pytest.raises(QueryFailed, match="Spark is not asked for parse logfmt: ask DuckDB"):
        compile("parse @message logfmt as m | display m.level").sql("spark")


def test_a_statement_over_the_table_of_aws() -> None:
    query = compile("filter action = 'REJECT' and @message like /22/ | stats count(*) as n by srcAddr | sort n desc")
    text = query.sql("spark")
    assert "`srcaddr`" in text
    assert "FROM vpc_flow_logs" in text
    assert "`n`" in text
    for asked in ("fields @logStream", "fields now() as n", "filter bytes > 1 | estimate"):
        with pytest.raises(QueryFailed):
            compile(asked).sql("spark")


def test_the_statement_for_duckdb_gives_the_rows_of_the_query() -> None:
    database = Database()
    table = LogTable("/t", database=database)
    table.append(Event((START + at) * 1000, 0, eni, line) for at, eni, line in records()[:500])
    table.flush()
    named = ", ".join(f'{one.column} AS "{column_name(one)}"' for one in table.columns)
    database.cursor().execute(f"CREATE VIEW vpc_flow_logs AS SELECT {named} FROM {table.source}")
    for query in ("stats sum(bytes) as b, count(*) as n by srcAddr, bin(1h)", "filter dstPort < 80 | fields @message"):
        text = compile(query).sql("duckdb")
        mine = [[str(cell) for cell in row if cell is not None] for row in database.cursor().execute(text).fetchall()]
        wanted = [[text.removesuffix(".000") for _, text in row] for row in prepare(query, table).result().rows]
        assert sorted(mine) == sorted(wanted)


# --- Athena, which nothing here executes ------------------------------------------------------------------------------

# Copied by name from Trino's page "List of functions and operators".
TRINO = set(
    re.findall(
        r"\w+",
        """abs array_join asin avg cast ceiling coalesce concat concat_ws cos count date_add floor format_datetime
        from_base from_base64 from_hex from_unixtime from_utf8 greatest least length ln lower lpad max max_by md5 min
        min_by month nullif parse_datetime power radians regexp_extract regexp_extract_all regexp_like regexp_replace
        replace round row row_number sha256 sin split_part sqrt starts_with stddev_pop strpos substr sum to_base
        to_base64 to_hex to_unixtime to_utf8 transform truncate try try_cast upper url_decode url_encode var_pop
        year""",
    )
)
# Words in front of a parenthesis that call nothing.
SYNTAX = set(
    re.findall(r"\w+", "filter in and or not over as when then else select from where by on case with varchar")
)
# What DuckDB cannot say after sqlglot has put it into its words: addresses as Trino's type, members of unnamed rows,
# the tenth group of a pattern, and texts of times.
ELSEWHERE = re.compile(r"IPADDRESS|\)\[2\]|g10|datetime|unixtime|url_|utf8|hex|base|date_add|regexp_replace|MONTH")


def athena() -> list[tuple[str, str]]:
    """(table, query) of all questions over records alone."""
    return [(name, query) for name, query in all_questions() if name in ("corpus", "day", "random records")]


def test_athena_is_asked_with_functions_of_trino_only() -> None:
    written = 0
    for _, query in athena():
        try:
            text = write(compile(query).compiled(Schema()).statement.copy(), "athena", VALUES)
        except Unsupported:
            continue
        written += 1
        plain = re.sub(r"'(?:[^']|'')*'", "''", text)
        called = {name.lower() for name in re.findall(r"(\w+)\(", plain)}
        assert called - SYNTAX - {name for name in called if re.fullmatch(r"s\d+", name)} <= TRINO, text
        assert parse_one(text, read="trino")
    assert written > 80


def test_what_athena_would_answer_is_what_duckdb_answers() -> None:
    different, compared = [], 0
    for kind in ("corpus", "day", "random records"):
        table, start, end = table_of(kind)
        table.flush()
        for query in (query for name, query in athena() if name == kind):
            execution = prepare(query, table, start, end, now=end)
            try:
                text = write(execution.query.statement.copy(), "athena", execution.values)
            except Unsupported:
                continue
            if ELSEWHERE.search(text):
                continue
            compared += 1
            back = parse_one(text, read="trino").sql(dialect="duckdb").replace("events_0", table.source)
            found = [list(row) for row in table.database.cursor().execute(back).fetchall()]
            if differs := differences(rows_of(found, execution), rows_as_text(execution.result()), ordered=True):
                different.append(f"{query}: {differs[:300]}")
    assert different == []
    assert compared > 70


def rows_of(found: list[list[Any]], execution: Execution) -> list[dict[str, str]]:
    """What an engine found, as the query prints it."""
    outputs = execution.query.outputs
    values = [[row[at] for row in found] for at in range(len(outputs))]
    return rows_as_text(Rows([one.name for one in outputs], [one.kind for one in outputs], values, ()))


def rows_as_text(rows: Rows) -> list[dict[str, str]]:
    return [dict(row) for row in rows.rows]


def test_the_definition_of_the_table_is_that_of_aws() -> None:
    text = definition(FLOW_COLUMNS, "athena", parquet=False, location="s3://amzn-s3-demo-bucket/")
    tree = parse_one(text.rstrip(";"), read="athena")
    assert isinstance(tree, exp.Create)
    assert "`end` bigint" in text
    assert "`protocol` bigint" in text
    assert "`dstport` int" in text
    assert "`srcaddr` string" in text
    assert "'skip.header.line.count'='1'" in text
    assert "STORED AS PARQUET" in definition(FLOW_COLUMNS, "athena", parquet=True, location="s3://amzn-s3-demo-bucket/")


# --- Spark itself ---------------------------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def spark() -> Iterator[Any]:
    """One local session with two workers, for everything here."""
    try:
        from pyspark.sql import SparkSession
    except ImportError:
        pytest.skip("not on this machine: PySpark (python setup_workbook.py --extras spark)")
    if not shutil.which("java") and "JAVA_HOME" not in os.environ:
        pytest.skip("not on this machine: Java 17 (Debian: apt-get install openjdk-17-jre-headless)")
    settings = {
        "session.timeZone": "UTC", "shuffle.partitions": "1", "codegen.wholeStage": "false",
        "codegen.factoryMode": "NO_CODEGEN", "adaptive.enabled": "false", "warehouse.dir": tempfile.gettempdir(),
    }  # fmt: skip
    builder = SparkSession.builder.master("local[2]").config("spark.ui.enabled", "false")
    builder = builder.config("spark.driver.host", "127.0.0.1").config("spark.ui.showConsoleProgress", "false")
    for name, value in settings.items():
        builder = builder.config(f"spark.sql.{name}", value)
    session = builder.getOrCreate()
    session.sparkContext.setLogLevel("OFF")
    yield session
    session.stop()


@pytest.fixture
def ask(spark: Any, tmp_path: Path) -> Ask:
    """(rows of Spark, rows of DuckDB) over the events of a table."""
    shown: list[LogTable] = []

    def both(query: str, table: LogTable, start: int, end: int) -> tuple[list[dict[str, str]], list[dict[str, str]]]:
        if not shown or shown[-1] is not table:
            shown.append(table)
            target = tmp_path / f"{len(shown)}.parquet"
            table.flush()
            rows = f"SELECT * FROM {table.source} ORDER BY seq"
            table.database.cursor().execute(f"COPY ({rows}) TO '{target}' (FORMAT parquet)")
            spark.read.parquet(str(target)).createOrReplaceTempView("events_0")
        execution = prepare(query, table, start, end, now=end)
        text = write(execution.query.statement.copy(), "spark", execution.values)
        found = [list(row) for row in spark.sql(text).collect()]
        return rows_of(found, execution), rows_as_text(execution.result())

    return both


def conformance(case: dict[str, Any]) -> LogTable:
    table = LogTable("/conformance", created_ms=CREATED_MS)
    table.append(
        Event(event["timestamp_ms"], event["timestamp_ms"] + 1000, event["logStream"], event["message"])
        for event in case["events"]
    )
    return table


def all_questions() -> list[tuple[str, str]]:
    """(table, query) of all that is asked of both engines; tables one after another, so that each is read once."""
    asked = [(f"conformance {at}", case["query"]) for at, case in enumerate(CASES) if not case["expect"].get("error")]
    asked += [("corpus", query) for query in QUERIES if "SOURCE" not in query and "estimate" not in query]
    asked += [("day", query) for query, *_ in QUESTIONS]
    asked += [(f"random {kind}", Writer(seed).query()) for kind in ("records", "JSON") for seed in range(1000, 1060)]
    return asked


def table_of(name: str) -> tuple[LogTable, int, int]:
    """A table by its name, and the range of time to ask for."""
    kind, _, which = name.partition(" ")
    if kind == "conformance":
        return conformance(CASES[int(which)]), CREATED_MS // 1000, 1_700_010_000
    table = LogTable(f"/{kind}")
    if kind == "day":
        table.append(Event((START + at) * 1000, (START + at + 90) * 1000, eni, line) for at, eni, line in records())
        return table, START, START + DAY
    table.append(sample_events() if kind == "corpus" else random_events(1000, 120, which == "JSON"))
    return table, CORPUS_START, END


@pytest.mark.long
def test_spark_gives_the_rows_of_duckdb(ask: Ask) -> None:
    tables: dict[str, tuple[LogTable, int, int]] = {}
    different, refused, asked = [], 0, sampled(all_questions(), 50)
    for name, query in asked:
        if name not in tables:
            tables = {name: table_of(name)}
        try:
            mine, wanted = ask(query, *tables[name])
        except Unsupported as error:
            assert str(error).partition(" asked for ")[2].partition(":")[0] in REFUSED
            refused += 1
            continue
        if differs := differences(mine, wanted, ordered=True):
            different.append(f"{name}: {query}: {differs[:300]}")
    assert different == []
    assert refused <= len(asked) * 0.2


@pytest.mark.long
def test_spark_reads_the_files(spark: Any, tmp_path: Path) -> None:
    from helpers.commands.query_tables import register
    from helpers.insights.sql.flow_log_table import sql

    lines = [line for _, _, line in records()[:300]]
    header = " ".join(DEFAULT_FORMAT.names)
    (tmp_path / "text").mkdir()
    (tmp_path / "text/a.log").write_text("\n".join([header, *lines[:100], ""]))
    (tmp_path / "text/b.log.gz").write_bytes(gzip.compress("\n".join(lines[100:]).encode()))
    open_logs(tmp_path / "text").to_parquet(tmp_path / "all.parquet")
    query = compile("filter ispresent(bytes) | stats sum(bytes) as b by srcAddr, bin(1h) | sort b desc | limit 9")
    wanted = prepare(query, open_logs(tmp_path / "text")).result()
    for source in ("text", "all.parquet"):
        table = open_logs(tmp_path / source, once=True)
        files = sorted((tmp_path / "text").iterdir()) if source == "text" else [tmp_path / source]
        register(spark, table, files)
        compiled = query.compiled(Schema(bounded=False))
        found = spark.sql(sql(compiled, table.columns, "spark", {"rows": 10}, times=False)).collect()
        assert [list(row) for row in found] == [list(row) for row in zip(*wanted.values, strict=True)]
    (tmp_path / "text/a.log").write_text(f"{lines[0]}\nhello\n")
    register(spark, open_logs(tmp_path / "text/b.log.gz", once=True), [tmp_path / "text/a.log"])
    with pytest.raises(Exception, match="no record: hello"):
        spark.sql("SELECT count(*) FROM vpc_flow_logs").collect()
