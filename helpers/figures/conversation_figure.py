"""Draw one conversation between two network interfaces: an arrow each way, a record at each end, gaps dashed."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from helpers.figures.conversation_records import Conversation, Side, Slot, conversations
from helpers.figures.figure import Figure
from helpers.figures.network_parts import names_with
from helpers.figures.svg import BAD, BLACK, BLUE, DARK_BLUE, GOOD, GREY, LIGHT, Drawing, wrapped
from helpers.lab import LabError
from helpers.network import Topology

if TYPE_CHECKING:
    import pandas as pd

_WIDTH, _MARGIN, _HEAD, _HEAD_WIDTH = 760.0, 14.0, 44.0, 300.0
_LEFT, _MIDDLE, _RIGHT = 44.0, 380.0, 716.0
_STEP, _MOST = 16.0, 6


def conversation_figure(topology: Topology, table: "pd.DataFrame", names: Mapping[str, str] | None = None) -> Figure:
    """A conversation as a picture with its text: both ends as lifelines, four places for records, gaps dashed.

        show(conversation_figure(lab.topology(), both_ends(lab, since, "client-a", "db-b")))

    ``table`` holds rows of ``read_table``, written by both ends; ``names`` maps ids to names, which the column
    ``instance`` tells where the table has it. Rows of the same addresses, ports and protocol are one conversation; six
    are drawn, the text holds all. The way there goes to the lower port; without ports it is the way of the first row.
    Raises ``ValueError`` where no row tells of traffic.
    """
    found = conversations(topology, table, names_with(table, names))
    if not found:
        raise LabError("There is no conversation to draw: no row of the table has addresses. Was no packet let out?")
    alt = "; ".join(_alt(conversation) for conversation in found[:_MOST]) + _more(found)
    text = "\n".join(line for conversation in found for line in _text(conversation))
    return Figure(str(_draw(found, alt)).encode(), "image/svg+xml", alt, text)


def _alt(conversation: Conversation) -> str:
    ends = f"{conversation.client.name} to {conversation.server.name}"
    return f"{conversation.title}, {ends}: {conversation.summary}"


def _more(found: list[Conversation]) -> str:
    rest = len(found) - _MOST
    return f"; and {rest} more conversation{'' if rest == 1 else 's'} in words." if rest > 0 else "."


def _text(conversation: Conversation) -> list[str]:
    slots = (f"  {number}. {slot}" for number, slot in enumerate(conversation.slots, 1))
    return [f"{_alt(conversation)}", *slots]


def _slot_lines(slot: Slot) -> list[tuple[str, bool, str]]:
    """The lines of a slot: words, whether bold, colour."""
    if not slot.records:
        return [("no record" if slot.side.writes else "no flow log of yours there", True, GREY)]
    lines: list[tuple[str, bool, str]] = []
    for record in slot.records:
        mark, colour = ("✓", GOOD) if record.action == "ACCEPT" else ("✗", BAD)
        lines += [(f"{mark} {record.action} {record.counts}", True, colour), (record.window, False, BLACK)]
    return lines


def _way_height(slots: tuple[Slot, Slot]) -> float:
    return 30 + _STEP * max(len(_slot_lines(slot)) for slot in slots) + 20


def _height(conversation: Conversation) -> float:
    return 34 + _HEAD + sum(_way_height(slots) for slots in _ways(conversation)) + _foot(conversation)


def _foot(conversation: Conversation) -> float:
    return 28 + _STEP * len(wrapped(conversation.summary, _WIDTH - 2 * _MARGIN, 13))


def _ways(conversation: Conversation) -> tuple[tuple[Slot, Slot], tuple[Slot, Slot]]:
    """The slots of each way as they stand on the page: the client's left, the server's right."""
    there_client, there_server, back_server, back_client = conversation.slots
    return (there_client, there_server), (back_client, back_server)


def _draw(found: list[Conversation], alt: str) -> Drawing:
    drawn = found[:_MOST]
    rest = _more(found).lstrip("; ") if len(found) > _MOST else ""
    drawing = Drawing(
        _WIDTH, 2 * _MARGIN + sum(map(_height, drawn)) + (20 if rest else 0), "A conversation and its records", alt
    )
    top = _MARGIN
    for conversation in drawn:
        _draw_conversation(drawing, conversation, top)
        top += _height(conversation)
    if rest:
        drawing.words(_MARGIN, top + 14, rest, bold=True)
    return drawing


def _draw_conversation(drawing: Drawing, conversation: Conversation, top: float) -> None:
    drawing.words(_MARGIN, top + 16, conversation.title, size=14, bold=True, room=_WIDTH - 2 * _MARGIN)
    head = top + 30
    bottom = top + _height(conversation) - _foot(conversation) + 8
    for side, x in ((conversation.client, _LEFT), (conversation.server, _RIGHT)):
        drawing.line(x, head + _HEAD, x, bottom, stroke=BLUE, thick=3, dashed=not side.writes)
        _draw_head(drawing, side, _MARGIN if x == _LEFT else _WIDTH - _MARGIN - _HEAD_WIDTH, head)
    y = head + _HEAD
    for number, slots in enumerate(_ways(conversation)):
        y += _way_height(slots)
        _draw_way(drawing, slots, y - 14, back=bool(number))
    colour = BAD if conversation.missing else GOOD
    drawing.paragraph(_MARGIN, bottom + 20, conversation.summary, _WIDTH - 2 * _MARGIN, size=13, fill=colour, bold=True)


def _draw_head(drawing: Drawing, side: Side, x: float, y: float) -> None:
    drawing.box(x, y, _HEAD_WIDTH, _HEAD, fill=LIGHT[BLUE], stroke=BLUE, dashed=not side.writes)
    drawing.words(x + 10, y + 18, side.name, bold=True, room=_HEAD_WIDTH - 20)
    drawing.words(x + 10, y + 35, f"{side.address} {side.interface_id or ''}", size=11, mono=True, fill=DARK_BLUE,
        room=_HEAD_WIDTH - 16,
    )  # fmt: skip


def _draw_way(drawing: Drawing, slots: tuple[Slot, Slot], y: float, *, back: bool) -> None:
    left, right = slots
    tall = max(len(_slot_lines(slot)) for slot in slots)
    sender, receiver = (right.side, left.side) if back else (left.side, right.side)
    ports = f", port {sender.port} to {receiver.port}" if sender.port else ""
    title = f"{'← the way back' if back else 'the way there →'}{ports}"
    drawing.words(_MIDDLE, y - 14 - _STEP * tall, title, size=12, middle=True)
    for slot, near, far in ((left, _LEFT, _MIDDLE - 8), (right, _RIGHT, _MIDDLE + 8)):
        lines = _slot_lines(slot)
        for number, (words, bold, colour) in enumerate(lines):
            place = y - 12 - _STEP * (len(lines) - 1 - number)
            drawing.words(min(near, far) + 10, place, words, size=12, bold=bold, fill=colour, room=abs(far - near) - 14)
        arrives = slot.side is receiver
        _draw_half(drawing, slot, (far, near) if arrives else (near, far), y, arrives=arrives)


def _draw_half(drawing: Drawing, slot: Slot, between: tuple[float, float], y: float, *, arrives: bool) -> None:
    """Half an arrow: solid for a record, dashed for none; a cross where the packets were rejected."""
    start, end = between
    step = 1 if end > start else -1
    actions = {record.action for record in slot.records}
    if not actions:
        drawing.path([(start, y), (end - 2 * step, y)], stroke=GREY, thick=1.5, dash="4 6", arrow=arrives)
        return
    rejected = actions == {"REJECT"}
    stop = end - 2 * step
    if rejected:
        stop = end - 26 * step if arrives else start + 26 * step
    colour = BAD if rejected else BLACK
    drawing.path([(start, y), (stop, y)], stroke=colour, thick=3, arrow=arrives and not rejected)
    if "REJECT" in actions:
        centre = stop + 9 * step if rejected else end - 30 * step
        for down in (-7, 7):
            drawing.path([(centre - 7, y - down), (centre + 7, y + down)], stroke=BAD, thick=3)
