"""A small drawing in SVG: boxes, lines and words, always on an opaque light ground."""

from html import escape

SANS = "DejaVu Sans, Verdana, Helvetica, Arial, sans-serif"
MONO = "DejaVu Sans Mono, Menlo, Consolas, monospace"
# Widths of a character as parts of the font's size: enough to tell whether words fit their box.
_WIDTHS = {SANS: 0.62, MONO: 0.603}


class Drawing:
    """Collects shapes and writes them in the order in which they were drawn. Sizes are in pixels."""

    def __init__(self, width: float, height: float, title: str, description: str, ground: str = "#FFFFFF") -> None:
        self._size = width, height
        self._parts = [
            f"<title>{escape(title)}</title>",
            f"<desc>{escape(description)}</desc>",
            f'<rect width="{width:g}" height="{height:g}" fill="{ground}"/>',
        ]

    def box(
        self, x: float, y: float, width: float, height: float, *, fill: str, stroke: str, dashed: bool = False,
        thick: float = 1.5, corner: float = 6,
    ) -> None:  # fmt: skip
        dash = ' stroke-dasharray="7 4"' if dashed else ""
        self._parts.append(
            f'<rect x="{x:g}" y="{y:g}" width="{width:g}" height="{height:g}" rx="{corner:g}" '
            f'fill="{fill}" stroke="{stroke}" stroke-width="{thick:g}"{dash}/>'
        )

    def line(
        self, x1: float, y1: float, x2: float, y2: float, *, stroke: str, thick: float = 2, dashed: bool = False
    ) -> None:
        dash = ' stroke-dasharray="7 5"' if dashed else ""
        self._parts.append(
            f'<line x1="{x1:g}" y1="{y1:g}" x2="{x2:g}" y2="{y2:g}" stroke="{stroke}" stroke-width="{thick:g}"{dash}/>'
        )

    def words(
        self, x: float, y: float, text: str, *, size: float = 13, fill: str = "#000000", bold: bool = False,
        mono: bool = False, middle: bool = False, room: float | None = None,
    ) -> None:  # fmt: skip
        """One line of text; where it does not fit into ``room`` it is cut and ends in an ellipsis."""
        font = MONO if mono else SANS
        if room is not None:
            text = fitted(text, room, size, mono=mono)
        more = ' font-weight="bold"' if bold else ""
        more += ' text-anchor="middle"' if middle else ""
        self._parts.append(
            f'<text x="{x:g}" y="{y:g}" font-family="{font}" font-size="{size:g}" fill="{fill}" '
            f'xml:space="preserve"{more}>{escape(text)}</text>'
        )

    def __str__(self) -> str:
        width, height = self._size
        body = "\n".join(self._parts)
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:g}" height="{height:g}" '
            f'viewBox="0 0 {width:g} {height:g}" role="img">\n{body}\n</svg>\n'
        )


def fitted(text: str, room: float, size: float, *, mono: bool = False) -> str:
    """The text, or as much of its beginning as fits, with an ellipsis."""
    most = int(room / (size * _WIDTHS[MONO if mono else SANS]))
    return text if len(text) <= most else text[: max(most - 1, 1)].rstrip() + "…"
