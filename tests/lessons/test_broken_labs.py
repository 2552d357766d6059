"""Broken labs: green before, red when broken, green when repaired, red after the common wrong repair, and put back."""

import json
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from helpers.__main__ import main
from helpers.lab import Lab, LabError, open_lab
from helpers.lab.snapshot import snapshot
from helpers.lessons import Complaint, LessonError, broken, broken_labs, disturb, drift, stage
from helpers.lessons.account_view import AccountView
from helpers.lessons.broken_lab import Broken, put_back
from helpers.lessons.content import broken_labs as labs
from helpers.lessons.content import common
from helpers.lessons.debrief import picture_of
from helpers.lessons.hidden_test import judged
from helpers.lessons.progress import ProgressFile
from tests.support.cases import all_cases, sampled
from tests.support.homes import served_lab_after
from tests.support.served import ServedHome


class Noted(Lab):
    """A lab of which there are notes, and an id of its VPC or none, and nothing else."""

    def __init__(self, path: Path, vpc: str | None, real: bool = False) -> None:
        self._path, self._vpc, self._real, self.prefix, self.region = path, vpc, real, "demo", "us-east-1"
        self._access: Any = SimpleNamespace(real=real)

    def notes(self, topic: str) -> Path:
        return self._path

    def find(self, kind: str, short: str) -> str | None:
        return self._vpc


NUMBERS = list(labs())
MOMENTS = {"CreationTime", "creationTime", "CreateTime", "ClientToken", "ExpirationTime"}


@pytest.fixture(scope="module")
def account(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Lab, ServedHome]]:
    with served_lab_after("04", tmp_path_factory.mktemp("broken") / "home") as found:
        yield found
        put_back(found[0])


def contents(lab: Lab) -> list[str]:
    """What the lab consists of, whatever ids its peering and its flow logs have now."""
    new = [lab.find("vpc-peering-connection", "a-b"), lab.find("vpc-flow-log", "flow-log-b")]
    texts = []
    for (kind, key), text in snapshot(lab).items():
        whole = f"{kind} {key} {json.dumps(_without_moments(json.loads(text)), sort_keys=True)}"
        for number, id_ in enumerate(new):
            whole = whole.replace(str(id_), f"id {number}")
        texts.append(whole)
    return sorted(texts)


def _without_moments(item: Any) -> Any:
    if isinstance(item, dict):
        return {key: _without_moments(value) for key, value in item.items() if key not in MOMENTS}
    return sorted((_without_moments(one) for one in item), key=repr) if isinstance(item, list) else item


def type_in(lab: Lab, source: str) -> None:
    """A cell, with the names that a notebook has before it: the lab, the parameters, and what its setup imports."""
    exec(source, {"lab": lab, "prefix": lab.prefix, "region": lab.region, "broken": broken, "case": None})


def outcome(lab: Lab, number: str) -> tuple[str, str]:
    result = judged(AccountView(lab), number)
    return result.outcome, result.key


def walk(lab: Lab, served: ServedHome, number: str) -> None:
    """The whole bar of one lab, which is left as it was."""
    lab.catch_up("05")
    whole = contents(lab)
    case = broken(lab, number)
    assert contents(lab) != whole, "nothing is broken"
    assert outcome(lab, number) == ("not yet", "still")
    with served.put_back():
        type_in(lab, labs()[number].solution.partition("\n")[2])
        assert outcome(lab, number) == ("done", "done")
        found = Broken.now(lab)
        assert found is not None
        assert picture_of(lab, found).alt
        if all_cases():
            assert case.reset() == common()["put-back"]
            assert contents(lab) == whole
    for wrong in labs()[number].wrong[1:]:
        with served.put_back():
            type_in(lab, wrong.source.partition("\n")[2])
            assert outcome(lab, number) == ("not yet", wrong.says), wrong.source
    wrong = labs()[number].wrong[0]
    type_in(lab, wrong.source.partition("\n")[2])
    assert outcome(lab, number) == ("not yet", wrong.says), wrong.source
    assert case.reset() == common()["put-back"]
    assert contents(lab) == whole
    assert outcome(lab, number) == ("not attempted", "not-broken")


@pytest.mark.parametrize("number", sampled(NUMBERS, 1))
def test_a_lab_is_red_when_broken_green_when_repaired_and_put_back(
    account: tuple[Lab, ServedHome], number: str
) -> None:
    lab, _ = account
    whole = contents(lab)
    case = broken(lab, number)
    assert outcome(lab, number) == ("not yet", "still")
    type_in(lab, labs()[number].solution.partition("\n")[2])
    assert outcome(lab, number) == ("done", "done")
    assert case.reset() == common()["put-back"]
    assert contents(lab) == whole


@pytest.mark.long
@pytest.mark.parametrize("number", sampled(NUMBERS, 4))
def test_a_lab_is_red_until_it_is_repaired_and_nothing_else_is_opened(
    account: tuple[Lab, ServedHome], number: str
) -> None:
    walk(*account, number)


@pytest.mark.long
def test_a_mystery_keeps_its_number_until_it_is_solved(
    account: tuple[Lab, ServedHome], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    lab, _ = account
    lab.catch_up("05")
    whole = contents(lab)
    monkeypatch.setattr(random, "choice", lambda _: "14.16")
    home = str(lab.notes("broken").parents[1])
    assert main(["break", "mystery", "--home", home]) == 0
    said = capsys.readouterr().out
    assert main(["start-at", "08", "--home", home]) == 3
    assert "so nothing was built or repaired" in capsys.readouterr().err
    case = broken(lab)  # what somebody else has broken
    told = [said, str(case), str(case.check()), str(case.hint()), str(case.debrief())]
    told.append(lab.notes("broken").read_text("utf-8"))
    assert [text for text in told if "14.16" in text or labs()["14.16"].title in text] == []
    assert case.check().id == "mystery"
    spoils: list[Callable[[], object]] = [lambda: disturb(lab, "08.4"), lambda: drift(lab, "13.2"), lambda: stage(lab)]
    for spoil in spoils:
        with pytest.raises(LessonError, match="A broken lab of notebook 14 is open"):
            spoil()
    again = broken(lab, "14.16")  # starts afresh
    type_in(lab, labs()["14.16"].solution.partition("\n")[2])
    assert again.check().outcome == "done"
    assert str(again.debrief()) == labs()["14.16"].explanation
    assert "✓ done" in str(broken_labs(lab))
    assert main(["reset", "--home", home]) == 0
    assert "put back to what it was" in capsys.readouterr().out
    assert contents(lab) == whole
    assert case.reset() == common()["nothing-broken"]


@pytest.mark.long
def test_one_lab_in_two_prefixes_at_once(account: tuple[Lab, ServedHome]) -> None:
    ann, bob, number = account[0], open_lab(prefix="bob"), "14.05"
    wholes = []
    for lab in (ann, bob):
        lab.catch_up("05")
        wholes.append(contents(lab))
    cases = [broken(lab, number) for lab in (ann, bob)]
    type_in(bob, labs()[number].solution.partition("\n")[2])
    assert [outcome(lab, number) for lab in (ann, bob)] == [("not yet", "still"), ("done", "done")]
    cases[0].reset()
    assert outcome(bob, number) == ("done", "done")
    cases[1].reset()
    assert [contents(lab) for lab in (ann, bob)] == wholes
    cases = [broken(ann, "14.16"), broken(bob, "14.05")]
    assert put_back(ann) == "14.16"
    assert outcome(bob, "14.05") == ("not yet", "still")
    assert contents(ann) == wholes[0]
    assert cases[1].reset() == common()["put-back"]
    assert [contents(lab) for lab in (ann, bob)] == wholes


def test_a_number_that_there_is_not_is_refused() -> None:
    for number in ("14.99", "08.1", "everything"):
        with pytest.raises(LessonError, match=r"no broken lab .*; there are 14\.01"):
            broken(SimpleNamespace(), number)  # type: ignore[arg-type]


def test_what_was_broken_in_a_lab_that_is_gone_is_forgotten(tmp_path: Path) -> None:
    path = tmp_path / "broken" / "us-east-1-demo.json"
    lab = Noted(path, "vpc-old")
    Broken("14.05", False, Complaint("It hangs.", "", "", 0), {}, {"watched": ["vpc-old"]}, {}).save(lab)
    found = Broken.now(lab)
    assert found is not None and found.id == "14.05"
    for built_anew in (Noted(path, "vpc-new"), Noted(path, None)):
        Broken("14.05", False, Complaint("It hangs.", "", "", 0), {}, {"watched": ["vpc-old"]}, {}).save(lab)
        assert Broken.now(built_anew) is None
        assert put_back(built_anew) == ""
        assert not path.exists()


@pytest.mark.parametrize("text", ["", "{", '{"id": "MTQ'])
@pytest.mark.parametrize(("real", "way"), [(False, "helpers reset --to 14"), (True, "teardown --prefix demo")])
def test_half_a_file_of_notes_is_a_sentence_with_the_way_out(tmp_path: Path, text: str, real: bool, way: str) -> None:
    path = tmp_path / "us-east-1-demo.json"
    path.write_text(text, "utf-8")
    lab = Noted(path, "vpc-old", real)
    for asked in (lambda: Broken.now(lab), lambda: put_back(lab), lambda: lab.catch_up("14")):
        with pytest.raises(LabError, match=rf"cannot be read\. Begin again with `python -m .*{way}"):
            asked()


def test_nothing_broken_and_no_number_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(LessonError, match="Nothing is broken in this lab now"):
        broken(Noted(tmp_path / "us-east-1-demo.json", "vpc-old"))


@pytest.mark.long
@pytest.mark.parametrize("number", sampled(["14.07", "14.16", "14.01"], 1))
def test_catching_up_leaves_what_is_broken_to_the_learner(account: tuple[Lab, ServedHome], number: str) -> None:
    lab, _ = account
    case = broken(lab, number)
    was = contents(lab)
    for notebook in sampled(["14", "08", "05"], 1):
        done = lab.catch_up(notebook)
        assert "so nothing was built or repaired" in str(done) and str(done) in done._repr_html_()
    assert contents(lab) == was
    assert outcome(lab, number) == ("not yet", "still")
    case.reset()
    assert str(lab.catch_up("14")) != str(done)


@pytest.mark.long
def test_a_break_that_stopped_half_way_is_put_back_or_done_again(
    account: tuple[Lab, ServedHome], monkeypatch: pytest.MonkeyPatch
) -> None:
    lab, _ = account
    lab.catch_up("05")
    whole = contents(lab)
    wait = Lab.wait_until

    def interrupted(self: Lab, condition: Any, timeout: Any, what: str) -> Any:
        if what == "minute without old packets":
            raise KeyboardInterrupt
        return wait(self, condition, timeout, what)

    def stop(number: str) -> None:
        with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
            patch.setattr(Lab, "wait_until", interrupted)
            patch.setattr(random, "choice", lambda _: "14.07")
            broken(lab, number)

    stop("14.03")  # makes a role
    assert put_back(lab) == "14.03"
    assert contents(lab) == whole
    stop("mystery")
    case = broken(lab)
    assert case.since > 0 and str(case).startswith(common()["mystery"])
    type_in(lab, labs()["14.07"].solution.partition("\n")[2])
    assert case.check().outcome == "done"
    case.reset()
    assert contents(lab) == whole


@pytest.mark.long
def test_who_comes_back_to_a_lab_begins_afresh(account: tuple[Lab, ServedHome]) -> None:
    lab, _ = account
    ProgressFile().looked("14.07", "done")
    for _ in range(3):
        ProgressFile().hinted("14.07", 3)
    old, case = broken(lab, "14.16"), broken(lab, "14.07")
    assert [str(case.hint()).count(f"Hint {number} of 3") for number in (1, 2, 3, 3)] == [1] * 4
    assert str(case.debrief()) == common()["debrief-later"]
    assert old.reset() == common()["another-broken"]
    assert outcome(lab, "14.07") == ("not yet", "still")
    case.solution()
    assert str(case.debrief()) == labs()["14.07"].explanation
    assert case.reset() == common()["put-back"]


@pytest.mark.long
def test_the_table_does_not_tell_an_open_mystery(
    account: tuple[Lab, ServedHome], monkeypatch: pytest.MonkeyPatch
) -> None:
    lab, _ = account
    monkeypatch.setattr(random, "choice", lambda _: "14.07")
    case = broken(lab, "mystery")
    case.check()
    told = str(broken_labs(lab))
    words = [" ".join(each.messages["complaint"].split()) for each in labs().values()]
    assert [text for text in (*words, "not yet", "done") if text in told] == []
    assert all(number in told for number in labs())
    case.solution()
    assert all(text in str(broken_labs(lab)) for text in words)
    case.reset()


@pytest.mark.long
def test_groups_of_an_interface_and_rules_of_ones_own_are_put_back(
    account: tuple[Lab, ServedHome], capsys: pytest.CaptureFixture[str]
) -> None:
    lab, _ = account
    lab.catch_up("05")
    whole, ec2 = contents(lab), lab.client("ec2")
    group = lab.find("security-group", "sg-public-b")
    assert group is not None
    everything = [{"IpProtocol": "tcp", "FromPort": 8443, "ToPort": 8443, "IpRanges": [{"CidrIp": "10.9.0.0/24"}]}]
    ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=everything)
    capsys.readouterr()
    case = broken(lab, "14.07")
    assert "Before the break your network was put back as notebook 01 builds it: rule" in capsys.readouterr().out
    private = lab.find("security-group", "sg-private-b")
    for name, other in (("web-b", private), ("db-b", group)):
        ec2.modify_instance_attribute(InstanceId=lab.find("instance", name), Groups=[other])
    assert contents(lab) != whole
    case.reset()
    assert contents(lab) == whole


def groups_of(lab: Lab, instance: str) -> list[str]:
    named = {"InstanceIds": [lab.find("instance", instance)]}
    shown = lab.client("ec2").describe_instances(**named)["Reservations"][0]["Instances"][0]
    return sorted(group["GroupName"] for group in shown["SecurityGroups"])


@pytest.mark.long
def test_groups_that_were_other_ones_before_the_break_are_put_back(account: tuple[Lab, ServedHome]) -> None:
    lab, served = account
    public, private = (lab.find("security-group", name) for name in ("sg-public-a", "sg-private-a"))
    change = lab.client("ec2").modify_instance_attribute
    with served.put_back():
        change(InstanceId=lab.find("instance", "client-a"), Groups=[public, private])
        case = broken(lab, "14.07")
        change(InstanceId=lab.find("instance", "client-a"), Groups=[private])
        case.reset()
        assert groups_of(lab, "client-a") == ["demo-sg-private-a", "demo-sg-public-a"]


@pytest.mark.long
def test_a_group_that_was_deleted_since_the_break_has_its_interface_again(account: tuple[Lab, ServedHome]) -> None:
    lab, served = account
    ec2 = lab.client("ec2")
    with served.put_back():
        case = broken(lab, "14.07")
        private = lab.find("security-group", "sg-private-a")
        ec2.modify_instance_attribute(InstanceId=lab.find("instance", "client-a"), Groups=[private])
        ec2.delete_security_group(GroupId=lab.find("security-group", "sg-public-a"))
        case.reset()
        assert groups_of(lab, "client-a") == ["demo-sg-public-a"]


@pytest.mark.long
def test_putting_back_after_a_clean_up_builds_nothing(account: tuple[Lab, ServedHome]) -> None:
    lab, served = account
    with served.put_back():
        case = broken(lab, "14.05")
        lab.teardown.run()
        assert not lab.notes("broken").exists()
        assert case.reset() == common()["nothing-broken"]
        assert lab.find("vpc", "vpc-a") is None and lab.find("instance", "web-b") is None
