"""Draw when packets were sent, which windows counted them, and when their records became readable."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from helpers.figures.conversation_records import clock
from helpers.figures.figure import Figure
from helpers.figures.network_parts import Names
from helpers.figures.svg import BLACK, BLUE, DARK_BLUE, GOOD, GREY, LIGHT, ORANGE, Drawing, fitted
from helpers.flowlogs import DEFAULT_FORMAT, LogFormat

_MARGIN, _LABELS, _AFTER, _ROW, _MOST = 14.0, 190.0, 170.0, 40.0, 12
_TOP, _PACKETS, _AXIS = 66.0, 36.0, 54.0
_PER_SECOND, _LONGEST, _SHORTEST = 1.1, 1000.0, 420.0
_BAND = "#DCDCDC"
_TICKS = (60, 120, 300, 600, 1800, 3600, 7200, 21600, 86400)


@dataclass(frozen=True, slots=True)
class _Window:
    """An aggregation window of one network interface: seconds since the epoch, and how many records it gave."""

    interface_id: str
    start: int
    end: int
    readable: float
    records: int
    without_traffic: int

    @property
    def counts(self) -> str:
        if self.records == self.without_traffic:
            return "NODATA"
        return f"{self.records} record{'' if self.records == 1 else 's'}"


@dataclass(frozen=True, slots=True)
class _Line:
    """Everything on the time line. Moments are seconds since the epoch."""

    windows: tuple[_Window, ...]
    packets: tuple[float, ...]
    now: float
    minutes: float

    @property
    def since(self) -> float:
        return self.now - 60 * self.minutes

    @property
    def band(self) -> str:
        return f"the last {self.minutes:g} minutes"

    @property
    def found(self) -> str:
        """What somebody finds who asks now for records that start within the band."""
        seen = [window for window in self.windows if self.since <= window.start <= self.now]
        readable = [window for window in seen if window.readable <= self.now]
        count = sum(window.records for window in readable)
        late = sum(window.records for window in seen) - count
        text = f"{count} record{'' if count == 1 else 's'} readable"
        without = sum(window.without_traffic for window in readable)
        text += f", {without} of them NODATA" if without else ""
        return text + (f", {late} not delivered yet" if late else "")


def timeline_figure(
    events: Iterable[Mapping[str, Any]],
    now: datetime | float,
    packets: Iterable[datetime | float] = (),
    names: Mapping[str, str] | None = None,
    *,
    minutes: float = 5,
    log_format: LogFormat | str = DEFAULT_FORMAT,
) -> Figure:
    """Packets, aggregation windows and delivery on one time line, with the last minutes before now as a grey band.

        show(timeline_figure(events, lab.now(), packets=[pinged_at], names=names))

    ``events`` are log events of ``FilterLogEvents`` (``message``, ``timestamp`` and ``ingestionTime`` in
    milliseconds); ``now`` and ``packets`` are moments: datetimes with a time zone, or epoch seconds. ``names`` maps ids
    of network interfaces to names. A box is a window; its arrow ends when its records could be read. The newest twelve
    windows are drawn, the text holds all. Raises ``RecordError`` for a line of another format, and ``ValueError`` for
    one without ``start`` and ``end``.
    """
    layout = LogFormat.parse(log_format) if isinstance(log_format, str) else log_format
    sent = tuple(sorted(_seconds(packet) for packet in packets))
    line = _Line(tuple(_windows(events, layout)), sent, _seconds(now), minutes)
    called = Names(names or {})
    alt = _alt(line)
    return Figure(str(_draw(line, called, alt)).encode(), "image/svg+xml", alt, _text(line, called))


def _seconds(moment: datetime | float) -> float:
    return moment.timestamp() if isinstance(moment, datetime) else float(moment)


def _windows(events: Iterable[Mapping[str, Any]], layout: LogFormat) -> list[_Window]:
    counted: dict[tuple[int, str, int, float], list[bool]] = {}
    for event in events:
        record = layout.read(event["message"])
        if record.start is None or record.end is None:
            raise ValueError(f"A time line needs start and end, and this line has none: {event['message']}")
        key = record.start, record.interface_id or "flow log", record.end, event["ingestionTime"] / 1000
        counted.setdefault(key, []).append(record.log_status in ("NODATA", "SKIPDATA"))
    return [
        _Window(interface_id, start, end, readable, len(empty), sum(empty))
        for (start, interface_id, end, readable), empty in sorted(counted.items())
    ]


# --- in words ---------------------------------------------------------------------------------------------------


def _alt(line: _Line) -> str:
    count = sum(window.records for window in line.windows)
    text = f"{count} record{'' if count == 1 else 's'} of {len(line.windows)} aggregation windows"
    if line.windows:
        waits = [window.readable - window.end for window in line.windows]
        text += f", readable {min(waits):.0f} to {max(waits):.0f} s after their window's end"
    return f"{text}. Now it is {clock(line.now)} UTC; from {line.band}: {line.found}."


def _text(line: _Line, names: Names) -> str:
    lines = [f"Packets sent: {', '.join(map(clock, line.packets))}"] if line.packets else []
    for window in line.windows:
        when = f"{clock(window.start)} to {clock(window.end)}"
        wait = f"{window.readable - window.end:.0f} s after the window's end"
        state = "readable at" if window.readable <= line.now else "not readable before"
        what = f"{names.both(window.interface_id)}, window {when}: {window.counts}"
        lines.append(f"{what}, {state} {clock(window.readable)}, {wait}")
    lines.append(f"Now: {clock(line.now)} UTC. {line.band.capitalize()} begin at {clock(line.since)}: {line.found}.")
    lines.append("Counted there are records whose start lies in these minutes.")
    return "\n".join(lines)


# --- drawn ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Scale:
    first: float
    last: float
    width: float

    def x(self, moment: float) -> float:
        return round(_MARGIN + _LABELS + (moment - self.first) * self.width / (self.last - self.first), 1)


def _draw(line: _Line, names: Names, alt: str) -> Drawing:
    shown = line.windows[-_MOST:]
    packets = [packet for packet in line.packets if not shown or packet >= shown[0].start - 1800]
    moments = [line.since, line.now, *packets]
    moments += [moment for window in shown for moment in (window.start, window.readable)]
    first, last = min(moments) - 15, max(moments) + 12
    width = min(max((last - first) * _PER_SECOND, _SHORTEST), _LONGEST)
    scale = _Scale(first, last, width)
    rest = len(line.windows) - len(shown)
    tall = _TOP + (_PACKETS if packets else 0) + _ROW * max(len(shown), 1) + _AXIS + (20 if rest else 0)
    drawing = Drawing(_MARGIN * 2 + _LABELS + width + _AFTER, tall + _MARGIN, "Windows and delivery", alt)
    foot = tall - _AXIS - (20 if rest else 0)
    _draw_band(drawing, line, scale, foot)
    _draw_axis(drawing, scale, foot)
    top = _TOP
    if packets:
        _draw_packets(drawing, packets, scale, top, foot)
        top += _PACKETS
    for number, window in enumerate(shown):
        _draw_window(drawing, window, line, names, scale, top + _ROW * number)
    if not shown:
        drawing.words(_MARGIN, top + 22, "no record yet", bold=True, fill=GREY)
    if rest:
        drawing.words(_MARGIN, tall, f"and {rest} earlier window{'' if rest == 1 else 's'} in words", bold=True)
    return drawing


def _draw_band(drawing: Drawing, line: _Line, scale: _Scale, foot: float) -> None:
    left, right = scale.x(line.since), scale.x(line.now)
    drawing.box(left, 44, right - left, foot - 44, fill=_BAND, stroke=GREY, dashed=True, corner=0)
    drawing.line(right, 40, right, foot + 6, stroke=BLACK, thick=3)
    drawing.words(_MARGIN, 17, f"{line.band}: {line.found}", bold=True, room=_LABELS + scale.width + _AFTER)
    drawing.words(right, 36, f"now {clock(line.now)} UTC", bold=True, size=12, middle=True)
    drawing.words(left, 36, clock(line.since), size=12, middle=True)
    drawing.words((left + right) / 2, 60, fitted(line.band, right - left, 12), size=12, middle=True)


def _draw_axis(drawing: Drawing, scale: _Scale, foot: float) -> None:
    drawing.line(_MARGIN + _LABELS, foot, _MARGIN + _LABELS + scale.width, foot, stroke=BLACK, thick=1.5)
    per_second = scale.width / (scale.last - scale.first)
    step = next((step for step in _TICKS if step * per_second >= 56), _TICKS[-1])
    tick = int(-(-scale.first // step)) * step
    while tick <= scale.last:
        x = scale.x(tick)
        drawing.line(x, foot, x, foot + 6, stroke=BLACK, thick=1.5)
        drawing.words(x, foot + 20, clock(tick)[:5], size=11, middle=True, mono=True)
        tick += step
    drawing.words(_MARGIN, foot + 20, "time of day, UTC", size=11)
    legend = "box: aggregation window (dashed: no traffic); arrow: until its records can be read"
    drawing.words(_MARGIN, foot + 42, legend, size=11)


def _draw_packets(drawing: Drawing, packets: list[float], scale: _Scale, top: float, foot: float) -> None:
    drawing.words(_MARGIN, top + 20, "● packets sent", bold=True, size=12)
    for packet in packets:
        x = scale.x(packet)
        drawing.path([(x, top + 20), (x, foot)], stroke=GREY, thick=1, dash="2 4")
        drawing.dot(x, top + 16, 6, fill=ORANGE, stroke=BLACK)


def _draw_window(drawing: Drawing, window: _Window, line: _Line, names: Names, scale: _Scale, y: float) -> None:
    readable = window.readable <= line.now
    drawing.words(_MARGIN, y + 15, names.of(window.interface_id), size=12, bold=True, room=_LABELS - 10)
    when = f"{clock(window.start)}-{clock(window.end)}"
    drawing.words(_MARGIN, y + 30, when, size=11, mono=True, fill=DARK_BLUE, room=_LABELS - 10)
    left, right, arrives = scale.x(window.start), scale.x(window.end), scale.x(window.readable)
    empty = window.records == window.without_traffic
    drawing.box(left, y + 5, right - left, 24, fill=LIGHT[BLUE], stroke=BLUE, dashed=empty, corner=2)
    if len(window.counts) * 6.8 <= right - left:
        drawing.words((left + right) / 2, y + 21, window.counts, size=11, middle=True)
    drawing.path(
        [(right, y + 17), (arrives, y + 17)], stroke=BLACK if readable else GREY, dash="" if readable else "5 5",
        arrow=True,
    )  # fmt: skip
    word = f"✓ readable {clock(window.readable)}" if readable else f"not before {clock(window.readable)}"
    beside = _MARGIN + _LABELS + scale.width + 14
    drawing.words(beside, y + 21, word, size=11, bold=True, fill=GOOD if readable else GREY)
