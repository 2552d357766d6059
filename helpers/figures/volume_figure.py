"""Draw what a gigabyte costs over the volume: a line for each way, from its smallest volume to its largest."""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from math import log10

from helpers.figures.figure import Figure
from helpers.figures.metric_chart import COLOURS
from helpers.figures.svg import GREY, Drawing
from helpers.pricing import PriceError

_LEFT, _TOP, _WIDTH, _HEIGHT, _RIGHT = 64.0, 34.0, 460.0, 240.0, 250.0
_DASHES = ("", "8 4", "2 4", "10 3 2 3")
_APART = 18.0
Line = Sequence[tuple[float, float]]


def volume_figure(ways: Mapping[str, Mapping[float, float]]) -> Figure:
    """What a GB costs by each way, over the volume of a month on a scale of tens.

        show(volume_figure({"S3": {1: 0.3, 100: 29.0}, "Logs": {1: 0.6, 100: 60.0}}))

    ``ways`` maps the words beside a line to the month's costs in US dollars, by the month's volume in GB; a volume is
    more than 0. Raises ``PriceError`` where nothing is to be drawn.
    """
    lines = {way: sorted((gb, cost / gb) for gb, cost in months.items()) for way, months in ways.items() if months}
    if not lines:
        raise PriceError("There is no volume to draw.")
    volumes = sorted({gb for line in lines.values() for gb, _ in line})
    cheapest = {gb: min(lines, key=lambda way: dict(lines[way]).get(gb, float("inf"))) for gb in volumes}
    text = [f"{_gb(gb)} a month: {_each(lines, gb)}; the least: {cheapest[gb]}" for gb in volumes]
    changes = [gb for before, gb in pairwise(volumes) if cheapest[before] != cheapest[gb]]
    steps = [f"from {_gb(gb)} a month on: {cheapest[gb]}" for gb in (volumes[0], *changes)]
    alt = f"What a GB costs over the volume, in USD. The least costs, {'; '.join(steps)}."
    return Figure(str(_draw(lines, volumes, alt)).encode(), "image/svg+xml", alt, "\n".join(text))


def _gb(volume: float) -> str:
    return f"{volume:,.0f} GB" if volume >= 1 else f"{volume:g} GB"


def _each(lines: Mapping[str, Line], gb: float) -> str:
    return ", ".join(f"{way} {dict(line)[gb]:.3f} USD" for way, line in lines.items() if gb in dict(line))


def _draw(lines: Mapping[str, Line], volumes: Sequence[float], alt: str) -> Drawing:
    highest = max(each for line in lines.values() for _, each in line) or 1.0
    first, last = log10(volumes[0]), log10(volumes[-1])

    def place(gb: float, each: float) -> tuple[float, float]:
        across = (log10(gb) - first) / ((last - first) or 1)
        return round(_LEFT + across * _WIDTH, 1), round(_TOP + _HEIGHT - each / highest * _HEIGHT, 1)

    drawing = Drawing(_LEFT + _WIDTH + _RIGHT, _TOP + _HEIGHT + 50, "Cost over volume", alt)
    drawing.words(16, 20, "USD for each GB", size=12, bold=True)
    for part in range(5):
        each = highest * part / 4
        y = place(volumes[0], each)[1]
        drawing.line(_LEFT, y, _LEFT + _WIDTH, y, stroke="#D0D0D0", thick=1)
        drawing.words(_LEFT - 8, y + 4, f"{each:.2f}", size=11, right=True)
    drawing.line(_LEFT, _TOP, _LEFT, _TOP + _HEIGHT, stroke=GREY, thick=1.5)
    for gb in volumes:
        if log10(gb) == int(log10(gb)):
            x, y = place(gb, 0)
            drawing.line(x, y, x, y + 5, stroke=GREY, thick=1)
            drawing.words(x, y + 19, f"{gb:,g}", size=11, middle=True)
    drawing.words(_LEFT + _WIDTH / 2, _TOP + _HEIGHT + 40, "GB of records a month, as text", size=12, middle=True)
    _lines(drawing, {way: [place(*point) for point in line] for way, line in lines.items()})
    return drawing


def _lines(drawing: Drawing, lines: Mapping[str, Line]) -> None:
    """The lines, and their words at their ends, not one on the other."""
    styles = {way: (COLOURS[at % len(COLOURS)], _DASHES[at % len(_DASHES)]) for at, way in enumerate(lines)}
    below = _TOP
    for way, points in sorted(lines.items(), key=lambda item: item[1][-1][1]):
        colour, dash = styles[way]
        drawing.path(points, stroke=colour, thick=2.5, dash=dash)
        x, y = points[-1]
        below = max(y, below)
        drawing.path([(x, y), (x + 18, below)], stroke=colour, thick=1)
        drawing.words(x + 24, below + 4, way, size=12, fill=colour, bold=True, room=_RIGHT - 32)
        below += _APART
