"""Take a lab down: plan it, do it, prove that nothing is left."""

from collections.abc import Callable

from helpers.lab.errors import LabError
from helpers.lab.session import Session
from helpers.lab.teardown import dependants, inventory, planning
from helpers.lab.teardown.executor import Executor
from helpers.lab.teardown.inventory import IAM_KINDS, Inventory
from helpers.lab.teardown.plan_and_report import (
    Kept,
    Leftover,
    Leftovers,
    Report,
    StepResult,
    TeardownPlan,
    TeardownStep,
)


class Teardown:
    """Takes a lab down, from whatever state it is in. It keeps no memory: every method looks anew."""

    def __init__(self, lab: Session) -> None:
        self._lab = lab

    def plan(self) -> TeardownPlan:
        """What would go, in order, each with the reason for its place; and what would stay. Changes nothing."""
        return planning.plan(inventory.take(self._lab))

    def run(
        self,
        plan: TeardownPlan | None = None,
        on_step: Callable[[int, TeardownStep], None] = lambda number, step: None,
    ) -> Report:
        """Do it, and wait for what takes time. Doing it again is harmless.

        With ``plan``, only its steps are done, and only those that are still right: what has gone meanwhile, or has
        become needed by somebody else, is reported and left alone. A step that fails is reported, and the next ones are
        tried. ``on_step`` is told of each step before it is done. Raises :class:`LabError` for another lab's plan.
        """
        if plan is not None and plan.prefix != self._lab.prefix:
            raise LabError(
                f"This is a plan for lab {plan.prefix!r}, and the lab is {self._lab.prefix!r}: make a new plan."
            )
        now = self.plan()
        executor = Executor(self._lab)
        results = []
        for number, step in enumerate((now if plan is None else plan).steps, start=1):
            on_step(number, step)
            results.append(_do(step, now, executor))
        for topic in ("broken", "caught-up"):  # a lab that is removed is broken no more, and not built
            self._lab.notes(topic).unlink(missing_ok=True)
        return Report(self._lab.prefix, tuple(results), now.kept, now.unseen)

    def verify(self) -> Leftovers:
        """What still carries the lab's tags, and log groups that are still named after it. Changes nothing.

        Falsy when nothing is left in this Region and everything could be looked at; what IAM holds counts to the other
        Regions where the lab lives. After :meth:`run`, which waits for the last delivery, this is final.
        """
        found = inventory.take(self._lab)
        reasons = dependants.reasons_to_stay(found)
        items = [
            Leftover(kind, id_, name, reasons.get(mark, "it carries the lab's tags"))
            for kind, id_, name, mark in found.everything()
            if not (found.regions.in_use and kind in IAM_KINDS)
        ]
        left = (*items, *_untagged(found), *_unknown(found))
        elsewhere = found.regions.in_use
        return Leftovers(self._lab.prefix, self._lab.region, left, _lookalikes(found), elsewhere, found.unseen_words)

    def __repr__(self) -> str:
        return f"Teardown of lab {self._lab.prefix!r}: plan(), run(), verify()"


def _do(step: TeardownStep, now: TeardownPlan, executor: Executor) -> StepResult:
    """Do a step if it is part of what should be done now."""
    if any(step.key == other.key for other in now.steps):
        return executor.do(step)
    because = next((kept.because for kept in now.kept if (kept.kind, kept.id) == (step.kind, step.id)), None)
    return StepResult(step, "gone") if because is None else StepResult(step, "kept", because)


def _untagged(found: Inventory) -> list[Leftover]:
    why = "it is named after the lab but has no tags: perhaps delivery made it again; look at it and delete it yourself"
    return [Leftover("log-group", name, name, why) for name in found.unclaimed]


def _unknown(found: Inventory) -> list[Leftover]:
    why = "it carries the lab's tags, but the teardown does not know this kind; delete it yourself"
    return [Leftover(kind, id_, "", why) for kind, id_ in found.network.unknown]


def _lookalikes(found: Inventory) -> tuple[Leftover, ...]:
    return tuple(Leftover(kind, name, name, "no tag Lab") for kind, name in found.identity.lookalikes)


__all__ = ["Kept", "Leftover", "Leftovers", "Report", "StepResult", "Teardown", "TeardownPlan", "TeardownStep"]
