"""The scalar functions over values of any kind, and over JSON."""

from sqlglot import exp

from helpers.insights.sql.function_table import Context, FunctionTable, optional
from helpers.insights.sql.typed import (
    E,
    Kind,
    Typed,
    as_condition,
    as_structure,
    as_text,
    binary,
    call,
    case,
    cast,
    common_kind,
    converted,
    missing,
    negated,
    present,
    text_literal,
)
from helpers.insights.syntax import nodes

GENERAL_FUNCTIONS = FunctionTable()


@GENERAL_FUNCTIONS.on("isPresent", 1)
def _is_present(context: Context, node: nodes.FunctionCall, args: list[Typed]) -> Typed:
    value = args[0]
    if value.kind is Kind.STRUCTURE:
        return Typed(present(call("nullif", call("json_type", value.e), text_literal("NULL"))), Kind.BOOL)
    return Typed(present(value.e), Kind.BOOL)


@GENERAL_FUNCTIONS.on("coalesce", 1, None)
def _coalesce(context: Context, node: nodes.FunctionCall, args: list[Typed]) -> Typed:
    kind = common_kind(args)
    return Typed(call("coalesce", *(converted(arg, kind) for arg in args)), kind)


def _choice(branches: list[tuple[Typed, Typed]], default: Typed | None) -> Typed:
    results = [result for _, result in branches] + ([default] if default else [])
    kind = common_kind(results)
    if kind is Kind.MISSING:
        return missing()
    return Typed(
        case(
            *((as_condition(when), converted(then, kind)) for when, then in branches),
            default=converted(default, kind) if default else None,
        ),
        kind,
    )


@GENERAL_FUNCTIONS.on("if", 2, 3)
def _if(context: Context, node: nodes.FunctionCall, args: list[Typed]) -> Typed:
    return _choice([(args[0], args[1])], optional(args, 2))


@GENERAL_FUNCTIONS.on("case", 2, 21)
def _case(context: Context, node: nodes.FunctionCall, args: list[Typed]) -> Typed:
    pairs = list(zip(args[0::2], args[1::2], strict=False))
    return _choice(pairs, args[-1] if len(args) % 2 else None)


@GENERAL_FUNCTIONS.on("jsonParse", 1)
def _json_parse(context: Context, node: nodes.FunctionCall, args: list[Typed]) -> Typed:
    return Typed(as_structure(args[0]), Kind.STRUCTURE)


@GENERAL_FUNCTIONS.on("jsonStringify", 1)
def _json_stringify(context: Context, node: nodes.FunctionCall, args: list[Typed]) -> Typed:
    value = args[0]
    if value.kind is Kind.STRUCTURE:
        compact = call("json_extract", value.e, text_literal("$"))
        return Typed(cast(compact, "VARCHAR"), Kind.UNKNOWN)
    return Typed(cast(call("to_json", as_text(value)), "VARCHAR"), Kind.UNKNOWN)


@GENERAL_FUNCTIONS.on("jsonArraySize", 1)
def _json_array_size(context: Context, node: nodes.FunctionCall, args: list[Typed]) -> Typed:
    value = as_structure(args[0])
    is_array = binary(exp.EQ, call("json_type", value), text_literal("ARRAY"))
    return Typed(case((is_array, call("json_array_length", value.copy()))), Kind.INT)


@GENERAL_FUNCTIONS.on("jsonArrayContains", 2)
def _json_array_contains(context: Context, node: nodes.FunctionCall, args: list[Typed]) -> Typed:
    value = as_structure(args[0])
    is_array = binary(exp.EQ, call("json_type", value), text_literal("ARRAY"))
    texts = call("json_extract_string", value.copy(), text_literal("$[*]"))
    return Typed(case((is_array, call("list_contains", texts, as_text(args[1])))), Kind.BOOL)


def truth_value(condition: E) -> Typed:
    """A condition as a value: what is missing is false."""
    return Typed(call("coalesce", condition, exp.Boolean(this=False)), Kind.BOOL)


def not_value(condition: E) -> E:
    """``not``: true where the condition does not hold, also because something is missing."""
    return negated(call("coalesce", condition, exp.Boolean(this=False)))
