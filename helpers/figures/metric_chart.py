"""A metric over time in a box of a drawing: its periods as levels, an axis from zero, and lines for thresholds."""

from collections.abc import Sequence
from datetime import UTC, datetime

from helpers.figures.svg import BAD, BLUE, DARK_BLUE, DARK_PURPLE, GOOD, GREY, VERMILLION, Drawing

Points = Sequence[tuple[float, float]]
"""(Epoch seconds, value) pairs in order of time."""
COLOURS = (DARK_BLUE, BAD, GOOD, DARK_PURPLE)
_DASHES = ("", "7 4", "2 3", "10 3 2 3")


def plain(value: float) -> str:
    """``12`` or ``0.25``."""
    return f"{value:,.0f}" if value == int(value) else f"{value:,.2f}"


def hour(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%H:%M")


def draw_chart(
    drawing: Drawing,
    box: tuple[float, float, float, float],
    series: Sequence[Points],
    span: tuple[float, float],
    period: float,
    threshold: float | None = None,
) -> None:
    """Draw into ``box`` (left, top, width, height).

    A point is a level line over its ``period`` in seconds, as far as that is in the ``span``, with a dot at its start.
    Where points are missing, there is no line.
    """
    left, top, width, height = box
    values = [value for points in series for _, value in points]
    highest = max([*values, threshold or 0, 1])

    def place(at: float, value: float) -> tuple[float, float]:
        across = left + (at - span[0]) / (span[1] - span[0]) * width
        return round(min(max(across, left), left + width), 1), round(top + height - value / highest * height, 1)

    drawing.box(left, top, width, height, fill="#FFFFFF", stroke=GREY, thick=1, corner=0)
    for value in (0, highest):
        drawing.words(left - 6, place(span[0], value)[1] + 4, plain(value), size=11, right=True)
    for number, points in enumerate(series):
        colour = COLOURS[number % len(COLOURS)]
        for run in _runs(points, period):
            levels = [place(moment, value) for at, value in run for moment in (at, at + period)]
            drawing.path(levels, stroke=colour, thick=1.5, dash=_DASHES[number % len(_DASHES)])
        for at, value in points if len(points) < 120 else ():
            if at >= span[0]:
                drawing.dot(*place(at, value), 2.5, fill=colour, stroke=colour)
    if threshold is not None:
        y = place(span[0], threshold)[1]
        drawing.line(left, y, left + width, y, stroke=VERMILLION, thick=2, dashed=True)
    if not values:
        drawing.words(left + width / 2, top + height / 2, "no points", size=12, fill=BLUE, middle=True)
    drawing.words(left, top + height + 15, hour(span[0]), size=11, mono=True)
    drawing.words(left + width, top + height + 15, hour(span[1]), size=11, mono=True, right=True)


def _runs(points: Points, period: float) -> list[list[tuple[float, float]]]:
    """The points without a gap between them."""
    runs: list[list[tuple[float, float]]] = []
    for point in points:
        if runs and point[0] <= runs[-1][-1][0] + period:
            runs[-1].append(point)
        else:
            runs.append([point])
    return runs


def in_words(label: str, points: Points) -> str:
    """``RejectedSsh: 3 points, from 0 to 12, the last 2 at 09:12``."""
    if not points:
        return f"{label}: no points"
    values = [value for _, value in points]
    last = f"the last {plain(values[-1])} at {hour(points[-1][0])}"
    count = "1 point" if len(points) == 1 else f"{len(points)} points"
    return f"{label}: {count}, from {plain(min(values))} to {plain(max(values))}, {last}"
