"""``python -m helpers query 'QUERY' PATH...``: CloudWatch Logs Insights over files and standard input.

The rows go to standard output; progress, remarks and what CloudWatch would have charged to standard error.
"""

import argparse
import csv
import gzip
import io
import json
import os
import re
import sys
import tempfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, TextIO, cast

from helpers.commands.errors import CommandError, ExitCode, broken, usage
from helpers.commands.progress import Progress
from helpers.pricing import PriceError, gigabytes, money, price_list

if TYPE_CHECKING:
    from helpers.insights import LogTable, Query, Result

_GZIP = b"\x1f\x8b"
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_EPILOG = """\
PATH is a text file, a .gz, a .parquet, a folder of them, or - for standard input. Flow-log lines have the
fields srcAddr, dstPort, action and so on; other lines have @message, and JSON lines their own fields.

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
    parser.add_argument("--limit", type=row_count, metavar="N", help="at most N rows, unless the query says (10,000)")


def row_count(text: str) -> int:
    number = int(text)
    if not 1 <= number <= 100_000:
        raise argparse.ArgumentTypeError(f"{text} is not between 1 and 100000")
    return number


def run(arguments: argparse.Namespace) -> int:
    """Run the query and write its rows. Raises `CommandError` for what can be expected to go wrong."""
    from helpers.insights import MalformedQuery, QueryFailed

    if arguments.output == "parquet" and sys.stdout.isatty():
        raise usage("Parquet is not for a terminal: send it to a file with > rows.parquet.")
    try:
        query = _compiled(arguments.query)
        with Progress(sys.stderr) as progress:
            table = _opened(arguments, progress)
            progress.say("running the query")
            result = _asked(arguments, query, table)
            scanned = result.scanned
        _WRITERS[arguments.output](result)
        sys.stdout.flush()
    except MalformedQuery as error:
        raise usage(f"Malformed query: {error}") from None
    except QueryFailed as error:
        raise CommandError(f"Failed: {error}", ExitCode.CHECK_FAILED) from None
    except BrokenPipeError:  # the reader has seen enough, as head does
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return ExitCode.DONE
    for remark in result.remarks:
        print(remark, file=sys.stderr)
    print(_bill(*scanned), file=sys.stderr)
    return ExitCode.DONE


def _compiled(text: str) -> "Query":
    from helpers.insights import compile as compile_query

    query = compile_query(text)
    if query.source is not None:
        raise usage("SOURCE names log groups of an account; here the PATHs say what to read: leave it out.")
    return query


def _opened(arguments: argparse.Namespace, progress: Progress) -> "LogTable":
    from helpers.insights import open_logs

    if arguments.paths.count("-") > 1:
        raise usage("Standard input can be read only once: give - once.")
    sources: list[str | TextIO] = [_standard_input() if p == "-" else p for p in arguments.paths]
    progress.say("reading")
    try:
        return open_logs(sources, format=arguments.format, progress=progress.read)
    except (ValueError, FileNotFoundError) as error:
        raise usage(f"{str(error)[:1].upper()}{str(error)[1:]}.") from None
    except (OSError, EOFError, zlib.error) as error:
        raise CommandError(f"Cannot read: {error}.", ExitCode.CHECK_FAILED) from None


def _standard_input() -> TextIO:
    """Standard input as text, unpacked when it is gzip; what is not UTF-8 becomes a replacement character."""
    raw = cast(io.BufferedReader, sys.stdin.buffer)
    unpacked = cast(io.BufferedReader, gzip.GzipFile(fileobj=raw)) if raw.peek(2)[:2] == _GZIP else raw
    return io.TextIOWrapper(unpacked, encoding="utf-8", errors="replace")


def _asked(arguments: argparse.Namespace, query: "Query", table: "LogTable") -> "Result":
    from helpers.insights import moment, run

    bounds = table.bounds()
    last = bounds[1] // 1000 if bounds else 0
    try:
        since, until = (None if text is None else moment(text, last) for text in (arguments.since, arguments.until))
        if since is not None and until is None:
            until = max(last, since)
        if until is not None and since is None:
            since = min(bounds[0] // 1000 if bounds else 0, until)
        if since is not None and until is not None and until < since:
            raise usage("--until lies before --since.")
    except ValueError as error:
        raise usage(f"{error}.") from None
    return run(query, table, since, until, limit=arguments.limit)


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


def _write_table(result: "Result") -> None:
    from helpers.insights.explain import as_table

    # a log line may hold what a terminal would obey: newlines, colours, worse
    rows = [[(name, _CONTROL.sub("\N{REPLACEMENT CHARACTER}", text)) for name, text in row] for row in result.rows]
    print(as_table(result.columns, rows, most=len(rows)))


def _write_csv(result: "Result") -> None:
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(result.columns)
    for row in result.rows:
        cells = dict(row)
        writer.writerow([cells.get(column, "") for column in result.columns])


def _write_json(result: "Result") -> None:
    """One array, one object a line; numbers as numbers, missing fields left out as CloudWatch does."""
    lines = ",\n ".join(_objects(result))
    print(f"[{lines}]")


def _objects(result: "Result") -> Iterator[str]:
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


def _write_parquet(result: "Result") -> None:
    import duckdb

    with tempfile.TemporaryDirectory() as folder:
        draft = Path(folder) / "rows.parquet"
        duckdb.from_df(result.to_pandas()).write_parquet(str(draft), compression="zstd")
        sys.stdout.buffer.write(draft.read_bytes())


_WRITERS = {"table": _write_table, "csv": _write_csv, "json": _write_json, "parquet": _write_parquet}
