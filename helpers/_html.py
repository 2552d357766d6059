"""A table as HTML, for whatever shows itself in a notebook: every text from outside is escaped."""

from collections.abc import Iterable, Sequence
from html import escape

Cell = str | tuple[str, str]
"""A text, or a text with the words that appear when it is pointed at."""


def table(head: Iterable[str], rows: Iterable[Sequence[Cell]], *, caption: str = "") -> str:
    """The rows under their headings.

    With a caption it is a table of words: the first cell of a row is its heading, and the others are set to the left
    (JupyterLab sets tables to the right, which is for numbers).
    """
    left = ' style="text-align:left"' if caption else ""
    heads = "".join(f'<th scope="col"{left}>{escape(text)}</th>' for text in head)
    body = "".join(f"<tr>{''.join(_cells(row, caption, left))}</tr>" for row in rows)
    above = f"<caption>{escape(caption)}</caption>" if caption else ""
    return f"<table>{above}<thead><tr>{heads}</tr></thead><tbody>{body}</tbody></table>"


def _cells(row: Sequence[Cell], caption: str, left: str) -> Iterable[str]:
    for place, cell in enumerate(row):
        text, title = (cell, "") if isinstance(cell, str) else cell
        attributes = f'{left} title="{escape(title)}"' if title else left
        if caption and place == 0:
            yield f'<th scope="row">{escape(text)}</th>'
        else:
            yield f"<td{attributes}>{escape(text)}</td>"
