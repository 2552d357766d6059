"""Take a lab down: plan it, do it, prove that nothing is left."""

from typing import TYPE_CHECKING

from helpers.lab.access import LabError
from helpers.lab.teardown import dependants, inventory, planning
from helpers.lab.teardown.doing import Doer
from helpers.lab.teardown.inventory import Inventory
from helpers.lab.teardown.values import Kept, Leftover, Leftovers, Plan, Report, Result, Step

if TYPE_CHECKING:
    from helpers.lab.lab import Lab


class Teardown:
    """Takes a lab down, from whatever state it is in. It keeps no memory: every method looks anew."""

    def __init__(self, lab: "Lab") -> None:
        self._lab = lab

    def plan(self) -> Plan:
        """What would go, in order, each with the reason for its place; and what would stay. Changes nothing."""
        return planning.plan(inventory.take(self._lab))

    def run(self, plan: Plan | None = None) -> Report:
        """Do it, and wait for what takes time. Doing it again is harmless.

        With ``plan``, only its steps are done, and only those that are still right: what has gone meanwhile, or has
        become needed by somebody else, is reported and left alone. A step that fails is reported, and the next ones are
        tried. Raises :class:`LabError` for another lab's plan.
        """
        if plan is not None and plan.prefix != self._lab.prefix:
            raise LabError(
                f"This is a plan for lab {plan.prefix!r}, and the lab is {self._lab.prefix!r}: make a new plan."
            )
        now = self.plan()
        doer = Doer(self._lab)
        results = tuple(_do(step, now, doer) for step in (now if plan is None else plan).steps)
        return Report(self._lab.prefix, results, now.kept)

    def verify(self) -> Leftovers:
        """What still carries the lab's tags, and log groups that still bear its name. Changes nothing.

        Empty and falsy when nothing is left. After :meth:`run`, which waits for the last delivery, this is final.
        """
        found = inventory.take(self._lab)
        reasons = dependants.reasons_to_stay(found)
        items = [
            Leftover(kind, id_, name, reasons.get(mark, "it carries the lab's tags"))
            for kind, id_, name, mark in planning.everything(found)
        ]
        return Leftovers(self._lab.prefix, (*items, *_untagged(found), *_unknown(found)), _lookalikes(found))

    def __repr__(self) -> str:
        return f"Teardown of lab {self._lab.prefix!r}: plan(), run(), verify()"


def _do(step: Step, now: Plan, doer: Doer) -> Result:
    """Do a step if it is part of what should be done now."""
    if any(step.key == other.key for other in now.steps):
        return doer.do(step)
    because = next((kept.because for kept in now.kept if (kept.kind, kept.id) == (step.kind, step.id)), None)
    return Result(step, "gone") if because is None else Result(step, "kept", because)


def _untagged(found: Inventory) -> list[Leftover]:
    why = "it bears the lab's name but no tags: perhaps delivery made it again; look at it and delete it yourself"
    return [Leftover("log-group", name, name, why) for name in found.unclaimed]


def _unknown(found: Inventory) -> list[Leftover]:
    why = "it carries the lab's tags, but the teardown does not know this kind; delete it yourself"
    return [Leftover(kind, id_, "", why) for kind, id_ in found.network.unknown]


def _lookalikes(found: Inventory) -> tuple[Leftover, ...]:
    return tuple(Leftover(kind, name, name, "no tag Lab") for kind, name in found.identity.lookalikes)


__all__ = ["Kept", "Leftover", "Leftovers", "Plan", "Report", "Result", "Step", "Teardown"]
