"""``python -m helpers teardown``, in this process and over stock moto."""

import json
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError, NoCredentialsError

from helpers.__main__ import main
from helpers.lab import LabError
from tests.lab.teardown import conftest
from tests.lab.teardown.labs import MotoLab, build, run_instance

lab = conftest.lab


def teardown(*words: str) -> int:
    """The exit code that a shell would see."""
    try:
        return main(["teardown", *words])
    except SystemExit as ended:
        return int(str(ended.code))


@pytest.fixture
def opened(lab: MotoLab, monkeypatch: pytest.MonkeyPatch) -> list[tuple[Any, ...]]:
    asked: list[tuple[Any, ...]] = []

    def open_lab(*arguments: Any) -> MotoLab:
        asked.append(arguments)
        return lab

    monkeypatch.setattr("helpers.lab.open_lab", open_lab)
    return asked


def test_it_plans_does_and_verifies(
    lab: MotoLab, opened: list[tuple[Any, ...]], capsys: pytest.CaptureFixture[str]
) -> None:
    build(lab, parts=("a", "logging"))
    assert teardown("--prefix", "demo") == 0
    said = capsys.readouterr().out
    assert said.index("Why now") < said.index("Outcome") < said.index("Nothing is left of lab 'demo' in us-east-1.")
    assert opened == [("sandbox", "us-east-1", "demo", None)]
    assert teardown("--prefix", "demo") == 0


def test_a_dry_run_changes_nothing(
    lab: MotoLab, opened: list[tuple[Any, ...]], capsys: pytest.CaptureFixture[str]
) -> None:
    made = build(lab, 5)
    before = list(lab.calls)
    assert teardown("--prefix", "demo", "--dry-run") == 0
    assert made["vpc-a"] in capsys.readouterr().out and lab.calls == before


def test_what_is_left_is_exit_code_1(
    lab: MotoLab, opened: list[tuple[Any, ...]], capsys: pytest.CaptureFixture[str]
) -> None:
    made = build(lab, 3)
    stranger = run_instance(lab, made["public-a"], [])
    assert teardown("--prefix", "demo") == 1
    said = capsys.readouterr().out
    assert stranger in said and made["public-a"] in said


@pytest.mark.parametrize(
    "words",
    [
        [],
        ["--prefix", "Demo"],
        ["--prefix", "demo-*"],
        ["--prefix", "demo", "--mode", "cloud"],
        ["--prefix", "demo", "--region", "us-esat-1"],
        ["--prefix", "demo", "--mode", "aws"],
        ["--prefix", "demo-"],
        ["--prefix", "demo", "--mode", "aws", "--confirm-account", "123456789012 "],
        ["--prefix", "demo", "--force"],
    ],
)
def test_wrong_use_is_one_sentence_and_exit_code_2(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert teardown(*words) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1 and "teardown --help" in said


@pytest.mark.parametrize(
    "problem",
    [
        LabError("Sign in."),
        NoCredentialsError(),
        ClientError({"Error": {"Code": "ExpiredToken", "Message": "Sign in."}}, "DescribeVpcs"),
    ],
)
def test_a_broken_set_up_is_one_sentence_and_exit_code_3(
    problem: Exception, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def open_lab(*_: Any) -> MotoLab:
        raise problem

    monkeypatch.setattr("helpers.lab.open_lab", open_lab)
    assert teardown("--prefix", "demo", "--region", "eu-central-1") == 3
    said = capsys.readouterr().err
    assert said.count("\n") == 1 and "Traceback" not in said


def test_help_is_no_mistake(capsys: pytest.CaptureFixture[str]) -> None:
    assert teardown("--help") == 0 and "--dry-run" in capsys.readouterr().out


def test_machines_read_the_plan_the_outcome_and_what_is_left(
    lab: MotoLab, opened: list[tuple[Any, ...]], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    made = build(lab, 3)
    assert teardown("--prefix", "demo", "--dry-run", "--json") == 0
    steps = json.loads(capsys.readouterr().out)["plan"]["steps"]
    assert made["vpc-a"] in [step["id"] for step in steps]
    assert teardown("--prefix", "demo", "--json", str(tmp_path / "said.json")) == 0
    assert "Nothing is left of lab 'demo'" in capsys.readouterr().out
    said = json.loads((tmp_path / "said.json").read_text())
    assert [result["outcome"] for result in said["report"]["results"]] == ["done"] * len(steps)
    assert said["left"]["items"] == []
    assert teardown("--prefix", "demo", "--json", str(tmp_path / "no" / "folder.json")) == 3
