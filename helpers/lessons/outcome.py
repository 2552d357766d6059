"""What a check says: one of three outcomes, in words first, for eyes, screen readers and build servers alike."""

from dataclasses import dataclass
from typing import Any, Literal

CHECK_MIME = "application/vnd.workbook.check+json"
"""Beside the words, an output carries the outcome as data under this type, or a list of them: the runner reads it."""

Outcome = Literal["not attempted", "not yet", "done"]
SYMBOLS: dict[str, str] = {"not attempted": "○", "not yet": "◐", "done": "✓"}


@dataclass(frozen=True, slots=True)
class Message:
    """Something said to the learner, as Markdown; in a terminal the same characters read well enough."""

    markdown: str

    def __str__(self) -> str:
        return self.markdown

    __repr__ = __str__

    def _repr_mimebundle_(self, **_: Any) -> dict[str, Any]:
        return {"text/plain": self.markdown, "text/markdown": self.markdown}


@dataclass(frozen=True, slots=True)
class CheckReport:
    """The outcome of one check. ``key`` names the message in the content; ``course_fault``: the course is to blame."""

    id: str
    title: str
    outcome: Outcome
    message: str
    key: str = ""
    course_fault: bool = False

    @property
    def heading(self) -> str:
        """The outcome and what it is about, in one bold line."""
        name = f"{self.id} {self.title}".strip()
        return f"**{SYMBOLS[self.outcome]} {self.outcome.capitalize()}: {name}**"

    @property
    def data(self) -> dict[str, Any]:
        """The outcome for the runner: ``passed`` is null until something right or broken was seen."""
        passed = False if self.course_fault else (True if self.outcome == "done" else None)
        data = {"id": self.id, "passed": passed, "outcome": self.outcome, "message": self.message}
        return data | {"key": self.key, "course_fault": self.course_fault}

    def __str__(self) -> str:
        return f"{self.heading}\n\n{self.message}"

    __repr__ = __str__

    def _repr_mimebundle_(self, **_: Any) -> dict[str, Any]:
        return {"text/plain": str(self), "text/markdown": str(self), CHECK_MIME: self.data}
