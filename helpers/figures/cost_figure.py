"""Draw months of flow logs beside each other: what each costs, in ingestion, storage and analysis."""

from collections.abc import Mapping
from decimal import Decimal

from helpers.figures.figure import Figure
from helpers.figures.svg import BLACK, BLUE, GREEN, GREY, ORANGE, Drawing
from helpers.pricing import Estimate, PriceError, money

_LEFT, _TOP, _ROW, _BAR, _ROOM, _RIGHT = 224.0, 46.0, 40.0, 24.0, 420.0, 116.0
# A part's name, its colour, and what the usage types of its meters contain.
_PARTS = (
    ("ingestion", BLUE, ("VendedLog", "Egress")),
    ("storage", ORANGE, ("TimedStorage",)),
    ("analysis", GREEN, ("DataScanned",)),
)


def cost_figure(ways: Mapping[str, Estimate]) -> Figure:
    """Estimates as stacked bars: a bar for each, with a part for ingestion, for storage and for analysis.

        show(cost_figure({"as it is": estimate(44), "keep 7 days": estimate(44, retention_days=7)}))

    ``ways`` maps the words beside a bar to its estimate. Costs are in US dollars a month, as each estimate shows them.
    Raises ``PriceError`` where there is no estimate, or where a line of one is none of the three parts.
    """
    if not ways:
        raise PriceError("There is no estimate to draw.")
    months = {way: _parts(month) for way, month in ways.items()}
    lines = [
        f"{way}: {_usd(sum(parts.values(), Decimal(0)))} a month ({_split(parts)})" for way, parts in months.items()
    ]
    first = next(iter(months))
    most = max(months[first], key=lambda part: months[first][part])
    cheapest = min(months, key=lambda way: sum(months[way].values()))
    alt = f"{lines[0]}. The largest part is {most}. The least of {len(months)}: {cheapest}."
    return Figure(str(_draw(months, alt)).encode(), "image/svg+xml", alt, "\n".join(lines))


def _parts(month: Estimate) -> dict[str, Decimal]:
    parts = {name: Decimal(0) for name, _, _ in _PARTS}
    for line in month.lines:
        usage = line.meter.usage
        part = next((name for name, _, kinds in _PARTS if any(kind in usage for kind in kinds)), None)
        if part is None:
            raise PriceError(f"{usage} is neither ingestion nor storage nor analysis.")
        parts[part] += month.cost_of(line).amount
    return parts


def _usd(amount: Decimal) -> str:
    return f"{money(amount).lstrip('$')} USD"


def _split(parts: Mapping[str, Decimal]) -> str:
    return ", ".join(f"{name} {_usd(amount)}" for name, amount in parts.items())


def _draw(months: Mapping[str, Mapping[str, Decimal]], alt: str) -> Drawing:
    highest = max(sum(parts.values()) for parts in months.values()) or Decimal(1)
    foot = _TOP + _ROW * len(months)
    drawing = Drawing(_LEFT + _ROOM + _RIGHT, foot + 14, "Cost", alt)
    x = _LEFT
    for name, colour, _ in _PARTS:
        drawing.box(x, 14, 14, 14, fill=colour, stroke=BLACK, thick=1, corner=2)
        drawing.words(x + 20, 26, name, size=12)
        x += 20 + 8 * len(name) + 24
    drawing.words(16, 26, "USD a month", size=12, bold=True)
    for number, (way, parts) in enumerate(months.items()):
        y = _TOP + _ROW * number
        drawing.words(16, y + 17, way, size=12, room=_LEFT - 24)
        left = _LEFT
        for name, colour, _ in _PARTS:
            wide = round(float(parts[name] / highest) * _ROOM, 2)
            drawing.box(left, y, wide, _BAR, fill=colour, stroke=BLACK, thick=0.5, corner=0)
            left += wide
        drawing.words(left + 8, y + 17, _usd(sum(parts.values(), Decimal(0))), size=12, bold=True)
    drawing.line(_LEFT, _TOP - 6, _LEFT, foot - _ROW + _BAR + 6, stroke=GREY, thick=1.5)
    return drawing
