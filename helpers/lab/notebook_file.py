"""A notebook as its file holds it: plain dictionaries, in the form that this project keeps them in."""

import json
from pathlib import Path
from typing import Any

Document = dict[str, Any]


def read_notebook(path: Path) -> Document:
    """The document. Raises ``OSError`` or ``ValueError`` where the file cannot be read or is not JSON."""
    document: Document = json.loads(path.read_text(encoding="utf-8"))
    return document


def write_notebook(notebook: Document, path: Path) -> None:
    """Write it with one space of indent and no escapes."""
    path.write_text(json.dumps(notebook, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def source_of(cell: Document) -> str:
    """A cell's text, which a file holds as one string or as a list of lines."""
    return "".join(cell["source"])
