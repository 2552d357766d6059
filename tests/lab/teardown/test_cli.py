"""``python -m helpers teardown``, in this process and over stock moto."""

from typing import Any

import pytest
from botocore.exceptions import ClientError, NoCredentialsError

from helpers.lab import LabError
from helpers.lab.teardown import cli, main
from tests.lab.teardown.labs import MotoLab, build, run_instance


@pytest.fixture
def opened(lab: MotoLab, monkeypatch: pytest.MonkeyPatch) -> list[tuple[Any, ...]]:
    asked: list[tuple[Any, ...]] = []

    def open_lab(*arguments: Any) -> MotoLab:
        asked.append(arguments)
        return lab

    monkeypatch.setattr(cli, "open_lab", open_lab)
    return asked


def test_it_plans_does_and_verifies(
    lab: MotoLab, opened: list[tuple[Any, ...]], capsys: pytest.CaptureFixture[str]
) -> None:
    build(lab, parts=("a", "logging"))
    assert main(["--prefix", "demo"]) == 0
    said = capsys.readouterr().out
    assert said.index("Why now") < said.index("Outcome") < said.index("Nothing is left of lab 'demo'.")
    assert opened == [("sandbox", "us-east-1", "demo", None)]
    assert main(["--prefix", "demo"]) == 0


def test_a_dry_run_changes_nothing(
    lab: MotoLab, opened: list[tuple[Any, ...]], capsys: pytest.CaptureFixture[str]
) -> None:
    made = build(lab, 5)
    before = list(lab.calls)
    assert main(["--prefix", "demo", "--dry-run"]) == 0
    assert made["vpc-a"] in capsys.readouterr().out and lab.calls == before


def test_what_is_left_is_exit_code_1(
    lab: MotoLab, opened: list[tuple[Any, ...]], capsys: pytest.CaptureFixture[str]
) -> None:
    made = build(lab, 3)
    stranger = run_instance(lab, made["public-a"], [])
    assert main(["--prefix", "demo"]) == 1
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
        ["--prefix", "demo", "--force"],
    ],
)
def test_wrong_use_is_one_sentence_and_exit_code_2(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(words) == 2
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

    monkeypatch.setattr(cli, "open_lab", open_lab)
    assert main(["--prefix", "demo", "--region", "eu-central-1"]) == 3
    said = capsys.readouterr().err
    assert said.count("\n") == 1 and "Traceback" not in said


def test_help_is_no_mistake(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == 0 and "--dry-run" in capsys.readouterr().out
