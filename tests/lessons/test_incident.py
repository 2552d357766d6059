"""The incident of lesson 15: another one for each prefix, solvable with Insights or pandas alone, scored."""

import json
import re
import sys
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from helpers.flowlogs import read_table
from helpers.lab import Lab, LabError, open_lab
from helpers.lab.connection import AwsConnection
from helpers.lessons import exercises as tools_of
from helpers.lessons import names_of, open_case, score_sheet, stage
from helpers.lessons.content import exercises
from helpers.lessons.milestones import Truth, score
from helpers.lessons.progress import ExerciseProgress, ProgressFile
from helpers.lessons.tools import Tools
from helpers.traffic.scenarios import incident
from tests.support.homes import served_lab_after

LESSON = Path(__file__).resolve().parents[2] / "notebooks" / "15_incident.ipynb"
START = 1_767_225_600
PREFIXES = ("demo", "team1", "seat-7")


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    with served_lab_after("04", tmp_path_factory.mktemp("incident") / "home") as (lab, _):
        yield lab


@pytest.fixture
def names(lab: Lab, tmp_path: Path) -> dict[str, Any]:
    """What a learner has after the first cells of the notebook."""
    found: dict[str, Any] = {"sandbox": lab, "lab": lab, "prefix": lab.prefix, "minutes": 60}
    exec(cell_of("setup"), found)
    found |= {"ec2": lab.client("ec2"), "names": names_of(lab), "case": open_case(lab)}
    exec(cell_of("find"), found)
    found["notes"] = ProgressFile(tmp_path / "progress.json")
    return found


def cell_of(name: str) -> str:
    cells = {cell["id"]: "".join(cell["source"]) for cell in json.loads(LESSON.read_text("utf-8"))["cells"]}
    return cells[name]


def checking(names: dict[str, Any]) -> Tools:
    return tools_of(names["sandbox"], names, names["notes"])


def test_insights_alone_solves_it(names: dict[str, Any]) -> None:
    check = checking(names).check
    for number in range(1, 8):
        exercise = exercises()[f"15.{number}"]
        assert "case.records" not in exercise.solution
        exec(exercise.solution, names)
        if number == 2:
            exec(cell_of("port"), names)
            exec(cell_of("entered"), names)
        said = check(exercise.id)
        assert said.outcome == "done", said


@pytest.mark.parametrize(
    ("number", "needed", "variable"), [("6", "5", "login"), ("7", "5", "login"), ("8", "7", "theft")]
)
@pytest.mark.parametrize("gap", [False, True], ids=["no name", "a gap"])
def test_an_earlier_answer_that_is_missing_is_named(
    names: dict[str, Any], number: str, needed: str, variable: str, gap: bool
) -> None:
    exec(cell_of("port"), names)
    exec(cell_of("entered"), names)
    if gap:
        exec(exercises()[f"15.{needed}"].starter, names)
    said = checking(names).check(f"15.{number}")
    assert f"needs your answer of 15.{needed}, and `{variable}` has no value" in said.message
    assert said.outcome == "not attempted"


def test_a_name_error_in_the_middle_of_a_containment_is_answered(
    names: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    exec(cell_of("port"), names)
    exec(cell_of("entered"), names)
    names["culprit"] = {"instance": names["entered"], "proof": "CloudTrail"}
    assert "has no value" not in checking(names).check("15.8").message
    monkeypatch.setattr(sys, "last_value", NameError("name 'theft' is not defined", name="theft"), raising=False)
    assert "needs your answer of 15.7" in checking(names).check("15.8").message
    names["theft"] = {"to": "192.0.2.1"}
    assert "has no value" not in checking(names).check("15.8").message


def by_pandas(d: pd.DataFrame) -> dict[str, Any]:
    """The answers from the table alone, with what the notebook says of known addresses."""
    inside = {end: d[end].str.startswith("10.") for end in ("srcaddr", "dstaddr")}
    address = {"client-a": "10.1.0.10", "app-a": "10.1.1.10", "web-b": "10.2.0.10", "db-b": "10.2.1.10"}
    machine = {one: name for name, one in address.items()}
    known = d.srcaddr.str.startswith("192.0.2.") | (d.srcaddr == "203.0.113.5")
    last = d.groupby("instance").end.max().sort_values()
    ssh = d[(d.dstport == 22) & ~inside["srcaddr"] & ~known]
    accepted = ssh[ssh.action == "ACCEPT"]
    entered = accepted.instance.mode()[0]
    at_entered = ssh[(ssh.instance == entered)]
    tried = d[~inside["srcaddr"] & ~known & (d.instance == entered)]
    ports = tried.groupby(["srcaddr", tried.start // 300]).dstport.nunique()
    scanner = ports.idxmax()[0]
    scanned = tried[tried.srcaddr == scanner]
    guesser = at_entered.groupby("srcaddr").srcport.nunique()
    sessions = at_entered.groupby(["srcaddr", "srcport"]).agg(
        n=("packets", "sum"), a=("start", "min"), b=("end", "max")
    )
    won = sessions.sort_values("n").iloc[-1]
    later = d[(d.start >= won.a) & (d.dstport == 22) & inside["srcaddr"]]
    pairs = later[later.action == "ACCEPT"].groupby(["srcaddr", "dstaddr"]).bytes.sum()
    pairs = pairs[pairs > 10_000]
    pivot = pairs[address[entered]].idxmax()
    store = pairs[pivot].idxmax()
    refused = later[(later.action == "REJECT") & (later.srcaddr == address[entered])].dstaddr.iloc[0]
    out = d[(d.srcaddr == address[entered]) & ~inside["dstaddr"] & ~d.dstaddr.str.startswith("192.0.2.")]
    sent = out[out.start >= won.a].groupby("dstaddr").bytes.sum()
    second = d[(d.srcaddr == store) & (d.dstaddr == pivot) & (d.srcport == 22) & (d.end > last.iloc[0] + 60)]
    return {
        "silent": {"vpc": f"vpc-{last.index[0][-1]}", "since": int(last.iloc[0]), "alive": last.index[-1]},
        "rule": {
            "group": f"sg-public-{entered[-1]}",
            "port": 22,
            "source": "0.0.0.0/0",
            "opened": pd.Timestamp(int(at_entered[at_entered.action == "ACCEPT"].start.min()), unit="s").isoformat(),
        },
        "scan": {
            "source": scanner,
            "ports": scanned.dstport.nunique(),
            "answered": scanned[scanned.action == "ACCEPT"].dstport.unique().tolist(),
        },
        "guesses": {"source": guesser.idxmax(), "attempts": int(guesser.max())},
        "login": {"source": won.name[0], "at": int(won.a), "minutes": float(won.b - won.a) / 60},
        "way": {"hosts": [entered, machine[pivot], machine[store]], "refused": machine[refused]},
        "theft": {
            "to": sent.idxmax(),
            "stolen": f"{int(sent.max()) / 1e6:.1f} MB",
            "moved": int(second.groupby("instance").bytes.sum().iloc[0]),
            "left": "Unknown",
        },
    }


def test_pandas_alone_solves_it(names: dict[str, Any]) -> None:
    names.update(by_pandas(names["case"].records))
    check = checking(names).check
    for number in range(1, 8):
        said = check(f"15.{number}")
        assert said.outcome == "done", said


def test_the_answers_are_taken_in_another_form(names: dict[str, Any], lab: Lab) -> None:
    said = by_pandas(names["case"].records)
    silent, scan, way, theft = said["silent"], said["scan"], said["way"], said["theft"]
    names |= {
        "silent": {**silent, "vpc": lab.find("vpc", silent["vpc"]), "since": np.datetime64(silent["since"], "s")},
        "rule": {**said["rule"], "port": "22", "opened": pd.Timestamp(said["rule"]["opened"], tz="UTC")},
        "scan": {**scan, "ports": str(scan["ports"]), "answered": pd.Series(scan["answered"])},
        "guesses": {**said["guesses"], "source": f" {said['guesses']['source']}/32 "},
        "login": {**said["login"], "at": f"{pd.Timestamp(said['login']['at'], unit='s'):%H:%M:%S} UTC"},
        "way": {**way, "hosts": np.array([f"{lab.prefix}-{host}" for host in way["hosts"]])},
        "theft": {**theft, "stolen": theft["stolen"].replace(".", ","), "moved": np.int64(theft["moved"])},
    }
    for number in range(1, 8):
        found = checking(names).check(f"15.{number}")
        assert found.outcome == "done", found


@pytest.mark.parametrize("days", [-1, 1, 365])
def test_the_right_hour_of_another_day_is_not_right(names: dict[str, Any], days: int) -> None:
    said = by_pandas(names["case"].records)
    names["silent"] = {**said["silent"], "since": said["silent"]["since"] + days * 86_400}
    found = checking(names).check("15.1")
    assert (found.outcome, found.key) == ("not yet", "late" if days > 0 else "early")


@pytest.mark.parametrize("number", [6, 7])
def test_a_solution_takes_what_the_learner_answered_before_in_any_form(names: dict[str, Any], number: int) -> None:
    said = by_pandas(names["case"].records)
    names |= said | {"entered": said["way"]["hosts"][0]}
    names["silent"] = {**said["silent"], "since": f"{pd.Timestamp(said['silent']['since'], unit='s'):%H:%M}"}
    names["login"] = {**said["login"], "at": f"{pd.Timestamp(said['login']['at'], unit='s'):%H:%M}"}
    exec(exercises()[f"15.{number}"].solution, names)
    found = checking(names).check(f"15.{number}")
    assert found.outcome == "done", found


@pytest.mark.parametrize("prefix", PREFIXES)
def test_the_records_of_each_prefix_tell_its_own_story(prefix: str) -> None:
    story = incident(prefix)
    lines = story.lines(START, {})
    machine = {one: name for name, one in story.scenario.machines.items()}
    table = read_table([line for each in lines.values() for _, line in each])
    said = by_pandas(table.assign(instance=table.interface_id.map(machine)))
    truth = Truth(story, START)
    assert said["silent"]["vpc"] == f"vpc-{story.path[0][-1]}"
    assert abs(said["silent"]["since"] - truth.silence) < 120
    assert said["way"] == {"hosts": list(story.path), "refused": story.path[2]}
    wanted = {"scan": "SCAN", "guesses": "GUESS", "login": "LOGIN"}
    assert {name: said[name]["source"] for name in wanted} == {name: truth.at(role) for name, role in wanted.items()}
    assert set(said["scan"]["answered"]) == truth.answered >= {22}
    assert said["guesses"]["attempts"] == truth.attempts
    assert said["theft"]["to"] == truth.at("DROP")
    assert said["theft"]["moved"] == pytest.approx(truth.moved, rel=0.05)
    top = (
        table[table.srcaddr.str.startswith("10.") & ~table.dstaddr.str.startswith("10.")].groupby("dstaddr").bytes.sum()
    )
    assert top.idxmax() == "192.0.2.81"  # what the notebook says of the backup
    assert top["192.0.2.81"] > 2 * truth.stolen
    assert 0 < truth.opened[1] - truth.opened[0] < 3600


def test_prefixes_differ_in_way_hour_addresses_and_amounts() -> None:
    stories = [incident(f"team{number}") for number in range(12)]
    assert len({story.path for story in stories}) == 2
    assert len({story.silence for story in stories}) > 8
    assert len({story.addresses["DROP"] for story in stories}) > 4
    assert len({Truth(story, START).stolen for story in stories[:4]}) == 4
    assert all(25.6 < story.silence < 27.4 for story in stories)


def test_the_same_prefix_has_the_same_bytes() -> None:
    assert incident("demo").lines(START, {}) == incident.__wrapped__("demo").lines(START, {})


def test_a_second_load_changes_nothing_and_the_table_is_what_the_group_holds(names: dict[str, Any], lab: Lab) -> None:
    before = lab.now()
    case = open_case(lab)
    assert lab.now() == before
    counted = names["find"]("stats count(*) as n, sum(bytes) as size by interfaceId").set_index("interfaceId")
    own = case.records.groupby("interface_id").bytes.agg(["size", "sum"])
    assert counted.n.to_dict() == own["size"].to_dict()
    assert counted["size"].to_dict() == own["sum"].to_dict()
    assert set(own.index.map(names_of(lab))) == set(incident("demo").scenario.machines)


def test_the_short_version_begins_when_the_guesses_do(lab: Lab) -> None:
    whole, short = open_case(lab), open_case(lab, minutes=45)
    truth = Truth(short.story, short.start)
    assert whole.until == short.until
    assert 0 < truth.login[0] - short.since < 3600
    assert short.records.start.min() >= short.since - 60


def test_staging_twice_leaves_the_same(lab: Lab) -> None:
    def found() -> Any:
        group = lab.find("security-group", incident("demo").entry_group) or ""
        rules = lab.client("ec2").describe_security_groups(GroupIds=[group])["SecurityGroups"][0]["IpPermissions"]
        return rules, lab.client("ec2").describe_flow_logs(Filter=lab.tag_filters())["FlowLogs"]

    stage(lab)
    once = found()
    stage(lab)
    assert found() == once
    assert "0.0.0.0/0" in str(once[0])
    lab.catch_up("15")
    assert "0.0.0.0/0" not in str(found()[0])


def test_an_account_gets_no_incident(lab: Lab) -> None:
    with pytest.raises(LabError, match="sandbox only"):
        AwsConnection.put_day(lab._access, "/x/incident", {}, {}, "x")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("entry", "points"),
    [
        (ExerciseProgress("done"), 10),
        (ExerciseProgress("done", hints=2), 6),
        (ExerciseProgress("done", tries=2), 10),
        (ExerciseProgress("done", tries=3), 9),
        (ExerciseProgress("done", hints=3, tries=20), 0),
        (ExerciseProgress("done", solution=True), 0),
        (ExerciseProgress("not yet", tries=1), 0),
    ],
)
def test_a_milestone_has_ten_points_less_hints_and_guesses(entry: ExerciseProgress, points: int) -> None:
    assert score(entry) == points


def test_the_score_sheet_adds_up_and_leaves_out_what_the_night_shift_did(tmp_path: Path) -> None:
    notes = ProgressFile(tmp_path / "progress.json")
    notes.looked("15.1", "done")
    notes.hinted("15.2", 3)
    notes.looked("15.2", "done")
    assert "**18 of 80 points**" in str(score_sheet(60, notes))
    short = str(score_sheet(45, notes))
    assert "**18 of 60 points**" in short
    assert re.findall(r"15\.\d", short) == ["15.1", "15.2", "15.5", "15.6", "15.7", "15.8"]


def test_the_milestones_follow_each_other_in_time() -> None:
    truth = Truth(incident("demo"), START)
    moments = [truth.opened[0], truth.login[0], truth.silence]
    assert all(one < other for one, other in pairwise(moments))


@pytest.mark.parametrize(
    ("ranges", "key"),
    [
        ({"IpRanges": [{"CidrIp": "198.51.100.0/24"}]}, "rule-open"),
        ({"IpRanges": [{"CidrIp": "0.0.0.0/1"}]}, "rule-open"),
        ({"Ipv6Ranges": [{"CidrIpv6": "::/0"}]}, "rule-open"),
        ({"IpRanges": [{"CidrIp": "203.0.113.0/24"}]}, "rule-open"),
        ({"IpRanges": [{"CidrIp": "10.1.0.0/24"}]}, "no-record"),
        ({"IpRanges": [{"CidrIp": "203.0.113.5/32"}]}, "no-record"),
    ],
    ids=str,
)
def test_a_smaller_hole_is_a_hole(names: dict[str, Any], lab: Lab, ranges: dict[str, Any], key: str) -> None:
    ec2, entry = lab.client("ec2"), incident("demo")
    names["culprit"] = {"instance": entry.path[0], "proof": "CloudTrail"}
    permission = {"IpProtocol": "tcp", "FromPort": 20, "ToPort": 30, **ranges}
    group = lab.find("security-group", entry.entry_group)
    ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[permission])
    said = checking(names).check("15.8")
    ec2.revoke_security_group_ingress(GroupId=group, IpPermissions=[permission])
    assert (said.outcome, said.key) == ("not yet", key), said


def test_a_stopped_machine_is_lost_evidence(names: dict[str, Any], lab: Lab) -> None:
    entry = incident("demo").path[0]
    names["culprit"] = {"instance": entry, "proof": "cloud trail"}
    lab.client("ec2").stop_instances(InstanceIds=[lab.find("instance", entry) or ""])
    said = checking(names).check("15.8")
    assert (said.key, said.outcome) == ("stopped", "not yet")
    lab.catch_up("15")


def test_the_teardown_takes_the_incident_along(lab: Lab) -> None:
    other = open_lab(prefix="gone")
    other.load_incident()

    def groups() -> list[str]:
        return [one["logGroupName"] for one in lab.client("logs").describe_log_groups()["logGroups"]]

    assert "/gone/incident" in groups()
    other.teardown.run()
    assert "/gone/incident" not in groups()
