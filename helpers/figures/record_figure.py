"""Draw one line of a flow log with a bracket under each group of fields: who, the 5-tuple, how much, which action."""

from helpers.figures.figure import Figure
from helpers.figures.svg import BLACK, DARK_BLUE, DARK_PURPLE, GOOD, Drawing
from helpers.flowlogs import DEFAULT_FORMAT

_MARGIN, _SIZE, _GAP, _WIDTH = 14.0, 13.0, 14.0, 0.603
_GROUPS = (
    (3, "who wrote it", BLACK),
    (8, "5-tuple: who sent to whom", DARK_BLUE),
    (12, "how much, and when", DARK_PURPLE),
    (14, "what the filters did", GOOD),
)


def record_figure(line: str) -> Figure:
    """One line of the default format in two rows: above each value its field, and a bracket below each group.

        show(record_figure(event["message"]))

    Raises ``RecordError`` for a line of another format.
    """
    DEFAULT_FORMAT.read(line)
    values = dict(zip(DEFAULT_FORMAT.names, line.split(), strict=True))
    parts: list[tuple[str, str, dict[str, str]]] = []
    first = 0
    for last, title, colour in _GROUPS:
        group = {name: values[name] for name in DEFAULT_FORMAT.names[first:last]}
        parts.append((f"{title} (fields {first + 1} to {last})", colour, group))
        first = last
    text = "\n".join(f"{title}: " + ", ".join(f"{k} {v}" for k, v in fields.items()) for title, _, fields in parts)
    alt = f"The record {line.strip()}, in four groups of fields."
    drawing = Drawing(2 * _MARGIN + max(_wide(parts[0:2]), _wide(parts[2:4])), 220, "One record, four groups", alt)
    for number, (title, colour, fields) in enumerate(parts):
        top = 26.0 + 104 * (number // 2)
        x = _MARGIN + (_wide(parts[number - 1 : number]) if number % 2 else 0)
        begin = x
        for name, value in fields.items():
            drawing.words(x, top, name, size=11, mono=True, fill=colour)
            drawing.words(x, top + 22, value, size=_SIZE, mono=True, bold=True)
            x += _column(name, value)
        ends = [(begin, top + 32), (begin, top + 40), (x - _GAP, top + 40), (x - _GAP, top + 32)]
        drawing.path(ends, stroke=colour, thick=2.5)
        drawing.words(begin, top + 58, title, size=12, bold=True, fill=colour)
    return Figure(str(drawing).encode(), "image/svg+xml", alt, text)


def _column(name: str, value: str) -> float:
    return max(len(name) * 11, len(value) * _SIZE) * _WIDTH + _GAP


def _wide(parts: list[tuple[str, str, dict[str, str]]]) -> float:
    return sum(max(_columns(fields), len(title) * 12 * 0.62 + _GAP) for title, _, fields in parts)


def _columns(fields: dict[str, str]) -> float:
    return sum(_column(name, value) for name, value in fields.items())
