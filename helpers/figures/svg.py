"""A small drawing in SVG: boxes, lines and words, always on an opaque light ground."""

import textwrap
from collections.abc import Sequence
from html import escape

# Okabe and Ito's colours; every difference is said in words, too. GOOD to DARK_PURPLE are dark enough for words: at
# least 4.5 to 1 on white and on the light grounds.
BLACK, GREY, BLUE, GREEN, ORANGE, PURPLE, VERMILLION = (
    *("#000000", "#555555", "#0072B2", "#009E73", "#E69F00", "#CC79A7", "#D55E00"),
)
LIGHT = {
    GREY: "#F2F2F2", GREEN: "#E5F4EF", ORANGE: "#FCF3DF", BLUE: "#E5F0F7", PURPLE: "#F8EAF2", VERMILLION: "#FBEADF",
}  # fmt: skip
GOOD, BAD, DARK_BLUE, DARK_PURPLE = "#00664B", "#9E3D00", "#005A8C", "#7A3560"

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

    def path(
        self, points: Sequence[tuple[float, float]], *, stroke: str, thick: float = 2, dash: str = "",
        arrow: bool = False,
    ) -> None:  # fmt: skip
        """A line through points, solid or with a pattern such as ``7 5``; ``arrow`` puts a head on its last point."""
        line = " ".join(f"{x:g},{y:g}" for x, y in points)
        more = f' stroke-dasharray="{dash}"' if dash else ""
        self._parts.append(
            f'<polyline points="{line}" fill="none" stroke="{stroke}" stroke-width="{thick:g}" '
            f'stroke-linejoin="round"{more}/>'
        )
        if arrow:
            self._parts.append(f'<polygon points="{_head(points[-2], points[-1], 4 + 2 * thick)}" fill="{stroke}"/>')

    def dot(self, x: float, y: float, radius: float, *, fill: str, stroke: str) -> None:
        self._parts.append(
            f'<circle cx="{x:g}" cy="{y:g}" r="{radius:g}" fill="{fill}" stroke="{stroke}" stroke-width="1.5"/>'
        )

    def paragraph(
        self, x: float, y: float, text: str, room: float, *, size: float = 12, line: float = 16, fill: str = "#000000",
        bold: bool = False,
    ) -> float:  # fmt: skip
        """Lines that fit into ``room``, the first with its foot at ``y``; returns where the next would stand."""
        for part in wrapped(text, room, size):
            self.words(x, y, part, size=size, fill=fill, bold=bold)
            y += line
        return y

    def words(
        self, x: float, y: float, text: str, *, size: float = 13, fill: str = "#000000", bold: bool = False,
        mono: bool = False, middle: bool = False, right: bool = False, room: float | None = None,
    ) -> None:  # fmt: skip
        """One line of text; where it does not fit into ``room`` it is cut and ends in an ellipsis.

        It begins at ``x``, or has its ``middle`` there, or ends there (``right``).
        """
        font = MONO if mono else SANS
        if room is not None:
            text = fitted(text, room, size, mono=mono)
        more = ' font-weight="bold"' if bold else ""
        more += ' text-anchor="middle"' if middle else ' text-anchor="end"' if right else ""
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


def wrapped(text: str, room: float, size: float, *, mono: bool = False) -> list[str]:
    """The text in lines that fit into ``room`` pixels; a word that is too long is broken."""
    most = max(int(room / (size * _WIDTHS[MONO if mono else SANS])), 1)
    return textwrap.wrap(text, most, break_on_hyphens=False)


def _head(before: tuple[float, float], tip: tuple[float, float], size: float) -> str:
    """The three corners of an arrow's head at ``tip``."""
    across, down = tip[0] - before[0], tip[1] - before[1]
    length = (across**2 + down**2) ** 0.5 or 1
    across, down = across / length, down / length
    foot = tip[0] - size * across, tip[1] - size * down
    side = size * 0.5
    corners = (tip, (foot[0] - side * down, foot[1] + side * across), (foot[0] + side * down, foot[1] - side * across))
    return " ".join(f"{round(x, 2):g},{round(y, 2):g}" for x, y in corners)


def fitted(text: str, room: float, size: float, *, mono: bool = False) -> str:
    """The text, or as much of its beginning as fits into ``room`` pixels at a font of ``size`` pixels, with an
    ellipsis.
    """
    most = int(room / (size * _WIDTHS[MONO if mono else SANS]))
    return text if len(text) <= most else text[: max(most - 1, 1)].rstrip() + "…"
