"""Log files as a table: text, gzip, Parquet (ours and AWS's), open files, events from memory."""

import io
import re
import stat
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import IO, cast

import duckdb

from helpers.flowlogs import DEFAULT_FORMAT, LogFormat
from helpers.flowlogs.format import SPELLINGS
from helpers.insights.events.database import Database
from helpers.insights.events.format_hint import format_hint, time_hint
from helpers.insights.events.log_table import Event, LogTable
from helpers.insights.events.schema import FLOW, columns_of, stored_names
from helpers.insights.events.text_loader import TextLoader, literal, quoted, stream_of
from helpers.insights.events.text_sections import open_text
from helpers.insights.syntax.errors import QueryFailed

File = IO[str] | IO[bytes]
Source = str | Path | File | Iterable["str | Path | Event | File"]
_APART = 10**12  # between the seq of one file and of the next
_NAMED = re.compile(r"_(\d{8}T\d{4}Z)_[0-9a-f]+\.log(?:\.gz|\.parquet)?$")
_INTERVAL, _LATE = 300, 3600  # seconds


def open_logs(
    paths_or_events: Source,
    format: str | LogFormat = "default",  # noqa: A002  (the name of the command line's option)
    name: str = "/files",
    database: Database | None = None,
    progress: Callable[[int, int], None] | None = None,
    now: datetime | None = None,
    once: bool = False,
    since: int | None = None,
    until: int | None = None,
) -> LogTable:
    """A table over files or events, ready for ``run``.

    Accepts a path, a folder (every file in it), several of them, open files, or ``Event``s. ``.parquet`` files
    are read in place, gzip is unpacked, anything else is text, one event a line: flow-log records, alone or behind
    a time (and a stream), with blanks, tabs or commas between their fields; JSON, with the record or the event as
    its message, a line each or in one document; CSV with a column of messages; any other text.
    A header line names the fields of the records below it; ``format`` names those of files without one:
    "default", or a LogFormat such as ``${srcaddr} ${bytes}``. The fields have their camelCase names.

    @timestamp is the time that stands before a record or in its JSON, else the start of its window; of
    another line the time at its beginning, UTC where it has no offset, in the year up to ``now`` where it has none;
    else 1970. ``progress`` is told (bytes read, bytes of all files; 0 for open files). What was odd, or could be
    read better, is in the table's ``remarks``.

    ``once``: the table is for one query. Text files that begin with flow-log records are then not loaded: the query
    reads them in one pass, and fails (``QueryFailed``) at a line that is no record; open them without ``once`` then.
    ``since`` and ``until`` are the range of time of that query, epoch seconds: files of S3 that AWS named after
    another time are left out.

    Raises FileNotFoundError, ValueError for a mixture of Parquet and other sources, ``FormatError``, and
    ``QueryFailed`` for files that cannot be read.
    """
    try:
        sources = _listed(paths_or_events)
        paths = files_of([source for source in sources if isinstance(source, str | Path)])
        parquet = [path for path in paths if path.suffix == ".parquet"]
        if parquet and (len(parquet) < len(paths) or any(not isinstance(source, str | Path) for source in sources)):
            raise ValueError("Parquet files cannot be mixed with other sources")
        paths = [path for path in paths if may_hold(path, since, until)]
        layout = DEFAULT_FORMAT if format == "default" else format
        layout = LogFormat.parse(layout) if isinstance(layout, str) else layout
        if parquet and paths:
            return _open_parquet(paths, name, database, since, until)
        if once and all(isinstance(source, str | Path) for source in sources) and (stream := stream_of(paths, layout)):
            return LogTable(name, database=database, stream=stream)
        return _open_text(paths, sources, layout, name, database, now, progress or (lambda done, total: None))
    except duckdb.Error as error:
        raise QueryFailed(f"the files cannot be read: {_first_lines(error)}") from error


def _first_lines(error: duckdb.Error) -> str:
    """What is wrong, without the statement and the advice that follow it."""
    return " ".join(line[:200] for line in str(error).partition("\n\n")[0].splitlines()[:3])


def _open_text(
    paths: Sequence[Path],
    sources: "list[str | Path | Event | File]",
    layout: LogFormat,
    name: str,
    database: Database | None,
    now: datetime | None,
    progress: Callable[[int, int], None],
) -> LogTable:
    events = [source for source in sources if isinstance(source, Event)]
    texts = len(events) < len(sources)
    table = LogTable(name, database=database, columns=() if texts else columns_of(layout.names))
    table.append(events)
    loader = TextLoader(table, layout, now, progress)
    loader.files(paths)
    for source in sources:
        if not isinstance(source, str | Path | Event):
            text = source if isinstance(source, io.TextIOBase) else open_text(cast(IO[bytes], source))
            loader.open_file(text, Path(str(getattr(source, "name", "-"))).name)
    table.flush()
    table.remarks += [*format_hint(table, layout), *time_hint(table)]
    return table


def may_hold(path: Path, since: int | None, until: int | None) -> bool:
    """Whether a file may hold records of a range of time, by the name that AWS gave it.

    AWS: the records of ``..._20260131T0930Z_...`` ended from 09:30:00 to 09:34:59. Late ones are within the hour
    (assumption query-file-names).
    """
    named = _NAMED.search(path.name)
    if not named:
        return True
    ended = datetime.strptime(named[1], "%Y%m%dT%H%M%z").timestamp()
    return (since is None or ended + _INTERVAL >= since) and (until is None or ended - _LATE <= until)


def _listed(given: Source) -> "list[str | Path | Event | File]":
    if isinstance(given, str | Path | Event):
        return [given]
    if hasattr(given, "readline"):
        return [cast(File, given)]
    return list(given)


def files_of(paths: "Iterable[str | Path]") -> list[Path]:
    """The files that paths name, those of folders included. Raises FileNotFoundError, and ValueError for a pipe."""
    return [file for path in paths for file in _files(Path(path))]


def _files(path: Path) -> list[Path]:
    if path.is_dir():
        files = sorted(child for child in path.rglob("*") if child.is_file() and not child.name.startswith("."))
        if not files:
            raise FileNotFoundError(f"no files in {path}")
        return files
    if path.exists() and stat.S_ISFIFO(path.stat().st_mode):
        raise ValueError(f"{path} is a pipe: give - as the path, and send the lines to standard input")
    if not path.is_file():
        raise FileNotFoundError(f"no such file: {path}")
    return [path]


# Parquet -----------------------------------------------------------------------------------------


def _open_parquet(
    paths: Sequence[Path], name: str, database: Database | None, since: int | None, until: int | None
) -> LogTable:
    chosen = database or Database()
    listed = f"[{', '.join(quoted(literal(path)) for path in paths)}]"
    layouts = f"""SELECT list(name ORDER BY column_id) FROM parquet_schema({listed}) WHERE num_children IS NULL
        GROUP BY file_name ORDER BY file_name"""
    found = [tuple(row[0]) for row in chosen.cursor().execute(layouts).fetchall()]
    names = found[0]
    if any(layout != names for layout in found):
        raise ValueError("the Parquet files have different columns")
    fields = {title: SPELLINGS[title.lower()] for title in names if title.lower() in SPELLINGS}
    is_ours = set(stored_names(())) <= set(names)
    if not fields and not is_ours:
        raise ValueError(f"{paths[0]} holds neither our columns nor flow-log fields")
    columns = columns_of(list(fields.values()))
    typed = "".join(
        f', CAST("{title}" AS {column.type}) AS {column.column}' for title, column in zip(fields, columns, strict=True)
    )
    apart = f" + file_index * {_APART}" if len(paths) > 1 else ""
    system = f"seq{apart} AS seq, {', '.join(stored_names(())[1:])}" if is_ours else _aws(fields, apart)
    view = f"SELECT {system}{typed} FROM read_parquet({listed}, filename = true, hive_partitioning = false)"
    starts = [title for title, field in fields.items() if field == "start" and not is_ours]
    for bound, operator in ((since, ">="), (until, "<=")):
        if starts and bound is not None:  # on the column as it stands: files know its least and greatest value
            view += f'{" AND" if " WHERE " in view else " WHERE"} "{starts[0]}" {operator} {bound}'
    return LogTable(name, database=chosen, columns=columns, view=view)


def _aws(fields: Mapping[str, str], apart: str) -> str:
    """The columns of a flow-log file that AWS delivered as Parquet; the message is put together on demand."""
    words = [f"coalesce(CAST(\"{title}\" AS VARCHAR), '-')" for title in fields]
    starts = [f'CAST("{title}" AS BIGINT) * 1000' for title, field in fields.items() if field == "start"]
    start = starts[0] if starts else "CAST(0 AS BIGINT)"
    return f"""file_row_number{apart} AS seq, {start} AS ts, {start} AS ing,
        parse_filename(filename) AS stream, '' AS event_id, concat_ws(' ', {", ".join(words)}) AS message,
        CAST({" + ".join(f"strlen({word})" for word in words)} + {len(words) - 1} AS INTEGER) AS size,
        CAST({FLOW} AS TINYINT) AS kind"""
