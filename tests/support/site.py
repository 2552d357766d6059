"""What is wrong with a built site: links and anchors that lead nowhere, things from outside, pictures without words."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote

_LOADED = {"script": "src", "img": "src", "iframe": "src", "source": "src"}


@dataclass
class Page(HTMLParser):
    """One page's links, anchors, and what it loads."""

    links: list[str] = field(default_factory=list)
    anchors: set[str] = field(default_factory=set)
    loaded: list[str] = field(default_factory=list)
    wordless: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        self.anchors |= {given[name] for name in ("id", "name") if given.get(name)}
        if tag == "a" and given.get("href"):
            self.links.append(given["href"])
        if tag == "link" and given.get("rel") in ("stylesheet", "preload", "icon"):
            self.loaded.append(given["href"])
        if tag in _LOADED and given.get(_LOADED[tag]):
            self.loaded.append(given[_LOADED[tag]])
        if tag == "img" and not given.get("alt"):
            self.wordless.append(given.get("src", "")[:60])


@cache
def read(path: Path) -> Page:
    page = Page()
    page.feed(path.read_text("utf-8"))
    return page


def problems(site: Path) -> Iterator[str]:
    """A sentence for each fault of each page."""
    for path in sorted(site.rglob("*.html")):
        page, name = read(path), path.relative_to(site).as_posix()
        yield from (f"{name} loads {what[:80]} from outside" for what in page.loaded if re.match(r"(https?:)?//", what))
        yield from (f"{name} has a picture without words: {what}" for what in page.wordless)
        if "<p>| " in path.read_text("utf-8"):
            yield f"{name} shows the source of a table"
        yield from (f"{name} links to {link}, which is not there" for link in page.links if not _leads(path, link))


def _leads(path: Path, link: str) -> bool:
    if re.match(r"[a-z]+:", link):
        return True
    name, _, anchor = link.partition("#")
    target = (path.parent / unquote(name)) if name else path
    if not target.is_file():
        return False
    return not anchor or target.suffix != ".html" or unquote(anchor) in read(target).anchors
