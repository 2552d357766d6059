"""Broken on purpose: each fault shows in the records as the lesson's tree says, and catching up repairs it."""

from collections.abc import Iterator
from dataclasses import dataclass

import pandas as pd
import pytest

from helpers.lab import Lab, open_lab, process
from helpers.lab.snapshot import Snapshot, snapshot
from helpers.lessons import Complaint, LessonError, disturb
from helpers.lessons.content import exercises
from helpers.lessons.disturbances import FAULTS, last_disturbed
from helpers.lessons.scene import Scene

CLIENT = "10.1.0.10"
DELIVERED = 1500  # seconds of the account's time after which every window is there
# fault -> the door, what it wrote in and out, what client-a wrote in, and what the client was told
EVIDENCE = {
    "08.1": ("db-b", {"ACCEPT"}, {"REJECT"}, set(), "100% packet loss"),
    "08.2": ("db-b", {"REJECT"}, set(), set(), "timed out"),
    "08.3": ("db-b", {"ACCEPT"}, {"REJECT"}, set(), "timed out"),
    "08.4": ("db-b", {"ACCEPT"}, {"ACCEPT"}, set(), "100% packet loss"),
    "08.5": ("web-b", {"ACCEPT"}, {"ACCEPT"}, {"ACCEPT"}, "Couldn't connect"),
}


def test_every_fault_belongs_to_an_exercise_that_complains_of_a_symptom_only() -> None:
    mending = {each.id for each in exercises().values() if "complaint" in each.messages}
    assert set(FAULTS) == mending == set(EVIDENCE)
    for name in FAULTS:
        exercise = exercises()[name]
        assert exercise.kind == "mend"
        assert "disturb(" in exercise.starter
        assert "disturb(" in exercise.solution


def test_an_exercise_that_breaks_nothing_is_refused() -> None:
    for given in ("01.1", 8.1, ["08.1"]):
        with pytest.raises(LessonError, match=r"nothing to break for .*; there is for 08\.1"):
            disturb(None, given)  # type: ignore[arg-type]


def test_a_complaint_reads_like_a_terminal() -> None:
    said = str(Complaint("It hangs.", "curl http://10.2.1.10/", "line one\nline two", 0))
    assert said == "It hangs.\n\n    client-a $ curl http://10.2.1.10/\n    line one\n    line two"
    assert "(nothing)" in repr(Complaint("It hangs.", "true", "", 0))


@dataclass(frozen=True)
class Broken:
    """The lab after all faults, one after the other, and what each left behind."""

    lab: Lab
    whole: Snapshot
    once: dict[str, Snapshot]
    twice: dict[str, Snapshot]
    complaints: dict[str, Complaint]


@pytest.fixture(scope="module")
def broken(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broken]:
    home = tmp_path_factory.mktemp("sandbox")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FLOWLOGS_HOME", str(home))
        lab = open_lab()
        lab.catch_up("05")
        found = Broken(lab, snapshot(lab), {}, {}, {})
        assert last_disturbed(lab, "08.1") is None
        for name in FAULTS:
            found.complaints[name] = disturb(lab, name)
            found.once[name] = snapshot(lab)
            disturb(lab, name)
            found.twice[name] = snapshot(lab)
        begun = lab.now().timestamp()
        lab.wait_until(lambda: lab.now().timestamp() > begun + DELIVERED, 2 * DELIVERED, "delivery")
        yield found
    process.stop(home)


@pytest.mark.long
def test_a_fault_changes_the_lab_and_always_in_the_same_way(broken: Broken) -> None:
    for name in FAULTS:
        assert broken.once[name] != broken.whole, name
        assert broken.twice[name] == broken.once[name], name


@pytest.mark.long
@pytest.mark.parametrize("name", list(FAULTS))
def test_the_records_of_both_ends_tell_the_fault(broken: Broken, name: str) -> None:
    door, came_in, went_out, came_back, told = EVIDENCE[name]
    assert told in broken.complaints[name].saw
    since = broken.complaints[name].since
    moment = last_disturbed(broken.lab, name)
    assert moment is not None
    assert moment.timestamp() > since
    table = Scene(broken.lab).records(since=since)
    window = table[(table.start >= since) & (table.start < moment.timestamp()) & (table.log_status == "OK")]
    assert actions(window, "client-a", outward=True) == {"ACCEPT"}
    assert actions(window, "client-a", outward=False) == came_back
    assert actions(window, door, outward=False) == came_in
    assert actions(window, door, outward=True) == went_out


def actions(table: pd.DataFrame, machine: str, *, outward: bool) -> set[str]:
    """What an interface wrote about its conversations with the other one, outward or inward."""
    own = table[(table.machine == machine) & table.srcaddr.str.startswith("10.") & table.dstaddr.str.startswith("10.")]
    from_client = own.srcaddr == CLIENT
    return set(own[from_client == (outward == (machine == "client-a"))].action)


@pytest.mark.long
def test_catching_up_repairs_whatever_is_left(broken: Broken) -> None:
    assert dict(broken.lab.catch_up("02").outcomes) == {"01_network": "repaired"}
    assert snapshot(broken.lab) == broken.whole
