"""Draw a network as its describe calls tell it: who is where, who may go where, and what filters."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from helpers.figures.figure import Figure
from helpers.figures.svg import Drawing, fitted
from helpers.network import Interface, Peering, Route, Subnet, Topology, Vpc

# Okabe and Ito's colours, and light grounds of them. Every difference is said in words, too.
BLACK, GREY, BLUE, GREEN, ORANGE, PURPLE, VERMILLION = (
    *("#000000", "#555555", "#0072B2", "#009E73", "#E69F00", "#CC79A7", "#D55E00"),
)
_LIGHT = {GREEN: "#E5F4EF", ORANGE: "#FCF3DF", BLUE: "#E5F0F7", PURPLE: "#F8EAF2"}

_MARGIN, _PANEL, _GAP, _PAD = 16.0, 520.0, 150.0, 12.0
_MACHINE, _ROUTES = 210.0, 262.0
_HEADER, _FOOTER, _LINE, _CARD = 26.0, 22.0, 17.0, 76.0


@dataclass(frozen=True, slots=True)
class _Names:
    """What to call a resource: its name where it has one, else its id."""

    names: Mapping[str, str]

    def of(self, resource_id: str) -> str:
        return self.names.get(resource_id, resource_id)

    def both(self, resource_id: str) -> str:
        name = self.names.get(resource_id)
        return f"{name} ({resource_id})" if name else resource_id


def network_figure(
    topology: Topology, *, names: Mapping[str, str] | None = None, vpcs: Collection[str] | None = None
) -> Figure:
    """A network as a picture with its text: VPCs, subnets, routes, gateways, peerings, machines and their filters.

    ``topology`` is what ``lab.topology()`` reads; ``names`` maps ids to names (from ``describe_tags``, say); ``vpcs``
    are the ids of the VPCs to draw, all when nothing is said. Equal networks give equal pictures, byte for byte.
    Raises ``KeyError`` for a VPC that is not in the topology.
    """
    calls = _Names(names or {})
    wanted = [topology.vpc(one) for one in (vpcs if vpcs is not None else [vpc.id for vpc in topology.vpcs])]
    shown = sorted(wanted, key=lambda vpc: (vpc.cidrs[0].first if vpc.cidrs else 0, vpc.id))
    text = _text(topology, shown, calls)
    alt = _alt(topology, shown, calls)
    return Figure(str(_draw(topology, shown, calls, alt)).encode(), "image/svg+xml", alt, text)


# --- what there is ----------------------------------------------------------------------------------------------


def _subnets(topology: Topology, vpc: Vpc) -> list[Subnet]:
    mine = [subnet for subnet in topology.subnets if subnet.vpc_id == vpc.id]
    return sorted(mine, key=lambda subnet: (subnet.cidrs[0].first if subnet.cidrs else 0, subnet.id))


def _interfaces(topology: Topology, subnet: Subnet) -> list[Interface]:
    mine = [one for one in topology.interfaces if one.subnet_id == subnet.id]
    return sorted(
        mine, key=lambda one: (tuple(int(part) for part in one.private[0].split(".")) if one.private else (), one.id)
    )


def _routes(topology: Topology, subnet: Subnet) -> list[Route]:
    table = topology.route_table_of(subnet.id)
    kinds = ("local", "peering", "internet gateway", "other")
    return sorted(table.routes, key=lambda one: (kinds.index(one.kind), one.destination)) if table else []


def _is_public(topology: Topology, subnet: Subnet) -> bool:
    return any(route.kind == "internet gateway" and route.state == "active" for route in _routes(topology, subnet))


def _gateways(topology: Topology, vpc: Vpc) -> list[str]:
    return sorted(gateway.id for gateway in topology.gateways if gateway.vpc_id == vpc.id)


def _peerings(topology: Topology, vpcs: list[Vpc]) -> list[Peering]:
    ids = {vpc.id for vpc in vpcs}
    between = [one for one in topology.peerings if {one.requester_vpc_id, one.accepter_vpc_id} <= ids]
    return sorted(
        (one for one in between if one.status not in ("deleted", "failed", "rejected", "expired")),
        key=lambda one: one.id,
    )


def _machine(topology: Topology, interface: Interface, names: _Names) -> tuple[str, str]:
    """Name and state of what an interface belongs to."""
    if interface.instance_id is None:
        return names.of(interface.id), "no instance"
    state = topology.instance(interface.instance_id).state if topology.knows(interface.instance_id) else "not read"
    return names.of(interface.instance_id), state


def _groups(topology: Topology, interface: Interface) -> list[str]:
    known = [topology.group(one).name if topology.knows(one) else one for one in interface.group_ids]
    return known or ["none"]


def _target(route: Route, names: _Names) -> str:
    return "local" if route.kind == "local" else names.of(route.target)


def _acl(topology: Topology, subnet: Subnet, names: _Names) -> str:
    acl = topology.acl_of(subnet.id)
    if acl is None:
        return "not read"
    return f"{names.of(acl.id)}, the VPC's default" if acl.default else f"{names.of(acl.id)}, its own"


# --- in words ---------------------------------------------------------------------------------------------------


def _alt(topology: Topology, vpcs: list[Vpc], names: _Names) -> str:
    parts = []
    for vpc in vpcs:
        subnets = _subnets(topology, vpc)
        public = sum(_is_public(topology, subnet) for subnet in subnets)
        machines = sum(len(_interfaces(topology, subnet)) for subnet in subnets)
        kinds = f"{_count(public, 'public subnet')}, {_count(len(subnets) - public, 'private subnet')}"
        parts.append(f"VPC {names.of(vpc.id)} {_cidrs(vpc)}: {kinds}, {_count(machines, 'network interface')}")
    for peering in _peerings(topology, vpcs):
        parts.append(f"peering {names.of(peering.id)} is {peering.status}")
    return "; ".join(parts) + "." if parts else "No VPC."


def _count(number: int, thing: str) -> str:
    return f"{number or 'no'} {thing}{'' if number == 1 else 's'}"


def _text(topology: Topology, vpcs: list[Vpc], names: _Names) -> str:
    lines: list[str] = []
    for vpc in vpcs:
        gateways = ", ".join(names.both(one) for one in _gateways(topology, vpc)) or "none"
        lines += [f"VPC {names.both(vpc.id)} {_cidrs(vpc)}", f"  internet gateway: {gateways}"]
        for subnet in _subnets(topology, vpc):
            lines += _subnet_text(topology, subnet, names)
    for peering in _peerings(topology, vpcs):
        ends = f"{names.of(peering.requester_vpc_id)} - {names.of(peering.accepter_vpc_id)}"
        lines.append(f"Peering {names.both(peering.id)}: {ends}, {peering.status}")
    return "\n".join(lines)


def _subnet_text(topology: Topology, subnet: Subnet, names: _Names) -> list[str]:
    kind = "public" if _is_public(topology, subnet) else "private"
    table = topology.route_table_of(subnet.id)
    lines = [
        f"  {kind} subnet {names.both(subnet.id)} {_cidrs(subnet)}",
        f"    network ACL: {_acl(topology, subnet, names)}",
        f"    route table: {names.both(table.id) if table else 'not read'}",
    ]
    for route in _routes(topology, subnet):
        state = " (blackhole: its target is gone)" if route.state == "blackhole" else ""
        lines.append(f"      {route.destination} -> {_target(route, names)}{state}")
    for interface in _interfaces(topology, subnet):
        name, state = _machine(topology, interface, names)
        public = "".join(f", public {outside}" for _, outside in interface.public)
        lines.append(f"    {name}: {', '.join(interface.private)}{public}, {state}, {interface.id}")
        lines.append(f"      security groups: {', '.join(_groups(topology, interface))}")
    return lines


def _cidrs(of: Vpc | Subnet) -> str:
    return ", ".join(str(cidr) for cidr in of.cidrs)


# --- drawn ------------------------------------------------------------------------------------------------------


def _draw(topology: Topology, vpcs: list[Vpc], names: _Names, alt: str) -> Drawing:
    rows = [vpcs[first : first + 2] for first in range(0, len(vpcs), 2)]
    width = 2 * _MARGIN + _PANEL + (_GAP + _PANEL if len(vpcs) > 1 else 0)
    heights = [max(_vpc_height(topology, vpc) for vpc in row) for row in rows]
    beside = {frozenset(vpc.id for vpc in row) for row in rows if len(row) == 2}
    peerings = _peerings(topology, vpcs)
    ends = {one.id: frozenset((one.requester_vpc_id, one.accepter_vpc_id)) for one in peerings}
    far = [one for one in peerings if ends[one.id] not in beside]
    total = 2 * _MARGIN + sum(heights) + _MARGIN * (len(rows) - 1) + _LINE * len(far)
    drawing = Drawing(width, max(total, 40), "Network", alt)
    top = _MARGIN
    for row, height in zip(rows, heights, strict=True):
        for column, vpc in enumerate(row):
            _draw_vpc(drawing, topology, vpc, names, _MARGIN + column * (_PANEL + _GAP), top, height)
        near = [one for one in peerings if len(row) == 2 and ends[one.id] == {vpc.id for vpc in row}]
        _draw_peerings(drawing, near, names, top)
        top += height + _MARGIN
    for number, peering in enumerate(far):
        text = f"peering {names.of(peering.id)}, {peering.status}: "
        text += f"{names.of(peering.requester_vpc_id)} - {names.of(peering.accepter_vpc_id)}"
        drawing.words(_MARGIN, top + _LINE * number + 4, text, fill=BLACK, room=width - 2 * _MARGIN)
    return drawing


def _vpc_height(topology: Topology, vpc: Vpc) -> float:
    inner = sum(_subnet_height(topology, subnet) + _PAD for subnet in _subnets(topology, vpc))
    return 84 + inner


def _subnet_height(topology: Topology, subnet: Subnet) -> float:
    cards = len(_interfaces(topology, subnet)) * (_CARD + 6)
    routes = 22 + _LINE * len(_routes(topology, subnet))
    return _HEADER + max(cards, routes, 40) + _FOOTER + 4


def _draw_vpc(drawing: Drawing, topology: Topology, vpc: Vpc, names: _Names, x: float, y: float, height: float) -> None:
    drawing.box(x, y, _PANEL, height, fill="#FFFFFF", stroke=BLUE, thick=2.5, corner=10)
    drawing.words(x + _PAD, y + 24, f"VPC {names.of(vpc.id)}", size=16, bold=True, room=_PANEL / 2 - _PAD)
    drawing.words(x + _PAD, y + 44, _cidrs(vpc), mono=True, room=_PANEL / 2 - _PAD)
    gateways = _gateways(topology, vpc)
    left = x + _PANEL - 250 - _PAD
    if gateways:
        drawing.box(left, y + 12, 250, 46, fill=_LIGHT[BLUE], stroke=BLUE)
        drawing.words(left + 125, y + 31, "⇅ internet gateway", middle=True, room=240)
        drawing.words(
            left + 125, y + 49, ", ".join(names.of(one) for one in gateways), middle=True, mono=True, size=12, room=240
        )
    else:
        drawing.words(left + 125, y + 36, "no internet gateway", middle=True, fill=GREY)
    top = y + 72
    for subnet in _subnets(topology, vpc):
        tall = _subnet_height(topology, subnet)
        _draw_subnet(drawing, topology, subnet, names, x + _PAD, top, tall)
        top += tall + _PAD


def _draw_subnet(
    drawing: Drawing, topology: Topology, subnet: Subnet, names: _Names, x: float, y: float, height: float
) -> None:
    public = _is_public(topology, subnet)
    colour, kind = (GREEN, "public subnet") if public else (ORANGE, "private subnet")
    width = _PANEL - 2 * _PAD
    drawing.box(x, y, width, height, fill=_LIGHT[colour], stroke=colour, dashed=not public)
    drawing.words(x + 10, y + 18, f"{kind} {names.of(subnet.id)}", bold=True, room=width - 130)
    cidrs = fitted(_cidrs(subnet), 120, 12, mono=True)
    drawing.words(x + width - 10 - 7.24 * len(cidrs), y + 18, cidrs, mono=True, size=12)
    top = y + _HEADER
    for interface in _interfaces(topology, subnet):
        _draw_machine(drawing, topology, interface, names, x + 10, top)
        top += _CARD + 6
    if top == y + _HEADER:
        drawing.words(x + 10, top + 16, "no machine", fill=GREY)
    _draw_routes(drawing, topology, subnet, names, x + 20 + _MACHINE, y + _HEADER)
    drawing.words(x + 10, y + height - 8, f"network ACL: {_acl(topology, subnet, names)}", size=12, room=width - 20)


def _draw_machine(
    drawing: Drawing, topology: Topology, interface: Interface, names: _Names, x: float, y: float
) -> None:
    name, state = _machine(topology, interface, names)
    running = state == "running"
    drawing.box(x, y, _MACHINE, _CARD, fill="#FFFFFF", stroke=BLACK if running else GREY, dashed=not running)
    drawing.words(x + 8, y + 18, name, bold=True, room=_MACHINE - 84)
    drawing.words(x + _MACHINE - 70, y + 18, state, size=11, fill=GREEN if running else VERMILLION, room=66)
    addresses = ", ".join(interface.private) or ", ".join(interface.ipv6)
    drawing.words(x + 8, y + 35, addresses, mono=True, room=_MACHINE - 16)
    outside = ", ".join(public for _, public in interface.public)
    drawing.words(x + 8, y + 51, f"public {outside}" if outside else "no public address", size=11, fill=GREY)
    drawing.words(x + 8, y + 67, f"group {', '.join(_groups(topology, interface))}", size=11, room=_MACHINE - 14)


def _draw_routes(drawing: Drawing, topology: Topology, subnet: Subnet, names: _Names, x: float, y: float) -> None:
    table = topology.route_table_of(subnet.id)
    drawing.words(x, y + 12, f"routes {names.of(table.id) if table else 'not read'}", size=12, fill=GREY, room=_ROUTES)
    for number, route in enumerate(_routes(topology, subnet)):
        lost = route.state == "blackhole"
        mark = " ✗ blackhole" if lost else ""
        line = f"{route.destination:<12} → {_target(route, names)}{mark}"
        colour = VERMILLION if lost else {"peering": "#8A3F6A", "internet gateway": "#005A8C"}.get(route.kind, BLACK)
        drawing.words(x, y + 30 + _LINE * number, line, size=11.5, mono=True, fill=colour, room=_ROUTES)


def _draw_peerings(drawing: Drawing, peerings: list[Peering], names: _Names, top: float) -> None:
    left = _MARGIN + _PANEL
    for number, peering in enumerate(peerings):
        y = top + 40 + 74 * number
        drawing.line(left, y, left + _GAP, y, stroke=PURPLE, thick=4, dashed=not peering.active)
        drawing.box(left + 10, y - 30, _GAP - 20, 60, fill=_LIGHT[PURPLE], stroke=PURPLE)
        for line, (text, mono) in enumerate(
            (("⇄ peering", False), (names.of(peering.id), True), (peering.status, False))
        ):
            drawing.words(left + _GAP / 2, y - 12 + 17 * line, text, size=11, mono=mono, middle=True, room=_GAP - 22)
