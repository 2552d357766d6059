"""Broken labs: one file each in ``data/broken_labs``, broken on request, tested in secret, put back by itself.

    case = broken(lab, "14.07")      # or "random", or "mystery", whose number you do not see
    case                             # the complaint
    case.check()                     # changes, new traffic, and whether more is open than before
    case.hint(), case.solution(), case.debrief(), case.reset()

What there is to know of a lab that is broken now stands in a file beside the account, so that another kernel or the
command line finds it.
"""

import base64
import random
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from itertools import chain
from typing import Any

from helpers.lab import Lab
from helpers.lessons.content import HINTS, broken_labs, common
from helpers.lessons.errors import LessonError
from helpers.lessons.faults import Complaint, Fault
from helpers.lessons.openness import read_lab
from helpers.lessons.progress import ProgressFile
from helpers.lessons.restore import restore
from helpers.lessons.steps import filled, run_steps

_ANY = ("random", "mystery")


@dataclass(frozen=True)
class Broken:
    """A lab that is broken now: which, whether its number is secret, since when, and the readings around the break.

    ``hints`` and ``solved`` are of this break alone: who comes back to a lab begins afresh.
    """

    id: str
    mystery: bool
    complaint: Complaint
    kept: Mapping[str, Any]
    before: Mapping[str, Any]
    after: Mapping[str, Any]
    hints: int = 0
    solved: bool = False

    def save(self, lab: Lab) -> None:
        """Keep it; the number is written so that nobody reads it in passing."""
        lab.note("broken", asdict(self) | {"id": base64.b64encode(self.id.encode()).decode()})

    @classmethod
    def now(cls, lab: Lab) -> "Broken | None":
        """What is broken in this lab, or None: also where the lab was removed since, and another one built."""
        found = lab.noted("broken")
        if found is None:
            return None
        found |= {"id": base64.b64decode(found["id"]).decode(), "complaint": Complaint(**found["complaint"])}
        return cls(**found)


def note(lab: Lab, number: str, *, hints: int = 0, solved: bool = False) -> Broken | None:
    """Keep what was told or solved in this break; None where this lab is not broken now."""
    found = Broken.now(lab)
    if found is None or found.id != number:
        return None
    found = replace(found, hints=min(found.hints + hints, HINTS), solved=found.solved or solved)
    found.save(lab)
    return found


def break_lab(lab: Lab, number: str, *, mystery: bool = False) -> Broken:
    """Put the lab back, break what this number names, and keep what a test needs to know; print what was repaired.

    ``"random"`` and ``"mystery"`` choose one that is not done yet, where there is one. Raises ``LessonError`` for a
    number that there is not.
    """
    known = broken_labs()
    if number not in {*known, *_ANY}:
        there = f'There is no broken lab {number!r}; there are {", ".join(known)}, "random" and "mystery".'
        raise LessonError(there if number else common()["name-one"])
    done = {name for name, entry in ProgressFile().entries().items() if entry.outcome == "done"}
    name = random.choice(sorted(known.keys() - done) or sorted(known)) if number in _ANY else number
    if not put_back(lab) and (repaired := [*chain(*lab.catch_up("05").repairs.values())]):
        print(common()["repaired-first"].format(repairs="; ".join(repaired)))
    mystery = mystery or number == "mystery"
    before, fault = read_lab(lab), known[name].fault
    words, comment = known[name].messages["complaint"], lab.name("complaint")
    # Kept first, so that a break that stops half-way is put back, too.
    Broken(name, mystery, Complaint(words, "", "", 0), {}, before, before).save(lab)
    complaint, kept = Fault.read(fault).inflict(lab, words, comment)
    found = Broken(name, mystery, complaint, kept, before, read_lab(lab))
    found.save(lab)
    return found


def put_back(lab: Lab) -> str:
    """Put back what is broken; the number of the lab that it was, or nothing."""
    found = Broken.now(lab)
    if found:
        fault = broken_labs()[found.id].fault
        made = {filled(lab, role["RoleName"], {}) for role in Fault.read(fault).asked("create_role")}
        restore(lab, found.before, made)
        run_steps(lab, fault.get("undo", ()), dict(found.kept))
    lab.notes("broken").unlink(missing_ok=True)
    return found.id if found else ""
