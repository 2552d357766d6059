"""Two labs with equal addresses in one account: each learner sees their own packets, whatever the other one does."""

from pathlib import Path

import pytest

from helpers.flowlogs import read_table
from helpers.lab import Lab, sandbox_process
from tests.notebooks.classroom import Classroom, notebook_of

pytestmark = pytest.mark.long

DELIVERED_SECONDS = 1200
PREFIXES, NUMBERS = ("ann", "bob"), ("05", "06", "08")
MACHINES = {"client-a": "10.1.0.10", "app-a": "10.1.1.10", "web-b": "10.2.0.10", "db-b": "10.2.1.10"}


def work_through(number: str, prefix: str) -> Lab:
    """All cells and all exercises of a notebook, solved."""
    room = Classroom(notebook_of(number), prefix)
    for exercise in room.lessons():
        room.must_run(exercise.solution, f"{prefix}: the solution of {exercise.id}")
        verdict = room.check(exercise)
        assert verdict.outcome == "done", f"{prefix}, {exercise.id}: {verdict}"
    lab = room.names["lab"]
    assert isinstance(lab, Lab)
    return lab


def lines_of(lab: Lab) -> list[str]:
    """The lines of the lab's group, once all that was sent before has been delivered."""
    asked = lab.now().timestamp()
    lab.wait_until(lambda: lab.now().timestamp() > asked + DELIVERED_SECONDS, 2 * DELIVERED_SECONDS, "delivery")
    pages = lab.client("logs").get_paginator("filter_log_events").paginate(logGroupName=f"/{lab.prefix}/vpc-flow-logs")
    return list(pages.search("events[].message"))


def interfaces_of(lab: Lab) -> dict[str, str]:
    """Network interface -> private address, of the lab's machines."""
    ids = {name: str(lab.find("instance", name)) for name in MACHINES}
    found = {interface.instance_id: interface.id for interface in lab.topology().interfaces if interface.instance_id}
    return {found[ids[name]]: address for name, address in MACHINES.items()}


def test_two_labs_in_turn_twice_have_the_right_records(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = tmp_path / "home"
    monkeypatch.setenv("FLOWLOGS_HOME", str(home))
    monkeypatch.chdir(tmp_path)
    try:
        labs: dict[str, Lab] = {}
        for number in (*NUMBERS, *NUMBERS):
            for prefix in PREFIXES:
                before = {other: lines_of(lab) for other, lab in labs.items() if other != prefix}
                labs[prefix] = work_through(number, prefix)
                for other, lines in before.items():  # what went on meanwhile at the other's interfaces: nothing
                    new = read_table(sorted({*lines_of(labs[other])} - {*lines}))
                    assert set(new.log_status) <= {"NODATA"}, f"{prefix} in {number} wrote to {other}"
        for lab in labs.values():
            table = read_table(lines_of(lab))
            own = interfaces_of(lab)
            assert set(table.interface_id) == set(own)
            seen = table[table.log_status == "OK"]
            holders = seen.interface_id.map(own)
            assert ((seen.srcaddr == holders) | (seen.dstaddr == holders)).all()
    finally:
        sandbox_process.stop(home)
