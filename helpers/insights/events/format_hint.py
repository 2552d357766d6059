"""Lines that look like flow-log records, or like a time, but were not read as such: what to say of them."""

import ipaddress
import re
import tomllib
from functools import cache
from typing import Any

from helpers._data import data_path
from helpers.flowlogs import DEFAULT_FORMAT, FIELDS, LogFormat
from helpers.insights.events.log_table import LogTable
from helpers.insights.events.schema import FLOW
from helpers.insights.events.text_sections import shown

_ADDRESS = r"\d{1,3}(?:\.\d{1,3}){3}|[0-9a-f]{0,4}(?::[0-9a-f]{0,4}){2,7}"
_WORD = rf"-|\d+|{_ADDRESS}|[a-z]+-[0-9a-z-]+|ACCEPT|REJECT|OK|NODATA|SKIPDATA|IPv[46]|[A-Z][A-Z0-9_]+|[a-z]+gress"
# At least five such words to the end of a line, two of them addresses or the last one a status without any.
_RECORD = rf"(?:^|[\s,\"'])(?:(?:{_WORD})[\"']?[\s,;]+[\"']?){{4,}}(?:{_WORD})[\"'}}]*\s*$"
_ADDRESSES = rf"(?:^|[\s,\"'])(?:{_ADDRESS})[\"']?[\s,;]+[\"']?(?:{_ADDRESS})[\"'\s,;]|(?:NODATA|SKIPDATA)[\"'}}]*\s*$"

_CLOCK = r"(?:^|[^\d:])\d?\d:\d\d:\d\d(?:$|[^\d:])|\d{4}-\d\d-\d\d[T ]\d"


def time_hint(table: LogTable) -> list[str]:
    """A remark on lines that hold a time which was not read, as none or one."""
    sql = f"SELECT count(*), arg_min(stream, seq), arg_min(message, seq) FROM {table.source} WHERE ts = 0"
    count, stream, line = (
        table.database.cursor().execute(f"{sql} AND regexp_matches(message[:200], $1)", [_CLOCK]).fetchall()[0]
    )
    if not count:
        return []
    lines = f"{count:,} lines hold" if count > 1 else "1 line holds"
    return [
        f"{shown(stream)}: {lines} a time in a form that query does not read, or not at its beginning "
        f"({line[:40]!r} ...): @timestamp is 1970 there. Begin lines with 2026-01-31T09:30:00Z."
    ]


def format_hint(table: LogTable, layout: LogFormat) -> list[str]:
    """A remark that names the format of lines that look like records, as none or one; ``layout`` was not theirs."""
    like = f"kind <> {FLOW} AND regexp_matches(message, $1) AND regexp_matches(message, $2)"
    sql = f"SELECT count(*), arg_min(stream, seq), arg_min(message, seq) FROM {table.source} WHERE {like}"
    count, stream, line = table.database.cursor().execute(sql, [_RECORD, _ADDRESSES]).fetchall()[0]
    if not count:
        return []
    words = re.sub(r"[\s,;\"'}]+", " ", line).split()
    lines = f"{shown(stream)}: {count:,} lines look" if count > 1 else f"{shown(stream)}: 1 line looks"
    if "TransitGateway" in words:
        return [f"{lines} like records of a transit gateway, which query does not read as records."]
    meant = _format_of(words)
    if meant == layout:
        return [f"{lines} like flow-log records behind other text: only a time and a stream may stand before one."]
    named = "default" if meant == DEFAULT_FORMAT else str(meant or "${version} ${account-id} ...")
    order = "" if meant else ", with the fields of the flow log's LogFormat in their order"
    return [f"{lines} like flow-log records, but not of this format. Try --format '{named}'{order}."]


def _format_of(words: list[str]) -> LogFormat | None:
    """The format of which the last words are a record."""
    for layout in _formats():
        if len(layout) <= len(words) and _fits(layout, words[-len(layout) :]):
            return layout
    return None


@cache
def _data() -> dict[str, Any]:
    with data_path("flow_log_formats.toml").open("rb") as file:
        return tomllib.load(file)


@cache
def _formats() -> tuple[LogFormat, ...]:
    """The formats to try, the longest first."""
    versions = sorted({field.version for field in FIELDS.values()}, reverse=True)
    orders = [tuple(name for name, field in FIELDS.items() if field.version <= version) for version in versions]
    orders += [tuple(row["fields"].split()) for row in _data()["format"]]
    return tuple(LogFormat(names) for names in sorted(orders, key=len, reverse=True))


def _fits(layout: LogFormat, words: list[str]) -> bool:
    return all(word == "-" or _is_value(name, word) for name, word in zip(layout.names, words, strict=True))


def _is_value(name: str, word: str) -> bool:
    if name.endswith("addr"):
        try:
            return bool(ipaddress.ip_address(word))
        except ValueError:
            return False
    if FIELDS[name].is_integer:
        return word.isdigit()
    return re.fullmatch(_data()["values"].get(name, ".+"), word) is not None
