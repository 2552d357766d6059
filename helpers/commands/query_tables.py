"""What ``query`` does with its options for engines: the question as one statement over a table of flow logs."""

import os
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from helpers.commands.errors import CommandError, ExitCode, broken, usage

if TYPE_CHECKING:
    from helpers.insights import LogTable, Query
    from helpers.insights.query_result import Rows
    from helpers.insights.sql.compiler import Compiled

_LOCATION = "s3://amzn-s3-demo-bucket/AWSLogs/123456789012/vpcflowlogs/us-east-1/"
_JAVA = (
    "Spark needs Java 17, and there is none. Install it from the packages of your system "
    "(Debian and Ubuntu: apt-get install openjdk-17-jre-headless; macOS: brew install openjdk@17)."
)
_PYSPARK = "There is no PySpark. Install it with: python setup_workbook.py --extras spark"
Range = tuple[int | None, int | None]
"""From and until when, epoch seconds, both inclusive."""


def explain(query: "Query", table: "LogTable", dialect: str, within: Range, limit: int | None) -> str:
    """What to send to an engine: the definition of the table for files like these, and the statement."""
    from helpers.insights.sql.flow_log_table import definition

    asked, _ = _statement(query, table, dialect, within, limit, times=True)
    if dialect == "duckdb":
        return f"{asked};"
    return f"{definition(table.columns, dialect, parquet=not table.stream, location=_LOCATION)}\n\n{asked};"


def _statement(
    query: "Query", table: "LogTable", dialect: str, within: Range, limit: int | None, *, times: bool
) -> "tuple[str, Compiled]":
    from helpers.insights import QueryFailed
    from helpers.insights.events.schema import Schema
    from helpers.insights.sql.compiler import DEFAULT_LIMIT
    from helpers.insights.sql.flow_log_table import sql

    if table.has_json or not table.has_flow or not table.view:
        raise usage("A table has flow-log records of one format, one a line or in Parquet; these files hold others.")
    since, until = within
    values = {"rows": limit or DEFAULT_LIMIT, "from_0": (since or 0) * 1000}
    values["until"] = 2**62 if until is None else until * 1000 + 999
    if since is not None and until is not None:
        values |= {"run_start": since * 1000, "run_end": until * 1000, "run_now": until * 1000}
    compiled = query.compiled(Schema(columns=table.columns, bounded=within != (None, None)))
    try:
        return sql(compiled, table.columns, dialect, values, times=times), compiled
    except QueryFailed as error:
        raise usage(f"{str(error)[:1].upper()}{str(error)[1:]}.") from None


def ask_spark(
    query: "Query", table: "LogTable", files: Sequence[Path], master: str, within: Range, limit: int | None
) -> "tuple[Rows, str]":
    """The rows that Spark finds in the files of a table, and who found them. Raises ``CommandError``."""
    from helpers.insights.query_result import Rows

    asked, compiled = _statement(query, table, "spark", within, limit, times=False)
    spark = session(master)
    try:
        register(spark, table, files)
        found = [list(row) for row in spark.sql(asked).collect()]
    except Exception as error:  # PySpark's, Py4J's and Java's
        raise CommandError(f"Failed: Spark says {str(error).splitlines()[0][:300]}", ExitCode.CHECK_FAILED) from None
    outputs = compiled.outputs
    values = [[row[at] for row in found] for at in range(len(outputs))]
    rows = Rows([output.name for output in outputs], [output.kind for output in outputs], values, ())
    plural = "s" * (len(files) != 1)
    return rows, f"Spark {spark.version} at {master} read {len(files):,} file{plural}."


def session(master: str) -> Any:
    """A Spark session in UTC. Raises ``CommandError`` where PySpark or Java is missing."""
    try:
        from pyspark.sql import SparkSession
    except ImportError:
        raise broken(_PYSPARK) from None
    if shutil.which("java") is None and "JAVA_HOME" not in os.environ:
        raise broken(_JAVA)
    settings = {
        "spark.sql.session.timeZone": "UTC",
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
    }
    builder = SparkSession.builder.appName("query").master(master)
    for name, value in settings.items():
        builder = builder.config(name, value)
    spark = builder.getOrCreate()
    spark.sparkContext.setLogLevel("OFF")
    return spark


def register(spark: Any, table: "LogTable", files: Sequence[Path]) -> None:
    """Makes the view of AWS's columns over files; what is no record stops a query, as it does in DuckDB's stream."""
    from helpers.insights.sql.flow_log_table import TABLE, over_lines, over_parquet

    paths = [str(path.absolute()) for path in files]
    if table.stream:
        spark.read.text(paths).createOrReplaceTempView("lines")
        view = over_lines(table.columns, "lines")
    else:
        spark.read.parquet(*paths).createOrReplaceTempView("records")
        view = over_parquet(table.columns, "records", spark.table("records").columns)
    spark.sql(view).createOrReplaceTempView(TABLE)
