"""The plan's SQL for other engines: Apache Spark and Amazon Athena, one table of expressions for each.

The trees are those that DuckDB runs. What all engines write alike is left to sqlglot's generator; a function goes
through the table of its engine, and one that is not there is refused by name. The tables hold what was found to give
the same rows, not all that an engine accepts.
"""

import re
from collections.abc import Callable, Mapping
from ipaddress import ip_network

from sqlglot import Generator, exp
from sqlglot.dialects.duckdb import DuckDB
from sqlglot.dialects.spark import Spark
from sqlglot.dialects.trino import Trino

from helpers.insights.sql.macros import IPV4_PATTERN, IPV6_PATTERN, NUMBER_PATTERN, PRIVATE, RESERVED
from helpers.insights.sql.patterns import JAVA_DATES
from helpers.insights.sql.typed import E, operand
from helpers.insights.syntax.errors import QueryFailed

Entry = str | Callable[["_Writer", list[E]], str]
_PLACE = re.compile(r"#(\d|\*)")
# What a query says where the plan has these.
_WRITTEN = {
    "i_masked": "pattern", "i_logfmt": "parse logfmt", "i_csv": "parse csv", "regexp_extract_all": "parse multi",
    "generate_subscripts": "unnest and expand", "i_items": "unnest", "list_sort": "values", "histogram": "histogram",
    "i_offset": "%z of a date", "i_in4": "a subnet that is no quoted text", "i_in6": "a subnet that is no quoted text",
    "i_json": "JSON in fields", "json_type": "JSON in fields", "to_json": "lists", "list_extract": "lookup tables",
    "json_extract_string": "JSON in fields", "quantile_disc": "pct, which it does not compute exactly",
    "suffix": "endsWith", "timezone": "a time zone", "ltrim": "ltrim of characters", "rtrim": "rtrim of characters",
    "trim": "trim of characters",
    "union": "addtotals col=true", "run_start": "queryStartTime", "run_end": "queryEndTime", "run_now": "now",
}  # fmt: skip
_NODES = (
    exp.Select, exp.From, exp.Where, exp.Group, exp.Order, exp.Ordered, exp.Limit, exp.Star, exp.Alias, exp.Column,
    exp.Identifier, exp.Literal, exp.Paren, exp.Parameter, exp.Table, exp.TableAlias, exp.CTE, exp.With, exp.Subquery,
    exp.Join, exp.And, exp.Or, exp.Not, exp.EQ, exp.NEQ, exp.GT, exp.GTE, exp.LT, exp.LTE, exp.Is, exp.In, exp.Between,
    exp.NullSafeEQ, exp.Add, exp.Sub, exp.Mul, exp.Div, exp.Mod, exp.IntDiv, exp.Neg, exp.Case, exp.If, exp.Cast,
    exp.TryCast, exp.DataType, exp.Null, exp.Boolean, exp.Count, exp.Distinct, exp.Filter, exp.Window, exp.WindowSpec,
    exp.Anonymous, exp.Array,
)  # fmt: skip


class Unsupported(QueryFailed):
    """What an engine lacks, or was not found to do as DuckDB does it."""


class _Writer(Generator):
    """A generator whose function calls are those of a table; mixed with the generator of an engine."""

    engine: str
    calls: Mapping[str, Entry] | None  # None: each as it stands
    values: Mapping[str, int]

    def refused(self, what: str) -> Unsupported:
        return Unsupported(f"{self.engine} is not asked for {_WRITTEN.get(what, what)}: ask DuckDB")

    def anonymous_sql(self, expression: exp.Anonymous) -> str:
        if self.calls is None:
            return super().anonymous_sql(expression)
        entry = self.calls.get(expression.name)
        if entry is None:
            raise self.refused(expression.name)
        # sorted arguments only make sums of fractions repeatable, and no other engine sorts them
        args = [operand(arg.this if isinstance(arg, exp.Order) else arg) for arg in expression.expressions]
        if not isinstance(entry, str):
            return entry(self, args)
        texts = [self.sql(arg) for arg in args]
        return _PLACE.sub(lambda place: ", ".join(texts) if place[1] == "*" else texts[int(place[1]) - 1], entry)

    def parameter_sql(self, expression: exp.Parameter) -> str:
        name = expression.name
        if name not in self.values:
            raise self.refused(name)
        return str(self.values[name])

    def cast_sql(self, expression: exp.Cast, safe_prefix: str | None = None) -> str:
        if (
            self.calls is not None and expression.to.this is exp.DataType.Type.UINT128
        ):  # the limit of a block of IPv6 addresses
            return f"'{int(expression.this.name):032x}'"
        return super().cast_sql(expression, safe_prefix)

    def text(self, value: str) -> str:
        """A literal."""
        return self.sql(exp.Literal.string(value))


def _regex(pattern: E) -> str:
    """A pattern for Java: groups without the names that Java may refuse."""
    return re.sub(r"(?<!\\)((?:\\\\)*)\(\?P<\w+>", r"\1(", pattern.name)


def _java_format(pattern: str) -> str | None:
    """A strftime pattern as Java's; None where a code has no counterpart."""
    built = ""
    for code in re.findall(r"%.|[^%]+", pattern, re.DOTALL):
        if not code.startswith("%"):
            built += re.sub(r"[A-Za-z]+", r"'\g<0>'", code.replace("'", "''"))
        elif code in JAVA_DATES or code == "%%":
            built += JAVA_DATES.get(code, "%")
        else:
            return None
    return built


def _date_format(writer: _Writer, pattern: E) -> str:
    java = _java_format(pattern.name)
    if java is None:
        raise writer.refused(f"the date format {pattern.name}")
    return writer.text(java)


def _json_path(pointer: str) -> str:
    """A JSON path for a JSON pointer."""
    names = [part.replace("~1", "/").replace("~0", "~") for part in pointer.split("/")[1:]]
    return "$" + "".join(f"[{name}]" if name.isdigit() else f"['{name}']" for name in names)


# Spark -------------------------------------------------------------------------------------------


def _find(writer: _Writer, args: list[E]) -> str:
    return f"({writer.sql(args[0])} RLIKE {writer.text(_regex(args[1]))})"


def _full_match(writer: _Writer, args: list[E]) -> str:
    pattern = writer.text(_whole(_regex(args[1])))
    return f"({writer.sql(args[0])} RLIKE {pattern})"


def _plain(pattern: str) -> str:
    """A pattern of ours without backslashes, which engines read in different ways within a text."""
    return pattern.replace(r"\d", "[0-9]").replace(r"\.", "[.]")


def _whole(pattern: str) -> str:
    return rf"^(?:{pattern})\z"


def _full(pattern: str) -> str:
    return "#1 RLIKE '" + _whole(_plain(pattern)).replace("\\", "\\\\") + "'"


def _groups(writer: _Writer, args: list[E]) -> str:
    text, pattern = writer.sql(args[0]), writer.text(_regex(args[1]))
    if not isinstance(args[2], exp.Array):
        raise writer.refused("regexp_extract")
    names = args[2].expressions
    parts = [f"'{name.name}', regexp_extract({text}, {pattern}, {at})" for at, name in enumerate(names, 1)]
    return f"named_struct({', '.join(parts)})"


def _rewritten(writer: _Writer, args: list[E]) -> str:
    """RE2's \\1 as Java's $1."""
    replacement = re.sub(r"\\(\d)|(\\\\|\$)", lambda m: f"${m[1]}" if m[1] else "\\" + m[2][-1], args[2].name)
    parts = (writer.sql(args[0]), writer.text(_regex(args[1])), writer.text(replacement))
    return f"regexp_replace({', '.join(parts)})"


def _member(writer: _Writer, args: list[E]) -> str:
    name = args[1].name
    return f"{writer.sql(args[0])}.{name if args[1].is_string else f'col{name}'}"


def _row(writer: _Writer, args: list[E]) -> str:
    fields = [f"'col{at}', {writer.sql(arg)}" for at, arg in enumerate(args, 1)]
    return f"named_struct({', '.join(fields)})"


def _by(function: str) -> Entry:
    """The value of the row with the least or the greatest key, where there is a value."""
    return f"{function}(#1, CASE WHEN #1 IS NOT NULL THEN #2 END)"


def _zone(writer: _Writer, args: list[E]) -> str:
    """``timezone(zone, timezone('UTC', stamp))`` is a local time, ``timezone(zone, local)`` a moment."""
    zone, stamp = args[0].name, args[1]
    if isinstance(stamp, exp.Anonymous) and stamp.name == "timezone":
        return f"from_utc_timestamp({writer.sql(stamp.expressions[1])}, {writer.text(zone)})"
    return f"to_utc_timestamp({writer.sql(stamp)}, {writer.text(zone)})"


def _from_json(writer: _Writer, args: list[E]) -> str:
    if not args[1].name.startswith("/"):
        raise writer.refused("JSON in fields")
    return f"get_json_object({writer.sql(args[0])}, {writer.text(_json_path(args[1].name))})"


def _one_or_more(function: str) -> Entry:
    return lambda writer, args: (
        f"{function}({', '.join(map(writer.sql, args))})" if len(args) > 1 else writer.sql(args[0])
    )


def _trim(side: str) -> Entry:
    return f"trim({side} #2 FROM #1)"


def _clauses(value: str, version: int) -> str:
    """WHEN clauses for the kinds of an address: of a number, or of the 32 digits of one of version 6."""
    clauses = []
    for kind, blocks in (("private", PRIVATE), ("reserved", RESERVED)):
        for network in (ip_network(block) for block in blocks):
            if network.version == version:
                ends = (int(network.network_address), int(network.broadcast_address))
                low, high = (str(end) if version == 4 else f"'{end:032x}'" for end in ends)
                clauses.append(f"WHEN {value} BETWEEN {low} AND {high} THEN '{kind}'")
    return " ".join(clauses)


_IS_V4 = _full(IPV4_PATTERN)
_V4_PARTS = " + ".join(f"CAST(split_part(#1, '.', {n + 1}) AS BIGINT) * {256 ** (3 - n)}" for n in range(4))
_V4 = f"CASE WHEN {_IS_V4} THEN {_V4_PARTS} END"
_TAIL = _V4.replace("#1", "regexp_extract(s, '[^:]*$', 0)")
# A lambda over a list of one value binds it once.
_V6 = f"""transform(array(#1), s -> CASE WHEN contains(s, ':') THEN transform(array(CASE WHEN contains(s, '.')
    THEN transform(array({_TAIL}),
        v -> concat(regexp_replace(s, '[^:]*$', ''), hex(v DIV 65536), ':', hex(v % 65536)))[0]
    ELSE s END), t ->
    CASE WHEN {_full(IPV6_PATTERN).replace("#1", "t")} THEN transform(array(CASE WHEN contains(t, '::')
    THEN transform(array(array(filter(split(split_part(t, '::', 1), ':'), x -> x <> ''),
        filter(split(split_part(t, '::', 2), ':'), x -> x <> ''))),
        p -> concat(p[0], array_repeat('0', 8 - size(p[0]) - size(p[1])), p[1]))[0]
    ELSE split(t, ':') END), g -> CASE WHEN size(g) = 8 THEN
        array_join(transform(g, x -> lpad(lower(x), 4, '0')), '') END)[0] END)[0] END)[0]"""
_CLASS = f"""coalesce(
    transform(array({_V4}), v -> CASE WHEN v IS NULL THEN NULL {_clauses("v", 4)} ELSE 'public' END)[0],
    transform(array({_V6}), v -> CASE WHEN v IS NULL THEN NULL {_clauses("v", 6)} ELSE 'public' END)[0])"""
_MILLIS = "CASE WHEN abs(#1) <= 253402300799999 THEN CAST(#1 AS BIGINT) END"
_NUMBER = f"CASE WHEN {_full(NUMBER_PATTERN)} THEN TRY_CAST(#1 AS DOUBLE) END"
_SAME = (
    "coalesce", "nullif", "abs", "sqrt", "sum", "avg", "max", "min", "count", "stddev_pop", "var_pop", "row_number",
    "lower", "upper", "length", "replace", "year", "month", "concat_ws",
)  # fmt: skip
SPARK: dict[str, Entry] = {
    **{name: f"{name}(#*)" for name in _SAME},
    "md5": "md5(#1)", "contains": "contains(#*)", "unhex": "unhex(#1)", "round": "round(#*)",
    "pow": "power(#*)", "floor": "CAST(floor(#1) AS DOUBLE)", "ceil": "CAST(ceil(#1) AS DOUBLE)",
    "trunc": "(#1 - #1 % 1)", "ln": "CASE WHEN #1 = 0 THEN CAST('-Infinity' AS DOUBLE) ELSE ln(#1) END",
    "greatest": _one_or_more("greatest"), "least": _one_or_more("least"), "row": _row,
    "quantile_disc": "percentile_disc(#2) WITHIN GROUP (ORDER BY #1)",
    "arg_min": _by("min_by"), "arg_max": _by("max_by"),
    "struct_extract": _member, "regexp_matches": _find, "regexp_full_match": _full_match, "regexp_extract": _groups,
    "regexp_replace": _rewritten, "concat": "concat_ws('', #*)", "starts_with": "startswith(#*)",
    "suffix": "endswith(#*)",
    "ltrim": _trim("LEADING"), "rtrim": _trim("TRAILING"), "trim": _trim("BOTH"), "sha256": "sha2(#1, 256)",
    "substr": lambda writer, args: (
        f"substr({writer.sql(args[0])}, {', '.join(f'CAST({writer.sql(arg)} AS INT)' for arg in args[1:])})"
    ),
    "url_encode": "replace(replace(replace(url_encode(#1), '+', '%20'), '*', '%2A'), '%7E', '~')",
    "url_decode": "try_url_decode(replace(#1, '+', '%2B'))", "try": "#1", "encode": "encode(#1, 'UTF-8')",
    "decode": "decode(#1, 'UTF-8')", "to_base64": "base64(#1)", "from_base64": "try_to_binary(#1, 'base64')",
    "octet_length": "octet_length(#1)", "format": "concat('0x', lower(hex(#2)))",
    "json_extract_string": _from_json, "epoch_ms": "unix_millis(#1)", "to_months": "make_ym_interval(0, #1)",
    "make_timestamp": "make_timestamp(CAST(#1 AS INT), CAST(#2 AS INT), #3, #4, #5, #6)", "timezone": _zone,
    "strftime": lambda writer, args: f"date_format({writer.sql(args[0])}, {_date_format(writer, args[1])})",
    "try_strptime": lambda writer, args: f"try_to_timestamp({writer.sql(args[0])}, {_date_format(writer, args[1])})",
    "generate_series": "sequence(#*)", "unnest": "explode(#1)", "i_epochs": "transform(#1, x -> unix_millis(x))",
    "i_num": _NUMBER, "i_int": f"CASE WHEN {_full('[+-]?[0-9]+')} THEN TRY_CAST(#1 AS BIGINT) END",
    "i_hex": "TRY_CAST(conv(#1, 16, 10) AS BIGINT)", "i_millis": _MILLIS, "i_stamp": f"timestamp_millis({_MILLIS})",
    "i_time": f"date_format(timestamp_millis({_MILLIS}), 'yyyy-MM-dd HH:mm:ss.SSS')",
    "i_plain": "CASE WHEN #1 % 1 = 0 AND abs(#1) < 1e15 THEN CAST(CAST(#1 AS BIGINT) AS STRING) "
    "ELSE CAST(#1 AS STRING) END",
    "i_truth": "CASE lower(#1) WHEN 'true' THEN CAST(1 AS DOUBLE) WHEN 'false' THEN CAST(0 AS DOUBLE) "
    f"ELSE {_NUMBER} END",
    "i_natural": "CASE WHEN #1 RLIKE '[0-9]' THEN array_join(transform(regexp_extract_all(#1, '([0-9]+|[^0-9]+)', 1), "
    "x -> CASE WHEN substr(x, 1, 1) BETWEEN '0' AND '9' THEN concat('0', lpad(CAST(length(x) AS STRING), 7, '0'), x) "
    "ELSE x END), '') ELSE #1 END",
    "i_v4": _V4, "i_v6": _V6, "i_class": _CLASS,
    "i_haversine": "2 * 6371.0088 * asin(sqrt(least(CAST(1 AS DOUBLE), power(sin(radians(#3 - #1) / 2), 2) + "
    "cos(radians(#1)) * cos(radians(#3)) * power(sin(radians(#4 - #2) / 2), 2))))",
}  # fmt: skip


# Athena, whose engine is Trino: by its documentation, not executed --------------------------------


def _like(writer: _Writer, args: list[E]) -> str:
    return f"regexp_like({writer.sql(args[0])}, {writer.text(_regex(args[1]))})"


def _like_all(writer: _Writer, args: list[E]) -> str:
    return f"regexp_like({writer.sql(args[0])}, {writer.text(_whole(_regex(args[1])))})"


def _trino_groups(writer: _Writer, args: list[E]) -> str:
    if not isinstance(args[2], exp.Array):
        raise writer.refused("regexp_extract")
    text, pattern = writer.sql(args[0]), writer.text(_regex(args[1]))
    names = [name.name for name in args[2].expressions]
    parts = [f"coalesce(regexp_extract({text}, {pattern}, {at}), '')" for at, _ in enumerate(names, 1)]
    return f"CAST(ROW({', '.join(parts)}) AS ROW({', '.join(f'{name} VARCHAR' for name in names)}))"


def _trino_member(writer: _Writer, args: list[E]) -> str:
    return f"{writer.sql(args[0])}.{args[1].name}" if args[1].is_string else f"({writer.sql(args[0])})[{args[1].name}]"


def _trino_row(writer: _Writer, args: list[E]) -> str:
    """Rows with a missing value have no order in Trino; only those of sortsFirst and sortsLast hold rows."""
    if any(isinstance(arg, exp.Anonymous) and arg.name == "row" for arg in args):
        raise writer.refused("sortsFirst and sortsLast")
    return f"ROW({', '.join(map(writer.sql, args))})"


def _present_of(function: str) -> Entry:
    """The greatest of what is there: Trino's is missing where one is."""

    def written(writer: _Writer, args: list[E]) -> str:
        texts = [writer.sql(arg) for arg in args]
        each = [f"coalesce({', '.join(texts[at:] + texts[:at])})" for at, _ in enumerate(texts)]
        return f"{function}({', '.join(each)})" if len(each) > 1 else texts[0]

    return written


def _trino_full(pattern: str) -> str:
    return f"regexp_like(#1, '{_whole(_plain(pattern))}')"


_TRINO_V4 = f"CASE WHEN {_trino_full(IPV4_PATTERN)} THEN {_V4_PARTS} END"
_TRINO_V6 = "CASE WHEN strpos(#1, ':') > 0 THEN lower(to_hex(CAST(TRY_CAST(#1 AS IPADDRESS) AS VARBINARY))) END"
_TRINO_NUMBER = f"CASE WHEN {_trino_full(NUMBER_PATTERN)} THEN TRY_CAST(#1 AS DOUBLE) END"
_TRINO_STAMP = f"from_unixtime(CAST({_MILLIS} AS DOUBLE) / 1000)"
ATHENA: dict[str, Entry] = {
    **{name: f"{name}(#*)" for name in _SAME},
    "md5": "lower(to_hex(md5(to_utf8(#1))))", "sha256": "lower(to_hex(sha256(to_utf8(#1))))", "substr": "substr(#*)",
    "contains": "(strpos(#1, #2) > 0)", "starts_with": "starts_with(#*)", "concat": "concat_ws('', #*)",
    "round": "round(#*)", "floor": "floor(#1)", "ceil": "ceiling(#1)", "pow": "power(#*)", "ln": "ln(#1)",
    "trunc": "truncate(#1)", "greatest": _present_of("greatest"), "least": _present_of("least"), "row": _trino_row,
    "arg_min": _by("min_by"), "arg_max": _by("max_by"), "struct_extract": _trino_member, "regexp_matches": _like,
    "regexp_full_match": _like_all, "regexp_extract": _trino_groups, "regexp_replace": _rewritten,
    "url_encode": "replace(replace(replace(url_encode(#1), '+', '%20'), '*', '%2A'), '%7E', '~')", "try": "try(#1)",
    "url_decode": "url_decode(replace(#1, '+', '%2B'))", "encode": "to_utf8(#1)", "decode": "from_utf8(#1)",
    "to_base64": "to_base64(#1)", "from_base64": "from_base64(#1)", "octet_length": "length(#1)",
    "unhex": "from_hex(#1)", "format": "concat('0x', to_base(#2, 16))", "i_hex": "try(from_base(#1, 16))",
    "epoch_ms": "CAST(to_unixtime(#1) * 1000 AS BIGINT)", "to_months": "#1 * INTERVAL '1' MONTH",
    "make_timestamp": "date_add('month', (#1 - 1970) * 12 + #2 - 1, TIMESTAMP '1970-01-01 00:00:00')",
    "strftime": lambda writer, args: f"format_datetime({writer.sql(args[0])}, {_date_format(writer, args[1])})",
    "try_strptime": lambda writer, args: f"try(parse_datetime({writer.sql(args[0])}, {_date_format(writer, args[1])}))",
    "i_num": _TRINO_NUMBER, "i_int": f"CASE WHEN {_trino_full('[+-]?[0-9]+')} THEN TRY_CAST(#1 AS BIGINT) END",
    "i_millis": _MILLIS, "i_stamp": _TRINO_STAMP,
    "i_time": f"format_datetime({_TRINO_STAMP}, 'yyyy-MM-dd HH:mm:ss.SSS')",
    "i_plain": SPARK["i_plain"].replace("STRING", "VARCHAR"),  # type: ignore[union-attr]
    "i_truth": SPARK["i_truth"].replace(_NUMBER, _TRINO_NUMBER),  # type: ignore[union-attr]
    "i_natural": "CASE WHEN regexp_like(#1, '[0-9]') THEN array_join(transform(regexp_extract_all(#1, "
    "'[0-9]+|[^0-9]+'), x -> CASE WHEN substr(x, 1, 1) BETWEEN '0' AND '9' THEN concat('0', "
    "lpad(CAST(length(x) AS VARCHAR), 7, '0'), x) ELSE x END), '') ELSE #1 END",
    "i_v4": _TRINO_V4, "i_v6": _TRINO_V6, "i_haversine": SPARK["i_haversine"],
    "i_class": f"CASE WHEN strpos(#1, ':') > 0 THEN CASE WHEN {_TRINO_V6} IS NULL THEN NULL {_clauses(_TRINO_V6, 6)} "
    f"ELSE 'public' END ELSE CASE WHEN {_TRINO_V4} IS NULL THEN NULL {_clauses(_TRINO_V4, 4)} ELSE 'public' END END",
}  # fmt: skip


class _SparkWriter(_Writer, Spark.Generator):  # type: ignore[valid-type,misc]
    engine = "Spark"
    calls = SPARK


class _DuckWriter(_Writer, DuckDB.Generator):  # type: ignore[valid-type,misc]
    engine = "DuckDB"
    calls = None


class _AthenaWriter(_Writer, Trino.Generator):  # type: ignore[valid-type,misc]
    engine = "Athena"
    calls = ATHENA

    def intdiv_sql(self, expression: exp.IntDiv) -> str:
        return self.binary(expression, "/")


_WRITERS: dict[str, type[_Writer]] = {"duckdb": _DuckWriter, "spark": _SparkWriter, "athena": _AthenaWriter}


def write(statement: E, dialect: str, values: Mapping[str, int]) -> str:
    """A statement for an engine, with the run's numbers put in. Raises ``Unsupported``."""
    writer = _WRITERS[dialect](
        dialect="trino" if dialect == "athena" else dialect, normalize_functions=False, comments=False
    )
    writer.values = values
    if writer.calls is not None:
        nodes = list(statement.walk())
        names = {node.name for node in nodes if isinstance(node, exp.Anonymous)} - writer.calls.keys()
        for name in sorted(names, key=[*_WRITTEN, *names].index):
            raise writer.refused(name)
        for node in nodes:
            if not isinstance(node, _NODES):
                raise writer.refused(node.key)
            if isinstance(node, exp.CTE):
                node.set("materialized", None)
    return writer.generate(statement)
