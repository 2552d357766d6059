"""Athena over the files that flow logs wrote: AWS's definitions, what a query reads and costs, and what it is refused.

The definitions are those of "Create a table for Amazon VPC flow logs and query it", "Create tables for flow logs in
Apache Parquet format" and "Create and query a table for Amazon VPC flow logs using partition projection" (Amazon
Athena User Guide), for the default format.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import pytest

from helpers.flowlogs import DEFAULT_FORMAT
from tests.support import network
from tests.support.served import Sandbox

Refused = Callable[..., tuple[str, str]]
BUCKET = "demo-athena"
ACCOUNT = "123456789012"
COLUMNS = """version int, account_id string, interface_id string, srcaddr string, dstaddr string, srcport int,
dstport int, protocol bigint, packets bigint, bytes bigint, start bigint, `end` bigint, action string,
log_status string"""
TEXT_FILES = f"s3://{BUCKET}/text/AWSLogs/{ACCOUNT}/vpcflowlogs/us-east-1"
TEXT = f"""CREATE EXTERNAL TABLE IF NOT EXISTS `vpc_flow_logs` ({COLUMNS})
PARTITIONED BY (`date` date)
ROW FORMAT DELIMITED FIELDS TERMINATED BY ' '
LOCATION '{TEXT_FILES}/'
TBLPROPERTIES ("skip.header.line.count"="1");"""
PARQUET = f"""CREATE EXTERNAL TABLE IF NOT EXISTS vpc_flow_logs_parquet ({COLUMNS})
PARTITIONED BY (`aws-account-id` string, `aws-service` string, `aws-region` string, `year` string, `month` string,
`day` string, `hour` string)
ROW FORMAT SERDE 'org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe'
STORED AS INPUTFORMAT 'org.apache.hadoop.hive.ql.io.parquet.MapredParquetInputFormat'
OUTPUTFORMAT 'org.apache.hadoop.hive.ql.io.parquet.MapredParquetOutputFormat'
LOCATION 's3://{BUCKET}/hive/AWSLogs/'
TBLPROPERTIES ('EXTERNAL'='true', 'skip.header.line.count'='1')"""
PROJECTED = f"""CREATE EXTERNAL TABLE IF NOT EXISTS projected ({COLUMNS})
PARTITIONED BY (region string, `date` string, hour string)
STORED AS PARQUET
LOCATION 's3://{BUCKET}/hourly/AWSLogs/{ACCOUNT}/vpcflowlogs/'
TBLPROPERTIES ("projection.enabled"="true", "projection.region.type"="enum",
"projection.region.values"="us-east-1,us-west-2", "projection.date.type"="date",
"projection.date.range"="RANGE", "projection.date.format"="yyyy/MM/dd", "projection.hour.type"="integer",
"projection.hour.range"="00,23", "projection.hour.digits"="2",
"storage.location.template"="s3://{BUCKET}/hourly/AWSLogs/{ACCOUNT}/vpcflowlogs/${{region}}/${{date}}/${{hour}}")"""
ONE_DAY = f"ALTER TABLE vpc_flow_logs ADD PARTITION (`date`='2026-01-05') LOCATION '{TEXT_FILES}/2026/01/05'"


class Archive:
    """A lab with one interface, watched by three flow logs; questions to Athena."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox = sandbox
        self.athena = sandbox.client("athena")
        self.s3 = sandbox.client("s3")
        self.s3.create_bucket(Bucket=BUCKET)
        net, flow_logs = network.build(sandbox.client), []
        for folder, parquet, hive, hourly in (("text", 0, 0, 0), ("hive", 1, 1, 1), ("hourly", 1, 0, 1)):
            made = sandbox.client("ec2").create_flow_logs(
                ResourceIds=[net.client.interface],
                ResourceType="NetworkInterface",
                TrafficType="ALL",
                LogDestinationType="s3",
                LogDestination=f"arn:aws:s3:::{BUCKET}/{folder}/",
                MaxAggregationInterval=60,
                DestinationOptions={
                    "FileFormat": "parquet" if parquet else "plain-text",
                    "HiveCompatiblePartitions": bool(hive),
                    "PerHourPartition": bool(hourly),
                },
            )
            flow_logs += made["FlowLogIds"]
        network.shell(sandbox.client, net.client.instance, "ping -c 3 10.2.1.10", "curl -s http://10.2.1.10/")
        sandbox.advance(1200)
        # No file may come between two questions.
        sandbox.client("ec2").delete_flow_logs(FlowLogIds=flow_logs)
        sandbox.advance(900)
        for definition in (
            "CREATE DATABASE IF NOT EXISTS demo",
            TEXT,
            PARQUET,
            PROJECTED.replace("RANGE", "2021/01/01,NOW"),
        ):
            self.run(definition)

    def start(self, query: str, database: str = "demo", output: str = f"s3://{BUCKET}/results/") -> str:
        where = {"QueryExecutionContext": {"Database": database}, "ResultConfiguration": {"OutputLocation": output}}
        return str(self.athena.start_query_execution(QueryString=query, **where)["QueryExecutionId"])

    def end(self, id_: str) -> dict[str, Any]:
        """Poll it as a program does: it is queued, runs and ends."""
        for _ in range(5):
            told: dict[str, Any] = self.athena.get_query_execution(QueryExecutionId=id_)["QueryExecution"]
            if told["Status"]["State"] not in ("QUEUED", "RUNNING"):
                return told
        raise AssertionError(f"{told['Query']} does not end")

    def run(self, query: str, database: str = "demo") -> tuple[list[list[str | None]], int]:
        """Rows without headings, and bytes scanned."""
        told = self.end(self.start(query, database))
        assert told["Status"]["State"] == "SUCCEEDED", told["Status"]
        rows = self.rows(told["QueryExecutionId"])
        return rows[told["StatementType"] == "DML" :], told["Statistics"]["DataScannedInBytes"]

    def rows(self, id_: str, **page: Any) -> list[list[str | None]]:
        held = self.athena.get_query_results(QueryExecutionId=id_, **page)["ResultSet"]["Rows"]
        return [[cell.get("VarCharValue") for cell in row["Data"]] for row in held]

    def failed(self, query: str, database: str = "demo") -> str:
        told = self.end(self.start(query, database))
        assert (told["Status"]["State"], told["Statistics"]["DataScannedInBytes"]) == ("FAILED", 0)
        assert told["Status"]["AthenaError"]["ErrorMessage"] == told["Status"]["StateChangeReason"]
        return str(told["Status"]["StateChangeReason"])


@pytest.fixture(scope="module")
def archive(sandbox: Sandbox) -> Archive:
    made = Archive(sandbox)
    assert made.run("SELECT count(*) FROM vpc_flow_logs") == ([["0"]], 0), "no partition, no rows, no error"
    assert made.run("SELECT count(*) FROM vpc_flow_logs_parquet") == ([["0"]], 0)
    made.run(ONE_DAY)
    repaired, _ = made.run("MSCK REPAIR TABLE vpc_flow_logs_parquet")
    assert len(repaired) == 2 and "year=2026/month=01/day=05/hour=09" in str(repaired[1])
    return made


FLOWS = """SELECT srcaddr, dstaddr, srcport, dstport, sum(packets) AS packets, sum(bytes) AS bytes FROM {}
WHERE log_status = 'OK' GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3, 4"""


def test_text_hive_and_projection_give_the_same_rows(archive: Archive) -> None:
    answers = [archive.run(FLOWS.format(table))[0] for table in ("vpc_flow_logs", "vpc_flow_logs_parquet", "projected")]
    assert len(answers[0]) >= 4
    assert answers[0] == answers[1] == answers[2]
    parts, _ = archive.run('SELECT region, "date", hour FROM projected GROUP BY 1, 2, 3')
    assert parts == [["us-east-1", "2026/01/05", "09"]]


def test_the_rows_are_those_of_the_files(archive: Archive, tmp_path: Path) -> None:
    """Read by DuckDB alone: text with dashes, no table of ours between."""
    listed = archive.s3.list_objects_v2(Bucket=BUCKET, Prefix="text/")["Contents"]
    for number, item in enumerate(listed):
        content = archive.s3.get_object(Bucket=BUCKET, Key=item["Key"])["Body"].read()
        (tmp_path / f"{number}.log.gz").write_bytes(content)
    names = {name.replace("-", "_"): "VARCHAR" for name in DEFAULT_FORMAT.names}
    files = f"read_csv('{tmp_path}/*.gz', delim=' ', skip=1, header=false, columns={names})"
    plain = FLOWS.format(files).replace("sum(packets)", "sum(packets::INT)").replace("sum(bytes)", "sum(bytes::INT)")
    wanted = duckdb.sql(plain.replace("4 ORDER BY 1, 2, 3, 4", "4")).fetchall()
    assert sorted(tuple(row) for row in archive.run(FLOWS.format("vpc_flow_logs"))[0]) == sorted(
        tuple(str(cell) for cell in row) for row in wanted
    )


def test_bytes_scanned_are_whole_text_and_the_columns_of_parquet(archive: Archive) -> None:
    sizes = archive.s3.list_objects_v2(Bucket=BUCKET, Prefix="text/")["Contents"]
    for query in ("SELECT count(*) FROM vpc_flow_logs", "SELECT * FROM vpc_flow_logs WHERE action = 'REJECT'"):
        assert archive.run(query)[1] == sum(item["Size"] for item in sizes)
    one, two, every = (
        archive.run(f"SELECT {what} FROM vpc_flow_logs_parquet")[1]
        for what in ("sum(bytes)", "sum(bytes), max(srcaddr)", "*")
    )
    assert (
        0
        < one
        < two
        < every
        < sum(item["Size"] for item in archive.s3.list_objects_v2(Bucket=BUCKET, Prefix="hive/")["Contents"])
    )


@pytest.mark.parametrize(
    "query",
    [
        "WITH every AS (SELECT * FROM vpc_flow_logs_parquet) SELECT sum(bytes) FROM every",
        "SELECT sum(bytes) FROM (SELECT srcaddr, bytes, action FROM vpc_flow_logs_parquet)",
    ],
)
def test_a_column_that_only_an_inner_query_names_is_not_read(archive: Archive, query: str) -> None:
    assert archive.run(query) == archive.run("SELECT sum(bytes) FROM vpc_flow_logs_parquet")


def test_what_an_inner_query_compares_groups_or_counts_is_read(archive: Archive) -> None:
    grouped = "SELECT count(*) FROM (SELECT DISTINCT srcaddr FROM vpc_flow_logs_parquet)"
    filtered = "SELECT sum(bytes) FROM (SELECT * FROM vpc_flow_logs_parquet WHERE action = 'ACCEPT')"
    both = "SELECT srcaddr FROM vpc_flow_logs_parquet UNION ALL SELECT dstaddr FROM vpc_flow_logs_parquet"
    for query, columns in ((grouped, "srcaddr"), (filtered, "bytes, action"), (both, "srcaddr, dstaddr")):
        assert archive.run(query)[1] == archive.run(f"SELECT {columns} FROM vpc_flow_logs_parquet")[1], query


def test_a_condition_on_partitions_leaves_files_unread(archive: Archive) -> None:
    for table, condition in (
        ("vpc_flow_logs", "\"date\" = date '2026-01-06'"),
        ("vpc_flow_logs_parquet", "year = '2025' AND action = 'ACCEPT'"),
        ("projected", "hour > '12'"),
    ):
        rows, scanned = archive.run(f"SELECT srcaddr FROM {table} WHERE {condition}")
        assert (rows, scanned) == ([], 0), table
    rows, scanned = archive.run(
        "SELECT sum(packets) FROM vpc_flow_logs WHERE \"date\" BETWEEN date '2026-01-01' AND date '2026-01-31'"
    )
    assert rows != [[None]] and scanned > 0


def test_what_lies_outside_a_projection_or_behind_a_wrong_location_is_not_seen(archive: Archive) -> None:
    archive.run("CREATE DATABASE wrong")
    archive.run(PROJECTED.replace("RANGE", "2021/01/01,2025/12/31"), "wrong")
    assert archive.run("SELECT count(*) FROM projected", "wrong") == ([["0"]], 0)
    archive.run(TEXT, "wrong")
    archive.run(ONE_DAY.replace("/2026/01/05'", "//2026/01/05'"), "wrong")
    assert archive.run("SHOW PARTITIONS vpc_flow_logs", "wrong")[0] == [["date=2026-01-05"]]
    assert archive.run("SELECT count(*) FROM vpc_flow_logs", "wrong") == ([["0"]], 0)
    assert "is not empty" in archive.failed("DROP DATABASE wrong")
    archive.run("DROP TABLE projected", "wrong")
    archive.run("DROP DATABASE wrong CASCADE")


@pytest.mark.parametrize(
    ("expression", "shown", "kind"),
    [
        ("7 / 2", "3", "integer"),
        ("-7 / 2", "-3", "integer"),
        ("7.0 / 2", "3.5", None),
        ("sum(bytes) / count(*) * 0 + 5 / 2", "2", "bigint"),
        ("1e10", "1.0E10", "double"),
        ("5e-4", "5.0E-4", "double"),
        ("1e0 / 4", "0.25", "double"),
        ("date '2026-01-05'", "2026-01-05", "date"),
        ("from_unixtime(0)", "1970-01-01 00:00:00.000", "timestamp"),
        ("count(*) > 0", "true", "boolean"),
        ("cast(NULL AS varchar)", None, "varchar"),
    ],
)
def test_values_are_athena_s(archive: Archive, expression: str, shown: str | None, kind: str | None) -> None:
    """Among them: integers divide to an integer, where DuckDB's own give a fraction."""
    told = archive.end(archive.start(f"SELECT {expression} AS x FROM vpc_flow_logs"))
    found = archive.athena.get_query_results(QueryExecutionId=told["QueryExecutionId"])["ResultSet"]
    assert found["Rows"][1]["Data"][0].get("VarCharValue") == shown
    assert kind in (None, found["ResultSetMetadata"]["ColumnInfo"][0]["Type"])


def test_the_result_is_a_file_too(archive: Archive) -> None:
    id_ = archive.start("SELECT 'a \"b\"' AS x, NULL AS y UNION ALL SELECT 'c', 'd'")
    told = archive.end(id_)
    assert told["ResultConfiguration"]["OutputLocation"] == f"s3://{BUCKET}/results/{id_}.csv"
    body = archive.s3.get_object(Bucket=BUCKET, Key=f"results/{id_}.csv")["Body"].read()
    assert body == b'"x","y"\n"a ""b""",\n"c","d"\n'


def test_results_come_in_pages_whose_first_row_has_the_headings(archive: Archive) -> None:
    id_ = archive.start("SELECT srcaddr, start FROM vpc_flow_logs ORDER BY 2, 1")
    archive.end(id_)
    pages = archive.athena.get_paginator("get_query_results").paginate(
        QueryExecutionId=id_, PaginationConfig={"PageSize": 3}
    )
    rows = [row for page in pages for row in page["ResultSet"]["Rows"]]
    assert [cell["VarCharValue"] for cell in rows[0]["Data"]] == ["srcaddr", "start"]
    assert [[cell.get("VarCharValue") for cell in row["Data"]] for row in rows] == archive.rows(id_)
    assert len(rows) > 6


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("SELECT a FROM", "line 1:14: mismatched input '<EOF>'. Expecting: "),
        ("SELEC a FROM t", "line 1:9: mismatched input 'FROM'. Expecting: "),
        ("a", "line 1:1: mismatched input 'a'. Expecting: "),
    ],
)
def test_what_does_not_parse_is_refused_at_the_start(
    archive: Archive, refused: Refused, query: str, message: str
) -> None:
    code, told = refused(archive.start, query=query)
    assert (code, told.startswith(message)) == ("InvalidRequestException", True), told


@pytest.mark.parametrize(
    ("query", "reason"),
    [
        ("SELECT\n  nope FROM vpc_flow_logs", "SYNTAX_ERROR: line 2:3: Column 'nope' cannot be resolved"),
        ("SELECT f.nope FROM vpc_flow_logs f", "SYNTAX_ERROR: line 1:10: Column 'nope' cannot be resolved"),
        ("SELECT 1 FROM nowhere", "TABLE_NOT_FOUND: Table 'awsdatacatalog.demo.nowhere' does not exist"),
        ("SELECT 1 / 0", "DIVISION_BY_ZERO: Division by zero"),
        ("SELECT cast(srcaddr AS bigint) FROM vpc_flow_logs", "INVALID_CAST_ARGUMENT: "),
        ("SELECT no_such(srcaddr) FROM vpc_flow_logs", "NOT_SUPPORTED: "),
        ("DROP TABLE nowhere", "FAILED: SemanticException [Error 10001]: Table not found nowhere"),
        ("CREATE DATABASE demo", "FAILED: SemanticException [Error 10242]: Database demo already exists"),
        (ONE_DAY, "FAILED: Execution Error: AlreadyExistsException"),
        (TEXT.replace("`date` date", "action string").replace("IF NOT EXISTS", ""), "FAILED: "),
    ],
)
def test_what_means_nothing_fails_with_its_reason(archive: Archive, query: str, reason: str) -> None:
    assert archive.failed(query).startswith(reason)


def test_a_type_that_is_not_the_file_s_is_bad_data(archive: Archive) -> None:
    """A wider integer is read, as AWS's own table reads protocol; a narrower one and a text are not."""
    archive.run(PARQUET.replace("vpc_flow_logs_parquet", "narrow").replace("packets bigint", "packets int"))
    archive.run("MSCK REPAIR TABLE narrow")
    assert "HIVE_BAD_DATA: Field packets's type BIGINT" in archive.failed("SELECT sum(packets) FROM narrow")
    assert archive.run("SELECT max(protocol) FROM narrow")[0] == [["6"]], "columns that nobody asks for are not read"
    archive.run("DROP TABLE narrow")


@pytest.mark.parametrize(
    "query", ["INSERT INTO t VALUES (1)", "CREATE TABLE x AS SELECT 1", "UNLOAD (SELECT 1) TO 's3://b/'"]
)
def test_what_the_sandbox_does_not_do_is_refused_by_name(archive: Archive, refused: Refused, query: str) -> None:
    code, message = refused(archive.start, query=query)
    assert (code, "The sandbox does not simulate athena" in message) == ("UnsupportedOperation", True)


def test_calls_around_a_query(archive: Archive, refused: Refused) -> None:
    unknown = "00000000-0000-0000-0000-000000000000"
    assert refused(archive.athena.get_query_execution, QueryExecutionId=unknown)[0] == "InvalidRequestException"
    assert "No output location" in refused(archive.start, query="SELECT 1", output="")[1]
    assert "output bucket demo-none" in refused(archive.start, query="SELECT 1", output="s3://demo-none/a/")[1]
    stopped = archive.start("SELECT count(*) FROM vpc_flow_logs")
    code, message = refused(archive.athena.get_query_results, QueryExecutionId=stopped)
    assert (code, message) == ("InvalidRequestException", "Query has not yet finished. Current state: QUEUED")
    archive.athena.stop_query_execution(QueryExecutionId=stopped)
    archive.sandbox.advance(10)
    told = archive.athena.batch_get_query_execution(QueryExecutionIds=[stopped, unknown])
    assert told["QueryExecutions"][0]["Status"]["State"] == "CANCELLED"
    assert told["UnprocessedQueryExecutionIds"][0]["QueryExecutionId"] == unknown
    assert archive.athena.list_query_executions(MaxResults=1)["QueryExecutionIds"] == [stopped]


def test_a_restart_keeps_tables_results_and_queries(sandbox: Sandbox, archive: Archive) -> None:
    id_ = archive.start(FLOWS.format("vpc_flow_logs_parquet"))
    archive.end(id_)
    before = archive.rows(id_)
    for from_checkpoint in (False, True):
        sandbox.reopen(from_checkpoint=from_checkpoint)
        assert archive.rows(id_) == before
        assert archive.run(FLOWS.format("vpc_flow_logs_parquet"))[0] == before[1:]
