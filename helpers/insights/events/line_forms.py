"""One line of a log file in SQL: when it happened, and the flow-log record in it, in the forms that files have.

A record may be written with tabs, commas, bars, quotes or repeated blanks; stand behind a time, or a time and a
stream, as export tasks and ``aws logs tail`` write it; or be the message of a JSON object, as FilterLogEvents answers.
"""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from helpers.flowlogs import DEFAULT_FORMAT, LogFormat
from helpers.flowlogs.format import SPELLINGS
from helpers.insights.events.schema import FLOW, Column, typed_parts

LONGEST = 2**21  # bytes of a line; an event of CloudWatch Logs has at most 1 MB
_RECORD = {
    "action": ("ACCEPT", "REJECT", "-"),
    "log-status": ("OK", "NODATA", "SKIPDATA"),
}
_MOST_WORDS_BEFORE = 6  # of a record: a time in three words, a host, a program
# What may stand before a time: a priority of syslog, a level, a name, a bracket.
_AHEAD = r"""^(?:<\d{1,3}>1? ?)?(?:\[?[A-Z]{4,8}\]?:?\s+)?(?:(?:ts?|time|timestamp|date|datetime)[=:])?[\[("'\s]*"""
_CLOCK = r"\d?\d:\d\d(?::\d\d)?(?:[.,]\d{1,9})?"
_OFFSET = r"(?:[Zz]| ?[+-]\d\d:?\d\d|[+-]\d\d)?"
_ISO = rf"""\d{{4}}[-/]\d\d[-/]\d\d(?:[Tt\s_:,"'-]{{1,3}}{_CLOCK}{_OFFSET})?"""
_LATER = rf"^(?:\S+\s+){{1,2}}(\d{{4}}-\d\d-\d\dT{_CLOCK}{_OFFSET})"  # behind other words, as a load balancer's
# Hours from UTC of the zones that are written as letters: RFC 5322, section 4.3, and the zone database.
_HOURS = "PST-8 PDT-7 MST-7 MDT-6 CST-6 CDT-5 EST-5 EDT-4 CET+1 WEST+1 CEST+2 EET+2 EEST+3 JST+9"
_ZONES = {zone[:-2]: int(zone[-2:]) for zone in _HOURS.split()}
_HALF_OR_ZONE = rf"^.{{0,60}}?\D(\d?\d):\d\d(?::\d\d)?(?:[.,]\d{{1,9}})?(?: ?([AP]M))?(?: \(?({'|'.join(_ZONES)}))?\b"
_EPOCH = r"1\d{9}(?:\d{3}|\d{6}|\d{9})?(?:\.\d{1,9})?"
_DAY_FIRST = r"(\d{1,2})[/ -]([A-Z][a-z][a-z])[/ -](\d{4})[: ](\d\d:\d\d:\d\d)(?:[.,]\d+)? ?([+-]\d\d:?\d\d)?"
_YEAR_BEHIND = r"(?:(?: [AP]M)?(?: [A-Z]{3,4})? ((?:19|20)\d\d))?"
_MONTH_FIRST = rf"([A-Z][a-z][a-z]) +(\d{{1,2}}),? (?:(\d{{4}}) )?(\d?\d:\d\d:\d\d)(?:[.,]\d+)?{_YEAR_BEHIND}"
# The members of a JSON object that hold what its line is about; the first that exists counts.
_MESSAGES = ("message", "@message", "log")
_TIMES = ("timestamp", "@timestamp", "time", "ts", "eventTime", "datetime", "date", "asctime", "@t", "Timestamp")
_STREAMS = ("logStreamName", "logStream", "@logStream")
_OF_AN_EVENT = ("id", "eventId", "ingestionTime", "@ingestionTime", "@log", "@ptr", *_STREAMS)


def events_select(lines: str, layout: LogFormat, first: int, now: datetime | None, *, unwrap: bool) -> str:
    """A SELECT of (seq, ts, ing, stream, event_id, message) from a SELECT of (line, stream); header lines are dropped.

    ``seq`` counts from ``first``. A time without a year, as syslog writes it, is the last such time up to ``now``,
    and of 1970 without ``now``. ``unwrap``: JSON objects with a message and a time are events, whatever else
    they hold. DuckDB stops at a header line of another format, and at a line longer than ``LONGEST``.
    """
    known = _texts(sorted({spelling.replace("_", "-") for spelling in SPELLINGS}))
    first_name = "lower(replace(parts[1], '_', '-'))"
    start = f"TRY(TRY_CAST(parts[{_place(layout, 'start')}] AS BIGINT) * 1000)" if "start" in layout.names else "0"
    shape = "AND parts[1] = '2'" if layout == DEFAULT_FORMAT else f"AND {first_name} NOT IN ({known})"
    members = [f'$."{name}"' for name in (*_MESSAGES, *_TIMES, *_STREAMS)]
    stream_before = _first_match("before", "(?:^| )([a-z][^ :]*)(?: |$)")
    steps = {
        "parts": "string_split(line, ' ')",
        "began": f"CASE WHEN len(parts) = {len(layout)} {shape} THEN {start} END",
        "odd": f"CASE WHEN began IS NULL THEN {_short('line')} END",
        "json": "CASE WHEN ltrim(odd) LIKE '{%' AND json_valid(odd) THEN odd END",
        "members": f"json_extract_string(json, [{_texts(members)}])",
        "text": f"CASE WHEN json IS NULL THEN odd ELSE {_first_of(_MESSAGES, 0)} END",
        "plain": f"CASE WHEN {_may_hold_fields('text', layout)} THEN {_plain('text')} END",
        "is_header": _is_header("lower(replace(plain, '_', '-'))", known, " ".join(layout.names)),
        "words": "string_split(plain, ' ')",
        "extra": f"len(words) - {len(layout)}",
        "fits": _fits(layout),
        "before": "array_to_string(words[:extra], ' ')",
        "told": f"""coalesce({_first_of(_TIMES, len(_MESSAGES))},
            CASE WHEN fits THEN regexp_replace(before, '^[a-z][^ :]* ', '') ELSE text END)""",
        "told_at": _dated("told"),
        "told_in_year": f"CASE WHEN told_at IS NULL THEN {_without_year('told', now)} END",
        "is_record": "fits AND (extra = 0 OR told_at IS NOT NULL OR told_in_year IS NOT NULL)",
        "ts": f"""coalesce(told_at, began, CASE WHEN is_record THEN TRY({_number("start", layout)} * 1000) END,
            told_in_year, 0)""",
        "told_stream": f"""coalesce({_first_of(_STREAMS, len(_MESSAGES + _TIMES))},
            CASE WHEN is_record THEN {stream_before} END, stream)""",
        "message": f"""CASE WHEN is_record THEN array_to_string(words[extra + 1:], ' ')
            WHEN json IS NOT NULL AND text IS NOT NULL AND {_is_event(unwrap)} THEN text ELSE line END""",
    }
    events = f"SELECT line, stream FROM ({lines}) WHERE line <> ''"
    for name, expression in steps.items():
        events = f"SELECT *, {expression} AS {name} FROM ({events})"
    return f"""SELECT row_number() OVER () - 1 + {first} AS seq, ts, ts AS ing, told_stream AS stream, '' AS event_id,
        message FROM ({events}) WHERE is_header IS NOT TRUE"""


def records_select(lines: str, layout: LogFormat, columns: Sequence[Column]) -> str:
    """The SELECT of a table's columns from a SELECT of (line, stream), for lines that are all records as they stand.

    Header lines are dropped; at any other line DuckDB stops. What a query does not name is not computed.
    """
    shape = f"len(parts) = {len(layout)}" + " AND parts[1] = '2'" * (layout == DEFAULT_FORMAT)
    began = f"TRY(TRY_CAST(parts[{_place(layout, 'start')}] AS BIGINT) * 1000)"
    is_record = f"""CASE WHEN {shape} AND began > 0 THEN TRUE
        WHEN {_names_the_fields(layout)} THEN FALSE ELSE error('another form') END"""
    named = zip(typed_parts("parts", columns), columns, strict=True)
    typed = ", ".join(f"{value} AS {column.column}" for value, column in named)
    return f"""SELECT row_number() OVER () - 1 AS seq, began AS ts, began AS ing, stream, '' AS event_id,
        line AS message, CAST(strlen(line) AS INTEGER) AS size, CAST({FLOW} AS TINYINT) AS kind, {typed}
        FROM (SELECT *, {began} AS began FROM (SELECT *, string_split(line, ' ') AS parts FROM ({lines})))
        WHERE line <> '' AND {is_record}"""


def totals_select(lines: str, layout: LogFormat) -> str:
    """(count, bytes) of the lines that are no header."""
    wanted = f"line <> '' AND NOT ({_names_the_fields(layout)})"
    return f"SELECT count(*), coalesce(sum(strlen(line)), 0) FROM ({lines}) WHERE {wanted}"


def _names_the_fields(layout: LogFormat) -> str:
    header = " ".join(layout.names)
    return f"strlen(line) = {len(header)} AND lower(replace(line, '_', '-')) = '{header}'"


def _place(layout: LogFormat, name: str) -> int:
    return layout.names.index(name) + 1


def _texts(values: "list[str] | tuple[str, ...]") -> str:
    return ", ".join("'" + value.replace("'", "''") + "'" for value in values)


def _first_of(names: tuple[str, ...], skipped: int) -> str:
    return "coalesce(" + ", ".join(f"members[{skipped + place}]" for place, _ in enumerate(names, 1)) + ")"


def _first_match(text: str, pattern: str) -> str:
    return f"nullif(regexp_extract({text}, {_texts([pattern])}, 1), '')"


def _short(line: str) -> str:
    return f"CASE WHEN strlen({line}) > {LONGEST} THEN error(concat('too long: ', {line}[:20])) ELSE {line} END"


def _plain(text: str) -> str:
    """Words with one blank between them, without quotes; an empty field between two commas is a gap."""
    bare = f"regexp_replace({text}, '[\"'']', '', 'g')"
    filled = f"replace(replace({bare}, ',,', ',-,'), ',,', ',-,')"
    return f"trim(regexp_replace({filled}, '[\\s,;|]+', ' ', 'g'))"


def _may_hold_fields(text: str, layout: LogFormat) -> str:
    """Whether it is worth the time to look for a record or a header in a text."""
    status = "log-status" in layout.names
    hints = f"contains({text}, 'OK') OR contains({text}, 'DATA') OR regexp_matches({text}, '^[\"'']?[a-z]')"
    return hints if status else "TRUE"


def _is_header(text: str, known: str, own: str) -> str:
    """Whether a line names fields; an error where they are not this format's."""
    names = f"split_part({text}, ' ', 1) IN ({known}) AND list_has_all([{known}], string_split({text}, ' '))"
    other = f"CASE WHEN contains({text}, ' ') THEN error(concat('another format: ', {text})) END"
    return f"CASE WHEN {names} THEN CASE WHEN {text} = '{own}' THEN TRUE ELSE {other} END END"


def _number(name: str, layout: LogFormat) -> str:
    return f"TRY_CAST(words[extra + {_place(layout, name)}] AS BIGINT)" if name in layout.names else "NULL"


def _fits(layout: LogFormat) -> str:
    """Whether the last words can be a record."""
    checks = [f"extra BETWEEN 0 AND {_MOST_WORDS_BEFORE}"]
    if layout == DEFAULT_FORMAT:
        checks.append("words[extra + 1] = '2'")
    for place, field in enumerate(layout.fields, 1):
        word = f"words[extra + {place}]"
        if field.name in _RECORD:
            checks.append(f"{word} IN ({_texts(_RECORD[field.name])})")
        elif field.is_integer:
            checks.append(f"({word} = '-' OR TRY_CAST({word} AS BIGINT) IS NOT NULL)")
    return f"CASE WHEN {checks[0]} THEN {' AND '.join(checks[1:]) or 'TRUE'} END"


def _is_event(unwrap: bool) -> str:
    """Whether a JSON object is an event of CloudWatch Logs, whose message is the line itself."""
    only = f"list_has_all([{_texts((*_OF_AN_EVENT, *_MESSAGES[:2], *_TIMES[:2]))}], json_keys(json))"
    return (
        f"{_first_of(_TIMES, len(_MESSAGES))} IS NOT NULL"
        if unwrap
        else f"{only} AND list_has_any(json_keys(json), [{_texts(_OF_AN_EVENT)}])"
    )


def _dated(text: str) -> str:
    """Epoch milliseconds of the time that a text begins with, or that stands in its brackets; without offset UTC."""
    given = f"coalesce({_first_match(text, f'{_AHEAD}({_ISO})')}, {_first_match(text, _LATER)})"
    spaced = rf"regexp_replace({given}, '^(....).(..).(..)\D+', '\1-\2-\3 ')"
    iso = rf"regexp_replace(replace({spaced}, ',', '.'), ' ([+-])', '\1')"
    epoch = _first_match(text, rf"{_AHEAD}({_EPOCH})(?:$|[^\w.])")
    scale = f"[1000, 1, 0.001, 0.000001][strlen(split_part({epoch}, '.', 1)) // 3 - 2]"
    named = _named(text, rf"(?:{_AHEAD}|\[)(?:[A-Z][a-z][a-z], )?({_DAY_FIRST})", _DAY_FIRST, r"\1 \2 \3 \4 \5")
    month = _named(text, rf"{_AHEAD}(?:[A-Z][a-z][a-z],? )?({_MONTH_FIRST})", _MONTH_FIRST, r"\2 \1 \3\5 \4 ")
    return f"""coalesce(epoch_ms(TRY_CAST({iso} AS TIMESTAMPTZ)) + {_shift(text)},
        CAST(CAST({epoch} AS DOUBLE) * {scale} AS BIGINT),
        epoch_ms({_parsed(named)}) + {_shift(text)}, epoch_ms({_parsed(month)}) + {_shift(text)})"""


def _shift(text: str) -> str:
    """Milliseconds to add for AM or PM and for a zone's letters behind the clock."""
    part = f"regexp_extract({text}, {_texts([_HALF_OR_ZONE])}, ['hour', 'half', 'zone'])"
    zones = " ".join(f"WHEN '{zone}' THEN {-hours}" for zone, hours in _ZONES.items())
    return f"""3600000 * (CASE {part}.zone {zones} ELSE 0 END
        + CASE WHEN {part}.half = 'PM' AND {part}.hour <> '12' THEN 12
               WHEN {part}.half = 'AM' AND {part}.hour = '12' THEN -12 ELSE 0 END)"""


def _named(text: str, pattern: str, form: str, order: str) -> str:
    """A time that names its month, as day, month, year, clock and offset; two blanks where there is no year."""
    return f"regexp_replace({_first_match(text, pattern)}, {_texts([form])}, '{order}')"


def _parsed(text: str) -> str:
    return f"coalesce(try_strptime({text}, '%d %b %Y %H:%M:%S %z'), try_strptime({text}, '%d %b %Y %H:%M:%S '))"


def _without_year(text: str, now: datetime | None) -> str:
    """Epoch milliseconds of a time that names month and day only: the last one up to ``now``."""
    found = _named(text, rf"{_AHEAD}(?:[A-Z][a-z][a-z],? )?({_MONTH_FIRST})", _MONTH_FIRST, r"\2 \1 \3\5 \4 ")
    last = now + timedelta(days=1) if now else datetime(1970, 12, 31, 23, 59, 59, tzinfo=UTC)
    whole = [f"replace({found}, '  ', ' {year} ')" for year in (last.year, last.year - 1)]
    years = [f"epoch_ms({_parsed(text)})" for text in whole]
    return f"CASE WHEN {years[0]} <= {int(last.timestamp() * 1000)} THEN {years[0]} ELSE {years[1]} END"
