"""What "you should see" cells promise, held against what an executed notebook shows."""

import json
from collections.abc import Iterator, Mapping
from html import unescape
from pathlib import Path
from typing import Any

import nbformat

from helpers.lessons.content import lessons

PROMISE = "ou should see"


def broken_promises(executed: Path) -> Iterator[str]:
    """A sentence for each promise that the outputs above its cell do not keep."""
    lesson = lessons().get(executed.name[:2])
    promises = lesson.promises if lesson else {}
    above = ""
    for cell in nbformat.read(executed, as_version=4).cells:
        if cell.cell_type == "code":
            above += "".join(_text(output) for output in cell.outputs)
        elif PROMISE in cell.source:
            yield from _missing(promises, cell.id, cell.source, above, executed.name)
            above = ""


def _missing(promises: Mapping[str, Any], cell: str, prose: str, above: str, name: str) -> Iterator[str]:
    for words, shown in promises.get(cell, ()):
        if words not in prose:
            yield f"{name}, cell {cell} does not say {words!r}, which the content lists as its promise"
        if shown not in above:
            yield f"{name}, cell {cell} promises {words!r}, but no output above it holds {shown!r}"


def _text(output: Any) -> str:
    """An output as a reader sees it: text, tables with and without their marks, an error's words.

    A busy kernel may cut what a cell prints anywhere, so streams are joined as they come.
    """
    if output.output_type == "stream":
        return str(output.text)
    data = output.get("data", {})
    parts = [
        output.get("text", ""),
        *(str(data.get(kind, "")) for kind in ("text/plain", "text/html", "text/markdown")),
    ]
    return unescape("\n".join(parts) + json.dumps(output.get("traceback", "")))
