"""Broken on purpose: each fault shows in the records as the lesson's tree says, and catching up repairs it."""

from collections.abc import Iterator
from dataclasses import dataclass

import pandas as pd
import pytest

from helpers.lab import Lab
from helpers.lab.snapshot import Snapshot, snapshot
from helpers.lessons import Complaint, LessonError, disturb
from helpers.lessons.account_view import AccountView
from helpers.lessons.content import exercises
from helpers.lessons.faults import faults, last_disturbed
from helpers.lessons.the_lab import MACHINES
from tests.support.homes import lab_after

ADDRESSES = {name: address for address, name in MACHINES.items()}
DELIVERED = 1500  # seconds of the account's time after which every window is there
RETRIES = 150.0  # seconds after which nobody sends a lost packet again
# fault -> the destination, what it recorded in and out, what the client recorded in, and what the client was told
EVIDENCE: dict[str, tuple[str, set[str], set[str], set[str], str]] = {
    "05.3": ("db-b", {"REJECT"}, set(), set(), "timed out"),
    "06.3": ("db-b", {"ACCEPT"}, {"REJECT"}, set(), "timed out"),
    "08.1": ("db-b", {"ACCEPT"}, {"REJECT"}, set(), "100% packet loss"),
    "08.2": ("db-b", {"REJECT"}, set(), set(), "timed out"),
    "08.3": ("db-b", {"ACCEPT"}, {"REJECT"}, set(), "timed out"),
    "08.4": ("db-b", {"ACCEPT"}, {"ACCEPT"}, set(), "100% packet loss"),
    "08.5": ("web-b", {"ACCEPT"}, {"ACCEPT"}, {"ACCEPT"}, "Couldn't connect"),
    "08.6": ("db-b", set(), set(), set(), "timed out"),
}


def test_every_fault_belongs_to_an_exercise_that_complains_of_a_symptom_only() -> None:
    fixing = {each.id for each in exercises().values() if "complaint" in each.messages and each.notebook < "14"}
    assert set(faults()) == fixing == set(EVIDENCE)
    for name in faults():
        exercise = exercises()[name]
        assert exercise.kind == "fix"
        assert "disturb(" in exercise.starter
        assert "disturb(" in exercise.solution


def test_an_exercise_that_breaks_nothing_is_refused() -> None:
    for given in ("01.1", 8.1, ["08.1"]):
        with pytest.raises(LessonError, match=r"nothing to break for .*; there is for 05\.3"):
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
    with lab_after("04", tmp_path_factory.mktemp("sandbox") / "home") as lab:
        found = Broken(lab, snapshot(lab), {}, {}, {})
        assert last_disturbed(lab, "08.1") is None
        for name in faults():
            found.complaints[name] = disturb(lab, name)
            found.once[name] = snapshot(lab)
            wait(lab, RETRIES)  # else the next repair lets pass what a server still sends again
            disturb(lab, name)
            found.twice[name] = snapshot(lab)
            wait(lab, RETRIES)
        wait(lab, DELIVERED)
        yield found


def wait(lab: Lab, seconds: float) -> None:
    begun = lab.now().timestamp()
    lab.wait_until(lambda: lab.now().timestamp() > begun + seconds, 2 * seconds, f"{seconds} seconds")


@pytest.mark.long
def test_a_fault_changes_the_lab_and_always_in_the_same_way(broken: Broken) -> None:
    for name in faults():
        assert broken.once[name] != broken.whole, name
        assert broken.twice[name] == broken.once[name], name


@pytest.mark.long
@pytest.mark.parametrize("name", list(faults()))
def test_the_records_of_both_ends_tell_the_fault(broken: Broken, name: str) -> None:
    door, came_in, went_out, came_back, told = EVIDENCE[name]
    assert told in broken.complaints[name].saw
    since = broken.complaints[name].since
    moment = last_disturbed(broken.lab, name)
    assert moment is not None
    assert moment.timestamp() > since
    table = AccountView(broken.lab).records(since=since)
    window = table[(table.start >= since) & (table.start < moment.timestamp()) & (table.log_status == "OK")]
    client = broken.complaints[name].instance
    assert actions(window, client, door, outward=True) == ({"REJECT"} if name == "08.6" else {"ACCEPT"})
    assert actions(window, client, door, outward=False) == came_back
    assert actions(window, door, client, outward=False) == came_in
    assert actions(window, door, client, outward=True) == went_out


def actions(table: pd.DataFrame, machine: str, other: str, *, outward: bool) -> set[str]:
    """What an interface recorded about its conversations with the other one, outward or inward."""
    source, target = (machine, other) if outward else (other, machine)
    own = table[(table.instance == machine) & (table.srcaddr == ADDRESSES[source])]
    return set(own[own.dstaddr == ADDRESSES[target]].action)


@pytest.mark.long
def test_catching_up_repairs_whatever_is_left(broken: Broken) -> None:
    assert dict(broken.lab.catch_up("02").outcomes) == {"01_network": "repaired"}
    assert snapshot(broken.lab) == broken.whole
