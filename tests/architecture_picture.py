"""The rooms of ``helpers`` in one picture, made from the imports: ``python -m tests.architecture_picture``.

It writes the picture, text in the language of Mermaid, into ``docs/architecture.md`` between its two fences.
"""

import sys
from collections.abc import Mapping

from tests.modules import ROOT, modules

PAGE = ROOT / "docs" / "architecture.md"
COMMAND = "python -m tests.architecture_picture"
_OPENING, _CLOSING = "```mermaid\n", "```\n"


def rooms() -> dict[str, set[str]]:
    """Each room and the rooms that its modules import; not what begins with an underscore, which is for everybody."""
    imported: dict[str, set[str]] = {module.room: set() for module in modules() if not module.room.startswith("_")}
    for module in modules():
        for name, _ in module.imports():
            top, _, rest = name.partition(".")
            room = rest.partition(".")[0]
            if top == "helpers" and module.room in imported and room in imported and room != module.room:
                imported[module.room].add(room)
    return imported


def drawn(imported: Mapping[str, set[str]]) -> str:
    """The picture: an arrow from each room to those it imports, without what follows from two other arrows."""
    reached = {room: _below(room, imported) for room in imported}
    lines = ["flowchart TD"]
    for room in sorted(imported, key=lambda name: (-len(reached[name]), name)):
        near = sorted(below for below in imported[room] if not any(below in reached[other] for other in imported[room]))
        lines += [f"    {room} --> {below}" for below in near]
        if not near and not any(room in others for others in imported.values()):
            lines.append(f"    {room}")
    lines.append("    lab -. starts as a process, calls over HTTP .-> sandbox")
    return "\n".join(lines) + "\n"


def _below(room: str, imported: Mapping[str, set[str]]) -> set[str]:
    """The rooms that a room imports, and those that they import. Raises ``RecursionError`` for a circle."""
    return imported[room].union(*(_below(below, imported) for below in imported[room]))


def in_page(page: str) -> str:
    """The picture that stands in the page."""
    return page.split(_OPENING)[1].split(_CLOSING)[0]


def main() -> int:
    """Draw the picture into the page."""
    page = PAGE.read_text("utf-8")
    PAGE.write_text(page.replace(_OPENING + in_page(page), _OPENING + drawn(rooms())), "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
