"""A broken lab in the learner's hand: the complaint, a check, hints, the solution, the debrief, and the way back."""

from dataclasses import replace

from helpers.lab import Lab
from helpers.lessons import tools
from helpers.lessons.broken_lab import Broken, break_lab, put_back
from helpers.lessons.content import Exercise, broken_labs, common
from helpers.lessons.debrief import picture_of
from helpers.lessons.outcome import SYMBOLS, CheckReport, Message
from helpers.lessons.progress import ExerciseProgress, ProgressFile


class BrokenLab:
    """One broken lab. Its number stays secret in a mystery until it is solved, or until you ask for the solution."""

    def __init__(self, lab: Lab, found: Broken) -> None:
        self._lab, self._found = lab, found
        self._tools = tools.exercises(lab, {})

    @property
    def since(self) -> int:
        """Epoch seconds: no window of a flow log that begins then or later holds a packet from before the break."""
        return self._found.complaint.since

    def check(self) -> CheckReport:
        """Look at what changed, send new traffic, and say how it stands. Takes some minutes of the account's time."""
        report = self._tools.check(self._found.id)
        self._known_by_now()
        if self._found.mystery and report.outcome != "done":
            return replace(report, id="mystery", title="", message=self._said(report.message))
        return report

    def hint(self) -> Message:
        """The next of three hints."""
        return Message(self._said(self._tools.hint(self._found.id).markdown))

    def solution(self) -> Message:
        """The code that repairs it; in a mystery it tells the number."""
        return self._tools.solution(self._found.id)

    def debrief(self) -> Message:
        """What it was and how the records show it, below a picture of it; not before it is solved."""
        from helpers.figures import show  # takes long to load

        if not self._known_by_now().solved:
            return Message(common()["debrief-later"])
        show(picture_of(self._lab, self._found))
        return Message(broken_labs()[self._found.id].explanation)

    def reset(self) -> str:
        """Put the lab back to what it was before the break; not where another break came after this one."""
        if (found := Broken.now(self._lab)) and found.id != self._known_by_now().id:
            return common()["another-broken"]
        return common()["put-back"] if put_back(self._lab) else common()["nothing-broken"]

    def _known_by_now(self) -> Broken:
        """This break with what was noted since: whether it is solved."""
        found = Broken.now(self._lab)
        if found and found.id == self._found.id:
            self._found = found
        return self._found

    def _said(self, text: str) -> str:
        """In a mystery without the number, and with the case's own tools."""
        number = self._found.id
        for tool in ("hint", "solution"):
            text = text.replace(f'{tool}("{number}")', f"case.{tool}()")
        return text.replace(number, "mystery") if self._found.mystery else text

    def __str__(self) -> str:
        lab = broken_labs()[self._found.id]
        title = common()["mystery"] if self._found.mystery else f"{lab.id} {lab.title}"
        facts = {"minutes": lab.fault["minutes"], "task": lab.task, "complaint": self._found.complaint}
        return common()["case"].format_map({**facts, "title": title})

    __repr__ = __str__


def broken(lab: Lab, number: str = "") -> BrokenLab:
    """Break one thing in your lab and complain of it: ``"14.07"``, ``"random"``, or ``"mystery"``.

    The lab is put back first. Without a number: the one that is broken now, which somebody else may have broken.
    One whose break was interrupted is broken again.
    Raises ``LessonError`` where there is no such lab, or none is broken.
    """
    if not number and (found := Broken.now(lab)):
        whole = found.complaint.since > 0
        return BrokenLab(lab, found if whole else break_lab(lab, found.id, mystery=found.mystery))
    return BrokenLab(lab, break_lab(lab, str(number)))


def offered(lab: Lab) -> Message:
    """The broken labs as a table: number, complaint, level, minutes, and how each stands.

    While a mystery is open, complaints and states are left out: they would tell its number.
    """
    entries, found = ProgressFile().entries(), Broken.now(lab)
    secret = found is not None and found.mystery and not found.solved
    rows = [_row(each, entries.get(each.id, ExerciseProgress()), secret) for each in broken_labs().values()]
    return Message(common()["offered"].format(rows="\n".join(rows)))


def _row(each: Exercise, entry: ExerciseProgress, secret: bool) -> str:
    words = "" if secret else " ".join(each.messages["complaint"].split())
    state = "" if secret else f"{SYMBOLS[entry.outcome]} {entry.outcome}"
    return f"| {each.id} | {words} | {each.fault['level']} | {each.fault['minutes']} | {state} |"
