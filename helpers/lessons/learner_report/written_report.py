"""Claims with their evidence, and the report that they make: masked, as Markdown and as one HTML file."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from html import escape
from pathlib import Path
from typing import Any

from helpers._html import table
from helpers.lessons.errors import LessonError
from helpers.lessons.learner_report.escaping import as_code, as_prose, as_quote
from helpers.lessons.learner_report.text_mask import TextMask, left_unmasked
from helpers.lessons.outcome import Message
from helpers.lessons.progress import default_path

SECTIONS = ("Overview", "Architecture", "Implementation steps", "Security", "Cost", "Key takeaways")
FILES = ("write_up.md", "write_up.html", "write_up-network.svg")
LIMITS = (
    "Each claim stands above the evidence that it came from. What was not done is not claimed. Account ids, ids of "
    "resources and public addresses are replaced by words such as eni-1. The course knows checks and records, and not "
    "who worked. So nothing here proves who did it, or that nobody changed this file."
)
_HEAD = (
    '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, '
    'initial-scale=1"><meta name="color-scheme" content="light"><meta http-equiv="Content-Security-Policy" '
    "content=\"default-src 'none'; style-src 'unsafe-inline'\"><style>body{font:16px/1.5 system-ui,sans-serif;"
    "color:#1b1b1b;background:#fff;max-width:72rem;margin:0 auto;padding:1rem;overflow-wrap:anywhere}pre,.wide{"
    "overflow-x:auto;overflow-wrap:normal}pre{background:#f5f5f5;padding:.6rem}table{border-collapse:collapse;"
    "font-size:.9rem}td,th{border:1px solid #bbb;padding:.2rem .5rem;text-align:left}h1{line-height:1.2}"
    "p{max-width:60rem}svg{max-width:100%;min-width:56rem;height:auto}"
    "figure{margin:0}.place{border-left:6px solid #d55e00;padding-left:.8rem}figcaption,.source{color:#555;"
    "font-size:.9rem}blockquote{border-left:3px solid #bbb;margin:0;padding-left:1rem}</style></head><body><main>\n"
)
ADDED = "added by the author of this report"
_SCROLLS = '<div class="wide" role="group" tabindex="0" aria-label="Scroll sideways to see all of it">'
Mask = Callable[[str], str]


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture of the report: SVG, what is to be seen in it, and all of it in words."""

    svg: str
    alt: str
    text: str


@dataclass(frozen=True, slots=True)
class Evidence:
    """Where a claim comes from (``source``), and what was there: a text as it stands, rows, an answer, or a picture."""

    source: str
    text: str = ""
    rows: Sequence[Mapping[str, Any]] = ()
    quote: str = ""
    picture: Picture | None = None

    def __bool__(self) -> bool:
        return bool(self.source.strip() and (self.text.strip() or self.rows or self.quote.strip() or self.picture))


@dataclass(frozen=True, slots=True)
class ReportClaim:
    """One thing that the report says. Raises :class:`LessonError` without evidence, and for an unknown section."""

    section: str
    text: str
    evidence: tuple[Evidence, ...]
    title: str = ""

    def __post_init__(self) -> None:
        if self.section not in SECTIONS:
            raise LessonError(f"There is no section {self.section!r}; there are {', '.join(SECTIONS)}.")
        if not self.text.strip() or not self.evidence or not all(self.evidence):
            raise LessonError(f"A claim needs its evidence, and {self.text!r} has none.")


@dataclass(frozen=True, slots=True)
class WriteUp:
    """The report of one lab. ``place`` says where the lab is; ``account`` is the id that is masked as account-1."""

    title: str
    place: str
    facts: Mapping[str, str]
    claims: tuple[ReportClaim, ...]
    account: str

    def with_claim(self, section: str, text: str, *lines: str | Iterable[str]) -> "WriteUp":
        """The same report with one claim more, of your own; ``lines`` are its evidence, for example records.

        A list of lines, or a column of a table, is taken as its lines. Raises :class:`LessonError` where there is no
        evidence, or no such section, and for what is no text.
        """
        given: list[Any] = []
        for each in lines:
            given.extend([each] if isinstance(each, str) or not isinstance(each, Iterable) else each)
        if not all(isinstance(part, str) for part in (text, *given)):
            raise LessonError("A claim is a text, and its evidence is text, too: for example lines of records.")
        evidence = Evidence(ADDED, "\n".join(given))
        return replace(self, claims=(*self.claims, ReportClaim(section, text, (evidence,))))

    @property
    def markdown(self) -> str:
        """The report as Markdown; its picture is a file beside it. Raises :class:`LessonError` where an id is left."""
        return _passed("\n\n".join(_MARKDOWN[kind](content) for kind, content in self._blocks()) + "\n")

    @property
    def html(self) -> str:
        """The report as one HTML file that loads nothing. Raises :class:`LessonError` where an id is left."""
        body = "\n".join(_HTML[kind](content) for kind, content in self._blocks())
        return _passed(f"{_HEAD}{body}\n</main></body></html>\n")

    def save(self, folder: Path | None = None) -> Message:
        """Write the report beside your progress, in ``my/``, or in another folder. Raises what writing raises."""
        folder = folder or default_path().parent
        pictures = [_passed(content.svg) for kind, content in self._blocks() if kind == "picture"]
        contents = dict(zip(FILES, [self.markdown, self.html, *pictures], strict=False))
        folder.mkdir(parents=True, exist_ok=True)
        for name, content in contents.items():
            (folder / name).write_text(content, encoding="utf-8")
        names = ", ".join(f"`{name}`" for name in contents)
        return Message(f"The report makes {len(self.claims)} claims. It is in {names}, in the folder `{folder.name}`.")

    def _blocks(self) -> Iterator[tuple[str, Any]]:
        """What stands in the report, in order and masked: the kind of each part, and the part."""
        mask = self._mask()
        yield from (("title", mask(self.title)), ("place", mask(self.place)))
        yield "facts", {key: mask(value) for key, value in self.facts.items()}
        for section in SECTIONS:
            claims = [claim for claim in self.claims if claim.section == section]
            yield from [("section", section)] if claims else []
            for claim in claims:
                yield from [("heading", mask(claim.title))] if claim.title else []
                yield "claim", mask(claim.text)
                for evidence in claim.evidence:
                    yield from _parts(evidence, mask)
        yield from (("section", "What this report shows"), ("claim", LIMITS))

    def _mask(self) -> TextMask:
        """A mask that has seen the account and the claims, so that every file has the same words for the same ids."""
        mask = TextMask()
        mask(self.account)
        for claim in self.claims:
            mask(f"{claim.title} {claim.text}")
            for evidence in claim.evidence:
                [*_parts(evidence, mask)]
        return mask

    def __str__(self) -> str:
        return self.markdown

    def _repr_mimebundle_(self, **_: Any) -> dict[str, Any]:
        """In a notebook, what is claimed and where it comes from: the files have the whole report."""
        mask, head = self._mask(), ("section", "claim", "evidence")
        rows = [
            [claim.section, mask(claim.text), mask("; ".join(each.source for each in claim.evidence))]
            for claim in self.claims
        ]
        words = "\n".join([self.title, *(" | ".join(row) for row in rows)])
        return {"text/plain": _passed(words), "text/html": _passed(table(head, rows, caption=self.title))}


def _parts(evidence: Evidence, mask: Mask) -> Iterator[tuple[str, Any]]:
    yield "source", mask(evidence.source)
    if evidence.picture:
        yield "picture", Picture(*map(mask, (evidence.picture.svg, evidence.picture.alt, evidence.picture.text)))
    if evidence.text:
        yield "text", mask(evidence.text)
    if evidence.rows:
        head = list(evidence.rows[0])
        yield "rows", [head, *([mask(str(row.get(key, ""))) for key in head] for row in evidence.rows)]
    if evidence.quote:
        yield "quote", mask(evidence.quote)


def _passed(text: str) -> str:
    """The last look: a report that still holds what looks like an account id or a key is not given."""
    if left := left_unmasked(text):
        raise LessonError(f"The report would show {len(left)} times what looks like an account id or an access key.")
    return text


def _rows_in_markdown(rows: Sequence[Sequence[str]]) -> str:
    written = [f"| {' | '.join(map(as_prose, row))} |" for row in rows]
    return "\n".join([written[0], f"|{' --- |' * len(rows[0])}", *written[1:]])


def _picture_in_html(picture: Picture) -> str:
    words = f"<details><summary>The same in words</summary><pre>{escape(picture.text)}</pre></details>"
    caption = f"<figcaption>{escape(picture.alt)}</figcaption>"
    return f"<figure>{_SCROLLS}{picture.svg}</div>{caption}{words}</figure>"


_MARKDOWN: Mapping[str, Callable[[Any], str]] = {
    "title": lambda text: f"# {as_prose(text)}",
    "place": lambda text: f"**{as_prose(text)}**",
    "facts": lambda facts: "\n".join(f"- {key}: {as_prose(value)}" for key, value in facts.items()),
    "section": lambda text: f"## {text}",
    "heading": lambda text: f"### {as_prose(text)}",
    "claim": as_prose,
    "source": lambda text: f"*Evidence: {as_prose(text)}*",
    "picture": lambda picture: f"![{as_prose(picture.alt)}]({FILES[2]})\n\n{as_code(picture.text)}",
    "text": as_code,
    "rows": _rows_in_markdown,
    "quote": as_quote,
}
_HTML: Mapping[str, Callable[[Any], str]] = {
    "title": lambda text: f"<title>{escape(text)}</title><h1>{escape(text)}</h1>",
    "place": lambda text: f'<p class="place"><strong>{escape(text)}</strong></p>',
    "facts": lambda facts: f"<ul>{''.join(f'<li>{key}: {escape(value)}</li>' for key, value in facts.items())}</ul>",
    "section": lambda text: f"<h2>{text}</h2>",
    "heading": lambda text: f"<h3>{escape(text)}</h3>",
    "claim": lambda text: f"<p>{escape(text)}</p>",
    "source": lambda text: f'<p class="source">Evidence: {escape(text)}</p>',
    "picture": _picture_in_html,
    "text": lambda text: f'<pre tabindex="0">{escape(text)}</pre>',
    "rows": lambda rows: f"{_SCROLLS}{table(rows[0], rows[1:])}</div>",
    "quote": lambda text: f"<blockquote>{'<br>'.join(map(escape, text.splitlines()))}</blockquote>",
}
