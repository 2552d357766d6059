"""``python -m helpers assumptions``: in the sandbox each experiment sees what the file says was chosen."""

import json
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from helpers.__main__ import main
from helpers._data import CHECKOUT, data_path
from helpers.lab import Lab
from helpers.lab.experiments import Observation, as_form, assumptions, experiments
from helpers.lab.teardown import other_regions
from tests.support.labs import lab_in

FORM = yaml.safe_load((CHECKOUT / ".github" / "ISSUE_TEMPLATE" / "assumption.yml").read_text("utf-8"))
LABELS = [field["attributes"]["label"] for field in FORM["body"] if field["type"] != "markdown"]


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    with pytest.MonkeyPatch.context() as patch:
        home = tmp_path_factory.mktemp("assumptions") / "home"
        patch.setenv("FLOWLOGS_HOME", str(home))
        patch.setattr(other_regions, "_enabled", lambda lab: ["us-east-1"])  # the teardown asks each Region
        with lab_in(home) as lab:
            yield lab


def test_there_are_sixteen_and_each_settles_an_entry() -> None:
    assert len(experiments()) == 16 and experiments().keys() <= assumptions().keys()


def test_all_confirm_in_the_sandbox_what_was_chosen_and_nothing_is_left(
    lab: Lab, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "seen.json"
    assert main(["assumptions", "--json", str(file)]) == 0
    said, found = capsys.readouterr().out, json.loads(file.read_text())
    assert said.count("### Result\n\nas chosen\n") == 16 and "Nothing is left" in said
    assert found["seen"].keys() == experiments().keys() and not any(found["problems"].values())
    questions = [each for all_ in found["seen"].values() for each in all_]
    assert len(questions) == 34 and all(each["seen"] == each["chosen"] for each in questions)
    assert (
        len(lab.client("ec2").describe_vpcs()["Vpcs"]) == 1
        and not lab.client("logs").describe_log_groups()["logGroups"]
    )


def test_a_caller_whose_deny_counts_is_seen(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where AWS asked for the permission after all, the experiment would say so."""
    monkeypatch.setattr("helpers.lab.experiments._DENIED", "ec2:CreateFlowLogs")
    without, with_deny = experiments()["flow-log-delivery-denied"](lab)
    assert (without.seen, with_deny.seen) == ("created", "refused: UnauthorizedOperation") and not with_deny.as_chosen
    assert lab.teardown.run().ok


def test_another_answer_differs_and_is_exit_code_1(
    lab: Lab, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The file as it would be had the sandbox chosen something else."""
    text = data_path("experiments.toml").read_text("utf-8").replace('chosen = "high=100 middle=3"', 'chosen = "high=4"')
    (tmp_path / "experiments.toml").write_text(text)
    ordinary = data_path
    monkeypatch.setattr(
        "helpers.lab.experiments.data_path", lambda name: (tmp_path if "experiments" in name else ordinary("")) / name
    )
    assert main(["assumptions", "insights-pct"]) == 1
    said = capsys.readouterr().out
    assert "### Result\n\ndiffers\n" in said and "seen: high=100 middle=3\n  chosen: high=4" in said
    assert "Nothing is left" in said


def test_a_refused_call_ends_its_experiment_with_a_masked_sentence_and_all_is_removed(
    lab: Lab, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("helpers.lab.experiments._TRUST", "{}")
    assert main(["assumptions", "flow-log-same-again", "insights-dash"]) == 1
    said = capsys.readouterr().out
    assert "not finished: MalformedPolicyDocument" in said and "### Result\n\nas chosen\n" in said
    assert "Nothing is left" in said


def test_the_text_fits_the_form_and_shows_no_account(lab: Lab) -> None:
    text = as_form(lab, "insights-pct", [Observation("a?", "b", "b")], "denied to arn:aws:iam::123456789012:user/ann")
    assert re.findall(r"^### (.*)$", text, re.MULTILINE) == LABELS
    assert "123456789012" not in text and "1234********" in text
    assert re.search(r"\n\d{4}-\d\d-\d\d, us-east-1\n", text)


def test_a_prefix_that_has_a_lab_is_refused_with_2_and_keeps_its_lab(
    lab: Lab, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    groups, name = lab.client("logs"), f"/{lab.prefix}/mine"
    groups.create_log_group(logGroupName=name, tags=lab.tag_dict("mine"))
    assert main(["assumptions", "insights-pct", "--prefix", lab.prefix]) == 2
    said = capsys.readouterr()
    assert (
        name in said.out
        and f"`python -m helpers teardown --prefix {lab.prefix} --region us-east-1 --dry-run`" in said.err
    )
    assert [group["logGroupName"] for group in groups.describe_log_groups()["logGroups"]] == [name]
    assert main(["assumptions", "insights-pct"]) == 0, "another prefix does not mind"
    groups.delete_log_group(logGroupName=name)
    monkeypatch.setattr(other_regions, "_enabled", lambda lab: ["eu-west-1", "us-east-1"])
    vpc = lab.client("ec2", region="eu-west-1").create_vpc(
        CidrBlock="10.1.0.0/16", TagSpecifications=lab.tag_spec("vpc", "vpc-a")
    )["Vpc"]["VpcId"]
    assert main(["assumptions", "insights-pct", "--prefix", lab.prefix]) == 2, "a lab in another Region shares IAM"
    assert "eu-west-1" in capsys.readouterr().out
    lab.client("ec2", region="eu-west-1").delete_vpc(VpcId=vpc)


def test_an_unknown_id_is_2_and_names_those_that_there_are(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["assumptions", "insights-nothing"]) == 2
    assert "there are: insights-missing" in capsys.readouterr().err


def test_the_file_of_experiments_is_whole() -> None:
    for experiment in tomllib.loads(data_path("experiments.toml").read_text("utf-8"))["experiment"]:
        assert set(experiment) == {"assumption", "events", "ask"} and experiment["events"]
        assert all(set(ask) - {"milliseconds"} == {"query", "chosen"} for ask in experiment["ask"])
