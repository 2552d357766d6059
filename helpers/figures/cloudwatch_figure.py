"""Draw what CloudWatch consists of, with the learner's own log groups in it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from helpers.figures.figure import Figure
from helpers.figures.svg import BLACK, BLUE, GREY, LIGHT, ORANGE, PURPLE, Drawing, wrapped

_WIDTH, _MARGIN, _PAD, _LINE = 660.0, 14.0, 12.0, 17.0
_LOGS, _ARROW, _HEAD, _PART = 330.0, 106.0, 40.0, 96.0
_MOST = 8
_CLASSES = {"STANDARD": "Standard", "INFREQUENT_ACCESS": "Infrequent Access", "DELIVERY": "Delivery"}
_PARTS = (
    ("Metrics", "numbers over time, for example rejected packets a minute", PURPLE),
    ("Alarms", "watch a metric, and act beyond a threshold", ORANGE),
    ("Dashboards", "pages with metrics, alarms and results of queries", GREY),
)


@dataclass(frozen=True, slots=True)
class _ToldGroup:
    """A log group as its reply rows tell it, in words."""

    name: str
    facts: tuple[str, ...]
    filters: int


def cloudwatch_figure(groups: Sequence[Mapping[str, Any]]) -> Figure:
    """CloudWatch as four boxes: Logs with your log groups, Metrics, Alarms and Dashboards.

    ``groups`` are the rows of DescribeLogGroups: class, retention, stored bytes and metric filters of each group are
    shown.
    """
    told = [_told(group) for group in sorted(groups, key=lambda group: str(group["logGroupName"]))]
    count = sum(group.filters for group in told)
    filters = f"{count or 'no'} metric filter{'' if count == 1 else 's'}"
    alt = (
        f"CloudWatch has Logs, Metrics, Alarms and Dashboards. Logs holds {len(told) or 'no'} log "
        f"group{'' if len(told) == 1 else 's'}, and {filters} make{'s' if count == 1 else ''} metrics of them."
    )
    lines = [f"{name}: {what}" for name, what, _ in _PARTS]
    lines.insert(0, "Logs: lines of text, kept in log groups")
    lines[1:1] = [line for group in told for line in (f"  {group.name}", *(f"    {fact}" for fact in group.facts))]
    return Figure(str(_draw(told, count, alt)).encode(), "image/svg+xml", alt, "\n".join(lines))


# --- what there is ----------------------------------------------------------------------------------------------


def _told(group: Mapping[str, Any]) -> _ToldGroup:
    name, days = str(group["logGroupName"]), group.get("retentionInDays")
    kind = str(group.get("logGroupClass", "not told"))
    facts = [
        f"class {_CLASSES.get(kind, kind)}",
        f"retention {days} days" if days else "never expires",
        f"{_size(group.get('storedBytes', 0))} stored",
    ]
    return _ToldGroup(name, tuple(facts), int(group.get("metricFilterCount", 0)))


def _size(count: int) -> str:
    size, unit = float(count), "bytes"
    for larger in ("KB", "MB", "GB"):
        if size < 1024:
            break
        size, unit = size / 1024, larger
    return f"{size:,.0f} {unit}" if unit == "bytes" else f"{size:,.1f} {unit}"


# --- drawn ------------------------------------------------------------------------------------------------------


def _draw(groups: list[_ToldGroup], filters: int, alt: str) -> Drawing:
    shown = groups[:_MOST]
    heights = [_card_height(group) for group in shown]
    rest = len(groups) > _MOST or not groups
    logs = 64 + sum(height + 8 for height in heights) + (24 if rest else 4)
    inner = max(logs, 3 * _PART + 2 * 34)
    drawing = Drawing(_WIDTH, 2 * _MARGIN + _HEAD + inner + _PAD, "CloudWatch", alt)
    drawing.box(_MARGIN, _MARGIN, _WIDTH - 2 * _MARGIN, _HEAD + inner + _PAD, fill="#FFFFFF", stroke=BLACK, corner=10)
    drawing.words(_MARGIN + _PAD, _MARGIN + 26, "Amazon CloudWatch", size=16, bold=True)
    left, top = _MARGIN + _PAD, _MARGIN + _HEAD
    drawing.box(left, top, _LOGS, inner, fill=LIGHT[BLUE], stroke=BLUE, thick=2)
    drawing.words(left + _PAD, top + 24, "Logs", size=15, bold=True)
    drawing.words(left + _PAD, top + 43, "lines of text, kept in log groups", size=12)
    y = top + 56
    for group, height in zip(shown, heights, strict=True):
        _draw_group(drawing, group, left + _PAD, y, height)
        y += height + 8
    if rest:
        words = f"and {len(groups) - _MOST} more log groups" if groups else "no log group yet"
        drawing.words(left + _PAD, y + 14, words, size=12)
    _draw_parts(drawing, left + _LOGS, top, filters)
    return drawing


def _card_height(group: _ToldGroup) -> float:
    return 30 + _LINE * sum(len(_lines(fact)) for fact in group.facts) + 4


def _lines(fact: str) -> list[str]:
    return wrapped(fact, _LOGS - 4 * _PAD, 12)


def _draw_group(drawing: Drawing, group: _ToldGroup, x: float, y: float, height: float) -> None:
    width = _LOGS - 2 * _PAD
    drawing.box(x, y, width, height, fill="#FFFFFF", stroke=BLUE)
    drawing.words(x + _PAD, y + 20, group.name, mono=True, bold=True, room=width - 2 * _PAD)
    foot = y + 20 + _LINE + 2
    for fact in group.facts:
        foot = drawing.paragraph(x + _PAD, foot, fact, width - 2 * _PAD, size=12, line=_LINE)


def _draw_parts(drawing: Drawing, logs_end: float, top: float, filters: int) -> None:
    """The three other boxes; an arrow from Logs says how many filters make metrics, broken where there is none."""
    x = logs_end + _ARROW
    width = _WIDTH - _MARGIN - _PAD - x
    for number, (name, what, colour) in enumerate(_PARTS):
        y = top + number * (_PART + 34)
        drawing.box(x, y, width, _PART, fill=LIGHT[colour], stroke=colour, thick=2)
        drawing.words(x + _PAD, y + 24, name, size=15, bold=True)
        drawing.paragraph(x + _PAD, y + 45, what, width - 2 * _PAD)
        if number:
            middle = x + width / 2
            drawing.path([(middle, y - 30), (middle, y - 4)], stroke=BLACK, arrow=True)
    line = top + 52
    dash = "" if filters else "5 4"
    drawing.path([(logs_end + 4, line), (x - 4, line)], stroke=BLACK, dash=dash, arrow=True)
    drawing.words(logs_end + _ARROW / 2, line - 10, "metric filters:", size=12, middle=True)
    drawing.words(logs_end + _ARROW / 2, line + 20, str(filters or "none"), size=12, middle=True)
