"""Notebooks after the records are gone, and checks after other lessons: each finds or makes what it needs."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from helpers.__main__ import main
from helpers.lab import Lab
from helpers.lessons import exercises
from tests.notebooks.classroom import notebook_of
from tests.notebooks.in_process import run_in_process
from tests.support.homes import copy_after, lab_after
from tests.support.labs import lab_in

pytestmark = pytest.mark.long


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return copy_after("05", tmp_path / "home")


def test_a_check_is_not_green_on_what_other_lessons_did(home: Path, tmp_path: Path) -> None:
    with lab_in(home) as lab:
        run_in_process([notebook_of(number) for number in ("00", "04", "08")], tmp_path / "out", home)
        check, *_ = exercises(lab, {})
        report = check("05.1")
    assert report.outcome == "not attempted", report


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Lab]:
    with lab_after("05", tmp_path / "home") as lab:
        yield lab


def test_traffic_is_sent_again_when_its_group_was_deleted(lab: Lab) -> None:
    assert dict(lab.catch_up("06").outcomes)["05_generate_traffic"] == "found"
    lab.client("logs").delete_log_group(logGroupName="/demo/vpc-flow-logs")
    outcomes = dict(lab.catch_up("06").outcomes)
    assert (outcomes["02_cloudwatch_setup"], outcomes["05_generate_traffic"]) == ("built", "built")
    assert dict(lab.catch_up("06").outcomes)["05_generate_traffic"] == "found"


def test_traffic_is_sent_again_when_its_records_have_expired(lab: Lab, tmp_path: Path) -> None:
    lab.client("logs").put_retention_policy(logGroupName="/demo/vpc-flow-logs", retentionInDays=1)
    assert main(["sandbox", "clock", "--advance", "2d", "--home", str(tmp_path / "home")]) == 0
    run_in_process([notebook_of("06"), notebook_of("07")], tmp_path / "out", tmp_path / "home")


def test_the_attack_is_made_again_when_its_group_was_deleted(lab: Lab, tmp_path: Path) -> None:
    run_in_process([notebook_of("09")], tmp_path / "out", tmp_path / "home")
    lab.client("logs").delete_log_group(logGroupName="/demo/vpc-flow-logs")
    run_in_process([notebook_of("09")], tmp_path / "again", tmp_path / "home")
