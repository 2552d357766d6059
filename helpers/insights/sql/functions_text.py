"""The scalar functions over text."""

from sqlglot import exp

from helpers.insights.sql.function_table import Build, Context, FunctionTable, checked_regex, literal_text, optional
from helpers.insights.sql.patterns import (
    rewrite_error,
    to_rewrite,
)
from helpers.insights.sql.typed import (
    E,
    Kind,
    Typed,
    as_double,
    as_number,
    as_text,
    binary,
    call,
    case,
    cast,
    number_literal,
    present,
    text_literal,
)
from helpers.insights.syntax import nodes

TEXT_FUNCTIONS = FunctionTable()

TEXT_FUNCTIONS.sql("toupper", "upper", 1, as_text, Kind.UNKNOWN)
TEXT_FUNCTIONS.sql("tolower", "lower", 1, as_text, Kind.UNKNOWN)
TEXT_FUNCTIONS.sql("concat", "concat", 1, as_text, Kind.UNKNOWN, most=None)
TEXT_FUNCTIONS.sql("strlen", "length", 1, as_text, Kind.INT)
TEXT_FUNCTIONS.sql("replace", "replace", 3, as_text, Kind.UNKNOWN)
TEXT_FUNCTIONS.sql("startsWith", "starts_with", 2, as_text, Kind.BOOL)
TEXT_FUNCTIONS.sql("endsWith", "suffix", 2, as_text, Kind.BOOL)
TEXT_FUNCTIONS.sql("md5", "md5", 1, as_text, Kind.UNKNOWN)
TEXT_FUNCTIONS.sql("sha256", "sha256", 1, as_text, Kind.UNKNOWN)
TEXT_FUNCTIONS.sql("urlencode", "url_encode", 1, as_text, Kind.UNKNOWN)


@TEXT_FUNCTIONS.on("isEmpty", 1)
def _is_empty(context: Context, node: nodes.FunctionCall, args: list[Typed]) -> Typed:
    return Typed(binary(exp.EQ, call("coalesce", _whole(args[0]), text_literal("")), text_literal("")), Kind.BOOL)


@TEXT_FUNCTIONS.on("isBlank", 1)
def _is_blank(context: Context, node: nodes.FunctionCall, args: list[Typed]) -> Typed:
    stripped = call("regexp_replace", _whole(args[0]), text_literal(r"^\s+$"), text_literal(""))
    return Typed(binary(exp.EQ, call("coalesce", stripped, text_literal("")), text_literal("")), Kind.BOOL)


def _whole(value: Typed) -> E:
    """Any value as text, structures included."""
    return cast(value.e, "VARCHAR") if value.kind is Kind.STRUCTURE else as_text(value)


def _trim(sql: str, pattern: str) -> Build:
    def build(context: Context, node: nodes.FunctionCall, args: list[Typed]) -> Typed:
        characters = optional(args, 1)
        value = as_text(args[0])
        if characters is None:
            blank = call("regexp_replace", value, text_literal(pattern), text_literal(""), text_literal("g"))
            return Typed(blank, Kind.UNKNOWN)
        return Typed(call(sql, value, as_text(characters)), Kind.UNKNOWN)

    return build


TEXT_FUNCTIONS.on("ltrim", 1, 2)(_trim("ltrim", r"^\s+"))
TEXT_FUNCTIONS.on("rtrim", 1, 2)(_trim("rtrim", r"\s+$"))
TEXT_FUNCTIONS.on("trim", 1, 2)(_trim("trim", r"^\s+|\s+$"))


@TEXT_FUNCTIONS.on("substr", 2, 3)
def _substr(context: Context, node: nodes.FunctionCall, args: list[Typed]) -> Typed:
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


@TEXT_FUNCTIONS.on("strcontains", 2, 3)
def _strcontains(context: Context, node: nodes.FunctionCall, args: list[Typed]) -> Typed:
    """The third argument of the page had no effect in a live check; it has none here."""
    return Typed(call("contains", as_text(args[0]), as_text(args[1])), Kind.BOOL)


@TEXT_FUNCTIONS.on("urldecode", 1)
def _urldecode(context: Context, node: nodes.FunctionCall, args: list[Typed]) -> Typed:
    return Typed(exp.Anonymous(this="try", expressions=[call("url_decode", as_text(args[0]))]), Kind.UNKNOWN)


@TEXT_FUNCTIONS.on("base64encode", 1)
def _base64encode(context: Context, node: nodes.FunctionCall, args: list[Typed]) -> Typed:
    return Typed(call("to_base64", call("encode", as_text(args[0]))), Kind.UNKNOWN)


@TEXT_FUNCTIONS.on("base64decode", 1)
def _base64decode(context: Context, node: nodes.FunctionCall, args: list[Typed]) -> Typed:
    decoded = call("try", call("decode", call("from_base64", as_text(args[0]))))
    return Typed(decoded, Kind.UNKNOWN)


@TEXT_FUNCTIONS.on("split", 2)
def _split(context: Context, node: nodes.FunctionCall, args: list[Typed]) -> Typed:
    return Typed(call("to_json", call("string_split", as_text(args[0]), as_text(args[1]))), Kind.STRUCTURE)


@TEXT_FUNCTIONS.on("hexToAscii", 1)
def _hex_to_ascii(context: Context, node: nodes.FunctionCall, args: list[Typed]) -> Typed:
    text = call("regexp_replace", as_text(args[0]), text_literal("^0[xX]"), text_literal(""))
    good = call("regexp_full_match", text, text_literal("([0-9a-fA-F]{2})*"))
    decoded = call("try", call("decode", call("unhex", text.copy())))
    return Typed(case((good, decoded)), Kind.UNKNOWN)


@TEXT_FUNCTIONS.on("hexToDec", 1)
def _hex_to_dec(context: Context, node: nodes.FunctionCall, args: list[Typed]) -> Typed:
    text = call("regexp_replace", as_text(args[0]), text_literal("^0[xX]"), text_literal(""))
    good = call("regexp_full_match", text, text_literal("[0-9a-fA-F]+"))
    return Typed(case((good, call("i_hex", text.copy()))), Kind.INT)


@TEXT_FUNCTIONS.on("decToHex", 1)
def _dec_to_hex(context: Context, node: nodes.FunctionCall, args: list[Typed]) -> Typed:
    whole = cast(call("trunc", as_double(args[0])), "BIGINT", safe=True)
    good = binary(exp.GTE, whole, number_literal(0))
    return Typed(case((good, call("format", text_literal("0x{:x}"), whole.copy()))), Kind.UNKNOWN)


@TEXT_FUNCTIONS.on("messageSize", 1)
def _message_size(context: Context, node: nodes.FunctionCall, args: list[Typed]) -> Typed:
    return Typed(call("octet_length", call("encode", as_text(args[0]))), Kind.INT)


@TEXT_FUNCTIONS.on("regexReplace", 3)
def _regex_replace(context: Context, node: nodes.FunctionCall, args: list[Typed]) -> Typed:
    pattern = node.args[1]
    if isinstance(pattern, nodes.Regex):
        regex = checked_regex(context, pattern, pattern.pattern)
    else:
        regex = checked_regex(context, pattern, literal_text(context, node, 1, "a regular expression"))
    replacement = to_rewrite(literal_text(context, node, 2, "the replacement"))
    if rewrite_error(regex, replacement):
        raise context.fail("the replacement mentions a group that the pattern does not have", node.args[2])
    return Typed(
        call(
            "regexp_replace",
            as_text(args[0]),
            text_literal(regex),
            text_literal(replacement),
            text_literal("g"),
        ),
        Kind.UNKNOWN,
    )
