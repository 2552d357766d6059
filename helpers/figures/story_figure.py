"""Draw a time line of an incident: one row for each event that somebody dated."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from helpers.figures.figure import Figure
from helpers.figures.svg import BLACK, BLUE, GREY, LIGHT, Drawing
from helpers.flowlogs.moments import moment

_LEFT, _WIDTH, _TOP, _ROW, _AFTER = 190.0, 560.0, 40.0, 30.0, 80.0
_DAY, _HOUR, _LONG = 86_400, 3600, 12 * 3600


def story_figure(events: Mapping[str, Any], since: float, until: float) -> Figure:
    """The events in order of time, from ``since`` until ``until`` (epoch seconds); None: not known yet.

        show(story_figure({"login": "01:20", "silence": None}, since, until))

    A time of day, such as "01:20", is the last such moment before ``until`` (UTC); other forms are those of
    :func:`helpers.flowlogs.moments.moment`. Raises ``ValueError`` for what is none of them.
    """
    dated = {name: _moment(name, when, until) for name, when in events.items() if when is not None}
    order = sorted(dated, key=dated.__getitem__)
    unknown = [name for name in events if name not in dated]
    lines = [f"{_clock(dated[name])} {name}" for name in order] + [f"--:-- {name}" for name in unknown]
    alt = f"Time line of {len(order)} of {len(events)} events" + (
        f": {', '.join(lines[: len(order)])}." if order else "."
    )
    drawing = Drawing(_LEFT + _WIDTH + _AFTER, _TOP + _ROW * (len(lines) + 1) + 10, "Time line", alt)
    bottom = _TOP + _ROW * len(lines)
    tick = 3 * _HOUR if until - since > _LONG else _HOUR // 2
    for hour in range(-(-int(since) // tick) * tick, int(until) + 1, tick):
        x = _x(hour, since, until)
        drawing.line(x, _TOP - 8, x, bottom, stroke=LIGHT[GREY], thick=1)
        drawing.words(x, bottom + 20, _clock(hour), size=11, middle=True, mono=True)
    for number, name in enumerate([*order, *unknown]):
        y = _TOP + _ROW * number + 12
        drawing.words(14, y + 4, name, size=12, bold=name in dated, room=_LEFT - 24)
        if name in dated:
            x = _x(min(max(dated[name], since), until), since, until)
            drawing.dot(x, y, 6, fill=BLUE, stroke=BLACK)
            drawing.words(x + 10, y + 4, _clock(dated[name]), size=12, mono=True)
    drawing.words(14, bottom + 20, "time of day, UTC", size=11)
    return Figure(str(drawing).encode(), "image/svg+xml", alt, "\n".join(lines))


def _x(moment: float, since: float, until: float) -> float:
    return round(_LEFT + (moment - since) * _WIDTH / (until - since), 1)


def _clock(moment: float) -> str:
    return datetime.fromtimestamp(moment, UTC).strftime("%H:%M")


def _moment(name: str, value: Any, until: float) -> float:
    read = moment(value)
    if read is None:
        raise ValueError(f'{name}: {value!r} is no time. Write one such as "00:40", or None for a row to stay empty.')
    return read if read >= _DAY else until - (until - read) % _DAY
