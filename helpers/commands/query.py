"""``python -m helpers query 'QUERY' PATH...``: CloudWatch Logs Insights over files and standard input.

The rows go to standard output; progress, remarks and what CloudWatch would have charged to standard error.
"""

import argparse
import csv
import json
import os
import re
import sys
import tempfile
import zlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from helpers.commands.errors import CommandError, ExitCode, broken, usage
from helpers.commands.progress_line import Progress
from helpers.pricing import PriceError, gigabytes, money, price_list

if TYPE_CHECKING:
    from helpers.insights import LogTable, Query, Result
    from helpers.insights.query_result import Rows

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_EPILOG = """\
PATH is a text file, a .gz, a .parquet, a folder of them, or - for standard input. Flow-log lines have the
fields srcAddr, dstPort, action and so on, also behind a time or a time and a stream, as CSV or in JSON, and those
that a header line names; other lines have @message, and JSON lines their own fields.

  python -m helpers query 'filter action = "REJECT" | stats count(*) as n by srcAddr | sort n desc' logs/
  zcat *.gz | python -m helpers query 'stats sum(bytes) by bin(5m)' - --output csv

TIME is 3h (so long before the last event), 2026-01-31T09:30 (UTC), or epoch seconds.
Exit codes: 0 done, 1 the query or a file failed, 2 malformed query or used wrongly, 3 the set-up is broken.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = _EPILOG
    parser.add_argument("query", metavar="QUERY", help="what to ask, in the language of Logs Insights")
    parser.add_argument("paths", nargs="+", metavar="PATH", help="a file, a folder, or - for standard input")
    parser.add_argument(
        "--format", default="default", metavar="FORMAT",
        help="the fields of a line, as in a flow log's LogFormat: '${srcaddr} ${dstport} ...' (default: version 2)",
    )  # fmt: skip
    parser.add_argument("--output", choices=list(_WRITERS), default="table", help="how to write the rows (table)")
    parser.add_argument("--since", metavar="TIME", help="leave out earlier events")
    parser.add_argument("--until", metavar="TIME", help="leave out later events")
    parser.add_argument("--engine", choices=["duckdb", "spark"], default="duckdb", help="who answers (duckdb)")
    parser.add_argument("--master", default="local[*]", metavar="URL", help="with --engine spark: where (local[*])")
    parser.add_argument("--explain", choices=["sql"], help="write the statement for --dialect, and ask nothing")
    parser.add_argument(
        "--dialect", choices=["duckdb", "spark", "athena"], default="athena", help="of the statement (athena)"
    )
    parser.add_argument("--limit", type=row_count, metavar="N", help="at most N rows, unless the query says (10,000)")


def row_count(text: str) -> int:
    number = int(text)
    if not 1 <= number <= 100_000:
        raise argparse.ArgumentTypeError(f"{text} is not between 1 and 100000")
    return number


def run(arguments: argparse.Namespace) -> int:
    """Run the query and write its rows. Raises ``CommandError`` for what can be expected to go wrong."""
    import duckdb

    from helpers.insights import MalformedQuery, QueryFailed

    if arguments.output == "parquet" and sys.stdout.isatty():
        raise usage("Parquet is not for a terminal: send it to a file with > rows.parquet.")
    try:
        query = _compiled(arguments.query)
        if arguments.explain or arguments.engine == "spark":
            return _elsewhere(arguments, query)
        with Progress(sys.stderr) as progress:
            table = _opened(arguments, progress, once=True)
            try:
                result, scanned = _asked(arguments, query, table, progress)
            except QueryFailed as error:
                if not table.stream or isinstance(error.__cause__, duckdb.OutOfMemoryException):
                    raise
                table = _opened(arguments, progress, once=False)  # a line is no record of the format
                result, scanned = _asked(arguments, query, table, progress)
        _WRITERS[arguments.output](result)
        sys.stdout.flush()
    except MalformedQuery as error:
        raise usage(f"Malformed query: {error}") from None
    except QueryFailed as error:
        raise CommandError(f"Failed: {error}", ExitCode.CHECK_FAILED) from None
    except BrokenPipeError:  # the reader has seen enough, as head does
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return ExitCode.DONE
    for remark in (*table.remarks, *result.remarks):
        print(remark, file=sys.stderr)
    print(_bill(*scanned), file=sys.stderr)
    return ExitCode.DONE


def _elsewhere(arguments: argparse.Namespace, query: "Query") -> int:
    """The question to another engine, or what to send there."""
    from helpers.commands.query_tables import ask_spark, explain
    from helpers.insights.events.log_files import files_of, may_hold

    if "-" in arguments.paths:
        raise usage("Another engine reads files, not standard input.")
    with Progress(sys.stderr) as progress:
        table = _opened(arguments, progress, once=True)
        within = _range(arguments, table)
        if arguments.explain:
            print(explain(query, table, arguments.dialect, within, arguments.limit))
            return ExitCode.DONE
        progress.say("Spark is asked")
        files = [file for file in files_of(arguments.paths) if may_hold(file, *within)]
        rows, told = ask_spark(query, table, files, arguments.master, within, arguments.limit)
    _WRITERS[arguments.output](rows)
    sys.stdout.flush()
    print(told, file=sys.stderr)
    return ExitCode.DONE


def _compiled(text: str) -> "Query":
    from helpers.insights import compile as compile_query

    query = compile_query(text)
    if query.source is not None or query.inner_groups:
        raise usage("SOURCE names log groups of an account; here the PATHs say what to read: leave it out.")
    return query


def _opened(arguments: argparse.Namespace, progress: Progress, once: bool) -> "LogTable":
    from helpers.insights import open_logs

    if arguments.paths.count("-") > 1:
        raise usage("Standard input can be read only once: give - once.")
    sources: list[str | BinaryIO] = [sys.stdin.buffer if p == "-" else p for p in arguments.paths]
    progress.say("reading")
    try:
        since, until = _moment(arguments.since), _moment(arguments.until)
        return open_logs(
            sources,
            arguments.format,
            progress=progress.read,
            now=datetime.now(UTC),
            once=once,
            since=since,
            until=until,
        )
    except (ValueError, FileNotFoundError) as error:
        raise usage(f"{str(error)[:1].upper()}{str(error)[1:]}.") from None
    except (OSError, EOFError, zlib.error) as error:
        raise CommandError(f"Cannot read: {error}.", ExitCode.CHECK_FAILED) from None


def _asked(
    arguments: argparse.Namespace, query: "Query", table: "LogTable", progress: Progress
) -> "tuple[Result, tuple[int, int]]":
    """The result, and how many events and bytes were scanned: counted with its rows, or else beside them."""
    from helpers.insights import MalformedQuery, prepare

    since, until = _range(arguments, table)
    try:
        execution = prepare(query, table, since, until, limit=arguments.limit)
    except MalformedQuery:
        raise
    except ValueError as error:  # the last event is later than any range
        raise usage(f"--since and --until: {error}.") from None
    with table.database.cursor() as cursor, ThreadPoolExecutor(1) as pool:
        cursor.execute("SET enable_progress_bar = true")
        cursor.execute("SET enable_progress_bar_print = false")
        size = table.stream.size if table.stream else 0
        progress.follow(lambda: int(size * max(0.0, cursor.query_progress()) / 100), size)
        beside = None if execution.counting else pool.submit(execution.scanned)
        result = replace(execution, cursor=cursor).result()
        return result, beside.result() if beside else result.scanned


def _range(arguments: argparse.Namespace, table: "LogTable") -> tuple[int | None, int | None]:
    """The seconds that --since and --until name; only those before the last event need to know when that was."""
    from helpers.insights import parse_time

    texts = [text for text in (arguments.since, arguments.until) if text is not None]
    bounds = table.bounds() if any(_moment(text) is None for text in texts) else None
    last = bounds[1] // 1000 if bounds else 0
    since, until = (None if text is None else parse_time(text, last) for text in (arguments.since, arguments.until))
    if since is not None and until is not None and until < since:
        raise usage("--until lies before --since.")
    return since, until


def _moment(text: str | None) -> int | None:
    """The epoch second that a TIME names whatever the events are; None for so long before the last of them."""
    from helpers.insights import parse_time

    moments = {parse_time(text, before) for before in (0, 1)} if text is not None else set()
    return moments.pop() if len(moments) == 1 else None


def _bill(records: int, size: int) -> str:
    """What was read, and what the same query would have cost over a log group that holds it."""
    try:
        cost = price_list().cost("DataScanned-Bytes", gigabytes(size))
    except PriceError as error:
        raise broken(str(error)) from None
    return (
        f"{records:,} records, {size:,} bytes scanned. CloudWatch Logs Insights would have charged "
        f"{money(cost.amount)} ({price_list().region}); this was free."
    )


# --- writing ----------------------------------------------------------------------------------------------------


def _write_table(result: "Rows") -> None:
    from helpers.insights.display import as_table

    # a log line may hold what a terminal would obey: newlines, colours, worse
    rows = [[(name, _CONTROL.sub("\N{REPLACEMENT CHARACTER}", text)) for name, text in row] for row in result.rows]
    print(as_table(result.columns, rows, most=len(rows)))


def _write_csv(result: "Rows") -> None:
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(result.columns)
    for row in result.rows:
        cells = dict(row)
        writer.writerow([cells.get(column, "") for column in result.columns])


def _write_json(result: "Rows") -> None:
    """One array, one object a line; numbers as numbers, missing fields left out as CloudWatch does."""
    lines = ",\n ".join(_objects(result))
    print(f"[{lines}]")


def _objects(result: "Rows") -> Iterator[str]:
    numbers = {name for name, kind in zip(result.columns, result.kinds, strict=True) if kind.name in _NUMBERS}
    for row in result.rows:
        cells = {name: _number(text) if name in numbers else text for name, text in row}
        yield json.dumps(cells, ensure_ascii=False)


_NUMBERS = ("INT", "DOUBLE", "NUMBER", "BOOL")


def _number(text: str) -> int | float | str:
    """What JSON can say as a number; NaN and the infinities stay texts."""
    if re.fullmatch(r"-?\d+", text):
        return int(text)
    try:
        number = float(text)
    except ValueError:
        return text
    return number if abs(number) < float("inf") else text


def _write_parquet(result: "Rows") -> None:
    import duckdb

    with tempfile.TemporaryDirectory() as folder:
        draft = Path(folder) / "rows.parquet"
        duckdb.from_df(result.to_pandas()).write_parquet(str(draft), compression="zstd")
        sys.stdout.buffer.write(draft.read_bytes())


_WRITERS = {"table": _write_table, "csv": _write_csv, "json": _write_json, "parquet": _write_parquet}
