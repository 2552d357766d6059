"""Draw the traffic of a network on its map: lines as thick as the bytes, rejected packets dashed."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from helpers.figures.figure import Figure
from helpers.figures.network_parts import (
    Names,
    cidrs_of,
    interface_name,
    interfaces_of,
    names_with,
    subnets_of,
    vpcs_in_order,
)
from helpers.figures.svg import BAD, BLACK, BLUE, GREEN, GREY, LIGHT, VERMILLION, Drawing
from helpers.figures.traffic_flows import OUTSIDE, Traffic, count_traffic, size_in_words
from helpers.network import Subnet, Topology, Vpc

if TYPE_CHECKING:
    import pandas as pd

_MARGIN, _CARD, _CARD_HEIGHT, _PAD, _GAP = 14.0, 200.0, 58.0, 11.0, 340.0
_PANEL = _CARD + 4 * _PAD
_GUTTER, _LABEL, _MOST = 146.0, 19.0, 12
_SHARES = (0.5, 0.4, 0.6, 0.3, 0.7, 0.2, 0.8, 0.12, 0.88)  # how far along its line a label may be
_WHITE = "#FFFFFF"


@dataclass(frozen=True, slots=True)
class _Edge:
    """A line between two ends: its words, and bytes (its width) or rejected packets (dashed)."""

    source: str
    target: str
    words: str
    bytes: int
    rejected: bool


@dataclass(slots=True)
class _Map:
    """Where everything is. A place is the left and the upper edge of a card, and whether it is in the right column."""

    cards: dict[str, tuple[float, float, bool]] = field(default_factory=dict)
    panels: list[tuple[Vpc, float, float, float]] = field(default_factory=list)
    height: float = 0.0
    gutters: tuple[float, float] = (0.0, 0.0)

    @property
    def width(self) -> float:
        return 2 * _MARGIN + sum(self.gutters) + 2 * _PANEL + _GAP

    @property
    def middle(self) -> float:
        return _MARGIN + self.gutters[0] + _PANEL + _GAP / 2


def traffic_figure(
    topology: Topology,
    table: "pd.DataFrame",
    names: Mapping[str, str] | None = None,
    *,
    vpcs: Collection[str] | None = None,
) -> Figure:
    """The network with its traffic: a line's width tells the bytes, dashed lines tell rejected packets, with numbers.

        show(traffic_figure(lab.topology(), records(lab, since)))

    ``table`` holds rows of ``read_table``; ``names`` maps ids to names, which the column ``instance`` tells where the
    table has it; ``vpcs`` are the ids of the VPCs to draw, all when nothing is said. Bytes of both directions are one
    line, and packets that both ends wrote about are counted once. Addresses of a subnet that no network interface has
    now, of a terminated instance for example, have a card of their own. At most twelve lines are drawn, the text holds
    all.
    Raises ``KeyError`` for a VPC that is not there.
    """
    shown = vpcs_in_order(topology, vpcs)
    called = names_with(table, names)
    traffic = count_traffic(topology, table, {vpc.id for vpc in shown})
    edges = _edges(traffic)
    text = _text(topology, traffic, called)
    alt = _alt(topology, traffic, edges, called)
    drawing = _draw(topology, shown, edges, traffic, called, alt)
    return Figure(str(drawing).encode(), "image/svg+xml", alt, "\n".join(text))


def _edges(traffic: Traffic) -> list[_Edge]:
    accepted = [
        _Edge(one, other, size_in_words(there + back), there + back, False)
        for one, other, there, back in traffic.pairs()
        if one != other
    ]
    rejected = [
        _Edge(flow.source, flow.target, f"✗ {_packets(flow.rejected)}", flow.rejected, True)
        for flow in sorted(traffic.flows, key=lambda flow: (-flow.rejected, flow.source, flow.target))
        if flow.rejected and flow.source != flow.target
    ]
    room = max(_MOST - len(rejected), _MOST // 2)
    return [*accepted[:room], *rejected[: _MOST - len(accepted[:room])]]


def _packets(number: int) -> str:
    return f"{number} packet{'' if number == 1 else 's'}"


# --- in words ---------------------------------------------------------------------------------------------------


def _alt(topology: Topology, traffic: Traffic, edges: list[_Edge], names: Names) -> str:
    total = sum(flow.bytes for flow in traffic.flows)
    rejected = sum(flow.rejected for flow in traffic.flows)
    text = f"{size_in_words(total)} arrived and {_packets(rejected)} were rejected"
    most = next((edge for edge in edges if not edge.rejected), None)
    if most:
        ends = f"{traffic.end_name(topology, most.source, names)} and {traffic.end_name(topology, most.target, names)}"
        text += f"; the most bytes: {most.words} between {ends}"
    worst = max((edge for edge in edges if edge.rejected), key=lambda edge: edge.bytes, default=None)
    if worst:
        ends = f"{traffic.end_name(topology, worst.source, names)} to {traffic.end_name(topology, worst.target, names)}"
        text += f"; the most rejected packets: {_packets(worst.bytes)} from {ends}"
    return f"{text}."


def _text(topology: Topology, traffic: Traffic, names: Names) -> list[str]:
    lines = []
    for one, other, there, back in traffic.pairs():
        ends = f"{traffic.end_name(topology, one, names)} and {traffic.end_name(topology, other, names)}"
        lines.append(f"{ends}: {there + back} bytes ({there} there, {back} back)")
    for flow in traffic.flows:
        if flow.rejected:
            where = ", ".join(traffic.end_name(topology, end, names) for end in flow.rejected_at)
            ends = (
                f"{traffic.end_name(topology, flow.source, names)} to {traffic.end_name(topology, flow.target, names)}"
            )
            lines.append(f"{ends}: {_packets(flow.rejected)} rejected, written by {where}")
    lines += [
        f"no network interface now, in subnet {names.of(subnet)}: {', '.join(addresses)}"
        for subnet, addresses in traffic.vacant.items()
    ]
    if traffic.outside:
        lines.append(f"{traffic.outside_name}: {', '.join(traffic.outside)}")
    return lines or ["No traffic."]


# --- drawn ------------------------------------------------------------------------------------------------------


def _ends_in(topology: Topology, subnet: Subnet, traffic: Traffic) -> list[str]:
    """The ends that have a card in a subnet: its network interfaces, and the subnet for its vacant addresses."""
    return [interface.id for interface in interfaces_of(topology, subnet)] + [subnet.id] * (subnet.id in traffic.vacant)


def _place(topology: Topology, vpcs: list[Vpc], edges: list[_Edge], traffic: Traffic) -> _Map:
    places = _Map()
    sides = {
        end: column % 2
        for column, vpc in enumerate(vpcs)
        for subnet in subnets_of(topology, vpc)
        for end in _ends_in(topology, subnet, traffic)
    }
    within = {sides[edge.source] for edge in edges if sides.get(edge.source, -1) == sides.get(edge.target, -2)}
    places.gutters = _GUTTER if 0 in within else 0.0, _GUTTER if 1 in within else 0.0
    foot = [_MARGIN + 24, _MARGIN + 24]
    for number, vpc in enumerate(vpcs):
        column = number % 2
        left = _MARGIN + places.gutters[0] + column * (_PANEL + _GAP)
        top = y = foot[column]
        y += 50
        for subnet in subnets_of(topology, vpc):
            y += 40
            for end in _ends_in(topology, subnet, traffic):
                places.cards[end] = left + 2 * _PAD, y, bool(column)
                y += _CARD_HEIGHT + 8
            y += 8
        places.panels.append((vpc, left, top, y - top))
        foot[column] = y + 14
    places.height = max(*foot, 200.0) + (70 if any(OUTSIDE in (edge.source, edge.target) for edge in edges) else 0)
    return places


def _draw(topology: Topology, vpcs: list[Vpc], edges: list[_Edge], traffic: Traffic, names: Names, alt: str) -> Drawing:
    places = _place(topology, vpcs, edges, traffic)
    drawing = Drawing(places.width, places.height + _MARGIN, "Traffic on the network", alt)
    drawing.words(_MARGIN, _MARGIN + 8, "line: bytes that arrived; dashed, ✗: rejected packets", size=12)
    for vpc, left, top, tall in places.panels:
        _draw_vpc(drawing, topology, vpc, names, places, traffic, (left, top, tall))
    if any(OUTSIDE in (edge.source, edge.target) for edge in edges):
        _draw_outside(drawing, places, traffic)
    most = max((edge.bytes for edge in edges if not edge.rejected), default=1)
    labels: list[tuple[float, float, float]] = []
    paths = _paths(edges, places)
    for edge, path in zip(edges, paths, strict=True):
        if edge.rejected:
            drawing.path(path, stroke=VERMILLION, thick=2.5, dash="7 5", arrow=True)
        else:
            drawing.path(path, stroke=BLUE, thick=round(1.5 + 6 * (edge.bytes / most) ** 0.5, 1))
    for edge, path in zip(edges, paths, strict=True):
        _draw_label(drawing, edge, path, labels)
    return drawing


def _draw_vpc(
    drawing: Drawing, topology: Topology, vpc: Vpc, names: Names, places: _Map, traffic: Traffic,
    panel: tuple[float, float, float],
) -> None:  # fmt: skip
    left, top, tall = panel
    drawing.box(left, top, _PANEL, tall, fill=_WHITE, stroke=BLUE, thick=2, corner=10)
    drawing.words(left + _PAD, top + 21, f"VPC {names.of(vpc.id)}", size=14, bold=True, room=_PANEL - 2 * _PAD)
    drawing.words(left + _PAD, top + 38, cidrs_of(vpc), size=12, mono=True, room=_PANEL - 2 * _PAD)
    y = top + 50
    for subnet in subnets_of(topology, vpc):
        y = _draw_subnet(drawing, topology, subnet, names, places, traffic, (left + _PAD, y))


def _draw_subnet(
    drawing: Drawing, topology: Topology, subnet: Subnet, names: Names, places: _Map, traffic: Traffic,
    at: tuple[float, float],
) -> float:  # fmt: skip
    left, top = at
    tall = 40 + len(_ends_in(topology, subnet, traffic)) * (_CARD_HEIGHT + 8)
    drawing.box(left, top, _PANEL - 2 * _PAD, tall, fill=LIGHT[GREY], stroke=GREY)
    drawing.words(left + 8, top + 16, f"subnet {names.of(subnet.id)}", size=12, room=_PANEL - 2 * _PAD - 12)
    drawing.words(left + 8, top + 32, cidrs_of(subnet), size=11, mono=True)
    if subnet.id in traffic.vacant:
        x, y, _ = places.cards[subnet.id]
        drawing.box(x, y, _CARD, _CARD_HEIGHT, fill=_WHITE, stroke=GREY, dashed=True)
        drawing.words(x + 8, y + 20, traffic.vacant_name(subnet.id), bold=True, room=_CARD - 14)
        drawing.words(x + 8, y + 38, "no network interface now", size=12, room=_CARD - 14)
    for interface in interfaces_of(topology, subnet):
        x, y, _ = places.cards[interface.id]
        drawing.box(x, y, _CARD, _CARD_HEIGHT, fill=_WHITE, stroke=BLACK)
        drawing.words(x + 8, y + 20, interface_name(interface, names), bold=True, room=_CARD - 14)
        drawing.words(x + 8, y + 38, ", ".join(interface.private), size=12, mono=True, room=_CARD - 14)
        public = ", ".join(outside for _, outside in interface.public)
        drawing.words(x + 8, y + 53, f"public {public}" if public else "", size=11, room=_CARD - 14)
    return top + tall + 8


def _draw_outside(drawing: Drawing, places: _Map, traffic: Traffic) -> None:
    x, y = places.middle - 90, places.height - 60
    count = len(traffic.outside)
    drawing.box(x, y, 180, 46, fill=LIGHT[GREEN], stroke=GREEN, dashed=True)
    drawing.words(places.middle, y + 19, traffic.outside_name, bold=True, middle=True)
    drawing.words(places.middle, y + 36, f"{count} address{'' if count == 1 else 'es'}", size=12, middle=True)


def _paths(edges: list[_Edge], places: _Map) -> list[list[tuple[float, float]]]:
    """The points of each edge. Edges of one side of a card leave it one below the other, in the order of their ends."""
    ends = [(number, end, other) for number, edge in enumerate(edges) for end, other in _both(edge)]
    points: dict[tuple[int, str], tuple[float, float]] = {}
    for card in {end for _, end, _ in ends}:
        for outer in (False, True):
            mine = [(n, other) for n, end, other in ends if end == card and _same_side(places, card, other) == outer]
            mine.sort(key=lambda item: (_height_of(places, item[1]), item[0]))
            for place, (number, other) in enumerate(mine, 1):
                points[number, card] = _leaves(places, card, other, place / (len(mine) + 1))
    paths = []
    for number, edge in enumerate(edges):
        start, end = points[number, edge.source], points[number, edge.target]
        if _same_side(places, edge.source, edge.target):
            right = places.cards[edge.source][2]
            out = start[0] + (82 + 14 * (number % 3)) * (1 if right else -1)
            paths.append([start, (out, start[1]), (out, end[1]), end])
        else:
            paths.append([start, end])
    return paths


def _both(edge: _Edge) -> tuple[tuple[str, str], tuple[str, str]]:
    return (edge.source, edge.target), (edge.target, edge.source)


def _same_side(places: _Map, one: str, other: str) -> bool:
    return OUTSIDE not in (one, other) and places.cards[one][2] == places.cards[other][2]


def _height_of(places: _Map, end: str) -> float:
    return places.height if end == OUTSIDE else places.cards[end][1]


def _leaves(places: _Map, end: str, other: str, share: float) -> tuple[float, float]:
    """Where an edge touches a card, or the upper side of the internet: so far along it."""
    if end == OUTSIDE:
        side = 1 if places.cards[other][2] else -1
        return places.middle + side * (8 + 74 * share), places.height - 60
    x, y, right = places.cards[end]
    outer = _same_side(places, end, other)
    edge = x + _CARD if right == outer else x
    return edge, y + _CARD_HEIGHT * share


def _draw_label(
    drawing: Drawing, edge: _Edge, path: list[tuple[float, float]], labels: list[tuple[float, float, float]]
) -> None:
    """The words of an edge on its line, where they cover no other label."""
    wide = len(edge.words) * 12 * 0.62 + 12
    (x1, y1), (x2, y2) = (path[1], path[2]) if len(path) == 4 else (path[0], path[-1])
    places = [(x1 + (x2 - x1) * share, y1 + (y2 - y1) * share) for share in _SHARES]
    x, y = next((place for place in places if not _covers(place, wide, labels)), places[0])
    labels.append((x, y, wide))
    drawing.box(x - wide / 2, y - _LABEL / 2, wide, _LABEL, fill=_WHITE, stroke=VERMILLION if edge.rejected else BLUE)
    drawing.words(x, y + 4.5, edge.words, size=12, bold=True, middle=True, fill=BAD if edge.rejected else BLACK)


def _covers(place: tuple[float, float], wide: float, labels: list[tuple[float, float, float]]) -> bool:
    return any(abs(place[0] - x) < (wide + other) / 2 + 8 and abs(place[1] - y) < _LABEL + 6 for x, y, other in labels)
