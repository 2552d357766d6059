"""Text files and open files into a table: by DuckDB's reader of lines, of CSV and of JSON."""

import re
import tempfile
import zlib
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import datetime
from itertools import groupby
from pathlib import Path
from typing import IO

import duckdb

from helpers.flowlogs import LogFormat
from helpers.insights.events.line_forms import LONGEST, events_select, records_select, totals_select
from helpers.insights.events.log_table import LogTable, Stream
from helpers.insights.events.schema import columns_of
from helpers.insights.events.text_sections import Form, form_of, open_text, record_format, remarks_of, sections
from helpers.insights.syntax.errors import QueryFailed

_PORTION = 64 * 2**20  # bytes of files that are read at once
_DOCUMENT = 16 * 2**20  # bytes of a document that are always provided for
_PACKED = 12  # times that gzip may have made a document smaller
# One column a line: a delimiter and a null that no log line has, no quoting.
_LINES = """SELECT line, {stream} AS stream FROM read_csv($1, columns = {{'line': 'VARCHAR'}}, header = false,
  delim = chr(1), quote = '', escape = '', auto_detect = false, filename = true, null_padding = true,
  max_line_size = {longest}, nullstr = chr(2) || chr(3) || chr(2), parallel = {parallel})"""
# A row of a table with a header, and an element of a document, as a line of JSON.
_CSV = """SELECT CAST(to_json(record) AS VARCHAR) AS line, {stream} AS stream FROM read_csv($1, header = true,
  all_varchar = true, delim = ',', quote = '"', escape = '"', null_padding = true, parallel = false) AS record"""
_JSON = """SELECT unnest(CASE WHEN json_type(json) = 'ARRAY' THEN json -> '$[*]'
    WHEN json_type(json -> 'events') = 'ARRAY' THEN json -> '$.events[*]'
    WHEN json_type(json -> 'logEvents') = 'ARRAY' THEN json -> '$.logEvents[*]'
    WHEN json_type(json -> 'Records') = 'ARRAY' THEN json -> '$.Records[*]' ELSE [json] END)::VARCHAR AS line,
  coalesce(json ->> 'logStream', {stream}) AS stream
  FROM read_json_objects($1, format = 'unstructured', maximum_object_size = {most})"""


class TextLoader:
    """Reads text into a table whose records have the given format, where no header names another one.

    ``report`` is told (bytes read, bytes of all files; 0 for open files), ``now`` is when the text is read.
    """

    def __init__(
        self, table: LogTable, layout: LogFormat, now: datetime | None, report: Callable[[int, int], None]
    ) -> None:
        self._table = table
        self._layout = layout
        self._now = now
        self._report = report

    def files(self, paths: Sequence[Path]) -> None:
        """Adds the events of files, neighbours of one form together: enough at once to be fast."""
        forms = [(*form_of(path), path.suffix == ".gz") for path in paths]
        total, done, portion = sum(path.stat().st_size for path in paths), 0, 0
        keys = []
        for form, path in zip(forms, paths, strict=True):
            keys.append((form, portion if form[0] == "lines" else path))
            done += path.stat().st_size
            portion = done // _PORTION
        done = 0
        for ((form, layout, packed), _), group in groupby(zip(keys, paths, strict=True), key=lambda pair: pair[0]):
            together = [path for _, path in group]
            self._together(together, form, layout or self._layout, packed)
            done += sum(path.stat().st_size for path in together)
            self._report(done, total)

    def _together(self, paths: Sequence[Path], form: Form, layout: LogFormat, packed: bool) -> None:
        try:
            if any(not packed and _ends_in_a_long_line(path) for path in paths):
                raise duckdb.InvalidInputException("a long line")
            stream = quoted(paths[0].name) if form != "lines" else "parse_filename(filename)"
            self._load(paths, form, layout, stream, parallel=not packed)
        except duckdb.Error:
            if len(paths) > 1:
                for path in paths:
                    self._together([path], form, layout, packed)
                return
            try:
                with paths[0].open("rb") as raw, open_text(raw) as file:
                    self.open_file(file, paths[0].name)
            except (OSError, EOFError, zlib.error) as error:
                raise QueryFailed(f"the files cannot be read: {paths[0].name}: {error}") from error

    def open_file(self, file: IO[str], name: str) -> None:
        """Adds the events of an open text file by way of copies; what was odd becomes a remark."""
        odd: Counter[str] = Counter()
        done = 0
        with tempfile.TemporaryDirectory() as folder:
            for section in sections(file, Path(folder), odd):
                done += section.path.stat().st_size
                layout = section.layout or self._layout
                try:
                    self._load([section.path], section.form, layout, quoted(name))
                except duckdb.Error:
                    if section.form == "lines":
                        raise
                    self._load([section.path], "lines", layout, quoted(name))
                self._report(done, 0)
        self._table.remarks += remarks_of(name, odd)

    def _load(self, paths: Sequence[Path], form: Form, layout: LogFormat, stream: str, parallel: bool = True) -> None:
        source = {"lines": _LINES, "csv": _CSV, "json": _JSON}[form]
        most = max(_DOCUMENT, *(path.stat().st_size * _PACKED for path in paths))
        lines = source.format(stream=stream, parallel=parallel, longest=LONGEST, most=most)
        select = events_select(lines, layout, self._table.count, self._now, unwrap=form != "lines")
        self._table.load(select, [[literal(path) for path in paths]], layout.names)


def stream_of(paths: Sequence[Path], given: LogFormat) -> Stream | None:
    """Files of records of one format as what a query reads in one pass; None for other files.

    Only the beginnings of the files are looked at: reading stops at what is no such record.
    """
    full = [path for path in paths if path.stat().st_size]
    layouts = {record_format(path, given) for path in full}
    layout = layouts.pop() if len(layouts) == 1 else None
    if layout is None or "start" not in layout.names:
        return None
    if any(path.suffix != ".gz" and _ends_in_a_long_line(path) for path in full):
        return None
    listed = f"[{', '.join(quoted(literal(path)) for path in full)}]"
    lines = _LINES.format(stream="parse_filename(filename)", parallel=True, longest=LONGEST).replace("$1", listed)
    columns = columns_of(layout.names)
    size = sum(path.stat().st_size for path in full)
    return Stream(records_select(lines, layout, columns), totals_select(lines, layout), columns, size)


def _ends_in_a_long_line(path: Path) -> bool:
    """Whether a file ends in a line without end that DuckDB's parallel reader would leave out silently."""
    size = path.stat().st_size
    if size <= LONGEST:
        return False
    with path.open("rb") as file:
        file.seek(size - LONGEST)
        return b"\n" not in file.read().rstrip(b"\r\n")


def literal(path: Path) -> str:
    """A path that DuckDB does not read as a pattern of names."""
    return re.sub(r"([*?\[])", r"[\1]", str(path))


def quoted(text: str) -> str:
    """A text of SQL."""
    return "'" + text.replace("'", "''") + "'"
