"""Draw the aggregation windows of each network interface on one line, and when the packets in them were sent."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from helpers.figures.conversation_records import clock
from helpers.figures.figure import Figure
from helpers.figures.svg import BLACK, BLUE, GREY, LIGHT, ORANGE, Drawing
from helpers.flowlogs import DEFAULT_FORMAT

_MARGIN, _LABELS, _WIDTH, _ROW, _TOP = 14.0, 120.0, 760.0, 56.0, 62.0
Boxes = dict[str, list[tuple[float, float, int]]]


def windows_figure(
    events: Iterable[Mapping[str, Any]],
    names: Mapping[str, str],
    *,
    sent: tuple[datetime, datetime],
    since: datetime,
) -> Figure:
    """One row per network interface: each window as a box with its packets, and above them when they were sent.

        show(windows_figure(events, {"eni-1": "t3.micro"}, sent=(begun, ended), since=created))

    ``events`` are log events of ``FilterLogEvents`` with lines of the default format. ``names`` maps ids of network
    interfaces to the labels of the rows. No box begins before ``since``, the creation of the flow log. Raises
    ``ValueError`` without events, and ``RecordError`` for a line of another format.
    """
    begun, ended = (moment.timestamp() for moment in sent)
    rows = _boxes(events, since.timestamp(), names)
    if not rows:
        raise ValueError("There is no window to draw: no event was passed.")
    packets = f"packets sent from {clock(begun)} to {clock(ended)} UTC"
    lines = [f"{name}: {', '.join(map(_words, boxes))}" for name, boxes in rows.items()]
    alt = f"{packets[0].upper()}{packets[1:]}. " + "; ".join(lines) + "."
    return Figure(str(_draw(rows, begun, ended, packets, alt)).encode(), "image/svg+xml", alt, "\n".join(lines))


def _boxes(events: Iterable[Mapping[str, Any]], since: float, names: Mapping[str, str]) -> Boxes:
    rows: Boxes = {}
    for event in events:
        record = DEFAULT_FORMAT.read(event["message"])
        name = names.get(record.interface_id or "", record.interface_id or "")
        window = max(float(record.start or 0), since), float(record.end or 0), record.packets or 0
        rows.setdefault(name, []).append(window)
    return {name: sorted(rows[name]) for name in sorted(rows)}


def _words(box: tuple[float, float, int]) -> str:
    start, end, packets = box
    return f"{clock(start)} to {clock(end)} ({end - start:.0f} s) {packets} packets"


def _draw(rows: Boxes, begun: float, ended: float, packets: str, alt: str) -> Drawing:
    windows = [window for boxes in rows.values() for window in boxes]
    first = min(begun, *(start for start, _, _ in windows))
    last = max(ended, *(end for _, end, _ in windows))
    left = _MARGIN + _LABELS

    def x(moment: float) -> float:
        return round(left + (moment - first) * _WIDTH / (last - first), 1)

    foot = _TOP + _ROW * len(rows)
    drawing = Drawing(left + _WIDTH + 2 * _MARGIN, foot + 40, "Windows of each network interface", alt)
    drawing.words(_MARGIN, 18, packets, bold=True)
    drawing.box(x(begun), 28, max(x(ended) - x(begun), 2), 16, fill=ORANGE, stroke=BLACK, corner=2)
    for number, (name, boxes) in enumerate(rows.items()):
        y = _TOP + _ROW * number
        drawing.words(_MARGIN, y + 22, name, bold=True, room=_LABELS - 8)
        for start, end, count in boxes:
            drawing.box(x(start), y, x(end) - x(start), 34, fill=LIGHT[BLUE], stroke=BLUE, corner=2)
            drawing.words((x(start) + x(end)) / 2, y + 22, str(count), size=12, middle=True)
    for moment in (begun, ended):
        drawing.path([(x(moment), 44), (x(moment), foot)], stroke=GREY, thick=1, dash="2 4")
    drawing.words(left, foot + 8, clock(first), size=11, mono=True)
    drawing.words(left + _WIDTH, foot + 8, clock(last), size=11, mono=True, right=True)
    legend = "box: one window (one record); number: packets in it; time of day in UTC"
    drawing.words(left, foot + 28, legend, size=11)
    return drawing
