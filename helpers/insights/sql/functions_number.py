"""The scalar functions that make numbers."""

from helpers.insights.sql.function_table import Build, Context, FunctionTable, optional
from helpers.insights.sql.typed import (
    Kind,
    Typed,
    as_double,
    as_number,
    call,
    cast,
    number_literal,
    present,
)
from helpers.insights.syntax import nodes

NUMBER_FUNCTIONS = FunctionTable()

NUMBER_FUNCTIONS.sql("abs", "abs", 1, as_double, Kind.NUMBER)
NUMBER_FUNCTIONS.sql("sqrt", "sqrt", 1, as_double, Kind.NUMBER)
NUMBER_FUNCTIONS.sql("ceil", "ceil", 1, as_double, Kind.NUMBER)
NUMBER_FUNCTIONS.sql("floor", "floor", 1, as_double, Kind.NUMBER)
NUMBER_FUNCTIONS.sql("log", "ln", 1, as_double, Kind.NUMBER)
NUMBER_FUNCTIONS.sql("haversine", "i_haversine", 4, as_double, Kind.DOUBLE)


@NUMBER_FUNCTIONS.on("round", 1, 2)
def _round(context: Context, node: nodes.FunctionCall, args: list[Typed]) -> Typed:
    digits = optional(args, 1)
    value = as_double(args[0])
    if digits is None:
        return Typed(call("round", value), Kind.NUMBER)
    bounded = call("least", call("greatest", as_double(digits), number_literal(-15)), number_literal(15))
    return Typed(call("round", value, cast(bounded, "INT")), Kind.NUMBER)


def _extreme(sql: str) -> Build:
    def build(context: Context, node: nodes.FunctionCall, args: list[Typed]) -> Typed:
        if all(arg.kind is Kind.INT for arg in args):
            return Typed(call(sql, *(arg.e for arg in args)), Kind.INT)
        return Typed(call(sql, *(as_double(arg) for arg in args)), Kind.NUMBER)

    return build


NUMBER_FUNCTIONS.on("greatest", 1, None)(_extreme("greatest"))
NUMBER_FUNCTIONS.on("least", 1, None)(_extreme("least"))


@NUMBER_FUNCTIONS.on("toNumber", 1)
def _to_number(context: Context, node: nodes.FunctionCall, args: list[Typed]) -> Typed:
    if args[0].kind in (Kind.INT, Kind.NUMBER):
        return args[0]
    return Typed(as_double(args[0]), Kind.NUMBER)


@NUMBER_FUNCTIONS.on("toDouble", 1)
def _to_double(context: Context, node: nodes.FunctionCall, args: list[Typed]) -> Typed:
    return Typed(as_double(args[0]), Kind.DOUBLE)


@NUMBER_FUNCTIONS.on("toInt toLong", 1)
def _to_int(context: Context, node: nodes.FunctionCall, args: list[Typed]) -> Typed:
    if args[0].kind is Kind.INT:
        return args[0]
    whole = cast(call("trunc", as_double(args[0])), "BIGINT", safe=True)
    if args[0].kind is Kind.UNKNOWN:  # digits are read as they are: a double would lose the last of them
        whole = call("coalesce", call("i_int", args[0].e), whole)
    return Typed(whole, Kind.INT)


@NUMBER_FUNCTIONS.on("isNumeric", 1)
def _is_numeric(context: Context, node: nodes.FunctionCall, args: list[Typed]) -> Typed:
    return Typed(present(as_number(args[0])), Kind.BOOL)
