"""The scalar functions over times (epoch milliseconds) and periods."""

from collections.abc import Callable

from sqlglot import exp

from helpers.insights.sql.function_table import Build, Context, FunctionTable, literal_text
from helpers.insights.sql.patterns import (
    MILLIS,
    MONTHS,
    OFFSET_MARK,
    date_format_error,
    java_date,
    java_zone,
    strftime,
    width,
    with_zone,
    zone_error,
)
from helpers.insights.sql.typed import (
    E,
    Kind,
    Typed,
    as_double,
    as_text,
    binary,
    call,
    case,
    cast,
    number_literal,
    text_literal,
)
from helpers.insights.syntax import nodes

_MANY_YEARS = 10_000
TIME_FUNCTIONS = FunctionTable()


def as_millis(value: Typed) -> E:
    """A time as whole epoch milliseconds (what cannot be a time is NULL)."""
    if value.kind in (Kind.TIME, Kind.INT):
        return value.e
    return call("i_millis", as_double(value))


def floor_to(value: E, period: nodes.Period, up: bool = False, offset: int = 0) -> E:
    """A time in milliseconds rounded down (or up) to a multiple of a period counted from 1970.

    A remainder has the sign of its dividend in SQL; times before 1970 are not distinguished for @timestamp,
    which is never negative.
    """
    count, unit = width(period)
    if unit in MILLIS:
        size = count * MILLIS[unit]
        if offset:
            value = binary(exp.Sub, value, number_literal(offset))
        whole = _floor_multiple(value, size, up)
        return binary(exp.Add, whole, number_literal(offset)) if offset else whole
    return _floor_months(value, count * MONTHS[unit], up)


def _floor_multiple(value: E, size: int, up: bool) -> E:
    width_, again = number_literal(size), number_literal(size)
    if up:
        value = binary(exp.Add, value, number_literal(size - 1))
    if isinstance(value, exp.Column) and value.name == "ts":
        return binary(exp.Sub, value, binary(exp.Mod, value.copy(), width_))
    remainder = binary(exp.Mod, binary(exp.Add, binary(exp.Mod, value.copy(), width_), again), again.copy())
    return binary(exp.Sub, value, remainder)


def _floor_months(value: E, months: int, up: bool) -> E:
    stamp = call("i_stamp", value)
    year = binary(exp.Sub, call("year", stamp), number_literal(1970))
    month = binary(exp.Sub, call("month", stamp.copy()), number_literal(1))
    index = binary(exp.Add, binary(exp.Mul, year, number_literal(12)), month)
    floored = _floor_multiple(index, months, up=False)
    start = _month_start(floored)
    if not up:
        return start
    following = _month_start(binary(exp.Add, floored.copy(), number_literal(months)))
    return case((binary(exp.EQ, start, value.copy()), value.copy()), default=following)


def shifted(value: E, period: nodes.Period, sign: int) -> E:
    """A time in milliseconds moved by a period (no cap), forwards (1) or back (-1); months are the calendar's."""
    if period.unit in MILLIS:
        return call("i_millis", binary(exp.Add, value, number_literal(sign * period.count * MILLIS[period.unit])))
    months = call("to_months", cast(number_literal(sign * period.count * MONTHS[period.unit]), "INT"))
    moved = call("try", call("epoch_ms", binary(exp.Add, call("i_stamp", value), months)))
    return call("i_millis", moved)


def _month_start(index: E) -> E:
    """The start of a month counted from January 1970; from a number that is positive for every year there is."""
    index = binary(exp.Add, index, number_literal(12 * _MANY_YEARS))
    year = binary(exp.Add, binary(exp.IntDiv, index, number_literal(12)), number_literal(1970 - _MANY_YEARS))
    month = binary(exp.Add, binary(exp.Mod, index.copy(), number_literal(12)), number_literal(1))
    return call("epoch_ms", call("make_timestamp", year, month, *(number_literal(v) for v in (1, 0, 0, 0))))


def period_argument(context: Context, node: nodes.FunctionCall, position: int) -> nodes.Period:
    """The period at an argument position."""
    argument = node.args[position]
    if not isinstance(argument, nodes.Period):
        raise context.fail(f"{node.name} expects a period such as 5m", argument)
    return argument


@TIME_FUNCTIONS.on("bin", 1, timed=True)
def _bin(context: Context, node: nodes.FunctionCall, args: list[Typed]) -> Typed:
    return Typed(floor_to(context.timestamp(), period_argument(context, node, 0)), Kind.TIME)


def _round_date(up: bool) -> Build:
    def build(context: Context, node: nodes.FunctionCall, args: list[Typed]) -> Typed:
        return Typed(floor_to(as_millis(args[0]), period_argument(context, node, 1), up), Kind.TIME)

    return build


TIME_FUNCTIONS.on("datefloor", 2)(_round_date(up=False))
TIME_FUNCTIONS.on("dateceil", 2)(_round_date(up=True))


@TIME_FUNCTIONS.on("fromMillis", 1)
def _from_millis(context: Context, node: nodes.FunctionCall, args: list[Typed]) -> Typed:
    return Typed(call("i_millis", as_double(args[0])), Kind.TIME)


@TIME_FUNCTIONS.on("toMillis", 1)
def _to_millis(context: Context, node: nodes.FunctionCall, args: list[Typed]) -> Typed:
    return Typed(as_millis(args[0]), Kind.INT)


def _of_the_run(value: Callable[[Context], E]) -> Build:
    return lambda context, node, args: Typed(value(context), Kind.INT)


TIME_FUNCTIONS.on("now", 0)(_of_the_run(lambda of: binary(exp.IntDiv, of.parameter("now"), number_literal(1000))))
TIME_FUNCTIONS.on("queryStartTime", 0)(_of_the_run(lambda of: of.parameter("start")))
TIME_FUNCTIONS.on("queryEndTime", 0)(_of_the_run(lambda of: of.parameter("end")))
TIME_FUNCTIONS.on("queryTimeRange", 0)(
    _of_the_run(lambda of: binary(exp.Sub, of.parameter("end"), of.parameter("start")))
)


def _zone(context: Context, node: nodes.FunctionCall, position: int) -> str | None:
    if len(node.args) <= position:
        return None
    zone = java_zone(literal_text(context, node, position, "a time zone"))
    wrong = zone_error(zone)
    if wrong:
        raise context.fail(wrong, node.args[position])
    return zone


@TIME_FUNCTIONS.on("formatDate strftime", 2, 3)
def _format_date(context: Context, node: nodes.FunctionCall, args: list[Typed]) -> Typed:
    pattern = strftime(literal_text(context, node, 1, "a format such as %Y-%m-%d"))
    wrong = date_format_error(pattern)
    if wrong:
        raise context.fail(wrong, node.args[1])
    zone = _zone(context, node, 2)
    here: E = call("i_stamp", as_millis(args[0]))
    stamp = here
    if zone and zone.upper() != "UTC":
        aware = call("timezone", text_literal("UTC"), here.copy())
        stamp = call("timezone", text_literal(zone), aware)
    text = call("strftime", stamp, text_literal(with_zone(pattern, zone or "UTC")))
    if OFFSET_MARK in text.expressions[1].this:
        text = call("replace", text, text_literal(OFFSET_MARK), call("i_offset", here, stamp.copy()))
    return Typed(text, Kind.UNKNOWN)


@TIME_FUNCTIONS.on("parseDate", 2, 3)
def _parse_date(context: Context, node: nodes.FunctionCall, args: list[Typed]) -> Typed:
    pattern = java_date(literal_text(context, node, 1, "a Java date pattern such as yyyy-MM-dd"))
    if pattern is None or date_format_error(pattern):
        raise context.fail("not a date pattern that the sandbox can read", node.args[1])
    zone = _zone(context, node, 2)
    text = as_text(args[0])
    if "%z" in pattern:  # DuckDB does not read the Z of +00:00
        text = call("regexp_replace", text, text_literal("Z$"), text_literal("+00:00"))
    if "%y" not in pattern.lower():  # a time without a date is of 1970, as in Java
        text, pattern = call("concat", text_literal("1970 "), text), f"%Y {pattern}"
    stamp: E = call("try_strptime", text, text_literal(pattern))
    if "%z" in pattern.lower():
        return Typed(call("epoch_ms", stamp), Kind.INT)
    if zone and zone.upper() != "UTC":
        stamp = call("timezone", text_literal(zone), stamp)
    return Typed(call("epoch_ms", stamp), Kind.INT)
