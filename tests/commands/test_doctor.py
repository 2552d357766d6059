"""``doctor``: a finding per sentence, and an exit code that says whether the course can run."""

import json
import re
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from helpers.__main__ import main
from helpers.commands import doctor


def test_this_machine_is_judged(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code = main(["doctor", "--home", str(tmp_path / "home")])
    said = capsys.readouterr().out
    assert code == 0, said
    assert "A sandbox starts in " in said
    assert "This machine is ready." in said
    assert 'a plain boto3.client("ec2") goes to your real account' in said
    assert all(re.match(r" +ok  |PROBLEM  |$|This|To put right", line) for line in said.splitlines())
    assert not (tmp_path / "home").exists()


def test_a_home_that_cannot_be_written_is_a_problem(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    (finding,) = doctor.home_writable(tmp_path / "file" / "home")
    assert finding.blocking
    assert "FLOWLOGS_HOME" in finding.sentence
    (finding,) = doctor.home_writable(tmp_path / "not" / "there" / "yet")
    assert not finding.blocking
    assert not (tmp_path / "not").exists()


def test_packages_are_held_against_ranges_and_pins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert not any(finding.blocking for finding in doctor.packages())
    assert doctor.unfit(Requirement("pandas<1")) is not None
    assert doctor.unfit(Requirement("no-such-package")) == "no-such-package is not installed"
    (tmp_path / "constraints.txt").write_text("pandas==0.1\nwerkzeug==0.1 ; sys_platform == 'amiga'\n")
    monkeypatch.setattr(doctor, "CHECKOUT", tmp_path)
    (finding,) = doctor.packages()
    assert "tested with 0.1" in finding.sentence
    assert not finding.blocking
    (tmp_path / "constraints.txt").write_text("<<<<<<< HEAD\n")
    (finding,) = doctor.packages()
    assert finding.blocking


def test_machines_read_the_findings_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(doctor, "sandbox_starts", lambda: iter(()))
    (tmp_path / "file").touch()
    assert main(["doctor", "--home", str(tmp_path / "file" / "home"), "--json"]) == 3
    said = json.loads(capsys.readouterr().out)
    assert said["ready"] is False
    (problem,) = [finding for finding in said["findings"] if finding["blocking"]]
    assert "cannot be written" in problem["sentence"]
    assert main(["doctor", "--home", str(tmp_path / "home"), "--json", str(tmp_path / "said.json")]) == 0
    assert "This machine is ready." in capsys.readouterr().out
    assert json.loads((tmp_path / "said.json").read_text())["ready"] is True
