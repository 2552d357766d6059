"""SQL macros: the language's value rules written once, in SQL (the planner inlines them; no UDFs).

Names begin with ``i_`` so that they cannot meet a DuckDB function.
"""

from ipaddress import ip_network

_OCTET = "(25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])"
IPV4_PATTERN = f"{_OCTET}([.]{_OCTET}){{3}}"
_GROUPS = "[0-9a-fA-F]{1,4}(:[0-9a-fA-F]{1,4}){0,6}"
IPV6_PATTERN = f"[0-9a-fA-F]{{1,4}}(:[0-9a-fA-F]{{1,4}}){{7}}|({_GROUPS})?::({_GROUPS})?"
NUMBER_PATTERN = r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?"

PRIVATE = ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7")
# The documentation blocks count as public: in the course they are "the internet" (insights-public-ip).
RESERVED = (
    "0.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "192.0.0.0/24", "198.18.0.0/15",
    "224.0.0.0/4", "240.0.0.0/4", "::/128", "::1/128", "fe80::/10", "ff00::/8",
)  # fmt: skip

# What pattern takes for a token that varies, in this order: its name, a regular expression, what stays behind it.
_TIMES = (
    r"\b\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:[.,]\d+)?)?(?:Z|[+-]\d\d:?\d\d)?)?\b"
    r"|\b(?:\d\d?[/ ])?(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)[/ ]+\d\d?(?:\d\d)?[: ]\d\d:\d\d:\d\d"
    r"(?: [+-]\d{4})?\b|\b\d\d:\d\d:\d\d(?:[.,]\d+)?\b"
)
_HEX = "[0-9a-fA-F]{1,4}"
_ADDRESSES = (
    rf"\b\d{{1,3}}(?:\.\d{{1,3}}){{3}}(?:/\d{{1,2}})?\b|\b{_HEX}(?::{_HEX}){{7}}\b"
    rf"|\b{_HEX}(?::{_HEX}){{0,5}}::(?:{_HEX}(?::{_HEX})*)?"
)
_TOKENS = (
    ("Time", _TIMES, ""),
    ("Time", r"\b\d+(?:\.\d+)?( ?(?:ms|milliseconds?|s|secs?|seconds?|minutes?|hours?))\b", r"\1"),
    ("IPAddress", _ADDRESSES, ""),
    ("Token", r"\B/\w[\w.~%/?=&-]*", ""),  # a path: it stands alone, and AWS names no type for it
    ("ID", r"\b(?:[\w-]*[A-Za-z_-][\w-]*\d[\w-]*|[\w-]*\d[\w-]*[A-Za-z_-][\w-]*)\b", ""),  # digits among others
    ("Number", r"\b\d+(?:\.\d+)?\b", ""),
)


def _masked(text: str) -> str:
    """The text with each token as its name between two control characters, which the text itself does not keep."""
    for name, regex, rest in (("", "[\1\2]", None), *_TOKENS):
        mask = "" if rest is None else f"\1{name}\2{rest}"
        text = f"regexp_replace({text}, '{regex}', '{mask}', 'g')"
    return text


def _classes(version: int) -> str:
    """WHEN clauses that name the kind of the address v."""
    clauses = []
    for kind, blocks in (("private", PRIVATE), ("reserved", RESERVED)):
        for network in (ip_network(block) for block in blocks):
            if network.version == version:
                low, high = int(network.network_address), int(network.broadcast_address)
                number = "BIGINT" if version == 4 else "UHUGEINT"
                bounds = f"CAST('{low}' AS {number}) AND CAST('{high}' AS {number})"
                clauses.append(f"WHEN v BETWEEN {bounds} THEN '{kind}'")
    return " ".join(clauses)


MACROS: tuple[str, ...] = (
    # text that is a number, as a number; else NULL
    f"""i_num(s) AS CASE WHEN regexp_full_match(s, '{NUMBER_PATTERN}') THEN TRY_CAST(s AS DOUBLE) END""",
    # digits as a whole number; else NULL
    r"""i_int(s) AS CASE WHEN regexp_full_match(s, '[+-]?\d+') THEN TRY_CAST(s AS BIGINT) END""",
    "i_hex(s) AS TRY_CAST(concat('0x', s) AS BIGINT)",
    # a number as plain text: integral values without a decimal point
    """i_plain(x) AS CASE WHEN x = trunc(x) AND abs(x) < 1e15 THEN CAST(CAST(x AS BIGINT) AS VARCHAR)
       ELSE CAST(x AS VARCHAR) END""",
    # natural sort: digit runs compare by length, then value; everything else by code point
    r"""i_natural(s) AS CASE WHEN regexp_matches(s, '\d') THEN array_to_string(list_transform(
       regexp_extract_all(s, '\d+|\D+'),
       lambda x: CASE WHEN x[1] BETWEEN '0' AND '9' THEN '0' || lpad(CAST(length(x) AS VARCHAR), 7, '0') || x
       ELSE x END), '') ELSE s END""",
    "i_millis(x) AS CASE WHEN abs(x) <= 253402300799999 THEN CAST(trunc(x) AS BIGINT) END",
    "i_stamp(ms) AS make_timestamp(i_millis(ms) * 1000)",
    "i_time(ms) AS strftime(i_stamp(ms), '%Y-%m-%d %H:%M:%S.%g')",
    # the distance of a local time from UTC, as +0100
    """i_offset(utc, here) AS list_transform([date_diff('minute', utc, here)], lambda m:
       format('{}{:02d}{:02d}', CASE WHEN m < 0 THEN '-' ELSE '+' END, abs(m) // 60, abs(m) % 60))[1]""",
    # structures are null to everything that wants a plain value
    "i_scalar(j) AS CASE WHEN json_type(j) NOT IN ('OBJECT', 'ARRAY') THEN j ->> '$' END",
    "i_json(s) AS CASE WHEN json_valid(s) THEN CAST(s AS JSON) END",
    # a list of the elements of an array; anything else counts as one element
    "i_items(j) AS CASE WHEN json_type(j) = 'ARRAY' THEN json_extract(j, '$[*]') ELSE [CAST(j AS JSON)] END",
    "i_truth(s) AS CASE lower(s) WHEN 'true' THEN 1 WHEN 'false' THEN 0 ELSE i_num(s) END",
    f"""i_v4(s) AS CASE WHEN regexp_full_match(s, '{IPV4_PATTERN}') THEN
       CAST(split_part(s, '.', 1) AS BIGINT) * 16777216 + CAST(split_part(s, '.', 2) AS BIGINT) * 65536 +
       CAST(split_part(s, '.', 3) AS BIGINT) * 256 + CAST(split_part(s, '.', 4) AS BIGINT) END""",
    # IPv6: a dotted tail becomes two groups, then :: is filled with zeros. A lambda over a list of one binds
    # an intermediate value once; a macro would repeat its text (and the planner's work) at each mention.
    r"""i_v6_tail(s) AS CASE WHEN contains(s, '.') THEN list_transform([i_v4(regexp_extract(s, '[^:]*$'))],
         lambda v: regexp_replace(s, '[^:]*$', '') || format('{:x}:{:x}', v // 65536, v % 65536))[1]
       ELSE s END""",
    "i_v6_list(s) AS list_filter(string_split(s, ':'), lambda x: x <> '')",
    """i_v6_groups(s) AS CASE WHEN contains(s, '::') THEN list_transform(
         [[i_v6_list(split_part(s, '::', 1)), i_v6_list(split_part(s, '::', 2))]],
         lambda p: p[1] || list_transform(range(8 - len(p[1]) - len(p[2])), lambda x: '0') || p[2])[1]
       ELSE string_split(s, ':') END""",
    f"""i_v6_value(s) AS CASE WHEN regexp_full_match(s, '{IPV6_PATTERN}') THEN
       list_transform([i_v6_groups(s)], lambda g: CASE WHEN len(g) = 8 THEN
         list_reduce(list_transform(g, lambda x: CAST(CAST('0x' || x AS INTEGER) AS UHUGEINT)),
           lambda a, b: a * 65536 + b) END)[1] END""",
    """i_v6(s) AS CASE WHEN contains(s, ':') THEN
       list_transform([i_v6_tail(s)], lambda t: i_v6_value(t))[1] END""",
    f"""i_class(s) AS coalesce(
       list_transform([i_v4(s)], lambda v: CASE WHEN v IS NULL THEN NULL {_classes(4)} ELSE 'public' END)[1],
       list_transform([i_v6(s)], lambda v: CASE WHEN v IS NULL THEN NULL
         {_classes(6)} ELSE 'public' END)[1])""",
    # a CIDR block that is only known at run time
    r"""i_bits(c, most) AS CASE WHEN regexp_full_match(split_part(c, '/', 2), '\d{1,3}')
       AND CAST(split_part(c, '/', 2) AS INTEGER) <= most THEN CAST(split_part(c, '/', 2) AS INTEGER) END""",
    """i_in4(a, c) AS (i_v4(a) >> (32 - i_bits(c, 32))) =
       (i_v4(split_part(c, '/', 1)) >> (32 - i_bits(c, 32)))""",
    """i_shift6(v, bits) AS CASE WHEN v IS NULL THEN NULL WHEN bits = 0 THEN CAST(0 AS UHUGEINT)
       ELSE v // CAST(pow(2, 128 - bits) AS UHUGEINT) END""",
    """i_in6(a, c) AS i_shift6(i_v6(a), i_bits(c, 128)) =
       i_shift6(i_v6(split_part(c, '/', 1)), i_bits(c, 128))""",
    """i_histogram(m) AS CAST('{' || array_to_string(list_transform(map_entries(m),
       lambda x: '"' || i_plain(x.key) || '":' || CAST(x.value AS VARCHAR)), ',') || '}' AS JSON)""",
    "i_epochs(stamps) AS list_transform(stamps, lambda x: epoch_ms(x))",
    # name=value pairs as a JSON object, csv as a list of texts
    r"""i_logfmt(s) AS CASE WHEN regexp_matches(s, '[^\s=]+=') THEN
       CAST('{' || array_to_string(list_transform(
       regexp_extract_all(s, '[^\s=]+=(?:"(?:[^"\\]|\\.)*"|\S*)'),
       lambda x: CAST(to_json(regexp_extract(x, '^([^=]+)=', 1)) AS VARCHAR) || ':' || CAST(to_json(
         CASE WHEN regexp_matches(x, '^[^=]+="') THEN replace(
           regexp_replace(x, '^[^=]+="((?s:.*))"$', '\1'), '\"', '"')
         ELSE regexp_extract(x, '^[^=]+=((?s:.*))$', 1) END) AS VARCHAR)), ',') || '}' AS JSON) END""",
    r"""i_csv(s) AS list_transform(regexp_extract_all(',' || s, '(?s),(\s*"(?:[^"]|"")*"\s*|[^,]*)', 1),
       lambda x: CASE WHEN regexp_full_match(x, '(?s)\s*".*"\s*') THEN
         replace(regexp_replace(x, '(?s)^\s*"(.*)"\s*$', '\1'), '""', '"') ELSE trim(x) END)""",
    f"i_masked(s) AS {_masked('left(s, 1500)')}",  # AWS reads up to 1500 characters (Log anomaly detection)
    """i_numbered(s) AS array_to_string(list_transform(string_split(s, '\1'), lambda x, i: CASE WHEN i = 1 THEN x
       ELSE '<' || replace(x, '\2', '-' || (i - 1) || '>') END), '')""",
    # Pattern analysis, "Severity type"
    """i_severity(s) AS CASE WHEN contains(lower(s), 'error') THEN 'ERROR' WHEN contains(lower(s), 'warn') THEN 'WARN'
       ELSE 'INFO' END""",
    """i_haversine(a, b, c, d) AS 2 * 6371.0088 * asin(sqrt(least(1, pow(sin(radians(c - a) / 2), 2)
       + cos(radians(a)) * cos(radians(c)) * pow(sin(radians(d - b) / 2), 2))))""",
)

MACRO_SQL = tuple(f"CREATE OR REPLACE MACRO {macro}" for macro in MACROS)
