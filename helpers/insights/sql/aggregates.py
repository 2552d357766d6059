"""The aggregates of ``stats``. Fractions are added in sorted order: equal queries give equal bytes."""

from sqlglot import exp

from helpers.insights.sql.function_table import Build, Context, FunctionTable
from helpers.insights.sql.functions_time import period_argument
from helpers.insights.sql.patterns import MILLIS, width
from helpers.insights.sql.typed import (
    E,
    Kind,
    Typed,
    as_double,
    as_number,
    as_text,
    as_unknown,
    binary,
    call,
    case,
    cast,
    number_literal,
    present,
)
from helpers.insights.syntax import nodes

AGGREGATES = FunctionTable()


def ordered(name: str, value: E, *extra: E) -> E:
    """An aggregate that reads its values in sorted order: its result does not depend on the scan."""
    by = exp.Order(this=value, expressions=[exp.Ordered(this=value.copy(), desc=False)])
    return call(name, by, *extra)


def when(aggregate_: E, condition: E) -> E:
    """``aggregate FILTER (WHERE condition)``."""
    return exp.Filter(this=aggregate_, expression=exp.Where(this=condition))


@AGGREGATES.on("count countOverTime", 0, 1)
def _count(context: Context, node: nodes.FunctionCall, args: list[Typed]) -> Typed:
    if not args or isinstance(node.args[0], nodes.Star):
        return Typed(exp.Count(this=exp.Star()), Kind.INT)
    return Typed(call("count", _distinct_value(args[0])), Kind.INT)


def _distinct_value(value: Typed) -> E:
    return cast(value.e, "VARCHAR") if value.kind is Kind.STRUCTURE else value.e


@AGGREGATES.on("countDistinct", 1)
def _count_distinct(context: Context, node: nodes.FunctionCall, args: list[Typed]) -> Typed:
    distinct = exp.Distinct(expressions=[_distinct_value(args[0])])
    return Typed(exp.Count(this=distinct), Kind.INT)


@AGGREGATES.on("sum sumOverTime", 1)
def _sum(context: Context, node: nodes.FunctionCall, args: list[Typed]) -> Typed:
    value = args[0]
    if value.kind in (Kind.INT, Kind.BOOL, Kind.TIME):
        return Typed(call("sum", as_number(value)), Kind.INT)
    kind = Kind.DOUBLE if value.kind is Kind.DOUBLE else Kind.NUMBER
    return Typed(ordered("sum", as_double(value)), kind)


@AGGREGATES.on("avg", 1)
def _avg(context: Context, node: nodes.FunctionCall, args: list[Typed]) -> Typed:
    value = args[0]
    if value.kind in (Kind.INT, Kind.BOOL):
        return Typed(call("avg", as_number(value)), Kind.DOUBLE)
    return Typed(ordered("avg", as_double(value)), Kind.DOUBLE)


@AGGREGATES.on("stddev", 1)
def _stddev(context: Context, node: nodes.FunctionCall, args: list[Typed]) -> Typed:
    return Typed(ordered("stddev_pop", as_double(args[0])), Kind.DOUBLE)


@AGGREGATES.on("variance", 1)
def _variance(context: Context, node: nodes.FunctionCall, args: list[Typed]) -> Typed:
    return Typed(ordered("var_pop", as_double(args[0])), Kind.DOUBLE)


@AGGREGATES.on("pct percentile", 2)
def _pct(context: Context, node: nodes.FunctionCall, args: list[Typed]) -> Typed:
    """The nearest-rank percentile: a value that occurs (assumption insights-pct)."""
    value, percent = args[0], node.args[1]
    if not isinstance(percent, nodes.Number) or not 0 <= percent.value <= 100:
        raise context.fail("pct expects a percentage between 0 and 100", percent)
    share = number_literal(percent.value / 100)
    if value.kind is Kind.INT:
        return Typed(call("quantile_disc", value.e, share), Kind.INT)
    return Typed(call("quantile_disc", as_double(value), share), Kind.NUMBER)


def _extreme(sql: str) -> Build:
    """Numbers when there are any, else the text that is first or last by code point."""

    def build(context: Context, node: nodes.FunctionCall, args: list[Typed]) -> Typed:
        value = as_unknown(args[0])
        if value.kind in (Kind.INT, Kind.DOUBLE, Kind.NUMBER, Kind.TEXT):
            return Typed(call(sql, value.e), value.kind)
        if value.kind in (Kind.TIME, Kind.BOOL):
            return Typed(call(sql, as_number(value)), Kind.INT)
        number = as_number(value)
        pair = call("row", number, as_text(value))
        best = call("struct_extract", when(call(sql, pair), present(number.copy())), number_literal(2))
        return Typed(call("coalesce", best, call(sql, as_text(value))), Kind.UNKNOWN)

    return build


AGGREGATES.on("max", 1)(_extreme("max"))
AGGREGATES.on("min", 1)(_extreme("min"))


def natural_key(value: Typed) -> E:
    """One value that orders like ``sort``: text by natural order, then numbers."""
    text, number = as_text(value), as_number(value)
    is_number = present(number)
    return call("row", is_number, case((exp.Not(this=is_number.copy()), call("i_natural", text))), number.copy())


def _sorts(sql: str) -> Build:
    def build(context: Context, node: nodes.FunctionCall, args: list[Typed]) -> Typed:
        value = as_unknown(args[0])
        if value.kind in (Kind.INT, Kind.DOUBLE, Kind.NUMBER):
            return Typed(call(sql.replace("arg_", ""), value.e), value.kind)
        best = call("row", natural_key(value), as_text(value))
        return Typed(when(call(sql, as_text(value), best), present(as_text(value))), Kind.UNKNOWN)

    return build


AGGREGATES.on("sortsFirst", 1)(_sorts("arg_min"))
AGGREGATES.on("sortsLast", 1)(_sorts("arg_max"))


def _in_time(sql: str) -> Build:
    def build(context: Context, node: nodes.FunctionCall, args: list[Typed]) -> Typed:
        value = as_unknown(args[0])
        kind = Kind.INT if value.kind is Kind.TIME else value.kind
        return Typed(call(sql, value.e, context.order()), kind)

    return build


AGGREGATES.on("earliest", 1, timed=True)(_in_time("arg_min"))
AGGREGATES.on("latest", 1, timed=True)(_in_time("arg_max"))


@AGGREGATES.on("values", 1)
def _values(context: Context, node: nodes.FunctionCall, args: list[Typed]) -> Typed:
    """The distinct values, sorted by code point, as a JSON array (assumption insights-values)."""
    text = as_text(as_unknown(args[0]))
    distinct = exp.Distinct(expressions=[text])
    sorted_ = call("list_sort", when(call("list", distinct), present(text.copy())))
    return Typed(call("to_json", sorted_), Kind.STRUCTURE)


@AGGREGATES.on("rate", 2, timed=True)
def _rate(context: Context, node: nodes.FunctionCall, args: list[Typed]) -> Typed:
    """(latest - earliest value) per period (assumption insights-rate)."""
    count, unit = width(period_argument(context, node, 1))
    if unit not in MILLIS:
        raise context.fail("rate expects a period in ms, s, m, h, d or w", node.args[1])
    value = as_double(args[0])
    change = binary(exp.Sub, call("arg_max", value, context.order()), call("arg_min", value.copy(), context.order()))
    there = present(value.copy())
    elapsed = binary(
        exp.Sub,
        when(call("max", context.timestamp()), there),
        when(call("min", context.timestamp()), there.copy()),
    )
    per = binary(exp.Mul, change, number_literal(count * MILLIS[unit]))
    return Typed(binary(exp.Div, per, call("nullif", elapsed, number_literal(0))), Kind.DOUBLE)


@AGGREGATES.on("histogram", 2)
def _histogram(context: Context, node: nodes.FunctionCall, args: list[Typed]) -> Typed:
    """Bucket start -> count; the second argument is the width of a bucket, as in a live check."""
    size = node.args[1]
    if not isinstance(size, nodes.Number) or size.value <= 0:
        raise context.fail("histogram expects the width of a bucket, a number above 0", size)
    number = as_double(args[0])
    width_ = number_literal(float(size.value))
    bucket = binary(exp.Mul, call("floor", binary(exp.Div, number, width_)), width_.copy())
    counted = when(call("histogram", bucket), present(number.copy()))
    return Typed(call("i_histogram", counted), Kind.STRUCTURE)


@AGGREGATES.on("topk", 2)
def _topk(context: Context, node: nodes.FunctionCall, args: list[Typed]) -> Typed:
    raise context.fail("topk stands alone in a stats command, without by", node)
