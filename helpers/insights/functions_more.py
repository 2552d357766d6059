"""The scalar functions about time, addresses and regular expressions (importing this registers them)."""

import ipaddress

from sqlglot import exp

from . import nodes as n
from .functions import Build, Context, function, literal_text
from .patterns import (
    MILLIS,
    MONTHS,
    OFFSET_MARK,
    date_format_error,
    java_date,
    java_zone,
    regex_error,
    rewrite_error,
    strftime,
    to_re2,
    to_rewrite,
    width,
    with_zone,
    zone_error,
)
from .values import (
    E,
    Kind,
    Typed,
    any_of,
    as_double,
    as_text,
    binary,
    call,
    case,
    cast,
    number_literal,
    present,
    text_literal,
)

_MANY_YEARS = 10_000

# time --------------------------------------------------------------------------------------------


def as_millis(value: Typed) -> E:
    """A time as whole epoch milliseconds (what cannot be a time is NULL)."""
    if value.kind in (Kind.TIME, Kind.INT):
        return value.e
    return call("i_millis", as_double(value))


def floor_to(value: E, period: n.Period, up: bool = False, offset: int = 0) -> E:
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


def _month_start(index: E) -> E:
    """The start of a month counted from January 1970; from a number that is positive for every year there is."""
    index = binary(exp.Add, index, number_literal(12 * _MANY_YEARS))
    year = binary(exp.Add, binary(exp.IntDiv, index, number_literal(12)), number_literal(1970 - _MANY_YEARS))
    month = binary(exp.Add, binary(exp.Mod, index.copy(), number_literal(12)), number_literal(1))
    return call("epoch_ms", call("make_timestamp", year, month, *(number_literal(v) for v in (1, 0, 0, 0))))


def period_argument(context: Context, node: n.Call, position: int) -> n.Period:
    """The period at an argument position."""
    argument = node.args[position]
    if not isinstance(argument, n.Period):
        raise context.fail(f"{node.name} expects a period such as 5m", argument)
    return argument


@function("bin", 1)
def _bin(context: Context, node: n.Call, args: list[Typed]) -> Typed:
    return Typed(floor_to(context.timestamp(), period_argument(context, node, 0)), Kind.TIME)


def _round_date(up: bool) -> Build:
    def build(context: Context, node: n.Call, args: list[Typed]) -> Typed:
        return Typed(floor_to(as_millis(args[0]), period_argument(context, node, 1), up), Kind.TIME)

    return build


function("datefloor", 2)(_round_date(up=False))
function("dateceil", 2)(_round_date(up=True))


@function("fromMillis", 1)
def _from_millis(context: Context, node: n.Call, args: list[Typed]) -> Typed:
    return Typed(call("i_millis", as_double(args[0])), Kind.TIME)


@function("toMillis", 1)
def _to_millis(context: Context, node: n.Call, args: list[Typed]) -> Typed:
    return Typed(as_millis(args[0]), Kind.INT)


@function("now", 0)
def _now(context: Context, node: n.Call, args: list[Typed]) -> Typed:
    return Typed(binary(exp.IntDiv, context.parameter("now"), number_literal(1000)), Kind.INT)


@function("queryStartTime", 0)
def _query_start(context: Context, node: n.Call, args: list[Typed]) -> Typed:
    return Typed(context.parameter("start"), Kind.INT)


@function("queryEndTime", 0)
def _query_end(context: Context, node: n.Call, args: list[Typed]) -> Typed:
    return Typed(context.parameter("end"), Kind.INT)


@function("queryTimeRange", 0)
def _query_range(context: Context, node: n.Call, args: list[Typed]) -> Typed:
    return Typed(binary(exp.Sub, context.parameter("end"), context.parameter("start")), Kind.INT)


def _zone(context: Context, node: n.Call, position: int) -> str | None:
    if len(node.args) <= position:
        return None
    zone = java_zone(literal_text(context, node, position, "a time zone"))
    wrong = zone_error(zone)
    if wrong:
        raise context.fail(wrong, node.args[position])
    return zone


@function("formatDate strftime", 2, 3)
def _format_date(context: Context, node: n.Call, args: list[Typed]) -> Typed:
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


@function("parseDate", 2, 3)
def _parse_date(context: Context, node: n.Call, args: list[Typed]) -> Typed:
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


# regular expressions -----------------------------------------------------------------------------


def checked_regex(context: Context, node: n.Node, pattern: str) -> str:
    """The pattern in RE2's form; refused with its place when RE2 cannot read it."""
    translated = to_re2(pattern)
    wrong = regex_error(translated)
    if wrong:
        raise context.fail(f"not a regular expression: {wrong}", node)
    return translated


@function("regexReplace", 3)
def _regex_replace(context: Context, node: n.Call, args: list[Typed]) -> Typed:
    pattern = node.args[1]
    if isinstance(pattern, n.Regex):
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


# addresses ---------------------------------------------------------------------------------------


def _v4(value: E) -> E:
    return call("i_v4", value)


def _v6(value: E) -> E:
    return call("i_v6", value)


@function("isValidIpV4", 1)
def _is_v4(context: Context, node: n.Call, args: list[Typed]) -> Typed:
    return Typed(present(_v4(as_text(args[0]))), Kind.BOOL)


@function("isValidIpV6", 1)
def _is_v6(context: Context, node: n.Call, args: list[Typed]) -> Typed:
    return Typed(present(_v6(as_text(args[0]))), Kind.BOOL)


@function("isValidIp", 1)
def _is_ip(context: Context, node: n.Call, args: list[Typed]) -> Typed:
    text = as_text(args[0])
    return Typed(any_of([present(_v4(text)), present(_v6(text.copy()))]), Kind.BOOL)


@function("ipv4ToNumber", 1)
def _v4_number(context: Context, node: n.Call, args: list[Typed]) -> Typed:
    return Typed(_v4(as_text(args[0])), Kind.INT)


def _within(text: E, block: str) -> E:
    """Whether an address lies in a block that is known now."""
    network = ipaddress.ip_network(block, strict=False)
    low, high = int(network.network_address), int(network.broadcast_address)
    if network.version == 4:
        number = _v4(text)
        return exp.Between(this=number, low=number_literal(low), high=number_literal(high))
    bounds = [cast(text_literal(str(bound)), "UINT128") for bound in (low, high)]
    return exp.Between(this=_v6(text), low=bounds[0], high=bounds[1])


def _in_subnet(versions: tuple[int, ...]) -> Build:
    def build(context: Context, node: n.Call, args: list[Typed]) -> Typed:
        text, subnet = as_text(args[0]), node.args[1]
        if not isinstance(subnet, n.String):
            parts = [call(f"i_in{version}", text.copy(), as_text(args[1])) for version in versions]
            return _sure(any_of([call("coalesce", part, exp.Boolean(this=False)) for part in parts]))
        try:
            network = ipaddress.ip_network(subnet.value, strict=False)
        except ValueError:
            raise context.fail("not a subnet in CIDR notation, such as 192.0.2.0/24", subnet) from None
        if network.version not in versions:
            family = "an IPv4" if versions == (4,) else "an IPv6"
            raise context.fail(f"{node.name} expects {family} subnet", subnet)
        return _sure(_within(text, subnet.value))

    return build


def _sure(condition: E) -> Typed:
    return Typed(condition, Kind.BOOL)


function("isIpInSubnet", 2)(_in_subnet((4, 6)))
function("isIpv4InSubnet", 2)(_in_subnet((4,)))
function("isIpv6InSubnet", 2)(_in_subnet((6,)))


def _address_class(name: str, kind: str) -> None:
    def build(context: Context, node: n.Call, args: list[Typed]) -> Typed:
        return _sure(binary(exp.EQ, call("i_class", as_text(args[0])), text_literal(kind)))

    function(name, 1)(build)


_address_class("isPrivateIP", "private")
_address_class("isReservedIP", "reserved")
_address_class("isPublicIP", "public")
FUNCTIONS_READY = True
