"""Draw a flowchart written as Mermaid does, for pages that have no Mermaid: the few forms that the course uses."""

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from helpers.figures.figure import Figure
from helpers.figures.svg import BLACK, BLUE, DARK_BLUE, GREY, LIGHT, Drawing, wrapped

_NODE = r'(\w[\w-]*)\s*(?:\["?(.*?)"?\]|\{"?(.*?)"?\}|\("?(.*?)"?\))?'
_ARROW = r'(?:--+>|-\.+->|--\s*"?(.+?)"?\s*--+>|-\.\s*"?(.+?)"?\s*\.->)(?:\|"?(.+?)"?\|)?'
_EDGE = re.compile(rf"^\s*{_NODE}\s*{_ARROW}\s*{_NODE}\s*;?\s*$")
_ALONE = re.compile(rf"^\s*{_NODE}\s*;?\s*$")
_WIDEST, _SIZE, _LINE, _PAD, _ACROSS, _DOWN, _MARGIN = 170.0, 12.0, 16.0, 9.0, 34.0, 62.0, 12.0


@dataclass(frozen=True, slots=True)
class Arrow:
    """From one node to another; ``words`` stand beside it."""

    start: str
    end: str
    words: str
    dotted: bool


@dataclass(frozen=True, slots=True)
class _Box:
    lines: tuple[str, ...]
    x: float
    y: float
    width: float
    height: float

    @property
    def middle(self) -> float:
        return self.x + self.width / 2


def flowchart_figure(text: str) -> Figure:
    """A flowchart from top to bottom as a picture with its text.

    ``text`` is Mermaid's, of lines such as ``a["Any record?"] -->|no| b["Look at the sender"]``. Raises ``ValueError``
    for a line of another form.
    """
    words, arrows = _read(text)
    ranks = _ranks(words, arrows)
    rows = _rows(words, arrows, ranks)
    told = [f"{words[arrow.start]} → {f'{arrow.words}: ' if arrow.words else ''}{words[arrow.end]}" for arrow in arrows]
    alt = f"A flowchart of {len(words)} boxes and {len(arrows)} arrows, from {words[rows[0][0]]!r}."
    return Figure(_draw(words, arrows, rows, alt).encode(), "image/svg+xml", alt, "\n".join(told))


def _read(text: str) -> tuple[Mapping[str, str], Sequence[Arrow]]:
    first, *lines = [line for line in text.splitlines() if line.strip()]
    if not re.fullmatch(r"\s*(flowchart|graph) (TD|TB)\s*", first):
        raise ValueError(f"a flowchart begins with flowchart TD, not with {first!r}")
    words: dict[str, str] = {}
    arrows = []
    for line in lines:
        if found := _EDGE.match(line):
            parts = found.groups()
            start, end = _node(parts[:4], words), _node(parts[7:], words)
            arrows.append(Arrow(start, end, _plain(next(filter(None, parts[4:7]), "")), "-." in line))
        elif alone := _ALONE.match(line):
            _node(alone.groups(), words)
        else:
            raise ValueError(f"a flowchart's line is a node or an arrow between two, not {line.strip()!r}")
    return words, arrows


def _node(parts: Sequence[str | None], words: dict[str, str]) -> str:
    name, *texts = parts
    said = next(filter(None, texts), "")
    if said or name not in words:
        words[str(name)] = _plain(said) or str(name)
    return str(name)


def _plain(text: str) -> str:
    return " ".join(re.sub(r"<br\s*/?>|[`*]", " ", text).split())


def _ranks(words: Mapping[str, str], arrows: Sequence[Arrow]) -> Mapping[str, int]:
    """How far down each node stands: below all that lead to it by solid arrows, unless that would be a circle."""
    ranks = dict.fromkeys(words, 0)
    for _ in words:
        for arrow in arrows:
            if not arrow.dotted and ranks[arrow.end] <= ranks[arrow.start] < len(words):
                ranks[arrow.end] = ranks[arrow.start] + 1
    return ranks


def _rows(words: Mapping[str, str], arrows: Sequence[Arrow], ranks: Mapping[str, int]) -> list[list[str]]:
    """The nodes row by row, each near the middle of those above that lead to it."""
    above: dict[str, list[str]] = defaultdict(list)
    for arrow in arrows:
        if ranks[arrow.start] < ranks[arrow.end]:
            above[arrow.end].append(arrow.start)
    place: dict[str, float] = {}
    rows = []
    for rank in sorted(set(ranks.values())):
        row = [name for name in words if ranks[name] == rank]
        row.sort(key=lambda name: sum(place[start] for start in above[name]) / max(len(above[name]), 1))
        place |= {name: (number + 0.5) / len(row) for number, name in enumerate(row)}
        rows.append(row)
    return rows


def _boxes(words: Mapping[str, str], rows: Sequence[Sequence[str]]) -> tuple[Mapping[str, _Box], float, float]:
    lines = {name: tuple(wrapped(words[name], _WIDEST - 2 * _PAD, _SIZE)) for name in words}
    widths = {name: max(len(line) for line in lines[name]) * _SIZE * 0.62 + 2 * _PAD for name in words}
    whole = max(sum(widths[name] for name in row) + _ACROSS * (len(row) - 1) for row in rows)
    boxes, y = {}, _MARGIN
    for row in rows:
        height = max(len(lines[name]) for name in row) * _LINE + 2 * _PAD
        gap = (whole - sum(widths[name] for name in row)) / (len(row) + 1)
        x = _MARGIN + gap
        for name in row:
            boxes[name] = _Box(lines[name], x, y, widths[name], height)
            x += widths[name] + max(gap, _ACROSS if len(row) > 1 and not gap else gap)
        y += height + _DOWN
    right = max(box.x + box.width for box in boxes.values())
    return boxes, right + _MARGIN, y - _DOWN + _MARGIN


def _draw(words: Mapping[str, str], arrows: Sequence[Arrow], rows: Sequence[Sequence[str]], alt: str) -> str:
    boxes, width, height = _boxes(words, rows)
    drawing = Drawing(width, height, "Flowchart", alt)
    for arrow in arrows:
        start, end = boxes[arrow.start], boxes[arrow.end]
        down = start.y < end.y
        first = (start.middle, start.y + start.height if down else start.y)
        last = (end.middle, end.y if down else end.y + end.height)
        drawing.path([first, last], stroke=GREY, thick=1.5, dash="6 4" if arrow.dotted else "", arrow=True)
    for box in boxes.values():
        drawing.box(box.x, box.y, box.width, box.height, fill=LIGHT[BLUE], stroke=BLUE)
        for number, line in enumerate(box.lines):
            y = box.y + _PAD + 12 + number * _LINE
            drawing.words(box.middle, y, line, size=_SIZE, fill=BLACK, middle=True)
    for arrow in arrows:
        start, end = boxes[arrow.start], boxes[arrow.end]
        lines = wrapped(arrow.words, _WIDEST, 11)
        x = start.middle + 0.62 * (end.middle - start.middle)
        y = start.y + start.height + 0.62 * (end.y - start.y - start.height) - 7 * (len(lines) - 1)
        for number, line in enumerate(lines):
            room = len(line) * 11 * 0.62 + 8
            drawing.box(
                x - room / 2, y + 14 * number - 11, room, 15, fill="#FFFFFF", stroke="#FFFFFF", thick=0, corner=0
            )
            drawing.words(x, y + 14 * number + 1, line, size=11, fill=DARK_BLUE, middle=True, bold=True)
    return str(drawing)
