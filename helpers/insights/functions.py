"""The scalar functions: for each name its number of arguments and the SQL that it becomes.

Names are matched without regard to case and underscores (the pages write ``isPresent`` and ``ispresent``,
``countDistinct`` and ``count_distinct``). Argument rules: CloudWatch Logs User Guide, "Boolean, comparison,
numeric, datetime, and other functions".
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from sqlglot import exp

from . import nodes as n
from .values import (
    E,
    Kind,
    Typed,
    as_condition,
    as_double,
    as_number,
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
    number_literal,
    present,
    text_literal,
)


class Context(Protocol):
    """What a function may ask of the compiler."""

    def fail(self, message: str, node: n.Node) -> Exception:
        """A `MalformedQuery` at the node."""
        ...

    def timestamp(self) -> E:
        """The @timestamp of a row, in epoch milliseconds."""
        ...

    def moment(self) -> E:
        """What orders rows in time: @timestamp, then order of arrival."""
        ...

    def parameter(self, name: str) -> E:
        """One of the run's own values: ``now``, ``start`` or ``end`` (epoch milliseconds)."""
        ...


Build = Callable[[Context, n.Call, list[Typed]], Typed]


@dataclass(frozen=True, slots=True)
class Function:
    """A scalar function; ``most`` is None when there is no upper limit."""

    least: int
    most: int | None
    build: Build


FUNCTIONS: dict[str, Function] = {}


def key(name: str) -> str:
    """The form under which a function name is looked up."""
    return name.replace("_", "").lower()


def function(names: str, least: int, most: int | None = -1) -> Callable[[Build], Build]:
    """Registers a builder under its names; ``most`` defaults to ``least``."""

    def register(build: Build) -> Build:
        for name in names.split():
            FUNCTIONS[key(name)] = Function(least, least if most == -1 else most, build)
        return build

    return register


def simple(names: str, sql: str, least: int, read: Callable[[Typed], E], kind: Kind) -> None:
    """Registers a function that is one SQL function over coerced arguments."""

    def build(context: Context, node: n.Call, args: list[Typed]) -> Typed:
        return Typed(call(sql, *(read(arg) for arg in args)), kind)

    function(names, least)(build)


def literal_text(context: Context, node: n.Call, position: int, what: str) -> str:
    """The text of an argument that must be written as a quoted string."""
    argument = node.args[position]
    if not isinstance(argument, n.String):
        raise context.fail(f"{node.name} expects {what} as a quoted string", argument)
    return argument.value


def optional(args: list[Typed], position: int) -> Typed | None:
    """The argument at a position, or None when it was not given."""
    return args[position] if len(args) > position else None


# numbers -----------------------------------------------------------------------------------------

simple("sqrt", "sqrt", 1, as_double, Kind.NUMBER)
simple("ceil", "ceil", 1, as_double, Kind.NUMBER)
simple("floor", "floor", 1, as_double, Kind.NUMBER)
simple("log", "ln", 1, as_double, Kind.NUMBER)
simple("haversine", "i_haversine", 4, as_double, Kind.DOUBLE)


@function("abs", 1)
def _abs(context: Context, node: n.Call, args: list[Typed]) -> Typed:
    return Typed(call("abs", as_double(args[0])), Kind.NUMBER)


@function("round", 1, 2)
def _round(context: Context, node: n.Call, args: list[Typed]) -> Typed:
    digits = optional(args, 1)
    value = as_double(args[0])
    if digits is None:
        return Typed(call("round", value), Kind.NUMBER)
    bounded = call("least", call("greatest", as_double(digits), number_literal(-15)), number_literal(15))
    return Typed(call("round", value, cast(bounded, "INT")), Kind.NUMBER)


def _extreme(sql: str) -> Build:
    def build(context: Context, node: n.Call, args: list[Typed]) -> Typed:
        kinds = {arg.kind for arg in args}
        if kinds == {Kind.INT}:
            return Typed(call(sql, *(arg.e for arg in args)), Kind.INT)
        return Typed(call(sql, *(as_double(arg) for arg in args)), Kind.NUMBER)

    return build


function("greatest", 1, None)(_extreme("greatest"))
function("least", 1, None)(_extreme("least"))


@function("toNumber", 1)
def _to_number(context: Context, node: n.Call, args: list[Typed]) -> Typed:
    if args[0].kind in (Kind.INT, Kind.NUMBER):
        return args[0]
    return Typed(as_double(args[0]), Kind.NUMBER)


@function("toDouble", 1)
def _to_double(context: Context, node: n.Call, args: list[Typed]) -> Typed:
    return Typed(as_double(args[0]), Kind.DOUBLE)


@function("toInt toLong", 1)
def _to_int(context: Context, node: n.Call, args: list[Typed]) -> Typed:
    if args[0].kind is Kind.INT:
        return args[0]
    whole = cast(call("trunc", as_double(args[0])), "BIGINT", safe=True)
    if args[0].kind is Kind.UNKNOWN:  # digits are read as they are: a double would lose the last of them
        whole = call("coalesce", call("i_int", args[0].e), whole)
    return Typed(whole, Kind.INT)


# general -----------------------------------------------------------------------------------------


@function("isPresent", 1)
def _is_present(context: Context, node: n.Call, args: list[Typed]) -> Typed:
    value = args[0]
    if value.kind is Kind.STRUCTURE:
        return Typed(present(call("nullif", call("json_type", value.e), text_literal("NULL"))), Kind.BOOL)
    return Typed(present(value.e), Kind.BOOL)


@function("coalesce", 1, None)
def _coalesce(context: Context, node: n.Call, args: list[Typed]) -> Typed:
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


@function("if", 2, 3)
def _if(context: Context, node: n.Call, args: list[Typed]) -> Typed:
    return _choice([(args[0], args[1])], optional(args, 2))


@function("case", 2, 21)
def _case(context: Context, node: n.Call, args: list[Typed]) -> Typed:
    pairs = list(zip(args[0::2], args[1::2], strict=False))
    return _choice(pairs, args[-1] if len(args) % 2 else None)


@function("isNumeric", 1)
def _is_numeric(context: Context, node: n.Call, args: list[Typed]) -> Typed:
    return Typed(present(as_number(args[0])), Kind.BOOL)


@function("messageSize", 1)
def _message_size(context: Context, node: n.Call, args: list[Typed]) -> Typed:
    return Typed(call("octet_length", call("encode", as_text(args[0]))), Kind.INT)


# JSON --------------------------------------------------------------------------------------------


@function("jsonParse", 1)
def _json_parse(context: Context, node: n.Call, args: list[Typed]) -> Typed:
    return Typed(as_structure(args[0]), Kind.STRUCTURE)


@function("jsonStringify", 1)
def _json_stringify(context: Context, node: n.Call, args: list[Typed]) -> Typed:
    value = args[0]
    if value.kind is Kind.STRUCTURE:
        compact = call("json_extract", value.e, text_literal("$"))
        return Typed(cast(compact, "VARCHAR"), Kind.UNKNOWN)
    return Typed(cast(call("to_json", as_text(value)), "VARCHAR"), Kind.UNKNOWN)


@function("jsonArraySize", 1)
def _json_array_size(context: Context, node: n.Call, args: list[Typed]) -> Typed:
    value = as_structure(args[0])
    is_array = binary(exp.EQ, call("json_type", value), text_literal("ARRAY"))
    return Typed(case((is_array, call("json_array_length", value.copy()))), Kind.INT)


@function("jsonArrayContains", 2)
def _json_array_contains(context: Context, node: n.Call, args: list[Typed]) -> Typed:
    value = as_structure(args[0])
    is_array = binary(exp.EQ, call("json_type", value), text_literal("ARRAY"))
    texts = call("json_extract_string", value.copy(), text_literal("$[*]"))
    return Typed(case((is_array, call("list_contains", texts, as_text(args[1])))), Kind.BOOL)


# strings -----------------------------------------------------------------------------------------

simple("toupper", "upper", 1, as_text, Kind.UNKNOWN)
simple("tolower", "lower", 1, as_text, Kind.UNKNOWN)
simple("strlen", "length", 1, as_text, Kind.INT)
simple("replace", "replace", 3, as_text, Kind.UNKNOWN)
simple("startsWith", "starts_with", 2, as_text, Kind.BOOL)
simple("endsWith", "suffix", 2, as_text, Kind.BOOL)
simple("md5", "md5", 1, as_text, Kind.UNKNOWN)
simple("sha256", "sha256", 1, as_text, Kind.UNKNOWN)
simple("urlencode", "url_encode", 1, as_text, Kind.UNKNOWN)


@function("isEmpty", 1)
def _is_empty(context: Context, node: n.Call, args: list[Typed]) -> Typed:
    return Typed(binary(exp.EQ, call("coalesce", _whole(args[0]), text_literal("")), text_literal("")), Kind.BOOL)


@function("isBlank", 1)
def _is_blank(context: Context, node: n.Call, args: list[Typed]) -> Typed:
    stripped = call("regexp_replace", _whole(args[0]), text_literal(r"^\s+$"), text_literal(""))
    return Typed(binary(exp.EQ, call("coalesce", stripped, text_literal("")), text_literal("")), Kind.BOOL)


def _whole(value: Typed) -> E:
    """Any value as text, structures included."""
    return cast(value.e, "VARCHAR") if value.kind is Kind.STRUCTURE else as_text(value)


@function("concat", 1, None)
def _concat(context: Context, node: n.Call, args: list[Typed]) -> Typed:
    return Typed(call("concat", *(as_text(arg) for arg in args)), Kind.UNKNOWN)


def _trim(sql: str, pattern: str) -> Build:
    def build(context: Context, node: n.Call, args: list[Typed]) -> Typed:
        characters = optional(args, 1)
        value = as_text(args[0])
        if characters is None:
            blank = call("regexp_replace", value, text_literal(pattern), text_literal(""), text_literal("g"))
            return Typed(blank, Kind.UNKNOWN)
        return Typed(call(sql, value, as_text(characters)), Kind.UNKNOWN)

    return build


function("ltrim", 1, 2)(_trim("ltrim", r"^\s+"))
function("rtrim", 1, 2)(_trim("rtrim", r"\s+$"))
function("trim", 1, 2)(_trim("trim", r"^\s+|\s+$"))


@function("substr", 2, 3)
def _substr(context: Context, node: n.Call, args: list[Typed]) -> Typed:
    """0-based; a negative start counts as 0 (DuckDB would count from the end)."""
    value, first = as_text(args[0]), binary(exp.Add, _position(args[1]), number_literal(1))
    length = optional(args, 2)
    if length is None:
        return Typed(call("substr", value, first), Kind.UNKNOWN)
    return Typed(call("substr", value, first, _position(length)), Kind.UNKNOWN)


def _position(value: Typed) -> E:
    """A number as a position in a text: whole, neither negative nor beyond what DuckDB accepts."""
    bounded = call("greatest", number_literal(0), call("least", as_double(value), number_literal(2_000_000_000)))
    return case((present(as_number(value)), cast(call("trunc", bounded), "BIGINT")))


@function("strcontains", 2, 3)
def _strcontains(context: Context, node: n.Call, args: list[Typed]) -> Typed:
    """The third argument of the page had no effect in a live check; it has none here."""
    return Typed(call("contains", as_text(args[0]), as_text(args[1])), Kind.BOOL)


@function("urldecode", 1)
def _urldecode(context: Context, node: n.Call, args: list[Typed]) -> Typed:
    return Typed(exp.Anonymous(this="try", expressions=[call("url_decode", as_text(args[0]))]), Kind.UNKNOWN)


@function("base64encode", 1)
def _base64encode(context: Context, node: n.Call, args: list[Typed]) -> Typed:
    return Typed(call("to_base64", call("encode", as_text(args[0]))), Kind.UNKNOWN)


@function("base64decode", 1)
def _base64decode(context: Context, node: n.Call, args: list[Typed]) -> Typed:
    decoded = call("try", call("decode", call("from_base64", as_text(args[0]))))
    return Typed(decoded, Kind.UNKNOWN)


@function("split", 2)
def _split(context: Context, node: n.Call, args: list[Typed]) -> Typed:
    return Typed(call("to_json", call("string_split", as_text(args[0]), as_text(args[1]))), Kind.STRUCTURE)


@function("hexToAscii", 1)
def _hex_to_ascii(context: Context, node: n.Call, args: list[Typed]) -> Typed:
    text = call("regexp_replace", as_text(args[0]), text_literal("^0[xX]"), text_literal(""))
    good = call("regexp_full_match", text, text_literal("([0-9a-fA-F]{2})*"))
    decoded = call("try", call("decode", call("unhex", text.copy())))
    return Typed(case((good, decoded)), Kind.UNKNOWN)


@function("hexToDec", 1)
def _hex_to_dec(context: Context, node: n.Call, args: list[Typed]) -> Typed:
    text = call("regexp_replace", as_text(args[0]), text_literal("^0[xX]"), text_literal(""))
    good = call("regexp_full_match", text, text_literal("[0-9a-fA-F]+"))
    value = cast(call("concat", text_literal("0x"), text.copy()), "BIGINT", safe=True)
    return Typed(case((good, value)), Kind.INT)


@function("decToHex", 1)
def _dec_to_hex(context: Context, node: n.Call, args: list[Typed]) -> Typed:
    whole = cast(call("trunc", as_double(args[0])), "BIGINT", safe=True)
    good = binary(exp.GTE, whole, number_literal(0))
    return Typed(case((good, call("format", text_literal("{:x}"), whole.copy()))), Kind.UNKNOWN)


# booleans as values ------------------------------------------------------------------------------


def truth_value(condition: E) -> Typed:
    """A condition as a value: what is missing is false."""
    return Typed(call("coalesce", condition, exp.Boolean(this=False)), Kind.BOOL)


def not_value(condition: E) -> E:
    """``not``: true where the condition does not hold, also because something is missing."""
    return negated(call("coalesce", condition, exp.Boolean(this=False)))
