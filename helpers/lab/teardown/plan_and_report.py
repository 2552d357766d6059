"""What a teardown says: the plan, the report and what is left, as values that print as tables."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape
from typing import Literal, get_args

from helpers._html import table

Outcome = Literal["done", "gone", "kept", "failed"]
_WIDEST = 100
_Table = tuple[str, Sequence[str], Sequence[tuple[str, ...]]]
"""A caption, the heads and the rows."""


class _Shown:
    """What prints as tables, then sentences."""

    __slots__ = ()

    def _tables(self) -> Iterator[_Table]:
        raise NotImplementedError

    def _sentences(self) -> Iterator[str]:
        raise NotImplementedError

    def __str__(self) -> str:
        return "\n\n".join([*(_text(*shown) for shown in self._tables()), *self._sentences()])

    def __repr__(self) -> str:
        return str(self)

    def _repr_html_(self) -> str:
        tables = [table(head, rows, caption=caption) for caption, head, rows in self._tables()]
        return "".join([*tables, *(f"<p>{escape(sentence)}</p>" for sentence in self._sentences())])


@dataclass(frozen=True, slots=True)
class TeardownStep:
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
    """A resource of the lab that stays, because something that is not the lab's depends on it, or may."""

    kind: str
    id: str
    name: str
    because: str

    def __str__(self) -> str:
        return f"{self.kind} {self.id} ({self.name}): {self.because}"


@dataclass(frozen=True, slots=True, repr=False)
class TeardownPlan(_Shown):
    """What will go, in the order in which it will go; ``kept`` is what will stay, with the reason.

    ``unseen``: what could not be looked at, with the reason: ``"roles (AccessDenied)"``. ``len(plan)`` and iteration
    are over the steps. A plan without steps is falsy.
    """

    prefix: str
    steps: tuple[TeardownStep, ...] = ()
    kept: tuple[Kept, ...] = ()
    unseen: tuple[str, ...] = ()

    def __iter__(self) -> Iterator[TeardownStep]:
        return iter(self.steps)

    def __len__(self) -> int:
        return len(self.steps)

    def _tables(self) -> Iterator[_Table]:
        rows = [(str(number), s.action, s.kind, s.id, s.name, s.why) for number, s in enumerate(self.steps, 1)]
        if rows:
            yield f"Teardown of lab {self.prefix}: {len(rows)} steps, in this order", ("#", *_STEP_HEAD), rows
        yield from _kept(self.kept)

    def _sentences(self) -> Iterator[str]:
        if not self.steps and not self.kept and not self.unseen:
            yield f"Nothing carries the tags of lab {self.prefix!r}: there is nothing to take down."
        yield from _unseen(self.unseen)


@dataclass(frozen=True, slots=True)
class StepResult:
    """What became of one step.

    ``outcome``: ``done``; ``gone`` (it was not there any more); ``kept`` (something that is not the lab's depends on
    it); ``failed`` (AWS or the wait for it said no; ``detail`` has its words).
    """

    step: TeardownStep
    outcome: Outcome
    detail: str = ""


@dataclass(frozen=True, slots=True, repr=False)
class Report(_Shown):
    """What a run did, step by step. ``ok`` says that nothing failed, was kept, or could not be looked at."""

    prefix: str
    results: tuple[StepResult, ...] = ()
    kept: tuple[Kept, ...] = ()
    unseen: tuple[str, ...] = ()

    @property
    def ok(self) -> bool:
        return not self.kept and not self.unseen and all(result.outcome in ("done", "gone") for result in self.results)

    @property
    def failed(self) -> tuple[StepResult, ...]:
        return tuple(result for result in self.results if result.outcome == "failed")

    def __iter__(self) -> Iterator[StepResult]:
        return iter(self.results)

    def __len__(self) -> int:
        return len(self.results)

    def _tables(self) -> Iterator[_Table]:
        outcomes = Counter(result.outcome for result in self.results)
        said = ", ".join(f"{outcomes[outcome]} {outcome}" for outcome in get_args(Outcome) if outcomes[outcome])
        rows = [(r.outcome, r.step.action, r.step.kind, r.step.id, r.step.name, r.detail) for r in self.results]
        if rows:
            yield f"Teardown of lab {self.prefix}: {said}", _RESULT_HEAD, rows
        yield from _kept(self.kept)

    def _sentences(self) -> Iterator[str]:
        if not self.results and not self.kept and not self.unseen:
            yield f"Lab {self.prefix!r} had nothing to take down."
        yield from _unseen(self.unseen)


@dataclass(frozen=True, slots=True)
class Leftover:
    """One resource that still belongs to the lab, and what is known about the reason."""

    kind: str
    id: str
    name: str
    why: str


@dataclass(frozen=True, slots=True, repr=False)
class Leftovers(_Shown):
    """What is left of a lab in one Region: falsy when nothing is and everything could be looked at.

    ``lookalikes`` are named like the lab's resources but do not carry its tags: they are told, not counted, and so are
    ``elsewhere``, the other Regions in which the lab has resources. ``unseen``: what could not be looked at, with the
    reason: ``"roles (AccessDenied)"``.
    """

    prefix: str
    region: str
    items: tuple[Leftover, ...] = ()
    lookalikes: tuple[Leftover, ...] = ()
    elsewhere: tuple[str, ...] = ()
    unseen: tuple[str, ...] = ()

    def __iter__(self) -> Iterator[Leftover]:
        return iter(self.items)

    def __len__(self) -> int:
        return len(self.items)

    def __bool__(self) -> bool:
        return bool(self.items or self.unseen)

    def _tables(self) -> Iterator[_Table]:
        rows = [(item.kind, item.id, item.name, item.why) for item in self.items]
        if rows:
            yield f"Left of lab {self.prefix} in {self.region}: {len(rows)}", _LEFT_HEAD, rows

    def _sentences(self) -> Iterator[str]:
        there = f"; it has resources in {', '.join(self.elsewhere)}" if self.elsewhere else ""
        if not self.items and self.unseen:
            yield f"Nothing of lab {self.prefix!r} was seen in {self.region}{there}."
        elif not self.items:
            yield f"Nothing is left of lab {self.prefix!r} in {self.region}{there}."
        if called := ", ".join(f"{item.kind} {item.id}" for item in self.lookalikes):
            yield f"Not touched, because the names fit but the lab's tags are missing: {called}."
        yield from _unseen(self.unseen)


_STEP_HEAD = ("Action", "Kind", "Id", "Name", "Why now")
_RESULT_HEAD = ("Outcome", "Action", "Kind", "Id", "Name", "Detail")
_LEFT_HEAD = ("Kind", "Id", "Name", "Why")
_KEPT_HEAD = ("Kind", "Id", "Name", "Because")
_KEPT_CAPTION = "Kept: something else depends on it, or may"


def _kept(kept: Sequence[Kept]) -> Iterator[_Table]:
    if kept:
        yield _KEPT_CAPTION, _KEPT_HEAD, [(item.kind, item.id, item.name, item.because) for item in kept]


def _unseen(unseen: Sequence[str]) -> Iterator[str]:
    if unseen:
        yield f"Not all is known: could not look at: {', '.join(unseen)}"


def _text(caption: str, head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Columns as wide as their widest cell; the last one runs free."""
    widths = [min(max(map(len, column)), _WIDEST) for column in zip(head, *rows, strict=True)]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    title = "  ".join(cell.ljust(width) for cell, width in zip(head, widths, strict=True)).rstrip()
    return "\n".join([caption, title, *lines])
