"""Regular expressions, globs, periods and date patterns: checked and translated before any SQL is made."""

import re
import threading
from functools import lru_cache

import duckdb

from helpers.insights.syntax import nodes

_lock = threading.Lock()
_connection: duckdb.DuckDBPyConnection | None = None

# A number of units is capped per unit: bin(300s) is bin(60s). Functions page, "bin".
_CAPS = {"ms": 1000, "s": 60, "m": 60, "h": 24}
MILLIS = {"ms": 1, "s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000, "w": 604_800_000}
MONTHS = {"mo": 1, "q": 3, "y": 12}


def _ask(sql: str, *values: str) -> str | None:
    """What DuckDB says against an expression, or None when it accepts it."""
    global _connection
    with _lock:
        if _connection is None:
            _connection = duckdb.connect(
                config={"threads": "1", "autoinstall_known_extensions": "false"},
            )
            _connection.execute("SET TimeZone = 'UTC'")
        try:
            _connection.execute(sql, list(values)).fetchall()
        except (duckdb.Error, UnicodeError) as error:  # strftime can cut a letter of several bytes in two
            return str(error)
    return None


@lru_cache(maxsize=2048)
def regex_error(pattern: str) -> str | None:
    """Why RE2 refuses a pattern (no look-around, no backreferences), or None."""
    complaint = _ask("SELECT regexp_matches('', $1)", pattern)
    if complaint is None:
        names = [name for name in groups(pattern) if name]
        return None if len(set(names)) == len(names) else "two groups have the same name"
    if re.search(r"\(\?(=|!|<=|<!)", pattern):
        return "look-ahead and look-behind are not part of the RE2 syntax"
    if re.search(r"\\[1-9]", pattern):
        return "backreferences are not part of the RE2 syntax"
    return complaint.splitlines()[0].removeprefix("Invalid Input Error: ").replace("(?P<", "(?<")  # as it was written


def rewrite_error(pattern: str, replacement: str) -> str | None:
    """Why a replacement does not fit a pattern (a group that is not there), or None."""
    return _ask("SELECT regexp_replace('', $1, $2)", pattern, replacement)


def to_rewrite(replacement: str) -> str:
    """A replacement with ``$1`` for groups as RE2 writes it; a backslash stands for itself."""
    return re.sub(r"\$(\d)", r"\\\1", replacement.replace("\\", "\\\\"))


@lru_cache(maxsize=512)
def date_format_error(pattern: str) -> str | None:
    """Why a strftime pattern is refused, or None."""
    complaint = _ask("SELECT strftime(TIMESTAMP '2023-11-14 00:00:00', $1::VARCHAR)", pattern)
    return None if complaint is None else f"not a date format: {pattern}"


@lru_cache(maxsize=512)
def zone_error(zone: str) -> str | None:
    """Why a time zone is refused, or None."""
    complaint = _ask("SELECT CAST(timezone($1::VARCHAR, TIMESTAMP '2023-11-14 00:00:00') AS VARCHAR)", zone)
    return None if complaint is None else f"not a time zone: {zone}"


_LONG = {"%F": "%Y-%m-%d", "%T": "%H:%M:%S", "%R": "%H:%M", "%D": "%m/%d/%y"}
OFFSET_MARK = "\x01"
"""Stands for the offset from UTC in a formatted time until it is put in."""


def strftime(pattern: str) -> str:
    """A strftime pattern with the short forms that DuckDB does not know written out."""
    return re.sub(r"%.", lambda code: _LONG.get(code[0], code[0]), pattern, flags=re.DOTALL)


def with_zone(pattern: str, zone: str) -> str:
    """A strftime pattern with the name of the zone for %Z, and ``OFFSET_MARK`` for %z."""
    parts = {"%Z": zone.replace("%", "%%"), "%z": OFFSET_MARK}
    plain = pattern.replace(OFFSET_MARK, "")
    return re.sub(r"%.", lambda code: parts.get(code[0], code[0]), plain, flags=re.DOTALL)


def java_zone(zone: str) -> str:
    """A zone written as an offset (``Z``, ``+02:00``) under the name that DuckDB knows; others unchanged."""
    if zone == "Z":
        return "UTC"
    offset = re.fullmatch(r"([+-]\d{2}):?(\d{2})?", zone)
    return f"GMT{offset[1]}:{offset[2] or '00'}" if offset else zone


def to_re2(pattern: str) -> str:
    """The pattern with ``(?<name>`` and ``(?<@name>`` written ``(?P<name>`` and slashes unescaped.

    RE2 knows no ``@`` in the name of a group. What a query calls its groups is asked of :func:`groups`.
    """
    pattern = re.sub(r"(?<!\\)((?:\\\\)*)\(\?P?<(?![=!])@{0,2}", r"\1(?P<", pattern)
    return pattern.replace("\\/", "/")


def groups(pattern: str) -> list[str | None]:
    """The capture groups of a pattern in order: their names, None for an unnamed one."""
    names: list[str | None] = []
    position, in_class = 0, False
    while position < len(pattern):
        character = pattern[position]
        if character == "\\":
            position += 2
            continue
        if in_class:
            in_class = character != "]"
        elif character == "[":
            in_class = True
            after = pattern[position + 1 : position + 3]
            position += 2 if after == "^]" else 1 if after.startswith("]") else 0
        elif character == "(":
            named = re.compile(r"\(\?P?<(@{0,2}\w+)>").match(pattern, position)
            if named:
                names.append(named[1])
            elif not pattern.startswith("(?", position):
                names.append(None)
        position += 1
    return names


def glob(pattern: str) -> str:
    """A ``*`` pattern as RE2: each star takes as little as it can, a last one takes the rest."""
    parts = pattern.split("*")
    built = "(?s)"
    for position, part in enumerate(parts):
        built += re.sub(r"([\\.+?()\[\]{}|^$])", r"\\\1", part)
        if position < len(parts) - 1:
            last = position == len(parts) - 2 and parts[-1] == ""
            built += "(.*)" if last else "(.*?)"
    return built


def width(period: nodes.Period) -> tuple[int, str]:
    """(count, unit) of a period after its cap."""
    return min(period.count, _CAPS.get(period.unit, period.count)), period.unit


_JAVA = {
    "yyyy": "%Y", "uuuu": "%Y", "yy": "%y", "y": "%Y", "MMMM": "%B", "MMM": "%b", "MM": "%m", "M": "%m",
    "dd": "%d", "d": "%d", "HH": "%H", "H": "%H", "hh": "%I", "h": "%I", "mm": "%M", "m": "%M", "ss": "%S",
    "s": "%S", "SSS": "%g", "SSSSSS": "%f", "a": "%p", "EEEE": "%A", "EEE": "%a", "E": "%a", "DDD": "%j",
    "Z": "%z", "X": "%z", "XX": "%z", "XXX": "%z", "z": "%Z",
}  # fmt: skip

JAVA_DATES = {code: letters for letters, code in reversed(_JAVA.items())}
"""Java's letters for the codes of strftime."""


def java_date(pattern: str) -> str | None:
    """A Java date pattern as a strptime pattern; None when it has a letter that we cannot translate."""
    built = ""
    for match in re.finditer(r"'((?:[^']|'')*)'|([A-Za-z])\2*|.", pattern, re.DOTALL):
        token = match[0]
        if token.startswith("'") and len(token) > 1:
            built += (match[1].replace("''", "'") or "'").replace("%", "%%")
        elif token[0].isalpha():
            if token not in _JAVA:
                return None
            built += _JAVA[token]
        else:
            built += token.replace("%", "%%")
    return built
