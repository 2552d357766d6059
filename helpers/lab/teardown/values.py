"""What a teardown says: the plan, the report and what is left, as values that print as tables."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape
from typing import Literal

Outcome = Literal["done", "gone", "kept", "failed"]
_WIDEST = 100


@dataclass(frozen=True, slots=True)
class Step:
    """One thing to do: ``action`` on one resource. ``why`` is the reason for its place in the order."""

    action: str
    kind: str
    id: str
    name: str
    why: str

    @property
    def key(self) -> tuple[str, str, str]:
        """What the step does, apart from how it is told."""
        return self.action, self.kind, self.id

    def __str__(self) -> str:
        called = f" ({self.name})" if self.name and self.name != self.id else ""
        return f"{self.action}: {self.kind} {self.id}{called}"


@dataclass(frozen=True, slots=True)
class Kept:
    """A resource of the lab that stays, because something that is not the lab's depends on it."""

    kind: str
    id: str
    name: str
    because: str

    def __str__(self) -> str:
        return f"{self.kind} {self.id} ({self.name}): {self.because}"


@dataclass(frozen=True, slots=True)
class Plan:
    """What will go, in the order in which it will go; ``kept`` is what will stay, with the reason.

    ``len(plan)`` and iteration are over the steps. A plan without steps is falsy.
    """

    prefix: str
    steps: tuple[Step, ...] = ()
    kept: tuple[Kept, ...] = ()

    def __iter__(self) -> Iterator[Step]:
        return iter(self.steps)

    def __len__(self) -> int:
        return len(self.steps)

    def __str__(self) -> str:
        if not self.steps and not self.kept:
            return f"Nothing carries the tags of lab {self.prefix!r}: there is nothing to take down."
        return _text(self._caption(), ("", *_STEP_HEAD), self._rows()) + _kept_text(self.kept)

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return _html(self._caption(), ("#", *_STEP_HEAD), self._rows()) + _kept_html(self.kept)

    def _caption(self) -> str:
        return f"Teardown of lab {self.prefix}: {len(self.steps)} steps, in this order"

    def _rows(self) -> list[tuple[str, ...]]:
        return [(str(number), s.action, s.kind, s.id, s.name, s.why) for number, s in enumerate(self.steps, 1)]


@dataclass(frozen=True, slots=True)
class Result:
    """What became of one step.

    ``outcome``: ``done``; ``gone`` (it was not there any more); ``kept`` (something that is not the lab's depends on
    it); ``failed`` (AWS or the wait for it said no; ``detail`` has its words).
    """

    step: Step
    outcome: Outcome
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Report:
    """What a run did, step by step. ``ok`` says that nothing failed and nothing was kept."""

    prefix: str
    results: tuple[Result, ...] = ()
    kept: tuple[Kept, ...] = ()

    @property
    def ok(self) -> bool:
        return not self.kept and all(result.outcome in ("done", "gone") for result in self.results)

    @property
    def failed(self) -> tuple[Result, ...]:
        return tuple(result for result in self.results if result.outcome == "failed")

    def __iter__(self) -> Iterator[Result]:
        return iter(self.results)

    def __len__(self) -> int:
        return len(self.results)

    def __str__(self) -> str:
        if not self.results and not self.kept:
            return f"Lab {self.prefix!r} had nothing to take down."
        return _text(self._caption(), _RESULT_HEAD, self._rows()) + _kept_text(self.kept)

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return _html(self._caption(), _RESULT_HEAD, self._rows()) + _kept_html(self.kept)

    def _caption(self) -> str:
        count = {
            outcome: sum(r.outcome == outcome for r in self.results) for outcome in ("done", "gone", "kept", "failed")
        }
        said = ", ".join(f"{number} {outcome}" for outcome, number in count.items() if number)
        return f"Teardown of lab {self.prefix}: {said or 'nothing to do'}"

    def _rows(self) -> list[tuple[str, ...]]:
        return [(r.outcome, r.step.action, r.step.kind, r.step.id, r.step.name, r.detail) for r in self.results]


@dataclass(frozen=True, slots=True)
class Leftover:
    """One resource that still belongs to the lab, and what is known about the reason."""

    kind: str
    id: str
    name: str
    why: str


@dataclass(frozen=True, slots=True)
class Leftovers:
    """What is left of a lab: empty and falsy when nothing is.

    ``lookalikes`` are named like the lab's resources but do not carry its tags: they are told, not counted.
    """

    prefix: str
    items: tuple[Leftover, ...] = ()
    lookalikes: tuple[Leftover, ...] = ()

    def __iter__(self) -> Iterator[Leftover]:
        return iter(self.items)

    def __len__(self) -> int:
        return len(self.items)

    def __str__(self) -> str:
        if not self.items:
            return f"Nothing is left of lab {self.prefix!r}." + self._aside()
        return _text(self._caption(), _LEFT_HEAD, self._rows()) + self._aside()

    __repr__ = __str__

    def _repr_html_(self) -> str:
        if not self.items:
            return f"<p>{escape(str(self))}</p>"
        return _html(self._caption(), _LEFT_HEAD, self._rows()) + f"<p>{escape(self._aside())}</p>"

    def _caption(self) -> str:
        return f"Left of lab {self.prefix}: {len(self.items)}"

    def _rows(self) -> list[tuple[str, ...]]:
        return [(item.kind, item.id, item.name, item.why) for item in self.items]

    def _aside(self) -> str:
        if not self.lookalikes:
            return ""
        called = ", ".join(f"{item.kind} {item.id}" for item in self.lookalikes)
        return f"\nNot touched, because the names fit but the lab's tags are missing: {called}."


_STEP_HEAD = ("Action", "Kind", "Id", "Name", "Why now")
_RESULT_HEAD = ("Outcome", "Action", "Kind", "Id", "Name", "Detail")
_LEFT_HEAD = ("Kind", "Id", "Name", "Why")
_KEPT_HEAD = ("Kind", "Id", "Name", "Because")
_KEPT_CAPTION = "Kept: something that is not this lab's depends on it"


def _kept_rows(kept: Sequence[Kept]) -> list[tuple[str, ...]]:
    return [(item.kind, item.id, item.name, item.because) for item in kept]


def _kept_text(kept: Sequence[Kept]) -> str:
    return "\n\n" + _text(_KEPT_CAPTION, _KEPT_HEAD, _kept_rows(kept)) if kept else ""


def _kept_html(kept: Sequence[Kept]) -> str:
    return _html(_KEPT_CAPTION, _KEPT_HEAD, _kept_rows(kept)) if kept else ""


def _text(caption: str, head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Columns as wide as their widest cell; the last one runs free."""
    widths = [min(max(map(len, column)), _WIDEST) for column in zip(head, *rows, strict=True)]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    title = "  ".join(cell.ljust(width) for cell, width in zip(head, widths, strict=True)).rstrip()
    return "\n".join([caption, title, *lines])


def _html(caption: str, head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    left = 'style="text-align:left"'  # JupyterLab sets tables to the right, which is for numbers
    heads = "".join(f'<th scope="col" {left}>{escape(cell)}</th>' for cell in head)
    body = "".join(
        f'<tr><th scope="row">{escape(row[0])}</th>'
        + "".join(f"<td {left}>{escape(cell)}</td>" for cell in row[1:])
        + "</tr>"
        for row in rows
    )
    table = f"<thead><tr>{heads}</tr></thead><tbody>{body}</tbody>"
    return f"<table><caption>{escape(caption)}</caption>{table}</table>"
