"""Draw who asked whom on which port, and what became of it: a scan is a full row."""

from collections.abc import Mapping, Sequence

import pandas as pd

from helpers.figures.figure import Figure
from helpers.figures.port_verdicts import (
    Port,
    PortColumn,
    Verdicts,
    answers_by_pair,
    columns_of,
    numbers_in_words,
    verdicts_by_pair,
)
from helpers.figures.svg import BLACK, GREY, LIGHT, Drawing

_MARGIN, _LABEL, _CELL, _ROW, _HEAD, _GAP = 14.0, 176.0, 68.0, 42.0, 44.0, 2.0
_MOST_ROWS, _MOST_ANSWERS = 12, 4
# From pale to strong: 1 to 2 records, 3 to 9, 10 to 99, 100 and more. White words on the last.
_STEPS = (3, 10, 100)
_SHADES = {
    "accepted": ("#E5F0F7", "#B7D7EA", "#7DB8DA", "#0069A6"),
    "rejected": ("#FBEADF", "#F5CBAF", "#EBA06E", "#A34100"),
    "both": ("#F3E7F0", "#E3C3D7", "#D3A0C0", "#84376B"),
}
_LEGEND = {"accepted": "✓ accepted", "rejected": "✗ rejected", "both": "✓ ✗ both"}


def ports_figure(table: pd.DataFrame, names: Mapping[str, str] | None = None) -> Figure:
    """A heat map of verdicts: a row for each source and destination, a column for each destination port.

    ``table`` is a flow table of :func:`helpers.flowlogs.read_table`; ``names`` maps addresses to names. A cell has the
    number of records and their verdict. Below, in grey, are the answers of servers, the pairs with the most ports: what
    a rule that counts destination ports takes for a scan. Records without a verdict are left out; of more than twelve
    ports neighbours share columns. Raises ``ValueError`` where a column of the table is missing.
    """
    pairs = verdicts_by_pair(table)
    called = {pair: (_called(pair[0], names or {}), _called(pair[1], names or {})) for pair in pairs}
    shown = dict(list(pairs.items())[:_MOST_ROWS])
    columns = columns_of(shown.values())
    rows = [(called[pair], [_cell(ports, column) for column in columns]) for pair, ports in shown.items()]
    lines = [f"{' → '.join(called[pair])}: {_in_words(ports)}" for pair, ports in pairs.items()]
    answers = _answers(table, names or {})
    lines += [f"answers, {' → '.join(pair)}: {words}" for pair, words in answers]
    alt = _alt(pairs, called)
    drawing = _draw(rows, columns, answers[:_MOST_ANSWERS], len(pairs) - len(rows), alt)
    return Figure(str(drawing).encode(), "image/svg+xml", alt, "\n".join(lines))


def _answers(table: pd.DataFrame, names: Mapping[str, str]) -> list[tuple[tuple[str, str], str]]:
    """Who answered whom, and to how many ports."""
    rows = []
    for (source, destination), ports in answers_by_pair(table).items():
        most = sorted(ports.items(), key=lambda item: (-len(item[1]), item[0]))
        words = ", ".join(f"{len(to)} from port {port}" for port, to in most[:3])
        total = len(set().union(*ports.values()))
        rows.append(((_called(source, names), _called(destination, names)), f"{_count(total, 'port')}: {words}"))
    return rows


def _called(address: str, names: Mapping[str, str]) -> str:
    return names.get(address, address)


def _cell(ports: Mapping[Port, Verdicts], column: PortColumn) -> Verdicts:
    cell = Verdicts()
    for port in column.ports:
        if port in ports:
            cell.add(ports[port])
    return cell


def _verdict(cell: Verdicts) -> str:
    if cell.accepted and cell.rejected:
        return "both"
    return "accepted" if cell.accepted else "rejected"


def _in_words(ports: Mapping[Port, Verdicts]) -> str:
    parts = []
    for verdict, words in (("accepted", "accepted"), ("rejected", "rejected"), ("both", "accepted and rejected")):
        alike = {port: cell for port, cell in ports.items() if _verdict(cell) == verdict}
        if alike:
            records = sum(cell.total for cell in alike.values())
            parts.append(f"{words} on {numbers_in_words(alike)} ({_count(records, 'record')})")
    return "; ".join(parts)


def _count(number: int, thing: str) -> str:
    return f"{number:,} {thing}{'' if number == 1 else 's'}"


def _alt(
    pairs: Mapping[tuple[str, str], Mapping[Port, Verdicts]], called: Mapping[tuple[str, str], tuple[str, str]]
) -> str:
    if not pairs:
        return "No requests in these records."
    pair, ports = next(iter(pairs.items()))
    refused = sum(_verdict(cell) != "accepted" for cell in ports.values())
    return (
        f"{_count(len(pairs), 'pair')} of source and destination. The fullest row is {' → '.join(called[pair])}: "
        f"{_count(len(ports), 'port')}, with rejected records on {refused}."
    )


# --- drawn ------------------------------------------------------------------------------------------------------


def _draw(
    rows: Sequence[tuple[tuple[str, str], Sequence[Verdicts]]], columns: Sequence[PortColumn],
    answers: Sequence[tuple[tuple[str, str], str]], rest: int, alt: str,
) -> Drawing:  # fmt: skip
    width = max(2 * _MARGIN + _LABEL + _CELL * len(columns), 460.0)
    foot = _MARGIN + _HEAD + _ROW * len(rows)
    extra = 24 + _ROW * len(answers) if answers else 0
    drawing = Drawing(width, foot + 88 + (18 if rest else 0) + extra, "Ports", alt)
    drawing.words(_MARGIN, _MARGIN + 16, "source", size=12, bold=True)
    drawing.words(_MARGIN, _MARGIN + 32, "→ destination", size=12, bold=True)
    for number, column in enumerate(columns):
        middle = _MARGIN + _LABEL + _CELL * (number + 0.5)
        grouped = len(column.ports) > 1
        size = 11 if len(column.numbers) > 7 else 12
        drawing.words(middle, _MARGIN + 16, column.numbers, size=size, bold=True, middle=True)
        below = (
            f"{len(column.ports)} {'ports' if column.protocol == 'tcp' else column.protocol}"
            if grouped
            else column.protocol
        )
        if column.numbers != column.protocol.upper():
            drawing.words(middle, _MARGIN + 32, below, size=11, middle=True)
    for number, (pair, cells) in enumerate(rows):
        _draw_row(drawing, pair, cells, columns, _MARGIN + _HEAD + _ROW * number)
    if rest:
        drawing.words(_MARGIN, foot + 18, f"and {_count(rest, 'more pair')}", size=12)
        foot += 18
    if answers:
        _draw_answers(drawing, answers, foot + 18, width)
        foot += extra
    _draw_legend(drawing, foot + 14)
    return drawing


def _draw_row(
    drawing: Drawing, pair: tuple[str, str], cells: Sequence[Verdicts], columns: Sequence[PortColumn], y: float
) -> None:
    drawing.words(_MARGIN, y + 17, pair[0], size=12, mono=True, room=_LABEL - 6)
    drawing.words(_MARGIN, y + 33, f"→ {pair[1]}", size=12, mono=True, room=_LABEL - 6)
    for number, (cell, column) in enumerate(zip(cells, columns, strict=True)):
        _draw_cell(drawing, cell, len(column.ports), _MARGIN + _LABEL + _CELL * number, y)


def _draw_answers(drawing: Drawing, answers: Sequence[tuple[tuple[str, str], str]], y: float, width: float) -> None:
    drawing.words(_MARGIN, y, "answers: to how many ports, and from which", size=12, bold=True)
    for number, (pair, words) in enumerate(answers):
        top = y + 10 + _ROW * number
        drawing.words(_MARGIN, top + 17, pair[0], size=12, mono=True, room=_LABEL - 6)
        drawing.words(_MARGIN, top + 33, f"→ {pair[1]}", size=12, mono=True, room=_LABEL - 6)
        wide = width - 2 * _MARGIN - _LABEL
        drawing.box(_MARGIN + _LABEL, top, wide, _ROW - _GAP, fill=LIGHT[GREY], stroke="#DDDDDD", thick=1, corner=2)
        for line, text in enumerate(words.split(": ", 1)):
            drawing.words(_MARGIN + _LABEL + 8, top + 17 + 16 * line, text, size=12, room=wide - 16)


def _draw_cell(drawing: Drawing, cell: Verdicts, asked: int, x: float, y: float) -> None:
    high, wide = _ROW - _GAP, _CELL - _GAP
    if not cell.total:
        drawing.box(x, y, wide, high, fill="#FFFFFF", stroke="#DDDDDD", thick=1, corner=2)
        return
    verdict = _verdict(cell)
    shade = sum(cell.total >= step for step in _STEPS)
    ink = "#FFFFFF" if shade == len(_STEPS) else BLACK
    drawing.box(x, y, wide, high, fill=_SHADES[verdict][shade], stroke=GREY, thick=1, corner=2)
    lines = [f"{sign} {number:,}" for sign, number in (("✓", cell.accepted), ("✗", cell.rejected)) if number]
    if asked > 1 and len(lines) == 1:
        lines.append(_count(len(cell.ports), "port"))
    for number, line in enumerate(lines):
        drawing.words(
            x + wide / 2, y + (25 if len(lines) == 1 else 17 + 16 * number), line, size=12, fill=ink, middle=True
        )


def _draw_legend(drawing: Drawing, y: float) -> None:
    """The verdicts beside their colour, and what a number is."""
    x = _MARGIN
    for verdict, words in _LEGEND.items():
        drawing.box(x, y, 16, 16, fill=_SHADES[verdict][1], stroke=GREY, thick=1, corner=2)
        drawing.words(x + 22, y + 13, words, size=12)
        x += 22 + 7.5 * len(words) + 14
    drawing.words(_MARGIN, y + 36, "A number counts records. The stronger the colour, the more:", size=12)
    drawing.words(_MARGIN, y + 53, "from 3, from 10, from 100.", size=12)
