"""Draw a network as its describe calls show it: what is where, what may reach what, and what filters."""

from collections.abc import Collection, Mapping

from helpers.figures.figure import Figure
from helpers.figures.network_parts import (
    Names,
    acl_of,
    cidrs_of,
    gateways_of,
    groups_of,
    instance_of,
    interfaces_of,
    is_public,
    peerings_between,
    routes_of,
    subnets_of,
    target_of,
    vpcs_in_order,
)
from helpers.figures.svg import (
    BAD,
    BLACK,
    BLUE,
    DARK_BLUE,
    DARK_PURPLE,
    GOOD,
    GREEN,
    GREY,
    LIGHT,
    ORANGE,
    PURPLE,
    Drawing,
    fitted,
)
from helpers.network import Interface, Peering, Subnet, Topology, Vpc

_MARGIN, _PANEL, _GAP, _PAD = 16.0, 520.0, 150.0, 12.0
_INSTANCE, _ROUTES = 210.0, 262.0
_HEADER, _FOOTER, _LINE, _CARD = 26.0, 22.0, 17.0, 76.0


def network_figure(
    topology: Topology, *, names: Mapping[str, str] | None = None, vpcs: Collection[str] | None = None
) -> Figure:
    """A network as a picture with its text: VPCs, subnets, routes, gateways, peerings, instances and their filters.

    ``topology`` is what ``lab.topology()`` reads; ``names`` maps ids to names (from ``describe_tags``, say); ``vpcs``
    are the ids of the VPCs to draw, all when nothing is said. Equal networks give equal pictures, byte for byte. Raises
    ``KeyError`` for a VPC that is not in the topology.
    """
    calls = Names(names or {})
    shown = vpcs_in_order(topology, vpcs)
    text = _text(topology, shown, calls)
    alt = _alt(topology, shown, calls)
    return Figure(str(_draw(topology, shown, calls, alt)).encode(), "image/svg+xml", alt, text)


# --- in words ---------------------------------------------------------------------------------------------------


def _alt(topology: Topology, vpcs: list[Vpc], names: Names) -> str:
    parts = []
    for vpc in vpcs:
        subnets = subnets_of(topology, vpc)
        public = sum(is_public(topology, subnet) for subnet in subnets)
        interfaces = sum(len(interfaces_of(topology, subnet)) for subnet in subnets)
        kinds = f"{_count(public, 'public subnet')}, {_count(len(subnets) - public, 'private subnet')}"
        parts.append(f"VPC {names.of(vpc.id)} {cidrs_of(vpc)}: {kinds}, {_count(interfaces, 'network interface')}")
    for peering in peerings_between(topology, vpcs):
        parts.append(f"peering {names.of(peering.id)} is {peering.status}")
    return "; ".join(parts) + "." if parts else "No VPC."


def _count(number: int, thing: str) -> str:
    return f"{number or 'no'} {thing}{'' if number == 1 else 's'}"


def _text(topology: Topology, vpcs: list[Vpc], names: Names) -> str:
    lines: list[str] = []
    for vpc in vpcs:
        gateways = ", ".join(names.both(gateway) for gateway in gateways_of(topology, vpc)) or "none"
        lines += [f"VPC {names.both(vpc.id)} {cidrs_of(vpc)}", f"  internet gateway: {gateways}"]
        for subnet in subnets_of(topology, vpc):
            lines += _subnet_text(topology, subnet, names)
    for peering in peerings_between(topology, vpcs):
        ends = f"{names.of(peering.requester_vpc_id)} - {names.of(peering.accepter_vpc_id)}"
        lines.append(f"Peering {names.both(peering.id)}: {ends}, {peering.status}")
    return "\n".join(lines)


def _subnet_text(topology: Topology, subnet: Subnet, names: Names) -> list[str]:
    kind = "public" if is_public(topology, subnet) else "private"
    table = topology.route_table_of(subnet.id)
    lines = [
        f"  {kind} subnet {names.both(subnet.id)} {cidrs_of(subnet)}",
        f"    network ACL: {acl_of(topology, subnet, names)}",
        f"    route table: {names.both(table.id) if table else 'not read'}",
    ]
    for route in routes_of(topology, subnet):
        state = " (blackhole: its target is gone)" if route.state == "blackhole" else ""
        lines.append(f"      {route.destination} -> {target_of(route, names)}{state}")
    for interface in interfaces_of(topology, subnet):
        name, state = instance_of(topology, interface, names)
        public = "".join(f", public {outside}" for _, outside in interface.public)
        lines.append(f"    {name}: {', '.join(interface.private)}{public}, {state}, {interface.id}")
        lines.append(f"      security groups: {', '.join(groups_of(topology, interface, names))}")
    return lines


# --- drawn ------------------------------------------------------------------------------------------------------


def _draw(topology: Topology, vpcs: list[Vpc], names: Names, alt: str) -> Drawing:
    rows = [vpcs[first : first + 2] for first in range(0, len(vpcs), 2)]
    width = 2 * _MARGIN + _PANEL + (_GAP + _PANEL if len(vpcs) > 1 else 0)
    heights = [max(_vpc_height(topology, vpc) for vpc in row) for row in rows]
    beside = {frozenset(vpc.id for vpc in row) for row in rows if len(row) == 2}
    peerings = peerings_between(topology, vpcs)
    ends = {peering.id: frozenset((peering.requester_vpc_id, peering.accepter_vpc_id)) for peering in peerings}
    far = [peering for peering in peerings if ends[peering.id] not in beside]
    total = 2 * _MARGIN + sum(heights) + _MARGIN * (len(rows) - 1) + _LINE * len(far)
    drawing = Drawing(width, max(total, 40), "Network", alt)
    top = _MARGIN
    for row, height in zip(rows, heights, strict=True):
        for column, vpc in enumerate(row):
            _draw_vpc(drawing, topology, vpc, names, _MARGIN + column * (_PANEL + _GAP), top, height)
        near = [peering for peering in peerings if len(row) == 2 and ends[peering.id] == {vpc.id for vpc in row}]
        _draw_peerings(drawing, near, names, top)
        top += height + _MARGIN
    for number, peering in enumerate(far):
        text = f"peering {names.of(peering.id)}, {peering.status}: "
        text += f"{names.of(peering.requester_vpc_id)} - {names.of(peering.accepter_vpc_id)}"
        drawing.words(_MARGIN, top + _LINE * number + 4, text, fill=BLACK, room=width - 2 * _MARGIN)
    return drawing


def _vpc_height(topology: Topology, vpc: Vpc) -> float:
    inner = sum(_subnet_height(topology, subnet) + _PAD for subnet in subnets_of(topology, vpc))
    return 84 + inner


def _subnet_height(topology: Topology, subnet: Subnet) -> float:
    cards = len(interfaces_of(topology, subnet)) * (_CARD + 6)
    routes = 22 + _LINE * len(routes_of(topology, subnet))
    return _HEADER + max(cards, routes, 40) + _FOOTER + 4


def _draw_vpc(drawing: Drawing, topology: Topology, vpc: Vpc, names: Names, x: float, y: float, height: float) -> None:
    drawing.box(x, y, _PANEL, height, fill="#FFFFFF", stroke=BLUE, thick=2.5, corner=10)
    drawing.words(x + _PAD, y + 24, f"VPC {names.of(vpc.id)}", size=16, bold=True, room=_PANEL / 2 - _PAD)
    drawing.words(x + _PAD, y + 44, cidrs_of(vpc), mono=True, room=_PANEL / 2 - _PAD)
    gateways = gateways_of(topology, vpc)
    left = x + _PANEL - 250 - _PAD
    if gateways:
        drawing.box(left, y + 12, 250, 46, fill=LIGHT[BLUE], stroke=BLUE)
        drawing.words(left + 125, y + 31, "⇅ internet gateway", middle=True, room=240)
        drawing.words(
            left + 125,
            y + 49,
            ", ".join(names.of(gateway) for gateway in gateways),
            middle=True,
            mono=True,
            size=12,
            room=240,
        )
    else:
        drawing.words(left + 125, y + 36, "no internet gateway", middle=True, fill=GREY)
    top = y + 72
    for subnet in subnets_of(topology, vpc):
        tall = _subnet_height(topology, subnet)
        _draw_subnet(drawing, topology, subnet, names, x + _PAD, top, tall)
        top += tall + _PAD


def _draw_subnet(
    drawing: Drawing, topology: Topology, subnet: Subnet, names: Names, x: float, y: float, height: float
) -> None:
    public = is_public(topology, subnet)
    colour, kind = (GREEN, "public subnet") if public else (ORANGE, "private subnet")
    width = _PANEL - 2 * _PAD
    drawing.box(x, y, width, height, fill=LIGHT[colour], stroke=colour, dashed=not public)
    drawing.words(x + 10, y + 18, f"{kind} {names.of(subnet.id)}", bold=True, room=width - 130)
    cidrs = fitted(cidrs_of(subnet), 120, 12, mono=True)
    drawing.words(x + width - 10 - 7.24 * len(cidrs), y + 18, cidrs, mono=True, size=12)
    top = y + _HEADER
    for interface in interfaces_of(topology, subnet):
        _draw_instance(drawing, topology, interface, names, x + 10, top)
        top += _CARD + 6
    if top == y + _HEADER:
        drawing.words(x + 10, top + 16, "no network interface", fill=GREY)
    _draw_routes(drawing, topology, subnet, names, x + 20 + _INSTANCE, y + _HEADER)
    drawing.words(x + 10, y + height - 8, f"network ACL: {acl_of(topology, subnet, names)}", size=12, room=width - 20)


def _draw_instance(
    drawing: Drawing, topology: Topology, interface: Interface, names: Names, x: float, y: float
) -> None:
    name, state = instance_of(topology, interface, names)
    running = state == "running"
    drawing.box(x, y, _INSTANCE, _CARD, fill="#FFFFFF", stroke=BLACK if running else GREY, dashed=not running)
    drawing.words(x + 8, y + 18, name, bold=True, room=_INSTANCE - 84)
    drawing.words(x + _INSTANCE - 70, y + 18, state, size=11, fill=GOOD if running else BAD, room=66)
    addresses = ", ".join(interface.private) or ", ".join(interface.ipv6)
    drawing.words(x + 8, y + 35, addresses, mono=True, room=_INSTANCE - 16)
    outside = ", ".join(public for _, public in interface.public)
    drawing.words(x + 8, y + 51, f"public {outside}" if outside else "no public address", size=11, fill=GREY)
    drawing.words(
        x + 8, y + 67, f"group {', '.join(groups_of(topology, interface, names))}", size=11, room=_INSTANCE - 14
    )


def _draw_routes(drawing: Drawing, topology: Topology, subnet: Subnet, names: Names, x: float, y: float) -> None:
    table = topology.route_table_of(subnet.id)
    drawing.words(x, y + 12, f"routes {names.of(table.id) if table else 'not read'}", size=12, fill=GREY, room=_ROUTES)
    for number, route in enumerate(routes_of(topology, subnet)):
        lost = route.state == "blackhole"
        mark = " ✗ blackhole" if lost else ""
        line = f"{route.destination:<12} → {target_of(route, names)}{mark}"
        colour = BAD if lost else {"peering": DARK_PURPLE, "internet gateway": DARK_BLUE}.get(route.kind, BLACK)
        drawing.words(x, y + 30 + _LINE * number, line, size=11.5, mono=True, fill=colour, room=_ROUTES)


def _draw_peerings(drawing: Drawing, peerings: list[Peering], names: Names, top: float) -> None:
    left = _MARGIN + _PANEL
    for number, peering in enumerate(peerings):
        y = top + 40 + 74 * number
        drawing.line(left, y, left + _GAP, y, stroke=PURPLE, thick=4, dashed=not peering.active)
        drawing.box(left + 10, y - 30, _GAP - 20, 60, fill=LIGHT[PURPLE], stroke=PURPLE)
        for line, (text, mono) in enumerate(
            (("⇄ peering", False), (names.of(peering.id), True), (peering.status, False))
        ):
            drawing.words(left + _GAP / 2, y - 12 + 17 * line, text, size=11, mono=mono, middle=True, room=_GAP - 22)
