"""The incident of lesson 15: the records of its two nights, what is staged in the network, and the score."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache, cached_property
from typing import TYPE_CHECKING, Any

from helpers.flowlogs import FlowRecord, read_table
from helpers.lab import Lab
from helpers.lessons.content import common, exercises
from helpers.lessons.faults import refuse_while_broken
from helpers.lessons.outcome import Message
from helpers.lessons.progress import ExerciseProgress, ProgressFile
from helpers.lessons.the_lab import MACHINES
from helpers.traffic.scenarios import Incident, incident
from helpers.traffic.scenarios.incident import ADMIN, HOUR

if TYPE_CHECKING:
    import pandas as pd

SHORT = 45
NIGHT_SHIFT = ("15.3", "15.4")
"""What the night shift has done already in the short version."""
ADDRESSES: Mapping[str, str] = {name: address for address, name in MACHINES.items()}
_POINTS, _A_HINT, _FREE_GUESSES = 10, 2, 3
_SSH = {"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22}
WORLD_SSH = [{**_SSH, "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}]
ADMIN_SSH = [{**_SSH, "IpRanges": [{"CidrIp": f"{ADMIN}/32"}]}]


@dataclass(frozen=True)
class IncidentCase:
    """What a learner works on: the log group, and from when until when (epoch seconds) to look.

    ``start`` is the first midnight. ``records`` are those of the log group in this time, read from the file.
    """

    group: str
    start: int
    since: float
    until: float
    ids: Mapping[str, str] = field(repr=False)
    story: Incident = field(repr=False)

    def __str__(self) -> str:
        first, last = (f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d %H:%M}" for at in (self.since, self.until))
        return f"{self.group}: from {first} to {last} UTC"

    @cached_property
    def records(self) -> "pd.DataFrame":
        """A table as of ``read_table``, with ``instance``: the short name of the instance whose interface wrote it."""
        streams = self.story.lines(self.start, self.ids)
        first, last = self.since * 1000, self.until * 1000
        table = read_table([line for lines in streams.values() for at, line in lines if first <= at <= last])
        names = {self.ids.get(one, one): name for name, one in self.story.scenario.machines.items()}
        return table.assign(instance=table.interface_id.map(names).astype("str"))


def open_case(lab: Lab, minutes: int = 60) -> IncidentCase:
    """Load the incident of the lab's prefix; a second call finds it. With 45 minutes it begins when the guesses do.

    Raises :class:`helpers.lab.LabError` in an account of AWS.
    """
    loaded, story = lab.load_incident(), incident(lab.prefix)
    start = int(loaded.start.timestamp())
    early = (story.silence - 2 - 5 / 60) * HOUR if minutes <= SHORT else 0
    return IncidentCase(loaded.group, start, start + early, loaded.end.timestamp(), loaded.ids, story)


def stage(lab: Lab) -> None:
    """Leave the network as the attacker left it: the rule is there, and the flow log of the first VPC is gone.

    Twice leaves the same; ``catch_up`` repairs it. Raises ``LessonError`` where a broken lab of notebook 14 is open.
    """
    refuse_while_broken(lab)
    ec2, story = lab.client("ec2"), incident(lab.prefix)
    group = lab.find("security-group", story.entry_group)
    for rule in (WORLD_SSH, ADMIN_SSH):
        with lab.already("InvalidPermission.Duplicate"):
            ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=rule)
    flow_log = lab.find("vpc-flow-log", f"flow-log-{story.path[0][-1]}")
    if flow_log:
        ec2.delete_flow_logs(FlowLogIds=[flow_log])


def night_shift(case: IncidentCase) -> Message:
    """What the short version is told: the exercises that it leaves out, answered."""
    truth = Truth(case.story, case.start)
    facts = {"scanner": truth.at("SCAN"), "guesser": truth.at("GUESS"), "attempts": truth.attempts}
    before, after = (f"{int(at % 86400) // 3600:02}:{int(at % 3600) // 60:02}" for at in truth.opened)
    words = exercises()["15.1"].messages["night-shift"]
    return Message(words.format(**facts, before=before, after=after))


def score_sheet(minutes: int = 60, notes: ProgressFile | None = None) -> Message:
    """Ten points for each milestone, two less for a hint, one less from the fourth guess on, none with the solution."""
    entries = (notes or ProgressFile()).entries()
    left_out = NIGHT_SHIFT if minutes <= SHORT else ()
    rows, points = [], 0
    asked = [one for one in exercises().values() if one.notebook == "15" and one.id not in left_out]
    for one in asked:
        entry = entries.get(one.id, ExerciseProgress())
        own = score(entry)
        points += own
        rows.append(f"| {one.id} {one.title} | {entry.outcome} | {entry.hints or ''} | {entry.tries or ''} | {own} |")
    facts = {"points": points, "most": _POINTS * len(asked), "rows": "\n".join(rows)}
    return Message(common()["score-sheet"].format(**facts))


def score(entry: ExerciseProgress) -> int:
    """The points of one milestone, 0 to 10."""
    if entry.outcome != "done" or entry.solution:
        return 0
    return max(0, _POINTS - _A_HINT * entry.hints - max(0, entry.tries + 1 - _FREE_GUESSES))


@cache
def _recorded(prefix: str, start: int) -> Mapping[str, Sequence[FlowRecord]]:
    found: dict[str, list[FlowRecord]] = {}
    recording = incident(prefix).recording(start)
    for (label, _), each in zip(recording.labels, recording.records, strict=True):
        found.setdefault(label, []).append(each)
    return found


@dataclass(frozen=True)
class Truth:
    """What the records of an incident say, for the checks. Times are epoch seconds."""

    story: Incident
    start: int

    def at(self, role: str) -> str:
        """An address of the attacker's, or of an instance on its way: ENTRY, PIVOT, STORE."""
        machines = dict(zip(("ENTRY", "PIVOT", "STORE"), self.story.path, strict=True))
        return ADDRESSES[machines[role]] if role in machines else self.story.addresses[role]

    def _at_machine(self, label: str, place: int, **fields: Any) -> list[FlowRecord]:
        interface = self.story.scenario.machines[self.story.path[place]]
        found = [each for each in _recorded(self.story.prefix, self.start)[label] if each.interface_id == interface]
        return [each for each in found if all(getattr(each, name) == value for name, value in fields.items())]

    @property
    def silence(self) -> float:
        return self.start + self.story.silence * HOUR

    @property
    def opened(self) -> tuple[int, int]:
        """From the last rejected to the first accepted packet at port 22 from the internet: the rule came between."""
        tried = self._at_machine("usual-noise-entry", 0, dstport=22)
        last = max(each.start or 0 for each in tried if each.action == "REJECT")
        return last, min(each.end or 0 for each in tried if each.action == "ACCEPT")

    @property
    def scanned(self) -> frozenset[int]:
        return frozenset(each.dstport or 0 for each in self._at_machine("scan", 0, srcaddr=self.at("SCAN")))

    @property
    def answered(self) -> frozenset[int]:
        found = self._at_machine("scan", 0, srcaddr=self.at("SCAN"), action="ACCEPT")
        return frozenset(each.dstport or 0 for each in found)

    @property
    def attempts(self) -> int:
        return len({each.srcport for each in self._at_machine("guess", 0, srcaddr=self.at("GUESS"))})

    @property
    def login(self) -> tuple[int, int]:
        found = self._at_machine("login", 0, srcaddr=self.at("LOGIN"))
        return min(each.start or 0 for each in found), max(each.end or 0 for each in found)

    @property
    def stolen(self) -> int:
        return sum(each.bytes or 0 for each in self._at_machine("theft", 0, dstaddr=self.at("DROP")))

    @property
    def moved(self) -> int:
        """Bytes of the second pull, at one end."""
        return sum(each.bytes or 0 for each in self._at_machine("second-pull", 1, srcaddr=self.at("STORE")))


def truth_of(lab: Lab) -> Truth:
    """The truth of the incident that the lab has loaded. Raises what :func:`open_case` raises."""
    case = open_case(lab)
    return Truth(case.story, case.start)
