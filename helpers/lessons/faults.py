"""Broken on purpose: one fault in the learner's own lab, and the complaint of somebody who suffers from it.

What breaks stands in the content files as steps, and not in the notebooks, so that the symptom and the records are all
there is to go by. A fault of lessons 05 to 08 starts from the network of notebook 01 and lies only in what that
notebook's build cells own, so ``catch_up`` repairs it. A broken lab may break more: ``restore`` puts it back.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from types import MappingProxyType
from typing import Any

from botocore.exceptions import ClientError

from helpers.lab import Lab
from helpers.lessons.account_view import commands_sent
from helpers.lessons.content import broken_labs, exercises
from helpers.lessons.errors import LessonError
from helpers.lessons.lesson_functions import run_on
from helpers.lessons.steps import Step, ask, run_steps

LAST_RETRIES = 65  # seconds: a server repeats an answer that nobody takes for about so long
ONE_WINDOW = 61  # seconds: no window is longer than a minute


@dataclass(frozen=True, slots=True)
class Complaint:
    """What somebody says is wrong, what they typed and saw, and since when (epoch seconds) it can be so.

    No window of a flow log that begins at ``since`` or later holds a packet from before the fault.
    """

    words: str
    typed: str
    saw: str
    since: int
    instance: str = "client-a"

    def __str__(self) -> str:
        shown = "\n".join(f"    {row}" for row in self.saw.splitlines()) or "    (nothing)"
        return f"{self.words}\n\n    {self.instance} $ {self.typed}\n{shown}"

    __repr__ = __str__


@dataclass(frozen=True, slots=True)
class Fault:
    """The steps that break something, and what shows it: a shell line on an instance, or a call that is refused."""

    steps: tuple[Step, ...]
    shown_by: str | Step
    instance: str = "client-a"

    @classmethod
    def read(cls, table: Mapping[str, Any]) -> "Fault":
        """The table ``fault`` of a content file."""
        return cls(tuple(table["step"]), table["shown_by"], table.get("instance", "client-a"))

    def asked(self, method: str) -> Iterator[Mapping[str, Any]]:
        """The parameters of each step that calls this method (``authorize_security_group_egress``)."""
        return (step["parameters"] for step in self.steps if step.get("call", "").endswith(f".{method}"))

    def inflict(self, lab: Lab, words: str, comment: str) -> tuple[Complaint, dict[str, Any]]:
        """Break it, and complain in these words; and what the steps kept.

        Takes two minutes of the account's time: packets and windows from before have to be over.
        """
        kept = run_steps(lab, self.steps)
        since = lab.now().timestamp() + LAST_RETRIES
        lab.wait_until(lambda: lab.now().timestamp() > since + ONE_WINDOW, 600, "minute without old packets")
        typed, saw = self._shown(lab, comment, kept)
        return Complaint(words, typed, saw, int(since), self.instance), kept

    def _shown(self, lab: Lab, comment: str, kept: Mapping[str, Any]) -> tuple[str, str]:
        if isinstance(self.shown_by, str):
            return self.shown_by, run_on(lab, self.instance, self.shown_by, comment=comment)
        try:
            ask(lab, self.shown_by, kept)
        except ClientError as refusal:
            return self.shown_by["call"], str(refusal)
        return self.shown_by["call"], ""


@cache
def faults() -> Mapping[str, Fault]:
    """The faults of lessons 05 to 08, by exercise: a broken lab has more to put back."""
    own = {name: each for name, each in exercises().items() if name not in broken_labs()}
    shown = {name: each.fault for name, each in own.items() if "shown_by" in each.fault}
    return MappingProxyType({name: Fault.read(fault) for name, fault in shown.items()})


def refuse_while_broken(lab: Lab) -> None:
    """Raise ``LessonError`` while a broken lab of notebook 14 is open: a second break would spoil that case."""
    if lab.noted("broken"):
        raise LessonError("A broken lab of notebook 14 is open. Put it back first with `broken(lab).reset()`.")


def disturb(lab: Lab, exercise: str) -> Complaint:
    """Put the network back as notebook 01 builds it, break the one thing that this exercise is about, and complain.

    Takes two minutes of the account's time: packets and windows from before have to be over. Raises ``LessonError``
    where the exercise breaks nothing or a broken lab is open, and ``LabError`` where the network cannot be put back.
    """
    fault = faults().get(str(exercise))
    if fault is None:
        raise LessonError(f"There is nothing to break for {exercise!r}; there is for {', '.join(faults())}.")
    refuse_while_broken(lab)
    lab.catch_up("02")
    complaint, _ = fault.inflict(lab, exercises()[exercise].messages["complaint"], _comment(lab, exercise))
    return complaint


def drift(lab: Lab, exercise: str) -> str:
    """Change three settings that nobody notices who only uses the network, and give what a colleague says of it.

    The log group keeps its events for good, the role's trust policy loses ``aws:SourceArn``, and a port of web-b is
    open to the world. ``catch_up`` repairs them. Doing it twice leaves the same. Raises ``LessonError`` where a broken
    lab is open.
    """
    refuse_while_broken(lab)
    run_steps(lab, exercises()[exercise].fault["step"])
    return exercises()[exercise].messages["handover"]


def last_disturbed(lab: Lab, exercise: str) -> datetime | None:
    """When the last complaint of this exercise was made, or None: Systems Manager remembers what was typed."""
    sent = commands_sent(lab, faults()[exercise].instance)
    moments = [command["RequestedDateTime"] for command in sent if command.get("Comment") == _comment(lab, exercise)]
    return max(moments, default=None)


def typed_since(lab: Lab, moment: float) -> bool:
    """Whether a line was typed on ``client-a`` or ``web-b`` later than this moment, in epoch seconds."""
    sent = [*commands_sent(lab, "client-a"), *commands_sent(lab, "web-b")]
    return any(command["RequestedDateTime"].timestamp() > moment for command in sent)


def _comment(lab: Lab, exercise: str) -> str:
    return lab.name(f"{exercise} complaint")
