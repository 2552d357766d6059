"""Take a lab down, from any half-finished state, and prove it.

    plan = lab.teardown.plan()      # a table: what will go, in which order, and why in that order
    report = lab.teardown.run(plan)     # does it, waits for what takes time, goes on after a failure
    left = lab.teardown.verify()        # describe calls only
    assert not left, left

Only what carries the tags ``Project`` and ``Lab`` of this lab is deleted, tag values compared as wholes: the labs
"demo", "demo2" and "demo-2" never see each other. What something foreign depends on is kept and reported. The one thing
without tags that is deleted is a log group that delivery made again: it is named after the lab, and a flow log, a
role or a policy of the lab names it.

From a shell, without any notebook: ``python -m helpers teardown --prefix demo [--dry-run]``.
"""

from helpers.lab.teardown.lab_teardown import (
    Kept,
    Leftover,
    Leftovers,
    Report,
    StepResult,
    Teardown,
    TeardownPlan,
    TeardownStep,
)

__all__ = ["Kept", "Leftover", "Leftovers", "Report", "StepResult", "Teardown", "TeardownPlan", "TeardownStep"]
