"""Draw one packet's way through its six stations, and below it the way back of the answer."""

from collections.abc import Mapping

from helpers.figures.figure import Figure
from helpers.figures.network_parts import Names
from helpers.figures.packet_stations import MARKS, OUTSIDE, End, Leg, State, Station, legs
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
    PURPLE,
    VERMILLION,
    Drawing,
    wrapped,
)
from helpers.network import Packet, Topology

_WHITE = "#FFFFFF"
_MARGIN, _CARD, _GAP, _PAD = 14.0, 142.0, 20.0, 8.0
_HEAD, _ENDS, _FOOT, _STEP = 28.0, 44.0, 24.0, 15.0
_WIDTH = 2 * _MARGIN + 6 * _CARD + 5 * _GAP + 2 * _PAD
# Ground, border and colour of the words of a station, and whether its border is dashed.
_LOOKS: dict[State, tuple[str, str, str, bool]] = {
    "passed": (LIGHT[GREEN], GREEN, GOOD, False),
    "stopped": (LIGHT[VERMILLION], VERMILLION, BAD, False),
    "reply": (LIGHT[PURPLE], PURPLE, DARK_PURPLE, True),
    "not asked": (_WHITE, GREY, GREY, True),
    "not reached": (_WHITE, GREY, GREY, True),
}


def packet_path_figure(topology: Topology, packet: Packet, names: Mapping[str, str] | None = None) -> Figure:
    """One packet's path as a picture with its text: six stations there, and the way back of its answer.

        show(packet_path_figure(lab.topology(), packet, names))

    ``packet`` is the first packet of a conversation, with its ``source_interface``; ``names`` maps ids to names. At
    each station stands what it says and the rule that decides; stations after the packet's end are not reached. The
    answer is drawn where the packet arrives: groups are stateful and evaluate no rule for it, network ACLs evaluate it.
    Raises ``AddressError`` or ``PacketError`` for a packet that cannot be.
    """
    there, back, why_not = legs(topology, packet, Names(names or {}))
    alt = f"{there.packet}, from {there.source.name} to {there.target.name}: {there.outcome}."
    if back is not None:
        alt += f" Its answer: {back.outcome}."
    text = "\n".join([*_text("The way there", there), *(_text("The way back", back) if back else [why_not])])
    return Figure(str(_draw(there, back, why_not, alt)).encode(), "image/svg+xml", alt, text)


def _text(title: str, leg: Leg) -> list[str]:
    stations = (f"  {number}. {station}" for number, station in enumerate(leg.stations, 1))
    return [f"{title}: {leg.packet}", f"  from {leg.source}", *stations, f"  to {leg.target}", f"  {leg.outcome}"]


def _draw(there: Leg, back: Leg | None, why_not: str, alt: str) -> Drawing:
    tall = _leg_height(there)
    below = _leg_height(back) if back else 34.0
    drawing = Drawing(_WIDTH, 2 * _MARGIN + tall + 16 + below, "The path of a packet", alt)
    _draw_leg(drawing, there, _MARGIN, "The way there", mirrored=False)
    top = _MARGIN + tall + 16
    if back:
        _draw_leg(drawing, back, top, "The way back", mirrored=True)
    else:
        drawing.box(_MARGIN, top, _WIDTH - 2 * _MARGIN, 34, fill=_WHITE, stroke=GREY, dashed=True)
        drawing.words(_MARGIN + 12, top + 22, why_not, bold=True, room=_WIDTH - 2 * _MARGIN - 24)
    return drawing


def _rule_lines(station: Station) -> list[str]:
    return wrapped(station.rule, _CARD - 14, 11.5)


def _card_height(leg: Leg) -> float:
    rules = max(len(_rule_lines(station)) for station in leg.stations)
    return 2 * _STEP + _STEP + 24 + _STEP * rules + 12


def _leg_height(leg: Leg) -> float:
    outcome = wrapped(leg.outcome, _WIDTH - 2 * _MARGIN - 30, 13)
    return _HEAD + _ENDS + _card_height(leg) + _FOOT + 8 + 18 * len(outcome) + 6


def _draw_leg(drawing: Drawing, leg: Leg, top: float, title: str, *, mirrored: bool) -> None:
    drawing.words(_MARGIN, top + 16, f"{title} {'←' if mirrored else '→'}", size=15, bold=True)
    drawing.words(_MARGIN + 160, top + 16, leg.packet, mono=True, size=12.5, room=_WIDTH - 2 * _MARGIN - 160)
    tall = _card_height(leg)
    box = top + _HEAD
    high = _ENDS + tall + _FOOT
    for end, places in ((leg.source, (0, 1, 2)), (leg.target, (4, 5))):
        left = min(_left(place, mirrored) for place in places) - _PAD
        wide = len(places) * _CARD + (len(places) - 1) * _GAP + 2 * _PAD
        _draw_end(drawing, end, left, box, wide, high)
    row = box + _ENDS
    for place, station in enumerate(leg.stations):
        _draw_station(drawing, station, place + 1, _left(place, mirrored), row, tall)
    for place in range(5):
        _draw_step(drawing, leg.stations[place : place + 2], place, row + tall / 2, mirrored)
    colour, mark = (GOOD, "✓") if leg.delivered else (BAD, "✗")
    room = _WIDTH - 2 * _MARGIN - 30
    drawing.paragraph(_MARGIN, box + high + 20, f"{mark} {leg.outcome}", room, size=13, line=18, fill=colour, bold=True)


def _left(place: int, mirrored: bool) -> float:
    column = 5 - place if mirrored else place
    return _MARGIN + _PAD + column * (_CARD + _GAP)


def _draw_end(drawing: Drawing, end: End, x: float, y: float, width: float, height: float) -> None:
    outside = end.place == OUTSIDE
    drawing.box(x, y, width, height, fill=_WHITE, stroke=BLUE, thick=2, corner=10, dashed=outside)
    drawing.words(x + 10, y + 18, f"{end.name} {end.address}", bold=True, room=width - 20)
    drawing.words(x + 10, y + 35, end.place, size=11.5, fill=DARK_BLUE, room=width - 20)
    drawing.words(x + 10, y + height - 8, end.record, size=12, bold=True, room=width - 20)


def _draw_station(drawing: Drawing, station: Station, number: int, x: float, y: float, height: float) -> None:
    ground, border, colour, dashed = _LOOKS[station.state]
    thick = 3 if station.state == "stopped" else 1.5
    drawing.box(x, y, _CARD, height, fill=ground, stroke=border, dashed=dashed, thick=thick)
    title = [f"{number}. {station.title.partition(',')[0]}", station.title.partition(", ")[2]]
    for line, text in enumerate(title):
        drawing.words(x + 7, y + 17 + _STEP * line, text, size=11.5, bold=True)
    drawing.words(x + 7, y + 17 + 2 * _STEP, station.decider, size=11, room=_CARD - 12)
    drawing.words(x + 7, y + 68, f"{MARKS[station.state]} {station.word}", size=12, bold=True, fill=colour)
    drawing.paragraph(x + 7, y + 86, station.rule, _CARD - 14, size=11.5, line=_STEP)


def _draw_step(drawing: Drawing, pair: tuple[Station, ...], place: int, y: float, mirrored: bool) -> None:
    here, there = _left(place, mirrored), _left(place + 1, mirrored)
    start, end = (here, there + _CARD) if mirrored else (here + _CARD, there)
    shift = -2 if mirrored else 2
    if pair[1].state == "not reached":
        return
    drawing.path([(start + shift, y), (end - shift, y)], stroke=BLACK, arrow=True)
