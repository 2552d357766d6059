"""A picture together with its text, and how a notebook shows it."""

import base64
import io
from dataclasses import dataclass
from html import escape
from typing import Any


@dataclass(frozen=True, slots=True)
class Figure:
    """A picture and what it says.

    ``image`` is the file's content, ``media_type`` for example ``image/svg+xml``; ``alt`` says in a sentence or two
    what is to be seen; ``text`` holds everything that the picture shows, in words, or is empty.
    """

    image: bytes
    media_type: str
    alt: str
    text: str = ""

    @property
    def html(self) -> str:
        """The picture with its text, for any theme and width.

        The picture brings its own light ground. Where the window is narrower it is scrolled, not made smaller.
        """
        data = base64.b64encode(self.image).decode("ascii")
        words = ""
        if self.text:
            words = f"<details><summary>The same in words</summary>\n<pre>{escape(self.text)}</pre></details>"
        return (
            '<figure style="margin:0">'
            '<div role="group" aria-label="The picture; scroll sideways to see all of it" tabindex="0" '
            'style="overflow-x:auto;max-width:100%">'
            f'<img alt="{escape(self.alt)}" src="data:{self.media_type};base64,{data}" style="max-width:none"></div>'
            f"<figcaption>{escape(self.alt)}</figcaption>{words}</figure>"
        )

    def __str__(self) -> str:
        return f"{self.alt}\n{self.text}" if self.text else self.alt

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return self.html


def show(figure: Any, alt: str | None = None) -> None:
    """Show a picture with its text: a :class:`Figure`, or a figure of matplotlib.

    ``alt`` says what is to be seen, for those who cannot see it and for logs; a :class:`Figure` brings its own. Raises
    ``ValueError`` where there is no text, ``TypeError`` for what is no figure.
    """
    from IPython.display import display

    shown = figure if isinstance(figure, Figure) else _of_matplotlib(figure, alt)
    if alt is not None:
        shown = Figure(shown.image, shown.media_type, alt.strip(), shown.text)
    if not shown.alt:
        raise ValueError('A picture needs its text: show(figure, alt="what is to be seen").')
    display({"text/html": shown.html, "text/plain": str(shown)}, raw=True)  # type: ignore[no-untyped-call]


def _of_matplotlib(figure: Any, alt: str | None) -> Figure:
    if not hasattr(figure, "savefig"):
        raise TypeError(f"show() takes a Figure or a figure of matplotlib, not {type(figure).__name__}.")
    content = io.BytesIO()
    figure.savefig(content, format="png", dpi=110, bbox_inches="tight", facecolor="white", metadata={"Software": None})
    _close(figure)
    return Figure(content.getvalue(), "image/png", (alt or "").strip())


def _close(figure: Any) -> None:
    """So that the notebook does not show it a second time at the end of the cell."""
    from matplotlib import pyplot

    pyplot.close(figure)
