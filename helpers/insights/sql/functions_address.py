"""The scalar functions over IPv4 and IPv6 addresses."""

import ipaddress

from sqlglot import exp

from helpers.insights.sql.function_table import Build, Context, FunctionTable
from helpers.insights.sql.typed import (
    E,
    Kind,
    Typed,
    any_of,
    as_text,
    binary,
    call,
    cast,
    number_literal,
    present,
    text_literal,
)
from helpers.insights.syntax import nodes

ADDRESS_FUNCTIONS = FunctionTable()


@ADDRESS_FUNCTIONS.on("isValidIpV4", 1)
def _is_v4(context: Context, node: nodes.FunctionCall, args: list[Typed]) -> Typed:
    return Typed(present(call("i_v4", as_text(args[0]))), Kind.BOOL)


@ADDRESS_FUNCTIONS.on("isValidIpV6", 1)
def _is_v6(context: Context, node: nodes.FunctionCall, args: list[Typed]) -> Typed:
    return Typed(present(call("i_v6", as_text(args[0]))), Kind.BOOL)


@ADDRESS_FUNCTIONS.on("isValidIp", 1)
def _is_ip(context: Context, node: nodes.FunctionCall, args: list[Typed]) -> Typed:
    text = as_text(args[0])
    return Typed(any_of([present(call("i_v4", text)), present(call("i_v6", text.copy()))]), Kind.BOOL)


@ADDRESS_FUNCTIONS.on("ipv4ToNumber", 1)
def _v4_number(context: Context, node: nodes.FunctionCall, args: list[Typed]) -> Typed:
    return Typed(call("i_v4", as_text(args[0])), Kind.INT)


def _within(text: E, block: str) -> E:
    """Whether an address lies in a block that is known now."""
    network = ipaddress.ip_network(block, strict=False)
    low, high = int(network.network_address), int(network.broadcast_address)
    if network.version == 4:
        return exp.Between(this=call("i_v4", text), low=number_literal(low), high=number_literal(high))
    bounds = [cast(text_literal(str(bound)), "UINT128") for bound in (low, high)]
    return exp.Between(this=call("i_v6", text), low=bounds[0], high=bounds[1])


def _in_subnet(versions: tuple[int, ...]) -> Build:
    def build(context: Context, node: nodes.FunctionCall, args: list[Typed]) -> Typed:
        text, subnet = as_text(args[0]), node.args[1]
        if not isinstance(subnet, nodes.String):
            parts = [call(f"i_in{version}", text.copy(), as_text(args[1])) for version in versions]
            return Typed(any_of([call("coalesce", part, exp.Boolean(this=False)) for part in parts]), Kind.BOOL)
        try:
            network = ipaddress.ip_network(subnet.value, strict=False)
        except ValueError:
            raise context.fail("not a subnet in CIDR notation, such as 192.0.2.0/24", subnet) from None
        if network.version not in versions:
            family = "an IPv4" if versions == (4,) else "an IPv6"
            raise context.fail(f"{node.name} expects {family} subnet", subnet)
        return Typed(_within(text, subnet.value), Kind.BOOL)

    return build


ADDRESS_FUNCTIONS.on("isIpInSubnet", 2)(_in_subnet((4, 6)))
ADDRESS_FUNCTIONS.on("isIpv4InSubnet", 2)(_in_subnet((4,)))
ADDRESS_FUNCTIONS.on("isIpv6InSubnet", 2)(_in_subnet((6,)))


def _address_class(kind: str) -> Build:
    return lambda context, node, args: Typed(
        binary(exp.EQ, call("i_class", as_text(args[0])), text_literal(kind)), Kind.BOOL
    )


ADDRESS_FUNCTIONS.on("isPrivateIP", 1)(_address_class("private"))
ADDRESS_FUNCTIONS.on("isReservedIP", 1)(_address_class("reserved"))
ADDRESS_FUNCTIONS.on("isPublicIP", 1)(_address_class("public"))
