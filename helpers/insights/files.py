"""Log files as a table: text, gzip, Parquet (ours and AWS's), open files, events from memory."""

import itertools
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import IO, cast

import duckdb

from helpers.flowlogs import DEFAULT_FORMAT, FIELDS, LogFormat

from .errors import QueryFailed
from .schema import FLOW, FLOW_COLUMNS, Column, columns_of, stored_names
from .table import Database, Event, LogTable

Source = str | Path | IO[str] | Iterable["str | Path | Event | IO[str]"]
_PORTION = 64 * 2**20  # bytes of files that are read at once
_APART = 10**12  # between the seq of one file and of the next

# One column a line: a delimiter and a null that no log line has, no quoting.
_LINES = """read_csv($1, columns = {'line': 'VARCHAR'}, header = false, delim = chr(1), quote = '',
  escape = '', auto_detect = false, filename = true, null_padding = true,
  max_line_size = 2097152, nullstr = chr(2))"""


def open_logs(
    paths_or_events: Source,
    format: str | LogFormat = "default",  # noqa: A002  (the name of the command line's option)
    name: str = "/files",
    database: Database | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> LogTable:
    """A table over files or events, ready for `run`.

    Accepts a path, a folder (every file in it), several of them, open text files, or `Event`s. ``.parquet``
    files are read in place, ``.gz`` is unpacked, anything else is text, one event a line; header lines of
    flow-log files are dropped. ``format``: "default", or a LogFormat such as ``${srcaddr} ${bytes}``, whose
    fields then have their camelCase names. A flow-log line's @timestamp is the start of its window; another
    line's is the date at its beginning, else 1970. ``progress`` is told (bytes read, bytes of
    all files; 0 for open files).

    Raises FileNotFoundError, ValueError for a mixture of Parquet and other sources, `FormatError`, and
    `QueryFailed` for files that cannot be read.
    """
    try:
        return _open(_listed(paths_or_events), _format(format), name, database, progress)
    except duckdb.Error as error:
        raise QueryFailed(f"the files cannot be read: {_first_lines(error)}") from error


def _first_lines(error: duckdb.Error) -> str:
    """What is wrong, without the statement and the advice that follow it."""
    return " ".join(line[:200] for line in str(error).partition("\n\n")[0].splitlines()[:3])


def _open(
    sources: "list[str | Path | Event | IO[str]]",
    layout: LogFormat,
    name: str,
    database: Database | None,
    progress: Callable[[int, int], None] | None,
) -> LogTable:
    columns = FLOW_COLUMNS if layout == DEFAULT_FORMAT else columns_of(layout.names)
    paths = [path for source in sources if isinstance(source, str | Path) for path in _files(Path(source))]
    parquet = [path for path in paths if path.suffix == ".parquet"]
    if parquet:
        if len(parquet) < len(paths) or any(not isinstance(source, str | Path) for source in sources):
            raise ValueError("Parquet files cannot be mixed with other sources")
        return _open_parquet(parquet, name, database)
    table = LogTable(name, database=database, columns=columns)
    table.append(source for source in sources if isinstance(source, Event))
    sizes = [path.stat().st_size for path in paths]
    report = progress or _quiet
    for first, last in _portions(sizes):
        table.load(*_text_select(paths[first:last], layout, table.count))
        report(sum(sizes[:last]), sum(sizes))
    for source in sources:
        if not isinstance(source, str | Path | Event):
            _append_lines(table, source, layout, report)
    table.flush()
    return table


def _quiet(done: int, total: int) -> None:
    """Nobody wants to know."""


def _portions(sizes: Sequence[int], most: int = _PORTION) -> Iterator[tuple[int, int]]:
    """Neighbouring files that are read together: enough at once to be fast, few enough to tell of progress."""
    first = size = 0
    for position, one in enumerate(sizes):
        size += one
        if size >= most or position == len(sizes) - 1:
            yield first, position + 1
            first, size = position + 1, 0


def _format(given: str | LogFormat) -> LogFormat:
    if isinstance(given, LogFormat):
        return given
    return DEFAULT_FORMAT if given == "default" else LogFormat.parse(given)


def _listed(given: Source) -> "list[str | Path | Event | IO[str]]":
    if isinstance(given, str | Path | Event):
        return [given]
    if hasattr(given, "readline"):
        return [cast(IO[str], given)]
    return list(given)


def _files(path: Path) -> list[Path]:
    if path.is_dir():
        found = sorted(child for child in path.rglob("*") if child.is_file() and not child.name.startswith("."))
        if not found:
            raise FileNotFoundError(f"no files in {path}")
        return found
    if not path.is_file():
        raise FileNotFoundError(f"no such file: {path}")
    return [path]


def _start_position(layout: LogFormat) -> int | None:
    return layout.names.index("start") + 1 if "start" in layout.names else None


def _text_select(paths: Sequence[Path], layout: LogFormat, first: int) -> tuple[str, list[object]]:
    start = _start_position(layout)
    window = f"TRY_CAST(parts[{start}] AS BIGINT) * 1000" if start else "CAST(NULL AS BIGINT)"
    guarded = f"CASE WHEN len(parts) = {len(layout.names)} THEN {window} END"
    dated = "epoch_ms(TRY_CAST(parts[1] AS TIMESTAMP))"
    names = ", ".join(f"'{name}'" for name in FIELDS)
    sql = f"""
        SELECT row_number() OVER () - 1 + {first} AS seq, coalesce({guarded}, {dated}, 0) AS ts,
          coalesce({guarded}, {dated}, 0) AS ing, parse_filename(filename) AS stream, '' AS event_id,
          line AS message
        FROM (SELECT line, filename, string_split(line, ' ') AS parts FROM {_LINES} WHERE line <> '')
        WHERE NOT (parts[1] IN ({names}) AND list_has_all([{names}], parts))"""
    return sql, [[_literal(path) for path in paths]]


def _literal(path: Path) -> str:
    """A path that DuckDB does not read as a pattern of names."""
    return re.sub(r"([*?\[])", r"[\1]", str(path))


def _append_lines(table: LogTable, file: IO[str], layout: LogFormat, report: Callable[[int, int], None]) -> None:
    """Lines of an open file, through the buffer."""
    done = 0
    start, stream = _start_position(layout), Path(str(getattr(file, "name", "-"))).name
    lines = (line.rstrip("\r\n") for line in file)
    for batch in _batches(line for line in lines if line and not _is_header(line)):
        table.append(Event(ms, ms, stream, line) for line, ms in ((line, _time(line, start, layout)) for line in batch))
        done += sum(map(len, batch)) + len(batch)
        report(done, 0)


def _batches(lines: Iterator[str], size: int = 20_000) -> Iterator[list[str]]:
    while batch := list(itertools.islice(lines, size)):
        yield batch


def _is_header(line: str) -> bool:
    return all(part in FIELDS for part in line.split(" "))


def _time(line: str, start: int | None, layout: LogFormat) -> int:
    parts = line.split(" ")
    if start and len(parts) == len(layout.names) and parts[start - 1].isdigit():
        return int(parts[start - 1]) * 1000
    return 0


# Parquet -----------------------------------------------------------------------------------------


def _open_parquet(paths: Sequence[Path], name: str, database: Database | None) -> LogTable:
    chosen = database or Database()
    cursor = chosen.cursor()
    layouts = {path: _parquet_names(cursor, path) for path in paths}
    if len(set(layouts.values())) > 1:
        raise ValueError("the Parquet files have different columns")
    names = layouts[paths[0]]
    if set(stored_names(FLOW_COLUMNS)) <= set(names):
        columns: tuple[Column, ...] = FLOW_COLUMNS
        parts = [_ours(path, position) for position, path in enumerate(paths)]
    else:
        columns = columns_of([_field_name(title) for title in names if _field_name(title) in FIELDS])
        if not columns:
            raise ValueError(f"{paths[0]} holds neither our columns nor flow-log fields")
        parts = [_aws(path, position, names, columns) for position, path in enumerate(paths)]
    return LogTable(name, database=chosen, columns=columns, view=" UNION ALL ".join(parts))


def _parquet_names(cursor: duckdb.DuckDBPyConnection, path: Path) -> tuple[str, ...]:
    rows = cursor.execute("DESCRIBE SELECT * FROM read_parquet($1)", [_literal(path)]).fetchall()
    return tuple(str(row[0]) for row in rows)


def _field_name(title: str) -> str:
    return title.replace("_", "-")


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _ours(path: Path, position: int) -> str:
    stored = stored_names(FLOW_COLUMNS)
    rest = ", ".join(stored[1:])
    return f"SELECT seq + {position * _APART} AS seq, {rest} FROM read_parquet([{_quoted(_literal(path))}])"


def _aws(path: Path, position: int, names: tuple[str, ...], columns: Sequence[Column]) -> str:
    """A flow-log file that AWS delivered as Parquet: typed already, the message put together on demand."""
    fields = [title for title in names if _field_name(title) in FIELDS]
    line = ", ".join(f"coalesce(CAST(\"{title}\" AS VARCHAR), '-')" for title in fields)
    start = 'CAST("start" AS BIGINT) * 1000' if "start" in fields else "CAST(0 AS BIGINT)"
    typed = ", ".join(
        f'CAST("{title}" AS {column.type}) AS {column.column}' for title, column in zip(fields, columns, strict=True)
    )
    text = f"concat_ws(' ', {line})"
    return f"""SELECT file_row_number + {position * _APART} AS seq, {start} AS ts, {start} AS ing,
        {_quoted(path.name)} AS stream, '' AS event_id, {text} AS message,
        CAST(octet_length(encode({text})) AS INTEGER) AS size, CAST({FLOW} AS TINYINT) AS kind, {typed}
        FROM read_parquet([{_quoted(_literal(path))}], file_row_number = true)"""
